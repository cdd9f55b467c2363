//! Counting what passed, and the one closing line.

use std::collections::VecDeque;
use std::process::{Command, ExitCode};
use std::sync::{Mutex, PoisonError, mpsc};
use std::thread;
use std::time::Instant;

use crate::process::{self, Result};
use crate::project;

/// What passed, what failed and what was skipped, over all suites.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    passed: u64,
    failed: u64,
    skipped: u64,
    notes: Vec<String>,
}

/// How many tests one summary line of `cargo test` or pytest reports.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) skipped: u64,
}

impl Counts {
    fn add(&mut self, more: Self) {
        self.passed += more.passed;
        self.failed += more.failed;
        self.skipped += more.skipped;
    }

    /// Those of a whole suite: one that did not compile, crashed or ran nothing has no failed test to show for it.
    fn of_suite(mut self, succeeded: bool) -> Self {
        if self.failed == 0 && (!succeeded || self.passed == 0) {
            self.failed = 1;
        }
        self
    }
}

impl Tally {
    /// Runs a command that is one check: it passes or fails as a whole.
    pub(crate) fn check(&mut self, name: &str, command: &mut Command) -> Result<bool> {
        let started = announce(name);
        let passed = process::succeeds(command)?;
        self.settle(
            name,
            started,
            Counts { passed: u64::from(passed), failed: u64::from(!passed), skipped: 0 },
        );
        Ok(passed)
    }

    /// Runs a command that prints summary lines, from which `read` takes the counts of its tests.
    pub(crate) fn suite(
        &mut self,
        name: &str,
        command: &mut Command,
        read: impl Fn(&str) -> Option<Counts>,
    ) -> Result<()> {
        let started = announce(name);
        let mut sum = Counts::default();
        let succeeded =
            process::succeeds_with_lines(command, |line| sum.add(read(line).unwrap_or_default()))?;
        self.settle(name, started, sum.of_suite(succeeded));
        Ok(())
    }

    /// Runs suites that wait for others most of the time, as many beside each other as there are cores. The output of each is printed when it
    /// has ended.
    pub(crate) fn suites(
        &mut self,
        suites: Vec<(String, Command)>,
        read: impl Fn(&str) -> Option<Counts>,
    ) -> Result<()> {
        let cores = thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let waiting = Mutex::new(VecDeque::from(suites));
        thread::scope(|scope| {
            let (teller, ended) = mpsc::channel();
            for _ in 0..cores {
                let (teller, waiting) = (teller.clone(), &waiting);
                scope.spawn(move || {
                    loop {
                        let next = waiting.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
                        let Some((name, mut command)) = next else { return };
                        let started = Instant::now();
                        let told = process::told(&mut command);
                        if teller.send((name, started, command, told)).is_err() {
                            return;
                        }
                    }
                });
            }
            drop(teller);
            for (name, started, command, told) in ended {
                let (succeeded, output) = told?;
                announce(&name);
                process::show(&command);
                print!("{output}");
                let mut sum = Counts::default();
                output.lines().filter_map(&read).for_each(|counts| sum.add(counts));
                self.settle(&name, started, sum.of_suite(succeeded));
            }
            Ok(())
        })
    }

    /// Notes a check that could not be made here and why.
    pub(crate) fn skip(&mut self, what: &str) {
        self.skipped += 1;
        self.notes.push(format!("skipped: {what}"));
    }

    /// Notes a check that another failure made impossible.
    pub(crate) fn fail(&mut self, what: &str) {
        self.failed += 1;
        self.notes.push(format!("failed: {what}"));
    }

    /// Prints what failed or was skipped by name, then the closing line; with `CI=true` a skip fails the run.
    pub(crate) fn close(self) -> ExitCode {
        println!();
        for note in &self.notes {
            println!("{note}");
        }
        let unproved = project::in_ci() && self.skipped > 0;
        if unproved {
            println!("with CI=true what is skipped counts as failed");
        }
        let skipped = if self.skipped > 0 { format!(", {} skipped", self.skipped) } else { String::new() };
        println!("{} passed, {} failed{skipped}", self.passed, self.failed);
        if self.failed > 0 || unproved { ExitCode::FAILURE } else { ExitCode::SUCCESS }
    }

