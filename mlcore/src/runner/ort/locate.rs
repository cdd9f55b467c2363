//! Where the shared library of ONNX Runtime may lie.
//!
//! The environment is read here and nowhere else in mlcore, once per [`Surroundings::read`]: `ORT_DYLIB_PATH`,
//! `MLCORE_CACHE`, the system's variable for caches, `VIRTUAL_ENV`, `CONDA_PREFIX` and `PATH`. Nothing is ever written to it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// Where a library was looked for, in the words of an error message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Place {
    /// Which rule of the search order led here.
    pub(super) rule: &'static str,
    /// The folder or file that was looked at; empty where the rule had none.
    pub(super) path: PathBuf,
    /// The libraries that lie there, best first.
    pub(super) libraries: Vec<PathBuf>,
}

/// What the search order depends on outside the program.
#[derive(Clone, Default, Debug)]
pub(super) struct Surroundings {
    /// `ORT_DYLIB_PATH`, where it is set: then nothing else is tried.
    pub(super) explicit: Option<PathBuf>,
    cache: Option<PathBuf>,
    python: Vec<PathBuf>,
}

impl Surroundings {
    /// Reads the environment.
    pub(super) fn read() -> Self {
        Self::from_variables(|name| env::var_os(name).filter(|value| !value.is_empty()))
    }

    fn from_variables(variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let path = |name: &str| variable(name).map(PathBuf::from);
        let caches = if cfg!(windows) {
            path("LOCALAPPDATA")
        } else if cfg!(target_os = "macos") {
            path("HOME").map(|home| home.join("Library").join("Caches"))
        } else {
            path("XDG_CACHE_HOME").or_else(|| path("HOME").map(|home| home.join(".cache")))
        };
        let mut python: Vec<PathBuf> =
            [path("VIRTUAL_ENV"), path("CONDA_PREFIX")].into_iter().flatten().collect();
        python.extend(interpreter(variable("PATH")));
        Self {
            explicit: path("ORT_DYLIB_PATH"),
            cache: path("MLCORE_CACHE").or_else(|| caches.map(|caches| caches.join("mlcore"))),
            python,
        }
    }

    /// The places after the explicit ones, in the order in which they are tried.
    pub(super) fn places(&self) -> Vec<Place> {
        let mut places = vec![self.cached()];
        if self.python.is_empty() {
            places.push(Place { rule: "the active Python", path: PathBuf::new(), libraries: Vec::new() });
        }
        places.extend(self.python.iter().map(|prefix| Place {
            rule: "the active Python",
            path: prefix.clone(),
            libraries: packages(prefix).iter().flat_map(|folder| libraries_in(folder)).collect(),
        }));
        places
    }

    fn cached(&self) -> Place {
        let rule = "mlcore's cache folder";
        let Some(cache) = &self.cache else {
            return Place { rule, path: PathBuf::new(), libraries: Vec::new() };
        };
        let path = cache.join("onnxruntime");
        let mut versions = entries(&path);
        versions.sort_by_key(|folder| std::cmp::Reverse(version_of(folder)));
        let libraries = versions.iter().flat_map(|folder| libraries_in(folder)).collect();
        Place { rule, path, libraries }
    }
}

/// The names under which the system's loader may know the library.
pub(super) fn system_names() -> &'static [&'static str] {
    if cfg!(windows) {
        &["onnxruntime.dll"]
    } else if cfg!(target_os = "macos") {
        &["libonnxruntime.dylib", "libonnxruntime.1.dylib"]
    } else {
        &["libonnxruntime.so", "libonnxruntime.so.1"]
    }
}

/// The prefix of the first `python3` or `python` on the path, as it is named there and as its links resolve.
fn interpreter(path: Option<OsString>) -> Vec<PathBuf> {
    let names = if cfg!(windows) { ["python.exe", "python3.exe"] } else { ["python3", "python"] };
    let Some(path) = path else { return Vec::new() };
    let found = env::split_paths(&path)
        .flat_map(|folder| names.map(|name| folder.join(name)))
        .find(|candidate| candidate.is_file());
    let Some(found) = found else { return Vec::new() };
    let levels = if cfg!(windows) { 1 } else { 2 };
    let prefix = |file: &Path| file.ancestors().nth(levels).map(Path::to_owned);
    let mut prefixes: Vec<PathBuf> = [prefix(&found), found.canonicalize().ok().as_deref().and_then(prefix)]
        .into_iter()
        .flatten()
        .collect();
    prefixes.dedup();
    prefixes
}

/// The folders in which the Python package `onnxruntime` keeps its library, for every Python under `prefix`.
fn packages(prefix: &Path) -> Vec<PathBuf> {
    let mut sites = vec![prefix.join("Lib").join("site-packages")];
    for root in [prefix.join("lib"), prefix.join("local").join("lib")] {
        for python in entries(&root) {
            if python.file_name().is_some_and(|name| name.to_string_lossy().starts_with("python3")) {
                sites.push(python.join("site-packages"));
                sites.push(python.join("dist-packages"));
            }
        }
    }
    sites
        .into_iter()
        .map(|site| site.join("onnxruntime").join("capi"))
        .filter(|folder| folder.is_dir())
        .collect()
}

fn libraries_in(folder: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = entries(folder).into_iter().filter(|file| is_library(file)).collect();
    found.sort_by_key(|file| std::cmp::Reverse(version_of(file)));
    found
}

/// Is it the library itself, and none of its execution providers, by its name?
fn is_library(file: &Path) -> bool {
    let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let fits = if cfg!(windows) {
        name.eq_ignore_ascii_case("onnxruntime.dll")
    } else if cfg!(target_os = "macos") {
        name.starts_with("libonnxruntime.") && name.ends_with(".dylib")
    } else {
        name == "libonnxruntime.so" || name.starts_with("libonnxruntime.so.")
    };
    fits && file.is_file()
}

/// The numbers in a file's name, so that 1.31 sorts after 1.4.
fn version_of(file: &Path) -> Vec<u64> {
    let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    name.split(|c: char| !c.is_ascii_digit()).filter_map(|digits| digits.parse().ok()).collect()
}

/// The entries of a folder, sorted; none where it cannot be read.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> =
        fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    found.sort();
    found
}
