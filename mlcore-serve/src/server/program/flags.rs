use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde::Deserialize;

/// Makes the flags, and says which of two sources counts.
macro_rules! flags {
    ($($(#[doc = $doc:literal])+ #[arg($($arg:tt)*)] $name:ident: $type:ty,)+) => {
        /// What the program is told by flags, by the environment and by a file, under the same names.
        #[derive(Args, Clone, Debug, Default, Deserialize)]
        #[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
        pub(super) struct Flags {
            $($(#[doc = $doc])+ #[arg(long, $($arg)*)] pub(super) $name: Option<$type>,)+
        }

        impl Flags {
            /// These, and where they say nothing the others.
            pub(super) fn or(self, others: Self) -> Self {
                Self { $($name: self.$name.or(others.$name),)+ }
            }
        }
    };
}

flags! {
    /// Serve the models of this folder: NAME/VERSION/model.onnx, with NAME/config.pbtxt where it is wanted
    #[arg(env = "MLCORE_MODEL_REPOSITORY", value_name = "DIR", help_heading = "Models")]
    model_repository: PathBuf,
    /// Serve the models of this registry, as their aliases say: sqlite:////absolute/path, postgresql://user@host/database, or
    /// mlflow+http://host:port, an MLflow server, whose versions with the ONNX flavor are read
    #[arg(env = "MLCORE_REGISTRY", value_name = "URL", conflicts_with = "model_repository", help_heading = "Models")]
    registry: String,
    /// Serve the models of this bundle, a folder that a lock was written into: as its aliases say, without a registry
    #[arg(env = "MLCORE_BUNDLE", value_name = "DIR", conflicts_with_all = ["model_repository", "registry"], help_heading = "Models")]
    bundle: PathBuf,
    /// Load only what a key of this ring signed: a file in JSON, as mlcore's KeyRing writes it. Nothing else is loaded then
    #[arg(env = "MLCORE_TRUSTED_KEYS", value_name = "FILE", help_heading = "Models")]
    trusted_keys: PathBuf,
    /// The artifacts of a registry that is no MLflow server: a folder, s3://bucket/prefix, gs:// or az://; those beside it where
    /// nothing is said. Where they are given, MLflow's clients are served, too: experiments, runs, logged models and their files, at the
    /// port of HTTP
    #[arg(env = "MLCORE_ARTIFACTS", value_name = "URL", help_heading = "Models")]
    artifacts: String,
    /// Serve MLflow's own web page, for reading: the folder mlflow/server/js/build of MLflow's Python package; with --artifacts
    #[arg(env = "MLCORE_MLFLOW_PAGE", value_name = "DIR", help_heading = "Models")]
    mlflow_page: PathBuf,
    /// Serve the feature store of this folder to Feast's clients, at the port of HTTP: feature_store.toml in it is applied at the start, and the
    /// plans of on-demand views are plans/*.json. Models are not asked for then
    #[arg(env = "MLCORE_FEATURE_STORE", value_name = "DIR", help_heading = "Features")]
    feature_store: PathBuf,
    /// The project of a feature store whose definitions a program applies, and no feature_store.toml
    #[arg(env = "MLCORE_FEATURE_PROJECT", value_name = "NAME", help_heading = "Features")]
    feature_project: String,
    /// Which models are loaded: all at the start (none), all and what changes (poll), those of --load-model and what
    /// clients load (explicit) [default: none]
    #[arg(env = "MLCORE_MODEL_CONTROL_MODE", value_name = "MODE", help_heading = "Models")]
    model_control_mode: ControlMode,
    /// Load this model only; may be given several times
    #[arg(env = "MLCORE_LOAD_MODEL", value_name = "NAME", value_delimiter = ',', help_heading = "Models")]
    load_model: Vec<String>,
    /// Seconds between looks at the models that are there [default: 15]
    #[arg(env = "MLCORE_REPOSITORY_POLL_SECS", value_name = "SECONDS", help_heading = "Models")]
    repository_poll_secs: u64,
    /// End where a model cannot be loaded at the start, instead of serving the others [default: true]; a model
    /// of MLflow's whose file is kept elsewhere is no such model, unless --load-model names it
    #[arg(env = "MLCORE_EXIT_ON_ERROR", value_name = "BOOL", help_heading = "Models")]
    exit_on_error: bool,
    /// Keep each model's last good deployment in this folder, and start from it where the registry cannot be reached
    #[arg(env = "MLCORE_SNAPSHOTS", value_name = "DIR", help_heading = "Models")]
    snapshots: PathBuf,
    /// Keep in this file how far the file's [[webhooks]] were told; beside the registry where that is a file and nothing is said
    #[arg(env = "MLCORE_WEBHOOK_CURSOR", value_name = "FILE", help_heading = "Models")]
    webhook_cursor: PathBuf,

    /// Keep a log of all predictions and outcomes in this folder, in Parquet; the file's table [log] says how
    #[arg(env = "MLCORE_PREDICTION_LOG", value_name = "DIR", help_heading = "Models")]
    prediction_log: PathBuf,

    /// Listen on this address [default: 127.0.0.1]
    #[arg(env = "MLCORE_HOST", value_name = "ADDRESS", help_heading = "Network")]
    host: std::net::IpAddr,
    /// Listen for HTTP on this port; 0 lets the system choose one [default: 8000]
    #[arg(env = "MLCORE_HTTP_PORT", value_name = "PORT", help_heading = "Network")]
    http_port: u16,
    /// Listen for gRPC on this port; 0 lets the system choose one [default: 8001]
    #[arg(env = "MLCORE_GRPC_PORT", value_name = "PORT", help_heading = "Network")]
    grpc_port: u16,
    /// Answer GET /metrics for Prometheus on this port, too; 0 answers it on the port of HTTP only [default: 8002]
    #[arg(env = "MLCORE_METRICS_PORT", value_name = "PORT", help_heading = "Network")]
    metrics_port: u16,
    /// Measure what happens, and answer GET /metrics [default: true]
    #[arg(env = "MLCORE_ALLOW_METRICS", value_name = "BOOL", help_heading = "Network")]
    allow_metrics: bool,
    /// Answer over gRPC [default: true]
    #[arg(env = "MLCORE_ALLOW_GRPC", value_name = "BOOL", help_heading = "Network")]
    allow_grpc: bool,
    /// Answer requests to this host only; may be given several times
    #[arg(env = "MLCORE_ALLOWED_HOST", value_name = "HOST", value_delimiter = ',', help_heading = "Network")]
    allowed_host: Vec<String>,
    /// Ask for keys: those of this file's tables [[auth.keys]]. The file of --config may have these tables, too
    #[arg(env = "MLCORE_AUTH_FILE", value_name = "FILE", help_heading = "Network")]
    auth_file: PathBuf,
    /// Ask for access tokens: those of this file, which mlcore-serve token issues and revokes. It is read again when it changes, and at
    /// SIGHUP
    #[arg(env = "MLCORE_TOKENS", value_name = "FILE", help_heading = "Network")]
    tokens: PathBuf,
    /// Encrypt connections with this certificate and those that lead to its authority, in PEM
    #[arg(env = "MLCORE_TLS_CERT", value_name = "FILE", help_heading = "Network")]
    tls_cert: PathBuf,
    /// The certificate's private key, in PEM
    #[arg(env = "MLCORE_TLS_KEY", value_name = "FILE", help_heading = "Network")]
    tls_key: PathBuf,
    /// Let in only clients with a certificate of an authority in this file, in PEM
    #[arg(env = "MLCORE_TLS_CLIENT_CA", value_name = "FILE", help_heading = "Network")]
    tls_client_ca: PathBuf,
    /// The most connections at once; others wait [default: 10000]
    #[arg(env = "MLCORE_MAX_CONNECTIONS", value_name = "NUMBER", help_heading = "Network")]
    max_connections: usize,
    /// The most bytes of a request, unpacked [default: 67108864]
    #[arg(env = "MLCORE_MAX_BODY_BYTES", value_name = "BYTES", help_heading = "Network")]
    max_body_bytes: usize,
    /// Seconds to go on taking requests after the signal to stop, while not being ready [default: 0]
    #[arg(env = "MLCORE_STOP_DELAY_SECS", value_name = "SECONDS", help_heading = "Network")]
    stop_delay_secs: u64,
    /// Seconds that requests under way may take after that [default: 30]
    #[arg(env = "MLCORE_EXIT_TIMEOUT_SECS", value_name = "SECONDS", help_heading = "Network")]
    exit_timeout_secs: u64,

    /// Threads that answer requests; as many as there are processors where nothing is said
    #[arg(env = "MLCORE_THREADS", value_name = "NUMBER", help_heading = "Process")]
    threads: usize,
    /// Threads that share the work of one operator of a model [default: 1]
    #[arg(env = "MLCORE_INTRA_OP_THREADS", value_name = "NUMBER", help_heading = "Process")]
    intra_op_threads: usize,
    /// The shared library of ONNX Runtime; looked for where nothing is said
    #[arg(env = "MLCORE_ONNXRUNTIME", value_name = "FILE", help_heading = "Process")]
    onnxruntime: PathBuf,
    /// Load no model with which this process would have more memory than so many bytes
    #[arg(env = "MLCORE_MAX_MEMORY_BYTES", value_name = "BYTES", help_heading = "Process")]
    max_memory_bytes: u64,
    /// Have every model tried by a process of its own first, with a limit of its memory and time
    #[arg(env = "MLCORE_PROBE_MODELS", value_name = "BOOL", help_heading = "Process")]
    probe_models: bool,
    /// Send the spans of requests to the collector at this address, such as http://localhost:4318, by OTLP over HTTP; as
    /// OTEL_EXPORTER_OTLP_ENDPOINT, beside which OpenTelemetry's other variables count. Needs a build with the feature otel
    #[arg(env = "MLCORE_OTLP_ENDPOINT", value_name = "URL", help_heading = "Process")]
    otlp_endpoint: String,
    /// What is told in the log of the process, such as info or mlcore_serve=debug [default: info]
    #[arg(env = "MLCORE_LOG_FILTER", value_name = "FILTER", help_heading = "Process")]
    log_filter: String,
    /// How it is written [default: text]
    #[arg(env = "MLCORE_LOG_FORMAT", value_name = "FORMAT", help_heading = "Process")]
    log_format: LogFormat,
}

/// Which models are loaded, in Triton's words.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum ControlMode {
    #[default]
    None,
    Poll,
    Explicit,
}

/// How log lines are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum LogFormat {
    #[default]
    Text,
    Json,
}
