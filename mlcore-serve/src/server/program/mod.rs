//! The program `mlcore-serve`, as a function: what its flags mean, and its life from the start to the end.

mod backup;
mod duties;
mod features;
mod flags;
mod import;
#[cfg(feature = "otel")]
mod otlp;
mod retention;
mod security;
mod settings;
mod signals;
mod source;
mod spans;
mod token;
mod tracking;
mod webhooks;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{Parser, Subcommand};
use mlcore::name::ModelName;
use mlcore::runner::ort::Probe;
use mlcore::{Error, Result};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing::{Dispatch, Subscriber};
#[cfg(not(feature = "otel"))]
use tracing_subscriber::layer::Identity;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer, Registry};

use self::duties::Duties;
use self::flags::{ControlMode, Flags, LogFormat};
use self::import::{Import, StoreExport};
#[cfg(feature = "otel")]
use self::otlp::Export;
use self::security::Security;
use self::settings::Settings;
use self::signals::Signals;
use self::token::TokenCommand;
use self::tracking::Tracked;
use super::{MetricsService, Server, ServerOptions};
use crate::feast::Feast;
use crate::grpc::{GrpcLimits, GrpcService};
use crate::http::{HttpLimits, HttpService};
use crate::log::PredictionLog;
use crate::metrics::Prometheus;
use crate::models::Models;
use crate::v2::Parameters;

/// Serve ONNX models over the Open Inference Protocol V2, as Triton and KServe speak it.
///
/// Every flag can be set in the environment, under the name that stands beside it, and in the file of --config, under its own:
/// `http-port = 8000`. A flag goes before the environment, and that before the file. How a single model is served stands in
/// the file's table [models.NAME].
#[derive(Parser, Debug)]
#[command(name = "mlcore-serve", version, max_term_width = 100)]
struct CommandLine {
    /// Read settings from this file, in TOML
    #[arg(long, env = "MLCORE_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    flags: Flags,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Print the hash of a key, which standard input holds, for a table [[auth.keys]]
    HashKey {
        /// Make a new key of 256 random bits instead, and print it, too
        #[arg(long)]
        generate: bool,
    },
    /// Issue, list and revoke access tokens, of which a file keeps hashes
    Token(TokenCommand),
    /// Take over the experiments, runs and registered models of MLflow
    ///
    /// What is there already stays as it is, so that an import may be repeated. What was taken and what was left out, with the reason, is
    /// printed. Ends with 3 where something was left out.
    Import(Import),
    /// Write the experiments, runs and logged models into a database that MLflow opens
    ///
    /// Registered models are not written. What was written and what was left out, with the reason, is printed. Ends with 3 where something was
    /// left out.
    Export(StoreExport),
}

/// Runs the program with these arguments, the first of which is its own name, until a signal ends it.
///
/// Exit codes: 0 after a stop without loss, 1 where a model could not be loaded or a port not be listened on, 2 for arguments
/// and settings that are wrong, 3 where requests were cut off at the end, or an import or export left something out.
///
/// SIGTERM and SIGINT stop it once what is under way is answered; a second one at once. SIGHUP reads keys and certificates again.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    // The program is its own child where it tries models.
    Probe::serve_if_asked();
    let arguments = match CommandLine::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => {
            // What is asked for, such as help, goes to standard output, and is no failure.
            let _ = error.print();
            return if error.use_stderr() { ExitCode::from(2) } else { ExitCode::SUCCESS };
        }
    };
    let ended = match &arguments.command {
        Some(Command::HashKey { generate }) => security::print_hash(*generate).map(|()| 0),
        Some(Command::Token(token)) => token.run(arguments.flags.tokens.as_deref()).map(|()| 0),
        Some(Command::Export(export)) => export.run(arguments.flags.registry.as_deref()),
        Some(Command::Import(import)) => take_over(import, &arguments),
        None => run(arguments),
    };
    match ended {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::from(3),
        Err(error) => {
            // Nobody may be left to read it.
            let _ = writeln!(std::io::stderr(), "mlcore-serve: {error}");
            ExitCode::from(if matches!(error, Error::InvalidInput(_)) { 2 } else { 1 })
        }
    }
}

