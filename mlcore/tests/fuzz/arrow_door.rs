//! Bytes as a column of another library: types, lengths, offsets, validity and values as they come. What the check at the
//! door lets through is read whole by everything behind it; what it refuses is refused by the column's name.

use std::sync::Arc;

use mlcore::Error;
use mlcore::arrow::array::{Array, ArrayData, ArrayRef, RecordBatch};
use mlcore::arrow::buffer::{BooleanBuffer, Buffer, NullBuffer};
use mlcore::arrow::compute::cast;
use mlcore::arrow::datatypes::{DataType, Field, Fields, IntervalUnit, Schema as ArrowSchema, TimeUnit};
use mlcore::arrow::{imported, struct_columns};
use mlcore::batch::{Batch, ColumnView, Value};
use mlcore::schema::Schema;

use crate::told::told;

/// Hands a column in; says whether it was let through.
pub(crate) fn check(bytes: &[u8]) -> bool {
    let Some(data) = column(&mut Input(bytes), 0) else { return false };
    if let DataType::Struct(_) = data.data_type() {
        // As a table: its columns are looked at one by one.
        let columns = struct_columns("read table", "word", &data).into_iter().flatten();
        for array in columns.flat_map(|column| imported("read table", "word", column, 0)) {
            assert_eq!(array.len(), data.len());
            if array.len() <= MOST_ROWS {
                read(&array);
            }
        }
    }
    let array = match imported("read table", "word", data, 0) {
        Ok(array) => array,
        Err(error) => {
            assert!(told(&error).starts_with("read table word: "), "{error}");
            assert!(matches!(error, Error::InvalidInput(_) | Error::Unsupported(_)), "{error:?}");
            return false;
        }
    };
    if array.len() > MOST_ROWS {
        // Of a type whose rows take no memory. Reading them all takes its time.
        return true;
    }
    read(&array);
    if array.len() > 1 {
        read(&array.slice(1, array.len() - 1));
    }
    true
}

const MOST_ROWS: usize = 1 << 12;

/// Everything that takes a column takes this one, or says why not.
fn read(array: &ArrayRef) {
    match ColumnView::plain("word", array) {
        Ok(plain) => view(&plain),
        Err(error) => drop(told(&error)),
    }
    for to in [
        DataType::Utf8,
        DataType::Float64,
        DataType::Float32,
        DataType::Int8,
        DataType::UInt64,
        DataType::Boolean,
    ] {
        if let Ok(other) = cast(array, &to) {
            assert_eq!((other.data_type(), other.len()), (&to, array.len()));
            other.to_data().validate_full().expect("a cast column is sound");
        }
    }
    let field = Field::new("word", array.data_type().clone(), true);
    let table = RecordBatch::try_new(Arc::new(ArrowSchema::new(vec![field])), vec![array.clone()]);
    let table = table.expect("a column that is let through is a table");
    if let Err(error) = Schema::from_arrow(table.schema_ref()) {
        told(&error);
    }
    match Batch::from_record_batch(&table) {
        Ok(batch) => {
            let again = batch.to_record_batch().expect("a column of a table is one again");
            let again = Batch::from_record_batch(&again).expect("and a tensor again");
            // By what is printed, because NaN equals nothing.
            assert_eq!(format!("{again:?}"), format!("{batch:?}"));
        }
        Err(error) => drop(told(&error)),
    }
}

/// Reads every cell by every way there is, and they agree.
fn view(array: &ArrayRef) {
    let column = match ColumnView::new("word", array) {
        Ok(column) => column,
        Err(error) => return drop(told(&error)),
    };
    let rows = array.len();
    let mut numbers = vec![0.0; rows];
    column.numbers(0, &mut numbers);
    let nulls = array.logical_nulls();
    for (row, number) in numbers.iter().enumerate() {
        let value = column.value(row);
        assert_eq!(column.is_null(row), nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)));
        assert!(!column.is_null(row) || value == Value::Null);
        if let Some(text) = column.text(row) {
            assert!(std::str::from_utf8(text.as_bytes()).is_ok(), "row {row} holds text that is not UTF-8");
            assert_eq!(value, Value::Text(text));
        }
        let expected = value.as_f64().unwrap_or(f64::NAN);
        assert!(number.to_bits() == expected.to_bits() || number.is_nan() && expected.is_nan());
    }
    assert_eq!(column.first_null(0, rows), (0..rows).find(|row| column.is_null(*row)));
    assert!(column.doubles().is_none_or(|doubles| doubles.len() == rows));
}

