//! Loading a model for the first time in a process of its own, which may crash, hang, or take too much.
//!
//! The child is told on its standard input what to load and how, limits its own memory and processor time, and answers one
//! line on its standard output: what the model takes and answers, or the error. Whatever else becomes of it is an error too.

use std::env;
use std::ffi::OsString;
use std::io::{Read, Write, stdin, stdout};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::external::ExternalData;
use super::options::{Limits, OnnxOptions};
use super::runner::OnnxRunner;
use crate::error::{Error, Result};
use crate::interrupt;
use crate::runner::Runner;
use crate::schema::Signature;

/// Loads a model and runs it on zeros in a process of its own before the model is loaded in this one.
///
/// ONNX Runtime is written in C++, and a model from a stranger may make it crash, hang, or take all memory. A
/// [`OnnxOptions::with_probe`] has every load tried by a child first, and refuses the model where the child does not answer. It
/// costs a process and one load more, tenths of a second.
///
/// The child is a program that calls [`Probe::serve_if_asked`] where it begins: this one ([`Probe::this_program`]), or another
/// ([`Probe::program`]). From Python it is the interpreter, see `mlcore.runner.Probe`.
///
/// ```no_run
/// use std::time::Duration;
///
/// use mlcore::runner::ort::{OnnxOptions, OnnxRunner, Probe};
///
/// fn main() -> mlcore::Result<()> {
///     // Before anything else: a child that is to try a model does not come back from here.
///     Probe::serve_if_asked();
///     let probe = Probe::this_program()?.with_timeout(Duration::from_secs(10)).with_max_memory_bytes(2 << 30);
///     let model = OnnxRunner::from_file_with("stranger.onnx", &OnnxOptions::default().with_probe(probe))?;
///     Ok(())
/// }
/// ```
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Probe {
    /// The program that is started.
    pub program: PathBuf,
    /// What it is started with.
    pub arguments: Vec<OsString>,
    /// How long it may take to load the model and to run it once. Default 30 seconds, the processor time too.
    pub timeout: Duration,
    /// The address space that it may have, ONNX Runtime and the model included. Default 4 GiB. Not limited on Windows.
    pub max_memory_bytes: u64,
}

const OPERATION: &str = "probe model";
/// Set for the child, and so for nobody else.
const ASKED: &str = "MLCORE_PROBE";
/// What the line of the answer begins with; other lines are what the program says besides.
const MARK: &str = "mlcore-probe: ";

/// Whether this program has said that it can be the child.
static SERVES: AtomicBool = AtomicBool::new(false);

impl Probe {
    /// Starts this program again as the child. It must have called [`serve_if_asked`](Self::serve_if_asked).
    ///
    /// # Errors
    /// [`Error::InvalidInput`] where it has not, because a child would then do what the program does; what the system says where
    /// it does not tell which program this is.
    pub fn this_program() -> Result<Self> {
        if !SERVES.load(Ordering::Relaxed) {
            let problem = "this program does not call serve_if_asked, so that it would do its own work";
            return Err(Error::invalid_input(OPERATION, "this program", problem)
                .remedy("call serve_if_asked first thing in main, or name another program"));
        }
        let program = env::current_exe().map_err(|cause| Error::from_io(OPERATION, "this program", cause))?;
        Ok(Self::program(program, [] as [OsString; 0]))
    }

    /// Starts this program, which begins with [`serve_if_asked`](Self::serve_if_asked), as the child.
    #[must_use]
    pub fn program(
        program: impl Into<PathBuf>,
        arguments: impl IntoIterator<Item = impl Into<OsString>>,
    ) -> Self {
        Self {
            program: program.into(),
            arguments: arguments.into_iter().map(Into::into).collect(),
            timeout: Duration::from_secs(30),
            max_memory_bytes: 4 << 30,
        }
    }