/// Imports, and says how many things were left out.
fn take_over(import: &Import, arguments: &CommandLine) -> Result<usize> {
    let mut flags = arguments.flags.clone();
    import.add_to(&mut flags);
    let settings = Settings::read(arguments.config.as_deref(), flags, &|name| std::env::var(name).ok())?;
    log(&settings.flags, None::<tracing_subscriber::layer::Identity>)?;
    import.run(&settings)
}

/// Serves until a signal comes; says how many connections were cut off.
fn run(arguments: CommandLine) -> Result<usize> {
    let settings =
        Settings::read(arguments.config.as_deref(), arguments.flags, &|name| std::env::var(name).ok())?;
    #[cfg(feature = "otel")]
    let export = settings.spans.as_ref().map(Export::open).transpose()?;
    #[cfg(feature = "otel")]
    log(&settings.flags, export.as_ref().map(Export::layer))?;
    #[cfg(not(feature = "otel"))]
    log(&settings.flags, None::<Identity>)?;
    #[cfg(feature = "otel")]
    if let Some(spans) = &settings.spans {
        tracing::info!(url = spans.url, "spans of requests are exported");
    }
    #[cfg(not(feature = "otel"))]
    if let Some(spans) = &settings.spans {
        tracing::warn!(
            url = spans.url,
            "the environment names a collector of spans, and this build exports none: build it with --features server,otel"
        );
    }
    let security = Security::open(&settings)?;
    // Before whatever tells something: what has no recorder when it begins never gets one.
    let prometheus = match settings.flags.allow_metrics.unwrap_or(true) {
        true => Prometheus::install()?,
        false => None,
    };
    let predictions = match &settings.flags.prediction_log {
        Some(folder) => Some(Arc::new(PredictionLog::open(folder, settings.log.clone())?)),
        None => None,
    };
    let models = source::models(&settings, predictions.as_ref())?;
    let tracked = tracking::tracked(&settings)?;
    let feast = features::feast(&settings)?;
    let duties = Duties::open(&settings)?;
    let flags = &settings.flags;
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    if let Some(threads) = flags.threads {
        builder.worker_threads(threads.max(1));
    }
    let runtime = builder.enable_all().thread_name("mlcore-serve").build();
    let runtime = runtime.map_err(|cause| Error::from_io("start", "threads", cause))?;
    let result = runtime.block_on(async {
        let signals = Signals::new()?;
        let ((stop, stopping), (reload, asked)) = (watch::channel(()), watch::channel(()));
        tokio::spawn(security.clone().follow(asked));
        duties.begin(&stopping);
        tokio::select! {
            served = serve(&settings, &security, &models, (prometheus, tracked, feast), stopping) => served.map(Some),
            () = signals.second(stop, reload) => {
                tracing::warn!("asked twice to stop: what is under way is cut off");
                Ok(None)
            }
        }
    });
    let result = match result {
        Ok(None) => {
            // Nothing is waited for, not even the disk.
            std::mem::forget(predictions);
            Ok(1)
        }
        result => {
            models.stop_workers();
            // After the last record.
            let written = predictions.map_or(Ok(()), |log| log.flush());
            #[cfg(feature = "otel")]
            if let Some(export) = export {
                export.flush();
            }
            result.and_then(|cut_off| written.map(|()| cut_off.unwrap_or_default()))
        }
    };
    // A model that still computes is not waited for.
    runtime.shutdown_background();
    result
}

