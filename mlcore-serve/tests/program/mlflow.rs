//! MLflow's environment against a server that answers as MLflow does, and as it should not. A stock one is asked in
//! `tests/clients/mlflow_registry.py`.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::{fs, thread};

use serde_json::{Value, json};

use crate::place::{Place, model};
use crate::{expected, infer, probabilities, row};

/// What a request is answered with: a status, a body, and the length that is declared of it.
type Answer = (u16, Vec<u8>, usize);

/// An MLflow server whose model `forest` has the alias `champion` on version 1, and its stage on version 2.
pub(crate) struct Mlflow {
    pub(crate) address: String,
    is_stopped: Arc<AtomicBool>,
}

impl Mlflow {
    /// Answers as usual what `odd` does not.
    fn new(odd: impl Fn(&str, &str) -> Option<Answer> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let is_stopped = Arc::<AtomicBool>::default();
        let (stopped, odd) = (is_stopped.clone(), Arc::new(odd));
        thread::spawn(move || {
            for stream in listener.incoming() {
                if stopped.load(Ordering::Acquire) {
                    return;
                }
                let odd = odd.clone();
                thread::spawn(move || answer(&stream.unwrap(), &*odd));
            }
        });
        Self { address, is_stopped }
    }

    pub(crate) fn usual() -> Self {
        Self::new(|_, _| None)
    }

    /// The version in this folder has another flavor.
    pub(crate) fn without_onnx(folder: &'static str) -> Self {
        Self::new(move |path, _| {
            path.ends_with(&format!("{folder}/MLmodel"))
                .then(|| of("flavors:\n  sklearn:\n    data: m.pkl\n"))
        })
    }

    /// Answers nobody any more.
    pub(crate) fn stop(&self) {
        self.is_stopped.store(true, Ordering::Release);
        let _ = TcpStream::connect(self.address.trim_start_matches("http://"));
    }

    fn place(&self, more: &[(&str, &str)]) -> Place {
        let own = [("MLFLOW_TRACKING_URI", self.address.as_str()), ("MODEL_NAME", "forest")];
        Place::new().with_variables(&[&own[..], more].concat())
    }

    /// The last line of a start that fails.
    fn fails(&self, more: &[(&str, &str)], arguments: &[&str]) -> String {
        // Where it would serve, nobody else does: its own port may be taken.
        let (code, told) = self.place(more).fails(&[arguments, &["--http-port", "0"]].concat());
        assert!(matches!(code, Some(1 | 2)) && !told.contains("panicked"), "{code:?}: {told}");
        told.lines().last().unwrap().to_owned()
    }
}

impl Drop for Mlflow {
    fn drop(&mut self) {
        self.stop();
    }
}

