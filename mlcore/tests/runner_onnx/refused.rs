//! What must not be loaded, and what the error says.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use mlcore::Error;
use mlcore::batch::{Batch, Tensor};
use mlcore::runner::ort::{Fallback, Limits, OnnxOptions, OnnxRunner, OnnxRuntime, Provider, inspect};
use mlcore::runner::{RunOptions, Runner};

use crate::fixtures::{bytes, path, refusal};
use crate::made::{attribute, field, input, model, node, node_with, number, output, tensor_type, value};

fn refused(model: &[u8]) -> Error {
    refusal(OnnxRunner::from_bytes(model))
}

/// The model is refused as invalid, and the error says this.
fn check(model: &[u8], expected: &str) {
    let error = refused(model);
    assert!(matches!(error, Error::InvalidModel(_)), "{}: {error}", error.kind());
    assert!(error.to_string().contains(expected), "{error}");
}

#[test]
fn files_that_are_no_model_are_named_for_what_they_look_like() {
    check(b"", "it is empty");
    check(b"\x80\x04\x95\x13\0\0\0\0\0\0\0\x8c\x07sklearn", "a pickle is never loaded");
    check(b"PK\x03\x04\x14\0\0\0\x08\0archive/data.pkl", "zip archive");
    check(b"<!DOCTYPE html><html><body>404 Not Found</body></html>", "HTML page");
    check(b"{\"error\": \"no such model\"}", "it is JSON");
    check(&[0x5a; 300], "it is no ONNX model, or a damaged one");
    let whole = bytes("rf30");
    for part in [1, 7, whole.len() / 2, whole.len() - 1] {
        check(&whole[..part], "or a damaged one");
    }
}

#[test]
fn structures_that_no_exporter_writes_are_refused() {
    let graph = [node("Identity", &["x"], &["y"]), input("x", 1, &[-1]), output("y", 1, &[-1])];
    let good = model(&graph);
    assert_eq!(OnnxRunner::from_bytes(&good).unwrap().signature().inputs.len(), 1);
    check(&[good.clone(), field(7, &graph.concat())].concat(), "it holds two graphs");
    check(&good[2..], "it does not say its format's version");
    check(&[number(1, 8), field(8, &number(2, 17))].concat(), "it holds no graph");
    check(&[number(1, 8), field(7, &graph.concat())].concat(), "which operator sets");
    check(&[number(1, 8), field(7, &graph.concat()), field(8, &number(2, -3))].concat(), "operator set -3");
    check(&model(&[graph[0].clone(), input("x", 1, &[-7]), graph[2].clone()]), "a dimension is -7");
    check(&model(&[graph.concat(), input("x", 1, &[-1])]), "the name occurs twice");
    check(&model(&[graph.concat(), input("z", 1, &[1; 33])]), "more than 32 axes");
    // Subgraphs inside subgraphs, as deep as it takes to exhaust a careless reader's stack.
    let mut nested = graph.concat();
    for _ in 0..2_000 {
        nested = field(1, &[field(4, b"If"), field(5, &field(6, &nested))].concat());
    }
    check(&model(&[nested]), "nested more than 32 deep");
}

#[test]
fn what_no_tensor_holds_is_unsupported() {
    let unsupported = |graph: &[Vec<u8>], expected: &str| {
        let error = refused(&model(graph));
        assert!(matches!(error, Error::Unsupported(_)), "{}: {error}", error.kind());
        assert!(error.to_string().contains(expected), "{error}");
    };
    let identity = node("Identity", &["x"], &["y"]);
    unsupported(
        &[identity.clone(), input("x", 14, &[-1]), output("y", 14, &[-1])],
        "elements of ONNX type 14",
    );
    let of = |kind: u64, element: &[u8]| field(kind, &field(1, element));
    let map = field(5, &[number(1, 7), field(2, &tensor_type(1, &[]))].concat());
    for (kind, expected) in [
        (of(4, &map), "output y is a sequence of maps, not a tensor; export it with tensors"),
        (map, "output y is a map, not a tensor"),
        (of(4, &of(4, &tensor_type(1, &[-1]))), "output y is a sequence, not a tensor"),
    ] {
        unsupported(&[identity.clone(), input("x", 1, &[-1]), field(12, &value("y", &kind))], expected);
    }
    let taken = field(11, &value("x", &of(4, &tensor_type(1, &[-1]))));
    unsupported(&[identity, taken, output("y", 1, &[-1])], "input x is a sequence of tensors, not a tensor");
}

