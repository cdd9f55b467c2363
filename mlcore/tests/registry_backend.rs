//! A registry backend as a stranger writes it, with nothing but what `registry::backend` publishes.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard};

use mlcore::artifact::Digest;
use mlcore::name::{Alias, ModelName, RequestId, Version};
use mlcore::registry::backend::{self, Log, LogRegistry, Row, Tables};
use mlcore::registry::{
    AliasChange, AuditEntry, AuditHead, Change, Expected, MemoryRegistry, Model, ModelVersion, Mutation,
    NewVersion, Registry, RegistryExt, Stage,
};
use mlcore::schema::Signature;
use mlcore::time::Timestamp;
use mlcore::{Error, Result};

/// Every row that was ever written, in order: the last one of a key is the one that counts.
#[derive(Default)]
struct VecTables {
    rows: Vec<Row>,
}

impl VecTables {
    /// The latest of what `pick` finds in rows, by the key that it answers beside; none where it was removed.
    fn latest<K: Ord, T>(&self, pick: impl Fn(&Row) -> Option<(K, Option<T>)>) -> Vec<T> {
        let found: BTreeMap<K, Option<T>> = self.rows.iter().filter_map(pick).collect();
        found.into_values().flatten().collect()
    }

    fn log(&self) -> impl DoubleEndedIterator<Item = &AuditEntry> {
        self.rows.iter().filter_map(|row| if let Row::Entry(entry) = row { Some(entry) } else { None })
    }

    fn moves(&self) -> impl DoubleEndedIterator<Item = &AliasChange> {
        self.rows.iter().filter_map(|row| if let Row::Alias(change) = row { Some(change) } else { None })
    }
}

impl Tables for VecTables {
    fn head(&self) -> Result<AuditHead> {
        Ok(self.log().next_back().map(AuditEntry::head).unwrap_or_default())
    }

    fn entries(&self, from: u64, limit: usize) -> Result<Vec<AuditEntry>> {
        Ok(self.log().filter(|entry| entry.sequence >= from).take(limit).cloned().collect())
    }

    fn entry_of_request(&self, request: &RequestId) -> Result<Option<AuditEntry>> {
        Ok(self.log().find(|entry| entry.request.as_ref() == Some(request)).cloned())
    }

    fn model(&self, name: &ModelName) -> Result<Option<Model>> {
        Ok(self
            .latest(|row| match row {
                Row::Model(model) if model.name == *name => Some(((), Some(model.clone()))),
                _ => None,
            })
            .pop())
    }

    fn models(&self, after: Option<&ModelName>, limit: usize) -> Result<Vec<Model>> {
        let models = self.latest(|row| match row {
            Row::Model(model) if after.is_none_or(|after| model.name > *after) => {
                Some((model.name.clone(), Some(model.clone())))
            }
            _ => None,
        });
        Ok(models.into_iter().filter(|model| !model.is_deleted()).take(limit).collect())
    }

    fn version(&self, model: &ModelName, version: Version) -> Result<Option<ModelVersion>> {
        Ok(self.versions(model, None, usize::MAX)?.into_iter().find(|found| found.version == version))
    }

    fn versions(&self, model: &ModelName, after: Option<Version>, limit: usize) -> Result<Vec<ModelVersion>> {
        let versions = self.latest(|row| match row {
            Row::Version(found) if found.model == *model => Some((found.version, Some(found.clone()))),
            Row::NoVersion(name, number) if name == model => Some((*number, None)),
            _ => None,
        });
        let later = versions.into_iter().filter(|found| after.is_none_or(|after| found.version > after));
        Ok(later.take(limit).collect())
    }

    fn aliases(&self, model: &ModelName) -> Result<Vec<AliasChange>> {
        Ok(self.latest(|row| match row {
            Row::Alias(change) if change.moved.model == *model => {
                Some((change.moved.alias.clone(), change.target().map(|_| change.clone())))
            }
            _ => None,
        }))
    }

    fn alias_history(&self, model: &ModelName, alias: &Alias) -> Result<Vec<AliasChange>> {
        let of_it = |change: &&AliasChange| change.moved.model == *model && change.moved.alias == *alias;
        Ok(self.moves().filter(of_it).cloned().collect())
    }

    fn write(&mut self, row: Row) -> Result<()> {
        self.rows.push(row);
        Ok(())
    }
}

#[derive(Default)]
struct VecRegistry {
    tables: RwLock<VecTables>,
}

