//! Cells as a model's elements: itself, or refused by column and row.

use super::{Batch, ColumnView, Element, Tensor, Value};
use crate::arrow::array::{Array, ArrayRef, RecordBatch};
use crate::error::{Error, Result};
use crate::schema::{DType, Dim, Field, Schema, match_element};

impl Batch {
    /// The table as the tensors that a model with these `inputs` takes: by name a column per input; or all columns, in their
    /// order, as the matrix of a model with a single one of which the table has no column. Other columns are not looked at.
    ///
    /// No number is cut, wrapped or made infinite on the way, but that a float is rounded to the width of a float type. A
    /// whole float is an integer, a bool is a number, 0 and 1 are bools, and a null is NaN where the model takes floats.
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// use mlcore::arrow::array::{Float64Array, RecordBatch};
    /// use mlcore::batch::Batch;
    /// use mlcore::schema::{DType, Field, Schema};
    ///
    /// let ids = |values: Vec<f64>| RecordBatch::try_from_iter([("id", Arc::new(Float64Array::from(values)) as _)]);
    /// let model = Schema::new([Field::column("id", DType::Int64)])?;
    /// let batch = Batch::from_table(&ids(vec![1.0, 2.0]).unwrap(), &model)?;
    /// assert_eq!(batch.tensor("id")?.values::<i64>()?, [1, 2]);
    /// let error = Batch::from_table(&ids(vec![1.0, 2.9]).unwrap(), &model).unwrap_err();
    /// assert_eq!(error.to_string(), "make tensor id: row 1: expected int64, got float 2.9");
    /// # Ok::<(), mlcore::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::SchemaMismatch`] for a column that is missing, and for a cell that the model's type does not hold, with its
    /// column and row; [`Error::Unsupported`] for a column of a type that no model takes.
    pub fn from_table(table: &RecordBatch, inputs: &Schema) -> Result<Self> {
        if let [field] = inputs.fields()
            && is_matrix(field)
            && table.column_by_name(field.name()).is_none()
        {
            return Ok(Self::single(field.name(), matrix(table, field)?));
        }
        let tensors = inputs.fields().iter().map(|field| {
            let array = table.column_by_name(field.name()).ok_or_else(|| {
                let problem = format!("the table lacks the column; expected {field}");
                Error::schema_mismatch(OPERATION, field.name(), problem)
            })?;
            Ok((field.name(), Tensor::from_column(field.name(), array, field.dtype())?.shaped_for(field)))
        });
        Self::new(tensors.collect::<Result<Vec<_>>>()?)
    }
}

impl Tensor {
    /// A column as a tensor `[rows]` of this type, under the rules of [`Batch::from_table`].
    ///
    /// # Errors
    /// As [`Batch::from_table`].
    pub fn from_column(name: &str, column: &ArrayRef, dtype: DType) -> Result<Self> {
        let plain = ColumnView::plain(name, column)?;
        let view = ColumnView::new(name, plain.as_ref())?;
        match_element!(
            dtype,
            T => elements::<T>(name, &plain, &view).map(Self::column),
            _ => Self::from_values(name, dtype, [plain.len()], (0..plain.len()).map(|row| view.value(row)))
        )
    }

    /// A tensor of this type and shape over cells in row-major order, under the rules of [`Batch::from_table`].
    ///
    /// # Errors
    /// As [`Batch::from_table`]; [`Error::InvalidInput`] when there are not as many cells as the shape asks for.
    pub fn from_values<'v>(
        name: &str,
        dtype: DType,
        shape: impl AsRef<[usize]>,
        values: impl IntoIterator<Item = Value<'v>>,
    ) -> Result<Self> {
        let shape = shape.as_ref();
        let width = shape.iter().skip(1).product();
        let unfit = |index, value| unfit(name, Place { index, width }, dtype, value);
        let values = values.into_iter().enumerate();
        match_element!(
            dtype,
            T => {
                let element = |(index, value)| element::<T>(value).ok_or_else(|| unfit(index, value));
                Self::new(shape, values.map(element).collect::<Result<Vec<T>>>()?)
            },
            _ => match dtype {
                DType::String => {
                    let text = |(index, value): (usize, Value<'v>)| value.as_str().ok_or_else(|| unfit(index, value));
                    Self::strings(shape, values.map(text).collect::<Result<Vec<&str>>>()?)
                }
                _ => Err(Error::unsupported(OPERATION, name, format!("no model takes {dtype}"))),
            }
        )
    }

    /// The same elements in another type, under the rules of [`Batch::from_table`]; `name` is what errors call the tensor.
    ///
    /// # Errors
    /// As [`Batch::from_table`].
    pub fn cast(&self, name: &str, dtype: DType) -> Result<Self> {
        if dtype == self.dtype() {
            return Ok(self.clone());
        }
        match_element!(
            self.dtype(),
            T => {
                let values = self.values::<T>()?.iter().map(|value| value.to_value());
                Self::from_values(name, dtype, self.shape(), values)
            },
            _ => Self::from_values(name, dtype, self.shape(), self.texts()?.map(Value::Text))
        )
    }

    /// A column `[rows]` as the `[rows, 1]` that most converters ask for, where the field does.
    #[must_use]
    pub fn shaped_for(self, field: &Field) -> Self {
        match (self.shape(), field.shape()) {
            ([rows], [_, last]) if last.accepts(1) => self.reshaped([*rows, 1]).unwrap_or(self),
            _ => self,
        }
    }
}

