//! `mlcore.serve`: endpoints and folders of models over HTTP and gRPC, from Python.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use mlcore::Result;
use mlcore::runner::ort::OnnxOptions;
use mlcore_serve::auth::{Auth, Keys};
use mlcore_serve::grpc::{GrpcLimits, GrpcService};
use mlcore_serve::http::HttpService;
use mlcore_serve::models::{FolderSource, Models, SourceOptions};
use mlcore_serve::server::{Background, ServerOptions, Tls, TlsOptions};
use mlcore_serve::v2::Parameters;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyTuple};

use crate::door::Text;
use crate::endpoint::Endpoint;
use crate::error::{detached, entry, invalid, raise, wrong_type};
use crate::runner::{duration, own_library};
use crate::telemetry::{self, Collect};

#[pymodule(submodule, module = "mlcore", name = "serving")]
pub(crate) mod native {
    #[pymodule_export]
    use super::{Server, serve};
}

/// Serves models over HTTP, and over gRPC where it is asked for, by threads of its own: the call returns at once.
///
/// The Open Inference Protocol V2 is answered as Triton and KServe speak it, KServe's first protocol, raw records and outcomes, and
/// ``/metrics`` for Prometheus; ``/openapi.json`` lists all of it. ``tritonclient``, ``kserve`` and ``curl`` work against it.
///
/// Parameters
/// ----------
/// models : Endpoint, list of Endpoint, str or os.PathLike
///     Endpoints, each under the name of its model; or a folder in Triton's layout, ``name/version/model.onnx``, of which all models
///     are loaded.
/// host : str, optional
///     The address to listen on. Default ``127.0.0.1``: this machine only.
/// http_port : int, optional
///     The port of HTTP; 0 lets the system choose one. Default 8000.
/// grpc_port : int, optional
///     The port of gRPC; 0 lets the system choose one. Default: no gRPC.
/// auth_file : str or os.PathLike, optional
///     A TOML file of keys, as the program ``mlcore-serve`` takes it. Without one everybody who reaches the server may ask for
///     predictions.
/// tls_cert, tls_key : str or os.PathLike, optional
///     A certificate with what leads to its authority, and its private key, both in PEM. Default: connections are not encrypted.
/// tls_client_ca : str or os.PathLike, optional
///     The authorities of clients, in PEM: only those with a certificate are let in.
/// workers : bool, optional
///     Work off what the requests queue: outcomes, releases, drift. Default True; False where a :meth:`mlcore.Endpoint.worker`
///     does it.
/// stop_delay : float, optional
///     Seconds that a stopping server goes on taking requests while it says that it is not ready. Default 0.
/// drain_timeout : float, optional
///     Seconds after which requests that are still under way are cut off when it stops. Default 30.
///
/// Returns
/// -------
/// Server
///     Ends with its ``with`` block, by :meth:`Server.stop`, or with the process.
///
/// Raises
/// ------
/// InvalidInputError
///     For an address that is none, and for keys and certificates that cannot be used.
/// NotFoundError
///     For a folder or a file that is not there.
/// UnavailableError
///     When another program listens on the port.
/// InvalidModelError
///     For a model of the folder that cannot be loaded.
///
/// Examples
/// --------
/// >>> import mlcore
/// >>> with mlcore.serve("models", http_port=0) as server:                        # doctest: +SKIP
/// ...     print(server.url)
/// http://127.0.0.1:40123
#[pyfunction]
#[pyo3(signature = (
    models, *, host = None, http_port = 8000, grpc_port = None, auth_file = None, tls_cert = None, tls_key = None,
    tls_client_ca = None, workers = true, stop_delay = 0.0, drain_timeout = 30.0
))]
#[expect(clippy::too_many_arguments, reason = "keyword-only options of a Python signature")]
pub(crate) fn serve(
    py: Python<'_>,
    models: &Bound<'_, PyAny>,
    host: Option<Text>,
    http_port: u16,
    grpc_port: Option<u16>,
    auth_file: Option<PathBuf>,
    tls_cert: Option<PathBuf>,
    tls_key: Option<PathBuf>,
    tls_client_ca: Option<PathBuf>,
    workers: bool,
    stop_delay: f64,
    drain_timeout: f64,
) -> PyResult<Server> {
    entry(py, |py| {
        telemetry::prepare();
        let host = host.map_or_else(|| "127.0.0.1".to_owned(), Text::into_string);
        let Ok(address) = host.parse::<IpAddr>() else {
            let remedy = "give an address of this machine, such as 127.0.0.1 or 0.0.0.0";
            return Err(invalid(py, SERVE, "host", format!("{host:?} is no address"), remedy));
        };
        let mut options = ServerOptions::default();
        options.stop_delay = duration(py, SERVE, "stop_delay", stop_delay)?;
        options.drain_timeout = duration(py, SERVE, "drain_timeout", drain_timeout)?;
        options.tls = match (tls_cert, tls_key, tls_client_ca) {
            (None, None, None) => None,
            (Some(certificate), Some(key), client_ca) => {
                let mut tls = TlsOptions::new(certificate, key);
                tls.client_ca = client_ca;
                Some(Tls::open(tls).map_err(|error| raise(py, &error))?)
            }
            _ => {
                let problem = "a certificate and its key are given together";
                return Err(invalid(py, SERVE, "tls_cert", problem, "give tls_cert= and tls_key="));
            }
        };
        let source = Source::read(models)?;
        let library = own_library(py)?;
        let started = detached(py, || {
            let auth = match auth_file {
                Some(path) => Auth::new(Keys::of_file(path)?),
                None => Auth::default(),
            };
            let models = source.open(library)?;
            if workers {
                models.spawn_workers(WORK_INTERVAL)?;
            }
            let told = models.clone();
            let collect = telemetry::watch(move || told.collect_metrics());
            let http = HttpService::new(models.clone()).with_auth(auth.clone());
            let settings = http.settings().clone();
            let http = http.with_metrics(telemetry::text);
            let mut services = vec![(SocketAddr::new(address, http_port), http.into())];
            if let Some(port) = grpc_port {
                let grpc = GrpcService::with_limits(models.clone(), settings, GrpcLimits::default());
                services.push((SocketAddr::new(address, port), grpc.with_auth(auth).into()));
            }
            let started = Background::start(services, &options);
            if started.is_err() {
                models.stop_workers();
            }
            let servers = started?;
            telemetry::keep_up();
            Ok((servers, models, collect))
        });
        let (servers, models, collect) = started?;
        let is_encrypted = options.tls.is_some();
        let addresses = servers.addresses().to_vec();
        let running = Running { servers, models, process: std::process::id(), _collect: collect };
        Ok(Server { addresses, is_encrypted, running: Mutex::new(Some(running)) })
    })
}

