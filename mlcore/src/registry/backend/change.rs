use super::{Tables, evolve, limits, rules};
use crate::error::{Error, Result};
use crate::registry::{AuditEntry, Change, Mutation};

/// What is to be done about a change.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Decided {
    /// This entry follows the head: store it, and what [`replay`] makes of it.
    New(AuditEntry),
    /// The same request was carried out before, with this entry: there is nothing to do.
    Repeated(AuditEntry),
}

/// Decides on one change, and writes it into `tables`.
///
/// The caller makes it atomic: it begins a transaction that no other change enters, and keeps nothing of it when this
/// fails.
///
/// # Errors
/// As [`decide`] and the methods of `tables`.
pub fn apply(tables: &mut dyn Tables, mutation: &Mutation, change: &Change) -> Result<AuditEntry> {
    let entry = match decide(tables, mutation, change)? {
        Decided::Repeated(entry) => return Ok(entry),
        Decided::New(entry) => entry,
    };
    for row in evolve(tables, &entry)? {
        tables.write(row)?;
    }
    tracing::debug!(
        sequence = entry.sequence,
        operation = entry.event.operation(),
        subject = entry.event.subject(),
        actor = entry.actor,
        "registry changed"
    );
    Ok(entry)
}

/// Decides on one change by the rules of [`Mutation`], and writes nothing.
///
/// # Errors
/// As [`Registry::apply`](crate::registry::Registry::apply) says of what is against the rules, and those of `tables`.
pub fn decide(tables: &dyn Tables, mutation: &Mutation, change: &Change) -> Result<Decided> {
    limits::check(mutation, change)?;
    if let Some(request) = &change.request
        && let Some(earlier) = tables.entry_of_request(request)?
    {
        if earlier.answers(mutation, change)? {
            return Ok(Decided::Repeated(earlier));
        }
        let problem = format!(
            "it was used for another change: entry {}, {}",
            earlier.sequence,
            earlier.event.operation()
        );
        return Err(Error::already_exists("apply change", format!("request {request}"), problem)
            .remedy("give each change a request id of its own"));
    }
    let event = rules::decide(tables, mutation, change)?;
    let entry = AuditEntry::seal(&tables.head()?, mutation, change, event)?;
    match tables.commitment(&entry)? {
        Some(state) => entry.with_state(state).map(Decided::New),
        None => Ok(Decided::New(entry)),
    }
}

/// Writes what the next entry of a log gives into `tables`.
///
/// It judges nothing but the chain: rules may become stricter, and the log of an earlier version still replays.
///
/// # Errors
/// [`Corrupt`](Error::Corrupt) for an entry that does not follow the head of `tables` or changes what is not there, and
/// those of `tables`.
pub fn replay(tables: &mut dyn Tables, entry: &AuditEntry) -> Result<()> {
    entry.check_follows(&tables.head()?)?;
    evolve(tables, entry)?.into_iter().try_for_each(|row| tables.write(row))
}
