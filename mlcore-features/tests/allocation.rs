//! A row through a plan allocates nothing once its executor is there: counted, not claimed.

use std::sync::Arc;

use mlcore::arrow::array::{Float64Array, Int64Array, RecordBatch, StringArray, TimestampSecondArray};
use mlcore::batch::{Row, Value};
use mlcore::time::Timestamp;
use mlcore_features::pipeline::{ColumnTransformer, Pipeline};
use mlcore_features::transform::custom::{CustomTransformer, RowFunction};
use mlcore_features::transform::{
    Analyzer, DatetimeFeatures, Encode, FeatureHasher, HandleUnknown, HashedCrossing, HashingVectorizer,
    IterativeImputer, KBinsDiscretizer, KNNImputer, MinMaxScaler, MissingValues, Normalizer, OneHotEncoder,
    OrdinalEncoder, PCA, PolynomialFeatures, PowerTransformer, QuantileTransformer, RareLabelEncoder,
    SimpleImputer, SplineTransformer, StandardScaler, Strategy, TfidfVectorizer,
};

#[path = "../../benches/src/allocations.rs"]
mod allocations;

/// The allocations of `run`.
fn allocations(run: impl FnOnce()) -> u64 {
    let before = allocations::of_this_thread();
    run();
    allocations::of_this_thread() - before
}

#[test]
fn a_row_allocates_nothing() {
    let seen = TimestampSecondArray::from(vec![Some(0), None, Some(1_709_248_500), Some(1 << 33)]);
    let table = RecordBatch::try_from_iter_with_nullable([
        ("age", Arc::new(Float64Array::from(vec![Some(20.0), None, Some(60.0), Some(30.0)])) as _, true),
        ("visits", Arc::new(Int64Array::from(vec![1, 2, 3, 9])) as _, true),
        (
            "plan",
            Arc::new(StringArray::from(vec![
                Some("free"),
                Some("pro"),
                None,
                Some("a longer name than fits"),
            ])) as _,
            true,
        ),
        ("seen", Arc::new(seen.with_timezone("Europe/Berlin")) as _, true),
    ])
    .unwrap();
    let number = Pipeline::new()
        .then("impute", SimpleImputer::default().strategy(Strategy::Median).add_indicator(true))
        .then("scale", StandardScaler::default())
        .then("normalize", Normalizer::default());
    let joint = Pipeline::new()
        .then("impute", KNNImputer::default().n_neighbors(2).add_indicator(true))
        .then("iterate", IterativeImputer::default())
        .then("multiply", PolynomialFeatures::default())
        .then("decompose", PCA::default().n_components(2));
    let text = Pipeline::new()
        .then("impute", SimpleImputer::default().strategy(Strategy::MostFrequent))
        .then("encode", OneHotEncoder::default().handle_unknown(HandleUnknown::Ignore))
        .then("range", MinMaxScaler::default());
    let imputed = SimpleImputer::default().strategy(Strategy::MostFrequent);
    let hashed = HashingVectorizer::default().n_features(16).ngram_range(1, 3);
    let weighed = TfidfVectorizer::default().analyzer(Analyzer::CharWb).ngram_range(2, 4);
    let labels = Pipeline::new()
        .then("rare", RareLabelEncoder::default().n_categories(1).missing_values(MissingValues::Ignore))
        .then("encode", OneHotEncoder::default().handle_unknown(HandleUnknown::Ignore));
    let without_texts = ColumnTransformer::new()
        .with("num", number.clone(), ["age", "visits"])
        .with("text", text.clone(), ["plan"])
        .fit(&table)
        .unwrap();
    let own = RowFunction::new("own", 1, ["sum", "length"], |row, features| {
        let length = row.text(0).map_or(f64::NAN, |text| text.len() as f64);
        features.copy_from_slice(&[row.number(0) + row.number(1), length]);
        Ok(())
    });
    let parts = DatetimeFeatures::default().missing_values(MissingValues::Ignore);
    let plan = ColumnTransformer::new()
        .with("num", number, ["age", "visits"])
        .with("joint", joint, ["age", "visits"])
        .with("bins", KBinsDiscretizer::default().n_bins(3).encode(Encode::OnehotDense), ["visits"])
        .with("text", text, ["plan"])
        .with("power", PowerTransformer::default(), ["age", "visits"])
        .with("share", QuantileTransformer::default().n_quantiles(3), ["age"])
        .with("curve", SplineTransformer::default(), ["visits"])
        .with("cat", OneHotEncoder::default(), ["visits"])
        .with("hashed", Pipeline::new().then("impute", imputed.clone()).then("hash", hashed), ["plan"])
        .with("weighed", Pipeline::new().then("impute", imputed).then("weigh", weighed), ["plan"])
        .with("added", FeatureHasher::default().n_features(8), ["plan", "visits"])
        .with("ord", OrdinalEncoder::default().unknown_value(-1.0), ["plan"])
        .with("labels", labels, ["plan"])
        .with("crossed", HashedCrossing::default().num_bins(8), ["plan", "visits"])
        .with("parts", parts, ["seen"])
        .with("own", CustomTransformer::new(own), ["age", "plan", "visits"])
        .fit(&table)
        .unwrap();
    let mut executor = plan.row_executor();
    let mut sparse = plan.sparse_row_executor::<f32>();
    let mut features = vec![0.0_f32; plan.width()];
    let rows = [
        [Value::Float(20.0), Value::Int(1), Value::Text("free"), Value::Null],
        [Value::Null, Value::Int(9), Value::Null, Value::Timestamp(Timestamp::from_millis(-1000))],
        [
            Value::Float(f64::NAN),
            Value::Int(2),
            Value::Text("never seen, and longer than sixteen bytes"),
            Value::Null,
        ],
        [
            Value::Float(-1e3),
            Value::Int(3),
            Value::Text("a longer name than fits"),
            Value::Timestamp(Timestamp::from_micros(1_000_000 << 30)),
        ],
    ];
    for values in &rows {
        // Its lists grow to the most entries that a row has.
        sparse.run(Row::new(values, plan.input()).unwrap()).unwrap();
    }
    let mut sum = 0.0;
    let counted = allocations(|| {
        for values in rows.iter().cycle().take(1000) {
            let row = Row::new(values, plan.input()).unwrap();
            sum += executor.run(row).unwrap()[0];
            executor.run_into(row, &mut features).unwrap();
            sum += f64::from(sparse.run(row).unwrap().data()[0]);
            let row = Row::new(&values[..3], without_texts.input()).unwrap();
            without_texts.transform_row(row, &mut features[..without_texts.width()]).unwrap();
            sum += f64::from(features[0]);
        }
    });
    assert!(sum.is_finite());
    assert_eq!(counted, 0);
    assert!(allocations(|| drop(plan.row_executor())) > 0, "the counter counts");
}

