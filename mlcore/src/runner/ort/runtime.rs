use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};
use std::ptr::NonNull;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use ort_sys as sys;

use super::budget;
use super::ffi::{Api, Failure, Owned, call, log, text};
use super::fork;
use super::locate::{Surroundings, system_names};
use crate::error::{Error, Result};

/// The ONNX Runtime of this process: its shared library, loaded once and never unloaded, and its environment.
///
/// There is one environment per library and process. One that the host made already, by whatever binding, is the one
/// used here, and the other way round; so nothing about it can be configured through mlcore.
///
/// Cloning shares it.
#[derive(Clone)]
pub struct OnnxRuntime(Arc<Loaded>);

struct Loaded {
    library: PathBuf,
    version: String,
    providers: Vec<String>,
    api: Api,
    environment: Owned<sys::OrtEnv>,
    memory: Owned<sys::OrtMemoryInfo>,
    /// Whether the memory of runs is counted; found out when it is first asked for.
    counts_memory: OnceLock<bool>,
}

/// The oldest minor version of ONNX Runtime 1 that is loaded: its interface has the same number.
const OLDEST_MINOR: u32 = Api::OLDEST;

/// Every library that was loaded. Libraries stay loaded, so this only grows.
static LOADED: Mutex<Vec<OnnxRuntime>> = Mutex::new(Vec::new());

impl OnnxRuntime {
    /// The runtime of this process, loaded on the first call from the first of these places that has it:
    ///
    /// 1. `ORT_DYLIB_PATH`, where it is set, and then from nowhere else;
    /// 2. mlcore's cache folder, newest version first: `onnxruntime/<version>/` in `MLCORE_CACHE`, or in `mlcore` in the
    ///    system's folder for caches; `cargo xtask setup` puts it there;
    /// 3. the package `onnxruntime` of the active Python (`VIRTUAL_ENV`, `CONDA_PREFIX`, the first Python on `PATH`);
    /// 4. wherever the system's loader finds it.
    ///
    /// A failure is not remembered: what the error names can be mended and the call repeated.
    ///
    /// # Errors
    /// [`Error::Unavailable`] that lists what was tried, in order, and the one command that mends it.
    pub fn load() -> Result<Self> {
        fork::watch();
        let mut loaded = loaded();
        if let Some(runtime) = loaded.first() {
            return Ok(runtime.clone());
        }
        let runtime = search(&Surroundings::read())?;
        loaded.push(runtime.clone());
        Ok(runtime)
    }

    /// The runtime in this shared library. Where it is the process's first, [`OnnxRuntime::load`] answers it from now on.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when it cannot be loaded or is too old, naming the version found and the one needed.
    pub fn load_from(library: impl AsRef<Path>) -> Result<Self> {
        fork::watch();
        let library = library.as_ref();
        let mut loaded = loaded();
        let place = library.canonicalize().unwrap_or_else(|_| library.to_owned());
        if let Some(runtime) = loaded.iter().find(|runtime| runtime.0.library == place) {
            return Ok(runtime.clone());
        }
        let runtime = open(library).map_err(|problem| {
            Error::unavailable("load ONNX Runtime", library.display().to_string(), problem)
                .remedy(format!("name the library of ONNX Runtime 1.{OLDEST_MINOR} or newer"))
        })?;
        loaded.push(runtime.clone());
        Ok(runtime)
    }

    /// The shared library it was loaded from; a bare name where the system's loader chose the file.
    #[must_use]
    pub fn library(&self) -> &Path {
        &self.0.library
    }

    /// Its version, such as `1.31.1`.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.0.version
    }

    /// The execution providers compiled into it, by ONNX Runtime's names, such as `CPUExecutionProvider`.
    #[must_use]
    pub fn providers(&self) -> &[String] {
        &self.0.providers
    }

    pub(super) fn api(&self) -> Api {
        self.0.api
    }

    pub(super) fn environment(&self) -> *mut sys::OrtEnv {
        self.0.environment.as_ptr()
    }

    /// What ONNX Runtime calls the memory that tensors of this process lie in.
    pub(super) fn memory(&self) -> *mut sys::OrtMemoryInfo {
        self.0.memory.as_ptr()
    }
}

impl OnnxRuntime {
    /// Whether it can be told how large constants may become while a model is loaded.
    pub(super) fn bounds_folding(&self) -> bool {
        const FIRST_MINOR: u32 = 27;
        minor(&self.0.version) >= FIRST_MINOR
    }

