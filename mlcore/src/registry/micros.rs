//! Times as the registry stores them: whole microseconds since 1970-01-01T00:00:00Z, a number of JSON. The text of audit
//! entries, and with it every hash, stands on this form; `#[serde(with = "micros")]` gives it to a [`Timestamp`].

use serde::{Deserialize, Deserializer, Serializer};

use crate::time::Timestamp;

/// The time as it is stored and read back: rounded down to a microsecond.
pub(super) fn stored(time: Timestamp) -> Timestamp {
    Timestamp::from_micros(time.as_micros())
}

pub(super) fn serialize<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_i64(time.as_micros())
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    i64::deserialize(deserializer).map(Timestamp::from_micros)
}

/// The same for a time that may be missing: `#[serde(with = "micros::option")]`.
pub(super) mod option {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use crate::time::Timestamp;

    pub(in crate::registry) fn serialize<S: Serializer>(
        time: &Option<Timestamp>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        time.map(Timestamp::as_micros).serialize(serializer)
    }

    pub(in crate::registry) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Timestamp>, D::Error> {
        Ok(Option::<i64>::deserialize(deserializer)?.map(Timestamp::from_micros))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::name::ModelName;
    use crate::registry::{AuditEntry, AuditHead, Change, MemoryRegistry, Registry, RegistryExt};
    use crate::time::{TimeUnit, Timestamp};

    #[test]
    fn times_are_stored_as_whole_microseconds() {
        let registry = MemoryRegistry::new();
        let churn = ModelName::new("churn").unwrap();
        let asked = Timestamp::new(1_700_000_000_000_001_999, TimeUnit::Nanosecond);
        let model = registry.create_model(&churn, &Change::new("ana", asked)).unwrap();
        let entry = registry.audit(1, 1).unwrap().remove(0);
        let start = r#"{"sequence":1,"at":1700000000000001,"effective_at":1700000000000001,"actor":"ana","#;
        assert!(entry.canonical().starts_with(start), "{}", entry.canonical());
        assert_eq!((entry.at, model.created_at), (Timestamp::from_micros(1_700_000_000_000_001), entry.at));
        assert_eq!(AuditEntry::parse(entry.canonical(), entry.hash).unwrap(), entry);
        let stored = serde_json::to_value(&model).unwrap();
        assert_eq!(
            (&stored["created_at"], &stored["updated_at"]),
            (&json!(1_700_000_000_000_001_i64), &stored["created_at"])
        );
        assert_eq!(serde_json::from_value::<crate::registry::Model>(stored).unwrap(), model);
        registry.verify().unwrap();
    }

    #[test]
    fn the_ends_of_time_are_stored() {
        let change = Change::new("ana", Timestamp::MIN);
        let read: Change = serde_json::from_value(serde_json::to_value(&change).unwrap()).unwrap();
        assert_eq!(read.at, Timestamp::from_micros(i64::MIN));
        for head in [AuditHead::default(), AuditHead { effective_at: Some(read.at), ..AuditHead::default() }]
        {
            assert_eq!(
                serde_json::from_value::<AuditHead>(serde_json::to_value(head).unwrap()).unwrap(),
                head
            );
        }
        let mut bare = serde_json::to_value(AuditHead::default()).unwrap();
        bare.as_object_mut().unwrap().remove("effective_at");
        assert_eq!(serde_json::from_value::<AuditHead>(bare).unwrap(), AuditHead::default());
    }
}
