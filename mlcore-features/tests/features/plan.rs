//! A plan as a value: stored, loaded, compared, damaged; and what it says about tables that do not fit.

use std::sync::Arc;

use mlcore::arrow::array::{
    ArrayRef, Date32Array, DictionaryArray, Float32Array, Float64Array, Int8Array, Int64Array, NullArray,
    RecordBatch, StringArray,
};
use mlcore::arrow::datatypes::{DataType, Field as ArrowField, Int32Type, Schema as ArrowSchema};
use mlcore::batch::{Row, Value};
use mlcore::schema::{DType, Dim, Field, Schema};
use mlcore::{Error, Result};
use mlcore_features::pipeline::{ColumnTransformer, FittedStep, Pipeline, Plan, Remainder, Step};
use mlcore_features::transform::{
    Encode, Fit, FittedTransformer, HandleUnknown, KBinsDiscretizer, OneHotEncoder, OrdinalEncoder,
    SimpleImputer, StandardScaler, Transform,
};

fn table(columns: Vec<(&str, ArrayRef)>, nullable: bool) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, nullable)))
        .unwrap()
}

fn floats(values: &[f64]) -> ArrayRef {
    Arc::new(Float64Array::from(values.to_vec()))
}

fn texts(values: &[&str]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

fn people(nullable: bool) -> RecordBatch {
    table(vec![("age", floats(&[20.0, 40.0, 60.0])), ("plan", texts(&["free", "pro", "free"]))], nullable)
}

fn plan() -> Plan {
    ColumnTransformer::new()
        .with("num", StandardScaler::default(), ["age"])
        .with("cat", OneHotEncoder::default(), ["plan"])
        .fit(&people(false))
        .unwrap()
}

#[test]
fn a_plan_survives_its_bytes() {
    let plan = plan();
    let bytes = plan.to_bytes().unwrap();
    let loaded = Plan::from_bytes(&bytes).unwrap();
    assert_eq!(loaded, plan);
    assert_eq!((loaded.input(), loaded.output()), (plan.input(), plan.output()));
    assert_eq!(loaded.to_bytes().unwrap(), bytes);
    let found = loaded.find(&["num"]);
    let Some(FittedStep::Transformer(FittedTransformer::StandardScaler(scaler))) = found else {
        panic!("{loaded:?}")
    };
    assert_eq!(scaler.mean(), Some(&[40.0][..]));
}

#[test]
fn the_digest_is_the_contents() {
    let plan = plan();
    // Pinned: a change here means that stored plans of this format version no longer load.
    assert_eq!(plan.digest(), "c8a23a89da14a628252d382fd60b44c235fe711f2686299beab95e342f3edb42");
    assert_eq!(self::plan().digest(), plan.digest());
    let other = ColumnTransformer::new()
        .with("num", StandardScaler::default().with_mean(false), ["age"])
        .with("cat", OneHotEncoder::default(), ["plan"])
        .fit(&people(false))
        .unwrap();
    assert_ne!(other.digest(), plan.digest());
    // The layout of the JSON is not its content.
    let pretty: serde_json::Value = serde_json::from_slice(&plan.to_bytes().unwrap()).unwrap();
    let pretty = serde_json::to_vec_pretty(&pretty).unwrap();
    assert_eq!(Plan::from_bytes(&pretty).unwrap().digest(), plan.digest());
}

#[test]
fn a_damaged_plan_is_refused() {
    let bytes = plan().to_bytes().unwrap();
    let text = String::from_utf8(bytes.clone()).unwrap();
    for (from, to, kind) in [
        ("40.0", "41.0", "corrupt"),
        ("\"free\"", "\"fred\"", "corrupt"),
        ("\"version\":1", "\"version\":2", "unsupported"),
        ("mlcore-plan\",", "mlcore-plane\",", "corrupt"),
        ("\"with_mean\":true", "\"with_mean\":true,\"with_more\":true", "corrupt"),
        ("\"plan\":{\"ColumnTransformer\"", "\"plan\":{\"MagicTransformer\"", "unsupported"),
        ("{\"StandardScaler\":", "{\"QuantumScaler\":", "unsupported"),
    ] {
        assert!(text.contains(from), "{from}");
        let error = Plan::from_bytes(text.replacen(from, to, 1).as_bytes()).unwrap_err();
        assert_eq!(error.kind(), kind, "{from}: {error}");
    }
    for length in 0..bytes.len() {
        assert!(Plan::from_bytes(&bytes[..length]).is_err(), "cut at {length}");
    }
    // Whatever single byte changes, the plan is refused or (white space, the case of a digit in an exponent) the same.
    for position in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[position] ^= 1;
        if let Ok(loaded) = Plan::from_bytes(&changed) {
            assert_eq!(loaded.digest(), plan().digest(), "byte {position}");
        }
    }
}

