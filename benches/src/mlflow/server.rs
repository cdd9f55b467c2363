//! The two servers: MLflow's own, and the program `mlcore-serve`.

use std::env;
use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::client::Client;
use crate::Result;

/// A server that runs until it is dropped.
pub(super) struct Server {
    child: Child,
    pub(super) port: u16,
    /// The experiment with many runs.
    pub(super) big: String,
}

/// Ours: an SQLite file for runs, another for models.
pub(super) fn ours(folder: &Path, runs: usize) -> Result<Option<Server>> {
    let Some(program) = program()? else { return Ok(None) };
    let port = free_port()?;
    let mut command = Command::new(program);
    command.arg("--registry").arg(format!("sqlite:///{}", folder.join("registry.db").display()));
    command.arg("--artifacts").arg(folder.join("artifacts"));
    command.args(["--http-port", &port.to_string(), "--grpc-port", &free_port()?.to_string()]);
    command.args(["--metrics-port", "0", "--log-filter", "warn"]);
    let mut server = start(command, port, folder)?;
    server.big = filled(port, runs)?;
    Ok(Some(server))
}

/// Logs the runs that `peers/mlflow_store.py` writes.
fn filled(port: u16, runs: usize) -> Result<String> {
    let mut client = Client::connect(port)?;
    let created = client.post("/api/2.0/mlflow/experiments/create", r#"{"name": "big"}"#)?;
    let experiment =
        created.get("experiment_id").and_then(|id| id.as_str()).ok_or("no experiment")?.to_owned();
    for run in 0..runs {
        let body =
            format!(r#"{{"experiment_id": "{experiment}", "run_name": "r{run}", "start_time": {run}}}"#);
        let created = client.post("/api/2.0/mlflow/runs/create", &body)?;
        let id = created.pointer("/run/info/run_id").and_then(|id| id.as_str()).ok_or("no run")?.to_owned();
        let of = |factor: usize| (run * factor % 10007) as f64 / 10007.0;
        let body = format!(
            r#"{{"run_id": "{id}", "metrics": [{{"key": "auc", "value": {}, "timestamp": 0, "step": 0}},
                {{"key": "loss", "value": {}, "timestamp": 0, "step": 0}}],
                "params": [{{"key": "lr", "value": "{}"}}, {{"key": "depth", "value": "{}"}}],
                "tags": [{{"key": "team", "value": "t{}"}}]}}"#,
            of(7919),
            of(104_729),
            run % 10,
            run % 7,
            run % 5
        );
        client.post("/api/2.0/mlflow/runs/log-batch", &body)?;
    }
    Ok(experiment)
}

/// MLflow's own, with one worker; none where no Python with it was given.
pub(super) fn stock(folder: &Path, runs: usize) -> Result<Option<Server>> {
    let Some(python) = env::var_os(PYTHON).filter(|python| !python.is_empty()) else { return Ok(None) };
    let (file, artifacts) = (folder.join("mlflow.db"), folder.join("stock_artifacts"));
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/mlflow_store.py");
    let output = Command::new(&python)
        .arg(script)
        .arg("--file")
        .arg(&file)
        .arg("--artifacts")
        .arg(&artifacts)
        .args(["--runs", &runs.to_string()])
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()?;
    if !output.status.success() {
        return Err(format!("mlflow_store.py failed: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    let told = String::from_utf8(output.stdout)?;
    let port = free_port()?;
    let mut command = Command::new(python);
    command.args(["-m", "mlflow", "server", "--workers", "1", "--host", "127.0.0.1"]);
    command.args(["--port", &port.to_string(), "--serve-artifacts", "--backend-store-uri"]);
    command.arg(format!("sqlite:///{}", file.display())).arg("--artifacts-destination").arg(&artifacts);
    command.env("MLFLOW_SERVER_ENABLE_JOB_EXECUTION", "false").env("MLFLOW_DISABLE_TELEMETRY", "true");
    let mut server = start(command, port, folder)?;
    server.big = told.lines().last().unwrap_or_default().to_owned();
    Ok(Some(server))
}

fn start(mut command: Command, port: u16, folder: &Path) -> Result<Server> {
    let log = folder.join(format!("server_{port}.log"));
    let file = File::create(&log)?;
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let child =
        command.current_dir(folder).stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file).spawn()?;
    let mut server = Server { child, port, big: String::new() };
    let end = Instant::now() + Duration::from_secs(120);
    loop {
        // Of MLflow the answer is a text, which is no JSON.
        let is_ready = Client::connect(port).is_ok_and(|mut client| match client.get("/health") {
            Ok(_) => true,
            Err(cause) => cause.to_string().contains("expected"),
        });
        if is_ready {
            return Ok(server);
        }
        if server.child.try_wait()?.is_some() || Instant::now() > end {
            return Err(format!("a server does not answer: {}", fs::read_to_string(log)?).into());
        }
        thread::sleep(Duration::from_millis(50));
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The whole group: MLflow's server starts others.
        #[cfg(unix)]
        drop(Command::new("kill").args(["--", &format!("-{}", self.child.id())]).status());
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The program that is measured: beside the benches, or where a variable says.
pub(super) fn program() -> Result<Option<PathBuf>> {
    if let Some(program) = env::var_os(PROGRAM).filter(|program| !program.is_empty()) {
        return Ok(Some(PathBuf::from(program).canonicalize()?));
    }
    let beside = env::current_exe()?.with_file_name("mlcore-serve");
    Ok(beside.is_file().then_some(beside))
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

pub(super) const PROGRAM: &str = "MLCORE_BENCH_SERVER";
pub(super) const PYTHON: &str = "MLCORE_BENCH_MLFLOW_PYTHON";
