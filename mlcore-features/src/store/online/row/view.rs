use std::fmt;

use mlcore::Error;
use mlcore::batch::Value;

use super::layout::{END_WIDTH, Layout, Shape, Slot};
use super::{CHECKSUM, HEADER, STAMP, VERSION, checksum, number, stamp_of};
use crate::store::key::EntityKey;
use crate::store::online::{Cell, Numbers, Stamp, TableId};

/// A stored row that is read in place, without a copy. [`Table::unpack`](super::super::Table::unpack) makes it of stored bytes.
///
/// The bytes as a whole were checked when it was made, and each text and number is checked when it is read, so that bytes of
/// any kind are an error and nothing worse.
///
/// ```
/// use mlcore::schema::{DType, Field};
/// use mlcore::time::Timestamp;
/// use mlcore_features::store::key::EntityKey;
/// use mlcore_features::store::online::{Cell, Stamp, Table, TableId};
///
/// let table = Table::new(TableId::new("taxi", "drivers", 1)?, [Field::column("trips", DType::Int64)])?;
/// let (key, now) = (EntityKey::one("driver_id", 7)?, Timestamp::from_millis(0));
/// let row = table.pack(Stamp::new(now, now), &[Cell::from(12i64)])?;
/// let view = table.unpack(&key, row.as_bytes())?;
/// assert_eq!((view.len(), view.cell(0)?), (1, Cell::from(12i64)));
/// assert!(table.unpack(&key, b"no row").is_err());
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone, Copy)]
pub struct RowView<'a> {
    layout: &'a Layout,
    /// The null bits and the slots.
    fixed: &'a [u8],
    /// Texts and lists.
    variable: &'a [u8],
    stamp: Stamp,
}

impl fmt::Debug for RowView<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RowView").field("stamp", &self.stamp).finish_non_exhaustive()
    }
}

impl<'a> RowView<'a> {
    /// Checks the bytes as a whole.
    pub(crate) fn open(layout: &'a Layout, bytes: &'a [u8]) -> Result<Self, Fault> {
        let version = *bytes.first().ok_or(Fault::Damaged("it has no byte"))?;
        if version != VERSION {
            return Err(Fault::Version(version));
        }
        if bytes.get(CHECKSUM) != Some(&checksum(bytes)[..]) {
            return Err(Fault::Damaged("its checksum is another one"));
        }
        if bytes.get(1..4) != Some(&[0; 3]) {
            return Err(Fault::Damaged("its header has unknown bits"));
        }
        if bytes.get(4..STAMP.start) != Some(&layout.digest()[..]) {
            return Err(Fault::OtherFeatures);
        }
        let row = Self::checked_before(layout, bytes).ok_or(Fault::Damaged("it is too short"))?;
        row.check_nulls()?;
        row.check_ends()?;
        Ok(row)
    }

    /// The view of bytes that [`open`](Self::open) has taken before: a copy of them.
    #[inline]
    pub(crate) fn checked_before(layout: &'a Layout, bytes: &'a [u8]) -> Option<Self> {
        let (fixed, variable) = bytes.get(HEADER..)?.split_at_checked(layout.fixed())?;
        Some(Self { layout, fixed, variable, stamp: stamp_of(bytes)? })
    }

    fn check_nulls(&self) -> Result<(), Fault> {
        let features = self.layout.slots().len();
        let last = self.layout.null_bytes().checked_sub(1).and_then(|last| self.fixed.get(last));
        if last.is_some_and(|bits| !features.is_multiple_of(8) && bits >> (features % 8) != 0) {
            return Err(Fault::Damaged("a feature that is none is null"));
        }
        Ok(())
    }

    /// Makes sure that texts and lists lie one behind another and fill the row.
    fn check_ends(&self) -> Result<(), Fault> {
        let mut end = 0;
        for slot in self.layout.slots().iter().filter(|slot| slot.is_variable()) {
            let next = self.end(slot.offset).ok_or(Fault::Damaged("it is too short"))?;
            if next < end {
                return Err(Fault::Damaged("a text or list ends before it begins"));
            }
            end = next;
        }
        if end == self.variable.len() {
            Ok(())
        } else {
            Err(Fault::Damaged("its texts and lists do not fill it"))
        }
    }

