use super::{MemoryTables, Tables, replay};
use crate::error::{Error, Result};
use crate::interrupt;
use crate::name::{Alias, ModelName, Version};
use crate::registry::{AuditEntry, AuditHead, Model, ModelVersion};

/// A model, as [`Registry::model`](crate::registry::Registry::model) answers it.
///
/// # Errors
/// [`NotFound`](Error::NotFound), and those of `tables`.
pub fn model(tables: &dyn Tables, name: &ModelName) -> Result<Model> {
    tables.model(name)?.filter(|model| !model.deleted).ok_or_else(|| {
        Error::not_found("read model", name.as_str(), "there is no model of this name")
            .remedy("create the model first")
    })
}

/// A version, as [`Registry::version`](crate::registry::Registry::version) answers it.
///
/// # Errors
/// [`NotFound`](Error::NotFound), and those of `tables`.
pub fn version(tables: &dyn Tables, model: &ModelName, version: Version) -> Result<ModelVersion> {
    tables.version(model, version)?.ok_or_else(|| {
        Error::not_found("read version", format!("{model}/{version}"), "there is no such version")
    })
}

/// The version that an alias means, as [`Registry::alias`](crate::registry::Registry::alias) answers it.
///
/// # Errors
/// Those of `tables`.
pub fn alias(tables: &dyn Tables, model: &ModelName, alias: &Alias) -> Result<Option<Version>> {
    Ok(tables.alias(model, alias)?.and_then(|change| change.target()))
}

/// The aliases of a model, as [`Registry::aliases`](crate::registry::Registry::aliases) answers them.
///
/// # Errors
/// Those of `tables`.
pub fn aliases(tables: &dyn Tables, model: &ModelName) -> Result<Vec<(Alias, Version)>> {
    let changes = tables.aliases(model)?.into_iter();
    Ok(changes.filter_map(|change| Some((change.moved.alias.clone(), change.target()?))).collect())
}

/// Replays the log of `tables` in memory: its chain must be whole, and the other rows must be what it gives.
///
/// # Errors
/// [`Corrupt`](Error::Corrupt) naming the first thing that does not fit, and those of `tables`.
pub fn verify(tables: &dyn Tables) -> Result<AuditHead> {
    let mut replayed = MemoryTables::default();
    loop {
        let next = replayed.head()?.sequence.saturating_add(1);
        let page = tables.entries(next, PAGE)?;
        if page.is_empty() {
            break;
        }
        for entry in &page {
            interrupt::check("verify registry")?;
            replay(&mut replayed, &AuditEntry::parse(entry.canonical(), entry.hash)?)?;
        }
    }
    let head = replayed.head()?;
    if tables.head()? != head {
        return Err(differs("its head"));
    }
    replayed.compare(tables).map(|()| head)
}

/// How many entries are read at once.
const PAGE: usize = 1000;

/// The rows `what` are not as the log has them.
pub(super) fn differs(what: &str) -> Error {
    Error::corrupt("verify registry", "", format!("{what} is not what its audit log gives"))
        .remedy("restore the registry from a backup")
}
