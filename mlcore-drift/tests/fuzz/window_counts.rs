//! Bytes as the counts of a window: they are refused, or counts that are written again equal, and that a fleet adds up or
//! refuses, and never loses its own for.

use std::sync::OnceLock;

use mlcore::{Error, Result};
use mlcore_drift::monitor::{Fleet, MonitorReference, WindowCounter, WindowCounts};

use crate::judged::sound;
use crate::sealed::sealed;
use crate::told::told;

/// Reads bytes as counts; says whether they are some, be it with another digest.
pub(crate) fn check(bytes: &[u8]) -> bool {
    let as_they_are = read(WindowCounts::from_bytes(bytes));
    read(WindowCounts::from_bytes(&sealed(bytes))) | as_they_are
}

fn read(outcome: Result<WindowCounts>) -> bool {
    let counts = match outcome {
        Ok(counts) => counts,
        Err(error) => {
            told(&error);
            assert!(matches!(error, Error::Corrupt(_) | Error::Unsupported(_)), "{error:?}");
            return false;
        }
    };
    let written = counts.to_bytes();
    let again = WindowCounts::from_bytes(&written).expect("what is written reads back");
    assert_eq!(again, counts);
    assert_eq!(again.to_bytes(), written);
    added(&counts);
    true
}

fn added(counts: &WindowCounts) {
    let mut fleet = Fleet::new(reference()).expect("its tests count");
    let before = fleet.save();
    match fleet.add("a", counts) {
        Ok(verdict) => {
            sound(Ok(verdict.into_iter().map(|all| all.verdict).collect()));
            sound(fleet.evaluate_now().map(|all| vec![all.verdict]));
            doubled(counts);
        }
        Err(error) => {
            told(&error);
            assert!(matches!(error, Error::InvalidInput(_)), "{error:?}");
            assert_eq!(fleet.save(), before, "what is refused changes nothing");
        }
    }
}

/// Twice as many rows, and again: it ends in an error, and not in counts that went round.
fn doubled(counts: &WindowCounts) {
    let mut counter = WindowCounter::new(reference()).expect("its tests count");
    let mut sum = counts.clone();
    for _ in 0..u64::BITS {
        let twice = counter.put_back(&sum).and_then(|()| counter.put_back(&sum));
        let rows = sum.rows();
        match twice.and_then(|()| counter.take()) {
            Ok(taken) => sum = taken,
            Err(error) => {
                told(&error);
                assert!(matches!(error, Error::InvalidInput(_)), "{error:?}");
                return;
            }
        }
        assert_eq!(sum.rows(), 2 * rows);
    }
    assert_eq!(counts.rows(), 0, "counts double without an end");
}

/// The reference that the counts of the corpus were made for.
fn reference() -> &'static MonitorReference {
    static REFERENCE: OnceLock<MonitorReference> = OnceLock::new();
    REFERENCE.get_or_init(|| {
        let bytes = include_bytes!("../../../fuzz/corpus/monitor_reference/fleet");
        MonitorReference::from_bytes(bytes).expect("it is an input of the other target")
    })
}