    /// Whether the memory of runs is counted, by an allocator that is registered when this is first asked.
    pub(super) fn counts_memory(&self) -> bool {
        *self.0.counts_memory.get_or_init(|| {
            let registered = budget::register(self.0.api, self.environment(), self.memory());
            if let Err(failure) = &registered {
                tracing::warn!(reason = failure.reason(), "the memory of runs is not limited");
            }
            registered.is_ok()
        })
    }
}

impl fmt::Debug for OnnxRuntime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnnxRuntime")
            .field("library", &self.0.library)
            .field("version", &self.0.version)
            .finish_non_exhaustive()
    }
}

/// The libraries that were loaded, locked: also by a fork.
pub(super) fn loaded() -> MutexGuard<'static, Vec<OnnxRuntime>> {
    LOADED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Tries the places in order; the first library that can be used wins.
fn search(surroundings: &Surroundings) -> Result<OnnxRuntime> {
    const OPERATION: &str = "load ONNX Runtime";
    if let Some(library) = &surroundings.explicit {
        return open(library).map_err(|problem| {
            Error::unavailable(OPERATION, format!("ORT_DYLIB_PATH={}", library.display()), problem).remedy(
                format!(
                    "set ORT_DYLIB_PATH to the library of ONNX Runtime 1.{OLDEST_MINOR} or newer, or unset it"
                ),
            )
        });
    }
    let mut tried = Vec::new();
    for place in surroundings.places() {
        let shown = match place.path.as_os_str().is_empty() {
            true => place.rule.to_owned(),
            false => format!("{} {}", place.rule, place.path.display()),
        };
        if place.libraries.is_empty() {
            tried.push(format!("{shown} (none there)"));
        }
        for library in &place.libraries {
            match open(library) {
                Ok(runtime) => return Ok(runtime),
                Err(problem) => tried.push(format!("{shown}: {} ({problem})", library.display())),
            }
        }
    }
    for name in system_names() {
        match open(name.as_ref()) {
            Ok(runtime) => return Ok(runtime),
            Err(problem) => tried.push(format!("the system's loader: {name} ({problem})")),
        }
    }
    Err(Error::unavailable(
        OPERATION,
        "libonnxruntime",
        format!(
            "no ONNX Runtime 1.{OLDEST_MINOR} or newer was found; tried, in this order: {}",
            tried.join(", ")
        ),
    )
    .remedy("run `pip install onnxruntime`, or `cargo xtask setup` in a clone of mlcore"))
}

/// Loads one library; the error says what is wrong with it.
#[expect(unsafe_code, reason = "a foreign interface")]
fn open(path: &Path) -> Result<OnnxRuntime, String> {
    let is_bare_name =
        path.components().count() == 1 && system_names().iter().any(|name| path == Path::new(name));
    let path = match is_bare_name {
        true => path.to_owned(),
        false => match path.canonicalize() {
            Ok(path) if path.is_file() => path,
            Ok(_) => return Err("not a file".into()),
            Err(cause) => return Err(cause.to_string()),
        },
    };
    // SAFETY: loading runs the library's initialisers. It is the file that the caller, the environment or the search
    // order named as ONNX Runtime, and trusting it is what loading means.
    let library = unsafe { libloading::Library::new(OsStr::new(&path)) }
        .map_err(|cause| std::error::Error::source(&cause).map_or(cause.to_string(), ToString::to_string))?;
    type GetApiBase = unsafe extern "system" fn() -> *const sys::OrtApiBase;
    // SAFETY: this is the one exported function of ONNX Runtime, with this type since its first release; its answer is a
    // table that lives as long as the library.
    let (version, api) = unsafe {
        let base = library
            .get::<GetApiBase>(b"OrtGetApiBase\0")
            .map_err(|_| String::from("it is not ONNX Runtime: OrtGetApiBase is missing"))?(
        );
        let base = base.as_ref().ok_or("OrtGetApiBase answers nothing")?;
        let version = text((base.GetVersionString)());
        let interface = newest_interface(&version)
            .ok_or_else(|| format!("it is version {version}; 1.{OLDEST_MINOR} or newer is needed"))?;
        let table = NonNull::new((base.GetApi)(interface).cast_mut())
            .ok_or_else(|| format!("version {version} does not offer interface {interface}"))?;
        (version, Api::of(table, interface))
    };
    // Sessions and values point into the library for as long as the process lives.
    std::mem::forget(library);
    start(path, version, api).map_err(|failure| failure.message)
}

