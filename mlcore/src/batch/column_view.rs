use half::f16;

use super::{Element, Value};
use crate::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, LargeStringArray, StringArray, StringViewArray,
};
use crate::arrow::buffer::NullBuffer;
use crate::arrow::compute::cast;
use crate::arrow::datatypes::{self, DataType, TimeUnit};
use crate::error::{Error, Result};
use crate::schema::{DType, numbers, untaken};
use crate::time::{Date, DateTime, SECONDS_PER_DAY, Time, Timestamp, per_second};

/// A column of an Arrow table, read as values: whatever its layout, equal columns give equal values.
///
/// Small, because a table of many columns and few rows is read mostly by making these: what is rare lies in a box.
///
/// ```
/// use mlcore::arrow::array::{ArrayRef, Date32Array, StringViewArray};
/// use mlcore::batch::{ColumnView, Value};
///
/// let days = Date32Array::from(vec![Some(19_782), None]);
/// let column = ColumnView::new("day", &days)?;
/// assert_eq!(column.value(0), Value::Date("2024-02-29".parse()?));
/// assert!(column.is_null(1));
/// let plans = StringViewArray::from(vec!["free", "pro"]);
/// assert_eq!(ColumnView::new("plan", &plans)?.text(1), Some("pro"));
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Debug)]
pub struct ColumnView<'a> {
    cells: Cells<'a>,
    /// Which rows are null, dictionaries looked through.
    nulls: Option<Box<NullBuffer>>,
}

