//! Where things are: the repository, its build folder, mlcore's cache folder.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::{Failure, Result};

/// The repository's root.
pub(crate) fn root() -> &'static Path {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap_or(package)
}

/// Cargo's build folder, which also holds the Python environments.
pub(crate) fn target() -> PathBuf {
    match env::var_os("CARGO_TARGET_DIR") {
        Some(folder) => root().join(folder),
        None => root().join("target"),
    }
}

/// The cache folder in which the `ort` runner looks for ONNX Runtime: `MLCORE_CACHE`, else the system's place for caches.
pub(crate) fn cache() -> Result<PathBuf> {
    let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(folder) = set("MLCORE_CACHE") {
        return Ok(folder);
    }
    let caches = if cfg!(windows) {
        set("LOCALAPPDATA")
    } else if cfg!(target_os = "macos") {
        set("HOME").map(|home| home.join("Library").join("Caches"))
    } else {
        set("XDG_CACHE_HOME").or_else(|| set("HOME").map(|home| home.join(".cache")))
    };
    let caches = caches
        .ok_or_else(|| Failure::new("no home folder is known; set MLCORE_CACHE to a folder for downloads"))?;
    Ok(caches.join("mlcore"))
}

/// `cargo`, the one that started us, at the repository's root.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).current_dir(root());
    // Cargo tells a program that it runs which package that is. Passed on, build scripts that look at these names (ring's) would take
    // it for a change, and everything above them would be built again by the next cargo that is called by hand.
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&name);
        }
    }
    command
}

/// Whether nobody watches: `CI=true`, where a skipped check counts as a failed one.
pub(crate) fn in_ci() -> bool {
    env::var("CI").is_ok_and(|value| value == "true" || value == "1")
}
