//! Raw records through the feature plan, row by row and as tables, and into the monitor.

use std::sync::Arc;

use mlcore::arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use mlcore::artifact::{ArtifactStore, ArtifactStoreExt};
use mlcore::batch::{Batch, Row, Tensor, Value};
use mlcore::name::Version;
use mlcore::registry::{Lineage, ModelVersion, NewVersion, RegistryExt};
use mlcore::rollout::{Fixed, Shadowed};
use mlcore::runner::{FunctionRunner, Runner};
use mlcore::schema::{DType, Dim, Field, Schema, Signature};
use mlcore::{Error, Result};
use mlcore_drift::monitor::{Monitor, MonitorOptions};
use mlcore_features::pipeline::{ColumnTransformer, Pipeline, Plan, Remainder, Step};
use mlcore_features::transform::{HandleUnknown, OneHotEncoder, SimpleImputer, StandardScaler};
use mlcore_serve::Endpoint;
use mlcore_serve::endpoint::{EndpointBuilder, Prediction, Records, Request, check_plan};

use crate::support::{Place, alias, arm, change, model, unit};

const PLANS: [&str; 3] = ["free", "pro", "team"];

/// `rows` records: an age that depends on the row, shifted, and a plan.
pub(crate) fn table(rows: usize, shift: f64) -> RecordBatch {
    let ages = (0..rows).map(|row| 40.0 + shift + ((row * 7_919) % 1_000) as f64 / 50.0);
    let plans = (0..rows).map(|row| PLANS[row % 3]);
    RecordBatch::try_from_iter([
        ("age", Arc::new(Float64Array::from_iter_values(ages)) as ArrayRef),
        ("plan", Arc::new(StringArray::from_iter_values(plans))),
    ])
    .unwrap()
}

/// A model that answers the sum of its features, so that a feature in the wrong place is noticed.
fn sum(inputs: Schema) -> Arc<dyn Runner> {
    let signature =
        Signature::new(inputs, Schema::new([Field::tensor("y", DType::Float64, [Dim::Dynamic])]).unwrap());
    Arc::new(FunctionRunner::new(signature, |inputs: &Batch| {
        let mut sums = vec![0.0; inputs.rows().unwrap_or(0)];
        for (place, (_, tensor)) in inputs.iter().enumerate() {
            if tensor.dtype() == DType::String {
                tensor.texts()?.zip(&mut sums).for_each(|(text, sum)| *sum += text.len() as f64);
                continue;
            }
            let width = tensor.row_len().max(1);
            for (row, values) in tensor.to_f64()?.chunks(width).enumerate() {
                sums[row] +=
                    values.iter().enumerate().map(|(column, v)| v * (1 + column + place) as f64).sum::<f64>();
            }
        }
        Ok(Batch::single("y", Tensor::column(sums)))
    }))
}

/// Registers a version that reads `plan`, and sums what it makes.
pub(crate) fn register(place: &Place, plan: &Plan, inputs: Schema) -> Version {
    let artifact = place.artifacts.put_bytes(b"sum").unwrap();
    let stored = place.artifacts.put_bytes(&plan.to_bytes().unwrap()).unwrap();
    let lineage = Lineage::default().with_plan(plan.digest().parse().unwrap(), stored);
    let new = NewVersion::new(model(), artifact, sum(inputs).signature().clone()).with_lineage(lineage);
    place.registry.create_version(new, &change("new")).unwrap().version
}

pub(crate) fn endpoint(plan: &Plan, inputs: Schema) -> (Place, EndpointBuilder) {
    let place = Place::new();
    place.point("champion", register(&place, plan, inputs));
    let builder = place.endpoint().with_loader(load_sum);
    (place, builder)
}

/// Loads a version that sums its features.
#[expect(clippy::unnecessary_wraps, reason = "a loader may fail")]
pub(crate) fn load_sum(version: &ModelVersion, _: &dyn ArtifactStore) -> Result<Arc<dyn Runner>> {
    Ok(sum(version.signature.inputs.clone()))
}

/// The one dense input of a model of so many features.
pub(crate) fn dense(width: usize) -> Schema {
    Schema::new([Field::tensor("input", DType::Float32, [Dim::Dynamic, Dim::Fixed(width)])]).unwrap()
}

