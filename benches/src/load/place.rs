use std::env;
use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use mlcore::artifact::{ArtifactStoreExt, FolderStore};
use mlcore::batch::{Batch, Tensor};
use mlcore::name::{Alias, ModelName};
use mlcore::registry::{Change, Expected, Lineage, NewVersion, RegistryExt, SqliteRegistry};
use mlcore::runner::ort::{OnnxRunner, OnnxRuntime};
use mlcore::runner::{RunOptions, Runner};
use mlcore::time::Timestamp;
use parquet::arrow::ArrowWriter;

use super::payload::{Payload, Wire};
use super::report::{FLOOR, OURS, PLAIN};
use super::start::SERVER;
use crate::Result;
use crate::serving::{Requests, model_file};

/// Where the servers of a model find what they serve.
pub(super) struct Place {
    folder: PathBuf,
    /// The model's file.
    file: PathBuf,
    /// What it answers about the row of the payloads.
    expected: Vec<f32>,
    library: PathBuf,
}

/// A server that runs until it is dropped.
pub(super) struct Server {
    pub(super) name: &'static str,
    child: Child,
    http: u16,
    grpc: u16,
    expected: Vec<f32>,
}

impl Place {
    /// Writes two versions of the model, the settings and the reference of its monitor, and a registry with its version that has a
    /// feature plan.
    pub(super) fn new(folder: &Path, model: &str) -> Result<Self> {
        let folder = folder.join(model);
        let file = model_file(model).canonicalize()?;
        for version in ["1", "2"] {
            let version = folder.join("models/m").join(version);
            fs::create_dir_all(&version)?;
            fs::copy(&file, version.join("model.onnx"))?;
        }
        fs::write(folder.join("models/m/config.pbtxt"), "version_policy { all {} }\n")?;
        let requests = Requests::new(1)?;
        let table = &requests.reference;
        let reference = fs::File::create(folder.join("reference.parquet"))?;
        let mut writer = ArrowWriter::try_new(reference, table.schema(), None)?;
        writer.write(table)?;
        writer.close()?;
        let of = |model: &str| {
            format!(
                "[models.{model}]\narms = [\"canary\"]\n\
                 policy = {{ kind = \"weighted\", weights = {{ champion = 9, canary = 1 }}, salt = \"load\" }}\n\
                 monitor = {{ reference = \"reference.parquet\" }}\n"
            )
        };
        fs::write(folder.join("folder.toml"), of("m") + "aliases = { champion = 1, canary = 2 }\n")?;
        fs::write(folder.join("registry.toml"), of("planned"))?;

        let registry = SqliteRegistry::open(folder.join("registry.db"))?;
        let artifacts = FolderStore::open(folder.join("registry.db.artifacts"))?;
        let (name, change) = (ModelName::new("planned")?, Change::new("benches", Timestamp::from_millis(0)));
        let runner = OnnxRunner::from_file(&file)?;
        let plan = artifacts.put_bytes(&requests.plan.to_bytes()?)?;
        let lineage = Lineage::default().with_plan(requests.plan.digest().parse()?, plan);
        let artifact = artifacts.put_bytes(&fs::read(&file)?)?;
        let new = NewVersion::new(name.clone(), artifact, runner.signature().clone()).with_lineage(lineage);
        for alias in ["champion", "canary"] {
            let version = registry.register(&artifacts, new.clone(), &change)?.version;
            registry.set_alias(&name, &Alias::new(alias)?, Some(version), Expected::Any, &change)?;
        }

        let input = Batch::single("input", Tensor::new([1, Payload::row().len()], Payload::row())?);
        let outputs = runner.run(&input, &RunOptions::default())?;
        let expected = outputs.tensor("probabilities")?.values::<f32>()?.to_vec();
        let library = OnnxRuntime::load()?.library().to_owned();
        Ok(Self { folder, file, expected, library })
    }

