//! Models that would read, write, take or hang what they should not, served by the program.

use std::fs;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::made;
use crate::place::{Place, eventually, model};

fn load(place: &Place, name: &str) -> (u16, String) {
    let head =
        format!("POST /v2/repository/models/{name}/load HTTP/1.1\r\nContent-Type: application/json\r\n");
    let (status, answer) = place.ask(&head, "{}");
    (status, answer["error"].as_str().unwrap_or_default().to_owned())
}

fn infer(place: &Place, name: &str, body: &Value) -> (u16, Value) {
    let head = format!("POST /v2/models/{name}/infer HTTP/1.1\r\nContent-Type: application/json\r\n");
    place.ask(&head, &body.to_string())
}

/// A request about one row of what is as good as nothing in each input.
fn body(place: &Place, name: &str) -> Value {
    let inputs = place.get(&format!("/v2/models/{name}")).1["inputs"].as_array().unwrap().clone();
    let inputs = inputs.into_iter().map(|mut input| {
        let shape: Vec<i64> =
            input["shape"].as_array().unwrap().iter().map(|size| size.as_i64().unwrap().max(1)).collect();
        let count = usize::try_from(shape.iter().product::<i64>()).unwrap();
        let element = match input["datatype"].as_str().unwrap() {
            "BYTES" => json!("a"),
            "BOOL" => json!(false),
            _ => json!(0),
        };
        (input["shape"], input["data"]) = (json!(shape), json!(vec![element; count]));
        input
    });
    json!({ "inputs": inputs.collect::<Vec<_>>() })
}

const EXPLICIT: [&str; 6] =
    ["--model-repository", "models", "--model-control-mode", "explicit", "--load-model", "net"];

#[test]
fn models_that_reach_beyond_their_folder_or_are_none_are_not_loaded() {
    let place = Place::new();
    place.put("net/1", "mlp30.onnx");
    fs::write(place.path("external.bin"), vec![0; 4096]).unwrap();
    let graph =
        [made::input("x", 1, &[-1]), made::node("Identity", &["x"], &["y"]), made::output("y", 1, &[-1])];
    let whole = made::model(&graph);
    let cycle = made::model(&[
        made::input("x", 1, &[-1]),
        made::node("Add", &["x", "b"], &["a"]),
        made::node("Identity", &["a"], &["b"]),
        made::output("b", 1, &[-1]),
    ]);
    let strange = [
        ("parent", fs::read(model("external_parent.onnx")).unwrap()),
        ("hidden", fs::read(model("external_parent_hidden.onnx")).unwrap()),
        ("absolute", fs::read(model("external_absolute.onnx")).unwrap()),
        ("address", fs::read(model("external_memory_address.onnx")).unwrap()),
        ("missing", fs::read(model("external_missing.onnx")).unwrap()),
        ("custom", fs::read(model("custom_domain.onnx")).unwrap()),
        ("future", fs::read(model("opset_999.onnx")).unwrap()),
        ("empty", Vec::new()),
        ("page", b"<!DOCTYPE html><html><body>404</body></html>".to_vec()),
        ("pickle", b"\x80\x04\x95\x10\0\0\0\0\0\0\0\x8c\x05posix\x8c\x06system\x93.".to_vec()),
        ("torch", b"PK\x03\x04\0\0\0\0\0\0\0\0archive/data.pkl".to_vec()),
        ("keras", b"\x89HDF\r\n\x1a\n\0\0\0\0".to_vec()),
        ("random", (0..4096_u32).map(|place| (place.wrapping_mul(2_654_435_761) >> 13) as u8).collect()),
        ("cut", whole[..whole.len() - 3].to_vec()),
        ("cycle", cycle),
    ];
    for (name, content) in &strange {
        place.write(&format!("{name}/1/model.onnx"), content);
    }
    let fifo = place.path("models/pipe/1");
    fs::create_dir_all(&fifo).unwrap();
    let made = std::process::Command::new("mkfifo").arg(fifo.join("model.onnx")).status();
    assert!(made.unwrap().success());
    std::os::unix::fs::symlink("/dev/zero", {
        fs::create_dir_all(place.path("models/zero/1")).unwrap();
        place.path("models/zero/1/model.onnx")
    })
    .unwrap();
    place.put("operators/1", "mlp30.onnx");
    place.write("operators/config.pbtxt", "model_operations { op_library_filename: \"/tmp/evil.so\" }");
    let place = place.serve(&EXPLICIT);
    let names = strange.iter().map(|(name, _)| *name).chain(["pipe", "zero", "operators"]);
    for name in names {
        let (status, told) = load(&place, name);
        assert_eq!(status, 400, "{name}: {told}");
        let own = place.path("").display().to_string();
        assert!(!told.is_empty() && !told.contains(&own) && !told.contains("/etc/"), "{name}: {told}");
        assert_eq!(place.get(&format!("/v2/models/{name}/ready")).0, 503, "{name}");
        assert_eq!(infer(&place, "net", &body(&place, "net")).0, 200, "after {name}");
    }
    let index = place.ask("POST /v2/repository/index HTTP/1.1\r\n", "").1;
    let unavailable =
        index.as_array().unwrap().iter().filter(|model| model["state"] == "UNAVAILABLE").count();
    assert_eq!(unavailable, strange.len() + 3, "{index}");
    assert_eq!(place.stop(), Some(0));
}

