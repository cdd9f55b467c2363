//! Rows of every type come back as they were packed.

use mlcore::batch::{OwnedValue, Value};
use mlcore::schema::{DType, Dim, Field};
use mlcore::time::{Date, DateTime, Time, TimeUnit, TimeZone, Timestamp};
use mlcore_features::store::online::{Cell, Stamp, Table, TableId};
use proptest::prelude::*;

use super::{at, key};

/// A feature and a value of it; lists are lists of values.
#[derive(Clone, Debug)]
pub(super) struct Made {
    pub(super) field: Field,
    pub(super) value: MadeValue,
}

#[derive(Clone, Debug)]
pub(super) enum MadeValue {
    One(OwnedValue),
    List(Vec<OwnedValue>),
}

/// Any value of a type, but NaN, which equals nothing.
fn value_of(dtype: DType) -> BoxedStrategy<OwnedValue> {
    let any_float = || any::<f64>().prop_map(|float| if float.is_nan() { -0.0 } else { float });
    match dtype {
        DType::Bool => any::<bool>().prop_map(OwnedValue::Bool).boxed(),
        DType::Int8 => any::<i8>().prop_map(|value| OwnedValue::Int(value.into())).boxed(),
        DType::Int16 => any::<i16>().prop_map(|value| OwnedValue::Int(value.into())).boxed(),
        DType::Int32 => any::<i32>().prop_map(|value| OwnedValue::Int(value.into())).boxed(),
        DType::Int64 => any::<i64>().prop_map(OwnedValue::Int).boxed(),
        DType::UInt8 => any::<u8>().prop_map(|value| OwnedValue::UInt(value.into())).boxed(),
        DType::UInt16 => any::<u16>().prop_map(|value| OwnedValue::UInt(value.into())).boxed(),
        DType::UInt32 => any::<u32>().prop_map(|value| OwnedValue::UInt(value.into())).boxed(),
        DType::UInt64 => any::<u64>().prop_map(OwnedValue::UInt).boxed(),
        // Halves and quarters, which every float type holds.
        DType::Float16 => {
            (-2048..2048_i32).prop_map(|value| OwnedValue::Float(f64::from(value) / 4.0)).boxed()
        }
        DType::Float32 => any::<f32>()
            .prop_map(|value| OwnedValue::Float(if value.is_nan() { 0.5 } else { value.into() }))
            .boxed(),
        DType::Float64 => any_float().prop_map(OwnedValue::Float).boxed(),
        DType::String => any::<String>().prop_map(OwnedValue::Text).boxed(),
        DType::Date => any::<i32>().prop_map(|days| OwnedValue::Date(Date::from_days(days))).boxed(),
        DType::Time(unit) => {
            (0..86_400_i64).prop_map(move |count| OwnedValue::Time(Time::new(count, unit).unwrap())).boxed()
        }
        DType::Timestamp(unit, None) => {
            any::<i64>().prop_map(move |count| OwnedValue::DateTime(DateTime::new(count, unit))).boxed()
        }
        DType::Timestamp(unit, Some(_)) => {
            any::<i64>().prop_map(move |count| OwnedValue::Timestamp(Timestamp::new(count, unit))).boxed()
        }
        other => panic!("{other} is a new type: say what its values are"),
    }
}

fn dtype() -> impl Strategy<Value = DType> {
    let zone = DType::Timestamp(TimeUnit::Millisecond, TimeZone::new("Europe/Berlin").ok());
    prop::sample::select(DType::columns().chain([zone]).collect::<Vec<_>>())
}

fn made() -> impl Strategy<Value = Made> {
    let one = dtype().prop_flat_map(|dtype| {
        let null = Just(OwnedValue::Null);
        prop_oneof![1 => null, 4 => value_of(dtype)].prop_map(move |value| Made {
            field: Field::column("x", dtype).nullable(),
            value: MadeValue::One(value),
        })
    });
    let numeric: Vec<DType> = DType::ELEMENTS.into_iter().filter(|dtype| dtype.is_numeric()).collect();
    let list = (prop::sample::select(numeric), any::<bool>()).prop_flat_map(|(dtype, is_fixed)| {
        prop::collection::vec(value_of(dtype), 0..6).prop_map(move |list| {
            let length = if is_fixed { Dim::Fixed(list.len()) } else { Dim::Dynamic };
            Made { field: Field::tensor("x", dtype, [Dim::Dynamic, length]), value: MadeValue::List(list) }
        })
    });
    prop_oneof![3 => one, 1 => list]
}

/// A table of these features, each under a name of its own.
pub(super) fn table_of(made: &[Made]) -> Table {
    let fields = made.iter().enumerate().map(|(place, made)| {
        let field = Field::tensor(format!("feature_{place}"), made.field.dtype(), made.field.shape());
        if made.field.is_nullable() { field.nullable() } else { field }
    });
    Table::new(TableId::new("p", "v", 1).unwrap(), fields).unwrap()
}

/// The row of these values.
pub(super) fn pack(table: &Table, stamp: Stamp, made: &[Made]) -> Vec<u8> {
    let lists: Vec<Vec<Value<'_>>> = made
        .iter()
        .map(|made| match &made.value {
            MadeValue::One(_) => Vec::new(),
            MadeValue::List(list) => list.iter().map(OwnedValue::as_value).collect(),
        })
        .collect();
    let cells: Vec<Cell<'_>> = made
        .iter()
        .zip(&lists)
        .map(|(made, list)| match &made.value {
            MadeValue::One(value) => Cell::from(value.as_value()),
            MadeValue::List(_) => Cell::List(list.as_slice().into()),
        })
        .collect();
    table.pack(stamp, &cells).unwrap().as_bytes().to_vec()
}

