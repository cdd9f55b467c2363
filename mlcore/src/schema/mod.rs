//! What data looks like: element types, fields, schemas, a model's signature, and whether one may replace another.

mod compat;
mod dtype;
mod types;

use std::fmt;

use crate::arrow::datatypes::{DataType, Field as ArrowField, Schema as ArrowSchema};
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::Xxh3;

pub use self::compat::Incompatibility;
pub use self::dtype::DType;
pub(crate) use self::types::{Native, match_element, numbers};
use crate::error::{Error, Result};

/// One axis of a tensor's shape.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Dim {
    /// Exactly this many.
    Fixed(usize),
    /// Any number; the first dynamic axis is the batch, by convention.
    Dynamic,
}

impl Dim {
    /// Whether an axis of `size` fits.
    #[must_use]
    pub fn accepts(self, size: usize) -> bool {
        match self {
            Self::Fixed(expected) => expected == size,
            Self::Dynamic => true,
        }
    }
}

impl fmt::Display for Dim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(size) => size.fmt(f),
            Self::Dynamic => f.write_str("?"),
        }
    }
}

/// A named column or tensor: its element type, its shape and whether values may be missing.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Field {
    name: String,
    dtype: DType,
    shape: Vec<Dim>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    any_shape: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    nullable: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    labels: Vec<String>,
}

impl Field {
    /// A table's column: one element per row, shape `[?]`, no missing values.
    pub fn column(name: impl Into<String>, dtype: DType) -> Self {
        Self::tensor(name, dtype, [Dim::Dynamic])
    }

    /// A tensor of `shape`, whose first axis is the batch where it is dynamic.
    pub fn tensor(name: impl Into<String>, dtype: DType, shape: impl Into<Vec<Dim>>) -> Self {
        let shape = shape.into();
        Self { name: name.into(), dtype, shape, any_shape: false, nullable: false, labels: Vec::new() }
    }

    /// A tensor of any shape, the number of its axes included: what a model declares that leaves the shape away.
    /// [`shape`](Self::shape) is that of a column then.
    pub fn of_any_shape(name: impl Into<String>, dtype: DType) -> Self {
        Self { any_shape: true, ..Self::column(name, dtype) }
    }

    /// Allows missing values (Arrow nulls). A NaN is a value and needs no permission.
    #[must_use]
    pub fn nullable(mut self) -> Self {
        self.nullable = true;
        self
    }

    /// Names what the last axis means, one label per position: the classes of a probability output.
    #[must_use]
    pub fn labelled(mut self, labels: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.labels = labels.into_iter().map(Into::into).collect();
        self
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The type of one element.
    #[must_use]
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// The shape, batch axis included.
    #[must_use]
    pub fn shape(&self) -> &[Dim] {
        &self.shape
    }

    /// Whether a tensor of every shape fits, whatever [`shape`](Self::shape) says.
    #[must_use]
    pub fn is_of_any_shape(&self) -> bool {
        self.any_shape
    }

    /// Whether values may be missing.
    #[must_use]
    pub fn is_nullable(&self) -> bool {
        self.nullable
    }

    /// The meaning of each position of the last axis; empty where unknown.
    #[must_use]
    pub fn labels(&self) -> &[String] {
        &self.labels
    }

    /// Whether a tensor of this element type and shape fits.
    ///
    /// # Errors
    /// [`Error::SchemaMismatch`] naming the field, what it expects and what came.
    pub fn check(&self, dtype: DType, shape: &[usize]) -> Result<()> {
        let fits = self.shape.len() == shape.len()
            && self.shape.iter().zip(shape).all(|(dim, size)| dim.accepts(*size));
        if self.dtype == dtype && (fits || self.any_shape) {
            return Ok(());
        }
        Err(Error::schema_mismatch(
            "check tensor",
            self.name.clone(),
            format!("expected {} {}, got {dtype} {shape:?}", self.dtype, DisplayShape(self)),
        ))
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let optional = if self.nullable { "?" } else { "" };
        write!(f, "{}: {}{optional} {}", self.name, self.dtype, DisplayShape(self))
    }
}

struct DisplayShape<'a>(&'a Field);