    /// When the row's event happened and when the row was made.
    #[must_use]
    pub const fn stamp(&self) -> Stamp {
        self.stamp
    }

    /// The number of features.
    #[must_use]
    pub fn len(&self) -> usize {
        self.layout.slots().len()
    }

    /// Says whether the table has no feature.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The feature at this place of the table.
    ///
    /// # Errors
    /// [`Error::Corrupt`] for a slot that holds no value of the feature's type, [`Error::InvalidInput`] for a place that the
    /// table does not have.
    pub fn cell(&self, place: usize) -> mlcore::Result<Cell<'a>> {
        if place >= self.len() {
            let problem = format!("the table has {} features", self.len());
            return Err(Error::invalid_input(OPERATION, format!("feature {place}"), problem));
        }
        self.read(place).map_err(|fault| fault.about(format!("feature {place}")))
    }

    /// The same with the fault alone.
    #[inline]
    pub(crate) fn read(&self, place: usize) -> Result<Cell<'a>, Fault> {
        const NONE: Fault = Fault::Damaged("it has fewer features");
        let slot = self.layout.slots().get(place).ok_or(NONE)?;
        let bits = self.fixed.get(place / 8).ok_or(NONE)?;
        if bits >> (place % 8) & 1 == 1 {
            return Ok(Cell::NULL);
        }
        let slot_bytes = self.fixed.get(slot.offset..slot.offset + slot.width).ok_or(NONE)?;
        match slot.shape {
            Shape::Number => number::read(slot.dtype, slot_bytes)
                .map(Cell::Value)
                .ok_or(Fault::Damaged("a slot holds no value of its type")),
            Shape::Text => std::str::from_utf8(self.content(slot)?)
                .map(|text| Cell::Value(Value::Text(text)))
                .map_err(|_| Fault::Damaged("a text is not UTF-8")),
            Shape::List(length) => {
                let content = self.content(slot)?;
                let width = number::width(slot.dtype);
                let is_whole = content.len().is_multiple_of(width)
                    && length.is_none_or(|length| content.len() / width == length)
                    && content.chunks_exact(width).all(|number| number::read(slot.dtype, number).is_some());
                if !is_whole {
                    return Err(Fault::Damaged("a list is not one of its feature"));
                }
                Ok(Cell::List(Numbers::packed(slot.dtype, content)))
            }
        }
    }

    fn content(&self, slot: &Slot) -> Result<&'a [u8], Fault> {
        let begin = match slot.begins {
            Some(offset) => self.end(offset),
            None => Some(0),
        };
        begin
            .zip(self.end(slot.offset))
            .and_then(|(begin, end)| self.variable.get(begin..end))
            .ok_or(Fault::Damaged("a text or list is not within it"))
    }

    fn end(&self, offset: usize) -> Option<usize> {
        let bytes = self.fixed.get(offset..offset + END_WIDTH)?.try_into().ok()?;
        usize::try_from(u32::from_le_bytes(bytes)).ok()
    }
}

const OPERATION: &str = "read stored row";

/// Why stored bytes are no row of a table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fault {
    /// Another version of the format.
    Version(u8),
    /// A row of a table with other features.
    OtherFeatures,
    /// No row at all.
    Damaged(&'static str),
}

impl Fault {
    /// The error about this subject.
    #[cold]
    pub(crate) fn about(self, subject: impl Into<String>) -> Error {
        const AGAIN: &str =
            "materialise the entity again, or delete it; something else changed the stored bytes";
        match self {
            Self::Version(version) => Error::corrupt(
                OPERATION,
                subject,
                format!("its format has the version {version}, and this build reads version {VERSION}"),
            )
            .remedy("read it with the build that wrote it, or materialise the entity again"),
            Self::OtherFeatures => Error::schema_mismatch(
                OPERATION,
                subject,
                "it was written with other features, or with other types of them, than it is read with",
            )
            .remedy("give the changed view a new version, or materialise the view again"),
            Self::Damaged(how) => {
                Error::corrupt(OPERATION, subject, format!("the stored bytes are no row: {how}"))
                    .remedy(AGAIN)
            }
        }
    }

    /// The error about an entity of a table.
    #[cold]
    pub(crate) fn of_entity(self, table: &TableId, key: &EntityKey) -> Error {
        self.about(format!("{table}, entity {key}"))
    }
}