impl VecRegistry {
    fn tables(&self) -> RwLockReadGuard<'_, VecTables> {
        self.tables.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Registry for VecRegistry {
    fn apply(&self, mutation: &Mutation, change: &Change) -> Result<AuditEntry> {
        let mut tables = self.tables.write().unwrap_or_else(PoisonError::into_inner);
        let before = tables.rows.len();
        backend::apply(&mut *tables, mutation, change).inspect_err(|_| tables.rows.truncate(before))
    }

    fn model(&self, name: &ModelName) -> Result<Model> {
        backend::model(&*self.tables(), name)
    }

    fn models(&self, after: Option<&ModelName>, limit: usize) -> Result<Vec<Model>> {
        self.tables().models(after, limit)
    }

    fn version(&self, model: &ModelName, version: Version) -> Result<ModelVersion> {
        backend::version(&*self.tables(), model, version)
    }

    fn versions(&self, model: &ModelName, after: Option<Version>, limit: usize) -> Result<Vec<ModelVersion>> {
        self.tables().versions(model, after, limit)
    }

    fn alias(&self, model: &ModelName, alias: &Alias) -> Result<Option<Version>> {
        backend::alias(&*self.tables(), model, alias)
    }

    fn aliases(&self, model: &ModelName) -> Result<Vec<(Alias, Version)>> {
        backend::aliases(&*self.tables(), model)
    }

    fn alias_history(&self, model: &ModelName, alias: &Alias) -> Result<Vec<AliasChange>> {
        self.tables().alias_history(model, alias)
    }

    fn audit(&self, from: u64, limit: usize) -> Result<Vec<AuditEntry>> {
        self.tables().entries(from, limit)
    }

    fn verify(&self) -> Result<AuditHead> {
        backend::verify(&*self.tables())
    }
}

#[cfg(feature = "conformance")]
#[test]
fn a_strangers_backend_keeps_the_contract() {
    use mlcore::conformance::{self, Persistence};

    conformance::registry(Persistence::Ephemeral, |_| Box::new(VecRegistry::default()));
}

/// A log that several openings share, whose next append fails when it is told to.
#[derive(Clone, Default)]
struct SharedLog {
    entries: Arc<Mutex<Vec<AuditEntry>>>,
    full: Arc<AtomicBool>,
}

impl Log for SharedLog {
    fn entries(&self) -> Result<Vec<AuditEntry>> {
        Ok(self.entries.lock().unwrap().clone())
    }

