//! The files of MLflow's own web page, which are in its Python package and nowhere else.

use std::fs;
use std::path::PathBuf;

use crate::process::{self, Failure, Result};
use crate::project;
use crate::python::Python;

/// The folder of the page's files; of the version whose client asks in the tests.
///
/// The package itself is not installed: it would bring a hundred others.
pub(crate) fn files(python: &Python) -> Result<PathBuf> {
    let list = project::root().join("testdata/requirements-clients.txt");
    let text = fs::read_to_string(&list)
        .map_err(|error| Failure::new(format!("{} cannot be read ({error})", list.display())))?;
    let version = text.lines().find_map(|line| line.strip_prefix("mlflow-skinny=="));
    let version = version.ok_or_else(|| Failure::new(format!("{} pins no mlflow-skinny", list.display())))?;
    let folder = project::target().join(format!("mlflow-page-{version}"));
    let page = folder.join("mlflow/server/js/build");
    if page.join("index.html").is_file() {
        return Ok(page);
    }
    let into = folder.to_string_lossy().into_owned();
    let wanted = format!("mlflow=={version}");
    let fetched =
        process::succeeds(&mut python.pip(&["download", "--quiet", "--no-deps", "--dest", &into, &wanted]))?;
    let unpacked = fetched && process::succeeds(&mut python.command(&["-c", UNPACK, &into]))?;
    if unpacked && page.join("index.html").is_file() {
        return Ok(page);
    }
    Err(Failure::new(format!("the page of {wanted} cannot be had; see the message above")))
}

/// Takes the page out of the package, and removes the package.
const UNPACK: &str = "
import pathlib, sys, zipfile
for wheel in pathlib.Path(sys.argv[1]).glob('*.whl'):
    with zipfile.ZipFile(wheel) as package:
        package.extractall(sys.argv[1], [name for name in package.namelist() if name.startswith('mlflow/server/js/build/')])
    wheel.unlink()
";
