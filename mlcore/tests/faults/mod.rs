//! A child in which one call to the system fails, with EIO, with ENOSPC, or by ending the process: each call of a piece of work in turn.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

const FOLDER: &str = "MLCORE_FAULT_TEST_FOLDER";

/// The folder in which this process works, if it is a child.
pub(crate) fn told() -> Option<PathBuf> {
    std::env::var_os(FOLDER).map(PathBuf::from)
}

/// Does the work while a call fails; what failed is repeated once, in which none does any more.
pub(crate) fn work<T>(mut work: impl FnMut() -> mlcore::Result<T>) {
    drop(fs::File::open("/mlcore-fault-arm"));
    if let Err(error) = work() {
        // What a disk cannot read, SQLite takes for damage.
        let known = ["unavailable", "storage_full", "outcome_unknown", "permission_denied", "corrupt"];
        assert!(known.contains(&error.kind()), "{error}");
        println!("failed {}", error.kind());
        work().unwrap();
    }
    drop(fs::File::open("/mlcore-fault-disarm"));
    println!("done");
}

/// A piece of work: a test that does it in its folder, what it says on its way, and the folder that it begins with.
pub(crate) struct Trial {
    pub(crate) test: &'static str,
    pub(crate) words: &'static [&'static str],
    pub(crate) prepared: PathBuf,
    /// Of the calls every so many-th fails where the test is at length, and every seventh of those otherwise.
    pub(crate) step: usize,
}

impl Trial {
    /// Fails one call after the other, most of them with `MLCORE_EVERY_FAULT=1` alone, and lets `check` look at the folder and at what
    /// the child said.
    pub(crate) fn fail_each(&self, check: impl Fn(&Path, &[String], &str) + Sync) {
        let folder = tempfile::tempdir().unwrap();
        let shim = folder.path().join("fault.so");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/faults/system.c");
        let built =
            Command::new("cc").args(["-shared", "-fPIC", "-O1", "-w", "-o"]).arg(&shim).arg(source).status();
        if !built.is_ok_and(|built| built.success()) {
            println!("skipped: there is no C compiler");
            return;
        }
        let (said, calls) = self.run(&shim, &folder.path().join("whole"), "eio", 0);
        let due = self.words.iter().chain(&["done"]);
        assert!(said.iter().eq(due), "{said:?}");
        assert!(calls > 50, "the work makes {calls} calls");

        let step = if std::env::var_os("MLCORE_EVERY_FAULT").is_some() { self.step } else { self.step * 7 };
        let faults: Vec<(&str, usize)> = ["eio", "enospc", "kill"]
            .into_iter()
            .enumerate()
            .flat_map(|(first, kind)| (1 + first..=calls).step_by(step).map(move |at| (kind, at)))
            .collect();
        let (next, failed) = (AtomicUsize::new(0), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    while let Some((kind, at)) = faults.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let folder = folder.path().join(format!("{kind}-{at}"));
                        let (said, _) = self.run(&shim, &folder, kind, *at);
                        let broke = said.iter().any(|line| line.starts_with("failed"));
                        failed.fetch_add(usize::from(broke), Ordering::Relaxed);
                        let is_done = said.contains(&"done".to_owned());
                        assert!(*kind == "kill" || is_done, "{kind} at {at}: {said:?}");
                        check(&folder, &said, &format!("{kind} at {at}"));
                        fs::remove_dir_all(folder).unwrap();
                    }
                });
            }
        });
        let failed = failed.into_inner();
        assert!(failed * 4 > faults.len(), "of {} faults {failed} were told", faults.len());
        println!("{} faults in {calls} calls, {failed} told", faults.len());
    }

    /// Lets the child work in a new copy of what was prepared; answers what it said, and how many calls it made.
    fn run(&self, shim: &Path, folder: &Path, kind: &str, at: usize) -> (Vec<String>, usize) {
        copy(&self.prepared, folder);
        let count = folder.join("count");
        let child = Command::new(std::env::current_exe().unwrap())
            .args([self.test, "--exact", "--nocapture", "--test-threads=1"])
            .env(FOLDER, folder)
            .env("LD_PRELOAD", shim)
            .envs([("FAULT_KIND", kind), ("FAULT_AT", &at.to_string())])
            .env("FAULT_COUNT", &count)
            .stderr(Stdio::inherit())
            .output()
            .unwrap();
        let said = String::from_utf8(child.stdout).unwrap();
        let words: Vec<&str> = self.words.iter().copied().chain(["done", "failed "]).collect();
        // The harness talks on the same line before the child does.
        let said: Vec<String> = said
            .lines()
            .filter_map(|line| words.iter().find_map(|word| Some(line[line.find(word)?..].to_owned())))
            .collect();
        assert_eq!(child.status.success(), said.contains(&"done".to_owned()), "{kind} at {at}: {said:?}");
        (said, fs::read_to_string(count).map_or(0, |count| count.parse().unwrap()))
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (entry, target) = (entry.as_ref().unwrap(), to.join(entry.as_ref().unwrap().file_name()));
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
