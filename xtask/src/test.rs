//! `cargo xtask test`: everything that must pass, in one run, with the set-up that it needs.

use std::process::ExitCode;

use crate::process::Result;
use crate::python::Python;
use crate::tally::{self, Tally};
use crate::{azurite, browser, clients, lint, packages, process, project, setup, wheel};

pub(crate) fn run() -> Result<ExitCode> {
    let tools = setup::everything()?;
    browser::ensure()?;
    // Without it the tests of the registry in PostgreSQL are skipped, and say so.
    let _ = packages::ensure_postgresql()?;
    // The same of those of the online store on Redis.
    let _ = packages::ensure("redis-server", "redis-server")?;
    azurite::ensure()?;
    let mut tally = Tally::default();
    tally.check("formatting", &mut lint::formatting())?;
    for (name, command) in &mut lint::formatting_of_others() {
        tally.check(name, command)?;
    }
    tally.check("clippy", &mut lint::clippy())?;
    rust(&mut tally)?;
    clients::run(&mut tally)?;
    python(&mut tally, &tools)?;
    Ok(tally.close())
}

/// Unit, integration and doc tests with every feature on, then the documentation itself.
///
/// The extension module is no part of it: it leaves Python's symbols open, so only an interpreter can load it.
fn rust(tally: &mut Tally) -> Result<()> {
    let everywhere = ["--locked", "--workspace", "--exclude", "mlcore-py", "--all-features"];
    let mut tests = project::cargo(&["test", "--no-fail-fast"]);
    // What `cargo test` by itself does for a few seconds is done at length here.
    for (variable, value) in AT_LENGTH {
        if std::env::var_os(variable).is_none() {
            tests.env(variable, value);
        }
    }
    tally.suite("Rust and doc tests", tests.args(everywhere), tally::cargo_test)?;
    let mut docs = project::cargo(&["doc", "--quiet", "--no-deps"]);
    docs.args(everywhere).env("RUSTDOCFLAGS", "--deny warnings");
    tally.check("documentation", &mut docs)?;
    Ok(())
}

/// The wheel as a user gets it, then its type stubs against what is really inside.
fn python(tally: &mut Tally, tools: &Python) -> Result<()> {
    if !tally.check("wheel", &mut wheel::build(tools)?)? {
        tally.fail("pytest and stubs (there is no wheel to test)");
        return Ok(());
    }
    let wheel = wheel::built()?;
    let python = wheel::fresh_environment(&wheel)?;
    let mut pytest =
        python.command(&["-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", "mlcore-py/tests"]);
    // The library must come from the wheel's own extra, `mlcore[onnx]`, not from what `setup` fetched.
    pytest.env("MLCORE_CACHE", project::target().join("empty-cache")).env_remove("ORT_DYLIB_PATH");
    tally.suite("pytest", &mut pytest, tally::pytest)?;

    let path = wheel.to_string_lossy();
    let mut install = tools.pip(&["install", "--quiet", "--no-deps", "--force-reinstall", &path]);
    if !process::succeeds(&mut install)? {
        tally.fail("stubs (pip could not install the wheel)");
        return Ok(());
    }
    tally.check("stubs", &mut tools.command(&["-m", "mypy.stubtest", "mlcore"]))?;
    Ok(())
}

/// How long the soak of the endpoint lasts, in seconds, and that every call of a release to the system fails once.
const AT_LENGTH: [(&str, &str); 2] = [("MLCORE_SOAK_SECONDS", "30"), ("MLCORE_EVERY_FAULT", "1")];