#[test]
fn operators_from_elsewhere_are_refused_before_onnx_runtime_sees_them() {
    let custom = bytes("custom_domain");
    check(&custom, "Mystery of \"com.example.unknown\"");
    assert!(inspect(&custom, &Limits::default()).is_err());
    // Allowed, it is for ONNX Runtime to refuse, which has no such operator either.
    let options = OnnxOptions::default().with_limits(Limits::default().with_domain("com.example.unknown"));
    let error = refusal(OnnxRunner::from_bytes_with(&custom, &options));
    assert!(matches!(error, Error::InvalidModel(_)) && error.to_string().contains("ONNX Runtime"), "{error}");
}

/// A function `Y = f(X)` that a model brings along.
fn function(domain: &str, name: &str, nodes: &[Vec<u8>]) -> Vec<u8> {
    let within = |node: &Vec<u8>| {
        let mut node = node.clone();
        // The nodes of a graph are its first field, those of a function its seventh.
        node[0] = 7 << 3 | 2;
        node
    };
    let nodes: Vec<u8> = nodes.iter().flat_map(within).collect();
    let opsets = [field(9, &number(2, 17)), field(9, &[field(1, b"own"), number(2, 1)].concat())].concat();
    let ends = [field(1, name.as_bytes()), field(4, b"X"), field(5, b"Y")].concat();
    field(25, &[ends, nodes, opsets, field(10, domain.as_bytes())].concat())
}

/// A model of one node, an operator of this domain, with functions.
fn calling(domain: &str, operator: &str, functions: &[Vec<u8>]) -> Vec<u8> {
    let call = node_with(operator, &["x"], &["y"], &field(7, domain.as_bytes()));
    let model = model(&[call, input("x", 1, &[-1]), output("y", 1, &[-1])]);
    let opset = field(8, &[field(1, domain.as_bytes()), number(2, 1)].concat());
    [model, opset, functions.concat()].concat()
}

#[test]
fn a_function_does_not_stand_for_a_kernel_of_the_runtime() {
    let twice = |domain| function(domain, "Gelu", &[node("Add", &["X", "X"], &["Y"])]);
    let own = OnnxRunner::from_bytes(&calling("own", "Gelu", &[twice("own")])).unwrap();
    let x = Batch::single("x", Tensor::column(vec![1.5_f32]));
    let answer = own.run(&x, &RunOptions::default()).unwrap();
    assert_eq!(answer.tensor("y").unwrap().values::<f32>().unwrap(), [3.0]);
    for domain in ["com.microsoft", "com.microsoft.nchwc", "com.ms.internal.nhwc"] {
        let decoy = calling(domain, "Gelu", &[twice(domain)]);
        check(&decoy, &format!("operators outside the ONNX standard: Gelu of {domain:?}"));
    }
}

#[test]
fn functions_are_counted_written_out() {
    let in_own =
        |operator: &str, from: &str, to: &str| node_with(operator, &[from], &[to], &field(7, b"own"));
    let mut functions = vec![function("own", "F0", &[node("Add", &["X", "X"], &["Y"])])];
    for depth in 1..20 {
        let below = format!("F{}", depth - 1);
        let nodes = [in_own(&below, "X", "t"), in_own(&below, "t", "Y")];
        functions.push(function("own", &format!("F{depth}"), &nodes));
    }
    check(&calling("own", "F19", &functions), "it has 524288 nodes with its functions written out");
    let itself = function("own", "F0", &[in_own("F0", "X", "Y")]);
    check(&calling("own", "F0", &[itself]), "its function \"F0\" calls itself");
    check(
        &calling("own", "F0", &[functions[0].clone(), functions[0].clone()]),
        "defines the function \"F0\" twice",
    );
}

