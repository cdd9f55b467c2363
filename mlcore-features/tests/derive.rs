//! Rust structs as rows of a plan: all types, names, what does not fit, and the bits of the table's path.
#![expect(clippy::unwrap_used, reason = "a test reports by panicking, in its helpers too")]

use std::borrow::Cow;
use std::rc::Rc;
use std::sync::Arc;

use mlcore::arrow::array::{ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray};
use mlcore::batch::Value;
use mlcore::schema::{DType, Schema};
use mlcore::time::{Date, DateTime, Time, TimeUnit, TimeZone, Timestamp};
use mlcore_features::pipeline::{ColumnTransformer, Pipeline, Plan, Step};
use mlcore_features::transform::{
    HandleUnknown, MinMaxScaler, Normalizer, OneHotEncoder, OrdinalEncoder, SimpleImputer, StandardScaler,
};
use mlcore_features::typed::{
    BindOptions, Bound, FeatureCategory, FeatureValue, Features, UnreadFields, schema, to_table,
};

#[path = "../../benches/src/allocations.rs"]
mod allocations;

#[derive(FeatureCategory, Clone, Copy, Debug)]
#[features(rename_all = "snake_case")]
enum Tariff {
    Free,
    ProPlus,
    #[features(rename = "the rest")]
    Other,
}

#[derive(Features)]
struct Everything<'a> {
    flag: bool,
    i8: i8,
    i16: i16,
    i32: i32,
    i64: i64,
    isize: isize,
    u8: u8,
    u16: u16,
    u32: u32,
    u64: u64,
    usize: usize,
    f32: f32,
    f64: f64,
    string: String,
    slice: &'a str,
    cow: Cow<'a, str>,
    boxed: Box<str>,
    shared: Arc<str>,
    counted: Rc<str>,
    date: Date,
    time: Time,
    shown: DateTime,
    moment: Timestamp,
    tariff: Tariff,
    r#type: Option<f32>,
    note: Option<&'a str>,
    day: Option<Date>,
    kind: Option<Tariff>,
    borrowed: &'a Option<u8>,
}

fn everything<'a>(text: &'a str, byte: &'a Option<u8>) -> Everything<'a> {
    Everything {
        flag: true,
        i8: -8,
        i16: -16,
        i32: -32,
        i64: -64,
        isize: -1,
        u8: 8,
        u16: 16,
        u32: 32,
        u64: u64::MAX,
        usize: 1,
        f32: 0.5,
        f64: 0.1,
        string: text.to_owned(),
        slice: text,
        cow: text.into(),
        boxed: text.into(),
        shared: text.into(),
        counted: text.into(),
        date: Date::from_days(3),
        time: Time::MIDNIGHT,
        shown: DateTime::from_millis(7),
        moment: Timestamp::from_millis(9),
        tariff: Tariff::ProPlus,
        r#type: None,
        note: Some(text),
        day: None,
        kind: Some(Tariff::Other),
        borrowed: byte,
    }
}

/// A plan that hands on every column of a table.
fn identity(table: &RecordBatch) -> Plan {
    let names: Vec<&str> = table.schema_ref().fields().iter().map(|field| field.name().as_str()).collect();
    ColumnTransformer::new().with("same", Step::Passthrough, names).fit(table).unwrap()
}

