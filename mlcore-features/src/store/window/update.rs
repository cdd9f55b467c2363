//! Events of a stream, added to tiles.

use mlcore::Result;
use mlcore::arrow::array::RecordBatch;
use mlcore::time::Timestamp;
use xxhash_rust::xxh3::xxh3_128;

use super::events::{Bounds, Changes, Updated, sorted};
use super::held::Held;
use super::ladder::Ladder;
use super::online::{Delivery, OnlineWindows};
use super::plan::WindowPlan;
use super::state::State;
use crate::store::key::EntityKey;

impl OnlineWindows {
    /// Adds a batch of events, in whatever order they are. Columns that are not needed are not looked at. Events whose tile came from
    /// history by [`fill`](Self::fill) are left out and counted, and [`late`](Self::late) says of which time they are.
    ///
    /// When this returns, all of them are in the tiles. When it fails, some may be: deliver the same batch with the same number again.
    ///
    /// # Errors
    /// [`SchemaMismatch`](mlcore::Error::SchemaMismatch) naming the column for one that is missing or of a type that does not fit;
    /// [`InvalidInput`](mlcore::Error::InvalidInput) for a value that is no key; [`Corrupt`](mlcore::Error::Corrupt) and
    /// [`SchemaMismatch`](mlcore::Error::SchemaMismatch) for stored tiles that cannot be read; [`Conflict`](mlcore::Error::Conflict)
    /// where others change the same tiles without end; those of the store, and [`Interrupted`](mlcore::Error::Interrupted).
    pub fn update(&self, delivery: &Delivery<'_>, events: &RecordBatch, now: Timestamp) -> Result<Updated> {
        self.take_in(Some(delivery), events, now)
    }

    /// The same for a producer that does not number its batches: one that comes twice counts twice. Events of at most 256 entities are
    /// added as a whole or not at all; of more, some may be there when it fails.
    ///
    /// # Errors
    /// As [`update`](Self::update).
    pub fn add(&self, events: &RecordBatch, now: Timestamp) -> Result<Updated> {
        self.take_in(None, events, now)
    }

    fn take_in(
        &self,
        delivery: Option<&Delivery<'_>>,
        events: &RecordBatch,
        now: Timestamp,
    ) -> Result<Updated> {
        let bounds = Bounds { earliest: self.plan().earliest(now.as_micros()), end: i64::MAX, known: None };
        let (changes, mut updated) = sorted(self.plan(), self.columns(), events, bounds)
            .map_err(|error| error.within(format!("view {}", self.plan().view())))?;
        let changes: Vec<(EntityKey, Changes)> = changes.into_iter().collect();
        let producer = delivery.map(|own| (xxh3_128(own.producer().as_bytes()), own.number()));
        let change = |held: &mut Held, changes: &Changes| rise(self.plan(), held, changes, producer);
        let done = self.change(&changes, now, change, |_| ())?;
        updated.added = done.added;
        Ok(updated.and(Updated { added: 0, ..done }))
    }
}

/// Adds events to the narrowest tiles of an entity, and what was added to all wider ones.
fn rise(
    plan: &WindowPlan,
    held: &mut Held,
    changes: &Changes,
    producer: Option<(u128, u64)>,
) -> Result<Updated> {
    let mut updated = Updated::default();
    let mut rising = Changes::new();
    for level in 0..plan.ladder().levels() {
        let mut wider = Changes::new();
        for (page, tiles) in if level == 0 { changes } else { &rising } {
            let own = held.at(level, *page)?;
            let events = || tiles.iter().map(|(_, state)| state.rows).sum::<u64>();
            if let Some((producer, number)) = producer
                && !own.page.accept(producer, number)?
            {
                updated.repeated += if level == 0 { events() } else { 0 };
                continue;
            }
            let mut risen: Option<State> = None;
            for (place, state) in tiles {
                if own.page.is_of_history(*place) {
                    let tile = Ladder::tile(*page, *place);
                    let late =
                        Updated { covered: state.rows, late: Some((tile, tile)), ..Updated::default() };
                    updated = updated.and(late);
                    continue;
                }
                own.page.merge(*place, state, plan);
                own.is_changed = true;
                updated.added += if level == 0 { state.rows } else { 0 };
                match &mut risen {
                    Some(risen) => risen.merge(state, plan.shapes().iter().map(|shape| Some(shape.parts))),
                    None => risen = Some(state.clone()),
                }
            }
            if let Some(risen) = risen {
                let (above, place) = Ladder::seat(*page);
                wider.entry(above).or_default().push((place, risen));
            }
        }
        rising = wider;
    }
    Ok(updated)
}