    /// Gives the child this long.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Gives the child this much address space.
    #[must_use]
    pub fn with_max_memory_bytes(mut self, bytes: u64) -> Self {
        self.max_memory_bytes = bytes;
        self
    }

    /// Where this process is the child of a probe, loads the model that it is asked for, answers, and ends the process. Everywhere
    /// else it returns at once. To be called first thing in `main`, before threads are started.
    pub fn serve_if_asked() {
        SERVES.store(true, Ordering::Relaxed);
        if env::var_os(ASKED).is_none() {
            return;
        }
        let answer = match serve() {
            Ok(signature) => Answer { signature: Some(signature), error: None },
            Err(error) => Answer { signature: None, error: Some(error) },
        };
        let line = serde_json::to_string(&answer).unwrap_or_default();
        let mut out = stdout().lock();
        let written = out.write_all(format!("\n{MARK}{line}\n").as_bytes()).and_then(|()| out.flush());
        std::process::exit(i32::from(written.is_err()));
    }

    /// Has a child load the model, whose weights in other files were read, and answers its signature.
    pub(super) fn check(
        &self,
        name: &str,
        model: &[u8],
        weights: &[ExternalData],
        options: &OnnxOptions,
    ) -> Result<Signature> {
        let request = Request::new(self, name, model, weights, options);
        let header = serde_json::to_vec(&request)
            .map_err(|cause| Error::internal(OPERATION, name, cause.to_string()).caused_by(cause))?;
        let started = Command::new(&self.program)
            .args(&self.arguments)
            .env(ASKED, "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let child = started.map_err(|cause| {
            let problem = format!("its program {} cannot be started: {cause}", self.program.display());
            Error::unavailable(OPERATION, name, problem).caused_by(cause)
        })?;
        let told =
            talk(child, [&(header.len() as u64).to_le_bytes()[..], &header, model], weights, self.timeout)?;
        told.answer(self, name)
    }
}

/// What became of a child.
struct Told {
    out: String,
    complaint: String,
    /// `None` where it was killed because it took too long.
    status: Option<ExitStatus>,
}

/// Writes to the child and reads from it until it ends or the time is over; then it has ended.
fn talk(mut child: Child, parts: [&[u8]; 3], weights: &[ExternalData], timeout: Duration) -> Result<Told> {
    const LOOK: Duration = Duration::from_millis(5);
    let (input, out, complaints) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    thread::scope(|scope| {
        scope.spawn(move || {
            let Some(mut input) = input else { return };
            // A child that has ended reads nothing more, and says so by its end.
            let files = weights.iter().map(|file| file.bytes.as_slice());
            drop(parts.into_iter().chain(files).try_for_each(|part| input.write_all(part)));
        });
        let out = scope.spawn(move || read_end(out));
        let complaint = scope.spawn(move || read_end(complaints));
        let end = Instant::now().checked_add(timeout);
        let ended = loop {
            match child.try_wait() {
                Ok(Some(status)) => break Ok(Some(status)),
                Ok(None) if end.is_some_and(|end| Instant::now() >= end) => break Ok(None),
                Ok(None) => {}
                Err(cause) => break Err(Error::from_io(OPERATION, "child", cause)),
            }
            if let Err(stopped) = interrupt::check(OPERATION) {
                break Err(stopped);
            }
            thread::sleep(LOOK);
        };
        if !matches!(ended, Ok(Some(_))) {
            drop(child.kill());
            drop(child.wait());
        }
        let (out, complaint) = (out.join().unwrap_or_default(), complaint.join().unwrap_or_default());
        Ok(Told { out, complaint, status: ended? })
    })
}

/// The end of what is read, as much as an answer may have.
fn read_end(from: Option<impl Read>) -> String {
    const MOST: usize = 16 << 20;
    let (mut all, mut part) = (Vec::new(), [0; 1 << 16]);
    let Some(mut from) = from else { return String::new() };
    while let Ok(length @ 1..) = from.read(&mut part) {
        all.extend_from_slice(part.get(..length).unwrap_or_default());
        if all.len() > 2 * MOST {
            all.drain(..all.len() - MOST);
        }
    }
    String::from_utf8_lossy(&all).into_owned()
}