pub(crate) fn encoded() -> Plan {
    ColumnTransformer::new()
        .with("scale", StandardScaler::default(), ["age"])
        .with("encode", OneHotEncoder::default().handle_unknown(HandleUnknown::Ignore), ["plan"])
        .fit(&table(300, 0.0))
        .unwrap()
}

pub(crate) fn by_row(endpoint: &Endpoint, table: &RecordBatch, plan: &Plan) -> Result<Vec<f64>> {
    (0..table.num_rows())
        .map(|row| {
            plan.with_row_of(table, row, |values| {
                let answer = endpoint.predict(Request::row(&unit(row), Row::new(values, plan.input())?))?;
                Ok(answer.outputs.tensor("y")?.values::<f64>()?[0])
            })?
        })
        .collect()
}

pub(crate) fn as_table(endpoint: &Endpoint, table: &RecordBatch) -> Result<Vec<f64>> {
    let answer = endpoint.predict(Request::table(&unit(0), &Arc::new(table.clone())))?;
    Ok(answer.outputs.tensor("y")?.values::<f64>()?.to_vec())
}

#[test]
fn a_dense_model_gets_the_same_bits_from_a_row_and_a_table() {
    for dtype in [DType::Float32, DType::Float64] {
        let plan = encoded();
        let inputs = Schema::new([Field::tensor("input", dtype, [Dim::Dynamic, Dim::Fixed(4)])]).unwrap();
        let (_place, builder) = endpoint(&plan, inputs);
        let endpoint = builder.build().unwrap();
        let table = table(50, 0.0);
        let answers = as_table(&endpoint, &table).unwrap();
        assert_eq!(by_row(&endpoint, &table, &plan).unwrap(), answers);
        assert!(answers.iter().any(|answer| *answer != answers[0]));
    }
}

#[test]
fn a_model_of_one_input_per_column_is_fed_by_name() {
    let plan = ColumnTransformer::new()
        .with("scale", StandardScaler::default(), ["age"])
        .remainder(Remainder::Passthrough)
        .verbose_feature_names_out(false)
        .fit(&table(300, 0.0))
        .unwrap();
    // In another order than the plan makes them, and with the second axis that converters declare.
    let column = |name: &str, dtype| Field::tensor(name, dtype, [Dim::Dynamic, Dim::Fixed(1)]);
    let inputs = Schema::new([column("plan", DType::String), column("age", DType::Float32)]).unwrap();
    let (_place, builder) = endpoint(&plan, inputs);
    let endpoint = builder.build().unwrap();
    let table = table(30, 0.0);
    assert_eq!(by_row(&endpoint, &table, &plan).unwrap(), as_table(&endpoint, &table).unwrap());
}

