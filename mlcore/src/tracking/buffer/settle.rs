//! Records as batches of a tracker, and what it makes of them.

use std::collections::HashMap;

use super::record::{Item, Record};
use crate::error::{Error, Result};
use crate::name::RunId;
use crate::tracking::{Batch, Edit, Tracker, limits};

/// What became of some records.
#[derive(Debug, Default)]
pub(super) struct Settled {
    pub(super) written: u64,
    pub(super) refused: u64,
    pub(super) first_refusal: Option<String>,
}

/// Writes records in one transaction; where the tracker refuses something, the rest without it.
///
/// # Errors
/// Those of a tracker that may take them another time: nothing is settled then, and what was written is written again, which
/// changes nothing.
pub(super) fn settle(tracker: &dyn Tracker, records: &[Record]) -> Result<Settled> {
    let mut settled = Settled::default();
    part(tracker, records, &mut settled)?;
    Ok(settled)
}

fn part(tracker: &dyn Tracker, records: &[Record], settled: &mut Settled) -> Result<()> {
    let edits: Vec<Edit> = batches(records).into_iter().map(|batch| Edit::Log(Box::new(batch))).collect();
    match tracker.write(&edits) {
        Ok(()) => settled.written += records.len() as u64,
        Err(error) if !is_refusal(&error) => return Err(error),
        Err(error) => match records {
            [] => {}
            [_] => {
                settled.refused += 1;
                settled.first_refusal.get_or_insert_with(|| error.to_string());
            }
            _ => {
                // By halves: few are refused, and each costs the logarithm of all.
                let (first, second) = records.split_at(records.len() / 2);
                part(tracker, first, settled)?;
                part(tracker, second, settled)?;
            }
        },
    }
    Ok(())
}

/// Whether a tracker would answer the same another time.
fn is_refusal(error: &Error) -> bool {
    matches!(
        error,
        Error::InvalidInput(_)
            | Error::NotFound(_)
            | Error::AlreadyExists(_)
            | Error::Conflict(_)
            | Error::SchemaMismatch(_)
            | Error::Unsupported(_)
    )
}

/// The records in batches that keep the limits. Those of a run are in order; runs do not meet.
fn batches(records: &[Record]) -> Vec<Batch> {
    let mut batches: Vec<Batch> = Vec::new();
    let mut open: HashMap<&RunId, usize> = HashMap::new();
    for Record { run, item } in records {
        let place = open
            .get(run)
            .copied()
            .filter(|place| batches.get(*place).is_some_and(|batch| has_room(batch, item)));
        let place = place.unwrap_or_else(|| {
            batches.push(Batch::new(run.clone()));
            open.insert(run, batches.len() - 1);
            batches.len() - 1
        });
        let Some(batch) = batches.get_mut(place) else { continue };
        match item {
            Item::Metric(metric) => batch.metrics.push(metric.clone()),
            Item::Param(key, value) => batch.params.push((key.clone(), value.clone())),
            Item::Tag(key, value) => batch.tags.push((key.clone(), value.clone())),
        }
    }
    batches
}

fn has_room(batch: &Batch, item: &Item) -> bool {
    let room = match item {
        Item::Metric(_) => true,
        // A batch has each key of a parameter once.
        Item::Param(key, _) => {
            batch.params.len() < limits::MOST_PARAMS_OR_TAGS
                && batch.params.iter().all(|(other, _)| other != key)
        }
        Item::Tag(..) => batch.tags.len() < limits::MOST_PARAMS_OR_TAGS,
    };
    room && batch.len() < limits::MOST_METRICS
}
