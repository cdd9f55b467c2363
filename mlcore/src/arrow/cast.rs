use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Date64Type, Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type,
    Float16Type, Float64Type,
};
use arrow_array::{Array, ArrayRef, BooleanArray, UInt8Array, make_array, new_null_array};
use arrow_schema::{ArrowError, DataType};
use half::f16;
use num_traits::ToPrimitive;

use super::dictionary::{plain, utf8};
use crate::schema::numbers;

/// The column as an array of type `to`, where that loses nothing but the precision of a float.
///
/// | from | to |
/// |---|---|
/// | any type | itself |
/// | a dictionary | what its values are converted into; text becomes `Utf8` |
/// | `Null` | any type, as nulls |
/// | text in any layout | `Utf8` |
/// | integers | integers that hold each of the values |
/// | integers, floats | floats, to the nearest |
/// | bools | integers and floats, as 0 and 1 |
/// | integers, floats | bools: true but for zero |
/// | decimals | `Float64` |
/// | `Date64` | `Date32` |
/// | timestamps of a time zone | the same instants in another time zone |
///
/// ```
/// use mlcore::arrow::array::{AsArray, Int64Array};
/// use mlcore::arrow::compute::cast;
/// use mlcore::arrow::datatypes::{DataType, Int8Type};
///
/// let narrow = cast(&Int64Array::from(vec![Some(7), None]), &DataType::Int8)?;
/// assert_eq!(narrow.as_primitive::<Int8Type>().value(0), 7);
/// assert!(cast(&Int64Array::from(vec![300]), &DataType::Int8).is_err());
/// # Ok::<(), mlcore::arrow::error::ArrowError>(())
/// ```
///
/// # Errors
/// [`ArrowError::CastError`] for types that are not in the table, and for a value that the other type does not hold;
/// [`ArrowError::OffsetOverflowError`] for text beyond 2 GiB.
pub fn cast(array: &dyn Array, to: &DataType) -> Result<ArrayRef, ArrowError> {
    use DataType::{
        Boolean, Date32, Date64, Decimal32, Decimal64, Decimal128, Decimal256, Dictionary, Float64,
        LargeUtf8, Null, Timestamp, Utf8, Utf8View,
    };
    let from = array.data_type();
    match (from, to) {
        (from, to) if from == to => Ok(make_array(array.to_data())),
        (Null, _) => Ok(new_null_array(to, array.len())),
        (Dictionary(_, _), _) => cast(&plain(array.as_any_dictionary())?, to),
        (LargeUtf8, Utf8) => utf8(array.len(), || array.as_string::<i64>().iter()),
        (Utf8View, Utf8) => utf8(array.len(), || array.as_string_view().iter()),
        (Boolean, to) if to.is_integer() || to.is_floating() => {
            let flags = array.as_boolean().iter();
            let bits = flags.map(|flag| flag.map(u8::from)).collect::<UInt8Array>();
            cast(&bits, to)
        }
        (from, Boolean) if from.is_integer() || from.is_floating() => {
            let floats = cast(array, &Float64)?;
            Ok(Arc::new(BooleanArray::from_unary(floats.as_primitive::<Float64Type>(), |value| value != 0.0)))
        }
        (Decimal32(_, scale), Float64) => decimals::<Decimal32Type>(array, *scale),
        (Decimal64(_, scale), Float64) => decimals::<Decimal64Type>(array, *scale),
        (Decimal128(_, scale), Float64) => decimals::<Decimal128Type>(array, *scale),
        (Decimal256(_, scale), Float64) => decimals::<Decimal256Type>(array, *scale),
        (Date64, Date32) => days(array),
        (Timestamp(unit, Some(_)), Timestamp(other, Some(_))) if unit == other => {
            Ok(make_array(array.to_data().into_builder().data_type(to.clone()).build()?))
        }
        (from, to) if to.is_floating() || (from.is_integer() && to.is_integer()) => numbers(array, to),
        (from, to) => Err(unconverted(from, to)),
    }
}

