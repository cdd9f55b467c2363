use std::fmt;
use std::sync::Arc;

use mlcore::schema::{DType, Dim, Field};
use mlcore::time::Timestamp;
use mlcore::{Error, Result};
use smallvec::SmallVec;

use super::answer::WindowAnswer;
use super::events::EventColumns;
use super::ladder::{Ladder, Stretch};
use super::page;
use super::plan::{Frame, WindowPlan};
use super::state::State;
use crate::store::definition;
use crate::store::key::EntityKey;
use crate::store::online::{OnlineStore, Table, TableId};

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
    /// The places of the features that are read, and what they are.
    wanted: Arc<[usize]>,
    features: Arc<[definition::Field]>,
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
        let id = TableId::new(id.project(), &format!("{}{TILES}", id.view()), id.version())?;
        // Tiles of another plan are refused as those of other features.
        let name = format!("tiles_{:016x}", plan.digest());
        let field = Field::tensor(name, DType::UInt8, [Dim::Dynamic, Dim::Dynamic]);
        let table = Table::new(id, [field])?.with_ttl(plan.longest_window());
        let wanted = (0..plan.features().len()).collect();
        let features = Arc::clone(plan.shared_features());
        Ok(Self { store, plan: plan.clone(), columns, table, wanted, features })
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

    /// The view that a table of tiles belongs to; `None` for another table.
    #[must_use]
    pub fn view_of(table: &TableId) -> Option<&str> {
        table.view().strip_suffix(TILES)
    }

    /// The store that they lie in.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn OnlineStore> {
        &self.store
    }

    pub(super) fn columns(&self) -> &EventColumns {
        &self.columns
    }

    /// A handle that reads these features alone, in this order.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a feature that the plan does not have.
    pub fn with_features<'f>(mut self, names: impl IntoIterator<Item = &'f str>) -> Result<Self> {
        let features = self.plan.features();
        let find = |name: &str| {
            features.iter().position(|known| known.name == name).ok_or_else(|| {
                let known: Vec<&str> = features.iter().map(|known| known.name.as_str()).take(20).collect();
                Error::not_found(READ, name, "the view has no such window")
                    .remedy(format!("ask for one of {}", known.join(", ")))
            })
        };
        let wanted = names.into_iter().map(find).collect::<Result<Vec<usize>>>()?;
        self.features = wanted.iter().filter_map(|place| features.get(*place)).cloned().collect();
        self.wanted = wanted.into();
        Ok(self)
    }

    /// The first moment whose events a window may have at this moment or later.
    #[must_use]
    pub fn earliest(&self, moment: Timestamp) -> Timestamp {
        Timestamp::from_micros(self.plan.earliest(moment.as_micros()))
    }

    /// Reads the features of these entities as of `now`. An entity that is not known has the features of an empty window.
    ///
    /// # Errors
    /// [`Error::Corrupt`] and [`Error::SchemaMismatch`] for stored tiles that cannot be read, [`Error::InvalidInput`] for a sum of integers
    /// beyond 64 bits, each naming the entity; those of the store. The answer is empty then.
    pub fn read(&self, keys: &[EntityKey], now: Timestamp, answer: &mut WindowAnswer) -> Result<()> {
        answer.cells.clear();
        answer.features = Arc::clone(&self.features);
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
        answer.ends.clear();
        let frames = self.wanted.iter().map(|feature| self.plan.frames().get(self.plan.frame_of(*feature)));
        let end = |frame: &Frame| {
            let (_, end) = frame.window_at(now.as_micros());
            let last = end.saturating_add(frame.slide - 1);
            (Timestamp::from_micros(end), Timestamp::from_micros(last))
        };
        answer.ends.extend(frames.map(|frame| frame.map_or((now, now), end)));
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
                for feature in self.wanted.iter() {
                    let state = states.get(plan.frame_of(*feature));
                    let of = |state| plan.aggregate(*feature, state, &|| key.to_string());
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
            if !self.wanted.iter().any(|feature| self.plan.frame_of(*feature) == number) {
                continue;
            }
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
    pub(super) fn bytes<'a>(&'a self, key: &EntityKey, row: &'a [u8]) -> Result<&'a [u8]> {
        let cell = self.table.unpack(key, row)?.cell(0)?;
        cell.list().and_then(|list| list.bytes_of(DType::UInt8)).ok_or_else(|| self.no_page(key))
    }

    #[cold]
    pub(super) fn no_page(&self, key: &EntityKey) -> Error {
        let subject = format!("{}, entity {key}", self.table.id());
        Error::corrupt(READ, subject, "the stored bytes are no tiles")
            .remedy("drop the table, and fill the tiles again from the history of events")
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
/// What the name of a table of tiles ends with: no view has a colon in its name.
const TILES: &str = ":tiles";