    /// The servers, each with what it understands; none where it is not installed.
    pub(super) fn servers(&self) -> Vec<(Result<Option<Server>>, &'static [Wire])> {
        const V2: &[Wire] = &[Wire::Json, Wire::Binary, Wire::Grpc];
        vec![
            (self.ours(OURS, "folder", &[]), V2),
            (self.floor("http"), &[Wire::Json, Wire::Binary]),
            (self.floor("grpc"), &[Wire::Grpc]),
            (self.python("FastAPI", "MLCORE_LOAD_FASTAPI_PYTHON", "serving_fastapi.py"), &[Wire::Json]),
            (
                self.python("MLServer", "MLCORE_LOAD_MLSERVER_PYTHON", "serving_mlserver.py"),
                // It knows no binary tensors.
                &[Wire::Json, Wire::Grpc],
            ),
            (self.ours(OURS, "registry", &[]), &[Wire::Record]),
        ]
    }

    /// Ours, with and without what observes it; none where the program is not there.
    pub(super) fn observed(&self) -> Result<Vec<Server>> {
        let servers =
            [self.ours(OURS, "folder", &[])?, self.ours(PLAIN, "folder", &["--allow-metrics", "false"])?];
        Ok(servers.into_iter().flatten().collect())
    }

    fn ours(&self, name: &'static str, source: &str, more: &[&str]) -> Result<Option<Server>> {
        let Some(mut command) = program(SERVER)? else { return Ok(None) };
        match source {
            "folder" => command.args(["--model-repository", "models"]),
            _ => command.args(["--registry", "sqlite:///registry.db"]),
        };
        let (http, grpc) = (free_port()?, free_port()?);
        command.arg("--config").arg(format!("{source}.toml")).args(more).args(["--metrics-port", "0"]);
        command.args(["--log-filter", "warn,mlcore_serve::trace=info"]);
        command.args(["--http-port", &http.to_string(), "--grpc-port", &grpc.to_string()]);
        let server = self.start(name, command, http, grpc)?;
        if name == OURS {
            let settings = r#"{"trace_level": ["TIMESTAMPS"], "trace_rate": "100"}"#;
            let url = format!("http://127.0.0.1:{http}/v2/trace/setting");
            let mut curl = Command::new("curl");
            curl.args(["-sf", "-H", "content-type: application/json", "-d", settings, &url]);
            if !curl.stdout(Stdio::null()).status()?.success() {
                return Err("mlcore-serve takes no trace settings".into());
            }
        }
        Ok(Some(server))
    }

    fn floor(&self, protocol: &str) -> Result<Option<Server>> {
        let Some(mut command) = program("MLCORE_LOAD_FLOOR")? else { return Ok(None) };
        let port = free_port()?;
        command.arg(protocol).arg(port.to_string()).arg(&self.file);
        Ok(Some(self.start(FLOOR, command, port, port)?))
    }

    fn python(&self, name: &'static str, variable: &str, script: &str) -> Result<Option<Server>> {
        let Some(mut command) = program(variable)? else { return Ok(None) };
        let (http, grpc) = (free_port()?, free_port()?);
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers").join(script).canonicalize()?;
        command.arg(script).arg(&self.file).arg(http.to_string()).arg(grpc.to_string());
        command.env("PYTHONDONTWRITEBYTECODE", "1");
        Ok(Some(self.start(name, command, http, grpc)?))
    }

    /// Starts a server and waits until it answers on all its ports.
    fn start(&self, name: &'static str, mut command: Command, http: u16, grpc: u16) -> Result<Server> {
        let log = fs::File::create(self.folder.join(format!("{name}-{http}.log")))?;
        command.current_dir(&self.folder).env("ORT_DYLIB_PATH", &self.library);
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let child = command.spawn().map_err(|cause| format!("{name}: {cause}"))?;
        let mut server = Server { name, child, http, grpc, expected: self.expected.clone() };
        let end = Instant::now() + Duration::from_secs(60);
        let is_there = |port: u16| TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).is_ok();
        while !(is_there(http) && is_there(grpc)) {
            let has_ended = server.child.try_wait()?.is_some();
            if has_ended || Instant::now() > end {
                let log = fs::read_to_string(self.folder.join(format!("{name}-{http}.log")))?;
                return Err(format!("{name} does not serve: {log}").into());
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(server)
    }
}

impl Server {
    /// Starts a server of HTTP that no payload is sent to, and waits until it says that it is ready.
    pub(super) fn start_ready(folder: &Path, mut command: Command) -> Result<Self> {
        let (http, grpc) = (free_port()?, free_port()?);
        command.args(["--http-port", &http.to_string(), "--grpc-port", &grpc.to_string()]);
        command.current_dir(folder).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let server = Self { name: OURS, child: command.spawn()?, http, grpc, expected: Vec::new() };
        let end = Instant::now() + Duration::from_secs(60);
        while !is_ready(http) {
            if Instant::now() > end {
                return Err("mlcore-serve is not ready after a minute".into());
            }
            thread::sleep(Duration::from_millis(1));
        }
        Ok(server)
    }