pub(super) fn many() -> impl Strategy<Value = Vec<Made>> {
    prop::collection::vec(made(), 0..20)
}

/// What a value is, whatever the sign of its integer's type.
fn plain(value: Value<'_>) -> String {
    match value {
        Value::Int(value) => format!("integer {value}"),
        Value::UInt(value) => format!("integer {value}"),
        Value::Float(value) => format!("float {:x}", value.to_bits()),
        other => format!("{} {other}", other.kind()),
    }
}

proptest! {
    #[test]
    fn a_row_comes_back(made in many(), event: i64, created: i64) {
        let table = table_of(&made);
        let stamp = Stamp::new(at(event), at(created));
        let bytes = pack(&table, stamp, &made);
        let row = table.unpack(&key(1), &bytes).unwrap();
        prop_assert_eq!((row.stamp(), row.len()), (stamp, made.len()));
        for (place, made) in made.iter().enumerate() {
            match (row.cell(place).unwrap(), &made.value) {
                (Cell::Value(read), MadeValue::One(value)) => prop_assert_eq!(plain(read), plain(value.as_value())),
                (Cell::List(read), MadeValue::List(list)) => {
                    let due: Vec<String> = list.iter().map(|value| plain(value.as_value())).collect();
                    prop_assert_eq!(read.iter().map(plain).collect::<Vec<_>>(), due);
                }
                other => prop_assert!(false, "{:?}", other),
            }
        }
        prop_assert_eq!(row.cell(made.len()).unwrap_err().kind(), "invalid_input");
    }
}

#[test]
fn the_format_is_pinned() {
    let fields = [
        Field::column("trips", DType::Int16),
        Field::column("city", DType::String).nullable(),
        Field::tensor("embedding", DType::Float32, [Dim::Dynamic, Dim::Fixed(2)]),
        Field::column("rating", DType::Float64).nullable(),
    ];
    let table = Table::new(TableId::new("p", "v", 1).unwrap(), fields).unwrap();
    let cells = [Cell::from(258), Cell::from("Ulm"), Cell::from(&[0.5f32, -2.0][..]), Cell::NULL];
    let row = table.pack(Stamp::new(at(1), at(-1)), &cells).unwrap();
    let hex: Vec<String> = row.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    let (head, body) = hex.split_at(28);
    assert_eq!(head[..4].concat(), "01000000");
    assert_eq!(head[8..24].concat(), "80000000000000017fffffffffffffff");
    assert_eq!(body.concat(), "080201030000000b0000000000000000000000556c6d0000003f000000c0");
    // Another build must read it: the digests of the features and of the bytes.
    assert_eq!((head[4..8].concat(), head[24..28].concat()), ("7ad5baf3".to_owned(), "17e14d42".to_owned()));
}

#[test]
fn what_does_not_fit_is_refused_by_name() {
    let fields = [
        Field::column("small", DType::Int8),
        Field::column("text", DType::String).nullable(),
        Field::tensor("pair", DType::Float32, [Dim::Dynamic, Dim::Fixed(2)]),
    ];
    let table = Table::new(TableId::new("p", "v", 3).unwrap(), fields).unwrap();
    let (fine, pair) = (Cell::from(1), Cell::from(&[1.0, 2.0][..]));
    for (cells, expected) in [
        (vec![fine], "p/v@3: expected 3 features, got 1; pass a value"),
        (vec![Cell::from(300), Cell::NULL, pair], "p/v@3, small: expected small: int8 [?], got integer 300"),
        (vec![Cell::NULL, Cell::NULL, pair], "p/v@3, small: null, and the feature is not nullable"),
        (vec![Cell::from("1"), Cell::NULL, pair], r#"small: expected small: int8 [?], got text "1""#),
        (vec![fine, Cell::from(2), pair], "text: expected text: string? [?], got integer 2"),
        (
            vec![fine, Cell::NULL, Cell::from(&[1.0][..])],
            "pair: expected pair: float32 [?, 2], got a list of 1",
        ),
        (vec![fine, Cell::NULL, Cell::from(&[1.0, 1e300][..])], "got a list with float 1e300"),
        (vec![fine, Cell::NULL, Cell::from(1.0)], "pair: expected pair: float32 [?, 2], got float 1.0"),
        (vec![pair, Cell::NULL, pair], "small: expected small: int8 [?], got a list of 2"),
    ] {
        let error = table.pack(Stamp::new(at(0), at(0)), &cells).unwrap_err();
        assert!(error.kind() == "schema_mismatch" && error.to_string().contains(expected), "{error}");
    }
    for (field, expected) in [
        (Field::of_any_shape("x", DType::Int8), "a feature of any shape"),
        (
            Field::tensor("x", DType::String, [Dim::Dynamic, Dim::Dynamic]),
            "x: string [?, ?] cannot be stored",
        ),
        (Field::tensor("x", DType::Int8, [Dim::Fixed(2)]), "x: int8 [2] cannot be stored"),
    ] {
        let error = Table::new(TableId::new("p", "v", 1).unwrap(), [field]).unwrap_err();
        assert!(error.kind() == "unsupported" && error.to_string().contains(expected), "{error}");
    }
}