    fn append(&mut self, entry: &AuditEntry) -> Result<()> {
        if self.full.load(Ordering::SeqCst) {
            return Err(Error::storage_full("change registry", "log", "there is no room"));
        }
        self.entries.lock().unwrap().push(entry.clone());
        Ok(())
    }
}

#[cfg(feature = "conformance")]
#[test]
fn a_log_alone_keeps_the_contract() {
    use std::cell::RefCell;

    use mlcore::conformance::{self, Persistence};

    let logs: RefCell<Vec<SharedLog>> = RefCell::default();
    conformance::registry(Persistence::Exclusive, |place| {
        let mut logs = logs.borrow_mut();
        let opened = logs.len().max(place + 1);
        logs.resize_with(opened, SharedLog::default);
        Box::new(LogRegistry::open(logs[place].clone()).unwrap())
    });
}

#[test]
fn what_a_log_does_not_take_is_not_there() {
    let log = SharedLog::default();
    let registry = LogRegistry::open(log.clone()).unwrap();
    let (churn, fraud) = (ModelName::new("churn").unwrap(), ModelName::new("fraud").unwrap());
    registry.create_model(&churn, &change()).unwrap();
    log.full.store(true, Ordering::SeqCst);
    let later = Change::new("ana", Timestamp::from_millis(8));
    assert_eq!(registry.create_model(&fraud, &later).unwrap_err().kind(), "storage_full");
    assert!(registry.model(&fraud).is_err());
    assert_eq!(registry.create_model(&churn, &change()).unwrap().name, churn, "a repeated request");
    log.full.store(false, Ordering::SeqCst);
    registry.create_model(&fraud, &later).unwrap();
    assert_eq!(registry.verify().unwrap().sequence, 2);

    // Somebody cuts the log behind the registry's back, or exchanges an entry.
    let cut = log.entries.lock().unwrap().pop().unwrap();
    assert_eq!(registry.verify().unwrap_err().kind(), "corrupt");
    log.entries.lock().unwrap().insert(0, cut);
    assert_eq!(LogRegistry::open(log).err().unwrap().kind(), "corrupt");
}

fn change() -> Change {
    Change::new("ana", Timestamp::from_millis(7)).with_request(RequestId::new("r").unwrap())
}

/// What verifying finds in tables that were changed behind the log's back.
#[test]
fn rows_that_the_log_does_not_give_are_found() {
    let made = || {
        let registry = VecRegistry::default();
        registry.create_model(ModelName::new("churn").unwrap(), &change()).unwrap();
        registry
    };
    assert_eq!(made().verify().unwrap().sequence, 1);
    let find = |plant: &dyn Fn(&mut Vec<Row>)| -> Error {
        let registry = made();
        plant(&mut registry.tables.write().unwrap().rows);
        registry.verify().unwrap_err()
    };
    let errors = [
        find(&|rows| rows.retain(|row| !matches!(row, Row::Model(_)))),
        find(&|rows| rows.insert(1, rows[0].clone())),
        find(&|rows| {
            let Row::Model(model) = &mut rows[1] else { panic!("the model follows its entry") };
            model.description = "changed".to_owned();
        }),
        find(&|rows| {
            let mut other = serde_json::to_value(rows_model(rows)).unwrap();
            other["name"] = "other".into();
            rows.push(Row::Model(serde_json::from_value(other).unwrap()));
        }),
    ];
    for error in errors {
        assert_eq!(error.kind(), "corrupt", "{error}");
    }
}

fn rows_model(rows: &[Row]) -> Model {
    rows.iter().find_map(|row| if let Row::Model(model) = row { Some(model.clone()) } else { None }).unwrap()
}

#[test]
fn an_entry_is_read_back_only_as_it_was_sealed() {
    let registry = MemoryRegistry::new();
    registry.create_model(ModelName::new("churn").unwrap(), &change().with_reason("why")).unwrap();
    let entry = registry.audit(1, 1).unwrap().remove(0);
    let json = serde_json::to_value(&entry).unwrap();
    assert_eq!((&json["sequence"], &json["reason"]), (&1.into(), &"why".into()));
    let read: AuditEntry = serde_json::from_value(json.clone()).unwrap();
    assert_eq!(read, entry);
    assert_eq!(AuditEntry::parse(entry.canonical(), entry.hash).unwrap(), entry);
    for field in ["actor", "reason"] {
        let mut forged = json.clone();
        forged[field] = "mallory".into();
        let error = serde_json::from_value::<AuditEntry>(forged).unwrap_err();
        assert!(error.to_string().contains("does not fit"), "{error}");
    }
}

/// The words of our own errors, which the contract leaves free.
#[test]
fn errors_say_what_stands_in_the_way_and_what_to_do() {
    let registry = MemoryRegistry::new();
    let (model, champion) = (ModelName::new("churn").unwrap(), Alias::new("champion").unwrap());
    let change = Change::new("ana", Timestamp::from_millis(7));
    let said = |error: Error| {
        let text = error.to_string();
        assert!(!text.contains("::"), "{text}");
        text
    };
    let missing = said(registry.model(&model).unwrap_err());
    assert_eq!(missing, "read model churn: there is no model of this name; create the model first");
    registry.create_model(&model, &change).unwrap();
    let make = || {
        let new = NewVersion::new(model.clone(), Digest::of("model"), Signature::default());
        registry.create_version(new, &change).unwrap().version
    };
    let (one, two) = (make(), make());
    let promote = |version, expected| registry.promote(&model, version, &champion, expected, &change);
    let raw = said(promote(one, Expected::Absent).unwrap_err());
    assert_eq!(
        raw,
        "promote version churn/1: a version does not go from dev to production; take it to staging first"
    );
    registry.transition(&model, one, Stage::Dev, Stage::Staging, &change).unwrap();
    promote(one, Expected::Absent).unwrap();
    let moved = said(promote(two, Expected::Version(two)).unwrap_err());
    assert_eq!(
        moved,
        "promote version churn@champion: expected version 2, found version 1; read the alias again, then decide again"
    );
    registry.delete_version(&model, two, &change).unwrap();
    let deleted = said(promote(two, Expected::Any).unwrap_err());
    assert_eq!(deleted, "promote version churn/2: it was deleted");
}