async fn serve(
    settings: &Settings,
    security: &Security,
    models: &Models,
    (prometheus, tracked, feast): (Option<Prometheus>, Option<Tracked>, Option<Feast>),
    stopping: watch::Receiver<()>,
) -> Result<usize> {
    let flags = &settings.flags;
    let (mut limits, mut grpc_limits) = (HttpLimits::default(), GrpcLimits::default());
    if let Some(bytes) = flags.max_body_bytes {
        (limits.body_bytes, grpc_limits.message_bytes) = (bytes, bytes);
    }
    let mut options = ServerOptions::default();
    options.connections = flags.max_connections.unwrap_or(options.connections);
    options.hosts = flags.allowed_host.clone().unwrap_or_default();
    options.stop_delay = Duration::from_secs(flags.stop_delay_secs.unwrap_or(0));
    options.drain_timeout = flags.exit_timeout_secs.map_or(options.drain_timeout, Duration::from_secs);
    options.tls = security.tls();
    let host = flags.host.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
    // Listened on before models are loaded: a port that is taken is known at once, and health is answered from the start.
    let auth = security.auth();
    let mut http = HttpService::with_limits(models.clone(), limits).with_auth(auth.clone());
    if let Some(prometheus) = prometheus.clone() {
        let models = models.clone();
        http = http.with_metrics(move || render(&prometheus, &models));
    }
    if let Some(Tracked { mlflow, pages }) = tracked {
        http = http.with_mlflow(mlflow).with_pages(pages);
    }
    if let Some(feast) = feast {
        http = http.with_feast(feast);
    }
    let grpc = GrpcService::with_limits(models.clone(), http.settings().clone(), grpc_limits)
        .with_auth(auth.clone());
    security.tell(host.is_loopback());
    let address = SocketAddr::new(host, flags.http_port.unwrap_or(8000));
    let mut servers = vec![("HTTP", Server::bind(address, http, options.clone()).await?)];
    if flags.allow_grpc.unwrap_or(true) {
        let address = SocketAddr::new(host, flags.grpc_port.unwrap_or(8001));
        servers.push(("gRPC", Server::bind(address, grpc, options.clone()).await?));
    }
    if let Some(prometheus) = prometheus {
        let own_port = flags.metrics_port.unwrap_or(8002);
        if own_port > 0 {
            let (address, prometheus, told) =
                (SocketAddr::new(host, own_port), prometheus.clone(), models.clone());
            let service = MetricsService::new(models.clone(), move || render(&prometheus, &told));
            servers.push(("metrics", Server::bind(address, service, options).await?));
        }
        tokio::spawn(keep_up(prometheus, models.clone()));
    }
    models.set_loading(true);
    let mut running = JoinSet::new();
    let mut addresses = Vec::new();
    for (protocol, server) in servers {
        addresses.push((protocol, server.address()?));
        let mut stopping = stopping.clone();
        running.spawn(server.run(async move { drop(stopping.changed().await) }));
    }
    models.spawn_workers(WORK_INTERVAL)?;
    load(settings, models).await?;
    models.set_loading(false);
    for (protocol, address) in addresses {
        tracing::info!(%address, "serving over {protocol}");
    }
    let mode = flags.model_control_mode.unwrap_or_default();
    if mode == ControlMode::Poll {
        let (models, seconds) = (models.clone(), flags.repository_poll_secs.unwrap_or(15).max(1));
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(Duration::from_secs(seconds)).await;
                let models = models.clone();
                let followed = tokio::task::spawn_blocking(move || models.follow_source()).await;
                if let Ok(Err(error)) = followed {
                    tracing::error!(%error, "the models that are there were not looked at");
                }
            }
        });
    }
    let mut cut_off = 0;
    while let Some(ended) = running.join_next().await {
        let stopped = ended.map_err(|cause| Error::internal("serve", "connections", cause.to_string()))?;
        cut_off += stopped.cut_off;
    }
    tracing::info!(cut_off, "stopped");
    Ok(cut_off)
}

fn render(prometheus: &Prometheus, models: &Models) -> String {
    models.collect_metrics();
    prometheus.render()
}

/// Puts away what histograms were told, whether anybody renders them or not.
async fn keep_up(prometheus: Prometheus, models: Models) {
    loop {
        tokio::time::sleep(UPKEEP_INTERVAL).await;
        let (prometheus, models) = (prometheus.clone(), models.clone());
        // What went wrong once is tried again.
        let _ = tokio::task::spawn_blocking(move || {
            models.collect_metrics();
            prometheus.upkeep();
        })
        .await;
    }
}