#[test]
fn a_plan_of_integers_takes_every_number_on_every_way() {
    let whole = |values: Vec<i64>| {
        RecordBatch::try_from_iter([("n", Arc::new(Int64Array::from(values)) as ArrayRef)]).unwrap()
    };
    let plan = ColumnTransformer::new()
        .with("scale", StandardScaler::default(), ["n"])
        .with("keep", Step::Passthrough, ["n"])
        .fit(&whole(vec![0, 1, 5]))
        .unwrap();
    let named = |name: &str| Field::tensor(name, DType::Float64, [Dim::Dynamic]);
    let columns = Schema::new([named("scale__n"), named("keep__n")]).unwrap();
    for inputs in [dense(2), columns] {
        let (_place, builder) = endpoint(&plan, inputs);
        let endpoint = builder.build().unwrap();
        let floats =
            RecordBatch::try_from_iter([("n", Arc::new(Float64Array::from(vec![0.5, 2.0])) as ArrayRef)]);
        let floats = floats.unwrap();
        let expected = as_table(&endpoint, &floats).unwrap();
        assert_eq!(by_row(&endpoint, &floats, &plan).unwrap(), expected);
        let mut records = endpoint.records().unwrap();
        for (json, expected) in
            [(r#"{"n": 0.5}"#, expected[0]), (r#"{"n": 2}"#, expected[1]), (r#"{"n": 2.0}"#, expected[1])]
        {
            let answer = records
                .read_json(json.as_bytes(), |row| endpoint.predict(Request::row(&unit(1), row)))
                .unwrap();
            assert_eq!(answer.outputs.tensor("y").unwrap().values::<f64>().unwrap(), [expected], "{json}");
        }
        let flag = records.read_json(br#"{"n": true}"#, |row| endpoint.predict(Request::row(&unit(1), row)));
        let one = as_table(&endpoint, &whole(vec![1])).unwrap();
        assert_eq!(flag.unwrap().outputs.tensor("y").unwrap().values::<f64>().unwrap(), one);
    }
}

#[test]
fn a_plan_that_does_not_fit_the_model_is_refused_when_it_is_loaded() {
    let (_place, builder) = endpoint(&encoded(), dense(9));
    let error = builder.build().unwrap_err();
    assert!(matches!(error, Error::SchemaMismatch(_)));
    assert!(
        error.to_string().contains("makes 4 columns") && error.to_string().contains("float32 [?, 9]"),
        "{error}"
    );
}

#[test]
fn a_plan_and_a_model_of_different_types_are_refused_when_they_are_loaded() {
    let keep = ColumnTransformer::new().remainder(Remainder::Passthrough).verbose_feature_names_out(false);
    let plan = keep.fit(&table(3, 0.0)).unwrap();
    let column = |name: &str, dtype| Field::tensor(name, dtype, [Dim::Dynamic, Dim::Fixed(1)]);
    let age = column("age", DType::Float32);
    for (inputs, expected) in [
        (vec![age.clone(), column("plan", DType::Float32)], "plan: the plan makes plan: string"),
        (
            vec![column("age", DType::String), column("plan", DType::String)],
            "age: the plan makes age: float64",
        ),
        (
            vec![age.clone(), Field::tensor("plan", DType::String, [Dim::Dynamic, Dim::Fixed(2)])],
            "the model takes plan: string [?, 2]",
        ),
        (dense(2).fields().to_vec(), "the plan makes 2 columns and the model takes input: float32 [?, 2]"),
    ] {
        let inputs = Schema::new(inputs).unwrap();
        let error = check_plan(&plan, &inputs).unwrap_err();
        assert!(matches!(error, Error::SchemaMismatch(_)) && error.to_string().contains(expected), "{error}");
        let (_place, builder) = endpoint(&plan, inputs);
        assert_eq!(builder.build().unwrap_err().to_string(), error.to_string());
    }
    check_plan(&plan, &Schema::new([Field::of_any_shape("plan", DType::String), age]).unwrap()).unwrap();
}

#[test]
fn a_model_gets_no_other_number_than_the_plan_made() {
    let keep = ColumnTransformer::new().remainder(Remainder::Passthrough).verbose_feature_names_out(false);
    let ages = |age: f64| {
        let columns = [("age", Arc::new(Float64Array::from(vec![30.0, age])) as ArrayRef)];
        Arc::new(RecordBatch::try_from_iter(columns).unwrap())
    };
    let plan = keep.fit(ages(40.0).as_ref()).unwrap();
    for (dtype, wide, odd) in [
        (DType::Float32, true, 1e300),
        (DType::Float32, false, 1e300),
        (DType::Int64, true, 2.9),
        (DType::Int64, false, 2.9),
        (DType::UInt8, false, -1.0),
        (DType::UInt8, true, 256.0),
        (DType::Bool, false, 2.0),
    ] {
        let name = if wide { "input" } else { "age" };
        let field = Field::tensor(name, dtype, [Dim::Dynamic, Dim::Fixed(1)]);
        let (_place, builder) = endpoint(&plan, Schema::new([field]).unwrap());
        let endpoint = builder.build().unwrap();
        let told = |outcome: Result<Prediction>| {
            let error = outcome.unwrap_err();
            assert!(error.is_caller_fault(), "{error}");
            error.to_string()
        };
        let of_table = told(endpoint.predict(Request::table(&unit(1), &ages(odd))));
        let place = if dtype == DType::Bool { "row 0" } else { "row 1" };
        assert!(of_table.contains(place) && of_table.contains(&dtype.to_string()), "{of_table}");
        let values = [Value::Float(odd)];
        let of_row = told(endpoint.predict(Request::row(&unit(1), Row::unchecked(&values))));
        assert!(of_row.contains(name) || of_row.contains("age"), "{of_row}");
        endpoint.process();
        assert_eq!(endpoint.counts().failures, 0);
    }
}

#[test]
fn a_record_that_does_not_fit_names_its_column() {
    let plan = encoded();
    let (_place, builder) = endpoint(&plan, dense(4));
    let endpoint = builder.build().unwrap();
    for (values, column) in [
        (vec![Value::Text("old"), Value::Text("free")], "age"),
        (vec![Value::Float(1.0), Value::Float(2.0)], "plan"),
        (vec![Value::Float(1.0)], ""),
    ] {
        let error = endpoint.predict(Request::row(&unit(1), Row::unchecked(&values))).unwrap_err();
        assert!(error.is_caller_fault() && error.to_string().contains(column), "{error}");
    }
    let missing = table(3, 0.0).project(&[1]).unwrap();
    let error = endpoint.predict(Request::table(&unit(1), &Arc::new(missing))).unwrap_err();
    assert!(matches!(error, Error::SchemaMismatch(_)) && error.to_string().contains("age"), "{error}");
    let unseen = [Value::Float(41.0), Value::Text("enterprise")];
    assert!(
        endpoint.predict(Request::row(&unit(1), Row::unchecked(&unseen))).is_ok(),
        "the encoder ignores it"
    );
    endpoint.process();
    assert_eq!(endpoint.counts().failures, 0);
}

#[test]
fn a_row_made_for_other_columns_is_refused_and_a_table_is_not() {
    let plan = encoded();
    let (_place, builder) = endpoint(&plan, dense(4));
    let monitored = || {
        let mut monitor = Monitor::new(&table(300, 0.0), &MonitorOptions::default()).unwrap();
        monitor.bind(plan.input()).unwrap();
        monitor
    };
    let endpoint = builder.with_monitor(monitored()).build().unwrap();
    // The same columns in another order: read by the plan's order, an age of no years would be a word.
    let swapped = Schema::new(plan.input().fields().iter().rev().cloned()).unwrap();
    let values = [Value::Text("free"), Value::Float(41.0)];
    let row = Row::new(&values, &swapped).unwrap();
    let error = endpoint.predict(Request::row(&unit(1), row)).unwrap_err();
    assert!(matches!(error, Error::SchemaMismatch(_)) && error.is_caller_fault(), "{error}");
    assert!(error.to_string().contains("other columns"), "{error}");

    let reversed = table(1, 0.0).project(&[1, 0]).unwrap();
    let expected = as_table(&endpoint, &table(1, 0.0)).unwrap();
    assert_eq!(as_table(&endpoint, &reversed).unwrap(), expected);
    endpoint.process();
    // A mistake of the caller's is no failure of the arm's, and not a row for the monitor.
    let counts = endpoint.counts();
    assert_eq!((counts.records, counts.failures, counts.unmonitored), (3, 0, 0));

    // The monitor does not read such a row by its own order either.
    let error = monitored().observe_row(row).unwrap_err();
    assert!(matches!(error, Error::SchemaMismatch(_)), "{error}");
}

#[test]
fn a_column_that_nobody_sent_is_missed_by_the_arms_that_read_it() {
    // Every column may be missing, as in each plan that Python has fitted.
    let columns = table(300, 0.0);
    let fields = columns.schema_ref().fields().iter().map(|field| field.name().clone());
    let columns = fields.zip(columns.columns().iter().cloned()).map(|(name, column)| (name, column, true));
    let nullable = RecordBatch::try_from_iter_with_nullable(columns).unwrap();
    let encode = || OneHotEncoder::default().handle_unknown(HandleUnknown::Ignore);
    let before = ColumnTransformer::new().with("encode", encode(), ["plan"]).fit(&nullable).unwrap();
    // What is said to be missing is imputed: an answer that is NaN would be a failure of its arm.
    let age =
        Pipeline::new().then("impute", SimpleImputer::default()).then("scale", StandardScaler::default());
    let after = ColumnTransformer::new()
        .with("age", age, ["age"])
        .with("encode", encode(), ["plan"])
        .fit(&nullable)
        .unwrap();
    let (place, builder) = endpoint(&before, dense(3));
    place.point("next", register(&place, &after, dense(4)));
    let shadowed = Shadowed::new(Fixed::new(arm("champion")), [arm("next")], 1.0).unwrap();
    let endpoint = builder.with_arm(alias("next")).with_policy(shadowed).build().unwrap();
    let unit = unit(1);
    let predict = |row: Row<'_>| endpoint.predict(Request::row(&unit, row)).map(|answer| answer.version);

    let (old_caller, new_caller) =
        ([("plan", Value::Text("free"))], [("plan", Value::Text("free")), ("age", Value::Null)]);
    let mut records = endpoint.records().unwrap();
    for sent in [&old_caller[..], &new_caller[..]] {
        records.read_pairs(sent.iter().copied(), predict).unwrap();
    }
    // Nor is it imputed for a shadow, whose answers would be compared.
    endpoint.process();
    endpoint.run_shadows();
    let shadows = endpoint.shadows();
    assert_eq!((shadows[0].requests, shadows[0].failures, shadows[0].rows), (2, 1, 1));

    endpoint.set_policy(Arc::new(Fixed::new(arm("next")))).unwrap();
    let error = records.read_pairs(old_caller, predict).unwrap_err();
    assert_eq!(
        error.to_string(),
        "predict age: the record has no value for it; a float64 is expected; send null where it is missing"
    );
    assert!(matches!(error, Error::SchemaMismatch(_)));
    records.read_pairs(new_caller, predict).unwrap();
    endpoint.records().unwrap().with_absent_as_null().read_pairs(old_caller, predict).unwrap();
    endpoint.process();
    assert_eq!(endpoint.counts().failures, 0, "none of it is the arm's fault");
}

#[test]
fn records_are_read_by_name_and_follow_a_release() {
    #[derive(serde::Serialize)]
    struct Customer<'a> {
        plan: &'a str,
        age: f32,
        city: &'a str,
    }

    let plan = encoded();
    let (place, builder) = endpoint(&plan, dense(4));
    let endpoint = builder.build().unwrap();
    let expected = as_table(&endpoint, &table(1, 0.0)).unwrap()[0];
    let unit = unit(1);
    let predict = |row: Row<'_>| {
        let answer = endpoint.predict(Request::row(&unit, row))?;
        Ok(answer.outputs.tensor("y")?.values::<f64>()?[0])
    };
    let mut records = endpoint.records().unwrap();
    let customer = Customer { plan: "free", age: 40.0, city: "Rome" };
    assert_eq!(records.read(&customer, predict).unwrap(), expected);
    let json = br#"{"city": null, "plan": "free", "age": 40}"#;
    assert_eq!(records.read_json(json, predict).unwrap(), expected);
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    assert_eq!(records.read_from(&mut deserializer, predict).unwrap(), expected);
    let pairs = [("plan", Value::Text("free")), ("age", Value::Int(40))];
    assert_eq!(records.read_pairs(pairs, predict).unwrap(), expected);
    let error = records.read_pairs([("plan", Value::Text("free"))], predict).unwrap_err();
    assert!(matches!(error, Error::SchemaMismatch(_)) && error.to_string().contains("age"), "{error}");

    let mut strict = endpoint.records().unwrap().with_strict_names();
    let check_strict = |strict: &mut Records, unknown: &str| {
        let error = strict.read(&customer, predict).unwrap_err();
        assert!(error.to_string().contains(unknown), "{error}");
    };
    check_strict(&mut strict, "city");
    // A release that reads the plan only: nobody misses the age any more.
    let of_plan = ColumnTransformer::new()
        .with("encode", OneHotEncoder::default(), ["plan"])
        .fit(&table(300, 0.0))
        .unwrap();
    place.point("champion", register(&place, &of_plan, dense(3)));
    endpoint.refresh().unwrap();
    assert_eq!(records.read_pairs([("plan", Value::Text("free"))], predict).unwrap(), 1.0);
    check_strict(&mut strict, "age");
}
