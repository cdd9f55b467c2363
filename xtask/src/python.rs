//! Finding Python and making the virtual environments under `target/`.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::{self, Failure, Result};
use crate::project;

/// The oldest Python that may fetch ONNX Runtime and run the wheel.
pub(crate) const OLDEST: (u32, u32) = (3, 10);
/// The oldest Python for which the pinned test requirements exist (numpy 2.4 set it).
pub(crate) const OLDEST_FOR_TESTS: (u32, u32) = (3, 11);

/// A Python interpreter that answered.
#[derive(Debug, Clone)]
pub(crate) struct Python {
    program: PathBuf,
}

impl Python {
    /// `MLCORE_PYTHON`, else the first of the usual names on the `PATH` that is recent enough.
    pub(crate) fn find(oldest: (u32, u32)) -> Result<Self> {
        let chosen = env::var_os("MLCORE_PYTHON").filter(|value| !value.is_empty());
        let names = match chosen {
            Some(program) => vec![program],
            None => NAMES.iter().map(OsString::from).collect(),
        };
        let mut seen = Vec::new();
        for name in names {
            let Some(version) = version(&name) else { continue };
            if version >= oldest {
                return Ok(Self { program: name.into() });
            }
            seen.push(format!("{} is {}.{}", name.to_string_lossy(), version.0, version.1));
        }
        let found = if seen.is_empty() { "none was found".to_owned() } else { seen.join(", ") };
        Err(Failure::new(format!(
            "Python {}.{} or newer is needed and {found}; install python3, or set MLCORE_PYTHON to an interpreter",
            oldest.0, oldest.1
        )))
    }

    /// The interpreter, with its own switches already set: no user site, no bytecode beside the sources.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(arguments).current_dir(project::root());
        // An outer environment's settings must not reach into ours.
        command.env_remove("PYTHONPATH").env_remove("PYTHONHOME").env("PYTHONDONTWRITEBYTECODE", "1");
        command
    }

    pub(crate) fn pip(&self, arguments: &[&str]) -> Command {
        let mut command = self.command(&["-m", "pip", "--disable-pip-version-check"]);
        command.args(arguments);
        command
    }

    pub(crate) fn has_pip(&self) -> bool {
        process::answer(&mut self.pip(&["--version"])).is_some()
    }

    pub(crate) fn program(&self) -> &Path {
        &self.program
    }

    /// A program that was installed beside this interpreter.
    pub(crate) fn script(&self, name: &str) -> PathBuf {
        self.program.with_file_name(format!("{name}{}", env::consts::EXE_SUFFIX))
    }
}

/// The virtual environment `target/<name>`, made when it is missing.
pub(crate) fn environment(name: &str, oldest: (u32, u32)) -> Result<Python> {
    let folder = project::target().join(name);
    let python = inside(&folder);
    if version(python.program.as_os_str()).is_some_and(|version| version >= oldest) && python.has_pip() {
        return Ok(python);
    }
    let base = Python::find(oldest)?;
    if process::answer(&mut base.command(&["-c", "import ensurepip, venv"])).is_none() {
        return Err(Failure::new(format!(
            "`{}` has no ensurepip, so it cannot make virtual environments; install it (Debian, Ubuntu: `apt install python3-venv`)",
            base.program.display()
        )));
    }
    remove(&folder)?;
    let path = folder.to_string_lossy();
    if process::succeeds(&mut base.command(&["-m", "venv", &path]))? {
        Ok(python)
    } else {
        Err(Failure::new(format!(
            "the virtual environment {path} could not be made; see Python's message above"
        )))
    }
}

/// The virtual environment `target/<name>` holding exactly what a requirements file of `testdata/` pins.
///
/// The file's text is kept inside as a stamp, so that nothing is done, or fetched, until it changes.
pub(crate) fn environment_with(name: &str, requirements: &str) -> Result<Python> {
    let file = project::root().join("testdata").join(requirements);
    let wanted = fs::read_to_string(&file).map_err(|error| {
        Failure::new(format!("{} cannot be read ({error}); restore it from git", file.display()))
    })?;
    let folder = project::target().join(name);
    let stamp = folder.join("installed.txt");
    if let Ok(installed) = fs::read_to_string(&stamp) {
        let python = inside(&folder);
        if installed == wanted && version(python.program.as_os_str()).is_some() {
            println!(
                "Python environment: {} (testdata/{requirements}, already there)",
                relative(&python.program)
            );
            return Ok(python);
        }
        // A changed pin starts afresh: what an older list brought must not linger.
        remove(&folder)?;
    }
    let python = environment(name, OLDEST_FOR_TESTS)?;
    let path = file.to_string_lossy();
    if !process::succeeds(&mut python.pip(&["install", "--quiet", "--requirement", &path]))? {
        return Err(Failure::new(format!(
            "pip could not install testdata/{requirements}; check the network and pip's configuration (`pip config list`)"
        )));
    }
    fs::write(&stamp, wanted).map_err(|error| {
        Failure::new(format!("{} cannot be written ({error}); free some space", stamp.display()))
    })?;
    Ok(python)
}

/// Removes a folder, which need not exist.
pub(crate) fn remove(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Failure::new(format!("{} cannot be removed ({error}); remove it by hand", folder.display())))
        }
        _ => Ok(()),
    }
}

/// The wheel in a folder that holds one.
pub(crate) fn wheel_in(folder: &Path) -> Option<PathBuf> {
    let mut paths = fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path());
    paths.find(|path| path.extension().is_some_and(|extension| extension == "whl"))
}

/// A path below the repository, shortened for printing.
pub(crate) fn relative(path: &Path) -> std::path::Display<'_> {
    path.strip_prefix(project::root()).unwrap_or(path).display()
}

/// The interpreter of the environment in `folder`.
fn inside(folder: &Path) -> Python {
    let bin = folder.join(if cfg!(windows) { "Scripts" } else { "bin" });
    Python { program: bin.join(format!("python{}", env::consts::EXE_SUFFIX)) }
}

fn version(program: &std::ffi::OsStr) -> Option<(u32, u32)> {
    let question = "import sys; print(*sys.version_info[:2])";
    let answer = process::answer(Command::new(program).args(["-c", question]))?;
    let (major, minor) = answer.split_once(' ')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

const NAMES: [&str; 7] =
    ["python3", "python", "python3.14", "python3.13", "python3.12", "python3.11", "python3.10"];