#[test]
fn every_type_is_a_column_and_a_value() {
    let byte = Some(5);
    let row = everything("wörd", &byte);
    let columns = schema::<Everything<'_>>().unwrap();
    assert!(columns.names().any(|name| name == "type"), "a raw name stands without its mark");
    let dtypes: Vec<DType> = columns.fields().iter().map(|field| field.dtype()).collect();
    let (text, nanos) = (DType::String, TimeUnit::Nanosecond);
    assert_eq!(
        dtypes,
        [
            DType::Bool,
            DType::Int8,
            DType::Int16,
            DType::Int32,
            DType::Int64,
            DType::Int64,
            DType::UInt8,
            DType::UInt16,
            DType::UInt32,
            DType::UInt64,
            DType::UInt64,
            DType::Float32,
            DType::Float64,
            text,
            text,
            text,
            text,
            text,
            text,
            DType::Date,
            DType::Time(nanos),
            DType::Timestamp(nanos, None),
            DType::Timestamp(nanos, Some(TimeZone::UTC)),
            text,
            DType::Float32,
            text,
            DType::Date,
            text,
            DType::UInt8,
        ]
    );
    let nullable = columns.fields().iter().filter(|field| field.is_nullable()).map(|field| field.name());
    assert_eq!(nullable.collect::<Vec<_>>(), ["type", "note", "day", "kind", "borrowed"]);

    let bound = identity(&to_table([&row]).unwrap()).bind::<Everything<'_>>().unwrap();
    let seen = bound.with_row(&row, |row| format!("{:?}", row.values())).unwrap();
    let word = Value::Text("wörd");
    let expected = [
        Value::Bool(true),
        Value::Int(-8),
        Value::Int(-16),
        Value::Int(-32),
        Value::Int(-64),
        Value::Int(-1),
        Value::UInt(8),
        Value::UInt(16),
        Value::UInt(32),
        Value::UInt(u64::MAX),
        Value::UInt(1),
        Value::Float(0.5),
        Value::Float(0.1),
        word,
        word,
        word,
        word,
        word,
        word,
        Date::from_days(3).into(),
        Time::MIDNIGHT.into(),
        DateTime::from_millis(7).into(),
        Timestamp::from_millis(9).into(),
        Value::Text("pro_plus"),
        Value::Null,
        word,
        Value::Null,
        Value::Text("the rest"),
        Value::UInt(5),
    ];
    assert_eq!(seen, format!("{expected:?}"));
}

#[test]
fn a_category_knows_its_texts() {
    assert_eq!(Tariff::CATEGORIES, ["free", "pro_plus", "the rest"]);
    let tariffs = [Tariff::Free, Tariff::ProPlus, Tariff::Other];
    assert_eq!(tariffs.map(|tariff| tariff.category()), Tariff::CATEGORIES);
    assert_eq!(tariffs[0].value(), Value::Text("free"));
}

#[derive(Features)]
#[features(rename_all = "camelCase")]
struct Person<P> {
    home_town: &'static str,
    #[features(rename = "age in years")]
    age: P,
    #[features(skip)]
    _secret: Vec<u8>,
    #[features(flatten)]
    address: Address,
}

#[derive(Features)]
struct Address {
    post_code: u32,
    floor: Option<i8>,
}