/// Loads what is to be there at the start.
async fn load(settings: &Settings, models: &Models) -> Result<()> {
    let flags = &settings.flags;
    let mode = flags.model_control_mode.unwrap_or_default();
    let named =
        flags.load_model.clone().map(|names| names.iter().map(ModelName::new).collect::<Result<Vec<_>>>());
    let named = named.transpose()?;
    let must_load = flags.exit_on_error.unwrap_or(true);
    let loading = models.clone();
    let failed = tokio::task::spawn_blocking(move || {
        let names = match named {
            Some(names) => names,
            None if mode == ControlMode::Explicit => Vec::new(),
            None => loading.servable_names()?,
        };
        let mut failed = BTreeMap::new();
        for name in names {
            match loading.load(&name, &Parameters::new()) {
                Ok(()) => tracing::info!(model = name.as_str(), "a model was loaded"),
                Err(error) => {
                    tracing::error!(model = name.as_str(), %error, "a model was not loaded");
                    failed.insert(name, error);
                }
            }
        }
        Ok::<_, Error>(failed)
    });
    let failed =
        failed.await.map_err(|cause| Error::internal("load models", "thread", cause.to_string()))??;
    match failed.into_values().next() {
        Some(error) if must_load => Err(error),
        _ => Ok(()),
    }
}

/// Lets the log go to standard error, and spans where `spans` tells of them.
fn log<L>(flags: &Flags, spans: Option<L>) -> Result<()>
where
    L: Layer<Registry> + Send + Sync,
{
    // Whoever calls this function may have its own.
    if subscriber(flags, spans)?.try_init().is_err() {
        tracing::debug!("the host's own log is used");
    }
    Ok(())
}

fn subscriber<L>(flags: &Flags, spans: Option<L>) -> Result<Dispatch>
where
    L: Layer<Registry> + Send + Sync,
{
    let registry = tracing_subscriber::registry();
    Ok(match spans {
        Some(spans) => Dispatch::new(registry.with(spans).with(lines(flags)?)),
        // Not with a layer that does nothing: it would listen to everything, and all spans of all requests would be made for it.
        None => Dispatch::new(registry.with(lines(flags)?)),
    })
}

/// The lines of the log. Their filter is of them alone.
fn lines<S>(flags: &Flags) -> Result<Box<dyn Layer<S> + Send + Sync>>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    let filter = flags.log_filter.as_deref().unwrap_or("info");
    let filter = EnvFilter::try_new(filter).map_err(|cause| {
        let problem = format!("{filter:?} is no filter of log lines");
        Error::invalid_input("read settings", "log-filter", problem).caused_by(cause)
    })?;
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    // It would be told on standard error, and a program that is told there that nobody reads it panics.
    let lines = lines.log_internal_errors(false);
    Ok(match flags.log_format.unwrap_or_default() {
        LogFormat::Text => lines.with_ansi(false).with_filter(filter).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).with_filter(filter).boxed(),
    })
}

/// Until it, histograms keep every value: 8 bytes for each stage of each request.
const UPKEEP_INTERVAL: Duration = Duration::from_secs(1);
/// How often records are worked off at the latest.
const WORK_INTERVAL: Duration = Duration::from_millis(50);

#[cfg(test)]
mod tests {
    use tracing_subscriber::layer::Identity;

    use super::*;

    #[test]
    fn spans_that_nobody_asked_for_are_not_made() {
        let is_made = |filter: &str| {
            let flags = Flags { log_filter: Some(filter.to_owned()), ..Flags::default() };
            let dispatch = subscriber(&flags, None::<Identity>).unwrap();
            tracing::dispatcher::with_default(&dispatch, || {
                !tracing::debug_span!(target: "mlcore_serve::request", "request").is_disabled()
            })
        };
        assert!(!is_made("info"));
        assert!(is_made("info,mlcore_serve::request=debug"));
    }
}