impl Told {
    fn answer(&self, probe: &Probe, name: &str) -> Result<Signature> {
        let line = self.out.lines().rev().find_map(|line| line.strip_prefix(MARK));
        if let Some(answer) = line.and_then(|line| serde_json::from_str::<Answer>(line).ok()) {
            return match (answer.signature, answer.error) {
                (_, Some(error)) => Err(error),
                (Some(signature), None) => Ok(signature),
                (None, None) => Err(Error::internal(OPERATION, name, "the child answered nothing")),
            };
        }
        let Some(status) = self.status else {
            let problem =
                format!("in a process of its own it did not load and run within {:?}", probe.timeout);
            return Err(Error::timeout(OPERATION, name, problem)
                .remedy("raise the timeout of the probe if you trust the model"));
        };
        let last = self.complaint.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("nothing");
        let last: String = last.chars().take(500).collect();
        if self.complaint.contains("memory allocation of") || self.complaint.contains("bad_alloc") {
            let most = probe.max_memory_bytes;
            let problem = format!("in a process of its own it needs more than {most} bytes: {last}");
            return Err(Error::overloaded(OPERATION, name, problem)
                .remedy("raise max_memory_bytes of the probe if you trust the model"));
        }
        match signal(status) {
            Some((_, true)) => {
                let problem = "in a process of its own it used up its processor time";
                Err(Error::timeout(OPERATION, name, problem)
                    .remedy("raise the timeout of the probe if you trust the model"))
            }
            Some((name, false)) => {
                let problem = format!("loading it ended a process of its own by {name}");
                Err(Error::invalid_model(OPERATION, name, problem).remedy("do not run it"))
            }
            None => {
                let problem =
                    format!("the program of the probe ended with {status} and no answer; it said: {last}");
                Err(Error::unavailable(OPERATION, name, problem)
                    .remedy("name a program that calls serve_if_asked first thing in main"))
            }
        }
    }
}

/// The signal that ended a process, and whether it says that the processor time is used up.
#[cfg(unix)]
fn signal(status: ExitStatus) -> Option<(String, bool)> {
    use std::os::unix::process::ExitStatusExt;

    let number = status.signal()?;
    let name = match number {
        libc::SIGSEGV => "SIGSEGV",
        libc::SIGABRT => "SIGABRT",
        libc::SIGBUS => "SIGBUS",
        libc::SIGFPE => "SIGFPE",
        libc::SIGILL => "SIGILL",
        libc::SIGKILL => "SIGKILL",
        libc::SIGXCPU => "SIGXCPU",
        _ => "another",
    };
    Some((format!("signal {number} ({name})"), number == libc::SIGXCPU))
}

#[cfg(not(unix))]
fn signal(_status: ExitStatus) -> Option<(String, bool)> {
    None
}

/// What a child is told before the bytes of the model.
#[derive(Debug, Serialize, Deserialize)]
struct Request {
    max_memory_bytes: u64,
    processor_seconds: u64,
    name: String,
    model_bytes: usize,
    /// Location and bytes of each file of weights.
    weights: Vec<(String, usize)>,
    library: Option<PathBuf>,
    threads: [usize; 2],
    spinning: bool,
    optimization: String,
    providers: Vec<String>,
    fallback: String,
    limits: Limits,
}

/// What a child answers: one of them.
#[derive(Debug, Serialize, Deserialize)]
struct Answer {
    signature: Option<Signature>,
    error: Option<Error>,
}

