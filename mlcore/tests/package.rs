//! Packages of models, locks and bundles: what comes back, and what is refused.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;

use mlcore::Error;
use mlcore::artifact::{
    ArtifactStore, ArtifactStoreExt, Digest, MemoryStore, Package, PackageFile, PackagePath,
};
use mlcore::batch::{Batch, Tensor};
use mlcore::name::{Alias, ModelName, Version};
use mlcore::package::{Ask, Bundle, GoldenVectors, Lock, ModelPackage, PartRole};
use mlcore::registry::{Change, Expected, MemoryRegistry, NewVersion, Registry, RegistryExt, Stage};
use mlcore::runner::{FunctionRunner, Runner};
use mlcore::schema::{DType, Field, Schema, Signature};
use mlcore::time::Timestamp;

fn name() -> ModelName {
    ModelName::new("churn").unwrap()
}

fn signature() -> Signature {
    let column = |name: &str| Schema::new([Field::column(name, DType::Float64)]).unwrap();
    Signature::new(column("x"), column("y"))
}

fn times(factor: f64) -> impl Runner {
    FunctionRunner::new(signature(), move |inputs| {
        let answers = inputs.tensor("x")?.values::<f64>()?.iter().map(|x| factor * x);
        Ok(Batch::single("y", Tensor::column(answers.collect())))
    })
}

fn golden() -> GoldenVectors {
    GoldenVectors::record(&times(2.0), [Batch::single("x", Tensor::column(vec![1.0, -3.5]))]).unwrap()
}

/// A package of a model of two files, with everything that one may have.
fn package(artifacts: &MemoryStore) -> ModelPackage {
    let file = |bytes: &[u8]| PackageFile::new(artifacts.put_bytes(bytes).unwrap(), bytes.len() as u64);
    let files = [("model.onnx", file(b"a graph")), ("weights/one.bin", file(b"its weights"))];
    let files = files.map(|(path, file)| (PackagePath::new(path).unwrap(), file));
    let model = artifacts.put_bytes(&Package::new(files.into()).unwrap().to_json().unwrap()).unwrap();
    ModelPackage::builder(name(), signature(), artifacts)
        .model("onnx-package", model)
        .and_then(|builder| builder.plan(Digest::of(b"what it does"), b"a plan"))
        .and_then(|builder| builder.monitor(b"a reference"))
        .and_then(|builder| builder.golden(&golden()))
        .and_then(|builder| builder.card("# Churn\n"))
        .and_then(|builder| builder.build())
        .unwrap()
}