/// A plan whose digest is right and whose content is not possible must not bring anything down either.
#[test]
fn a_forged_plan_is_refused_or_harmless() {
    let text = String::from_utf8(plan().to_bytes().unwrap()).unwrap();
    for (from, to) in [
        ("\"mean\":[40.0]", "\"mean\":[]"),
        ("\"dropped\":[null]", "\"dropped\":[]"),
        ("\"dropped\":[null]", "\"dropped\":[9]"),
        ("{\"text\":\"free\"}", "{\"text\":\"pro\"}"),
        ("{\"text\":\"free\"}", "{\"float\":1.0}"),
        ("\"categories\":[{\"text\":\"free\"},{\"text\":\"pro\"}]", "\"categories\":[]"),
        ("\"columns\":[\"plan\"]", "\"columns\":[\"age\"]"),
        ("\"columns\":[\"plan\"]", "\"columns\":[\"nowhere\"]"),
        ("\"columns\":[\"plan\"]", "\"columns\":[]"),
    ] {
        assert!(text.contains(from), "{from}");
        let mut forged: serde_json::Value = serde_json::from_str(&text.replacen(from, to, 1)).unwrap();
        // Loading says which digest the content has; a forger has it too.
        let error = Plan::from_bytes(&serde_json::to_vec(&forged).unwrap()).unwrap_err();
        let told = error.to_string();
        if let Some(at) = told.find("its digest is ") {
            forged["digest"] = told[at + 14..at + 78].into();
            let loaded = Plan::from_bytes(&serde_json::to_vec(&forged).unwrap()).unwrap();
            drop(loaded.transform(&people(false)));
            let mut features = vec![0.0; loaded.width()];
            let values = [Value::Float(1.0), Value::Text("free")];
            drop(loaded.row_executor().run_into(Row::new(&values, plan().input()).unwrap(), &mut features));
        }
    }
}

/// The error of transforming this table.
fn refused(plan: &Plan, table: &RecordBatch) -> String {
    plan.transform(table).unwrap_err().to_string()
}

#[test]
fn columns_are_bound_by_name() {
    let plan = plan();
    let shuffled = table(
        vec![
            ("unasked", Arc::new(Date32Array::from(vec![1, 2, 3])) as _),
            ("plan", texts(&["free", "pro", "free"])),
            ("age", floats(&[20.0, 40.0, 60.0])),
        ],
        true,
    );
    assert_eq!(plan.transform(&shuffled).unwrap(), plan.transform(&people(false)).unwrap());
    let error = refused(&plan, &table(vec![("Age", floats(&[1.0])), ("plan", texts(&["free"]))], false));
    assert_eq!(
        error,
        "transform age: the column is missing; the table has Age, plan; add the column, or rename the one that holds it"
    );
}

