use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use mlcore::arrow::array::RecordBatch;
use mlcore::interrupt;
use mlcore::schema::{DType, Dim, Field};
use mlcore::time::Timestamp;
use mlcore::{Error, Result};
use smallvec::SmallVec;
use xxhash_rust::xxh3::xxh3_128;

use super::answer::WindowAnswer;
use super::events::{Bounds, Changes, EventColumns, UPDATE, Updated, sorted};
use super::ladder::{Ladder, Stretch};
use super::page::{self, Page};
use super::plan::WindowPlan;
use super::state::State;
use crate::store::key::EntityKey;
use crate::store::offline::{Scan, Source};
use crate::store::online::{
    Cell, Entry, Note, Numbers, OnlineStore, Stamp, Swap, Table, TableId, WriteBatch,
};

/// The windows of a view in an online store: streams update their tiles, and requests read them.
///
/// Any number of handles, threads and processes may update and read the same windows. [The module](super) has an example, says what a
/// window is, and what a delivery promises.
///
/// # Cost
/// An update reads and writes a page of tiles for each entity, level and stretch of time that has events in the batch: up to 6 for an
/// event, 4 for windows of 30 days that slide by the minute. A read of an entity is one call of the store for two pages of each level
/// and window, and adds up at most 30 tiles of each.
#[derive(Clone)]
pub struct OnlineWindows {
    store: Arc<dyn OnlineStore>,
    plan: WindowPlan,
    columns: EventColumns,
    table: Table,
}

/// A batch of events as a producer delivers it, once or again.
///
/// ```
/// use mlcore_features::store::window::Delivery;
///
/// let delivery = Delivery::new("clicks-partition-3", 1_048_576);
/// assert_eq!((delivery.producer(), delivery.number()), ("clicks-partition-3", 1_048_576));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Delivery<'a> {
    producer: &'a str,
    number: u64,
}

impl<'a> Delivery<'a> {
    /// The batch of this number of a producer, such as a partition of a topic and the offset of the last record.
    #[must_use]
    pub const fn new(producer: &'a str, number: u64) -> Self {
        Self { producer, number }
    }

    /// Who delivers.
    #[must_use]
    pub const fn producer(&self) -> &'a str {
        self.producer
    }

    /// The number of the batch.
    #[must_use]
    pub const fn number(&self) -> u64 {
        self.number
    }
}

/// Tiles of a page, and the windows that are made of them.
struct Request {
    level: u8,
    page: i64,
    uses: SmallVec<[(usize, Stretch); 2]>,
}

impl OnlineWindows {
    /// The windows of a view in a store. `id` names the view and its version, whose tiles lie in a table beside its rows.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for a name of the view that is too long for a table.
    pub fn new(
        store: Arc<dyn OnlineStore>,
        id: &TableId,
        plan: &WindowPlan,
        columns: EventColumns,
    ) -> Result<Self> {
        // No view has a colon in its name.
        let id = TableId::new(id.project(), &format!("{}:tiles", id.view()), id.version())?;
        // Tiles of another plan are refused as those of other features.
        let name = format!("tiles_{:016x}", plan.digest());
        let field = Field::tensor(name, DType::UInt8, [Dim::Dynamic, Dim::Dynamic]);
        let table = Table::new(id, [field])?.with_ttl(plan.longest_window());
        Ok(Self { store, plan: plan.clone(), columns, table })
    }

    /// The table that the tiles lie in.
    #[must_use]
    pub fn table(&self) -> &Table {
        &self.table
    }

    /// The plan.
    #[must_use]
    pub fn plan(&self) -> &WindowPlan {
        &self.plan
    }

    /// Adds a batch of events, in whatever order they are. Columns that are not needed are not looked at.
    ///
    /// When this returns, all of them are in the tiles. When it fails, some may be: deliver the same batch with the same number again.
    ///
    /// # Errors
    /// [`Error::SchemaMismatch`] naming the column for one that is missing or of a type that does not fit; [`Error::InvalidInput`] for a
    /// value that is no key; [`Error::Corrupt`] and [`Error::SchemaMismatch`] for stored tiles that cannot be read;
    /// [`Error::Conflict`] where others change the same tiles without end; those of the store, and [`Error::Interrupted`].
    pub fn update(&self, delivery: &Delivery<'_>, events: &RecordBatch, now: Timestamp) -> Result<Updated> {
        let watermark = match self.watermark()? {
            Some(watermark) => watermark,
            None => {
                self.note(WATERMARK, i64::MIN)?;
                i64::MIN
            }
        };
        let bounds =
            Bounds { first: watermark, end: i64::MAX, earliest: self.plan.earliest(now.as_micros()) };
        self.add(delivery, events, bounds, now)
    }