/// Makes the environment, or joins the one there is: ONNX Runtime keeps one per library and counts its users.
#[expect(unsafe_code, reason = "a foreign interface")]
fn start(library: PathBuf, version: String, api: Api) -> Result<OnnxRuntime, Failure> {
    const WARNING: sys::OrtLoggingLevel = sys::OrtLoggingLevel::ORT_LOGGING_LEVEL_WARNING;
    // SAFETY: functions of the table with their own release functions; the name and the logger are static.
    let (environment, memory) = unsafe {
        let environment = api.create(api.0.ReleaseEnv, |out| {
            (api.0.CreateEnvWithCustomLogger)(log, std::ptr::null_mut(), WARNING, c"mlcore".as_ptr(), out)
        })?;
        // A library sends no telemetry that its host did not ask for.
        call!(api, DisableTelemetryEvents(environment.as_ptr()))?;
        let memory = api.create(api.0.ReleaseMemoryInfo, |out| {
            (api.0.CreateCpuMemoryInfo)(
                sys::OrtAllocatorType::OrtDeviceAllocator,
                sys::OrtMemType::OrtMemTypeDefault,
                out,
            )
        })?;
        (environment, memory)
    };
    let providers = providers(api)?;
    tracing::debug!(library = %library.display(), version, "loaded ONNX Runtime");
    Ok(OnnxRuntime(Arc::new(Loaded {
        library,
        version,
        providers,
        api,
        environment,
        memory,
        counts_memory: OnceLock::new(),
    })))
}

#[expect(unsafe_code, reason = "a foreign interface")]
fn providers(api: Api) -> Result<Vec<String>, Failure> {
    let (mut names, mut count) = (std::ptr::null_mut(), 0);
    // SAFETY: ONNX Runtime hands over `count` strings in one block, which goes back to it.
    unsafe {
        call!(api, GetAvailableProviders(&raw mut names, &raw mut count))?;
        let found = (0..usize::try_from(count).unwrap_or(0)).map(|index| text(*names.add(index))).collect();
        call!(api, ReleaseAvailableProviders(names, count))?;
        Ok(found)
    }
}

/// The newest interface that a library of this version and mlcore have in common; `None` where it is too old.
fn newest_interface(version: &str) -> Option<u32> {
    let minor = minor(version);
    (version.starts_with("1.") && minor >= OLDEST_MINOR).then(|| minor.min(sys::ORT_API_VERSION))
}

/// The second number of a version.
fn minor(version: &str) -> u32 {
    version.split('.').nth(1).and_then(|number| number.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn not_found_is_one_error_that_lists_what_was_tried_in_order() {
        let cache = tempfile::tempdir().unwrap();
        let folder = cache.path().join("onnxruntime").join("1.31.1");
        std::fs::create_dir_all(&folder).unwrap();
        let name = system_names()[0];
        std::fs::write(folder.join(name), "not a library").unwrap();
        let error = search(&Surroundings::at(Some(cache.path()), &["/python/prefix"])).map(drop);
        // A machine with a library known to its loader has one to fall back to.
        let Err(error) = error else { return };
        assert!(matches!(error, Error::Unavailable(_)), "{error}");
        let told = error.to_string();
        let position = |part: &str| told.find(part).unwrap_or_else(|| panic!("{part} is not in: {told}"));
        let order = [
            position("mlcore's cache folder"),
            position(&folder.join(name).display().to_string()),
            position("the active Python /python/prefix (none there)"),
            position("the system's loader"),
            position("run `pip install onnxruntime`"),
        ];
        assert!(order.is_sorted(), "{told}");
        assert_eq!(told.lines().count(), 1, "{told}");
    }

    #[test]
    fn an_explicit_path_is_the_only_one_tried() {
        let mut surroundings = Surroundings::at(None, &[]);
        surroundings.explicit = Some("/no/such/libonnxruntime.so".into());
        let told = search(&surroundings).unwrap_err().to_string();
        assert!(told.starts_with("load ONNX Runtime ORT_DYLIB_PATH=/no/such/libonnxruntime.so: "), "{told}");
        assert!(told.ends_with("or unset it") && !told.contains("active Python"), "{told}");
    }

    #[test]
    fn versions_compare_as_numbers() {
        for (version, interface) in [
            ("1.23.2", Some(23)),
            ("1.24.0", Some(24)),
            ("1.31.1", Some(24)),
            ("1.100.0", Some(24)),
            ("1.9.9", None),
            ("1.22.1", None),
            ("2.30.0", None),
            ("", None),
        ] {
            assert_eq!(newest_interface(version), interface, "{version}");
        }
    }
}