/// Where models come from.
enum Source {
    Endpoints(Vec<mlcore_serve::Endpoint>),
    Folder(PathBuf),
}

impl Source {
    fn read(models: &Bound<'_, PyAny>) -> PyResult<Self> {
        let py = models.py();
        if let Ok(endpoint) = models.cast::<Endpoint>() {
            return Ok(Self::Endpoints(vec![endpoint.get().native(py)?]));
        }
        let listed = models.cast::<PyList>().is_ok() || models.cast::<PyTuple>().is_ok();
        if !listed {
            return models.extract().map(Self::Folder).map_err(|_| wrong(models));
        }
        let mut endpoints = Vec::<mlcore_serve::Endpoint>::new();
        for item in models.try_iter()? {
            let item = item?;
            let endpoint = item.cast::<Endpoint>().map_err(|_| wrong(&item))?.get().native(py)?;
            if endpoints.iter().any(|other| other.model_name() == endpoint.model_name()) {
                let problem = format!("{} is there twice", endpoint.model_name());
                return Err(invalid(py, SERVE, "models", problem, "serve one endpoint of each model"));
            }
            endpoints.push(endpoint);
        }
        if endpoints.is_empty() {
            return Err(invalid(
                py,
                SERVE,
                "models",
                "there are none",
                "give an Endpoint, or a folder of models",
            ));
        }
        Ok(Self::Endpoints(endpoints))
    }