/// Text in any of Arrow's layouts.
#[non_exhaustive]
#[derive(Debug)]
pub enum Texts<'a> {
    /// Offsets of 32 bits.
    Utf8(&'a StringArray),
    /// Offsets of 64 bits.
    Large(&'a LargeStringArray),
    /// Views.
    View(&'a StringViewArray),
    /// A code per row.
    Dictionary(Box<Dictionary<'a>>),
}

/// A code per row, and the text of each code.
#[derive(Debug)]
pub struct Dictionary<'a> {
    codes: Vec<u32>,
    texts: Vec<Option<&'a str>>,
}

impl<'a> Dictionary<'a> {
    /// The code of each row; that of a null means nothing.
    #[must_use]
    pub fn codes(&self) -> &[u32] {
        &self.codes
    }

    /// The text of each code, which may be null, and may be that of another code, too.
    #[must_use]
    pub fn texts(&self) -> &[Option<&'a str>] {
        &self.texts
    }
}

macro_rules! cells {
    ([$($variant:ident, $native:ident, $name:literal, $arrow:ident, $onnx:ident, $doc:literal;)+]) => {
        #[derive(Debug)]
        enum Cells<'a> {
            Bool(&'a BooleanArray),
            $($variant(&'a [$native]),)+
            Text(Texts<'a>),
            Date(&'a [i32]),
            Time32(&'a [i32], TimeUnit),
            Time64(&'a [i64], TimeUnit),
            DateTime(&'a [i64], TimeUnit),
            Timestamp(&'a [i64], TimeUnit),
        }

        impl<'a> Cells<'a> {
            /// The cells of an array; `None` for a type without counterpart.
            fn of(array: &'a dyn Array) -> Option<Self> {
                Some(match array.data_type() {
                    DataType::Boolean => Self::Bool(array.as_boolean()),
                    $(DataType::$variant => Self::$variant(array.as_primitive::<datatypes::$arrow>().values()),)+
                    DataType::Utf8 => Self::Text(Texts::Utf8(array.as_string())),
                    DataType::LargeUtf8 => Self::Text(Texts::Large(array.as_string())),
                    DataType::Utf8View => Self::Text(Texts::View(array.as_string_view())),
                    DataType::Dictionary(..) => return dictionary(array),
                    _ => return temporal(array),
                })
            }

            /// The cell of a row that is not null.
            #[inline]
            fn value(&self, row: usize) -> Option<Value<'a>> {
                Some(match self {
                    Self::Bool(values) => Value::Bool(values.value(row)),
                    $(Self::$variant(values) => values.get(row)?.to_value(),)+
                    Self::Text(texts) => Value::Text(texts.get(row)?),
                    Self::Date(days) => Value::Date(Date::from_days(*days.get(row)?)),
                    Self::Time32(counts, unit) => {
                        Value::Time(Time::from_count(i64::from(*counts.get(row)?), *unit)?)
                    }
                    Self::Time64(counts, unit) => Value::Time(Time::from_count(*counts.get(row)?, *unit)?),
                    Self::DateTime(counts, unit) => Value::DateTime(DateTime::new(*counts.get(row)?, *unit)),
                    Self::Timestamp(counts, unit) => Value::Timestamp(Timestamp::new(*counts.get(row)?, *unit)),
                })
            }

            /// The rows from `start` on as floats, null or not; NaN for what has no numeric reading.
            fn numbers(&self, start: usize, into: &mut [f64]) {
                fn widen<T: Element>(values: &[T], start: usize, into: &mut [f64]) {
                    let values = values.get(start..).unwrap_or_default();
                    for (into, value) in into.iter_mut().zip(values) {
                        *into = value.to_f64();
                    }
                }
                match self {
                    Self::Bool(values) => {
                        for (offset, into) in into.iter_mut().enumerate() {
                            *into = values.value(start + offset).to_f64();
                        }
                    }
                    $(Self::$variant(values) => widen(values, start, into),)+
                    Self::Text(_)
                    | Self::Date(_)
                    | Self::Time32(..)
                    | Self::Time64(..)
                    | Self::DateTime(..)
                    | Self::Timestamp(..) => into.fill(f64::NAN),
                }
            }
        }
    };
}
numbers!(cells!);

impl<'a> ColumnView<'a> {
    /// Reads a column of bools, numbers, text in any layout, dates, times or timestamps. A dictionary of anything but text is
    /// read after [`plain`](Self::plain).
    ///
    /// # Errors
    /// [`Error::Unsupported`] for a type without counterpart, and [`Error::InvalidInput`] for a time of day that is outside the
    /// day; both name the column.
    #[inline]
    pub fn new(name: &str, array: &'a dyn Array) -> Result<Self> {
        // Most columns are doubles without nulls. They are made in the place where they will lie: copying them there
        // after they went through the rest costs as much as all the rest.
        match array.as_primitive_opt::<datatypes::Float64Type>() {
            Some(doubles) if doubles.null_count() == 0 => {
                Ok(Self { cells: Cells::Float64(doubles.values()), nulls: None })
            }
            _ => Self::of_any_type(name, array),
        }
    }

    fn of_any_type(name: &str, array: &'a dyn Array) -> Result<Self> {
        let cells = Cells::of(array).ok_or_else(|| untaken(READ, name, array.data_type()))?;
        let nulls = array.logical_nulls().filter(|nulls| nulls.null_count() > 0).map(Box::new);
        let column = Self { cells, nulls };
        column.check_times(name)?;
        Ok(column)
    }

    /// The array in the layout that is read here: a dictionary of numbers as plain numbers, dates in milliseconds as dates in
    /// days. Everything else, text in particular, is the array itself.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] naming the column for a date that is no whole day.
    pub fn plain(name: &str, array: &ArrayRef) -> Result<ArrayRef> {
        let as_type = |data_type: &DataType| {
            cast(array, data_type)
                .map_err(|cause| Error::unsupported(READ, name, cause.to_string()).caused_by(cause))
        };
        match array.data_type() {
            DataType::Dictionary(_, values) if DType::from_arrow(values) != Some(DType::String) => {
                Self::plain(name, &as_type(values)?)
            }
            DataType::Date64 => {
                let is_whole = |milliseconds: i64| milliseconds % MILLISECONDS_PER_DAY == 0;
                let dates = array.as_primitive::<datatypes::Date64Type>();
                let odd = (0..dates.len()).find(|row| dates.is_valid(*row) && !is_whole(dates.value(*row)));
                match odd {
                    None => as_type(&DataType::Date32),
                    Some(row) => {
                        Err(Error::invalid_input(READ, name, format!("row {row}: the date is no whole day"))
                            .remedy("cast the column to a timestamp, or to date32"))
                    }
                }
            }
            _ => Ok(array.clone()),
        }
    }

    /// Whether the row is null.
    #[inline]
    #[must_use]
    pub fn is_null(&self, row: usize) -> bool {
        self.nulls.as_ref().is_some_and(|nulls| nulls.is_null(row))
    }

    /// Whether any row is null.
    #[inline]
    #[must_use]
    pub fn has_nulls(&self) -> bool {
        self.nulls.is_some()
    }

    /// The first null row of `start..start + count`, counted from `start`.
    #[must_use]
    pub fn first_null(&self, start: usize, count: usize) -> Option<usize> {
        let nulls = self.nulls.as_ref()?;
        (0..count).find(|offset| nulls.is_null(start + offset))
    }

    /// The cell of a row; null also for a row outside the column of numbers or dates.
    #[inline]
    #[must_use]
    pub fn value(&self, row: usize) -> Value<'a> {
        if self.is_null(row) { Value::Null } else { self.cells.value(row).unwrap_or_default() }
    }

    /// The text of a row; `None` for a null, and in a column of anything else.
    #[inline]
    #[must_use]
    pub fn text(&self, row: usize) -> Option<&'a str> {
        match &self.cells {
            Cells::Text(texts) if !self.is_null(row) => texts.get(row),
            _ => None,
        }
    }

    /// The texts of a column of text, nulls included.
    #[must_use]
    pub fn texts(&self) -> Option<&Texts<'a>> {
        if let Cells::Text(texts) = &self.cells { Some(texts) } else { None }
    }

    /// The numbers themselves, where they are doubles and none is null.
    #[inline]
    #[must_use]
    pub fn doubles(&self) -> Option<&'a [f64]> {
        match &self.cells {
            Cells::Float64(values) if self.nulls.is_none() => Some(values),
            _ => None,
        }
    }

    /// Reads the rows from `start` on as floats: a null as NaN, and so everything that has no numeric reading.
    pub fn numbers(&self, start: usize, into: &mut [f64]) {
        self.cells.numbers(start, into);
        let Some(nulls) = &self.nulls else { return };
        let valid = nulls.inner().slice(start, into.len());
        // Most stretches of 64 rows have few nulls, or none.
        for (valid, into) in valid.bit_chunks().iter_padded().zip(into.chunks_mut(64)) {
            let mut nulls = !valid;
            while let Some(into) = into.get_mut(nulls.trailing_zeros() as usize) {
                *into = f64::NAN;
                nulls &= nulls - 1;
            }
        }
    }

    /// Checks that each time of day is within the day, which Arrow does not.
    fn check_times(&self, name: &str) -> Result<()> {
        let count_of = |row: usize| match &self.cells {
            Cells::Time32(counts, unit) => counts.get(row).map(|count| (i64::from(*count), *unit)),
            Cells::Time64(counts, unit) => counts.get(row).map(|count| (*count, *unit)),
            _ => None,
        };
        let is_outside =
            |(count, unit): (i64, TimeUnit)| !(0..SECONDS_PER_DAY * per_second(unit)).contains(&count);
        let times = (0..).map_while(count_of);
        match times.enumerate().find(|(row, time)| is_outside(*time) && !self.is_null(*row)) {
            None => Ok(()),
            Some((row, _)) => {
                Err(Error::invalid_input(READ, name, format!("row {row}: the time is outside the day")))
            }
        }
    }
}

const READ: &str = "read column";
const MILLISECONDS_PER_DAY: i64 = SECONDS_PER_DAY * 1_000;

impl<'a> Texts<'a> {
    /// The text of a row, which means nothing where the row is null.
    ///
    /// # Panics
    /// When there is no such row.
    #[inline]
    fn get(&self, row: usize) -> Option<&'a str> {
        match self {
            Self::Utf8(texts) => Some(texts.value(row)),
            Self::Large(texts) => Some(texts.value(row)),
            Self::View(texts) => Some(texts.value(row)),
            Self::Dictionary(words) => {
                words.codes.get(row).and_then(|code| words.texts.get(*code as usize)).copied().flatten()
            }
        }
    }
}

/// The cells of a dictionary of text.
fn dictionary<'a>(array: &'a dyn Array) -> Option<Cells<'a>> {
    let dictionary = array.as_any_dictionary_opt()?;
    let Some(Cells::Text(words)) = Cells::of(dictionary.values().as_ref()) else { return None };
    let is_valid = |word: &usize| dictionary.values().is_valid(*word);
    let texts = (0..dictionary.values().len())
        .map(|word| Some(word).filter(is_valid).and_then(|word| words.get(word)));
    let codes = cast(dictionary.keys(), &DataType::UInt32).ok()?;
    let codes = codes.as_primitive::<datatypes::UInt32Type>().values().to_vec();
    Some(Cells::Text(Texts::Dictionary(Box::new(Dictionary { codes, texts: texts.collect() }))))
}

/// The cells of dates and times.
fn temporal<'a>(array: &'a dyn Array) -> Option<Cells<'a>> {
    use crate::arrow::datatypes::{
        Time32MillisecondType, Time32SecondType, Time64MicrosecondType, Time64NanosecondType,
        TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType,
    };
    let moments = |unit: TimeUnit| -> &'a [i64] {
        match unit {
            TimeUnit::Second => array.as_primitive::<TimestampSecondType>().values(),
            TimeUnit::Millisecond => array.as_primitive::<TimestampMillisecondType>().values(),
            TimeUnit::Microsecond => array.as_primitive::<TimestampMicrosecondType>().values(),
            TimeUnit::Nanosecond => array.as_primitive::<TimestampNanosecondType>().values(),
        }
    };
    Some(match array.data_type() {
        DataType::Date32 => Cells::Date(array.as_primitive::<datatypes::Date32Type>().values()),
        DataType::Time32(unit) => {
            let counts: &[i32] = match unit {
                TimeUnit::Second => array.as_primitive::<Time32SecondType>().values(),
                _ => array.as_primitive::<Time32MillisecondType>().values(),
            };
            Cells::Time32(counts, *unit)
        }
        DataType::Time64(unit) => {
            let counts: &[i64] = match unit {
                TimeUnit::Microsecond => array.as_primitive::<Time64MicrosecondType>().values(),
                _ => array.as_primitive::<Time64NanosecondType>().values(),
            };
            Cells::Time64(counts, *unit)
        }
        DataType::Timestamp(unit, None) => Cells::DateTime(moments(*unit), *unit),
        DataType::Timestamp(unit, Some(_)) => Cells::Timestamp(moments(*unit), *unit),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::arrow::array::{Date64Array, Decimal128Array, DictionaryArray, Int64Array, Time32SecondArray};
    use crate::arrow::datatypes::Int8Type;
    use crate::batch::{OwnedValue, Row, TableBuilder, strategies};
    use crate::schema::{Field, Schema};

    #[test]
    fn text_reads_alike_in_every_layout() {
        let words = [Some("b"), None, Some("é")];
        let dictionary: DictionaryArray<Int8Type> = words.into_iter().collect();
        let arrays: [ArrayRef; 4] = [
            Arc::new(StringArray::from(words.to_vec())),
            Arc::new(LargeStringArray::from(words.to_vec())),
            Arc::new(StringViewArray::from(words.to_vec())),
            Arc::new(dictionary),
        ];
        for array in &arrays {
            let column = ColumnView::new("plan", array).unwrap();
            assert_eq!((0..3).map(|row| column.text(row)).collect::<Vec<_>>(), words);
            assert_eq!([0, 1].map(|row| column.value(row)), [Value::Text("b"), Value::Null]);
            assert_eq!((column.first_null(0, 3), column.first_null(2, 1)), (Some(1), None));
        }
    }

    #[test]
    fn layouts_without_a_value_of_their_own_are_made_plain() {
        let numbers =
            DictionaryArray::<Int8Type>::new(vec![1, 0].into(), Arc::new(Int64Array::from(vec![7, 8])));
        let numbers: ArrayRef = Arc::new(numbers);
        assert!(ColumnView::new("n", &numbers).is_err());
        let plain = ColumnView::plain("n", &numbers).unwrap();
        assert_eq!(ColumnView::new("n", &plain).unwrap().value(0), Value::Int(8));
        let dates: ArrayRef = Arc::new(Date64Array::from(vec![Some(MILLISECONDS_PER_DAY), None]));
        let plain = ColumnView::plain("d", &dates).unwrap();
        assert_eq!(ColumnView::new("d", &plain).unwrap().value(0), Value::Date(Date::from_days(1)));
        let odd: ArrayRef = Arc::new(Date64Array::from(vec![0, 1]));
        let error = ColumnView::plain("d", &odd).unwrap_err().to_string();
        assert!(error.starts_with("read column d: row 1: the date is no whole day"), "{error}");
    }

    #[test]
    fn what_cannot_be_read_is_refused_by_name() {
        let late = Time32SecondArray::from(vec![Some(0), None, Some(86_400)]);
        let error = ColumnView::new("at", &late).unwrap_err().to_string();
        assert_eq!(error, "read column at: row 2: the time is outside the day");
        let price = Decimal128Array::from(vec![1]);
        let error = ColumnView::new("price", &price).unwrap_err();
        assert!(
            matches!(error, Error::Unsupported(_)) && error.to_string().contains("cast it to float64"),
            "{error}"
        );
    }

    #[test]
    fn numbers_are_nan_where_there_is_none() {
        let mut numbers = [0.0; 3];
        ColumnView::new("n", &Int64Array::from(vec![Some(1), None, Some(3)]))
            .unwrap()
            .numbers(1, &mut numbers[..2]);
        assert!(numbers[0].is_nan() && numbers[1] == 3.0);
        ColumnView::new("s", &StringArray::from(vec!["1"; 3])).unwrap().numbers(0, &mut numbers);
        assert!(numbers.iter().all(|number| number.is_nan()));
    }

    fn column_of() -> impl Strategy<Value = (DType, Vec<OwnedValue>)> {
        strategies::dtype().prop_flat_map(|dtype| {
            let value = prop_oneof![4 => strategies::value_of(dtype), 1 => Just(OwnedValue::Null)];
            (Just(dtype), prop::collection::vec(value, 0..8))
        })
    }

    proptest! {
        #[test]
        fn values_survive_a_table((dtype, values) in column_of()) {
            let schema = Schema::new([Field::column("c", dtype).nullable()]).unwrap();
            let mut table = TableBuilder::new(&schema).unwrap();
            for value in &values {
                table.append(Row::new(&[value.as_value()], &schema).unwrap()).unwrap();
            }
            let table = table.finish().unwrap();
            prop_assert_eq!(Schema::from_arrow(table.schema_ref()).unwrap(), schema);
            let column = ColumnView::new("c", table.column(0)).unwrap();
            let mut floats = vec![0.0; values.len()];
            column.numbers(0, &mut floats);
            for ((row, value), float) in values.iter().enumerate().zip(floats) {
                prop_assert!(column.value(row).fits(dtype));
                // The sign of an integer is the type's, not the value's.
                match (column.value(row).integer(), value.as_value().integer()) {
                    (None, None) => prop_assert_eq!(column.value(row), value.as_value()),
                    (read, written) => prop_assert_eq!(read, written),
                }
                let expected = value.as_f64().unwrap_or(f64::NAN);
                prop_assert!(float == expected || float.is_nan() && expected.is_nan());
            }
        }
    }
}
