use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::probe::Probe;
use super::provider::{Fallback, Provider};
use crate::words;

/// How a model is loaded and run. The defaults are for tabular models in a service: one thread per run, no spinning.
///
/// ```
/// use mlcore::runner::ort::{Fallback, OnnxOptions, Provider};
///
/// let options = OnnxOptions::default()
///     .with_intra_threads(4)
///     .with_warm_up(3)
///     .with_providers([Provider::Cuda { device: 0 }])
///     .with_fallback(Fallback::Allowed);
/// assert_eq!(options.providers, [Provider::Cuda { device: 0 }]);
/// ```
#[non_exhaustive]
#[derive(Clone, PartialEq, Debug)]
pub struct OnnxOptions {
    /// What errors and logs call the model. Default: the file's name, or `model`.
    pub name: Option<String>,
    /// The shared library of ONNX Runtime. Default: see [`OnnxRuntime::load`](super::OnnxRuntime::load).
    pub library: Option<PathBuf>,
    /// Threads that share the work of one operator; 0 lets ONNX Runtime take one per core. Default 1: a tabular model
    /// answers in microseconds, and a second thread costs more than it brings.
    pub intra_threads: usize,
    /// Operators of one run that may run at once; 0 lets ONNX Runtime choose. Default 1.
    pub inter_threads: usize,
    /// Whether idle threads of the session spin, which saves microseconds and burns their cores. Default no.
    pub spinning: bool,
    /// How much the graph is rewritten while loading. Default everything.
    pub optimization: Optimization,
    /// Where it runs, in order of preference; one after the first is tried only where `fallback` allows it. Default the
    /// CPU.
    pub providers: Vec<Provider>,
    /// What happens when the provider asked for cannot run it. Default: an error.
    pub fallback: Fallback,
    /// The sessions that threads spread over on the CPU, where one serves any number. Default: one, and a few for a small
    /// model that is run by single threads, where copies cost nothing and spare threads each other.
    pub sessions: Option<NonZeroUsize>,
    /// Runs on zeros before loading ends, so that no request pays for the first allocations; each is stopped after
    /// `load_timeout`, or 10 seconds. Default 1; 0 for a model that nobody trusts to end.
    pub warm_up: usize,
    /// The longest that ONNX Runtime may take to load it, after which the call ends even where ONNX Runtime does not. Default:
    /// unbounded, on the caller's thread.
    pub load_timeout: Option<Duration>,
    /// Has every model tried by a process of its own first, see [`Probe`]. Default none.
    pub probe: Option<Probe>,
    /// What a model may ask for.
    pub limits: Limits,
}

/// What a model may ask for before it is refused.
///
/// ```
/// use mlcore::runner::ort::{Limits, OnnxOptions};
///
/// let limits = Limits::default().with_max_model_bytes(64 << 20).with_domain("com.microsoft");
/// let options = OnnxOptions::default().with_limits(limits);
/// assert_eq!(options.limits.max_nodes, 100_000);
/// ```
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Limits {
    /// The bytes of the model and its external data. Default 2 GiB, the most that one ONNX file can have.
    pub max_model_bytes: u64,
    /// The nodes of the graph. Default 100,000: ONNX Runtime takes some ten seconds to load that many.
    pub max_nodes: usize,
    /// The bytes that one run may answer. Default 1 GiB.
    pub max_output_bytes: u64,
    /// The bytes that the operators of one run may hold at a time, its outputs included; `u64::MAX` counts nothing. Default
    /// 4 GiB. A run that asks for more ends with [`Error::Overloaded`](crate::Error::Overloaded) before the memory is taken.
    /// Counted are tensors on the CPU that the run's own thread takes. Not limited, with a warning in the log, in a program that
    /// is built with `panic = "abort"`, and where the host has registered an allocator of its own with ONNX Runtime.
    pub max_run_bytes: u64,
    /// The resident memory of the process beyond which no model is loaded: a load that would go beyond it, by the memory that the
    /// process has on Linux and three times the bytes of the model's files, ends with
    /// [`Error::Unavailable`](crate::Error::Unavailable) before they are read; so does one that is beyond it when the model has run
    /// for the first time. Default `u64::MAX`, which asks nothing. Tensors of runs are [`max_run_bytes`](Self::max_run_bytes).
    pub max_process_bytes: u64,
    /// The inputs of the graph, those that have a default included. Default 20,000: ONNX Runtime takes a second to load that
    /// many.
    pub max_inputs: usize,
    /// The outputs of the graph. Default 2,000: the time that ONNX Runtime takes to load them grows with their square, and is a
    /// second for that many.
    pub max_outputs: usize,
    /// The tensors that the graph holds, its `Constant` nodes included. Default 10,000: the time that ONNX Runtime takes to load
    /// them grows with their square, and is some seconds for that many.
    pub max_initializers: usize,
    /// The operator domains allowed beyond the ONNX standard, such as `com.microsoft`. Default none.
    pub domains: Vec<String>,
}

/// How much ONNX Runtime rewrites the graph while loading.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Optimization {
    /// Not at all.
    None,
    /// Constant folding and removal of redundant nodes.
    Basic,
    /// Also fusions of operators.
    Extended,
    /// Also layouts for the hardware: everything.
    #[default]
    All,
}