fn answer(stream: &TcpStream, odd: &dyn Fn(&str, &str) -> Option<Answer>) {
    let mut head = String::new();
    let mut reader = BufReader::new(stream);
    while reader.read_line(&mut head).is_ok_and(|read| read > 2) {}
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    let (status, body, length) = odd(&path, &head.to_lowercase()).unwrap_or_else(|| usual(&path));
    let mut stream = stream;
    let _ = write!(stream, "HTTP/1.1 {status} X\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
    let _ = stream.write_all(&body);
}

fn of(body: impl Into<Vec<u8>>) -> Answer {
    let body = body.into();
    (200, body.clone(), body.len())
}

fn usual(path: &str) -> Answer {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let number = if query.contains("version=2") { "2" } else { "1" };
    let version = |number: &str, stage: &str| {
        let tags = [json!({"key": "version", "value": format!("v{number}.0.0")})];
        json!({"name": "forest", "version": number, "current_stage": stage, "status": "READY", "tags": tags})
    };
    let json = |value: Value| of(value.to_string());
    match path.strip_prefix("/api/2.0/mlflow").filter(|path| path.starts_with('/')).unwrap_or(path) {
        "/registered-models/get" => {
            let latest = [version("1", "None"), version("2", "Production")];
            let aliases = [json!({"alias": "champion", "version": "1"})];
            json(
                json!({"registered_model": {"name": "forest", "aliases": aliases, "latest_versions": latest}}),
            )
        }
        "/registered-models/search" => {
            // Of two pages the first has a prompt, and a name that nothing is served under.
            let is_prompt = [json!({"key": "mlflow.prompt.is_prompt", "value": "true"})];
            let odd = [json!({"name": "a prompt", "tags": is_prompt}), json!({"name": "two words"})];
            json(match query.contains("page_token=next") {
                false => json!({"registered_models": odd, "next_page_token": "next"}),
                true => json!({"registered_models": [{"name": "forest"}]}),
            })
        }
        "/model-versions/search" if query.contains("page_token=next") => {
            json(json!({"model_versions": [version("2", "Production")]}))
        }
        "/model-versions/search" => {
            json(json!({"model_versions": [version("1", "None")], "next_page_token": "next"}))
        }
        "/model-versions/get" => json(json!({"model_version": version(number, "None")})),
        "/model-versions/get-download-uri" => json(json!({"artifact_uri": format!("models:/m-{number}")})),
        "/logged-models/m-1" => json(json!({"model": {"info": {"artifact_uri": "mlflow-artifacts:/0/m 1"}}})),
        "/logged-models/m-2" => json(json!({"model": {"info": {"artifact_uri": "mlflow-artifacts:/0/m2"}}})),
        path => match path.strip_prefix("/api/2.0/mlflow-artifacts/artifacts/0/") {
            Some("m%201/MLmodel" | "m2/MLmodel") => {
                of("flavors:\n  onnx:\n    data: data/the%20model.onnx\n")
            }
            Some("m%201/data/the%2520model.onnx") => of(fs::read(model("rf30.onnx")).unwrap()),
            Some("m2/data/the%2520model.onnx") => of(fs::read(model("gb30.onnx")).unwrap()),
            _ => {
                let body =
                    json!({"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "There is none"}).to_string();
                (404, body.clone().into(), body.len())
            }
        },
    }
}

fn check(place: &Place, version: &str, file: &str) {
    let answer = infer(place, "/v2/models/forest/infer");
    assert_eq!(answer["model_version"], version, "{answer}");
    assert_eq!(probabilities(&answer), expected(file, &row()));
    let invoked = place.post("/invocations", &json!({"inputs": [row()]}));
    let values = invoked["predictions"]["probabilities"][0].as_array().unwrap();
    let values: Vec<f32> = values.iter().map(|value| value.as_f64().unwrap() as f32).collect();
    assert_eq!(values, expected(file, &row()));
    assert_eq!((place.get("/ping").0, place.get("/health").0), (200, 200));
}

#[test]
fn a_version_has_several_names() {
    let mlflow = Mlflow::usual();
    for (word, version, file) in [
        ("", "1", "rf30.onnx"),
        ("champion", "1", "rf30.onnx"),
        ("production", "2", "gb30.onnx"),
        ("2", "2", "gb30.onnx"),
        ("v1.0.0", "1", "rf30.onnx"),
        ("v2.0.0", "2", "gb30.onnx"),
    ] {
        let place = mlflow.place(&[("MODEL_VERSION", word)]).serve(&[]);
        check(&place, version, file);
        assert_eq!(place.stop(), Some(0));
    }
    // Without a name every model is served that can be, and has the alias.
    let place = Place::new().serve(&["--registry", &format!("mlflow+{}/", mlflow.address)]);
    check(&place, "1", "rf30.onnx");
    assert!(place.log().contains("\"two words\"") && !place.log().contains("a prompt"), "{}", place.log());
    assert_eq!(place.stop(), Some(0));
}

#[test]
fn files_may_lie_in_a_folder_of_this_machine() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("MLmodel"), "flavors:\n  onnx:\n    data: m.onnx\n").unwrap();
    fs::copy(model("rf30.onnx"), folder.path().join("m.onnx")).unwrap();
    let uri = format!("file://{}", folder.path().display());
    let mlflow = Mlflow::new(move |path, _| {
        path.contains("download-uri").then(|| of(json!({"artifact_uri": uri}).to_string()))
    });
    let place = mlflow.place(&[]).serve(&[]);
    check(&place, "1", "rf30.onnx");
    assert_eq!(place.stop(), Some(0));
    #[cfg(unix)]
    {
        fs::remove_file(folder.path().join("m.onnx")).unwrap();
        std::os::unix::fs::symlink(model("rf30.onnx"), folder.path().join("m.onnx")).unwrap();
        let told = mlflow.fails(&[], &[]);
        assert!(told.contains("it is no file of its folder"), "{told}");
    }
}

#[test]
fn credentials_are_shown_and_asked_for() {
    let mlflow = Mlflow::new(|_, head| {
        let is_known = ["authorization: bearer secret\r", "authorization: basic yw5hom9wzw4gc2vzyw1l\r"]
            .iter()
            .any(|known| head.contains(known));
        let body =
            json!({"error_code": "UNAUTHENTICATED", "message": "You are not authenticated"}).to_string();
        (!is_known).then(|| (401, body.clone().into(), body.len()))
    });
    for variables in [
        &[("MLFLOW_TRACKING_TOKEN", "secret")][..],
        &[("MLFLOW_TRACKING_USERNAME", "ana"), ("MLFLOW_TRACKING_PASSWORD", "open sesame")],
    ] {
        let place = mlflow.place(variables).serve(&[]);
        check(&place, "1", "rf30.onnx");
        assert_eq!(place.stop(), Some(0));
    }
    for variables in [&[][..], &[("MLFLOW_TRACKING_TOKEN", "wrong")]] {
        let told = mlflow.fails(variables, &[]);
        assert!(
            told.contains("You are not authenticated; set MLFLOW_TRACKING_TOKEN") && !told.contains("wrong"),
            "{told}"
        );
    }
}

#[test]
fn what_the_server_does_wrong_ends_the_start_with_one_line() {
    let file = "the%2520model.onnx";
    let mlmodel =
        |text: &'static str| Mlflow::new(move |path, _| path.ends_with("MLmodel").then(|| of(text)));
    let uri = |uri: &'static str| {
        Mlflow::new(move |path, _| {
            path.contains("download-uri").then(|| of(json!({"artifact_uri": uri}).to_string()))
        })
    };
    for (mlflow, problem) in [
        (Mlflow::new(|_, _| Some(of("<html>"))), "is none of MLflow's messages"),
        (Mlflow::new(|_, _| Some((503, Vec::new(), 0))), "it answered the status 503"),
        (
            Mlflow::new(move |path, _| path.ends_with(file).then(|| (200, vec![0], 3 << 30))),
            "it has more than the",
        ),
        (Mlflow::new(move |path, _| path.ends_with(file).then(|| (200, vec![0], 1 << 20))), "fetch file"),
        (Mlflow::new(move |path, _| path.ends_with(file).then(|| of("no model"))), "it is no ONNX model"),
        (Mlflow::new(move |path, _| path.ends_with(file).then(|| (404, Vec::new(), 0))), "the status 404"),
        (mlmodel("flavors:\n  sklearn:\n    data: m.pkl\n"), "log it by mlflow.onnx.log_model("),
        (mlmodel("flavors:\n  onnx:\n    data: ../../m.onnx\n"), "parse package path"),
        (mlmodel("flavors:\n  onnx:\n    code: null\n"), "does not say where its ONNX file lies"),
        (
            uri("s3://bucket/m"),
            "by the scheme s3; let MLflow hand its files out: mlflow server --serve-artifacts",
        ),
        (uri("mlflow-artifacts://other:5000/m"), "at another server, other:5000"),
        (
            Mlflow::new(|path, _| {
                let pending = json!({"model_version": {"version": "1", "status": "PENDING_REGISTRATION"}});
                path.contains("model-versions/get?").then(|| of(pending.to_string()))
            }),
            "its status is PENDING_REGISTRATION",
        ),
    ] {
        let told = mlflow.fails(&[], &[]);
        assert!(told.starts_with("mlcore-serve: ") && told.contains(problem), "{problem}: {told}");
    }
    let away = Mlflow::usual();
    away.stop();
    thread::sleep(std::time::Duration::from_millis(100));
    let told = away.fails(&[], &[]);
    assert!(told.contains("it cannot be reached"), "{told}");
}