#[test]
fn names_are_changed_skipped_and_flattened() {
    let columns = schema::<Person<Option<u8>>>().unwrap();
    assert_eq!(columns.names().collect::<Vec<_>>(), ["homeTown", "age in years", "post_code", "floor"]);
    let fields: Vec<_> = columns.fields().iter().map(|field| (field.dtype(), field.is_nullable())).collect();
    assert_eq!(
        fields,
        [(DType::String, false), (DType::UInt8, true), (DType::UInt32, false), (DType::Int8, true)]
    );
    let address = Address { post_code: 10_115, floor: Some(-1) };
    let person = Person { home_town: "Berlin", age: 41.5, _secret: vec![1], address };
    let table = to_table([&person]).unwrap();
    // The plan reads in an order of its own, and not everything.
    let plan = ColumnTransformer::new()
        .with("last", Step::Passthrough, ["floor", "age in years", "homeTown"])
        .fit(&table.project(&[3, 1, 0]).unwrap())
        .unwrap();
    let bound = plan.bind::<Person<f64>>().unwrap();
    let seen = bound.with_row(&person, |row| format!("{:?}", row.values())).unwrap();
    assert_eq!(seen, r#"[Int(-1), Float(41.5), Text("Berlin")]"#);
}

#[derive(Features, Clone, Debug)]
struct Customer {
    tariff: Tariff,
    visits: u16,
    city: Option<String>,
    age: Option<f64>,
    income: f32,
    comment: String,
}

fn customer(number: u32) -> Customer {
    Customer {
        tariff: [Tariff::Free, Tariff::ProPlus, Tariff::Other][number as usize % 3],
        visits: (number * 37 % 101) as u16,
        city: (!number.is_multiple_of(5)).then(|| format!("city {} with a long name", number % 4)),
        age: (!number.is_multiple_of(7)).then(|| 18.0 + f64::from(number) / 3.0),
        income: (number as f32).sqrt() * 1e3,
        comment: "never read".to_owned(),
    }
}

/// A plan whose columns stand in another order than the fields.
fn customers(rows: &[Customer]) -> Plan {
    let numbers = Pipeline::new()
        .then("impute", SimpleImputer::default().add_indicator(true))
        .then("scale", StandardScaler::default())
        .then("normalize", Normalizer::default());
    ColumnTransformer::new()
        .with("num", numbers, ["income", "age"])
        .with("city", OneHotEncoder::default().handle_unknown(HandleUnknown::Ignore), ["city"])
        .with("range", MinMaxScaler::default(), ["visits"])
        .with("tariff", OrdinalEncoder::default(), ["tariff"])
        .with("visits", OneHotEncoder::default().handle_unknown(HandleUnknown::Ignore), ["visits"])
        .fit(&to_table(rows).unwrap().project(&[4, 3, 2, 1, 0]).unwrap())
        .unwrap()
}

#[test]
fn rows_have_the_bits_of_the_table() {
    let rows: Vec<Customer> = (0..200).map(customer).collect();
    let plan = customers(&rows[..150]);
    assert_eq!(plan.input().names().collect::<Vec<_>>(), ["income", "age", "city", "visits", "tariff"]);
    let table = plan.transform_dense::<f64>(&to_table(&rows).unwrap()).unwrap();
    let expected: Vec<u64> = table.values::<f64>().unwrap().iter().map(|value| value.to_bits()).collect();

    let bound = plan.bind::<Customer>().unwrap();
    let mut executor = bound.executor();
    let (mut direct, mut features) = (vec![0.0; plan.width()], vec![0.0; plan.width()]);
    for (row, expected) in rows.iter().zip(expected.chunks(plan.width())) {
        let bits = |features: &[f64]| features.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
        bound.transform_into(row, &mut direct).unwrap();
        bound.run_into(row, &mut executor, &mut features).unwrap();
        assert_eq!(bits(&direct), expected, "{row:?}");
        assert_eq!(bits(&features), expected, "{row:?}");
        assert_eq!(bits(bound.run(row, &mut executor).unwrap()), expected, "{row:?}");
    }
}

#[test]
fn a_row_allocates_nothing() {
    let rows: Vec<Customer> = (0..60).map(customer).collect();
    let plan = customers(&rows);
    let bound = plan.bind::<Customer>().unwrap();
    let mut executor = bound.executor();
    let mut features = vec![0.0_f32; plan.width()];
    let before = allocations::of_this_thread();
    for row in rows.iter().cycle().take(1000) {
        bound.transform_into(row, &mut features).unwrap();
        bound.run_into(row, &mut executor, &mut features).unwrap();
        bound.run(row, &mut executor).unwrap();
    }
    assert_eq!(allocations::of_this_thread() - before, 0);
    assert!(bound.run_into(&rows[0], &mut executor, &mut features[1..]).is_err());
    let before = allocations::of_this_thread();
    bound.run_into(&rows[0], &mut executor, &mut features).unwrap();
    assert_eq!(allocations::of_this_thread() - before, 0, "an error before gave the memory back");
    drop(bound.executor());
    assert!(allocations::of_this_thread() > before, "the counter counts");
}

macro_rules! wide {
    ($($name:ident)+) => {
        #[derive(Features)]
        struct Wide { $($name: f64,)+ }
        const WIDE: Wide = Wide { $($name: 1.0,)+ };
    };
}
wide! {
    a0 a1 a2 a3 a4 a5 a6 a7 a8 a9 b0 b1 b2 b3 b4 b5 b6 b7 b8 b9 c0 c1 c2 c3 c4 c5 c6 c7 c8 c9 d0 d1 d2 d3 d4 d5 d6 d7
    d8 d9 e0 e1 e2 e3 e4 e5 e6 e7 e8 e9 f0 f1 f2 f3 f4 f5 f6 f7 f8 f9 g0 g1 g2 g3 g4 g5 g6 g7 g8 g9
}

#[test]
fn a_wide_row_allocates_nothing_with_an_executor() {
    let plan = identity(&to_table([&WIDE]).unwrap());
    let bound = plan.bind::<Wide>().unwrap();
    let (mut executor, mut features) = (bound.executor(), [0.0; 70]);
    let before = allocations::of_this_thread();
    bound.run_into(&WIDE, &mut executor, &mut features).unwrap();
    assert_eq!(allocations::of_this_thread() - before, 0);
    bound.transform_into(&WIDE, &mut features).unwrap();
    assert_eq!(features, [1.0; 70]);
}

#[derive(Features)]
struct Misfit {
    age: String,
    visits: Option<i32>,
    #[features(rename = "homeTown")]
    town: &'static str,
    moment: DateTime,
    extra: u8,
}

fn misfit_table() -> RecordBatch {
    let moments = mlcore::arrow::array::TimestampMicrosecondArray::from(vec![1]).with_timezone("UTC");
    RecordBatch::try_from_iter_with_nullable([
        ("income", Arc::new(Float64Array::from(vec![1.0])) as ArrayRef, false),
        ("home_town", Arc::new(StringArray::from(vec!["a"])) as _, false),
        ("visits", Arc::new(Int64Array::from(vec![1])) as _, false),
        ("age", Arc::new(Float64Array::from(vec![1.0])) as _, false),
        ("moment", Arc::new(moments) as _, false),
    ])
    .unwrap()
}

#[test]
fn one_error_names_everything_that_does_not_fit() {
    let plan = identity(&misfit_table());
    let error = plan.bind::<Misfit>().unwrap_err();
    assert!(matches!(error, mlcore::Error::SchemaMismatch(_)));
    assert_eq!(
        error.to_string(),
        "bind plan Misfit: income: the plan reads float64, and no field has this name; home_town: the plan reads \
         string, and no field has this name, but \"homeTown\" has; visits: the field may be null, and the plan takes \
         no null there; age: the plan reads float64, and the field is string; moment: the plan reads timestamp[us, \
         tz=UTC], and the field is timestamp[ns]; change the fields, or fit the plan on a table of this struct"
    );
    let strict = BindOptions::default().with_unread_fields(UnreadFields::Refused);
    let error = plan.bind_with::<Misfit>(strict).unwrap_err().to_string();
    for name in ["homeTown", "extra"] {
        assert!(error.contains(&format!("{name}: the plan reads no such column")), "{error}");
    }
}

#[derive(Features)]
struct Twice {
    floor: u8,
    #[features(flatten)]
    address: Address,
}

#[test]
fn a_flattened_name_that_is_there_already_is_refused() {
    let address = || Address { post_code: 1, floor: None };
    let plan = identity(&to_table([&address()]).unwrap());
    let error = plan.bind::<Twice>().unwrap_err().to_string();
    assert!(error.contains("floor: two fields have this name"), "{error}");
    assert!(schema::<Twice>().is_err());
    let row = Twice { floor: 1, address: address() };
    assert_eq!((row.floor, row.address.floor), (1, None));
}

#[test]
fn fields_of_other_numbers_are_taken_and_values_that_do_not_fit_are_refused() {
    #[derive(Features)]
    struct Numbers {
        flag: u8,
        count: f64,
        share: i64,
    }
    let table = RecordBatch::try_from_iter([
        ("share", Arc::new(Float64Array::from(vec![0.5, 0.25])) as ArrayRef),
        ("count", Arc::new(Int64Array::from(vec![1, 2])) as _),
        ("flag", Arc::new(BooleanArray::from(vec![true, false])) as _),
    ])
    .unwrap();
    let plan = ColumnTransformer::new()
        .with("scale", MinMaxScaler::default(), ["share"])
        .with("encode", OrdinalEncoder::default(), ["count", "flag"])
        .fit(&table)
        .unwrap();
    let bound =
        plan.bind_with::<Numbers>(BindOptions::default().with_unread_fields(UnreadFields::Refused)).unwrap();
    let mut features = [0.0; 3];
    bound.transform_into(&Numbers { flag: 1, count: 2.0, share: 0 }, &mut features).unwrap();
    assert_eq!(features, [-1.0, 1.0, 1.0]);
    let refused = |row: Numbers| bound.transform_into(&row, &mut [0.0; 3]).unwrap_err().to_string();
    for (row, column) in [
        (Numbers { flag: 2, count: 1.0, share: 0 }, "flag"),
        (Numbers { flag: 1, count: 1.5, share: 0 }, "count"),
        (Numbers { flag: 1, count: 1.0, share: (1 << 53) + 1 }, "share"),
    ] {
        let error = refused(row);
        assert!(error.starts_with(&format!("transform {column}: ")), "{error}");
    }
}

#[test]
fn a_bound_plan_outlives_the_rows_that_it_reads() {
    #[derive(Features)]
    struct Borrowing<'a> {
        word: &'a str,
    }
    struct Service {
        words: Bound<Borrowing<'static>>,
    }
    fn is_shared<T: Send + Sync>(_: &T) {}
    let table = to_table(&[Borrowing { word: "a" }, Borrowing { word: "b" }]).unwrap();
    let plan =
        ColumnTransformer::new().with("encode", OrdinalEncoder::default(), ["word"]).fit(&table).unwrap();
    let service = Service { words: plan.bind().unwrap() };
    is_shared(&service);
    let mut executor = service.words.executor();
    for word in ["b", "a"].map(str::to_owned) {
        let row = Borrowing { word: &word };
        let code = service.words.run(&row, &mut executor).unwrap()[0];
        assert_eq!(code, if word == "a" { 0.0 } else { 1.0 });
    }
    assert_eq!(service.words.clone().plan(), &plan);
    assert!(format!("{:?}", service.words).starts_with("Bound { row: \"Borrowing\""));
}