#[test]
fn trees_that_lead_nowhere_are_refused_before_a_kernel_follows_them() {
    let trees = |on_true: i64, feature: i64| {
        let list = |name: &str, values: &[i64]| {
            let values: Vec<u8> = values.iter().flat_map(|value| number(8, *value)).collect();
            field(5, &[field(1, name.as_bytes()), values, number(20, 7)].concat())
        };
        let mode = |text: &[u8]| field(9, text);
        let modes = [mode(b"BRANCH_LEQ"), mode(b"LEAF"), mode(b"LEAF")].concat();
        let floats = |name: &str, values: &[f32]| {
            let values: Vec<u8> = values
                .iter()
                .flat_map(|value| [vec![7 << 3 | 5], value.to_le_bytes().to_vec()].concat())
                .collect();
            field(5, &[field(1, name.as_bytes()), values, number(20, 6)].concat())
        };
        let attributes = [
            list("nodes_treeids", &[0, 0, 0]),
            list("nodes_nodeids", &[0, 1, 2]),
            list("nodes_truenodeids", &[on_true, 0, 0]),
            list("nodes_falsenodeids", &[2, 0, 0]),
            list("nodes_featureids", &[feature, 0, 0]),
            floats("nodes_values", &[0.5, 0.0, 0.0]),
            field(5, &[field(1, b"nodes_modes"), modes, number(20, 8)].concat()),
            list("target_treeids", &[0, 0]),
            list("target_nodeids", &[1, 2]),
            list("target_ids", &[0, 0]),
            floats("target_weights", &[10.0, 20.0]),
            attribute("n_targets", 1),
            field(7, b"ai.onnx.ml"),
        ];
        let node = node_with("TreeEnsembleRegressor", &["x"], &["y"], &attributes.concat());
        let model = model(&[node, input("x", 1, &[-1, 2]), output("y", 1, &[-1, 1])]);
        [model, field(8, &[field(1, b"ai.onnx.ml"), number(2, 3)].concat())].concat()
    };
    let sound = OnnxRunner::from_bytes(&trees(1, 1)).unwrap();
    let x = Batch::single("x", Tensor::new([2, 2], vec![9.0_f32, 0.0, 9.0, 1.0]).unwrap());
    let answer = sound.run(&x, &RunOptions::default()).unwrap();
    assert_eq!(answer.tensor("y").unwrap().values::<f32>().unwrap(), [10.0, 20.0]);
    check(&trees(1 << 40, 1), "node 0 of tree 0 leads to node 1099511627776, which is not there");
    check(&trees(0, 1), "the nodes of a tree lead in a circle");
    check(&trees(1, 7), "a tree reads feature 7 of \"x\", which has 2");
}

#[test]
fn a_model_from_the_future_is_told_apart() {
    let error = refused(&bytes("opset_999"));
    assert!(matches!(error, Error::InvalidModel(_)), "{error}");
    let told = error.to_string();
    assert!(
        told.contains("it is newer than ONNX Runtime") && told.contains("it is written in ai.onnx 999"),
        "{told}"
    );
    assert!(told.contains("ai.onnx ends at operator set"), "{told}");
    assert!(told.contains("update ONNX Runtime"), "{told}");
}

#[test]
fn weights_outside_the_models_folder_are_refused_and_their_place_is_not_repeated() {
    for (name, expected) in [
        ("external_parent", "leaves its folder"),
        ("external_parent_hidden", "leaves its folder"),
        ("external_absolute", "no path relative to its folder"),
        ("external_memory_address", "an address in memory"),
        ("external_missing", "cannot be read"),
    ] {
        let error = refusal(OnnxRunner::from_file(path(&format!("{name}.onnx"))));
        assert!(matches!(error, Error::InvalidModel(_)), "{name}: {error}");
        let told = error.to_string();
        assert!(told.contains(expected), "{name}: {told}");
        for place in ["/etc", "external_parent.bin", "testdata", env!("CARGO_MANIFEST_DIR")] {
            assert!(!told.contains(place), "{name}: {told}");
        }
    }
    check(&bytes("external_inside"), "pass its file instead");
    for drive in ["C:\\weights.bin", "\\\\server\\share", "a\\..\\..\\b"] {
        let data = [field(1, b"location"), field(2, drive.as_bytes())].concat();
        let tensor = [number(1, 1), number(2, 1), field(8, b"w"), field(13, &data), number(14, 1)].concat();
        let graph = [node("Identity", &["x"], &["y"]), input("x", 1, &[-1]), output("y", 1, &[-1])];
        check(&model(&[graph.concat(), field(5, &tensor)]), "no path relative to its folder");
    }
}

/// A folder with the model `external_inside`, whose weights are put there by `place`.
#[cfg(unix)]
fn with_weights(place: impl FnOnce(&Path, &Path)) -> mlcore::Result<OnnxRunner> {
    let outside = tempfile::tempdir().unwrap();
    let folder = tempfile::tempdir().unwrap();
    fs::copy(path("external_inside.onnx"), folder.path().join("m.onnx")).unwrap();
    let elsewhere = outside.path().join("elsewhere.bin");
    fs::copy(path("external_inside.bin"), &elsewhere).unwrap();
    place(&folder.path().join("external_inside.bin"), &elsewhere);
    OnnxRunner::from_file(folder.path().join("m.onnx"))
}