/// Every file below a folder with its bytes.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    let mut left = vec![folder.to_owned()];
    while let Some(next) = left.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                left.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().display().to_string();
                found.push((name, fs::read(path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

#[test]
fn a_package_comes_back_whole_and_is_the_same_to_the_byte() {
    let place = tempfile::tempdir().unwrap();
    let (made, taken) = (MemoryStore::new(), MemoryStore::new());
    let package = package(&made);
    let [one, two] = ["one", "two"].map(|name| place.path().join(name));
    package.write(&made, &one).unwrap();
    let imported = ModelPackage::import(&one, &taken).unwrap();
    assert_eq!(imported, package);
    imported.write(&taken, &two).unwrap();
    assert_eq!(files(&one), files(&two));
    assert_eq!(files(&one).len(), 8);
    assert_eq!(package.write(&made, &one).unwrap_err().kind(), "already_exists");

    assert_eq!(taken.read(&imported.part(PartRole::Plan).unwrap()).unwrap(), b"a plan");
    assert_eq!(taken.package(&imported.artifact()).unwrap().files().len(), 2);
    imported.golden(&taken).unwrap().unwrap().check(&times(2.0)).unwrap();
    let error = imported.golden(&taken).unwrap().unwrap().check(&times(2.001)).unwrap_err();
    assert!(matches!(error, Error::InvalidModel(_)) && error.to_string().contains("\"y\""), "{error}");
    // Registered, it is a version that an endpoint loads.
    let registry = MemoryRegistry::new();
    let version = registry.register(&taken, imported.new_version(), &change()).unwrap();
    assert_eq!(version.lineage.plan_digest(), Some(Digest::of(b"what it does")));
    assert_eq!(
        (version.lineage.monitor, version.format.as_str()),
        (imported.part(PartRole::Monitor), "onnx-package")
    );
    assert_eq!(version.tags.len(), 2);
}

/// Refused, whatever was done to the directory.
#[test]
fn a_directory_that_is_not_what_its_manifest_says_is_refused() {
    type Attack = fn(&Path);
    let manifest = |folder: &Path, change: &dyn Fn(String) -> String| {
        let path = folder.join("mlcore-model.json");
        let text = fs::read_to_string(&path).unwrap();
        let changed = change(text.clone());
        assert_ne!(changed, text, "the attack changes something");
        fs::remove_file(&path).unwrap();
        fs::write(path, changed).unwrap();
    };
    let attacks: [(&str, Attack); 12] = [
        ("the manifest names this file", |folder| fs::remove_file(folder.join("plan.json")).unwrap()),
        ("does not name this file", |folder| fs::write(folder.join("more.bin"), "x").unwrap()),
        ("does not name this file", |folder| fs::write(folder.join("model/Model.onnx"), "x").unwrap()),
        ("another digest", |folder| replace(&folder.join("model/weights/one.bin"), b"its weightz")),
        ("bytes", |folder| replace(&folder.join("card.md"), &[b'#'; 10_000])),
        ("another digest", |folder| replace(&folder.join("plan.json"), b"a pla")),
        ("", |folder| fs::remove_file(folder.join("mlcore-model.json")).unwrap()),
        ("", |folder| replace(&folder.join("mlcore-model.json"), b"{}")),
        ("another digest", |folder| replace(&folder.join("golden.json"), b"")),
        ("", |folder| {
            fs::create_dir(folder.join("plan.json.d"))
                .and_then(|()| fs::write(folder.join("plan.json.d/a"), "x"))
                .unwrap();
        }),
        ("symbolic link", |folder| link(folder, "card.md")),
        ("symbolic link", |folder| link(folder, "mlcore-model.json")),
    ];
    for (place, (words, attack)) in attacks.into_iter().enumerate() {
        let error = attacked(attack);
        assert!(["corrupt", "invalid_input", "not_found"].contains(&error.kind()), "{place}: {error}");
        assert!(error.to_string().contains(words), "{place}: {error} says {words}");
    }
    for (from, to) in [
        ("\"plan.json\"", "\"../plan.json\""),
        ("\"plan.json\"", "\"/etc/passwd\""),
        ("\"plan.json\"", "\"PLAN.json\""),
        ("\"plan.json\"", "\"Card.md\""),
        ("\"plan.json\"", "\"model/plan.json\""),
        ("\"plan.json\"", "\"mlcore-model.json\""),
        ("\"plan.json\"", "\"CON\""),
        ("\"role\": \"plan\"", "\"role\": \"card\""),
        ("\"role\": \"plan\"", "\"role\": \"pickle\""),
        ("\"mlcore_model\": 1", "\"mlcore_model\": 2"),
        ("\"name\": \"churn\"", "\"name\": \"../churn\""),
        ("\"format\": \"onnx-package\"", "\"format\": \"onnx\""),
        ("\"plan_hash\"", "\"plan_hush\""),
        ("\"size\": 6", "\"size\": 5"),
    ] {
        let (place, store) = (tempfile::tempdir().unwrap(), MemoryStore::new());
        let folder = place.path().join("package");
        package(&store).write(&store, &folder).unwrap();
        manifest(&folder, &|text| text.replacen(from, to, 1));
        assert!(ModelPackage::import(&folder, &MemoryStore::new()).is_err(), "{from} as {to}");
    }
}

fn attacked(attack: impl Fn(&Path)) -> Error {
    let (place, store) = (tempfile::tempdir().unwrap(), MemoryStore::new());
    let folder = place.path().join("package");
    package(&store).write(&store, &folder).unwrap();
    attack(&folder);
    ModelPackage::import(&folder, &MemoryStore::new()).unwrap_err()
}

fn replace(path: &Path, bytes: &[u8]) {
    fs::remove_file(path).unwrap();
    fs::write(path, bytes).unwrap();
}

/// The same bytes, by way of a link.
fn link(folder: &Path, name: &str) {
    let elsewhere = folder.with_extension("elsewhere");
    fs::rename(folder.join(name), &elsewhere).unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink(elsewhere, folder.join(name)).unwrap();
}

#[cfg(feature = "signatures")]
#[test]
fn a_signed_package_is_verified_before_anything_of_it_is_believed() {
    use mlcore::artifact::{KeyRing, SigningKey, TrustedKey, VerifyPolicy};

    let key = SigningKey::from_pem(
        "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n-----END PRIVATE KEY-----",
    )
    .unwrap();
    let ring =
        KeyRing::new([TrustedKey::new(key.public_key(), "release team").with_models(["churn"])]).unwrap();
    let policy = VerifyPolicy::demand(ring, Timestamp::default);
    let (place, store) = (tempfile::tempdir().unwrap(), MemoryStore::new());
    let folder = place.path().join("package");
    let package = package(&store);
    package.write(&store, &folder).unwrap();
    let import = || ModelPackage::import_signed(&folder, &MemoryStore::new(), &policy);
    let error = import().unwrap_err();
    assert!(
        matches!(error, Error::PermissionDenied(_)) && error.to_string().contains("not signed"),
        "{error}"
    );
    package.sign(&folder, &key, "ana", Timestamp::default()).unwrap();
    let (imported, verified) = import().unwrap();
    assert_eq!((imported, verified.owner.as_str()), (package, "release team"));
    assert!(ModelPackage::import(&folder, &MemoryStore::new()).is_ok(), "the signature is no unknown file");
    // Another manifest with everything that it names: consistent, and not what was signed.
    let path = folder.join("mlcore-model.json");
    let text = fs::read_to_string(&path).unwrap();
    fs::remove_file(&path).unwrap();
    fs::write(&path, format!("{text}\n")).unwrap();
    let error = import().unwrap_err();
    assert!(matches!(error, Error::Corrupt(_)) && error.to_string().contains("another package"), "{error}");
}

fn change() -> Change {
    Change::new("ana", Timestamp::from_millis(1_000))
}

fn alias(text: &str) -> Alias {
    Alias::new(text).unwrap()
}

/// A registry with two models; of one of them three versions, the second in production.
fn registered(artifacts: &MemoryStore) -> MemoryRegistry {
    let registry = MemoryRegistry::new();
    let new = package(artifacts).new_version();
    for tag in ["a", "b", "c"] {
        registry
            .register(artifacts, new.clone().with_tag("which", tag).with_metric("auc", 0.5), &change())
            .unwrap();
    }
    let second = Version::new(2).unwrap();
    registry.transition(&name(), second, Stage::Dev, Stage::Staging, &change()).unwrap();
    registry.promote(&name(), second, &alias("champion"), Expected::Absent, &change()).unwrap();
    registry
        .set_alias(&name(), &alias("challenger"), Some(Version::new(3).unwrap()), Expected::Absent, &change())
        .unwrap();
    let other = NewVersion::new(
        ModelName::new("other").unwrap(),
        artifacts.put_bytes(b"other").unwrap(),
        signature(),
    );
    registry.register(artifacts, other, &change()).unwrap();
    registry
}

#[test]
fn a_lock_fixes_what_names_mean_and_tells_what_is_another_by_now() {
    let artifacts = MemoryStore::new();
    let registry = registered(&artifacts);
    let asks = [Ask::Model(name()), Ask::Version(ModelName::new("other").unwrap(), Version::FIRST)];
    let lock = Lock::resolve(&registry, &asks, Timestamp::from_millis(5)).unwrap();
    assert_eq!(Lock::from_json(&lock.to_json().unwrap()).unwrap(), lock);
    assert_eq!(lock.alias(&name(), &alias("champion")).unwrap().version.get(), 2);
    assert_eq!(lock.to_string(), "churn@challenger: version 3\nchurn@champion: version 2\n");
    assert!(lock.version(&name(), Version::FIRST).is_err(), "no alias means it");
    let restored = lock.registry().unwrap();
    assert_eq!(restored.aliases(&name()).unwrap(), registry.aliases(&name()).unwrap());
    let (one, other) = (
        registry.version(&name(), Version::new(2).unwrap()),
        restored.version(&name(), Version::new(2).unwrap()),
    );
    let (one, other) = (one.unwrap(), other.unwrap());
    assert_eq!((one.stage, &one.tags, &one.metrics), (other.stage, &other.tags, &other.metrics));
    // What moves is not what was locked.
    registry
        .set_alias(&name(), &alias("challenger"), Some(Version::FIRST), Expected::Any, &change())
        .unwrap();
    lock.check(&registry).unwrap();
    for (ask, kind) in [
        (Ask::Alias(name(), alias("nobody")), "not_found"),
        (Ask::Version(name(), Version::new(9).unwrap()), "not_found"),
        (Ask::Model(ModelName::new("other").unwrap()), "invalid_input"),
        (Ask::Model(ModelName::new("nothing").unwrap()), "not_found"),
    ] {
        assert_eq!(Lock::resolve(&registry, &[ask], Timestamp::default()).unwrap_err().kind(), kind);
    }
    // A version that somebody made anew under its number, in another registry.
    let forged = MemoryRegistry::new();
    for bytes in [b"1", b"2", b"3"] {
        let new = NewVersion::new(name(), artifacts.put_bytes(bytes).unwrap(), signature());
        forged.register(&artifacts, new.with_format("onnx-package"), &change()).unwrap();
    }
    let error = lock.check(&forged).unwrap_err();
    assert!(
        matches!(error, Error::Corrupt(_)) && error.to_string().contains("its artifact is another"),
        "{error}"
    );
}

#[test]
fn damaged_locks_are_refused() {
    let artifacts = MemoryStore::new();
    let lock = Lock::resolve(&registered(&artifacts), &[Ask::Model(name())], Timestamp::default()).unwrap();
    let text = String::from_utf8(lock.to_json().unwrap()).unwrap();
    for (from, to) in [
        ("\"mlcore_lock\": 1", "\"mlcore_lock\": 2"),
        ("\"champion\": 2", "\"champion\": 1"),
        ("\"model\": \"churn\"", "\"model\": \"other\""),
        ("\"version\": 3", "\"version\": 1"),
        ("\"resolved_at\"", "\"resolved\""),
        ("sha256:", "sha512:"),
    ] {
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text, "{from}");
        assert!(Lock::from_json(changed.as_bytes()).is_err(), "{from} as {to}");
    }
    for bomb in ["[".repeat(100_000), String::new(), "null".to_owned()] {
        assert_eq!(Lock::from_json(bomb.as_bytes()).unwrap_err().kind(), "invalid_input");
    }
}

#[test]
fn a_bundle_opens_without_a_registry_and_refuses_what_is_not_its_own() {
    let (place, artifacts) = (tempfile::tempdir().unwrap(), MemoryStore::new());
    let registry = registered(&artifacts);
    let lock = Lock::resolve(&registry, &[Ask::Model(name())], Timestamp::default()).unwrap();
    let folder = place.path().join("bundle");
    Bundle::write(&lock, &artifacts, &folder).unwrap();
    assert_eq!(Bundle::write(&lock, &artifacts, &folder).unwrap_err().kind(), "already_exists");
    let again = place.path().join("again");
    Bundle::write(&lock, &artifacts, &again).unwrap();
    assert_eq!(files(&folder), files(&again), "the same to the byte");
    let bundle = Bundle::open(&folder).unwrap();
    bundle.verify().unwrap();
    assert_eq!(bundle.lock(), &lock);
    let champion = bundle.registry().alias(&name(), &alias("champion")).unwrap().unwrap();
    let version = bundle.registry().version(&name(), champion).unwrap();
    let model = bundle.artifacts().package(&version.artifact).unwrap();
    for file in model.files().values() {
        bundle.artifacts().read(&file.digest).unwrap();
    }
    assert!(!bundle.artifacts().contains(&Digest::of(b"other")).unwrap(), "nothing else is in it");

    bundle.artifacts().put_bytes(b"more").unwrap();
    let error = Bundle::open(&folder).unwrap_err();
    assert!(matches!(error, Error::Corrupt(_)) && error.to_string().contains("does not name"), "{error}");
    bundle.artifacts().delete(&Digest::of(b"more")).unwrap();
    for needed in [version.artifact, version.lineage.monitor.unwrap(), Digest::of(b"its weights")] {
        let bytes = bundle.artifacts().read(&needed).unwrap();
        bundle.artifacts().delete(&needed).unwrap();
        assert_eq!(Bundle::open(&folder).unwrap_err().kind(), "corrupt", "{needed} is missing");
        bundle.artifacts().put_bytes(&bytes).unwrap();
    }
    let hex = Digest::of(b"its weights").to_hex();
    replace(&folder.join("artifacts/sha256").join(&hex[..2]).join(&hex[2..]), b"its weightz");
    let bundle = Bundle::open(&folder).unwrap();
    assert_eq!(bundle.verify().unwrap_err().kind(), "corrupt");
    // What is missing where it is made leaves nothing.
    artifacts.delete(&Digest::of(b"its weights")).unwrap();
    let third = place.path().join("third");
    assert!(Bundle::write(&lock, &artifacts, &third).is_err());
    assert_eq!(fs::read_dir(place.path()).unwrap().count(), 2);
}
