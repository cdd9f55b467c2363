//! The stock clients of Triton, KServe, MLflow and Feast, which ask the program `mlcore-serve` as their users would; and a browser, which looks at
//! its pages.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use crate::process::{Failure, Result};
use crate::tally::{self, Tally};
use crate::{mlflow_page, packages, project, promtool, python};

/// Those that ask one server, one after the other, since they count what it was asked. Each in a process of its own: the clients of Triton and
/// KServe register messages of the same names.
const OF_ONE_SERVER: [&str; 5] =
    ["http_triton.py", "http_kserve.py", "grpc_triton.py", "grpc_kserve.py", "mlflow_scoring.py"];

/// Those that start servers of their own, the longest first: they wait for them most of the time.
const OF_THEIR_OWN: [&str; 7] = [
    "mlflow_import.py",
    "mlflow_tracking.py",
    "mlflow_pages.py",
    "page_axe.py",
    "mlflow_registry.py",
    "mission.py",
    "feast_online.py",
];

/// What they ask for; `models.py` beside the tests says why these.
const MODELS: [&str; 13] = [
    "rf30",
    "gb30",
    "mlp30",
    "columns",
    "strings",
    "texts8",
    "identity",
    "zipmap_int",
    "zipmap_string",
    "identity_scalar",
    "identity_cube",
    "fixed_batch",
    "fails_at_run",
];

/// Models whose requests share runs, so that both ways are asked.
const BATCHED: [&str; 2] = ["gb30", "mlp30"];

/// Runs the clients' tests against the program that the Rust tests were built with.
pub(crate) fn run(tally: &mut Tally) -> Result<()> {
    // Without it the test that wants it is skipped, and says so.
    let _ = packages::ensure("curl", "curl")?;
    // Pages are looked at by axe-core, which comes from npm.
    let _ = packages::ensure("npm", "npm")?;
    let python = python::environment_with("python-clients", "requirements-clients.txt")?;
    // Without a browser the test that wants one is skipped, and says so.
    let _ = packages::ensure("chromium", "chromium")?;
    let page = mlflow_page::files(&python)?;
    let server = Server::start(&repository()?)?;
    let pytest = |test: &str| {
        let path = format!("mlcore-serve/tests/clients/{test}");
        let mut pytest = python.command(&["-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", &path]);
        pytest.env("MLCORE_TEST_HTTP", &server.http).env("MLCORE_TEST_GRPC", &server.grpc);
        pytest.env("MLCORE_TEST_PROGRAM", program()).env("MLCORE_TEST_TRACKING", "mlcore");
        pytest.env("MLCORE_TEST_PAGE", &page);
        (format!("stock clients: {test}"), pytest)
    };
    for (name, mut pytest) in OF_ONE_SERVER.map(pytest) {
        tally.suite(&name, &mut pytest, tally::pytest)?;
    }
    tally.suites(OF_THEIR_OWN.map(pytest).into(), tally::pytest)?;
    promtool::run(tally, &server.http)?;
    let log = server.log.clone();
    if let Err(failure) = server.stop() {
        tally.fail(&failure.to_string());
    }
    // What reads Parquet is in the environment of the other tests.
    let readers = python::environment_with("python", "requirements.txt")?;
    let test = "mlcore-serve/tests/clients/prediction_log.py";
    let mut pytest = readers.command(&["-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", test]);
    tally.suite("prediction log", pytest.env("MLCORE_TEST_LOG", log), tally::pytest)
}

/// A folder of models in Triton's layout.
fn repository() -> Result<PathBuf> {
    let folder = project::target().join("clients");
    python::remove(&folder)?;
    for model in MODELS {
        let version = folder.join(model).join("1");
        let from = project::root().join("testdata/models/runner").join(format!("{model}.onnx"));
        let made = fs::create_dir_all(&version).and_then(|()| fs::copy(&from, version.join("model.onnx")));
        made.map_err(|error| unwritten(&version, &error))?;
    }
    for model in BATCHED {
        let config = folder.join(model).join("config.pbtxt");
        let text = "max_batch_size: 4096\ndynamic_batching { preferred_batch_size: [ 64 ] }\n";
        fs::write(&config, text).map_err(|error| unwritten(&config, &error))?;
    }
    Ok(folder)
}

/// The program, as the Rust tests build it.
fn program() -> PathBuf {
    project::target().join("debug").join(format!("mlcore-serve{}", std::env::consts::EXE_SUFFIX))
}

fn unwritten(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(format!("{} cannot be written ({error}); free some space", path.display()))
}

struct Server {
    child: Child,
    http: String,
    grpc: String,
    /// The folder of its prediction log.
    log: PathBuf,
}

impl Server {
    fn start(models: &Path) -> Result<Self> {
        let program = program();
        let unstarted = |problem: String| {
            Failure::new(format!("{} {problem}; the Rust tests build it", program.display()))
        };
        let mut command = Command::new(&program);
        command.arg("--model-repository").arg(models);
        command.args(["--model-control-mode", "explicit", "--load-model", &MODELS.join(",")]);
        let log = project::target().join("clients-log");
        python::remove(&log)?;
        command.arg("--prediction-log").arg(&log);
        command.args(["--http-port", "0", "--grpc-port", "0", "--metrics-port", "0"]);
        let started = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
        let mut child = started.map_err(|error| unstarted(format!("cannot be started ({error})")))?;
        let (teller, lines) = mpsc::channel();
        if let Some(output) = child.stderr.take() {
            // Read to the end, so that the program is never held up by a full pipe.
            thread::spawn(move || {
                for line in BufReader::new(output).lines().map_while(std::result::Result::ok) {
                    let _ = teller.send(line);
                }
            });
        }
        let address = |of: &str| -> Result<String> {
            let mark = format!("serving over {of} address=");
            let mut told = String::new();
            while let Ok(line) = lines.recv_timeout(Duration::from_secs(60)) {
                if let Some((_, address)) = line.split_once(&mark) {
                    return Ok(address.trim().to_owned());
                }
                told.push_str(&line);
                told.push('\n');
            }
            Err(unstarted(format!("does not serve over {of}:\n{told}")))
        };
        match (address("HTTP"), address("gRPC")) {
            (Ok(http), Ok(grpc)) => Ok(Self { child, http, grpc, log }),
            (Err(failure), _) | (_, Err(failure)) => {
                let _ = child.kill();
                let _ = child.wait();
                Err(failure)
            }
        }
    }

    /// Asks it to stop; it must end without a loss.
    fn stop(mut self) -> Result<()> {
        let id = self.child.id().to_string();
        let asked = Command::new("kill").args(["-TERM", &id]).status();
        let ended = asked.and_then(|_| self.child.wait());
        match ended {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => {
                Err(Failure::new(format!("mlcore-serve ended with {status} when it was asked to stop")))
            }
            Err(error) => Err(Failure::new(format!("mlcore-serve could not be stopped ({error})"))),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
