//! Between [`Batch`] and Arrow's `RecordBatch`: columns whose layouts agree are shared, the rest is copied once.

use std::sync::Arc;

use crate::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, FixedSizeListArray, PrimitiveArray, RecordBatch,
};
use crate::arrow::compute::cast;
use crate::arrow::datatypes::{self, ArrowPrimitiveType, Field as ArrowField, Schema as ArrowSchema};
use smallvec::smallvec;

use super::element::{Buffer, Elements};
use super::tensor::no_tensor;
use super::{Batch, Tensor};
use crate::error::{Error, Result};
use crate::schema::{DType, numbers, untaken};

impl Batch {
    /// The table's columns as tensors: `[rows]` each, `[rows, size]` for fixed-size lists. Numbers are shared with
    /// Arrow, bools are widened from bits, text in another layout than Utf8 is converted.
    ///
    /// # Errors
    /// [`Error::SchemaMismatch`] for a column with nulls, which no tensor can hold, and [`Error::Unsupported`] for a
    /// type without counterpart.
    pub fn from_record_batch(table: &RecordBatch) -> Result<Self> {
        let columns = table.schema_ref().fields().iter().zip(table.columns());
        let tensors: Result<Vec<_>> = columns
            .map(|(field, column)| Ok((field.name().as_str(), tensor(field.name(), column)?)))
            .collect();
        Self::new(tensors?)
    }

    /// The tensors as a table: `[rows]` becomes a column, `[rows, size]` a column of fixed-size lists.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for a tensor of another rank, [`Error::SchemaMismatch`] when the rows differ.
    pub fn to_record_batch(&self) -> Result<RecordBatch> {
        let mut fields = Vec::with_capacity(self.len());
        let mut columns = Vec::with_capacity(self.len());
        for (name, tensor) in self.iter() {
            let column = column(name, tensor)?;
            fields.push(ArrowField::new(name, column.data_type().clone(), false));
            columns.push(column);
        }
        RecordBatch::try_new(Arc::new(ArrowSchema::new(fields)), columns).map_err(|cause| {
            Error::schema_mismatch("make record batch", "columns", cause.to_string()).caused_by(cause)
        })
    }
}

fn tensor(name: &str, column: &ArrayRef) -> Result<Tensor> {
    if let Some(list) = column.as_fixed_size_list_opt() {
        refuse_nulls(name, column)?;
        let size = usize::try_from(list.value_length()).unwrap_or_default();
        let values = list.values().slice(list.value_offset(0).try_into().unwrap_or(0), list.len() * size);
        return tensor(name, &values)?.reshaped([list.len(), size]);
    }
    let dtype = DType::from_arrow(column.data_type())
        .ok_or_else(|| untaken("make tensor", name, column.data_type()))?;
    if !dtype.is_element() {
        return Err(no_tensor(name, dtype));
    }
    refuse_nulls(name, column)?;
    let plain = if *column.data_type() == dtype.to_arrow() {
        column.clone()
    } else {
        cast(column, &dtype.to_arrow()).map_err(|cause| {
            Error::schema_mismatch("make tensor", name, cause.to_string()).caused_by(cause)
        })?
    };
    let buffer = buffer(&plain, dtype).ok_or_else(|| no_tensor(name, dtype))?;
    Ok(Tensor::from_buffer(smallvec![plain.len()], buffer))
}

fn refuse_nulls(name: &str, column: &ArrayRef) -> Result<()> {
    match column.logical_null_count() {
        0 => Ok(()),
        nulls => {
            let problem = format!("{nulls} of {} values are null", column.len());
            Err(Error::schema_mismatch("make tensor", name, problem).remedy("impute or drop them first"))
        }
    }
}

/// The storage of a column in the plain layout of its type; `None` for types that no tensor holds.
fn buffer(column: &ArrayRef, dtype: DType) -> Option<Buffer> {
    fn shared<T: ArrowPrimitiveType>(column: &ArrayRef) -> Elements<T::Native> {
        Elements::Many(column.as_primitive::<T>().values().clone())
    }
    macro_rules! shared {
        ([$($variant:ident, $native:ident, $name:literal, $arrow:ident, $onnx:ident, $doc:literal;)+]) => {
            match dtype {
                DType::Bool => Some(Buffer::Bool(column.as_boolean().values().iter().collect())),
                $(DType::$variant => Some(Buffer::$variant(shared::<datatypes::$arrow>(column))),)+
                DType::String => Some(Buffer::String(column.as_string::<i32>().clone())),
                DType::Date | DType::Time(_) | DType::Timestamp(..) => None,
            }
        };
    }
    numbers!(shared!)
}

fn column(name: &str, tensor: &Tensor) -> Result<ArrayRef> {
    let flat = flat_column(tensor.buffer());
    match tensor.shape() {
        [_] => Ok(flat),
        [rows, size] if i32::try_from(*size).is_ok() => {
            let item = Arc::new(ArrowField::new("item", flat.data_type().clone(), false));
            let size = i32::try_from(*size).unwrap_or(i32::MAX);
            // Lists of nothing do not tell how many they are.
            FixedSizeListArray::try_new_with_length(item, size, flat, None, *rows)
                .map(|list| Arc::new(list) as ArrayRef)
                .map_err(|cause| {
                    Error::internal("make record batch", name, format!("{cause} ({rows} rows)"))
                        .caused_by(cause)
                })
        }
        shape => Err(Error::unsupported(
            "make record batch",
            name,
            format!("a tensor of shape {shape:?} has no Arrow column; only [rows] and [rows, size] do"),
        )),
    }
}