/// Whether all columns of a table together may be this input.
fn is_matrix(field: &Field) -> bool {
    field.dtype() != DType::String && (field.shape().len() == 2 || field.is_of_any_shape())
}

/// The columns of a table side by side.
fn matrix(table: &RecordBatch, field: &Field) -> Result<Tensor> {
    let (rows, width) = (table.num_rows(), table.num_columns());
    if let [_, Dim::Fixed(expected)] = field.shape()
        && *expected != width
    {
        let problem = format!("the table has {width} columns; expected {field}");
        return Err(Error::schema_mismatch(OPERATION, field.name(), problem));
    }
    match_element!(
        field.dtype(),
        T => {
            let columns = table.columns().iter().zip(table.schema_ref().fields()).map(|(array, column)| {
                let plain = ColumnView::plain(column.name(), array)?;
                elements::<T>(column.name(), &plain, &ColumnView::new(column.name(), plain.as_ref())?)
            });
            let columns = columns.collect::<Result<Vec<Vec<T>>>>()?;
            let cell = |row: usize| columns.iter().filter_map(move |column| column.get(row).copied());
            Tensor::new([rows, width], (0..rows).flat_map(cell).collect())
        },
        _ => {
            let problem = format!("no table is a matrix of {}", field.dtype());
            Err(Error::unsupported(OPERATION, field.name(), problem))
        }
    )
}

/// The elements of a column, whose plain layout is `plain`.
fn elements<T: Element>(name: &str, plain: &ArrayRef, column: &ColumnView<'_>) -> Result<Vec<T>> {
    if let Some(values) = T::slice_of(plain.as_ref()).filter(|_| !column.has_nulls()) {
        return Ok(values.to_vec());
    }
    let cell = |row| {
        let value = column.value(row);
        element(value).ok_or_else(|| unfit(name, Place { index: row, width: 1 }, T::DTYPE, value))
    };
    (0..plain.len()).map(cell).collect()
}

/// The element that a cell means: `None` where the type holds none that is the same.
fn element<T: Element>(value: Value<'_>) -> Option<T> {
    T::from_value(value).or_else(|| match value {
        Value::Null => T::from_value(Value::Float(f64::NAN)),
        Value::Bool(flag) => T::from_value(Value::UInt(flag.into())),
        Value::Int(_) | Value::UInt(_) | Value::Float(_) if T::DTYPE == DType::Bool => {
            let flag = [0.0, 1.0].into_iter().position(|flag| value.as_f64() == Some(flag))?;
            T::from_value(Value::Bool(flag == 1))
        }
        // Beyond the integers that it holds all of, a float type holds some.
        Value::Int(_) | Value::UInt(_) => {
            let (integer, float) = (value.integer()?, value.as_f64()?);
            let is_same = |element: &T| element.to_f64() == float && float as i128 == integer;
            T::from_value(Value::Float(float)).filter(is_same)
        }
        Value::Float(float) if float.fract() == 0.0 && float.abs() <= LARGEST_EXACT => {
            T::from_value(Value::Int(float as i64))
        }
        Value::Float(_)
        | Value::Text(_)
        | Value::Date(_)
        | Value::Time(_)
        | Value::DateTime(_)
        | Value::Timestamp(_) => None,
    })
}

