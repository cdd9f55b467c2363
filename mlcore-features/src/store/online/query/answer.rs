use std::fmt;
use std::sync::Arc;

use mlcore::schema::Field;
use mlcore::time::Timestamp;

use super::super::row::{Fault, RowView};
use super::super::{Cell, Stamp};
use super::{Feature, Plan, Status};

/// What a [`PreparedQuery`](super::PreparedQuery) read: a status, an event time and a value for each entity and feature. Its memory
/// is used again by the next read.
///
/// Entities are numbered in the order of the keys, features in that of the query. A value is handed out where its status is
/// [`Status::Present`], and nowhere else.
///
/// ```
/// use mlcore_features::store::online::Answer;
///
/// assert_eq!(Answer::default().entities(), 0);
/// ```
#[derive(Clone, Default)]
pub struct Answer {
    plan: Option<Arc<Plan>>,
    entities: usize,
    /// By entity, then by feature.
    statuses: Vec<Status>,
    /// By entity, then by table.
    rows: Vec<Row>,
    /// The rows that count, one behind another.
    bytes: Vec<u8>,
}

#[derive(Clone, Copy, Default)]
struct Row {
    start: usize,
    /// Zero where there is no row that counts.
    length: usize,
    stamp: Option<Stamp>,
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer").field("entities", &self.entities).field("statuses", &self.statuses).finish()
    }
}

impl Answer {
    pub(super) fn clear(&mut self) {
        self.entities = 0;
        self.statuses.clear();
        self.rows.clear();
        self.bytes.clear();
    }

    /// Begins an answer about so many entities, of none of which anything is known.
    pub(super) fn begin(&mut self, plan: &Arc<Plan>, entities: usize) {
        if !self.plan.as_ref().is_some_and(|own| Arc::ptr_eq(own, plan)) {
            self.plan = Some(Arc::clone(plan));
        }
        self.clear();
        self.entities = entities;
        self.statuses.resize(entities * plan.features.len(), Status::NotFound);
        self.rows.resize(entities * plan.tables.len(), Row::default());
    }

    /// Takes over the row of an entity in a table. Where it does not count, nothing is kept but when its event was.
    pub(super) fn take(
        &mut self,
        entity: usize,
        table: usize,
        bytes: &[u8],
        row: RowView<'_>,
        counts: bool,
    ) -> Result<(), Fault> {
        let Some(plan) = &self.plan else { return Ok(()) };
        let first = entity * plan.features.len();
        for number in plan.by_table.get(table).into_iter().flatten() {
            let Some(feature) = plan.features.get(*number) else { continue };
            let status = if !counts {
                Status::OutsideMaxAge
            } else if row.read(feature.place)?.is_null() {
                Status::NullValue
            } else {
                Status::Present
            };
            if let Some(place) = self.statuses.get_mut(first + number) {
                *place = status;
            }
        }
        let start = self.bytes.len();
        if counts {
            self.bytes.extend_from_slice(bytes);
        }
        if let Some(place) = self.rows.get_mut(entity * plan.tables.len() + table) {
            *place = Row { start, length: self.bytes.len() - start, stamp: Some(row.stamp()) };
        }
        Ok(())
    }

    /// The number of entities.
    #[must_use]
    pub const fn entities(&self) -> usize {
        self.entities
    }

    /// The features in order; none before the first read.
    pub fn features(&self) -> impl ExactSizeIterator<Item = &Field> {
        self.plan_features().iter().map(|feature| &feature.field)
    }

    pub(super) fn plan(&self) -> Option<&Plan> {
        self.plan.as_deref()
    }

    pub(super) fn plan_features(&self) -> &[Feature] {
        self.plan.as_ref().map_or(&[], |plan| &plan.features)
    }

    /// The statuses of an entity, one for each feature; none for an entity that was not asked for.
    #[must_use]
    pub fn statuses(&self, entity: usize) -> &[Status] {
        let width = self.plan_features().len();
        let start = entity.saturating_mul(width);
        self.statuses.get(start..start.saturating_add(width)).unwrap_or_default()
    }

    /// The status of a feature; [`Status::NotFound`] for an entity or a feature that was not asked for.
    #[must_use]
    pub fn status(&self, entity: usize, feature: usize) -> Status {
        self.statuses(entity).get(feature).copied().unwrap_or(Status::NotFound)
    }

    /// When the event of the newest row was, also where that row does not count; `None` where there is no row.
    #[must_use]
    pub fn event_time(&self, entity: usize, feature: usize) -> Option<Timestamp> {
        Some(self.row(entity, feature)?.1.stamp?.event())
    }

    /// The last moment at which the newest row counts; `None` where there is no row, and where its values never expire.
    #[must_use]
    pub fn expiry(&self, entity: usize, feature: usize) -> Option<Timestamp> {
        let (place, row) = self.row(entity, feature)?;
        self.plan.as_ref()?.tables.get(place.table)?.expiry(row.stamp?.event())
    }

    /// The value of a feature; null where its status is not [`Status::Present`].
    #[must_use]
    pub fn cell(&self, entity: usize, feature: usize) -> Cell<'_> {
        if self.status(entity, feature) != Status::Present {
            return Cell::NULL;
        }
        let read = || {
            let (place, _) = self.row(entity, feature)?;
            self.counting_row(entity, place.table)?.read(place.place).ok()
        };
        // It was read before, when it was taken over.
        read().unwrap_or(Cell::NULL)
    }

    /// The values of an entity, one for each feature.
    pub fn cells(&self, entity: usize) -> impl ExactSizeIterator<Item = Cell<'_>> {
        (0..self.statuses(entity).len()).map(move |feature| self.cell(entity, feature))
    }

    /// The row of an entity in a table; `None` where there is none, and where it does not count, of which no byte is kept.
    pub(super) fn counting_row(&self, entity: usize, table: usize) -> Option<RowView<'_>> {
        let plan = self.plan.as_ref()?;
        let row = self.rows.get(entity.checked_mul(plan.tables.len())?.checked_add(table)?)?;
        let bytes = self.bytes.get(row.start..row.start.checked_add(row.length)?)?;
        RowView::checked_before(plan.tables.get(table)?.layout(), bytes)
    }

    fn row(&self, entity: usize, feature: usize) -> Option<(&Feature, &Row)> {
        let plan = self.plan.as_ref()?;
        let place = plan.features.get(feature)?;
        let row = self.rows.get(entity.checked_mul(plan.tables.len())?.checked_add(place.table)?)?;
        (entity < self.entities).then_some((place, row))
    }
}
