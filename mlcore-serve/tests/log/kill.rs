//! A process that is killed while it writes leaves whole files, and nothing that was flushed is lost.

use std::env;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use mlcore_serve::endpoint::RecordSink;
use mlcore_serve::log::{LogOptions, LogReader, PredictionLog};

use crate::support::{full, model};

const FOLDER: &str = "MLCORE_TEST_LOG_FOLDER";

/// The child: writes until it is killed, and says what it has flushed.
#[test]
fn child() {
    let Some(folder) = env::var_os(FOLDER) else { return };
    let log = PredictionLog::open(PathBuf::from(folder), LogOptions::default().with_max_rows(700)).unwrap();
    let mut sink = log.sink(model());
    for number in 0_u64.. {
        sink.record(&full(number));
        if number % 97 == 96 {
            log.flush().unwrap();
            println!("\nflushed {}", number + 1);
        }
    }
}

#[test]
fn what_was_flushed_survives_a_kill() {
    for round in 0..3_u64 {
        let folder = tempfile::tempdir().unwrap();
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["kill::child", "--exact", "--nocapture"])
            .env(FOLDER, folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut flushed = 0_u64;
        // The kill falls anywhere between two lines.
        for line in lines.by_ref() {
            if let Some(number) = line.unwrap().strip_prefix("flushed ") {
                flushed = number.parse().unwrap();
                if flushed > 1000 {
                    break;
                }
            }
        }
        std::thread::sleep(Duration::from_micros(300 * round));
        child.kill().unwrap();
        child.wait().unwrap();
        let last = lines
            .map_while(Result::ok)
            .filter_map(|line| line.strip_prefix("flushed ").and_then(|number| number.parse().ok()));
        let flushed = last.last().unwrap_or(flushed);
        let rows: Vec<_> = LogReader::new(folder.path()).predictions().unwrap().map(Result::unwrap).collect();
        assert!(rows.len() as u64 >= flushed, "{} of {flushed}", rows.len());
        for (number, row) in rows.iter().enumerate() {
            assert_eq!(row.unit.as_ref().unwrap().as_str(), format!("user-{number}"));
        }
    }
}
