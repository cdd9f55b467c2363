//! Models in a store: whole, or not at all.

use std::collections::BTreeMap;
use std::fs;

use mlcore::Error;
use mlcore::artifact::{ArtifactStoreExt, MemoryStore, Package, PackageFile, PackagePath};
use mlcore::batch::Batch;
use mlcore::runner::ort::{Limits, ONNX, ONNX_PACKAGE, OnnxOptions, OnnxRunner, StoredModel};
use mlcore::runner::{RunOptions, Runner};

use crate::fixtures::{bytes, load, path, sample};
use crate::made::{field, input, model, node, number, output};

fn run(model: &OnnxRunner, inputs: &Batch) -> Batch {
    model.run(inputs, &RunOptions::default()).unwrap()
}

fn loaded(store: &MemoryStore, stored: &StoredModel) -> OnnxRunner {
    let options = OnnxOptions::default();
    OnnxRunner::from_store_with(store, &stored.artifact, stored.format, &options).unwrap()
}

#[test]
fn weights_in_other_files_are_stored_and_loaded_with_the_model() {
    let (store, limits) = (MemoryStore::new(), Limits::default());
    for name in ["external_inside", "external_subfolder"] {
        let file = path(&format!("{name}.onnx"));
        let stored = StoredModel::from_file(&file, &store, &limits).unwrap();
        assert_eq!(stored.format, ONNX_PACKAGE);
        let expected = run(&load(name), &sample(name));
        let model = loaded(&store, &stored);
        assert_eq!(run(&model, &sample(name)), expected);
        assert_eq!(model.signature(), &stored.info.signature);
        assert_eq!(StoredModel::from_package(stored.artifact, &store, &limits).unwrap(), stored);
        let tight = OnnxOptions::default().with_limits(Limits::default().with_max_model_bytes(200));
        let error = OnnxRunner::from_store_with(&store, &stored.artifact, stored.format, &tight).unwrap_err();
        assert!(error.to_string().contains("more bytes than are allowed"), "{error}");
    }
}

#[test]
fn a_single_file_is_stored_as_it_is() {
    let (store, limits) = (MemoryStore::new(), Limits::default());
    let of_file = StoredModel::from_file(&path("rf30.onnx"), &store, &limits).unwrap();
    let of_bytes = StoredModel::from_bytes(&bytes("rf30"), &store, &limits).unwrap();
    assert_eq!((of_file.format, &of_file), (ONNX, &of_bytes));
    assert_eq!(run(&loaded(&store, &of_file), &sample("rf30")), run(&load("rf30"), &sample("rf30")));
    let other = OnnxRunner::from_store_with(&store, &of_file.artifact, "text", &OnnxOptions::default());
    assert!(matches!(other.unwrap_err(), Error::Unsupported(_)));
}

#[test]
fn what_cannot_be_loaded_is_not_stored_as_a_model() {
    let (store, limits) = (MemoryStore::new(), Limits::default());
    let told = |outcome: mlcore::Result<StoredModel>| {
        let error = outcome.unwrap_err();
        assert!(matches!(error, Error::InvalidModel(_)), "{}: {error}", error.kind());
        error.to_string()
    };
    let of_bytes = told(StoredModel::from_bytes(&bytes("external_inside"), &store, &limits));
    assert!(of_bytes.contains("pass its file instead of its bytes"), "{of_bytes}");
    for (name, expected) in [
        ("external_missing", "cannot be read"),
        ("external_parent", "leaves its folder"),
        ("custom_domain", "operators outside the ONNX standard"),
    ] {
        let refused = told(StoredModel::from_file(&path(&format!("{name}.onnx")), &store, &limits));
        assert!(refused.contains(expected), "{refused}");
    }
    // The weights would take the model's own place in the package.
    let folder = tempfile::tempdir().unwrap();
    let data = [field(1, b"location"), field(2, b"model.onnx")].concat();
    let tensor = [number(1, 1), number(2, 1), field(8, b"w"), field(13, &data), number(14, 1)].concat();
    let graph =
        [node("Add", &["x", "w"], &["y"]), input("x", 1, &[-1]), output("y", 1, &[-1]), field(5, &tensor)];
    fs::write(folder.path().join("m.onnx"), model(&graph)).unwrap();
    fs::write(folder.path().join("model.onnx"), 1_f32.to_le_bytes()).unwrap();
    let taken = told(StoredModel::from_file(&folder.path().join("m.onnx"), &store, &limits));
    assert!(taken.contains("have the name of the model in a package"), "{taken}");
}

#[test]
fn a_package_that_lacks_something_is_refused() {
    let (store, limits) = (MemoryStore::new(), Limits::default());
    let whole = StoredModel::from_file(&path("external_inside.onnx"), &store, &limits).unwrap();
    let files = store.package(&whole.artifact).unwrap().files().clone();
    let refused = |files: BTreeMap<PackagePath, PackageFile>, expected: &str| {
        let manifest = store.put_bytes(&Package::new(files).unwrap().to_json().unwrap()).unwrap();
        let error = StoredModel::from_package(manifest, &store, &limits).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
        assert!(
            OnnxRunner::from_store_with(&store, &manifest, ONNX_PACKAGE, &OnnxOptions::default()).is_err()
        );
    };
    let own = PackagePath::new("model.onnx").unwrap();
    let without = |path: &PackagePath| {
        let mut files = files.clone();
        files.remove(path);
        files
    };
    refused(without(&own), "holds no ONNX file");
    let weights = files.keys().find(|path| **path != own).unwrap();
    refused(without(weights), "are not in the package");
    let gone = PackageFile::new(MemoryStore::new().put_bytes(b"elsewhere").unwrap(), 9);
    let mut lost = files.clone();
    lost.insert(weights.clone(), gone);
    refused(lost, "are not in the artifact store");
    let mut two = without(&own);
    for name in ["a.onnx", "b.onnx"] {
        two.insert(PackagePath::new(name).unwrap(), files[&own]);
    }
    refused(two, "several ONNX files");
}