    /// Fills the tiles with the events of a source that happened before `until`; the stream brings the others. From the first call on,
    /// [`update`](Self::update) leaves out events before `until`, so that none is added twice and none is lost.
    ///
    /// A call that was interrupted, or killed, is repeated with the same source and the same moment, and goes on where it was: the source
    /// must have the same pieces. It is called before the stream begins.
    ///
    /// # Errors
    /// [`Error::Conflict`] where the tiles were filled until another moment, or the stream has begun; as [`update`](Self::update); those
    /// of the source.
    pub fn backfill(&self, source: &dyn Source, until: Timestamp, now: Timestamp) -> Result<Updated> {
        let until = until.as_micros();
        match self.watermark()? {
            None => self.note(WATERMARK, until)?,
            Some(known) if known == until => {}
            Some(known) => {
                let problem = if known == i64::MIN {
                    "a stream has begun to fill them".to_owned()
                } else {
                    format!("they were filled until {}", Timestamp::from_micros(known))
                };
                return Err(Error::conflict("fill tiles", self.table.id().to_string(), problem)
                    .remedy("drop the table of the tiles, fill them, and let the stream go on after that"));
            }
        }
        let bounds = Bounds { first: i64::MIN, end: until, earliest: self.plan.earliest(now.as_micros()) };
        let columns = self.columns.all(&self.plan);
        let filled = self.noted(FILLED)?.unwrap_or(0);
        let mut updated = Updated::default();
        for piece in
            source.scan(&Scan::until(&columns, &self.columns.timestamp, i128::from(until) * 1000 - 1))?
        {
            let piece = piece?;
            let number = piece.first().saturating_add(1);
            if number <= filled.cast_unsigned() {
                continue;
            }
            let delivery = Delivery::new(BACKFILL, number);
            updated = updated.and(self.add(&delivery, piece.rows(), bounds, now)?);
            self.note(FILLED, number.cast_signed())?;
        }
        Ok(updated)
    }

    /// Reads the features of these entities as of `now`. An entity that is not known has the features of an empty window.
    ///
    /// # Errors
    /// [`Error::Corrupt`] and [`Error::SchemaMismatch`] for stored tiles that cannot be read, [`Error::InvalidInput`] for a sum of integers
    /// beyond 64 bits, each naming the entity; those of the store. The answer is empty then.
    pub fn read(&self, keys: &[EntityKey], now: Timestamp, answer: &mut WindowAnswer) -> Result<()> {
        answer.cells.clear();
        answer.plan = Some(self.plan.clone());
        self.read_into(keys, now, answer).inspect_err(|_| answer.cells.clear())
    }

    /// Deletes tiles that no window at `now` or later has, and answers how many pages of them.
    ///
    /// # Errors
    /// Those of the store, and [`Error::Interrupted`].
    pub fn evict(&self, now: Timestamp) -> Result<u64> {
        let earliest = self.plan.earliest(now.as_micros());
        self.store.evict(self.table.id(), Timestamp::from_micros(earliest))
    }

    fn read_into(&self, keys: &[EntityKey], now: Timestamp, answer: &mut WindowAnswer) -> Result<()> {
        let requests = self.requests(now.as_micros());
        let width = requests.len().max(1);
        let mut pages = Vec::with_capacity(keys.len() * width);
        for key in keys {
            for request in &requests {
                pages.push(key.part(Ladder::number(request.level, request.page))?);
            }
        }
        let plan = &self.plan;
        let mut states: SmallVec<[State; 2]> =
            plan.frames().iter().map(|_| State::new(plan.inputs().len())).collect();
        let mut seen = 0;
        self.store.read(self.table.id(), &pages, &mut |place, row| {
            let (Some(request), Some(key)) = (requests.get(place % width), keys.get(place / width)) else {
                return Ok(());
            };
            seen += 1;
            if let Some(row) = row {
                self.take(key, row, request, &mut states)?;
            }
            if place % width == width - 1 {
                for feature in 0..plan.features().len() {
                    let state = states.get(plan.frame_of(feature));
                    let of = |state| plan.aggregate(feature, state, &|| key.to_string());
                    answer.cells.push(state.map_or(Ok(WindowPlan::NULL), of)?);
                }
                states.iter_mut().for_each(State::clear);
            }
            Ok(())
        })?;
        if seen == pages.len() {
            return Ok(());
        }
        Err(Error::internal(READ, self.table.id().to_string(), "the store did not answer each key once")
            .remedy("report it to the backend's author"))
    }

