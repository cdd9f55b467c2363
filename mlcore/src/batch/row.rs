use super::Value;
use crate::error::{Error, Result};
use crate::schema::{Field, Schema};

/// One raw record: a value per field of a schema, in the schema's order.
///
/// A field of numbers takes any number and any truth value, because a record has no say in the widths of columns: what reads
/// the row computes with the number, or refuses it by the field's name where it needs one that its type holds.
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
    absent: &'a [usize],
}

impl<'a> Row<'a> {
    /// The record of `values`, checked against `schema`: one value per field, in its order, each of its kind.
    ///
    /// # Errors
    /// [`Error::SchemaMismatch`] naming the field, what it expects and what came; a null where none is allowed too.
    pub fn new(values: &'a [Value<'a>], schema: &Schema) -> Result<Self> {
        let row = Self { values, names: schema.names_digest(), absent: &[] };
        row.check_length("check row", schema.len())?;
        for (value, field) in values.iter().zip(schema.fields()) {
            if !(value.is_number() && field.dtype().is_numeric()) {
                Self::check_field("check row", field, *value)?;
            }
        }
        Ok(row)
    }

    /// Makes sure that there is a value for each of these fields, in their order, and that it fits.
    pub(crate) fn check_fields<'f>(
        &self,
        operation: &'static str,
        fields: impl ExactSizeIterator<Item = &'f Field>,
    ) -> Result<()> {
        self.check_length(operation, fields.len())?;
        for (value, field) in self.values.iter().zip(fields) {
            Self::check_field(operation, field, *value)?;
        }
        Ok(())
    }

    fn check_length(&self, operation: &'static str, expected: usize) -> Result<()> {
        if self.values.len() == expected {
            return Ok(());
        }
        let problem = format!("expected {expected} values, got {}", self.values.len());
        Err(Error::schema_mismatch(operation, "values", problem))
    }

    /// Makes sure that a value fits a field.
    #[inline]
    pub(crate) fn check_field(operation: &'static str, field: &Field, value: Value<'_>) -> Result<()> {
        let is_missing = value.is_null() && !field.is_nullable();
        if is_missing || !value.fits(field.dtype()) {
            Err(Self::unfit(operation, field, value))
        } else {
            Ok(())
        }
    }

    fn unfit(operation: &'static str, field: &Field, value: Value<'_>) -> Error {
        if value.is_null() {
            let problem = "null, and the field is not nullable";
            return Error::schema_mismatch(operation, field.name(), problem)
                .remedy("send a value, or declare the field nullable and impute it");
        }
        let problem = format!("expected {}, got {}", field.dtype(), value.described());
        Error::schema_mismatch(operation, field.name(), problem)
    }

    /// The record of `values`, unchecked: what reads the row checks them anyway, or they were checked before.
    #[must_use]
    pub fn unchecked(values: &'a [Value<'a>]) -> Self {
        Self { values, names: 0, absent: &[] }
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

    /// Says which values nobody sent, by their places: they are null, and not known to be missing.
    #[must_use]
    pub fn with_absent(mut self, places: &'a [usize]) -> Self {
        self.absent = places;
        self
    }

    /// The places of the values that nobody sent; none where it is not known.
    #[must_use]
    pub fn absent(&self) -> &'a [usize] {
        self.absent
    }

    /// Makes sure that the values of these fields were sent, each with its place in the row.
    ///
    /// # Errors
    /// [`Error::SchemaMismatch`] naming the first that was not.
    pub fn check_sent<'f>(
        &self,
        operation: &'static str,
        fields: impl IntoIterator<Item = (usize, &'f Field)>,
    ) -> Result<()> {
        if self.absent.is_empty() {
            return Ok(());
        }
        match fields.into_iter().find(|(place, _)| self.absent.contains(place)) {
            Some((_, field)) => Err(Self::unsent(operation, field)),
            None => Ok(()),
        }
    }

    /// The error for a record that does not have the name of a column: what nobody sent is not what is known to be missing.
    pub(crate) fn unsent(operation: &'static str, field: &Field) -> Error {
        let problem = format!("the record has no value for it; a {} is expected", field.dtype());
        let remedy = if field.is_nullable() { "send null where it is missing" } else { "send its value" };
        Error::schema_mismatch(operation, field.name(), problem).remedy(remedy)
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
    use crate::schema::DType;

    #[test]
    fn a_row_that_does_not_fit_names_the_field() {
        let schema =
            Schema::new([Field::column("a", DType::Float32), Field::column("b", DType::String).nullable()])
                .unwrap();
        assert!(Row::new(&[Value::Float(f64::NAN), Value::Null], &schema).is_ok());
        for (values, expected) in [
            (vec![Value::Null, Value::Null], "check row a: null"),
            (vec![Value::Text("1"), Value::Null], "check row a: expected float32, got text \"1\""),
            (vec![Value::Int(1), Value::Int(2)], "check row b: expected string, got integer 2"),
            (vec![Value::Int(1)], "check row values: expected 2 values, got 1"),
        ] {
            let error = Row::new(&values, &schema).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        }
    }

    #[test]
    fn a_field_of_numbers_takes_every_number() {
        let schema = Schema::new([Field::column("n", DType::Int8)]).unwrap();
        for value in [Value::Float(0.5), Value::Bool(true), Value::UInt(u64::MAX), Value::Int(-300)] {
            assert_eq!(Row::new(&[value], &schema).unwrap().values(), [value]);
        }
        assert!(
            Row::new(&[Value::Null], &schema).is_err() && Row::new(&[Value::Text("1")], &schema).is_err()
        );
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
    fn a_row_knows_what_nobody_sent() {
        let fields = [Field::column("a", DType::Int64), Field::column("b", DType::Int64).nullable()];
        let row = Row::unchecked(&[Value::Int(1), Value::Null]);
        let places = || [0, 1].into_iter().zip(&fields);
        assert!(row.check_sent("read row", places()).is_ok());
        let row = row.with_absent(&[1]);
        assert!(row.check_sent("read row", places().take(1)).is_ok());
        assert_eq!(
            row.check_sent("read row", places()).unwrap_err().to_string(),
            "read row b: the record has no value for it; a int64 is expected; send null where it is missing"
        );
    }
}