#[test]
fn what_scikit_learn_exports_by_default_is_served() {
    let place = Place::new();
    for name in ["zipmap_int", "zipmap_string", "strings", "columns", "net"] {
        let file = if name == "net" { "mlp30.onnx".to_owned() } else { format!("{name}.onnx") };
        place.put(&format!("{name}/1"), &file);
    }
    let place = place.serve(&["--model-repository", "models"]);
    for name in ["zipmap_int", "zipmap_string", "strings", "columns"] {
        let (status, answer) = infer(&place, name, &body(&place, name));
        assert_eq!(status, 200, "{name}: {answer}");
        assert!(answer["outputs"][0]["data"].is_array(), "{name}: {answer}");
    }
    assert_eq!(place.stop(), Some(0));
}

/// A run ends at the time that the client gives it, or the settings of the model.
#[test]
fn a_model_that_never_ends_is_stopped_and_answers_again() {
    let place = Place::new();
    place.put("net/1", "mlp30.onnx");
    place.put("loop/1", "loop_forever.onnx");
    place.put("limited/1", "loop_forever.onnx");
    place.write_here("serve.toml", "model-repository = \"models\"\n[models.limited]\ntimeout_ms = 300\n");
    let place = place.serve(&["--config", "serve.toml"]);
    let mut asked = body(&place, "loop");
    asked["parameters"] = json!({"timeout": 300_000});
    for _ in 0..3 {
        for (name, body) in [("loop", &asked), ("limited", &body(&place, "limited"))] {
            let began = Instant::now();
            let (status, answer) = infer(&place, name, body);
            assert_eq!(status, 504, "{name}: {answer}");
            assert!(began.elapsed() < Duration::from_secs(5), "{name}: {:?}", began.elapsed());
            assert_eq!(infer(&place, "net", &self::body(&place, "net")).0, 200);
        }
    }
    let statistics = place.get("/v2/models/limited/stats").1;
    assert_eq!(statistics["model_stats"][0]["inference_stats"]["fail"]["count"], 3);
    assert_eq!(place.stop(), Some(0));
}