#[test]
fn settings_that_an_mlflow_server_cannot_serve_are_refused() {
    let mlflow = Mlflow::usual();
    let told = mlflow.fails(&[("MLFLOW_TRACKING_URI", "http://ana:secret@mlflow:5000")], &[]);
    assert!(told.contains("it holds a name and a password") && !told.contains("secret"), "{told}");
    let told = mlflow.fails(&[], &["--registry", &mlflow.address, "--artifacts", "artifacts"]);
    assert!(told.contains("the files of an MLflow server come from it"), "{told}");
    let place = mlflow.place(&[]);
    place.write_here("serve.toml", "[models.forest.policy]\nkind = \"blue_green\"\ngreen = \"challenger\"\n");
    let (code, told) = place.fails(&["--config", "serve.toml"]);
    assert!(code == Some(1) && told.contains("an MLflow server is only read"), "{told}");
}

#[test]
fn a_snapshot_serves_while_mlflow_is_away() {
    let mlflow = Mlflow::usual();
    for word in ["champion", "1"] {
        let own = [
            ("MLFLOW_TRACKING_URI", mlflow.address.as_str()),
            ("MODEL_NAME", "forest"),
            ("MODEL_VERSION", word),
        ];
        let place = mlflow.place(&[]);
        fs::create_dir_all(place.path("snapshots")).unwrap();
        let first = place.again().with_variables(&own).serve(&["--snapshots", "snapshots"]);
        check(&first, "1", "rf30.onnx");
        assert_eq!(first.stop(), Some(0));
        // Nobody listens there.
        let away = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let away = format!("http://{away}");
        let own = [("MLFLOW_TRACKING_URI", away.as_str()), ("MODEL_NAME", "forest"), ("MODEL_VERSION", word)];
        let second = place.again().with_variables(&own).serve(&["--snapshots", "snapshots"]);
        check(&second, "1", "rf30.onnx");
        assert_eq!(second.stop(), Some(0));
    }
}
