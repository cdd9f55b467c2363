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

    /// Surroundings made up for a test.
    #[cfg(test)]
    pub(super) fn at(cache: Option<&Path>, python: &[&str]) -> Self {
        let python = python.iter().map(PathBuf::from).collect();
        Self { explicit: None, cache: cache.map(Path::to_owned), python }
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

/// Whether it is, by its name, the library itself and none of its execution providers.
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

#[cfg(test)]
mod tests {
    use super::*;

    fn put(file: &Path) -> PathBuf {
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, "").unwrap();
        file.to_owned()
    }

    fn library(version: &str) -> String {
        if cfg!(windows) {
            "onnxruntime.dll".into()
        } else if cfg!(target_os = "macos") {
            format!("libonnxruntime.{version}.dylib")
        } else {
            format!("libonnxruntime.so.{version}")
        }
    }

    fn surroundings(variables: &[(&str, &Path)]) -> Surroundings {
        let path = |name: &str| variables.iter().find(|(own, _)| *own == name).map(|(_, path)| path.into());
        Surroundings::from_variables(path)
    }

    #[test]
    fn the_cache_gives_its_newest_version_first() {
        let cache = tempfile::tempdir().unwrap();
        let place = |version: &str| cache.path().join("onnxruntime").join(version).join(library(version));
        let old = put(&place("1.4.0"));
        let new = put(&place("1.31.1"));
        let middle = put(&place("1.24.4"));
        put(&cache.path().join("onnxruntime").join("1.31.1").join("libonnxruntime_providers_shared.so"));
        let found = surroundings(&[("MLCORE_CACHE", cache.path())]).places();
        assert_eq!(found[0].libraries, [new, middle, old]);
    }

    #[test]
    fn the_cache_lies_where_the_system_keeps_caches() {
        let home = Path::new("/h/u");
        let path = |variables: &[(&str, &Path)]| surroundings(variables).places()[0].path.clone();
        if cfg!(all(unix, not(target_os = "macos"))) {
            assert_eq!(path(&[("HOME", home)]), home.join(".cache/mlcore/onnxruntime"));
            let set = [("HOME", home), ("XDG_CACHE_HOME", Path::new("/c"))];
            assert_eq!(path(&set), Path::new("/c/mlcore/onnxruntime"));
        }
        let set = [("HOME", home), ("MLCORE_CACHE", Path::new("/m"))];
        assert_eq!(path(&set), Path::new("/m").join("onnxruntime"));
        assert_eq!(path(&[]), PathBuf::new());
    }

    #[test]
    fn the_active_python_comes_after_the_cache() {
        let (active, conda) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let site = |prefix: &Path| match cfg!(windows) {
            true => prefix.join("Lib").join("site-packages"),
            false => prefix.join("lib").join("python3.12").join("site-packages"),
        };
        let package =
            |prefix: &Path| put(&site(prefix).join("onnxruntime").join("capi").join(library("1.31.1")));
        let (first, second) = (package(active.path()), package(conda.path()));
        let found = surroundings(&[("VIRTUAL_ENV", active.path()), ("CONDA_PREFIX", conda.path())]).places();
        let rules: Vec<&str> = found.iter().map(|place| place.rule).collect();
        assert_eq!(rules, ["mlcore's cache folder", "the active Python", "the active Python"]);
        assert_eq!((&found[1].libraries, &found[2].libraries), (&vec![first], &vec![second]));
    }

    #[cfg(unix)]
    #[test]
    fn a_python_on_the_path_is_followed_to_its_packages() {
        let (bin, prefix) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let python = put(&prefix.path().join("bin/python3.11"));
        std::os::unix::fs::symlink(python, bin.path().join("python3")).unwrap();
        let package = prefix.path().join("lib/python3.11/dist-packages/onnxruntime/capi");
        let expected = put(&package.join(library("1.31.1"))).canonicalize().unwrap();
        let found: Vec<PathBuf> = surroundings(&[("PATH", bin.path())])
            .places()
            .into_iter()
            .flat_map(|place| place.libraries)
            .collect();
        assert_eq!(found, [expected]);
    }
}