#[cfg(unix)]
#[test]
fn links_and_special_files_are_no_way_out_of_the_folder() {
    use std::os::unix::fs::symlink;
    let told = |outcome| {
        let error = refusal(outcome);
        assert!(matches!(error, Error::InvalidModel(_)), "{error}");
        assert!(!error.to_string().contains("elsewhere"), "{error}");
        error.to_string()
    };
    with_weights(|own, elsewhere| assert!(fs::copy(elsewhere, own).unwrap() > 0)).unwrap();
    let inside = |own: &Path, elsewhere: &Path| {
        fs::copy(elsewhere, own.with_extension("real")).unwrap();
        symlink(own.with_extension("real"), own).unwrap();
    };
    with_weights(inside).unwrap();
    assert!(
        told(with_weights(|own, elsewhere| symlink(elsewhere, own).unwrap())).contains("a link that leaves")
    );
    assert!(
        told(with_weights(|own, elsewhere| fs::hard_link(elsewhere, own).unwrap())).contains("a hard link")
    );
    assert!(told(with_weights(|own, _| fs::create_dir(own).unwrap())).contains("no regular file"));
    let pipe = |own: &Path, _: &Path| {
        assert!(std::process::Command::new("mkfifo").arg(own).status().unwrap().success());
    };
    assert!(told(with_weights(pipe)).contains("no regular file"));
    assert!(told(with_weights(|own, _| symlink("/dev/zero", own).unwrap())).contains("a link that leaves"));
}

#[test]
fn the_file_itself_is_refused_by_what_it_is() {
    let missing = refusal(OnnxRunner::from_file(path("no_such_model.onnx")));
    assert!(matches!(missing, Error::NotFound(_)), "{missing}");
    assert!(missing.to_string().starts_with("load model no_such_model.onnx: "), "{missing}");
    let folder = refusal(OnnxRunner::from_file(path("weights")));
    assert!(folder.to_string().contains("it is no regular file"), "{folder}");
    if cfg!(unix) {
        let endless = refusal(OnnxRunner::from_file("/dev/zero"));
        assert!(endless.to_string().contains("it is no regular file"), "{endless}");
    }
}

#[test]
fn limits_hold_before_onnx_runtime_sees_the_model() {
    let limited =
        |change: fn(Limits) -> Limits| OnnxOptions::default().with_limits(change(Limits::default()));
    let small = limited(|limits| limits.with_max_model_bytes(1000));
    let error = refusal(OnnxRunner::from_bytes_with(&bytes("mlp30"), &small));
    assert!(
        error.to_string().contains("at most 1000 are allowed; raise the limit max_model_bytes"),
        "{error}"
    );
    let error = refusal(OnnxRunner::from_file_with(path("mlp30.onnx"), &small));
    assert!(matches!(error, Error::InvalidModel(_)) && error.to_string().contains("1000"), "{error}");
    // The model has 196 bytes and its weights 24.
    let tight = limited(|limits| limits.with_max_model_bytes(200));
    let error = refusal(OnnxRunner::from_file_with(path("external_inside.onnx"), &tight));
    assert!(error.to_string().contains("more bytes than are allowed"), "{error}");
    let few = limited(|limits| limits.with_max_nodes(2));
    let error = refusal(OnnxRunner::from_bytes_with(&bytes("columns"), &few));
    assert!(error.to_string().contains("at most 2 are allowed; raise the limit max_nodes"), "{error}");
}

/// A chain of additions: small in bytes, long to load.
fn long_chain(nodes: usize) -> Vec<u8> {
    let names: Vec<String> = (0..=nodes).map(|turn| format!("v{turn}")).collect();
    let mut graph: Vec<Vec<u8>> =
        names.windows(2).map(|pair| node("Add", &[&pair[0], &pair[0]], &[&pair[1]])).collect();
    graph.extend([input(&names[0], 1, &[-1]), output(&names[nodes], 1, &[-1])]);
    model(&graph)
}

#[test]
fn loading_ends_at_its_deadline() {
    let chain = long_chain(40_000);
    let begin = Instant::now();
    let options = OnnxOptions::default().with_load_timeout(Duration::from_millis(20));
    let error = refusal(OnnxRunner::from_bytes_with(&chain, &options));
    assert!(matches!(error, Error::Timeout(_)), "{}: {error}", error.kind());
    assert!(begin.elapsed() < Duration::from_secs(60), "{:?}", begin.elapsed());
}