/// The values of a request say how large a tensor becomes: it is refused before memory is taken for it.
#[test]
fn a_request_that_grows_in_the_model_is_refused_before_it_does() {
    let place = Place::new();
    place.put("net/1", "mlp30.onnx");
    let grows = made::model(&[
        made::node("ConstantOfShape", &["s"], &["c"]),
        made::node("ReduceSum", &["c"], &["y"]),
        made::input("s", 7, &[-1]),
        made::output("y", 1, &[]),
    ]);
    place.write("grows/1/model.onnx", grows);
    let place = place.serve(&["--model-repository", "models"]);
    let of = |size: u64| {
        let input = json!({"name": "s", "shape": [1], "datatype": "INT64", "data": [size]});
        infer(&place, "grows", &json!({ "inputs": [input] }))
    };
    assert_eq!(of(1000).0, 200);
    for size in [1 << 40, 1 << 42, i64::MAX.cast_unsigned()] {
        let (status, answer) = of(size);
        assert!((400..=503).contains(&status), "{size}: {status} {answer}");
        assert!(answer["error"].is_string(), "{answer}");
        assert_eq!(infer(&place, "net", &body(&place, "net")).0, 200);
    }
    assert_eq!(of(1000).0, 200);
    assert_eq!(place.stop(), Some(0));
}

/// A folder of ten thousand models costs a list of names: those are loaded that are asked for.
#[test]
fn ten_thousand_models_are_listed_and_not_loaded() {
    let place = Place::new();
    place.put("net/1", "mlp30.onnx");
    let content = fs::read(model("identity.onnx")).unwrap();
    for number in 0..10_000 {
        let folder = place.path(&format!("models/m{number}/1"));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("model.onnx"), &content).unwrap();
    }
    let place = place.serve(&EXPLICIT);
    let index = place.ask("POST /v2/repository/index HTTP/1.1\r\n", "").1;
    assert_eq!(index.as_array().unwrap().len(), 10_001);
    assert_eq!(place.get("/v2/models/m77/ready").0, 404);
    assert_eq!(load(&place, "m77").0, 200);
    eventually("it answers", || place.get("/v2/models/m77/ready").0 == 200);
    assert_eq!(infer(&place, "net", &body(&place, "net")).0, 200);
    assert_eq!(place.stop(), Some(0));
}

/// A process that may have so much memory loads models up to it, answers 503 beyond, and loads on where one was unloaded.
#[cfg(target_os = "linux")]
#[test]
fn models_beyond_the_memory_of_the_process_are_not_loaded() {
    const MOST: u64 = 400 << 20;
    let place = Place::new();
    place.put("net/1", "mlp30.onnx");
    let weights: Vec<f32> = (0..10 << 20).map(|number| number as f32).collect();
    let large = made::model(&[
        made::node("Add", &["x", "w"], &["s"]),
        made::node("ReduceSum", &["s"], &["y"]),
        made::weights("w", &[10 << 20], &weights),
        made::input("x", 1, &[1]),
        made::output("y", 1, &[-1]),
    ]);
    for number in 0..12 {
        place.write(&format!("m{number}/1/model.onnx"), &large);
    }
    let most = MOST.to_string();
    let place = place.serve(&[&EXPLICIT[..], &["--max-memory-bytes", &most]].concat());
    let resident = || {
        let status = fs::read_to_string(format!("/proc/{}/status", place.process())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
    };
    let mut loaded = Vec::new();
    let refused = (0..12).map(|number| format!("m{number}")).find(|name| {
        let (status, error) = load(&place, name);
        assert!(resident() <= MOST, "{name}: {}", resident());
        match status {
            200 => loaded.push(name.clone()),
            503 => assert!(error.contains("max_process_bytes") && !error.contains('/'), "{error}"),
            _ => panic!("{name}: {status} {error}"),
        }
        status == 503
    });
    let refused = refused.unwrap_or_else(|| panic!("all of {loaded:?} were loaded"));
    assert!(loaded.len() >= 2, "{loaded:?} with {} bytes", resident());
    assert_eq!(infer(&place, "net", &body(&place, "net")).0, 200);
    for name in &loaded {
        let head = format!(
            "POST /v2/repository/models/{name}/unload HTTP/1.1\r\nContent-Type: application/json\r\n"
        );
        assert_eq!(place.ask(&head, "{}").0, 200);
    }
    eventually("there is room again", || load(&place, &refused).0 == 200);
    assert_eq!(infer(&place, &refused, &body(&place, &refused)).0, 200);
    assert_eq!(place.stop(), Some(0));
}
