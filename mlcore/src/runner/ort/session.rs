//! Making a session of ONNX Runtime from a model's bytes and the options, and proving where it runs.

use std::ffi::{CStr, CString};
use std::sync::Arc;
use std::time::Instant;

use ort_sys as sys;

use super::external::ExternalData;
use super::ffi::{Api, Failure, Owned, call, text};
use super::options::{OnnxOptions, Optimization};
use super::pool::{self, Sessions};
use super::provider::{Fallback, Provider};
use super::runtime::OnnxRuntime;
use super::watchdog::{Deadline, Timer};
use crate::error::{Error, Result};

const OPERATION: &str = "load model";

/// The version of the interface that tells where nodes run.
const PLACEMENT: u32 = 24;

/// What a session is made of.
pub(super) struct Source<'a> {
    pub(super) model: &'a str,
    pub(super) bytes: &'a [u8],
    pub(super) opsets: &'a [(String, i64)],
    pub(super) external: &'a [ExternalData],
    pub(super) nodes: usize,
    /// Whether some operator answers more than it is given.
    pub(super) grows: bool,
}

/// The sessions of the model on the first provider that can run it.
pub(super) fn make(
    runtime: &OnnxRuntime,
    source: &Source<'_>,
    options: &OnnxOptions,
) -> Result<(Sessions, Provider)> {
    // Of all sessions together.
    let due = options.load_timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    let make_all = |provider| {
        let copies = pool::copies(options, provider, source.bytes.len());
        let first = make_one(runtime, source, options, (provider, copies), due)?;
        let others = (1..copies)
            .map(|_| make_one(runtime, source, options, (provider, copies), due))
            .collect::<Result<_>>()?;
        Ok((Sessions::new(first, others, provider), provider))
    };
    let mut refused = false;
    for &provider in &options.providers {
        match make_all(provider) {
            Err(error) if provider != Provider::Cpu && options.fallback == Fallback::Allowed => {
                tracing::warn!(model = source.model, provider = provider.label(), %error, "falling back");
                refused = true;
            }
            made => return made,
        }
    }
    match refused {
        // Allowed to fall back, and nothing else is asked for: the CPU is what is left.
        true => make_all(Provider::Cpu),
        false => Err(Error::invalid_input(OPERATION, source.model, "no execution provider is asked for")),
    }
}

#[expect(unsafe_code, reason = "a foreign interface")]
fn make_one(
    runtime: &OnnxRuntime,
    source: &Source<'_>,
    options: &OnnxOptions,
    (provider, copies): (Provider, usize),
    due: Option<Instant>,
) -> Result<Owned<sys::OrtSession>> {
    let api = runtime.api();
    if !runtime.providers().iter().any(|name| name == provider.full_name()) {
        let has = runtime.providers().join(", ");
        return Err(unavailable(
            source,
            provider,
            &format!("this ONNX Runtime {} has only {has}", runtime.version()),
        ));
    }
    let settings = Arc::new(
        settings(runtime, source, options, (provider, copies))
            .map_err(|failure| failure.internal(OPERATION))?,
    );
    if let Provider::Cuda { device } = provider {
        append_cuda(api, &settings, device)
            .map_err(|failure| unavailable(source, provider, &failure.reason()))?;
    }
    add_external(api, &settings, source)?;
    let stopped = settings.clone();
    let mut timer = Timer::new(move || {
        // SAFETY: the settings live as long as this closure; the flag is made to be set by another thread.
        drop(unsafe { call!(api, SessionOptionsSetLoadCancellationFlag(stopped.as_ptr(), true)) });
    });
    let left = due.map(|due| due.saturating_duration_since(Instant::now()));
    let deadline = left.map(|left| timer.set(left)).transpose()?;
    // SAFETY: bytes and settings outlive the call, and the session copies what it keeps of them.
    let made = unsafe {
        api.create(api.0.ReleaseSession, |out| {
            let bytes = source.bytes.as_ptr().cast();
            (api.0.CreateSessionFromArray)(
                runtime.environment(),
                bytes,
                source.bytes.len(),
                settings.as_ptr(),
                out,
            )
        })
    };
    let passed = deadline.is_some_and(Deadline::finish);
    let session = made.map_err(|failure| match passed {
        true => Error::timeout(OPERATION, source.model, "ONNX Runtime did not finish in time")
            .remedy("raise load_timeout, or simplify the model"),
        false => refused(runtime, source, &failure),
    })?;
    if provider != Provider::Cpu {
        prove(runtime, &session, source, options, provider)?;
    }
    Ok(session)
}