    fn settle(&mut self, name: &str, started: Instant, counts: Counts) {
        self.passed += counts.passed;
        self.failed += counts.failed;
        self.skipped += counts.skipped;
        let outcome = if counts.failed > 0 { "FAILED" } else { "ok" };
        println!("== {name}: {outcome} in {:.1} s", started.elapsed().as_secs_f64());
        if counts.failed > 0 {
            self.notes.push(format!("failed: {name} ({})", counts.failed));
        }
        if counts.skipped > 0 {
            self.notes.push(format!("skipped: {name} ({}, named above)", counts.skipped));
        }
    }
}

fn announce(name: &str) -> Instant {
    println!("\n== {name}");
    Instant::now()
}

/// Reads `test result: ok. 12 passed; 0 failed; 1 ignored; ...`.
pub(crate) fn cargo_test(line: &str) -> Option<Counts> {
    let (_, numbers) = line.strip_prefix("test result: ")?.split_once(". ")?;
    Some(Counts {
        passed: number_before(numbers, "passed"),
        failed: number_before(numbers, "failed"),
        skipped: number_before(numbers, "ignored"),
    })
}

/// Reads pytest's last line, `3 failed, 12 passed, 1 skipped in 0.52s`, with or without its `=` frame.
pub(crate) fn pytest(line: &str) -> Option<Counts> {
    let line = line.trim_matches(|c| c == '=' || c == ' ');
    let (numbers, seconds) = line.rsplit_once(" in ")?;
    let starts_with_number = numbers.starts_with(|c: char| c.is_ascii_digit());
    if !starts_with_number || !seconds.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    Some(Counts {
        passed: number_before(numbers, "passed"),
        failed: number_before(numbers, "failed") + number_before(numbers, "error"),
        skipped: number_before(numbers, "skipped") + number_before(numbers, "xfailed"),
    })
}

/// The number in front of `word` in a list such as `12 passed; 0 failed`.
fn number_before(list: &str, word: &str) -> u64 {
    list.split([';', ','])
        .filter_map(|item| item.trim().split_once(' '))
        .find(|(_, what)| what.trim_end_matches('s') == word)
        .and_then(|(number, _)| number.parse().ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::{Counts, Tally, cargo_test, pytest};

    fn counts(passed: u64, failed: u64, skipped: u64) -> Option<Counts> {
        Some(Counts { passed, failed, skipped })
    }

    /// A suite of which none ran counts as one that failed.
    #[test]
    fn suites_beside_each_other_are_all_counted() {
        let suite = |line: &str| {
            let mut command = Command::new("echo");
            command.arg(line);
            (line.to_owned(), command)
        };
        let lines =
            ["3 passed in 0.10s", "1 failed, 2 passed in 0.20s", "nothing", "4 passed, 1 skipped in 1.00s"];
        let mut tally = Tally::default();
        tally.suites(lines.map(suite).into(), pytest).unwrap();
        assert_eq!((tally.passed, tally.failed, tally.skipped), (9, 2, 1));
        let missing = ("missing".to_owned(), Command::new("no-such-program-of-the-test"));
        assert!(tally.suites(vec![missing], pytest).is_err());
    }

    #[test]
    fn reads_the_summary_of_cargo_test() {
        let line =
            "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 3 filtered out; finished in 0.02s";
        assert_eq!(cargo_test(line), counts(12, 0, 1));
        let line = "test result: FAILED. 7 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.50s";
        assert_eq!(cargo_test(line), counts(7, 2, 0));
        assert_eq!(cargo_test("test name::is::ok ... ok"), None);
    }

    #[test]
    fn reads_the_summary_of_pytest() {
        assert_eq!(pytest("31 passed in 2.01s"), counts(31, 0, 0));
        assert_eq!(
            pytest("===== 3 failed, 12 passed, 1 skipped, 2 errors in 61.20s (0:01:01) ====="),
            counts(12, 5, 1)
        );
        assert_eq!(pytest("1 passed, 1 warning in 0.10s"), counts(1, 0, 0));
        assert_eq!(pytest("collected 31 items in 4 files"), None);
        assert_eq!(pytest("tests/test_stats.py ....  [ 10%]"), None);
    }
}