/// The bytes that are left; zeros where there are none.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn take(&mut self, length: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(length.min(self.0.len()));
        self.0 = rest;
        taken
    }

    fn byte(&mut self) -> u8 {
        self.take(1).first().copied().unwrap_or_default()
    }

    /// Mostly small; behind 255 stands any number.
    fn number(&mut self) -> usize {
        match self.byte() {
            255 => self.take(8).iter().fold(0, |number, byte| number << 8 | usize::from(*byte)),
            small => small.into(),
        }
    }

    /// A buffer, at an address that its type may not like.
    fn buffer(&mut self) -> Buffer {
        let length = self.byte();
        let bytes = self.take(usize::from(length & 0x7f));
        match length & 0x80 {
            0 => Buffer::from(bytes),
            _ => Buffer::from([&[0], bytes].concat()).slice(1),
        }
    }
}

/// A column: its type, length and offset, its nulls, its buffers, and the columns inside.
fn column(input: &mut Input<'_>, depth: usize) -> Option<ArrayData> {
    const DEEPEST: usize = 4;
    let kind = input.byte();
    let (length, offset) = (input.number(), input.number());
    let flags = input.byte();
    let nulls = match flags & 1 {
        0 => None,
        _ => nulls(input, length, flags),
    };
    let buffers: Vec<Buffer> = (0..(flags >> 4) & 7).map(|_| input.buffer()).collect();
    let mut children = Vec::new();
    if depth < DEEPEST {
        for _ in 0..(flags >> 2) & 3 {
            children.push(column(input, depth + 1)?);
        }
    }
    let data_type = data_type(kind, input, &children)?;
    let data = ArrayData::builder(data_type).len(length).offset(offset).nulls(nulls);
    let data = data.buffers(buffers).child_data(children);
    // SAFETY: nothing reads it before `imported` has looked at it.
    #[expect(unsafe_code, reason = "data as a foreign library hands it over")]
    Some(unsafe { data.build_unchecked() })
}

/// Which rows are null, and how many of them it says there are. Whoever imports data knows how many bits there must be.
fn nulls(input: &mut Input<'_>, length: usize, flags: u8) -> Option<NullBuffer> {
    if length > MOST_ROWS {
        return None;
    }
    let mut bits = input.take(length.div_ceil(8)).to_vec();
    bits.resize(length.div_ceil(8), 0);
    let bits = BooleanBuffer::new(Buffer::from(bits), 0, length);
    if flags & 2 == 0 {
        return Some(NullBuffer::new(bits));
    }
    // SAFETY: nothing reads it before `imported` has looked at it.
    #[expect(unsafe_code, reason = "data as a foreign library hands it over")]
    Some(unsafe { NullBuffer::new_unchecked(bits, usize::from(input.byte())) })
}

fn data_type(kind: u8, input: &mut Input<'_>, children: &[ArrayData]) -> Option<DataType> {
    let inside = |place: usize| children.get(place).map_or(DataType::Null, |child| child.data_type().clone());
    let item = |place: usize| Arc::new(Field::new("item", inside(place), true));
    Some(match kind {
        0..=28 => plain_types().into_iter().nth(kind.into())?,
        29 => DataType::Dictionary(
            Box::new(plain_types().into_iter().nth(usize::from(input.byte()) % 13)?),
            Box::new(inside(0)),
        ),
        30 => DataType::List(item(0)),
        31 => DataType::LargeList(item(0)),
        32 => DataType::FixedSizeList(item(0), i32::from(input.byte().cast_signed())),
        33 => {
            let fields =
                (0..children.len()).map(|place| Field::new(format!("f{place}"), inside(place), true));
            DataType::Struct(fields.collect::<Fields>())
        }
        34 => DataType::ListView(item(0)),
        35 => DataType::FixedSizeBinary(i32::from(input.byte().cast_signed())),
        36 => DataType::RunEndEncoded(Arc::new(Field::new("run_ends", inside(0), false)), item(1)),
        37 => DataType::Timestamp(TimeUnit::Millisecond, Some(String::from_utf8_lossy(input.take(8)).into())),
        38 => DataType::Decimal128(input.byte(), input.byte().cast_signed()),
        _ => return None,
    })
}

/// The types without a part.
fn plain_types() -> [DataType; 29] {
    use DataType::{
        Binary, BinaryView, Boolean, Date32, Date64, Float16, Float32, Float64, Int8, Int16, Int32, Int64,
        Interval, LargeBinary, LargeUtf8, Null, Time32, Time64, Timestamp, UInt8, UInt16, UInt32, UInt64,
        Utf8, Utf8View,
    };
    [
        Int8,
        Int16,
        Int32,
        Int64,
        UInt8,
        UInt16,
        UInt32,
        UInt64,
        Float16,
        Float32,
        Float64,
        Boolean,
        Null,
        Utf8,
        LargeUtf8,
        Utf8View,
        Binary,
        LargeBinary,
        BinaryView,
        Date32,
        Date64,
        Time32(TimeUnit::Second),
        Time32(TimeUnit::Millisecond),
        Time64(TimeUnit::Microsecond),
        Time64(TimeUnit::Nanosecond),
        Timestamp(TimeUnit::Second, None),
        Timestamp(TimeUnit::Nanosecond, None),
        Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        Interval(IntervalUnit::DayTime),
    ]
}