/// The options of a session, but for its providers.
#[expect(unsafe_code, reason = "a foreign interface")]
fn settings(
    runtime: &OnnxRuntime,
    source: &Source<'_>,
    options: &OnnxOptions,
    (provider, copies): (Provider, usize),
) -> Result<Owned<sys::OrtSessionOptions>, Failure> {
    let api = runtime.api();
    let level = match options.optimization {
        Optimization::None => sys::GraphOptimizationLevel::ORT_DISABLE_ALL,
        Optimization::Basic => sys::GraphOptimizationLevel::ORT_ENABLE_BASIC,
        Optimization::Extended => sys::GraphOptimizationLevel::ORT_ENABLE_EXTENDED,
        Optimization::All => sys::GraphOptimizationLevel::ORT_ENABLE_ALL,
    };
    let mode = match options.inter_threads {
        1 => sys::ExecutionMode::ORT_SEQUENTIAL,
        _ => sys::ExecutionMode::ORT_PARALLEL,
    };
    let threads = |count: usize| i32::try_from(count).unwrap_or(i32::MAX);
    let flag = |on: bool| if on { c"1" } else { c"0" };
    let mut entries: Vec<(&CStr, &CStr)> = vec![
        (c"session.intra_op.allow_spinning", flag(options.spinning)),
        (c"session.inter_op.allow_spinning", flag(options.spinning)),
        (c"session.record_ep_graph_assignment_info", c"1"),
    ];
    let folded = folded_bytes(source).to_string();
    let folded = CString::new(folded).unwrap_or_default();
    match runtime.bounds_folding() {
        true => entries.push((c"optimization.constant_folding_max_output_size_in_bytes", &folded)),
        false if source.grows => {
            entries.push((c"optimization.disable_specified_optimizers", c"ConstantFolding"));
        }
        false => {}
    }
    if provider == Provider::Cpu && options.limits.max_run_bytes != u64::MAX && runtime.counts_memory() {
        entries.push((c"session.use_env_allocators", c"1"));
    }
    if provider != Provider::Cpu {
        entries.push((c"session.disable_cpu_ep_fallback", flag(options.fallback == Fallback::Forbidden)));
    }
    // SAFETY: functions of the table on the options they made; the strings are static.
    unsafe {
        let settings = api.create(api.0.ReleaseSessionOptions, |out| (api.0.CreateSessionOptions)(out))?;
        let raw = settings.as_ptr();
        call!(api, SetIntraOpNumThreads(raw, threads(options.intra_threads)))?;
        call!(api, SetInterOpNumThreads(raw, threads(options.inter_threads)))?;
        call!(api, SetSessionExecutionMode(raw, mode))?;
        call!(api, SetSessionGraphOptimizationLevel(raw, level))?;
        call!(api, SetSessionLogSeverityLevel(raw, sys::OrtLoggingLevel::ORT_LOGGING_LEVEL_WARNING as i32))?;
        for (key, value) in entries {
            call!(api, AddSessionConfigEntry(raw, key.as_ptr(), value.as_ptr()))?;
        }
        if provider == Provider::Cpu {
            pool::prepare(api, raw, copies)?;
        }
        Ok(settings)
    }
}

