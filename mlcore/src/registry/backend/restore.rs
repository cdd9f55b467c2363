use super::{Tables, replay};
use crate::error::{Error, Result};
use crate::interrupt;
use crate::registry::{AuditEntry, AuditHead};

/// Writes what a log gives into empty `tables`, as [`Registry::restore`](crate::registry::Registry::restore) says.
///
/// The caller makes it atomic, as of [`apply`](super::apply). Tables with [commitments](Tables::commitment) make theirs anew.
///
/// # Errors
/// [`AlreadyExists`](Error::AlreadyExists) for tables that are not empty, [`Corrupt`](Error::Corrupt) for a log whose chain is broken, and
/// those of `log` and `tables`.
pub fn restore(
    tables: &mut dyn Tables,
    log: &mut dyn Iterator<Item = Result<AuditEntry>>,
) -> Result<AuditHead> {
    require_empty(&tables.head()?)?;
    for entry in log {
        interrupt::check(OPERATION)?;
        let entry = entry?;
        replay(tables, &AuditEntry::parse(entry.canonical(), entry.hash)?)?;
    }
    tables.head()
}

/// Refuses to restore over what is there.
pub(in crate::registry) fn require_empty(head: &AuditHead) -> Result<()> {
    if head.sequence == 0 {
        return Ok(());
    }
    let problem = format!("the registry is not empty: its log has {} entries", head.sequence);
    Err(Error::already_exists(OPERATION, "registry", problem).remedy("restore into a new one"))
}

const OPERATION: &str = "restore registry";