impl Request {
    fn new(probe: &Probe, name: &str, model: &[u8], weights: &[ExternalData], options: &OnnxOptions) -> Self {
        Self {
            max_memory_bytes: probe.max_memory_bytes,
            processor_seconds: probe.timeout.as_secs().saturating_add(1),
            name: name.to_owned(),
            model_bytes: model.len(),
            weights: weights.iter().map(|file| (file.location.clone(), file.bytes.len())).collect(),
            library: options.library.clone(),
            threads: [options.intra_threads, options.inter_threads],
            spinning: options.spinning,
            optimization: options.optimization.to_string(),
            providers: options.providers.iter().map(ToString::to_string).collect(),
            fallback: options.fallback.to_string(),
            limits: options.limits.clone(),
        }
    }

    /// The options for one session, which is as good as several.
    fn options(&self) -> Result<OnnxOptions> {
        let [intra, inter] = self.threads;
        let providers = self.providers.iter().map(|provider| provider.parse()).collect::<Result<Vec<_>>>()?;
        let mut options = OnnxOptions::default()
            .with_name(self.name.as_str())
            .with_intra_threads(intra)
            .with_inter_threads(inter)
            .with_spinning(self.spinning)
            .with_optimization(self.optimization.parse()?)
            .with_providers(providers)
            .with_fallback(self.fallback.parse()?)
            .with_sessions(std::num::NonZeroUsize::MIN)
            .with_warm_up(0)
            .with_limits(self.limits.clone());
        options.library.clone_from(&self.library);
        Ok(options)
    }
}

/// The work of a child.
fn serve() -> Result<Signature> {
    let mut input = stdin().lock();
    let mut read = |length: usize| {
        let mut bytes = Vec::new();
        let read = (&mut input).take(length as u64).read_to_end(&mut bytes);
        match read.map_err(|cause| Error::from_io(OPERATION, "request", cause))? {
            all if all == length => Ok(bytes),
            _ => Err(Error::invalid_input(OPERATION, "request", "it is cut off")),
        }
    };
    let length = read(8)?.try_into().map_or(0, u64::from_le_bytes);
    let header = read(usize::try_from(length).unwrap_or(0))?;
    let request: Request = serde_json::from_slice(&header)
        .map_err(|cause| Error::invalid_input(OPERATION, "request", cause.to_string()).caused_by(cause))?;
    limit(&request)?;
    let model = read(request.model_bytes)?;
    let weights = request
        .weights
        .iter()
        .map(|(location, length)| Ok(ExternalData { location: location.clone(), bytes: read(*length)? }));
    let weights = weights.collect::<Result<Vec<_>>>()?;
    let runner = OnnxRunner::from_parts(model, Some(weights), &request.options()?)?;
    runner.0.try_once()?;
    Ok(runner.signature().clone())
}

/// Limits this process for good.
#[cfg(unix)]
#[expect(unsafe_code, reason = "a foreign interface")]
fn limit(request: &Request) -> Result<()> {
    let limits = [
        (libc::RLIMIT_AS, request.max_memory_bytes, "memory"),
        (libc::RLIMIT_CPU, request.processor_seconds, "processor time"),
        // The memory of a stranger's crash is nothing to keep.
        (libc::RLIMIT_CORE, 0, "core dumps"),
    ];
    for (resource, most, what) in limits {
        // SAFETY: a struct of two numbers, filled by the call before it is read.
        let done = unsafe {
            let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
            let known = libc::getrlimit(resource, &raw mut limit) == 0;
            limit.rlim_cur = limit.rlim_max.min(libc::rlim_t::try_from(most).unwrap_or(libc::rlim_t::MAX));
            known && libc::setrlimit(resource, &raw const limit) == 0
        };
        if !done {
            let cause = std::io::Error::last_os_error();
            // The address space cannot be limited on macOS.
            if cfg!(target_os = "macos") && resource == libc::RLIMIT_AS {
                continue;
            }
            let problem = format!("its {what} cannot be limited: {cause}");
            return Err(Error::unavailable(OPERATION, &request.name, problem).caused_by(cause));
        }
    }
    Ok(())
}

#[cfg(not(unix))]
fn limit(_request: &Request) -> Result<()> {
    Ok(())
}