words! { Optimization, "optimization": None = "none", Basic = "basic", Extended = "extended", All = "all" }

impl Default for OnnxOptions {
    fn default() -> Self {
        Self {
            name: None,
            library: None,
            intra_threads: 1,
            inter_threads: 1,
            spinning: false,
            optimization: Optimization::default(),
            providers: vec![Provider::Cpu],
            fallback: Fallback::default(),
            sessions: None,
            warm_up: 1,
            load_timeout: None,
            probe: None,
            limits: Limits::default(),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_model_bytes: 2 << 30,
            max_nodes: 100_000,
            max_output_bytes: 1 << 30,
            max_run_bytes: 4 << 30,
            max_process_bytes: u64::MAX,
            max_inputs: 20_000,
            max_outputs: 2_000,
            max_initializers: 10_000,
            domains: Vec::new(),
        }
    }
}

impl Limits {
    /// Refuses a model of more bytes than this, external data included.
    #[must_use]
    pub fn with_max_model_bytes(mut self, bytes: u64) -> Self {
        self.max_model_bytes = bytes;
        self
    }

    /// Refuses a graph of more nodes than this.
    #[must_use]
    pub fn with_max_nodes(mut self, nodes: usize) -> Self {
        self.max_nodes = nodes;
        self
    }

    /// Stops a run that would answer more bytes than this.
    #[must_use]
    pub fn with_max_output_bytes(mut self, bytes: u64) -> Self {
        self.max_output_bytes = bytes;
        self
    }

    /// Ends a run whose operators would hold more bytes than this at a time.
    #[must_use]
    pub fn with_max_run_bytes(mut self, bytes: u64) -> Self {
        self.max_run_bytes = bytes;
        self
    }

    /// Refuses to load a model with which the process would have more memory than this.
    #[must_use]
    pub fn with_max_process_bytes(mut self, bytes: u64) -> Self {
        self.max_process_bytes = bytes;
        self
    }

    /// Refuses a graph of more inputs than this.
    #[must_use]
    pub fn with_max_inputs(mut self, inputs: usize) -> Self {
        self.max_inputs = inputs;
        self
    }

    /// Refuses a graph of more outputs than this.
    #[must_use]
    pub fn with_max_outputs(mut self, outputs: usize) -> Self {
        self.max_outputs = outputs;
        self
    }

    /// Refuses a graph that holds more tensors than this.
    #[must_use]
    pub fn with_max_initializers(mut self, initializers: usize) -> Self {
        self.max_initializers = initializers;
        self
    }

    /// Allows the operators of one more domain, such as `com.microsoft`.
    #[must_use]
    pub fn with_domain(mut self, domain: impl Into<String>) -> Self {
        self.domains.push(domain.into());
        self
    }
}

impl OnnxOptions {
    /// Calls the model this in errors and logs.
    #[must_use]
    pub fn with_name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Loads ONNX Runtime from this shared library.
    #[must_use]
    pub fn with_library(mut self, library: impl Into<PathBuf>) -> Self {
        self.library = Some(library.into());
        self
    }

    /// Lets this many threads share the work of one operator.
    #[must_use]
    pub fn with_intra_threads(mut self, threads: usize) -> Self {
        self.intra_threads = threads;
        self
    }

    /// Lets this many operators of one run go at once.
    #[must_use]
    pub fn with_inter_threads(mut self, threads: usize) -> Self {
        self.inter_threads = threads;
        self
    }

    /// Lets idle threads of the session spin.
    #[must_use]
    pub fn with_spinning(mut self, spinning: bool) -> Self {
        self.spinning = spinning;
        self
    }

    /// Sets how far the graph is rewritten.
    #[must_use]
    pub fn with_optimization(mut self, optimization: Optimization) -> Self {
        self.optimization = optimization;
        self
    }

    /// Runs it on the first of these that works.
    #[must_use]
    pub fn with_providers(mut self, providers: impl Into<Vec<Provider>>) -> Self {
        self.providers = providers.into();
        self
    }

    /// Says what may run on the CPU when another provider was asked for.
    #[must_use]
    pub fn with_fallback(mut self, fallback: Fallback) -> Self {
        self.fallback = fallback;
        self
    }

    /// Spreads threads over this many sessions on the CPU.
    #[must_use]
    pub fn with_sessions(mut self, sessions: NonZeroUsize) -> Self {
        self.sessions = Some(sessions);
        self
    }

    /// Runs it this often on zeros before loading ends.
    #[must_use]
    pub fn with_warm_up(mut self, runs: usize) -> Self {
        self.warm_up = runs;
        self
    }

    /// Gives up loading after this long.
    #[must_use]
    pub fn with_load_timeout(mut self, timeout: Duration) -> Self {
        self.load_timeout = Some(timeout);
        self
    }

    /// Has it tried by a process of its own first.
    #[must_use]
    pub fn with_probe(mut self, probe: Probe) -> Self {
        self.probe = Some(probe);
        self
    }

    /// Sets what a model may ask for.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }
}