    fn open(self, library: Option<PathBuf>) -> Result<Models> {
        match self {
            Self::Endpoints(endpoints) => {
                let models = Models::new();
                endpoints.into_iter().for_each(|endpoint| models.insert(endpoint));
                Ok(models)
            }
            Self::Folder(folder) => {
                let onnx = match library {
                    Some(library) => OnnxOptions::default().with_library(library),
                    None => OnnxOptions::default(),
                };
                let options = SourceOptions::default().with_onnx(onnx);
                let models = Models::of(FolderSource::open(folder, options)?);
                for name in models.source_names()? {
                    models.load(&name, &Parameters::new())?;
                }
                Ok(models)
            }
        }
    }
}

fn wrong(given: &Bound<'_, PyAny>) -> PyErr {
    let problem = format!(
        "an endpoint, a list of endpoints or a path is expected, got {}",
        crate::door::type_name(given)
    );
    wrong_type(given.py(), SERVE, "models", &problem, "give an Endpoint, or a folder of models")
}

/// Models that are served. Made by :func:`mlcore.serve`; a ``with`` block stops it at its end.
#[pyclass(module = "mlcore.serving", frozen)]
pub(crate) struct Server {
    addresses: Vec<SocketAddr>,
    is_encrypted: bool,
    running: Mutex<Option<Running>>,
}

/// The servers, and the process that they are in: a child has no such threads.
struct Running {
    servers: Background,
    models: Models,
    process: u32,
    /// Kept, so that it is asked.
    _collect: Collect,
}

#[pymethods]
impl Server {
    fn __enter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    #[pyo3(signature = (*_exception))]
    fn __exit__(&self, py: Python<'_>, _exception: &Bound<'_, PyTuple>) -> PyResult<()> {
        self.stop(py)
    }

    /// Where HTTP is answered, such as ``http://127.0.0.1:8000``.
    #[getter]
    fn url(&self) -> String {
        let scheme = if self.is_encrypted { "https" } else { "http" };
        self.addresses.first().map(|address| format!("{scheme}://{address}")).unwrap_or_default()
    }

    /// Where gRPC is answered, such as ``127.0.0.1:8001``; None without gRPC.
    #[getter]
    fn grpc_address(&self) -> Option<String> {
        self.addresses.get(1).map(SocketAddr::to_string)
    }

    /// Whether it answers requests.
    #[getter]
    fn alive(&self, py: Python<'_>) -> PyResult<bool> {
        entry(py, |py| {
            detached(py, || {
                let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
                Ok(running.as_ref().is_some_and(|running| running.process == std::process::id()))
            })
        })
    }

    /// Stops it: it takes no more connections, answers what is under way, and works off what was queued. A second call does nothing.
    fn stop(&self, py: Python<'_>) -> PyResult<()> {
        // Models, losses and policies of Python's may need the interpreter until the end.
        entry(py, |py| detached(py, || self.end()))
    }

    fn __repr__(&self) -> String {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let state = if running.is_some() { "" } else { ", stopped" };
        format!("<mlcore.serving.Server at {}{state}>", self.url())
    }
}

impl Server {
    fn end(&self) -> Result<()> {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        match running {
            Some(Running { servers, models, process, _collect }) if process == std::process::id() => {
                let stopped = servers.stop();
                models.stop_workers();
                models.collect_metrics();
                stopped.map(drop)
            }
            // Waiting for threads that the fork did not bring along would never end.
            Some(forked) => {
                std::mem::forget(forked);
                Ok(())
            }
            None => Ok(()),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Python drops it with the interpreter held, which a request may be waiting for.
        if Python::try_attach(|py| py.detach(|| drop(self.end()))).is_none() {
            // The interpreter is going down, and the threads with it.
            std::mem::forget(self.running.get_mut().unwrap_or_else(PoisonError::into_inner).take());
        }
    }
}

const SERVE: &str = "serve";
/// How often records are worked off at the latest.
const WORK_INTERVAL: Duration = Duration::from_millis(50);
