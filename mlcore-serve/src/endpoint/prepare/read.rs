use mlcore::batch::Value;
use mlcore::time::Timestamp;
use mlcore::{Error, Result};
use mlcore_features::store::key::EntityKey;
use mlcore_features::store::online::FeatureReader;

use super::cells::Cells;
use super::status::FeatureStatus;

/// What was found out about a feature of an entity, but for its value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct One {
    pub(super) status: FeatureStatus,
    /// In microseconds since 1970.
    pub(super) event: Option<i64>,
    /// The last moment at which it counts, likewise.
    pub(super) expiry: Option<i64>,
}

const NOTHING: One = One { status: FeatureStatus::NotFound, event: None, expiry: None };

/// What a lookup found out about entities, in memory that is used again.
#[derive(Debug, Default)]
pub(super) struct Read {
    cells: Cells,
    /// By entity, then by feature.
    found: Vec<One>,
    features: usize,
}

impl Read {
    /// Begins anew, about so many entities of which nothing is known.
    pub(super) fn begin(&mut self, entities: usize, features: usize) {
        self.features = features;
        self.found.clear();
        self.found.resize(entities * features, NOTHING);
        self.cells.reset(entities * features);
    }

    /// Asks the reader on this thread.
    pub(super) fn ask(
        &mut self,
        reader: &dyn FeatureReader,
        keys: &[EntityKey],
        features: usize,
        now: Timestamp,
    ) -> Result<()> {
        self.begin(keys.len(), features);
        let mut told = 0;
        reader.read_features(keys, now, &mut |entity, feature, found| {
            let place = entity * features + feature;
            if feature >= features || entity >= keys.len() {
                return;
            }
            told += 1;
            let micros = |moment: Timestamp| moment.as_micros();
            let one = One {
                status: found.status.into(),
                event: found.event.map(micros),
                expiry: found.expiry.map(micros),
            };
            self.set(place, one, found.cell.value().unwrap_or_default());
        })?;
        if told == self.found.len() {
            return Ok(());
        }
        let problem = format!("{told} features were told, and {} were asked for", self.found.len());
        Err(Error::internal("look up features", "reader", problem).remedy("report it to the reader's author"))
    }

    /// Holds what was found; a value only where it counts.
    fn set(&mut self, place: usize, one: One, value: Value<'_>) {
        let counts = matches!(one.status, FeatureStatus::Present | FeatureStatus::LastKnown);
        // A present value that is null is none.
        let one =
            if counts && value.is_null() { One { status: FeatureStatus::NullValue, ..one } } else { one };
        if let Some(own) = self.found.get_mut(place) {
            *own = one;
        }
        self.cells.set(place, if counts { value } else { Value::Null });
    }

    /// Holds what was known last of a feature, unless its time to live is over at `now`.
    pub(super) fn set_known(
        &mut self,
        entity: usize,
        feature: usize,
        one: One,
        value: Value<'_>,
        now: Timestamp,
    ) {
        let is_over = one.expiry.is_some_and(|expiry| expiry < now.as_micros());
        let status = match one.status {
            FeatureStatus::Present if is_over => FeatureStatus::OutsideMaxAge,
            FeatureStatus::Present => FeatureStatus::LastKnown,
            other => other,
        };
        self.set(entity * self.features + feature, One { status, ..one }, value);
    }

    /// Says that the store told nothing of an entity.
    pub(super) fn set_unavailable(&mut self, entity: usize) {
        let start = entity * self.features;
        for place in self.found.get_mut(start..start + self.features).unwrap_or_default() {
            *place = One { status: FeatureStatus::Unavailable, event: None, expiry: None };
        }
    }

    /// Says that the request's own value took the place of a feature.
    pub(super) fn set_sent(&mut self, entity: usize, feature: usize) {
        if let Some(one) = self.found.get_mut(entity * self.features + feature) {
            *one = One { status: FeatureStatus::Sent, event: None, expiry: None };
        }
    }

    pub(super) fn one(&self, entity: usize, feature: usize) -> One {
        self.found.get(entity * self.features + feature).copied().unwrap_or(NOTHING)
    }

    pub(super) fn value(&self, entity: usize, feature: usize) -> Value<'_> {
        self.cells.get(entity * self.features + feature)
    }

    /// Everything about one entity.
    pub(super) fn of_entity(&self, entity: usize) -> impl Iterator<Item = (One, Value<'_>)> {
        (0..self.features).map(move |feature| (self.one(entity, feature), self.value(entity, feature)))
    }
}

/// How old what was found is.
pub(super) fn age(one: One, now: Timestamp) -> Option<i64> {
    Some(now.as_micros().saturating_sub(one.event?))
}
