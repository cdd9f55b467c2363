//! A struct as a row: its columns, and its values in their order.

use mlcore::arrow::array::RecordBatch;
use mlcore::batch::{Row, TableBuilder, Value};
use mlcore::schema::{DType, Field, Schema};
use mlcore::{Error, Result};

use super::FeatureValue;

/// A struct whose fields are raw columns. `#[derive(Features)]` implements it.
///
/// By hand, both methods name the same columns in the same order:
///
/// ```
/// use mlcore_features::typed::{FeatureField, FeatureValue as _, FeatureValues, Features, schema};
///
/// struct Place {
///     latitude: f64,
///     longitude: f64,
/// }
///
/// impl Features for Place {
///     fn fields(fields: &mut Vec<FeatureField>) {
///         fields.push(FeatureField::of::<f64>("latitude"));
///         fields.push(FeatureField::of::<f64>("longitude"));
///     }
///
///     fn write<'v>(&'v self, values: &mut FeatureValues<'_, 'v>) {
///         values.push(self.latitude.value());
///         values.push(self.longitude.value());
///     }
/// }
///
/// assert_eq!(schema::<Place>()?.names().collect::<Vec<_>>(), ["latitude", "longitude"]);
/// # Ok::<(), mlcore::Error>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no row of columns",
    label = "its fields are not known as columns",
    note = "write `#[derive(Features)]` at the struct"
)]
pub trait Features {
    /// Appends the columns in the order of the fields. It is asked once, when a plan is bound.
    fn fields(fields: &mut Vec<FeatureField>);

    /// Hands over the value of each column, in the order of [`fields`](Self::fields).
    fn write<'v>(&'v self, values: &mut FeatureValues<'_, 'v>);
}

/// One column of a struct.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FeatureField {
    name: &'static str,
    dtype: DType,
    nullable: bool,
}

impl FeatureField {
    /// The column of this name that holds values of `T`.
    #[must_use]
    pub const fn of<T: FeatureValue>(name: &'static str) -> Self {
        Self { name, dtype: T::TYPE, nullable: T::NULLABLE }
    }

    /// The name of the column.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The type of its values.
    #[must_use]
    pub const fn dtype(&self) -> DType {
        self.dtype
    }

    /// Whether a value may be null.
    #[must_use]
    pub const fn is_nullable(&self) -> bool {
        self.nullable
    }
}

/// Where the values of one row go: each to its column, wherever that stands.
#[derive(Debug)]
pub struct FeatureValues<'m, 'v> {
    values: &'m mut [Value<'v>],
    /// The place of each coming value; [`UNREAD`] where nothing reads it.
    places: std::slice::Iter<'m, usize>,
    surplus: bool,
}

/// The place of a value that nothing reads.
pub(super) const UNREAD: usize = usize::MAX;

impl<'m, 'v> FeatureValues<'m, 'v> {
    /// Hands over the value of the next column.
    #[inline]
    pub fn push(&mut self, value: Value<'v>) {
        match self.places.next() {
            None => self.surplus = true,
            Some(place) => {
                if let Some(kept) = self.values.get_mut(*place) {
                    *kept = value;
                }
            }
        }
    }

    /// Writes the values of `row` to these places.
    ///
    /// # Errors
    /// [`Error::Internal`] when the struct hands over more or fewer values than it has columns.
    #[inline]
    pub(super) fn write<T: Features>(
        row: &'v T,
        places: &'m [usize],
        values: &'m mut [Value<'v>],
    ) -> Result<()> {
        let mut to = Self { values, places: places.iter(), surplus: false };
        row.write(&mut to);
        if to.surplus || !to.places.as_slice().is_empty() {
            return Err(Error::internal(
                "read row",
                name_of::<T>(),
                "it hands over another number of values than it has columns",
            )
            .remedy("derive Features, or name the same columns in both methods"));
        }
        Ok(())
    }
}

/// The columns of a struct in the order of its fields.
pub(super) fn fields_of<T: Features>() -> Vec<FeatureField> {
    let mut fields = Vec::new();
    T::fields(&mut fields);
    fields
}

/// The name of a struct without its path.
pub(super) fn name_of<T>() -> &'static str {
    let whole = std::any::type_name::<T>();
    let plain = whole.split('<').next().unwrap_or(whole);
    plain.rsplit("::").next().unwrap_or(plain)
}

/// The columns of a struct as a schema, in the order of its fields.
///
/// # Errors
/// [`Error::InvalidInput`] when two columns have the same name, which a flattened field may bring.
pub fn schema<T: Features>() -> Result<Schema> {
    Schema::new(fields_of::<T>().into_iter().map(|field| {
        let column = Field::column(field.name, field.dtype);
        if field.nullable { column.nullable() } else { column }
    }))
}

/// The table of these rows: what a plan is fitted on that is to read rows of this struct.
///
/// # Errors
/// As [`schema`], and [`Error::SchemaMismatch`] for a moment that 64 bits do not count in nanoseconds.
pub fn to_table<'r, T: Features + 'r>(rows: impl IntoIterator<Item = &'r T>) -> Result<RecordBatch> {
    let schema = schema::<T>()?;
    let mut table = TableBuilder::new(&schema)?;
    let places: Vec<usize> = (0..schema.len()).collect();
    for row in rows {
        let mut values = vec![Value::Null; places.len()];
        FeatureValues::write(row, &places, &mut values)?;
        table.append(Row::unchecked(&values))?;
    }
    table.finish()
}