    /// Adds the tiles of a page to the windows that are made of them.
    fn take(&self, key: &EntityKey, row: &[u8], request: &Request, states: &mut [State]) -> Result<()> {
        let bytes = self.bytes(key, row)?;
        for (frame, stretch) in &request.uses {
            let (Some(state), Some(frame)) = (states.get_mut(*frame), self.plan.frames().get(*frame)) else {
                continue;
            };
            page::visit(bytes, stretch.first, stretch.end, |tile| {
                state.absorb(tile, self.plan.shapes(), frame.parts.iter().copied())
            })
            .ok_or_else(|| self.no_page(key))?;
        }
        Ok(())
    }

    /// The pages that the windows at a moment are made of.
    fn requests(&self, moment: i64) -> SmallVec<[Request; 16]> {
        let mut stretches: SmallVec<[(Stretch, usize); 32]> = SmallVec::new();
        for (number, frame) in self.plan.frames().iter().enumerate() {
            let (start, end) = frame.window_at(moment);
            self.plan.ladder().cover(start, end, |stretch| stretches.push((stretch, number)));
        }
        stretches.sort_unstable();
        let mut requests: SmallVec<[Request; 16]> = SmallVec::new();
        for (stretch, frame) in stretches {
            match requests.last_mut() {
                Some(last) if (last.level, last.page) == (stretch.level, stretch.page) => {
                    last.uses.push((frame, stretch));
                }
                _ => {
                    let uses = SmallVec::from_iter([(frame, stretch)]);
                    requests.push(Request { level: stretch.level, page: stretch.page, uses });
                }
            }
        }
        requests
    }

    /// The bytes of a page in a stored row.
    fn bytes<'a>(&'a self, key: &EntityKey, row: &'a [u8]) -> Result<&'a [u8]> {
        let cell = self.table.unpack(key, row)?.cell(0)?;
        cell.list().and_then(|list| list.bytes_of(DType::UInt8)).ok_or_else(|| self.no_page(key))
    }

    #[cold]
    fn no_page(&self, key: &EntityKey) -> Error {
        let subject = format!("{}, entity {key}", self.table.id());
        Error::corrupt(READ, subject, "the stored bytes are no tiles")
            .remedy("drop the table, and fill the tiles again from the history of events")
    }

    fn add(
        &self,
        delivery: &Delivery<'_>,
        events: &RecordBatch,
        bounds: Bounds,
        now: Timestamp,
    ) -> Result<Updated> {
        let (changes, mut updated) = sorted(&self.plan, &self.columns, events, bounds)
            .map_err(|error| error.within(format!("view {}", self.plan.view())))?;
        let changes: Vec<(EntityKey, Changes)> = changes.into_iter().collect();
        let (mut rest, mut size, mut tries) = (changes.as_slice(), MOST_ENTITIES, 0);
        while !rest.is_empty() {
            interrupt::check(UPDATE)?;
            let (part, later) = rest.split_at(size.min(rest.len()));
            match self.apply(delivery, part, now)? {
                Some(repeated) => {
                    updated.repeated += repeated;
                    updated.added = updated.added.saturating_sub(repeated);
                    (rest, tries) = (later, 0);
                    size = (size * 2).min(MOST_ENTITIES);
                }
                None if tries == MOST_TRIES => {
                    let problem = "others changed the same tiles whenever they were read";
                    return Err(Error::conflict(UPDATE, self.table.id().to_string(), problem)
                        .remedy("deliver the batch again"));
                }
                // What somebody else changed is read again, in smaller parts, which meet fewer others.
                None => (size, tries) = ((size / 2).max(1), tries + 1),
            }
        }
        Ok(updated)
    }

