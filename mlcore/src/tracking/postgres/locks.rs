//! Who waits for whom while writing.

use std::collections::BTreeSet;

use crate::error::Result;
use crate::postgres::{Statements, lock_of};
use crate::tracking::Edit;

/// The advisory locks of a transaction, which end with it.
///
/// What writes runs and logged models shares the lock of the tracker, and holds those of its runs and models alone. What changes
/// an experiment, and with it the runs that it has, holds the tracker's alone; so does what has more than a server's table
/// of locks should carry.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Locks {
    tracker: i64,
    /// In one order, so that no two writers wait for each other; none where the tracker's lock is held alone.
    own: Option<BTreeSet<i64>>,
}

/// A server's table has 64 places for each connection.
const MOST_LOCKS: usize = 32;

impl Locks {
    pub(super) fn of(schema: &str, edits: &[Edit]) -> Self {
        let tracker = lock_of("tracker", schema);
        let mut own = BTreeSet::new();
        for edit in edits {
            if !add(&mut own, schema, edit) || own.len() > MOST_LOCKS {
                return Self { tracker, own: None };
            }
        }
        Self { tracker, own: Some(own) }
    }

    pub(super) fn take(&self, statements: &mut Statements<'_>) -> Result<()> {
        let Some(own) = &self.own else {
            return statements.query("SELECT pg_advisory_xact_lock($1)", &[&self.tracker]).map(drop);
        };
        let mut own = own.iter();
        match own.next() {
            None => statements.query("SELECT pg_advisory_xact_lock_shared($1)", &[&self.tracker])?,
            Some(first) => {
                let both = "SELECT pg_advisory_xact_lock_shared($1), pg_advisory_xact_lock($2)";
                statements.query(both, &[&self.tracker, first])?
            }
        };
        own.try_for_each(|lock| statements.query("SELECT pg_advisory_xact_lock($1)", &[lock]).map(drop))
    }
}

/// Adds what an edit writes; false for one that must be alone.
fn add(locks: &mut BTreeSet<i64>, schema: &str, edit: &Edit) -> bool {
    let mut lock = |kind: &str, id: &str| {
        locks.insert(lock_of(&format!("{kind} {id}"), schema));
    };
    match edit {
        Edit::CreateExperiment(_)
        | Edit::RenameExperiment { .. }
        | Edit::DeleteExperiment { .. }
        | Edit::RestoreExperiment { .. }
        | Edit::SetExperimentTag { .. } => return false,
        Edit::CreateRun(new) => lock("run", new.id.as_str()),
        Edit::UpdateRun { run, .. }
        | Edit::DeleteRun { run, .. }
        | Edit::RestoreRun { run }
        | Edit::DeleteTag { run, .. }
        | Edit::LogInputs { run, .. }
        | Edit::LogOutputs { run, .. } => lock("run", run.as_str()),
        Edit::Log(batch) => {
            lock("run", batch.run.as_str());
            for model in batch.metrics.iter().filter_map(|metric| metric.model.as_ref()) {
                lock("model", model.as_str());
            }
        }
        Edit::CreateLoggedModel(new) => lock("model", new.id.as_str()),
        Edit::FinalizeLoggedModel { model, .. }
        | Edit::SetLoggedModelTags { model, .. }
        | Edit::DeleteLoggedModelTag { model, .. }
        | Edit::LogLoggedModelParams { model, .. }
        | Edit::DeleteLoggedModel { model, .. } => lock("model", model.as_str()),
    }
    true
}
