//! A folder with models, and the program that serves it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};
use std::{env, fs};

use serde_json::Value;
use tempfile::TempDir;

/// A model that lies beside the tests.
pub(crate) fn model(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/models/runner").join(file)
}

pub(crate) struct Place {
    folder: Arc<TempDir>,
    variables: Vec<(String, String)>,
    running: Option<Running>,
}

struct Running {
    child: Child,
    port: u16,
    log: Arc<Mutex<String>>,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self { folder: Arc::new(tempfile::tempdir().unwrap()), variables: Vec::new(), running: None }
    }

    /// The same folder, for another start.
    pub(crate) fn again(&self) -> Self {
        Self { folder: self.folder.clone(), variables: Vec::new(), running: None }
    }

    pub(crate) fn with_variables(mut self, variables: &[(&str, &str)]) -> Self {
        self.variables = variables.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        self
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    /// Puts a model into the folder of a version.
    pub(crate) fn put(&self, version: &str, file: &str) {
        self.write(&format!("{version}/model.onnx"), fs::read(model(file)).unwrap());
    }

    /// Writes a file below `models`, as a whole.
    pub(crate) fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        self.write_here(&format!("models/{path}"), content);
    }

    pub(crate) fn write_here(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let partial = path.with_extension("partial");
        fs::write(&partial, content).unwrap();
        fs::rename(partial, path).unwrap();
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mlcore-serve"));
        for (name, _) in env::vars().filter(|(name, _)| {
            ["MLCORE_", "MODEL_", "MLFLOW_", "OTEL_"].iter().any(|own| name.starts_with(own))
        }) {
            // Where ONNX Runtime lies.
            if name != "MLCORE_CACHE" {
                command.env_remove(name);
            }
        }
        command.current_dir(self.folder.path()).args(arguments);
        command.envs(self.variables.iter().cloned());
        command
            .env("MLCORE_GRPC_PORT", "0")
            .env("MLCORE_METRICS_PORT", "0")
            .stderr(Stdio::piped())
            .stdout(Stdio::null());
        command
    }

    /// Starts the program on a port of the system's choice, and waits until it serves.
    pub(crate) fn serve(mut self, arguments: &[&str]) -> Self {
        let mut child = self.command(arguments).env("MLCORE_HTTP_PORT", "0").spawn().unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let log = Arc::<Mutex<String>>::default();
        let (found, wanted) = mpsc::channel();
        let told = log.clone();
        // Read to the end, so that the program is never held up by a full pipe.
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let port = line
                    .split("serving over HTTP address=")
                    .nth(1)
                    .and_then(|rest| rest.split_whitespace().next());
                let port = port.and_then(|address| address.rsplit(':').next()?.parse::<u16>().ok());
                if let Some(port) = port {
                    let _ = found.send(port);
                }
                told.lock().unwrap().push_str(&(line + "\n"));
            }
        });
        let Ok(port) = wanted.recv_timeout(Duration::from_secs(60)) else {
            let _ = child.kill();
            panic!("it does not serve:\n{}", log.lock().unwrap());
        };
        self.running = Some(Running { child, port, log });
        self
    }

    /// Starts the program, which ends by itself: with this code and these words.
    pub(crate) fn fails(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let output = self.command(arguments).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    }

    /// Sends it a signal, such as `-TERM`.
    pub(crate) fn signal(&self, signal: &str) {
        let process = self.process().to_string();
        assert!(Command::new("kill").args([signal, &process]).status().unwrap().success());
    }

    /// Where its log is kept, also when it has ended.
    pub(crate) fn told(&self) -> Arc<Mutex<String>> {
        self.running.as_ref().unwrap().log.clone()
    }

    /// What it has logged so far.
    pub(crate) fn log(&self) -> String {
        self.running.as_ref().unwrap().log.lock().unwrap().clone()
    }

    pub(crate) fn process(&self) -> u32 {
        self.running.as_ref().unwrap().child.id()
    }

    pub(crate) fn port(&self) -> u16 {
        self.running.as_ref().unwrap().port
    }

    /// Waits until it has ended by itself.
    pub(crate) fn ended(mut self) -> Option<i32> {
        self.running.take().unwrap().child.wait().unwrap().code()
    }

    /// Asks it to stop, and says how it ended.
    pub(crate) fn stop(mut self) -> Option<i32> {
        self.signal("-TERM");
        let mut running = self.running.take().unwrap();
        let code = running.child.wait().unwrap().code();
        assert_eq!(code, Some(0), "{}", running.log.lock().unwrap());
        code
    }

    pub(crate) fn get(&self, path: &str) -> (u16, Value) {
        self.ask(&format!("GET {path} HTTP/1.1\r\n"), "")
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Value {
        self.ask(&format!("POST {path} HTTP/1.1\r\nContent-Type: application/json\r\n"), &body.to_string()).1
    }

    /// The whole answer to a request, whose head may say more.
    pub(crate) fn raw(&self, head: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port())).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let length = body.len();
        write!(
            stream,
            "{head}Host: localhost\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    pub(crate) fn ask(&self, head: &str, body: &str) -> (u16, Value) {
        let answer = self.raw(head, body);
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, serde_json::from_str(body).unwrap_or(Value::Null))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(running) = &mut self.running {
            let _ = running.child.kill();
            let _ = running.child.wait();
        }
    }
}

/// Waits until something is so.
pub(crate) fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < Duration::from_secs(60), "not after a minute: {what}");
        thread::sleep(Duration::from_millis(50));
    }
}