fn flat_column(buffer: &Buffer) -> ArrayRef {
    fn shared<T: ArrowPrimitiveType>(values: &Elements<T::Native>) -> ArrayRef {
        Arc::new(PrimitiveArray::<T>::new(values.to_scalar_buffer(), None))
    }
    macro_rules! shared {
        ([$($variant:ident, $native:ident, $name:literal, $arrow:ident, $onnx:ident, $doc:literal;)+]) => {
            match buffer {
                Buffer::Bool(values) => Arc::new(BooleanArray::from(values.to_vec())),
                $(Buffer::$variant(values) => shared::<datatypes::$arrow>(values),)+
                Buffer::String(text) => Arc::new(text.clone()),
            }
        };
    }
    numbers!(shared!)
}

#[cfg(test)]
mod tests {
    use crate::arrow::array::{DictionaryArray, Float64Array, Int64Array, StringArray, StringViewArray};
    use crate::arrow::datatypes::{Float64Type, Int32Type as Keys};
    use proptest::prelude::*;

    use super::*;

    fn table(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
        RecordBatch::try_from_iter(columns).unwrap()
    }

    #[test]
    fn numbers_are_shared_not_copied() {
        let column = Float64Array::from(vec![1.0, 2.0, 3.0]);
        let address = column.values().as_ptr();
        let batch = Batch::from_record_batch(&table(vec![("x", Arc::new(column))])).unwrap();
        assert_eq!(batch.tensor("x").unwrap().values::<f64>().unwrap().as_ptr(), address);
        let back = batch.to_record_batch().unwrap();
        assert_eq!(back.column(0).as_primitive::<Float64Type>().values().as_ptr(), address);
    }

    #[test]
    fn text_arrives_the_same_from_every_layout() {
        let words = ["b", "a", "b"];
        let dictionary: DictionaryArray<Keys> = words.into_iter().collect();
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("plain", Arc::new(StringArray::from(words.to_vec()))),
            ("view", Arc::new(StringViewArray::from(words.to_vec()))),
            ("dictionary", Arc::new(dictionary)),
        ];
        let batch = Batch::from_record_batch(&table(columns)).unwrap();
        for (name, tensor) in batch.iter() {
            assert_eq!(tensor.texts().unwrap().collect::<Vec<_>>(), words, "{name}");
        }
    }

    #[test]
    fn nulls_and_dates_are_refused_by_name() {
        let nulls: ArrayRef = Arc::new(Int64Array::from(vec![Some(1), None]));
        let error = Batch::from_record_batch(&table(vec![("age", nulls)])).unwrap_err();
        assert_eq!(error.to_string(), "make tensor age: 1 of 2 values are null; impute or drop them first");
        let dates: ArrayRef = Arc::new(crate::arrow::array::Date32Array::from(vec![1]));
        assert!(matches!(
            Batch::from_record_batch(&table(vec![("day", dates)])).unwrap_err(),
            Error::Unsupported(_)
        ));
    }

    #[test]
    fn an_empty_table_and_a_sliced_list_survive() {
        let nothing = Batch::single("e", Tensor::new([3, 0], Vec::<i16>::new()).unwrap());
        let lists = nothing.to_record_batch().unwrap();
        assert_eq!((lists.num_rows(), Batch::from_record_batch(&lists).unwrap()), (3, nothing));
        let empty = table(vec![("x", Arc::new(Float64Array::from(Vec::<f64>::new())) as ArrayRef)]);
        assert_eq!(Batch::from_record_batch(&empty).unwrap().rows(), Some(0));
        let batch = Batch::single("e", Tensor::new([3, 2], vec![1_i16, 2, 3, 4, 5, 6]).unwrap());
        let sliced = batch.to_record_batch().unwrap().slice(1, 1);
        let tensor = Batch::from_record_batch(&sliced).unwrap().tensor("e").unwrap().clone();
        assert_eq!((tensor.shape(), tensor.values::<i16>().unwrap()), (&[1, 2][..], &[3, 4][..]));
    }

    proptest! {
        #[test]
        fn tables_round_trip(
            rows in 1_usize..20,
            seed in any::<u64>(),
        ) {
            let numbers: Vec<f64> = (0..rows).map(|i| f64::from_bits(seed.wrapping_mul(i as u64 + 1) >> 2)).collect();
            let batch = Batch::new([
                ("f", Tensor::column(numbers.clone())),
                ("b", Tensor::column(numbers.iter().map(|v| *v > 1.0).collect())),
                ("i", Tensor::new([rows, 2], (0..rows as i64 * 2).collect()).unwrap()),
                ("s", Tensor::strings([rows], numbers.iter().map(ToString::to_string)).unwrap()),
            ]).unwrap();
            prop_assert_eq!(Batch::from_record_batch(&batch.to_record_batch().unwrap()).unwrap(), batch);
        }
    }
}