pub(super) fn unconverted(from: &DataType, to: &DataType) -> ArrowError {
    ArrowError::CastError(format!("columns of type {from} are not converted into {to}"))
}

/// Defines [`with_number!`]; `$d` is a dollar sign.
macro_rules! define_with_number {
    ([$($variant:ident, $native:ident, $name:literal, $arrow:ident, $onnx:ident, $doc:literal;)+] $d:tt) => {
        /// Evaluates `$body` with `$type` standing for the type of an integer or float column, or else `$otherwise`.
        macro_rules! with_number {
            ($d data_type:expr, $d type:ident => $d body:expr, $d otherwise:expr) => {
                match $d data_type {
                    $(DataType::$variant => {
                        type $d type = arrow_array::types::$arrow;
                        $d body
                    })+
                    _ => $d otherwise,
                }
            };
        }
    };
}
numbers!(define_with_number! $);

fn numbers(array: &dyn Array, to: &DataType) -> Result<ArrayRef, ArrowError> {
    if *to == DataType::Float16 {
        // By way of single precision, as the generic conversion goes, it would be rounded twice.
        let floats = cast(array, &DataType::Float64)?;
        let halves = floats.as_primitive::<Float64Type>().unary::<_, Float16Type>(f16::from_f64);
        return Ok(Arc::new(halves));
    }
    with_number!(
        array.data_type(),
        From => with_number!(to, To => each_number::<From, To>(array), Err(unconverted(array.data_type(), to))),
        Err(unconverted(array.data_type(), to))
    )
}

fn each_number<S, T>(array: &dyn Array) -> Result<ArrayRef, ArrowError>
where
    S: ArrowPrimitiveType<Native: ToPrimitive>,
    T: ArrowPrimitiveType<Native: num_traits::NumCast>,
{
    let converted = array.as_primitive::<S>().try_unary::<_, T, _>(|value| {
        <T::Native as num_traits::NumCast>::from(value)
            .ok_or_else(|| ArrowError::CastError(format!("{value:?} does not fit {}", T::DATA_TYPE)))
    })?;
    Ok(Arc::new(converted))
}

fn decimals<D: ArrowPrimitiveType<Native: ToPrimitive>>(
    array: &dyn Array,
    scale: i8,
) -> Result<ArrayRef, ArrowError> {
    let divisor = 10_f64.powi(scale.into());
    let floats = array
        .as_primitive::<D>()
        .unary::<_, Float64Type>(|value| value.to_f64().map_or(f64::NAN, |value| value / divisor));
    Ok(Arc::new(floats))
}