impl fmt::Display for DisplayShape<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.any_shape {
            return f.write_str("of any shape");
        }
        f.write_str("[")?;
        for (axis, dim) in self.0.shape.iter().enumerate() {
            write!(f, "{}{dim}", if axis == 0 { "" } else { ", " })?;
        }
        f.write_str("]")
    }
}

/// [`Schema::names_digest`] of columns of these names: XXH3-64 over each name and one byte that no text holds; 1 instead of
/// 0, and 0 for none.
#[must_use]
pub fn names_digest<'a>(names: impl IntoIterator<Item = &'a str>) -> u64 {
    let mut hasher = Xxh3::new();
    let mut count = 0;
    for name in names {
        hasher.update(name.as_bytes());
        hasher.update(&[0xff]);
        count += 1;
    }
    if count == 0 { 0 } else { hasher.digest().max(1) }
}

/// An ordered list of uniquely named fields.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(try_from = "Vec<Field>", into = "Vec<Field>")]
pub struct Schema {
    fields: Vec<Field>,
    names: u64,
}

impl Schema {
    /// The schema of these fields, in this order.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for a name that is empty or occurs twice.
    pub fn new(fields: impl IntoIterator<Item = Field>) -> Result<Self> {
        let fields: Vec<Field> = fields.into_iter().collect();
        let mut names: Vec<&str> = fields.iter().map(Field::name).collect();
        names.sort_unstable();
        if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(Error::invalid_input("build schema", pair[0], "the name occurs twice"));
        }
        if names.first().is_some_and(|name| name.is_empty()) {
            return Err(Error::invalid_input("build schema", "field", "a name is empty"));
        }
        let names = names_digest(fields.iter().map(Field::name));
        Ok(Self { fields, names })
    }

    /// A digest of the names in their order, never 0 but for no field at all: two schemas that agree in it hold the same
    /// columns in the same order. Rows carry it, so that one is not read by the order of another schema.
    #[must_use]
    pub fn names_digest(&self) -> u64 {
        self.names
    }

    /// The fields in order.
    #[must_use]
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// The number of fields.
    #[must_use]
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// Whether it has no field.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// The position of the field of this name.
    #[must_use]
    pub fn position(&self, name: &str) -> Option<usize> {
        self.fields.iter().position(|field| field.name == name)
    }

    /// The field of this name.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// The names in order.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.fields.iter().map(Field::name)
    }

    /// The schema of an Arrow table: each column of a supported type becomes a field of shape `[?]`, and a fixed-size
    /// list of numbers one of shape `[?, size]`.
    ///
    /// # Errors
    /// [`Error::Unsupported`] naming the column whose type has no counterpart, with the cast to make.
    pub fn from_arrow(schema: &ArrowSchema) -> Result<Self> {
        Self::new(schema.fields().iter().map(|column| field_from_arrow(column)).collect::<Result<Vec<_>>>()?)
    }

    /// The Arrow schema of the same table.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for a field of more than two axes.
    pub fn to_arrow(&self) -> Result<ArrowSchema> {
        self.fields.iter().map(field_to_arrow).collect::<Result<Vec<_>>>().map(ArrowSchema::new)
    }
}

impl TryFrom<Vec<Field>> for Schema {
    type Error = Error;

    fn try_from(fields: Vec<Field>) -> Result<Self> {
        Self::new(fields)
    }
}

impl From<Schema> for Vec<Field> {
    fn from(schema: Schema) -> Self {
        schema.fields
    }
}

/// What a model takes and what it answers.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Signature {
    /// The tensors it needs, by name.
    pub inputs: Schema,
    /// The tensors it answers, by name.
    pub outputs: Schema,
    /// The tensors that it takes besides, each of which has a default where it is not passed.
    #[serde(default, skip_serializing_if = "Schema::is_empty")]
    pub optional: Schema,
}

impl Signature {
    /// The signature with these inputs and outputs.
    #[must_use]
    pub fn new(inputs: Schema, outputs: Schema) -> Self {
        Self { inputs, outputs, optional: Schema::default() }
    }

    /// The signature of a model that takes these tensors besides, each of which has a default.
    #[must_use]
    pub fn with_optional(mut self, optional: Schema) -> Self {
        self.optional = optional;
        self
    }

    /// The input of this name, be it needed or optional.
    #[must_use]
    pub fn input(&self, name: &str) -> Option<&Field> {
        self.inputs.field(name).or_else(|| self.optional.field(name))
    }
}