    pub(super) fn process(&self) -> u32 {
        self.child.id()
    }

    pub(super) fn url(&self, payload: &Payload) -> String {
        let port = if payload.wire == Wire::Grpc { self.grpc } else { self.http };
        format!("http://127.0.0.1:{port}{}", payload.path)
    }

    /// Asks once, and fails where the answer is not that of the model.
    pub(super) fn check(&self, payload: &Payload) -> Result<()> {
        let end = Instant::now() + Duration::from_secs(60);
        loop {
            let (answer, told) = self.ask(payload)?;
            let is_right = match payload.wire {
                Wire::Json => floats(&answer).is_some_and(|found| found == self.expected),
                Wire::Binary | Wire::Grpc => {
                    let bytes: Vec<u8> = self.expected.iter().flat_map(|value| value.to_le_bytes()).collect();
                    answer.windows(bytes.len()).any(|window| window == bytes)
                }
                // Through the plan it is another row.
                Wire::Record => told.contains(" 200"),
            };
            if is_right {
                return Ok(());
            }
            // A server listens before it has loaded its model.
            if Instant::now() > end {
                let shown = String::from_utf8_lossy(&answer);
                return Err(format!("{} answers {}: {told}{shown}", self.name, payload.wire.name()).into());
            }
            thread::sleep(Duration::from_millis(100));
        }
    }

    /// The body and the head of an answer.
    fn ask(&self, payload: &Payload) -> Result<(Vec<u8>, String)> {
        let head = payload.body.with_extension("head");
        let mut curl = Command::new("curl");
        curl.args(["-s", "--max-time", "5", "--data-binary"]).arg(format!("@{}", payload.body.display()));
        curl.arg("-D").arg(&head);
        for header in &payload.headers {
            curl.args(["-H", header]);
        }
        if payload.wire == Wire::Grpc {
            curl.arg("--http2-prior-knowledge");
        }
        let output = curl.arg(self.url(payload)).output()?;
        Ok((output.stdout, fs::read_to_string(head).unwrap_or_default()))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The probabilities in an answer of JSON.
fn floats(answer: &[u8]) -> Option<Vec<f32>> {
    let answer: serde_json::Value = serde_json::from_slice(answer).ok()?;
    let outputs = answer.get("outputs")?.as_array()?;
    let output =
        outputs.iter().find(|output| output.get("name").is_some_and(|name| name == "probabilities"))?;
    let data = output.get("data")?.as_array()?;
    data.iter().map(|value| value.as_f64().map(|value| value as f32)).collect()
}

/// The program or the interpreter that a variable names.
pub(super) fn program(variable: &str) -> Result<Option<Command>> {
    let Some(program) = env::var_os(variable).filter(|program| !program.is_empty()) else {
        return Ok(None);
    };
    // Links stay: what an environment of Python has is found by where its interpreter is called from.
    Ok(Some(Command::new(std::path::absolute(program)?)))
}

fn is_ready(port: u16) -> bool {
    let Ok(mut stream) = TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port))) else {
        return false;
    };
    let request = "GET /v2/health/ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let mut answer = String::new();
    stream.write_all(request.as_bytes()).and_then(|()| stream.read_to_string(&mut answer)).is_ok()
        && answer.starts_with("HTTP/1.1 200")
}

fn free_port() -> Result<u16> {
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(listener.local_addr()?.port())
}
