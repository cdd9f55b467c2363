use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mlcore::batch::{OwnedValue, Value};
use mlcore_features::store::key::EntityKey;

use super::read::One;

/// What was read of the last entities, for the time when the store does not answer.
pub(super) struct LastKnown {
    shards: Box<[Mutex<Shard>]>,
    /// The most entities of a shard.
    most: usize,
    max_age: Duration,
}

#[derive(Default)]
struct Shard {
    entities: HashMap<EntityKey, Known>,
    /// The entities in the order in which they were first read: the first leaves first.
    order: VecDeque<EntityKey>,
}

/// What is known of an entity.
struct Known {
    features: Vec<(One, OwnedValue)>,
    read_at: Duration,
}

/// Threads that read at once rarely meet.
const SHARDS: usize = 16;

impl LastKnown {
    pub(super) fn new(entities: usize, max_age: Duration) -> Self {
        let shards = entities.clamp(1, SHARDS);
        Self {
            shards: (0..shards).map(|_| Mutex::default()).collect(),
            most: entities.div_ceil(shards).max(1),
            max_age,
        }
    }

    fn shard(&self, key: &EntityKey) -> Option<MutexGuard<'_, Shard>> {
        let place = (key.hash64() >> 32) as usize % self.shards.len().max(1);
        Some(self.shards.get(place)?.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Keeps what was read of an entity at this moment of the endpoint's clock.
    pub(super) fn keep<'v>(
        &self,
        key: &EntityKey,
        read_at: Duration,
        features: impl Iterator<Item = (One, Value<'v>)>,
    ) {
        let Some(mut shard) = self.shard(key) else { return };
        if let Some(known) = shard.entities.get_mut(key) {
            known.read_at = read_at;
            for (place, (one, value)) in known.features.iter_mut().zip(features) {
                place.0 = one;
                // A text that is the same keeps its memory.
                if place.1.as_value() != value {
                    place.1 = value.into_owned();
                }
            }
            return;
        }
        if shard.entities.len() >= self.most
            && let Some(first) = shard.order.pop_front()
        {
            shard.entities.remove(&first);
        }
        let features = features.map(|(one, value)| (one, value.into_owned())).collect();
        shard.entities.insert(key.clone(), Known { features, read_at });
        shard.order.push_back(key.clone());
    }

    /// Hands out what is known of an entity, unless it was read too long ago; says whether there is anything.
    pub(super) fn find(
        &self,
        key: &EntityKey,
        now: Duration,
        mut take: impl FnMut(usize, One, Value<'_>),
    ) -> bool {
        let Some(shard) = self.shard(key) else { return false };
        let Some(known) = shard.entities.get(key) else { return false };
        if now.saturating_sub(known.read_at) > self.max_age {
            return false;
        }
        for (place, (one, value)) in known.features.iter().enumerate() {
            take(place, *one, value.as_value());
        }
        true
    }
}

impl fmt::Debug for LastKnown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LastKnown").field("max_age", &self.max_age).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::endpoint::FeatureStatus;

    #[test]
    fn old_entities_leave_and_old_reads_are_not_handed_out() {
        let known = LastKnown::new(2 * SHARDS, Duration::from_secs(10));
        let key = |number: i64| EntityKey::one("user", number).unwrap();
        let one = One { status: FeatureStatus::Present, event: Some(1), expiry: None };
        let find = |number: i64, at: u64| {
            let mut found = None;
            known.find(&key(number), Duration::from_secs(at), |_, _, value| found = value.as_f64());
            found
        };
        for number in 0..1000 {
            known.keep(
                &key(number),
                Duration::from_secs(1),
                [(one, Value::Float(number as f64))].into_iter(),
            );
        }
        let left = (0..1000).filter(|number| find(*number, 2).is_some()).count();
        assert!(left <= 2 * SHARDS && find(999, 2) == Some(999.0), "{left}");
        assert_eq!((find(999, 11), find(999, 12)), (Some(999.0), None));
        known.keep(&key(999), Duration::from_secs(5), [(one, Value::Float(0.5))].into_iter());
        assert_eq!(find(999, 12), Some(0.5));
    }
}
