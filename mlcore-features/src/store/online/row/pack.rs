use std::fmt;

use mlcore::batch::Value;
use mlcore::schema::{DType, Field};
use mlcore::{Error, Result};

use super::layout::{Layout, Shape, Slot};
use super::{CHECKSUM, HEADER, STAMP, VERSION, checksum, number, stamp_of};
use crate::store::online::{Cell, Numbers, Stamp, Table};

/// A row of a table as it is stored. [`Table::pack`] makes one, [`Table::unpack`] reads it.
#[derive(Clone, PartialEq, Eq)]
pub struct PackedRow {
    bytes: Vec<u8>,
    stamp: Stamp,
}

impl PackedRow {
    /// The bytes that a backend stores.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// When the row's event happened and when the row was made.
    #[must_use]
    pub const fn stamp(&self) -> Stamp {
        self.stamp
    }

    /// Says whether the row was packed for a table of these features.
    pub(crate) fn fits(&self, table: &Table) -> bool {
        self.bytes.get(4..STAMP.start) == Some(&table.layout().digest()[..])
    }
}

impl fmt::Debug for PackedRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PackedRow").field("stamp", &self.stamp).field("bytes", &self.bytes.len()).finish()
    }
}

/// Packs a cell for each feature of `table`.
pub(crate) fn pack(table: &Table, stamp: Stamp, cells: &[Cell<'_>]) -> Result<PackedRow> {
    let (layout, fields) = (table.layout(), table.features().fields());
    if cells.len() != fields.len() {
        let problem = format!("expected {} features, got {}", fields.len(), cells.len());
        return Err(Error::schema_mismatch(OPERATION, table.id().to_string(), problem)
            .remedy("pass a value for each feature of the table, null where there is none"));
    }
    let mut bytes = begun(layout, stamp);
    for (place, ((slot, field), cell)) in layout.slots().iter().zip(fields).zip(cells).enumerate() {
        if cell.is_null() && slot.nullable {
            if let Some(bits) = bytes.get_mut(HEADER + place / 8) {
                *bits |= 1 << (place % 8);
            }
        } else {
            push(&mut bytes, layout, slot, *cell).ok_or_else(|| unfit(field, *cell).within(table.id()))?;
        }
        if slot.is_variable() {
            end_slot(&mut bytes, layout, slot).ok_or_else(|| too_long(table, field))?;
        }
    }
    Ok(ended(bytes, stamp))
}

/// The bytes of a row before any feature is written.
pub(super) fn begun(layout: &Layout, stamp: Stamp) -> Vec<u8> {
    let mut bytes = vec![0; HEADER + layout.fixed()];
    if let [version, _, _, _, a, b, c, d, ..] = bytes.as_mut_slice() {
        *version = VERSION;
        [*a, *b, *c, *d] = layout.digest();
    }
    put(&mut bytes, STAMP.start, &stamp.to_bytes());
    bytes
}

/// Notes where a text or a list ends: at the end of what was written. `None` where that is too far.
pub(super) fn end_slot(bytes: &mut [u8], layout: &Layout, slot: &Slot) -> Option<()> {
    let end = u32::try_from(bytes.len() - HEADER - layout.fixed()).ok()?;
    put(bytes, HEADER + slot.offset, &end.to_le_bytes());
    Some(())
}

/// The row, after all features were written.
pub(super) fn ended(mut bytes: Vec<u8>, stamp: Stamp) -> PackedRow {
    let checked = checksum(&bytes);
    put(&mut bytes, CHECKSUM.start, &checked);
    debug_assert_eq!(stamp_of(&bytes), Some(stamp));
    PackedRow { bytes, stamp }
}

const OPERATION: &str = "pack row";

fn put(bytes: &mut [u8], start: usize, content: &[u8]) {
    if let Some(place) = bytes.get_mut(start..start + content.len()) {
        place.copy_from_slice(content);
    }
}

/// Writes a cell that is not null into its slot, or behind the row; `None` where the feature does not hold it.
pub(super) fn push(bytes: &mut Vec<u8>, layout: &Layout, slot: &Slot, cell: Cell<'_>) -> Option<()> {
    debug_assert!(bytes.len() >= HEADER + layout.fixed());
    match (slot.shape, cell) {
        (Shape::Number, Cell::Value(value)) => {
            let start = HEADER + slot.offset;
            number::write(slot.dtype, value, bytes.get_mut(start..start + slot.width)?)
        }
        (Shape::Text, Cell::Value(Value::Text(text))) => {
            bytes.extend_from_slice(text.as_bytes());
            Some(())
        }
        (Shape::List(length), Cell::List(list)) if length.is_none_or(|length| length == list.len()) => {
            push_list(bytes, slot, list)
        }
        (Shape::Number | Shape::Text | Shape::List(_), _) => None,
    }
}

fn push_list(bytes: &mut Vec<u8>, slot: &Slot, list: Numbers<'_>) -> Option<()> {
    let width = number::width(slot.dtype);
    if let Some(packed) = list.bytes_of(slot.dtype).filter(|_| slot.dtype == DType::UInt8) {
        bytes.extend_from_slice(packed);
        return Some(());
    }
    for value in list.iter() {
        let start = bytes.len();
        bytes.resize(start + width, 0);
        number::write(slot.dtype, value, bytes.get_mut(start..)?)?;
    }
    Some(())
}

pub(super) fn unfit(field: &Field, cell: Cell<'_>) -> Error {
    let (problem, remedy) = match cell {
        Cell::Value(Value::Null) => (
            "null, and the feature is not nullable".to_owned(),
            "write a value, or declare the feature nullable",
        ),
        Cell::Value(value) => {
            (format!("expected {field}, got {}", value.described()), "cast it to the feature's type before")
        }
        Cell::List(list) => {
            let bad = list.iter().find(|value| !value.fits(field.dtype()) || value.is_null());
            let got = match bad.filter(|_| field.shape().len() > 1) {
                Some(value) => format!("a list with {}", value.described()),
                None => format!("a list of {}", list.len()),
            };
            (format!("expected {field}, got {got}"), "write a list of that length and type")
        }
    };
    Error::schema_mismatch(OPERATION, field.name(), problem).remedy(remedy)
}

fn too_long(table: &Table, field: &Field) -> Error {
    Error::invalid_input(OPERATION, field.name(), "texts and lists of a row have more than 4 GiB")
        .within(table.id())
        .remedy("store a reference to the content instead of the content")
}