/// The most bytes that constants may become in one node while the model is loaded: all nodes together have a gigabyte, and
/// weights may be widened eightfold, as from bytes to double precision.
fn folded_bytes(source: &Source<'_>) -> u64 {
    const OF_ALL_NODES: u64 = 1 << 30;
    let weights = source.external.iter().map(|file| file.bytes.len() as u64);
    let model = weights.fold(source.bytes.len() as u64, u64::saturating_add);
    model.saturating_mul(8).max(OF_ALL_NODES / (source.nodes as u64).max(1))
}

#[expect(unsafe_code, reason = "a foreign interface")]
fn append_cuda(api: Api, settings: &Owned<sys::OrtSessionOptions>, device: u32) -> Result<(), Failure> {
    let device = CString::new(device.to_string()).unwrap_or_default();
    // By default it multiplies floats rounded to 10 bits, and answers otherwise than the CPU.
    let keys = [c"device_id".as_ptr(), c"use_tf32".as_ptr()];
    let values = [device.as_ptr(), c"0".as_ptr()];
    // SAFETY: two keys and two values, which outlive the call; the provider's options are released after use.
    unsafe {
        let cuda =
            api.create(api.0.ReleaseCUDAProviderOptions, |out| (api.0.CreateCUDAProviderOptions)(out))?;
        call!(api, UpdateCUDAProviderOptions(cuda.as_ptr(), keys.as_ptr(), values.as_ptr(), keys.len()))?;
        call!(api, SessionOptionsAppendExecutionProvider_CUDA_V2(settings.as_ptr(), cuda.as_ptr()))
    }
}

#[expect(unsafe_code, reason = "a foreign interface")]
fn add_external(api: Api, settings: &Owned<sys::OrtSessionOptions>, source: &Source<'_>) -> Result<()> {
    for file in source.external {
        #[cfg(windows)]
        let name: Vec<u16> = file.location.encode_utf16().chain([0]).collect();
        #[cfg(not(windows))]
        let name = super::ffi::c_string(OPERATION, &file.location)?;
        let (names, buffers) = ([name.as_ptr()], [file.bytes.as_ptr().cast_mut().cast()]);
        let lengths = [file.bytes.len()];
        // SAFETY: one file; ONNX Runtime reads the bytes while it makes the session, and the caller keeps them so long.
        unsafe {
            let raw = settings.as_ptr();
            call!(
                api,
                AddExternalInitializersFromMemory(raw, names.as_ptr(), buffers.as_ptr(), lengths.as_ptr(), 1)
            )
        }
        .map_err(|failure| failure.internal(OPERATION))?;
    }
    Ok(())
}

/// How many nodes each provider was given, by ONNX Runtime's names.
#[expect(unsafe_code, reason = "a foreign interface")]
pub(super) fn placement(api: Api, session: *mut sys::OrtSession) -> Result<Vec<(String, usize)>, Failure> {
    let mut placement: Vec<(String, usize)> = Vec::new();
    if !api.has(PLACEMENT) {
        return Err(Failure { code: 1, message: "it does not tell where nodes run".into() });
    }
    // SAFETY: the session recorded who got which nodes, and owns the lists that it hands out.
    unsafe {
        let (mut parts, mut count) = (std::ptr::null(), 0);
        call!(api, Session_GetEpGraphAssignmentInfo(session, &raw mut parts, &raw mut count))?;
        for index in 0..count {
            let part = *parts.add(index);
            let (mut name, mut nodes, mut node_count) = (std::ptr::null(), std::ptr::null(), 0);
            call!(api, EpAssignedSubgraph_GetEpName(part, &raw mut name))?;
            call!(api, EpAssignedSubgraph_GetNodes(part, &raw mut nodes, &raw mut node_count))?;
            let name = text(name);
            match placement.iter_mut().find(|(own, _)| *own == name) {
                Some((_, nodes)) => *nodes += node_count,
                None => placement.push((name, node_count)),
            }
        }
    }
    Ok(placement)
}