fn field_from_arrow(column: &ArrowField) -> Result<Field> {
    let (element, shape) = match column.data_type() {
        DataType::FixedSizeList(item, size) => {
            (item.data_type(), vec![Dim::Dynamic, Dim::Fixed(usize::try_from(*size).unwrap_or_default())])
        }
        other => (other, vec![Dim::Dynamic]),
    };
    let dtype =
        DType::from_arrow(element).ok_or_else(|| untaken("read Arrow schema", column.name(), element))?;
    let field = Field::tensor(column.name(), dtype, shape);
    Ok(if column.is_nullable() { field.nullable() } else { field })
}

/// The error for a column of a type that has no [`DType`], with what to make of it.
pub(crate) fn untaken(operation: &'static str, column: &str, data_type: &DataType) -> Error {
    let remedy = match data_type {
        DataType::Decimal32(..)
        | DataType::Decimal64(..)
        | DataType::Decimal128(..)
        | DataType::Decimal256(..) => "cast it to float64, or to int64 where it counts the smallest unit",
        DataType::Duration(_) | DataType::Interval(_) => "cast it to a number of seconds first",
        DataType::Timestamp(..) => "name its time zone as in Europe/Berlin or +05:30",
        _ => "cast it to a number, a bool, text, a date or a timestamp first",
    };
    Error::unsupported(operation, column, format!("columns of type {data_type} are not taken")).remedy(remedy)
}

fn field_to_arrow(field: &Field) -> Result<ArrowField> {
    let element = field.dtype.to_arrow();
    let data_type = match field.shape.as_slice() {
        [_] => element,
        [_, Dim::Fixed(size)] if i32::try_from(*size).is_ok() => {
            let size = i32::try_from(*size).unwrap_or(i32::MAX);
            DataType::FixedSizeList(ArrowField::new("item", element, false).into(), size)
        }
        _ => {
            return Err(Error::unsupported(
                "make Arrow schema",
                field.name.clone(),
                format!("shape {} has no Arrow column; only [?] and [?, size] do", DisplayShape(field)),
            ));
        }
    };
    Ok(ArrowField::new(&field.name, data_type, field.nullable))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_refuses_twins_and_the_nameless() {
        assert!(Schema::new([Field::column("a", DType::Bool), Field::column("a", DType::Int8)]).is_err());
        assert!(Schema::new([Field::column("", DType::Bool)]).is_err());
    }

    #[test]
    fn a_field_says_what_it_expected() {
        let field = Field::tensor("x", DType::Float32, [Dim::Dynamic, Dim::Fixed(3)]);
        assert!(field.check(DType::Float32, &[7, 3]).is_ok());
        let error = field.check(DType::Float64, &[7, 2]).unwrap_err();
        assert_eq!(error.to_string(), "check tensor x: expected float32 [?, 3], got float64 [7, 2]");
    }

    #[test]
    fn a_field_of_any_shape_takes_every_shape_of_its_type() {
        let field = Field::of_any_shape("x", DType::Float32);
        for shape in [&[][..], &[3], &[2, 0, 7]] {
            assert!(field.check(DType::Float32, shape).is_ok(), "{shape:?}");
        }
        let error = field.check(DType::Int8, &[1]).unwrap_err();
        assert_eq!(error.to_string(), "check tensor x: expected float32 of any shape, got int8 [1]");
        let json = serde_json::to_string(&field).unwrap();
        assert_eq!(serde_json::from_str::<Field>(&json).unwrap(), field);
    }

    #[test]
    fn arrow_and_json_round_trip() {
        let schema = Schema::new([
            Field::column("age", DType::Float64).nullable(),
            Field::column("plan", DType::String),
            Field::tensor("embedding", DType::Float32, [Dim::Dynamic, Dim::Fixed(8)]),
        ])
        .unwrap();
        assert_eq!(Schema::from_arrow(&schema.to_arrow().unwrap()).unwrap(), schema);
        let json = serde_json::to_string(&schema).unwrap();
        assert_eq!(serde_json::from_str::<Schema>(&json).unwrap(), schema);
        assert!(json.contains("\"shape\":[null,8]"), "{json}");
    }
}