#[cfg(feature = "validate")]
#[test]
fn a_row_that_passes_a_suite_allocates_nothing() {
    use mlcore::schema::{DType, Field, Schema};
    use mlcore_features::validate::{Bounds, Check, Condition, Expectation, Operator, Suite};

    let schema = Schema::new([
        Field::column("age", DType::Float64).nullable(),
        Field::column("visits", DType::Int64),
        Field::column("plan", DType::String),
    ])
    .unwrap();
    let (age, visits, plan) = (|| "age".to_owned(), || "visits".to_owned(), || "plan".to_owned());
    let between = Check::ColumnValuesToBeBetween { column: age(), bounds: (0..=120).into() };
    let suite = Suite::new("people")
        .with(Check::ColumnValuesToNotBeNull { column: age() })
        .with(Expectation::new(between).with_condition(Condition::new("visits", Operator::Greater, [0])))
        .with(Check::ColumnValuesToBeInSet { column: plan(), value_set: vec!["free".into(), "pro".into()] })
        .with(Check::ColumnValuesToMatchRegex { column: plan(), regex: "^[a-z]+$".into() })
        .with(Check::ColumnValueLengthsToBeBetween { column: plan(), bounds: Bounds::at_most(9) })
        .with(Check::ColumnPairValuesAToBeGreaterThanB {
            column_a: age(),
            column_b: visits(),
            or_equal: true,
            ignore_row_if: Default::default(),
        })
        .with(Check::ColumnValuesToBeUnique { column: visits() })
        .compile(&schema)
        .unwrap();
    let values = [Value::Float(41.0), Value::Int(3), Value::Text("free")];
    let row = Row::new(&values, &schema).unwrap();
    assert!(suite.check_row(row).unwrap().passes());
    let counted = allocations(|| assert!((0..100).all(|_| suite.check_row(row).unwrap().passes())));
    assert_eq!(counted, 0);
}

#[test]
fn a_read_of_the_online_store_allocates_nothing() {
    use mlcore::schema::{DType, Field};
    use mlcore_features::store::key::EntityKey;
    use mlcore_features::store::online::{
        Answer, Cell, Entry, MemoryStore, OnlineStore, PreparedQuery, Stamp, Table, TableId, WriteBatch,
    };

    let features = [Field::column("trips", DType::Int64), Field::column("city", DType::String).nullable()];
    let table = Table::new(TableId::new("taxi", "drivers", 1).unwrap(), features).unwrap();
    let (store, now) = (MemoryStore::new(), Timestamp::from_millis(0));
    for driver in 0..20_i64 {
        let row = table.pack(Stamp::new(now, now), &[Cell::from(driver), Cell::from("Ulm")]).unwrap();
        let entry = Entry::new(EntityKey::one("driver_id", driver).unwrap(), row);
        store.write(&table, &WriteBatch::rows(&[entry])).unwrap();
    }
    let query = PreparedQuery::new(Arc::new(store), [(&table, "trips"), (&table, "city")]).unwrap();
    let mut answer = Answer::default();
    let mut read = |driver: i64| {
        let keys = [
            EntityKey::one("driver_id", driver).unwrap(),
            EntityKey::one("driver_id", "a short text").unwrap(),
            EntityKey::new([("driver_id", Value::Int(driver)), ("city", Value::Text("Ulm"))]).unwrap(),
        ];
        query.read(&keys, now, &mut answer).unwrap();
        assert_eq!(answer.cell(0, 0), Cell::from(driver));
        assert_eq!(answer.cell(0, 1), Cell::from("Ulm"));
    };
    read(0);
    assert_eq!(allocations(|| (1..20).for_each(&mut read)), 0);
}
