use crate::error::{Error, Result};
use crate::schema::{DType, Schema};

/// One raw cell of a table. Borrowed, so that building a row allocates nothing.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Value<'a> {
    /// Missing.
    Null,
    /// A truth value.
    Bool(bool),
    /// A signed integer.
    Int(i64),
    /// An unsigned integer.
    UInt(u64),
    /// A float; NaN is a value, not a missing one.
    Float(f64),
    /// Text.
    Text(&'a str),
}

impl Value<'_> {
    /// Is it missing?
    #[must_use]
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// May a field of this element type hold the value, without losing anything?
    #[must_use]
    pub fn fits(&self, dtype: DType) -> bool {
        match (self, dtype) {
            (Self::Null, _) | (Self::Bool(_), DType::Bool) | (Self::Text(_), DType::String) => true,
            (Self::Float(_), dtype) => dtype.is_float(),
            (Self::Int(value), dtype) => integer_fits(i128::from(*value), dtype),
            (Self::UInt(value), dtype) => integer_fits(i128::from(*value), dtype),
            _ => false,
        }
    }
}

fn integer_fits(value: i128, dtype: DType) -> bool {
    let within = |low: i128, high: i128| (low..=high).contains(&value);
    match dtype {
        DType::Int8 => within(i8::MIN.into(), i8::MAX.into()),
        DType::Int16 => within(i16::MIN.into(), i16::MAX.into()),
        DType::Int32 => within(i32::MIN.into(), i32::MAX.into()),
        DType::Int64 => within(i64::MIN.into(), i64::MAX.into()),
        DType::UInt8 => within(0, u8::MAX.into()),
        DType::UInt16 => within(0, u16::MAX.into()),
        DType::UInt32 => within(0, u32::MAX.into()),
        DType::UInt64 => within(0, u64::MAX.into()),
        DType::Float16 => within(-(1 << 11), 1 << 11),
        DType::Float32 => within(-(1 << 24), 1 << 24),
        DType::Float64 => within(-(1 << 53), 1 << 53),
        _ => false,
    }
}

impl From<bool> for Value<'_> {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i64> for Value<'_> {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<f64> for Value<'_> {
    fn from(value: f64) -> Self {
        Self::Float(value)
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(value: &'a str) -> Self {
        Self::Text(value)
    }
}

impl<'a, T: Into<Value<'a>>> From<Option<T>> for Value<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// One raw record: a value per field of a schema, in the schema's order.
///
/// ```
/// use mlcore::batch::{Row, Value};
/// use mlcore::schema::{DType, Field, Schema};
///
/// let schema = Schema::new([Field::column("age", DType::Float64), Field::column("plan", DType::String)])?;
/// let row = Row::new(&[Value::Float(41.5), Value::Text("free")], &schema)?;
/// assert_eq!(row.values()[1], Value::Text("free"));
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Row<'a> {
    values: &'a [Value<'a>],
    names: u64,
}

impl<'a> Row<'a> {
    /// The record of `values`, checked against `schema`: one value per field, in its order, each fitting its type.
    ///
    /// # Errors
    /// [`Error::SchemaMismatch`] naming the field, what it expects and what came; a null where none is allowed too.
    pub fn new(values: &'a [Value<'a>], schema: &Schema) -> Result<Self> {
        if values.len() != schema.len() {
            return Err(Error::schema_mismatch(
                "check row",
                "values",
                format!("expected {} values, got {}", schema.len(), values.len()),
            ));
        }
        for (value, field) in values.iter().zip(schema.fields()) {
            if value.is_null() && !field.is_nullable() {
                return Err(Error::schema_mismatch(
                    "check row",
                    field.name(),
                    "null, and the field is not nullable",
                )
                .remedy("send a value, or declare the field nullable and impute it"));
            }
            if !value.fits(field.dtype()) {
                let problem = format!("expected {}, got {value:?}", field.dtype());
                return Err(Error::schema_mismatch("check row", field.name(), problem));
            }
        }
        Ok(Self { values, names: schema.names_digest() })
    }

    /// The record of values that were checked before, or that whoever takes the row checks by itself.
    #[must_use]
    pub fn unchecked(values: &'a [Value<'a>]) -> Self {
        Self { values, names: 0 }
    }

    /// Says which columns the values belong to, by [`Schema::names_digest`]; 0 for not known.
    #[must_use]
    pub fn with_names_digest(mut self, names: u64) -> Self {
        self.names = names;
        self
    }

    /// Which columns the values belong to, by [`Schema::names_digest`]; 0 where it is not known.
    #[must_use]
    pub fn names_digest(&self) -> u64 {
        self.names
    }

    /// Makes sure that a row whose columns are known belongs to these, before it is read by their order.
    ///
    /// # Errors
    /// [`Error::SchemaMismatch`].
    pub fn check_names(&self, operation: &'static str, names: u64) -> Result<()> {
        if self.names == 0 || self.names == names {
            return Ok(());
        }
        Err(Error::schema_mismatch(
            operation,
            "row",
            "it was made for other columns, or another order of them, than it would be read by",
        )
        .remedy("make it with the schema of what reads it, or pass a table, whose columns are found by name"))
    }

    /// The values in the schema's order.
    #[must_use]
    pub fn values(&self) -> &'a [Value<'a>] {
        self.values
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::Field;

    #[test]
    fn a_row_that_does_not_fit_names_the_field() {
        let schema =
            Schema::new([Field::column("a", DType::Float32), Field::column("b", DType::String).nullable()])
                .unwrap();
        assert!(Row::new(&[Value::Float(f64::NAN), Value::Null], &schema).is_ok());
        for (values, expected) in [
            (vec![Value::Null, Value::Null], "check row a: null"),
            (vec![Value::Text("1"), Value::Null], "check row a: expected float32, got Text(\"1\")"),
            (vec![Value::Int(1), Value::Int(2)], "check row b: expected string, got Int(2)"),
            (vec![Value::Int(1)], "check row values: expected 2 values, got 1"),
        ] {
            let error = Row::new(&values, &schema).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        }
    }

    #[test]
    fn a_row_knows_whose_it_is() {
        let schema =
            |names: [&str; 2]| Schema::new(names.map(|name| Field::column(name, DType::Int64))).unwrap();
        let (own, swapped) = (schema(["a", "b"]), schema(["b", "a"]));
        assert_ne!(own.names_digest(), swapped.names_digest());
        assert_ne!(schema(["ab", "c"]).names_digest(), schema(["a", "bc"]).names_digest());
        assert_eq!(Schema::default().names_digest(), Schema::new([]).unwrap().names_digest());
        let values = [Value::Int(1), Value::Int(2)];
        let row = Row::new(&values, &own).unwrap();
        assert!(row.check_names("read row", own.names_digest()).is_ok());
        let error = row.check_names("read row", swapped.names_digest()).unwrap_err();
        assert!(matches!(error, Error::SchemaMismatch(_)) && error.to_string().contains("other columns"));
        assert!(Row::unchecked(&values).check_names("read row", swapped.names_digest()).is_ok());
    }

    #[test]
    fn integers_fit_where_nothing_is_lost() {
        assert!(Value::Int(-1).fits(DType::Int8) && !Value::Int(-1).fits(DType::UInt64));
        assert!(Value::Int(1 << 24).fits(DType::Float32) && !Value::Int((1 << 24) + 1).fits(DType::Float32));
        assert!(Value::UInt(u64::MAX).fits(DType::UInt64) && !Value::UInt(u64::MAX).fits(DType::Int64));
    }
}
