//! `cargo xtask load`: the program `mlcore-serve` beside other servers of the same models, under load, in one run on one machine.

use std::process::ExitCode;

use crate::process::{self, Failure, Result};
use crate::{packages, project, python, setup};

pub(crate) fn run() -> Result<ExitCode> {
    setup::everything()?;
    for (program, package) in [("h2load", "nghttp2-client"), ("curl", "curl")] {
        if !packages::ensure(program, package)? {
            return Err(Failure::new(format!("{program} is missing; install Debian's package {package}")));
        }
    }
    let fastapi = python::environment_with("python-load-fastapi", "requirements-load-fastapi.txt")?;
    let mlserver = python::environment_with("python-load-mlserver", "requirements-load-mlserver.txt")?;
    let floor = project::target().join("floor");
    let manifest = project::root().join("benches/floor/Cargo.toml");
    let mut built = project::cargo(&["build", "--locked", "--release"]);
    built.arg("--manifest-path").arg(manifest).arg("--target-dir").arg(&floor);
    let mut server = project::cargo(&["build", "--locked", "--release", "--package", "mlcore-serve"]);
    server.args(["--features", "server", "--bin", "mlcore-serve"]);
    for command in [&mut built, &mut server] {
        if !process::succeeds(command)? {
            return Err(Failure::new("a server could not be built; see the messages above"));
        }
    }
    let mut benches = project::cargo(&[
        "run",
        "--quiet",
        "--locked",
        "--release",
        "--package",
        "mlcore-benches",
        "--",
        "load",
    ]);
    benches.env("MLCORE_LOAD_SERVER", project::target().join("release/mlcore-serve"));
    benches.env("MLCORE_LOAD_FLOOR", floor.join("release/mlcore-floor"));
    benches.env("MLCORE_LOAD_FASTAPI_PYTHON", fastapi.program());
    benches.env("MLCORE_LOAD_MLSERVER_PYTHON", mlserver.program());
    if process::succeeds(&mut benches)? {
        return Ok(ExitCode::SUCCESS);
    }
    Err(Failure::new("the load failed; its last lines above say where"))
}