    /// Changes the tiles of some entities in one step; answers how many events were in them already, or nothing where somebody else
    /// has changed one of the pages meanwhile.
    fn apply(
        &self,
        delivery: &Delivery<'_>,
        part: &[(EntityKey, Changes)],
        now: Timestamp,
    ) -> Result<Option<u64>> {
        let producer = xxh3_128(delivery.producer.as_bytes());
        let mut places = Vec::new();
        for (key, changes) in part {
            for ((level, page), tiles) in changes {
                places.push((key.part(Ladder::number(*level, *page))?, key, *level, *page, tiles));
            }
        }
        let keys: Vec<EntityKey> = places.iter().map(|(part, ..)| part.clone()).collect();
        let mut stored: HashMap<usize, (Stamp, Page)> = HashMap::new();
        self.store.read(self.table.id(), &keys, &mut |place, row| {
            if let (Some(row), Some((_, key, ..))) = (row, places.get(place)) {
                let stamp = self.table.unpack(key, row)?.stamp();
                let page = Page::read(self.bytes(key, row)?, &self.plan).ok_or_else(|| self.no_page(key))?;
                stored.insert(place, (stamp, page));
            }
            Ok(())
        })?;
        let (mut swaps, mut repeated) = (Vec::with_capacity(places.len()), 0);
        for (place, (part, key, level, page, tiles)) in places.into_iter().enumerate() {
            let (expected, mut own) = match stored.remove(&place) {
                Some((stamp, own)) => (Some(stamp), own),
                None => (None, Page::default()),
            };
            if !own.accept(producer, delivery.number).map_err(|error| error.within(key))? {
                if level == 0 {
                    repeated += tiles.iter().map(|(_, state)| state.rows).sum::<u64>();
                }
                continue;
            }
            tiles.iter().for_each(|(place, state)| own.merge(*place, state, &self.plan));
            let bytes = own.write(&self.plan)?;
            // Whenever a page is changed it gets another stamp, which no page of its place had before.
            let before = expected.map_or(i64::MIN, |stamp| stamp.created().as_micros());
            let created = now.as_micros().max(before.saturating_add(1));
            let end = Timestamp::from_micros(self.plan.ladder().end(level, page));
            let stamp = Stamp::new(end, Timestamp::from_micros(created));
            let row = self.table.pack(stamp, &[Cell::List(Numbers::packed(DType::UInt8, &bytes))])?;
            swaps.push(Swap::new(expected, Entry::new(part, row)));
        }
        let is_done = swaps.is_empty() || self.store.swap(&self.table, &swaps)?;
        Ok(is_done.then_some(repeated))
    }

    /// Until when the tiles were filled from history; the least moment where a stream began without.
    fn watermark(&self) -> Result<Option<i64>> {
        self.noted(WATERMARK)
    }

    fn noted(&self, name: &str) -> Result<Option<i64>> {
        let Some(note) = self.store.note(self.table.id(), name)? else { return Ok(None) };
        match <[u8; 8]>::try_from(note.as_slice()) {
            Ok(bytes) => Ok(Some(i64::from_le_bytes(bytes))),
            Err(_) => {
                let subject = format!("{}, note {name}", self.table.id());
                Err(Error::corrupt(READ, subject, "its value is no moment")
                    .remedy("drop the table, and fill the tiles again from the history of events"))
            }
        }
    }

    fn note(&self, name: &str, value: i64) -> Result<()> {
        let value = value.to_le_bytes();
        let notes = [Note::new(name, &value)];
        self.store.write(&self.table, &WriteBatch::rows(&[]).with_notes(&notes)).map(|_| ())
    }
}

impl fmt::Debug for OnlineWindows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnlineWindows")
            .field("table", self.table.id())
            .field("plan", &self.plan)
            .field("store", &self.store)
            .finish_non_exhaustive()
    }
}

const READ: &str = "read windows";
const WATERMARK: &str = "watermark";
const FILLED: &str = "filled";
/// The producer of history. Producers of streams are told from it by the watermark, whatever their name.
const BACKFILL: &str = "\0history";
/// As many entities as are changed in one step: a step of a file costs a sync however many there are, and on a server others wait.
const MOST_ENTITIES: usize = 256;
/// Each try fails only where somebody else succeeds.
const MOST_TRIES: usize = 10_000;