#[test]
fn a_column_that_does_not_fit_is_named_with_its_remedy() {
    let plan = plan();
    let one = |age: ArrayRef, words: ArrayRef| table(vec![("age", age), ("plan", words)], true);
    let free = || texts(&["free"]);
    for (table, expected) in [
        (one(free(), free()), "transform age: expected float64, got string; cast the column"),
        (
            one(floats(&[1.0]), floats(&[1.0])),
            "transform plan: expected string, got float64; cast the column",
        ),
        (one(Arc::new(Date32Array::from(vec![1])), free()), "transform age: expected float64, got date"),
        (
            one(Arc::new(Int64Array::from(vec![(1 << 53) + 1])), free()),
            "transform age: row 0: expected float64, got integer 9007199254740993",
        ),
        (
            one(Arc::new(Float64Array::from(vec![None])), free()),
            "transform age: row 0: the value is null, and the column is not nullable",
        ),
        (
            one(Arc::new(NullArray::new(1)), free()),
            "transform age: row 0: the value is null, and the column is not nullable",
        ),
        (
            one(floats(&[f64::INFINITY]), free()),
            "transform with StandardScaler age: row 0: inf is not a number it can take",
        ),
        (
            one(floats(&[1.0]), texts(&["gold"])),
            "transform with OneHotEncoder plan: row 0: \"gold\" is none of the categories seen by fit",
        ),
        (
            one(floats(&[1.0]), Arc::new(StringArray::from(vec![None::<&str>]))),
            "transform with OneHotEncoder plan: row 0: a missing value is none of the categories",
        ),
    ] {
        let error = refused(&plan, &table);
        assert!(error.starts_with(expected), "{error}");
    }
}

#[test]
fn numbers_arrive_in_any_type_that_holds_them() {
    let plan = plan();
    let expected =
        plan.transform(&table(vec![("age", floats(&[20.0])), ("plan", texts(&["pro"]))], false)).unwrap();
    let dictionary: DictionaryArray<Int32Type> = DictionaryArray::new(vec![1].into(), floats(&[7.0, 20.0]));
    let ages: [ArrayRef; 4] = [
        Arc::new(Int8Array::from(vec![20])),
        Arc::new(Int64Array::from(vec![20])),
        Arc::new(Float32Array::from(vec![20.0])),
        Arc::new(dictionary),
    ];
    for age in ages {
        let shown = age.data_type().clone();
        let got = plan.transform(&table(vec![("age", age), ("plan", texts(&["pro"]))], false)).unwrap();
        assert_eq!(got, expected, "{shown}");
    }
}

#[test]
fn a_float32_column_rounds_what_a_row_brings() {
    let narrow: ArrayRef = Arc::new(Float32Array::from(vec![0.1, 0.2]));
    let plan = ColumnTransformer::new()
        .with("num", StandardScaler::default(), ["x"])
        .with("cat", OneHotEncoder::default(), ["x"])
        .fit(&table(vec![("x", narrow)], false))
        .unwrap();
    assert_eq!(plan.feature_names_out(), ["num__x", "cat__x_0.1", "cat__x_0.2"]);
    let values = [Value::Float(0.1)];
    let mut executor = plan.row_executor();
    let row = executor.run(Row::new(&values, plan.input()).unwrap()).unwrap();
    let whole = plan.transform_dense::<f64>(&table(vec![("x", floats(&[0.1]))], false)).unwrap();
    assert_eq!(whole.values::<f64>().unwrap(), row);
    assert_eq!(row[1..], [1.0, 0.0]);
}

#[test]
fn what_an_imputer_or_an_encoder_answers_may_be_null() {
    let plan = ColumnTransformer::new()
        .with("num", SimpleImputer::default(), ["age"])
        .with("cat", OneHotEncoder::default().handle_unknown(HandleUnknown::Ignore), ["plan"])
        .fit(&people(false))
        .unwrap();
    assert!(plan.input().fields().iter().all(Field::is_nullable));
    let values = [Value::Null, Value::Null];
    let row = Row::new(&values, plan.input()).unwrap();
    assert_eq!(plan.row_executor().run(row).unwrap(), [40.0, 0.0, 0.0]);
}