fn days(array: &dyn Array) -> Result<ArrayRef, ArrowError> {
    const MILLISECONDS_PER_DAY: i64 = 86_400_000;
    let days = array.as_primitive::<Date64Type>().try_unary::<_, Date32Type, _>(|milliseconds| {
        i32::try_from(milliseconds.div_euclid(MILLISECONDS_PER_DAY))
            .map_err(|_| ArrowError::CastError(format!("{milliseconds} ms since 1970 does not fit Date32")))
    })?;
    Ok(Arc::new(days))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::types::{Int8Type, IntervalMonthDayNanoType};
    use arrow_array::{
        DictionaryArray, Int64Array, LargeStringArray, NullArray, PrimitiveArray, StringArray,
        StringViewArray, TimestampSecondArray,
    };
    use arrow_buffer::{IntervalMonthDayNano, i256};
    use arrow_schema::TimeUnit;
    use proptest::prelude::*;

    use super::*;

    const INTEGERS: [DataType; 8] = [
        DataType::Int8,
        DataType::Int16,
        DataType::Int32,
        DataType::Int64,
        DataType::UInt8,
        DataType::UInt16,
        DataType::UInt32,
        DataType::UInt64,
    ];
    const FLOATS: [DataType; 3] = [DataType::Float16, DataType::Float32, DataType::Float64];

    /// What Arrow's own casts make of it, with an error in the place of a lost value.
    fn theirs(array: &dyn Array, to: &DataType) -> Result<ArrayRef, ArrowError> {
        let strict = arrow_cast::CastOptions { safe: false, ..arrow_cast::CastOptions::default() };
        arrow_cast::cast_with_options(array, to, &strict)
    }

    #[track_caller]
    fn as_arrow_does(array: &dyn Array, to: &DataType) {
        match (cast(array, to), theirs(array, to)) {
            (Ok(ours), Ok(theirs)) => assert_eq!(&ours, &theirs, "{} to {to}", array.data_type()),
            (Err(_), Err(_)) => {}
            (ours, theirs) => panic!("{} to {to}: {ours:?}, and Arrow {theirs:?}", array.data_type()),
        }
    }

    /// The numbers that a type holds of these, every seventh of them missing.
    fn column(values: &[f64], data_type: &DataType) -> ArrayRef {
        let floats: PrimitiveArray<Float64Type> =
            values.iter().enumerate().map(|(row, value)| (row % 7 != 6).then_some(*value)).collect();
        arrow_cast::cast(&floats, data_type).unwrap()
    }

    proptest! {
        #[test]
        fn numbers_are_those_of_arrow(
            small in prop::collection::vec(-300_i32..300, 0..20),
            large in prop::collection::vec(any::<i64>(), 0..20),
            any in prop::collection::vec(any::<f64>(), 0..20),
        ) {
            let numbers: Vec<Vec<f64>> = vec![
                small.iter().map(|value| f64::from(*value)).collect(),
                large.iter().map(|value| *value as f64).collect(),
                any,
            ];
            for values in &numbers {
                for from in INTEGERS.iter().chain(&FLOATS) {
                    let array = column(values, from);
                    as_arrow_does(&array, &DataType::Boolean);
                    for to in [DataType::Float32, DataType::Float64].iter().chain(&INTEGERS) {
                        if from.is_integer() || to.is_floating() {
                            as_arrow_does(&array, to);
                        } else {
                            prop_assert!(cast(&array, to).is_err(), "{from} to {to} loses fractions");
                        }
                    }
                }
            }
            as_arrow_does(&Int64Array::from(large), &DataType::Float64);
        }

        #[test]
        fn halves_are_rounded_once(values in prop::collection::vec(any::<f64>(), 0..20)) {
            let array = PrimitiveArray::<Float64Type>::from(values.clone());
            let halves = cast(&array, &DataType::Float16).unwrap();
            for (half, value) in halves.as_primitive::<Float16Type>().values().iter().zip(values) {
                prop_assert_eq!(half.to_bits(), f16::from_f64(value).to_bits());
            }
        }

        #[test]
        fn decimals_are_the_floats_of_arrow(digits in any::<i128>(), scale in -5_i8..30) {
            let wide = PrimitiveArray::<Decimal128Type>::from(vec![Some(digits), None])
                .with_precision_and_scale(38, scale);
            as_arrow_does(&wide.unwrap(), &DataType::Float64);
            let wider = PrimitiveArray::<Decimal256Type>::from(vec![Some(i256::from_i128(digits)), None])
                .with_precision_and_scale(76, scale);
            as_arrow_does(&wider.unwrap(), &DataType::Float64);
        }
    }

    #[test]
    fn text_and_dictionaries_become_plain() {
        let words = [Some("b"), None, Some(""), Some("a long word, beyond twelve bytes"), Some("b")];
        let plain: ArrayRef = Arc::new(StringArray::from(words.to_vec()));
        let keys = PrimitiveArray::<Int8Type>::from(vec![Some(2), None, Some(0), Some(1), Some(2)]);
        let entries = StringViewArray::from(vec!["", "a long word, beyond twelve bytes", "b"]);
        let layouts: [ArrayRef; 4] = [
            plain.clone(),
            Arc::new(LargeStringArray::from(words.to_vec())),
            Arc::new(StringViewArray::from(words.to_vec())),
            Arc::new(DictionaryArray::new(keys.clone(), Arc::new(entries))),
        ];
        for layout in &layouts {
            assert_eq!(&cast(layout, &DataType::Utf8).unwrap(), &plain);
            assert_eq!(&cast(&layout.slice(2, 3), &DataType::Utf8).unwrap(), &plain.slice(2, 3));
        }
        let numbers = DictionaryArray::new(keys, Arc::new(Int64Array::from(vec![Some(5), Some(300), None])));
        assert!(cast(&numbers, &DataType::Int8).is_err());
        as_arrow_does(&numbers, &DataType::Float64);
        as_arrow_does(&NullArray::new(3), &DataType::Utf8);
    }

    #[test]
    fn dictionaries_of_any_values_become_plain() {
        let keys = PrimitiveArray::<Int8Type>::from(vec![Some(1), None, Some(0), Some(1)]);
        let zoned = TimestampSecondArray::from(vec![Some(1_700_000_000), None]).with_timezone("+02:00");
        let scaled = PrimitiveArray::<Decimal128Type>::from(vec![Some(12345), Some(5)])
            .with_precision_and_scale(10, 2)
            .unwrap();
        let wide = PrimitiveArray::<Decimal256Type>::from(vec![Some(i256::MAX), None]);
        let months = IntervalMonthDayNano::new(1, 2, 3);
        let values: [ArrayRef; 10] = [
            Arc::new(PrimitiveArray::<Int8Type>::from(vec![Some(-5), None])),
            Arc::new(PrimitiveArray::<Float16Type>::from(vec![Some(f16::PI), None])),
            Arc::new(PrimitiveArray::<Date32Type>::from(vec![Some(20_000), None])),
            Arc::new(PrimitiveArray::<IntervalMonthDayNanoType>::from(vec![Some(months), None])),
            Arc::new(wide),
            // Its first row is the second of what it is a part of.
            Arc::new(Int64Array::from(vec![Some(4), Some(5), None]).slice(1, 2)),
            Arc::new(BooleanArray::from(vec![Some(true), None])),
            Arc::new(zoned),
            Arc::new(scaled),
            Arc::new(NullArray::new(2)),
        ];
        for values in values {
            let plain = values.data_type().clone();
            let dictionary = DictionaryArray::new(keys.clone(), values);
            as_arrow_does(&dictionary, &plain);
            as_arrow_does(&dictionary.slice(1, 2), &plain);
        }
        let nothing = DictionaryArray::new(
            PrimitiveArray::<Int8Type>::from(vec![None, None]),
            Arc::new(Int64Array::from(Vec::<i64>::new())),
        );
        as_arrow_does(&nothing, &DataType::Int64);
        let lists = DataType::new_list(DataType::Int64, true);
        let odd = DictionaryArray::new(keys, new_null_array(&lists, 2));
        assert!(cast(&odd, &lists).is_err());
    }

    #[test]
    fn bools_days_and_zones_are_those_of_arrow() {
        let flags = BooleanArray::from(vec![Some(true), None, Some(false)]);
        for to in INTEGERS.iter().chain(&FLOATS) {
            as_arrow_does(&flags, to);
        }
        let days =
            PrimitiveArray::<Date64Type>::from(vec![Some(86_400_000 * 20_000), None, Some(-86_400_000)]);
        as_arrow_does(&days, &DataType::Date32);
        assert!(cast(&PrimitiveArray::<Date64Type>::from(vec![i64::MAX]), &DataType::Date32).is_err());
        let instants = TimestampSecondArray::from(vec![Some(1_700_000_000), None]).with_timezone("UTC");
        as_arrow_does(&instants, &DataType::Timestamp(TimeUnit::Second, Some("+02:00".into())));
    }

    #[test]
    fn what_would_be_lost_or_read_is_refused() {
        let words = StringArray::from(vec!["1"]);
        let error = cast(&words, &DataType::Float64).unwrap_err().to_string();
        assert_eq!(error, "Cast error: columns of type Utf8 are not converted into Float64");
        let error = cast(&Int64Array::from(vec![-1]), &DataType::UInt64).unwrap_err().to_string();
        assert_eq!(error, "Cast error: -1 does not fit UInt64");
        let local = TimestampSecondArray::from(vec![0]);
        assert!(cast(&local, &DataType::Timestamp(TimeUnit::Second, Some("UTC".into()))).is_err());
    }
}