#[test]
fn cuda_is_had_or_refused_and_the_cpu_takes_over_only_where_that_is_allowed() {
    let cuda = OnnxOptions::default().with_providers([Provider::Cuda { device: 0 }]);
    if OnnxRuntime::load().unwrap().providers().iter().any(|name| name == "CUDAExecutionProvider") {
        // On a machine with the GPU build the same promise reads: it runs there, or loading fails.
        let loaded = OnnxRunner::from_bytes_with(&bytes("mlp30"), &cuda);
        assert!(loaded.is_err() || loaded.unwrap().provider() == "cuda");
        return;
    }
    for fallback in [Fallback::Forbidden, Fallback::Nodes] {
        let error =
            refusal(OnnxRunner::from_bytes_with(&bytes("mlp30"), &cuda.clone().with_fallback(fallback)));
        assert!(matches!(error, Error::Unavailable(_)), "{}: {error}", error.kind());
        let told = error.to_string();
        assert!(told.contains("it cannot run on cuda") && told.contains("CPUExecutionProvider"), "{told}");
        assert!(told.contains("pip install onnxruntime-gpu"), "{told}");
    }
    let allowed = cuda.with_fallback(Fallback::Allowed);
    assert_eq!(OnnxRunner::from_bytes_with(&bytes("mlp30"), &allowed).unwrap().provider(), "cpu");
    let nothing = OnnxOptions::default().with_providers([]);
    assert!(matches!(
        refusal(OnnxRunner::from_bytes_with(&bytes("mlp30"), &nothing)),
        Error::InvalidInput(_)
    ));
}

/// The problem with a library that cannot be used; loading one that can goes on working.
fn library_problem(library: impl AsRef<Path>) -> String {
    let error = OnnxRuntime::load_from(library.as_ref()).unwrap_err();
    assert!(matches!(error, Error::Unavailable(_)), "{}: {error}", error.kind());
    let options = OnnxOptions::default().with_library(library.as_ref());
    assert!(OnnxRunner::from_bytes_with(&bytes("mlp30"), &options).is_err());
    assert!(OnnxRunner::from_bytes(&bytes("mlp30")).is_ok());
    error.to_string()
}

#[test]
fn a_library_that_is_none_is_an_error_and_no_panic() {
    let folder = tempfile::tempdir().unwrap();
    let garbage = folder.path().join("libonnxruntime.so");
    fs::write(&garbage, "not a library").unwrap();
    assert!(library_problem(folder.path().join("missing.so")).contains("load ONNX Runtime"));
    assert!(library_problem(folder.path()).contains("not a file"));
    assert!(library_problem(&garbage).contains("libonnxruntime.so"));
    let version = OnnxRuntime::load().unwrap().version().to_owned();
    assert!(version.starts_with("1."), "{version}");
}

/// A library with ONNX Runtime's one export, that says it is this version.
#[cfg(target_os = "linux")]
fn fake_library(folder: &Path, version: &str) -> PathBuf {
    let (source, library) = (folder.join("fake.c"), folder.join(format!("libonnxruntime.so.{version}")));
    let code = format!(
        "static const char *version(void) {{ return \"{version}\"; }}
         static const void *api(unsigned wanted) {{ return 0; }}
         static const struct {{ const void *(*api)(unsigned); const char *(*version)(void); }} base = {{ api, version }};
         const void *OrtGetApiBase(void) {{ return &base; }}"
    );
    fs::write(&source, code).unwrap();
    let compiled =
        std::process::Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&library).arg(&source).status();
    assert!(compiled.expect("a C compiler, as README.md asks for").success());
    library
}

#[cfg(target_os = "linux")]
#[test]
fn a_library_that_is_too_old_is_told_by_its_version() {
    let folder = tempfile::tempdir().unwrap();
    let told = library_problem(fake_library(folder.path(), "1.20.1"));
    assert!(told.contains("it is version 1.20.1; 1.23 or newer is needed"), "{told}");
    let told = library_problem(fake_library(folder.path(), "1.99.0"));
    assert!(told.contains("version 1.99.0 does not offer interface 24"), "{told}");
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    let libc =
        maps.lines().filter_map(|line| line.split_whitespace().nth(5)).find(|file| file.contains("libc.so"));
    let told = library_problem(libc.expect("a C library"));
    assert!(told.contains("OrtGetApiBase is missing"), "{told}");
}