#[test]
fn an_executor_of_another_plan_is_refused() {
    let rows: Vec<Customer> = (0..30).map(customer).collect();
    let (bound, same) = (customers(&rows).bind::<Customer>().unwrap(), customers(&rows));
    let mut executor = same.bind::<Customer>().unwrap().executor();
    assert!(bound.run(&rows[0], &mut executor).is_ok(), "an equal plan is the same");
    let mut other = customers(&rows[..20]).bind::<Customer>().unwrap().executor();
    let error = bound.run(&rows[0], &mut other).unwrap_err().to_string();
    assert!(error.starts_with("transform executor: it was made for another plan"), "{error}");
}

#[test]
fn a_row_by_hand_that_miscounts_is_refused() {
    struct Short;
    impl Features for Short {
        fn fields(fields: &mut Vec<mlcore_features::typed::FeatureField>) {
            Address::fields(fields);
        }

        fn write<'v>(&'v self, values: &mut mlcore_features::typed::FeatureValues<'_, 'v>) {
            values.push(Value::UInt(1));
        }
    }
    let plan = identity(&to_table([&Address { post_code: 1, floor: None }]).unwrap());
    let error = plan.bind::<Short>().unwrap().transform_into(&Short, &mut [0.0; 2]).unwrap_err();
    assert!(matches!(error, mlcore::Error::Internal(_)) && error.to_string().contains("read row Short"));
    assert_eq!(schema::<Short>().unwrap(), Schema::clone(plan.input()));
}

mod host {
    pub(crate) use mlcore_features as features;
}

#[derive(host::features::typed::Features)]
#[features(crate = "host::features")]
struct Hosted {
    share: f32,
}

#[test]
fn a_struct_may_reach_the_library_through_another_crate() {
    assert_eq!(to_table(&[Hosted { share: 0.5 }]).unwrap().num_columns(), 1);
}