/// Asked for and proved: nodes were given to the provider. That registering it went well proves nothing.
fn prove(
    runtime: &OnnxRuntime,
    session: &Owned<sys::OrtSession>,
    source: &Source<'_>,
    options: &OnnxOptions,
    provider: Provider,
) -> Result<()> {
    let api = runtime.api();
    if !api.has(PLACEMENT) {
        // Where the CPU is forbidden, a session with a node on it was not made.
        return match options.fallback {
            Fallback::Forbidden => Ok(()),
            Fallback::Nodes | Fallback::Allowed => {
                let version = runtime.version();
                let problem =
                    format!("ONNX Runtime {version} does not tell where nodes run; 1.{PLACEMENT} does");
                Err(unavailable(source, provider, &problem))
            }
        };
    }
    let placement = placement(api, session.as_ptr()).map_err(|failure| failure.internal(OPERATION))?;
    let is_own = |(name, _): &&(String, usize)| name == provider.full_name();
    let own = placement.iter().filter(is_own).count();
    match own > 0 && (options.fallback != Fallback::Forbidden || own == placement.len()) {
        true => Ok(()),
        false => {
            let given: Vec<String> =
                placement.iter().map(|(name, nodes)| format!("{nodes} to {name}")).collect();
            Err(unavailable(
                source,
                provider,
                &format!("its nodes were given elsewhere: {}", given.join(", ")),
            ))
        }
    }
}

fn unavailable(source: &Source<'_>, provider: Provider, problem: &str) -> Error {
    let label = provider.label();
    let remedy = match provider {
        Provider::Cpu => "use a build of ONNX Runtime that has it",
        Provider::Cuda { .. } => {
            "run `pip install onnxruntime-gpu` on a machine with an NVIDIA driver, or allow it to \
             fall back to the CPU"
        }
    };
    Error::unavailable(OPERATION, source.model, format!("it cannot run on {label}: {problem}")).remedy(remedy)
}

/// What it means that ONNX Runtime did not take the model.
fn refused(runtime: &OnnxRuntime, source: &Source<'_>, failure: &Failure) -> Error {
    const NOT_IMPLEMENTED: i32 = sys::OrtErrorCode::ORT_NOT_IMPLEMENTED as i32;
    const NEWEST_OPSET: &str = "Current official support for domain ";
    const HAS_CPU_NODES: &str = "fallback to CPU EP has been explicitly disabled";
    let (message, version) = (&failure.message, runtime.version());
    let error = if message.contains(HAS_CPU_NODES) {
        let problem = "it has nodes that only the CPU implements, and the fallback is forbidden";
        Error::unavailable(OPERATION, source.model, problem)
            .remedy("allow single nodes on the CPU: set the option fallback to nodes")
    } else if message.contains("bad_alloc") || message.contains("Failed to allocate memory") {
        Error::overloaded(OPERATION, source.model, "there is no memory for it")
            .remedy("free memory and repeat")
    } else if message.contains(NEWEST_OPSET) || message.contains("max supported IR version") {
        let newest = message.split(NEWEST_OPSET).nth(1).map(|rest| rest.trim().trim_end_matches('.'));
        let problem = match newest {
            // "<domain> is till opset <version>", in its words.
            Some(newest) => format!(
                "it is newer than ONNX Runtime {version}, whose {}: it is written in {}",
                newest.replace(" is till opset ", " ends at operator set "),
                source
                    .opsets
                    .iter()
                    .map(|(domain, set)| format!("{domain} {set}"))
                    .collect::<Vec<_>>()
                    .join(", ")
            ),
            None => format!("it is newer than ONNX Runtime {version}: {}", failure.reason()),
        };
        Error::invalid_model(OPERATION, source.model, problem)
            .remedy("update ONNX Runtime, or export the model with an older opset")
    } else if failure.code == NOT_IMPLEMENTED {
        Error::unsupported(
            OPERATION,
            source.model,
            format!("ONNX Runtime {version} cannot run it: {}", failure.reason()),
        )
    } else {
        Error::invalid_model(
            OPERATION,
            source.model,
            format!("ONNX Runtime {version} refused it: {}", failure.reason()),
        )
    };
    error.caused_by(message.clone())
}