#[test]
fn what_nobody_imputes_reaches_the_model_as_nan() {
    let plan =
        Plan::new(StandardScaler::default().fit(&table(vec![("x", floats(&[1.0, 3.0]))], true)).unwrap())
            .unwrap();
    let values = [Value::Null];
    let row = Row::new(&values, plan.input()).unwrap();
    assert!(plan.row_executor().run(row).unwrap()[0].is_nan());
    let nulls: ArrayRef = Arc::new(Float64Array::from(vec![None, Some(3.0)]));
    let out = plan.transform(&table(vec![("x", nulls)], true)).unwrap();
    assert_eq!(out.column(0).null_count(), 0);
}

#[test]
fn fitting_says_what_is_wrong() {
    let fit = |plan: ColumnTransformer| plan.fit(&people(false)).unwrap_err().to_string();
    let with = |name: &str, step: Step, column: &str| ColumnTransformer::new().with(name, step, [column]);
    let scaler = || Step::from(StandardScaler::default());
    for (plan, expected) in [
        (
            with("a", scaler(), "height"),
            "fit ColumnTransformer height: the column is missing; the table has age, plan",
        ),
        (
            with("a", scaler(), "plan"),
            "fit StandardScaler plan: expected numbers, got text; encode the column",
        ),
        (with("a__b", scaler(), "age"), "fit ColumnTransformer a__b: a step's name must not contain __"),
        (with("", scaler(), "age"), "fit ColumnTransformer: a step's name is empty"),
        (
            with("a", scaler(), "age").with("a", scaler(), ["age"]),
            "fit ColumnTransformer a: two steps have this name",
        ),
        (
            with("a", KBinsDiscretizer::default().n_bins(1).into(), "age"),
            "fit KBinsDiscretizer n_bins: at least 2 bins",
        ),
        (
            with("a", KBinsDiscretizer::default().n_bins(usize::MAX).into(), "age"),
            "fit KBinsDiscretizer n_bins: at least 2 bins are needed and 1048576 at most taken",
        ),
        (
            with("a", scaler(), "age").with("b", scaler(), ["age"]).verbose_feature_names_out(false),
            "compile plan age: two output columns have this name; rename one of the columns, let a ColumnTransformer",
        ),
    ] {
        let error = fit(plan);
        assert!(error.starts_with(expected), "{error}");
    }
    let empty = people(false).slice(0, 0);
    let error = StandardScaler::default().fit(&empty).unwrap_err();
    assert_eq!(error.to_string(), "fit StandardScaler table: it has no rows, and at least one is needed");
    let dates = table(vec![("day", Arc::new(Date32Array::from(vec![1])) as _)], false);
    let error = StandardScaler::default().fit(&dates).unwrap_err().to_string();
    assert!(
        error.starts_with("fit StandardScaler day: expected numbers, got date; derive an hour"),
        "{error}"
    );
}

