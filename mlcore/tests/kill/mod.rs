//! A child that works until it is killed, and what it said by then: each line is something that was acknowledged.
//!
//! Each test kills [`rounds`] times. The child is a test of the same program, which does nothing without [`WORK`].

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// What the child does, and in which folder.
pub(crate) const WORK: &str = "MLCORE_KILL_TEST_WORK";
const FOLDER: &str = "MLCORE_KILL_TEST_FOLDER";
/// How often `cargo test` kills each; `MLCORE_KILLS` says otherwise.
const ROUNDS: u64 = 25;

pub(crate) fn rounds() -> u64 {
    std::env::var("MLCORE_KILLS").map_or(ROUNDS, |text| text.parse().unwrap())
}

/// What this process is told to do, if it is a child.
pub(crate) fn told() -> Option<(String, PathBuf)> {
    let work = std::env::var(WORK).ok()?;
    Some((work, std::env::var_os(FOLDER).unwrap().into()))
}

/// Tells the parent that something was acknowledged. Any thread may.
pub(crate) fn say(text: &str) {
    static ONE_LINE: Mutex<()> = Mutex::new(());
    let _own = ONE_LINE.lock().unwrap_or_else(PoisonError::into_inner);
    let mut out = std::io::stdout();
    // A parent that is gone hears nothing.
    if writeln!(out, "{text}").and_then(|()| out.flush()).is_err() {
        std::process::exit(1);
    }
}

/// Lets a child that is the test `test` do its work, say `count` things and go on for `time`, and kills it; answers what it said.
pub(crate) fn run_and_kill(
    test: &str,
    work: impl AsRef<OsStr>,
    folder: &Path,
    count: u64,
    time: Duration,
) -> Vec<String> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture", "--test-threads=1"])
        .env(WORK, work)
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    // The test harness talks before the child does.
    assert!(lines.any(|line| line.ends_with("ready")), "the child ended by itself");
    let mut said: Vec<String> = lines.by_ref().take(usize::try_from(count).unwrap()).collect();
    std::thread::sleep(time);
    // On Unix this is SIGKILL.
    child.kill().unwrap();
    assert!(!child.wait().unwrap().success());
    said.extend(lines);
    said
}