/// 2^53: beyond, a float stands for several integers.
const LARGEST_EXACT: f64 = 9_007_199_254_740_992.0;
const OPERATION: &str = "make tensor";

/// Where a cell stands in row-major order, in rows of so many cells.
#[derive(Clone, Copy)]
struct Place {
    index: usize,
    width: usize,
}

#[cold]
fn unfit(name: &str, Place { index, width }: Place, dtype: DType, value: Value<'_>) -> Error {
    let (row, column) = (index / width.max(1), index % width.max(1));
    let place = if width > 1 { format!("row {row}, column {column}") } else { format!("row {row}") };
    if value.is_missing() {
        let problem = format!("{place}: the value is missing, and {dtype} holds none");
        return Error::schema_mismatch(OPERATION, name, problem).remedy("impute it first");
    }
    Error::schema_mismatch(OPERATION, name, format!("{place}: expected {dtype}, got {}", value.described()))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use half::f16;
    use proptest::prelude::*;

    use super::*;
    use crate::arrow::array::{BooleanArray, Date32Array, Float64Array, Int64Array, StringArray};
    use crate::batch::strategies;

    fn table(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
        RecordBatch::try_from_iter(columns).unwrap()
    }

    fn floats(values: &[f64]) -> ArrayRef {
        Arc::new(Float64Array::from(values.to_vec()))
    }

    #[track_caller]
    fn refused(column: ArrayRef, dtype: DType, expected: &str) {
        let schema = Schema::new([Field::column("x", dtype)]).unwrap();
        let error = Batch::from_table(&table(vec![("x", column)]), &schema).unwrap_err();
        assert!(matches!(error, Error::SchemaMismatch(_)), "{}: {error}", error.kind());
        assert_eq!(error.to_string(), format!("make tensor x: {expected}"));
    }

    #[test]
    fn what_a_type_does_not_hold_is_refused_by_column_and_row() {
        for (value, shown) in [(2.9, "2.9"), (1e19, "1e19"), (f64::INFINITY, "inf"), (-1e300, "-1e300")] {
            for dtype in [DType::Int64, DType::UInt64, DType::Int8] {
                refused(floats(&[1.0, value]), dtype, &format!("row 1: expected {dtype}, got float {shown}"));
            }
        }
        refused(floats(&[-1.0]), DType::UInt64, "row 0: expected uint64, got float -1.0");
        refused(
            floats(&[9_007_199_254_740_994.0]),
            DType::Int64,
            "row 0: expected int64, got float 9007199254740994.0",
        );
        refused(floats(&[0.0, 1e300]), DType::Float32, "row 1: expected float32, got float 1e300");
        refused(floats(&[70_000.0]), DType::Float16, "row 0: expected float16, got float 70000.0");
        refused(floats(&[0.5]), DType::Bool, "row 0: expected bool, got float 0.5");
        refused(Arc::new(Int64Array::from(vec![2])), DType::Bool, "row 0: expected bool, got integer 2");
        refused(
            Arc::new(Int64Array::from(vec![16_777_217])),
            DType::Float32,
            "row 0: expected float32, got integer 16777217",
        );
        refused(
            Arc::new(Int64Array::from(vec![Some(1), None])),
            DType::Int64,
            "row 1: the value is missing, and int64 holds none; impute it first",
        );
        refused(floats(&[4.0]), DType::String, "row 0: expected string, got float 4.0");
        refused(
            Arc::new(Date32Array::from(vec![19_782])),
            DType::Float32,
            "row 0: expected float32, got date 2024-02-29",
        );
    }

    #[test]
    fn what_is_the_same_is_taken() {
        let one = |column: ArrayRef, dtype| Tensor::from_column("x", &column, dtype).unwrap();
        assert_eq!(one(floats(&[2.0, -0.0]), DType::Int8), Tensor::column(vec![2_i8, 0]));
        assert_eq!(one(floats(&[0.0, 1.0]), DType::Bool), Tensor::column(vec![false, true]));
        let flags: ArrayRef = Arc::new(BooleanArray::from(vec![true, false]));
        assert_eq!(one(flags, DType::Float32), Tensor::column(vec![1.0_f32, 0.0]));
        let wide: ArrayRef = Arc::new(Int64Array::from(vec![20_000_000]));
        assert_eq!(one(wide, DType::Float32), Tensor::column(vec![2e7_f32]));
        let rounded = one(floats(&[0.1, f64::INFINITY]), DType::Float32);
        assert_eq!(rounded, Tensor::column(vec![0.1_f32, f32::INFINITY]));
        let missing: ArrayRef = Arc::new(Int64Array::from(vec![None, Some(3)]));
        let missing = one(missing, DType::Float64);
        assert!(missing.values::<f64>().unwrap()[0].is_nan() && missing.values::<f64>().unwrap()[1] == 3.0);
        let exact: ArrayRef = Arc::new(Int64Array::from(vec![(1 << 53) + 1]));
        assert_eq!(one(exact, DType::Int64), Tensor::column(vec![(1_i64 << 53) + 1]));
        assert_eq!(
            one(Arc::new(StringArray::from(vec!["a"])), DType::String).texts().unwrap().next(),
            Some("a")
        );
    }

    #[test]
    fn a_table_is_a_matrix_where_it_has_no_column_of_the_inputs_name() {
        let model = |shape: Field| Schema::new([shape]).unwrap();
        let two = table(vec![("a", floats(&[1.0, 2.0])), ("b", floats(&[3.0, 4.9]))]);
        let matrix = Tensor::new([2, 2], vec![1.0_f32, 3.0, 2.0, 4.9]).unwrap();
        let wide = Field::tensor("x", DType::Float32, [Dim::Dynamic, Dim::Fixed(2)]);
        for field in [wide, Field::of_any_shape("x", DType::Float32)] {
            assert_eq!(Batch::from_table(&two, &model(field)).unwrap().tensor("x").unwrap(), &matrix);
        }
        let told = |field| Batch::from_table(&two, &model(field)).unwrap_err().to_string();
        let integers = Field::tensor("x", DType::Int64, [Dim::Dynamic, Dim::Dynamic]);
        assert_eq!(told(integers), "make tensor b: row 1: expected int64, got float 4.9");
        let three = Field::tensor("x", DType::Float32, [Dim::Dynamic, Dim::Fixed(3)]);
        assert_eq!(told(three), "make tensor x: the table has 2 columns; expected x: float32 [?, 3]");
        let named =
            table(vec![("x", floats(&[1.0, 2.0])), ("note", Arc::new(StringArray::from(vec!["", ""])))]);
        let one = Field::tensor("x", DType::Float32, [Dim::Dynamic, Dim::Fixed(1)]);
        assert_eq!(Batch::from_table(&named, &model(one)).unwrap().tensor("x").unwrap().shape(), [2, 1]);
    }

    #[test]
    fn a_tensor_is_cast_or_refused_by_row_and_column() {
        let tensor = Tensor::new([2, 2], vec![1.0, 2.0, 3.0, 4.5]).unwrap();
        let error = tensor.cast("x", DType::Int32).unwrap_err();
        assert_eq!(error.to_string(), "make tensor x: row 1, column 1: expected int32, got float 4.5");
        let halves = tensor.cast("x", DType::Float16).unwrap();
        assert_eq!((halves.shape(), halves.values::<f16>().unwrap()[3]), (&[2, 2][..], f16::from_f32(4.5)));
        let words = Tensor::strings([1], ["1"]).unwrap();
        assert!(words.cast("x", DType::Float64).is_err());
        assert_eq!(words.cast("x", DType::String).unwrap(), words);
    }

    proptest! {
        /// Whatever becomes an element reads back as the same number, but for floats that were rounded.
        #[test]
        fn nothing_is_lost(value in strategies::owned_value()) {
            for dtype in DType::ELEMENTS {
                let Ok(tensor) = Tensor::from_values("x", dtype, [1], [value.as_value()]) else { continue };
                let back = match_element!(
                    dtype,
                    T => tensor.values::<T>().unwrap()[0].to_value(),
                    _ => Value::Text(tensor.texts().unwrap().next().unwrap())
                );
                match (value.as_value(), back) {
                    (Value::Text(before), Value::Text(after)) => prop_assert_eq!(before, after),
                    (before, after) if before.is_missing() => prop_assert!(after.is_missing()),
                    (Value::Float(before), Value::Float(after)) => {
                        prop_assert_eq!(before.is_infinite(), after.is_infinite());
                    }
                    (Value::Int(_) | Value::UInt(_), Value::Int(_) | Value::UInt(_)) => {
                        prop_assert_eq!(value.as_value().integer(), back.integer());
                    }
                    (before, after) => prop_assert_eq!(before.as_f64(), after.as_f64()),
                }
            }
        }
    }
}