#[test]
fn a_row_that_does_not_fit_is_refused_as_a_table_is() {
    let plan = plan();
    let lenient = Schema::new([
        Field::column("age", DType::String).nullable(),
        Field::column("plan", DType::String).nullable(),
    ])
    .unwrap();
    let mut executor = plan.row_executor();
    let mut run =
        |values: &[Value<'_>]| executor.run(Row::new(values, &lenient).unwrap()).unwrap_err().to_string();
    let text = run(&[Value::Text("old"), Value::Text("free")]);
    assert!(text.starts_with("transform age: expected float64, got text \"old\""), "{text}");
    let null = run(&[Value::Null, Value::Text("free")]);
    assert!(null.starts_with("transform age: the value is null, and the column is not nullable"), "{null}");
    let short = Schema::new([Field::column("age", DType::Float64)]).unwrap();
    let values = [Value::Float(1.0)];
    let error = executor.run(Row::new(&values, &short).unwrap()).unwrap_err();
    assert!(error.to_string().starts_with("transform row: it was made for other columns"), "{error}");
    let error = executor.run(Row::unchecked(&values)).unwrap_err();
    assert!(error.to_string().starts_with("transform values: expected 2 values, got 1"), "{error}");
    let values = [Value::Float(1.0), Value::Text("free")];
    let row = Row::new(&values, plan.input()).unwrap();
    let error = plan.row_executor().run_into(row, &mut [0.0_f32; 2]).unwrap_err();
    assert_eq!(error.to_string(), "transform features: expected room for 3 numbers, got 2");
}

#[test]
fn text_and_integers_pass_through_as_they_are() -> Result<()> {
    let table = table(
        vec![
            ("plan", Arc::new(["free", "pro"].into_iter().collect::<DictionaryArray<Int32Type>>()) as _),
            ("visits", Arc::new(Int64Array::from(vec![7, (1 << 53) + 1])) as _),
            ("age", floats(&[1.0, 3.0])),
        ],
        false,
    );
    let plan = ColumnTransformer::new()
        .with("num", StandardScaler::default(), ["age"])
        .remainder(Remainder::Passthrough)
        .verbose_feature_names_out(false)
        .fit(&table)?;
    let out = plan.transform(&table)?;
    let types: Vec<&DataType> = out.columns().iter().map(|column| column.data_type()).collect();
    assert_eq!(types, [&DataType::Float64, &DataType::Utf8, &DataType::Int64]);
    let batch = plan.transform_columns(&table)?;
    assert_eq!(batch.tensor("visits")?.values::<i64>()?, [7, (1 << 53) + 1]);
    assert_eq!(batch.tensor("plan")?.texts()?.collect::<Vec<_>>(), ["free", "pro"]);
    let error = plan.transform_dense::<f32>(&table).unwrap_err();
    assert!(matches!(error, Error::Unsupported(_)), "{error}");
    Ok(())
}

#[test]
fn features_come_back_as_far_as_they_tell() -> Result<()> {
    let words = table(
        vec![
            ("plan", texts(&["free", "pro", "free"])),
            ("size", Arc::new(Int8Array::from(vec![3, 1, 3])) as _),
        ],
        true,
    );
    let pipeline =
        Pipeline::new().then("encode", OneHotEncoder::default()).then("scale", StandardScaler::default());
    let plan = pipeline.fit(&words)?;
    let back = plan.inverse_transform(&plan.transform(&words)?)?;
    assert_eq!(back.schema_ref().field(1).data_type(), &DataType::Int8);
    assert_eq!(back.columns(), words.columns());

    let features = |values: &[f64]| table(vec![("x", floats(values))], false);
    let inverse = |fitted: &dyn Transform, values: &[f64]| {
        fitted.inverse_transform(&features(values)).map_err(|error| error.to_string())
    };
    let x = features(&[1.0, 2.0, 5.0]);
    let bins = KBinsDiscretizer::default().n_bins(2).encode(Encode::Ordinal).fit(&x)?;
    let ordinal = OrdinalEncoder::default().fit(&x)?;
    let scaler = StandardScaler::default().fit(&x)?;
    for (fitted, values, expected) in [
        (&bins as &dyn Transform, 1e300, "inverse transform x: row 0 holds no bin"),
        (&bins, -1.0, "inverse transform x: row 0 holds no bin"),
        (&bins, f64::NAN, "inverse transform x: row 0 holds no bin"),
        (&ordinal, 3.0, "inverse transform x: row 0: 3 is the number of no category"),
        (&ordinal, 0.5, "inverse transform x: row 0: 0.5 is the number of no category"),
        (&scaler, f64::INFINITY, "inverse transform x: row 0 holds infinity"),
    ] {
        assert_eq!(inverse(fitted, &[values]).unwrap_err(), expected);
    }
    let wrong = table(vec![("x", texts(&["a"]))], false);
    assert_eq!(
        scaler.inverse_transform(&wrong).unwrap_err().to_string(),
        "inverse transform x: expected numbers, got Utf8"
    );
    assert!(
        scaler
            .inverse_transform(&words)
            .unwrap_err()
            .to_string()
            .starts_with("inverse transform x: the column is missing")
    );
    assert!(matches!(self::plan().inverse_transform(&words), Err(Error::Unsupported(_))));
    Ok(())
}

#[test]
fn an_empty_plan_and_a_column_twice_work() -> Result<()> {
    let nothing = ColumnTransformer::new().fit(&people(false))?;
    assert_eq!(nothing.transform(&people(false))?.num_rows(), 3);
    assert_eq!(nothing.transform_dense::<f32>(&people(false))?.shape(), [3, 0]);
    let through = Pipeline::new().fit(&people(false))?;
    assert_eq!(through.transform(&people(false))?, people(false));
    let twice = ColumnTransformer::new()
        .with("a", StandardScaler::default(), ["age"])
        .with("b", Step::Passthrough, ["age"])
        .fit(&people(false))?;
    assert_eq!(twice.feature_names_out(), ["a__age", "b__age"]);
    assert_eq!(twice.input().len(), 1);
    Ok(())
}

#[test]
fn lists_are_refused_when_fitting() {
    let item = Arc::new(ArrowField::new("item", DataType::Float64, false));
    let list = mlcore::arrow::array::FixedSizeListArray::new(item, 2, floats(&[1.0, 2.0]), None);
    let schema = ArrowSchema::new(vec![ArrowField::new(
        "e",
        mlcore::arrow::array::Array::data_type(&list).clone(),
        false,
    )]);
    let table = RecordBatch::try_new(Arc::new(schema), vec![Arc::new(list)]).unwrap();
    let field = Schema::from_arrow(table.schema_ref()).unwrap().fields()[0].clone();
    assert_eq!(field.shape(), [Dim::Dynamic, Dim::Fixed(2)]);
    for step in [Step::from(StandardScaler::default()), OneHotEncoder::default().into(), Step::Passthrough] {
        let error = ColumnTransformer::new().with("a", step, ["e"]).fit(&table).unwrap_err();
        assert!(error.is_caller_fault(), "{error}");
    }
}

#[test]
fn tables_of_one_schema_and_of_others_take_turns() -> Result<()> {
    let plan = plan();
    let own = people(false);
    let reversed = own.project(&(0..own.num_columns()).rev().collect::<Vec<_>>()).unwrap();
    let more = {
        let mut columns: Vec<(String, ArrayRef)> =
            vec![("unasked".into(), floats(&vec![7.0; own.num_rows()]))];
        for (field, column) in own.schema().fields().iter().zip(own.columns()) {
            columns.push((field.name().clone(), column.clone()));
        }
        RecordBatch::try_from_iter(columns).unwrap()
    };
    let expected = plan.transform_dense::<f64>(&own)?;
    for table in [&own, &reversed, &own, &more, &own.slice(0, own.num_rows()), &reversed, &more, &own] {
        assert_eq!(plan.transform_dense::<f64>(table)?, expected);
    }
    let lacking = own.project(&[0]).unwrap();
    assert!(matches!(plan.transform_dense::<f64>(&lacking), Err(Error::SchemaMismatch(_))));
    Ok(())
}

#[test]
fn a_plan_that_nobody_could_read_back_is_not_written() {
    let ages = table(vec![("age", floats(&[20.0, 40.0, 60.0]))], false);
    let mut step = Step::from(StandardScaler::default());
    let mut refused = None;
    for depth in 1..200 {
        step = Pipeline::new().then("inner", step).into();
        let plan = Plan::new(step.learn(&(&ages).into()).unwrap()).unwrap();
        match plan.to_bytes() {
            // What is written is read.
            Ok(bytes) => assert_eq!(Plan::from_bytes(&bytes).unwrap(), plan),
            Err(error) => {
                refused = Some((depth, error));
                break;
            }
        }
    }
    let (depth, error) = refused.unwrap();
    assert!(depth > 10 && matches!(error, Error::Unsupported(_)), "{depth}: {error}");
    assert!(error.to_string().contains("too deep inside each other to be read back"), "{error}");
}
