//! What a process lacks: descriptors, memory, stack.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::place::Place;

/// The program behind limits.
pub(crate) struct Limited {
    child: Child,
    pub(crate) http: SocketAddr,
    log: Arc<Mutex<String>>,
}

impl Limited {
    /// Starts the program behind these commands of a shell.
    pub(crate) fn new(place: &Place, before: &str) -> Self {
        let program = place.command(&["--model-repository", "models"]);
        let mut command = Command::new("sh");
        command.arg("-c").arg(format!("{before}; exec \"$0\" \"$@\"")).arg(program.get_program());
        command
            .args(program.get_args())
            .current_dir(place.path(""))
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        for (name, value) in program.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        let mut child = command.env("MLCORE_HTTP_PORT", "0").spawn().unwrap();
        let log = Arc::<Mutex<String>>::default();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        let http = lines.find_map(|line| {
            let found = line.split("serving over HTTP address=").nth(1).map(str::to_owned);
            log.lock().unwrap().push_str(&(line + "\n"));
            found
        });
        let Some(http) = http else { panic!("it does not serve:\n{}", log.lock().unwrap()) };
        let told = log.clone();
        std::thread::spawn(move || lines.for_each(|line| told.lock().unwrap().push_str(&(line + "\n"))));
        let http = http.split_whitespace().next().unwrap().parse().unwrap();
        Self { child, http, log }
    }

    fn status(&self, path: &str, body: &str) -> std::io::Result<u16> {
        let mut stream = TcpStream::connect(self.http)?;
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        let length = body.len();
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n"
        );
        stream.write_all(&[head.as_bytes(), body.as_bytes()].concat())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let status = answer.get(9..12).and_then(|status| status.parse().ok());
        status.ok_or_else(|| std::io::Error::other(format!("{answer:?}\n{}", self.log.lock().unwrap())))
    }

    pub(crate) fn infer(&self) -> std::io::Result<u16> {
        let input = json!({"name": "input", "shape": [1, 30], "datatype": "FP32", "data": vec![0.5; 30]});
        self.status("/v2/models/net/infer", &json!({ "inputs": [input] }).to_string())
    }

    pub(crate) fn stop(mut self) {
        let process = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &process]).status().unwrap().success());
        let code = self.child.wait().unwrap().code();
        assert_eq!(code, Some(0), "{}", self.log.lock().unwrap());
    }
}

impl Drop for Limited {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn place() -> Place {
    let place = Place::new();
    place.put("net/1", "mlp30.onnx");
    place
}

/// Without a descriptor left it takes nobody, and goes on when there are some.
#[test]
fn a_server_without_descriptors_waits_for_some() {
    let place = place();
    let limited = Limited::new(&place, "ulimit -n 48");
    assert_eq!(limited.infer().unwrap(), 200);
    let held: Vec<TcpStream> = (0..100).map(|_| TcpStream::connect(limited.http).unwrap()).collect();
    let began = Instant::now();
    while !limited.log.lock().unwrap().contains("a connection was not taken") {
        assert!(began.elapsed() < Duration::from_secs(20), "{}", limited.log.lock().unwrap());
        std::thread::sleep(Duration::from_millis(20));
    }
    std::thread::sleep(Duration::from_millis(500));
    let lines = limited.log.lock().unwrap().lines().count();
    assert!(lines < 200, "{lines} lines in a second");
    drop(held);
    assert_eq!(limited.infer().unwrap(), 200);
    limited.stop();
}

/// What lies in itself is not followed by calls without end: a quarter of the usual stack is enough.
#[test]
fn a_small_stack_is_enough_for_whatever_is_sent() {
    let place = place();
    let limited = Limited::new(&place, "ulimit -s 512; export RUST_MIN_STACK=524288");
    let (lists, objects) = ("[".repeat(100_000), "{\"a\":".repeat(100_000));
    let input = |data: &str| {
        format!(r#"{{"inputs":[{{"name":"input","shape":[1,30],"datatype":"FP32","data":{data}"#)
    };
    for body in [
        &*lists,
        &*objects,
        &*format!("{{\"inputs\":{lists}"),
        &*format!("{{\"x\":{objects}"),
        &*input(&lists),
        &*input(&objects),
    ] {
        for path in
            ["/v2/models/net/infer", "/v1/models/net:predict", "/mlcore/models/net/predict", "/v2/logging"]
        {
            assert_eq!(limited.status(path, body).unwrap(), 400, "{path} {body:.60}");
        }
    }
    assert_eq!(limited.infer().unwrap(), 200);
    limited.stop();
}

/// Large requests that are refused leave no memory behind.
#[cfg(target_os = "linux")]
#[test]
fn what_is_refused_is_forgotten() {
    let place = place();
    let limited = Limited::new(&place, "true");
    assert_eq!(limited.infer().unwrap(), 200);
    let resident = || {
        let status = std::fs::read_to_string(format!("/proc/{}/status", limited.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap().to_owned();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024
    };
    let large = "7,".repeat(8 << 20);
    let storm = || {
        for body in [
            format!(r#"{{"inputs":[{{"name":"input","shape":[1,30],"datatype":"FP32","data":[{large}"#),
            format!(
                r#"{{"inputs":[{{"name":"input","data":[{large}7],"shape":[1,30],"datatype":"FP32"}}]}}"#
            ),
            format!(r#"{{"id":"{large}"}}"#),
            format!(r#"{{"parameters":{{"{large}":1}}}}"#),
            format!("[{large}7]"),
        ] {
            assert_eq!(limited.status("/v2/models/net/infer", &body).unwrap(), 400);
        }
    };
    storm();
    let before = resident();
    (0..4).for_each(|_| storm());
    let after = resident();
    assert!(after < before + 64, "{before} MiB became {after} MiB");
    assert_eq!(limited.infer().unwrap(), 200);
    limited.stop();
}
