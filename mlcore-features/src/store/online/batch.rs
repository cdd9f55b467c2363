use mlcore::{Error, Result};

use super::row::stamp_of;
use super::{PackedRow, Stamp, Table};
use crate::store::key::EntityKey;

/// A row and the entity that it belongs to.
///
/// ```
/// use mlcore::schema::{DType, Field};
/// use mlcore::time::Timestamp;
/// use mlcore_features::store::key::EntityKey;
/// use mlcore_features::store::online::{Cell, Entry, Stamp, Table, TableId};
///
/// let table = Table::new(TableId::new("taxi", "drivers", 1)?, [Field::column("trips", DType::Int64)])?;
/// let now = Timestamp::from_millis(0);
/// let row = table.pack(Stamp::new(now, now), &[Cell::from(3i64)])?;
/// assert_eq!(Entry::new(EntityKey::one("driver_id", 1)?, row).row().stamp().event(), now);
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    key: EntityKey,
    row: PackedRow,
}

impl Entry {
    /// This row of this entity.
    #[must_use]
    pub const fn new(key: EntityKey, row: PackedRow) -> Self {
        Self { key, row }
    }

    /// The entity.
    #[must_use]
    pub const fn key(&self) -> &EntityKey {
        &self.key
    }

    /// The row.
    #[must_use]
    pub const fn row(&self) -> &PackedRow {
        &self.row
    }
}

/// A row that replaces another one, if that is still as it was read.
///
/// ```
/// use mlcore::schema::{DType, Field};
/// use mlcore::time::Timestamp;
/// use mlcore_features::store::key::EntityKey;
/// use mlcore_features::store::online::{Cell, Entry, MemoryStore, OnlineStore, Stamp, Swap, Table, TableId};
///
/// let table = Table::new(TableId::new("taxi", "drivers", 1)?, [Field::column("trips", DType::Int64)])?;
/// let stamp = |created| Stamp::new(Timestamp::from_millis(0), Timestamp::from_millis(created));
/// let entry = |created, trips: i64| {
///     let row = table.pack(stamp(created), &[Cell::from(trips)])?;
///     Ok::<_, mlcore::Error>(Entry::new(EntityKey::one("driver_id", 7)?, row))
/// };
/// let store = MemoryStore::new();
/// assert!(store.swap(&table, &[Swap::new(None, entry(1, 10)?)])?);
/// assert!(store.swap(&table, &[Swap::new(Some(stamp(1)), entry(2, 11)?)])?);
/// // Whoever has read the first row is too late, and reads again.
/// assert!(!store.swap(&table, &[Swap::new(Some(stamp(1)), entry(3, 11)?)])?);
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Swap {
    expected: Option<Stamp>,
    entry: Entry,
}

impl Swap {
    /// Puts this row in the place of the one with the expected stamp, or where there is none.
    #[must_use]
    pub const fn new(expected: Option<Stamp>, entry: Entry) -> Self {
        Self { expected, entry }
    }

    /// The stamp of the row that was read; `None` where there was none.
    #[must_use]
    pub const fn expected(&self) -> Option<Stamp> {
        self.expected
    }

    /// The row that replaces it.
    #[must_use]
    pub const fn entry(&self) -> &Entry {
        &self.entry
    }

    /// Says whether stored bytes are what was read.
    pub(crate) fn is_due(&self, stored: Option<&[u8]>) -> bool {
        match (self.expected, stored) {
            (None, None) => true,
            (Some(expected), Some(stored)) => stamp_of(stored) == Some(expected),
            (None, Some(_)) | (Some(_), None) => false,
        }
    }
}

/// A name and a value that a table keeps beside its rows, such as how far it was materialised.
///
/// ```
/// use mlcore_features::store::online::Note;
///
/// assert_eq!(Note::new("watermark", b"2024-02-29").name(), "watermark");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Note<'a> {
    name: &'a str,
    value: &'a [u8],
}

impl<'a> Note<'a> {
    /// The note of this name, with this value.
    #[must_use]
    pub const fn new(name: &'a str, value: &'a [u8]) -> Self {
        Self { name, value }
    }

    /// The name.
    #[must_use]
    pub const fn name(&self) -> &'a str {
        self.name
    }

    /// The value.
    #[must_use]
    pub const fn value(&self) -> &'a [u8] {
        self.value
    }
}

/// Rows that are written in one call, and the notes that are written after them.
///
/// ```
/// use mlcore_features::store::online::{Note, WriteBatch};
///
/// let notes = [Note::new("watermark", b"2024-02-29")];
/// assert_eq!(WriteBatch::rows(&[]).with_notes(&notes).notes().len(), 1);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct WriteBatch<'a> {
    rows: &'a [Entry],
    notes: &'a [Note<'a>],
}

impl<'a> WriteBatch<'a> {
    /// A batch of rows without notes.
    #[must_use]
    pub const fn rows(rows: &'a [Entry]) -> Self {
        Self { rows, notes: &[] }
    }

    /// Adds notes, which are never visible before the rows.
    #[must_use]
    pub const fn with_notes(mut self, notes: &'a [Note<'a>]) -> Self {
        self.notes = notes;
        self
    }

    /// The rows.
    #[must_use]
    pub const fn entries(&self) -> &'a [Entry] {
        self.rows
    }

    /// The notes.
    #[must_use]
    pub const fn notes(&self) -> &'a [Note<'a>] {
        self.notes
    }
}

/// What became of the rows of a batch.
///
/// ```
/// use mlcore_features::store::online::Written;
///
/// let written = Written::new(3, 1);
/// assert_eq!((written.stored(), written.older()), (3, 1));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Written {
    stored: u64,
    older: u64,
}

impl Written {
    /// So many rows were stored, and so many were ignored.
    #[must_use]
    pub const fn new(stored: u64, older: u64) -> Self {
        Self { stored, older }
    }

    /// The rows that were stored.
    #[must_use]
    pub const fn stored(self) -> u64 {
        self.stored
    }

    /// The rows that were ignored because something newer was there.
    #[must_use]
    pub const fn older(self) -> u64 {
        self.older
    }

    /// Counts one more row.
    pub(crate) fn count(&mut self, is_stored: bool) {
        if is_stored {
            self.stored += 1;
        } else {
            self.older += 1;
        }
    }
}

/// Makes sure that rows were packed for their table.
pub(crate) fn check_rows<'a>(table: &Table, rows: impl IntoIterator<Item = &'a Entry>) -> Result<()> {
    match rows.into_iter().find(|entry| !entry.row.fits(table)) {
        None => Ok(()),
        Some(entry) => Err(Error::schema_mismatch(
            "write features",
            format!("{}, entity {}", table.id(), entry.key),
            "the row was packed for a table of other features",
        )
        .remedy("pack it with the table that it is written to")),
    }
}

/// Makes sure that a series keeps something.
pub(crate) fn check_limit(table: &Table, limit: usize) -> Result<()> {
    if limit > 0 {
        return Ok(());
    }
    Err(Error::invalid_input("append features", table.id().to_string(), "the series would keep no value")
        .remedy("pass a limit of 1 or more"))
}
