use mlcore::schema::{DType, Dim, Field, Schema};
use mlcore::{Error, Result};
use xxhash_rust::xxh3::Xxh3;

use super::number;

/// Where each feature of a table lies in a packed row. Resolved once for a table.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    slots: Vec<Slot>,
    /// The bytes of the null bits.
    null_bytes: usize,
    /// The bytes of the null bits and of all slots.
    fixed: usize,
    /// Tells rows of other features apart.
    digest: [u8; 4],
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Slot {
    pub(crate) dtype: DType,
    pub(crate) shape: Shape,
    pub(crate) nullable: bool,
    /// The place among the fixed bytes, null bits included.
    pub(crate) offset: usize,
    pub(crate) width: usize,
    /// For a text or list, the offset of the slot that says where it begins; `None` for the first one.
    pub(crate) begins: Option<usize>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Shape {
    Number,
    Text,
    /// A list of exactly so many numbers, or of any number of them.
    List(Option<usize>),
}

impl Slot {
    pub(crate) fn is_variable(&self) -> bool {
        !matches!(self.shape, Shape::Number)
    }
}

/// The bytes of a slot that says where a text or list ends.
pub(crate) const END_WIDTH: usize = 4;

impl Layout {
    /// The layout of these features, in this order.
    pub(crate) fn new(features: &Schema) -> Result<Self> {
        let null_bytes = features.len().div_ceil(8);
        let (mut slots, mut offset, mut begins) = (Vec::with_capacity(features.len()), null_bytes, None);
        let mut hasher = Xxh3::new();
        for field in features.fields() {
            let shape = shape_of(field)?;
            let width = if shape == Shape::Number { number::width(field.dtype()) } else { END_WIDTH };
            let slot =
                Slot { dtype: field.dtype(), shape, nullable: field.is_nullable(), offset, width, begins };
            if slot.is_variable() {
                begins = Some(offset);
            }
            slots.push(slot);
            offset += width;
            // Whether a feature may be null changes no byte of a row, and so may change later.
            hasher.update(format!("{}\0{}\0{shape:?}\0", field.name(), field.dtype()).as_bytes());
        }
        let digest = (hasher.digest() as u32).to_le_bytes();
        Ok(Self { slots, null_bytes, fixed: offset, digest })
    }

    pub(crate) fn slots(&self) -> &[Slot] {
        &self.slots
    }

    pub(crate) fn null_bytes(&self) -> usize {
        self.null_bytes
    }

    pub(crate) fn fixed(&self) -> usize {
        self.fixed
    }

    pub(crate) fn digest(&self) -> [u8; 4] {
        self.digest
    }
}

fn shape_of(field: &Field) -> Result<Shape> {
    let refused = |problem: String| {
        Error::unsupported("make table", field.name(), problem)
            .remedy("declare a column, or a list of numbers of shape [?, ?] or [?, size]")
    };
    if field.is_of_any_shape() {
        return Err(refused("a feature of any shape cannot be stored".to_owned()));
    }
    match field.shape() {
        [Dim::Dynamic] if field.dtype() == DType::String => Ok(Shape::Text),
        [Dim::Dynamic] => Ok(Shape::Number),
        [Dim::Dynamic, length] if field.dtype().is_numeric() => Ok(Shape::List(match length {
            Dim::Fixed(length) => Some(*length),
            Dim::Dynamic => None,
        })),
        _ => Err(refused(format!("a feature {field} cannot be stored"))),
    }
}
