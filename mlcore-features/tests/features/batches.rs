//! Plans that are fitted on batches: the same as on the whole table, with few batches in memory.

use std::sync::{Arc, Mutex, Weak};

use mlcore::arrow::array::{
    Array, ArrayRef, Float64Array, Int64Array, RecordBatch, RecordBatchIterator, StringArray,
};
use mlcore::{Error, Result, interrupt};
use mlcore_features::pipeline::{
    BatchStream, Batched, Batches, ColumnTransformer, FeatureUnion, Pipeline, Plan, Reader, Remainder,
    Reopened, Step,
};
use mlcore_features::transform::{
    JamesSteinEncoder, LeaveOneOutEncoder, MaxAbsScaler, MinMaxScaler, OneHotEncoder, RobustScaler,
    SimpleImputer, StandardScaler, Strategy, TfidfVectorizer, Training,
};

/// A table of so many rows: numbers with nulls, words, a target and weights.
fn table(rows: usize) -> RecordBatch {
    let age: Float64Array =
        (0..rows).map(|row| (row % 7 != 3).then(|| 20.0 + (row * 37 % 50) as f64 / 3.0)).collect();
    let visits: Int64Array = (0..rows).map(|row| Some((row * row % 11) as i64)).collect();
    let plan: StringArray =
        (0..rows).map(|row| (row % 5 != 0).then(|| ["free", "pro", "team"][row % 3])).collect();
    let note: StringArray =
        (0..rows).map(|row| Some(["to be", "or not", "to be not"][row * 5 % 3])).collect();
    let churned: Int64Array = (0..rows).map(|row| Some((row * 13 % 17 % 2) as i64)).collect();
    let weight: Float64Array = (0..rows).map(|row| Some((row % 3) as f64)).collect();
    let columns: [(&str, ArrayRef); 6] = [
        ("age", Arc::new(age)),
        ("visits", Arc::new(visits)),
        ("plan", Arc::new(plan)),
        ("note", Arc::new(note)),
        ("churned", Arc::new(churned)),
        ("weight", Arc::new(weight)),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.map(|(name, column)| (name, column, true))).unwrap()
}

fn batches(table: &RecordBatch, size: usize) -> Vec<RecordBatch> {
    let starts = (0..table.num_rows()).step_by(size);
    starts.map(|start| table.slice(start, size.min(table.num_rows() - start))).collect()
}

/// Steps of one, two and three passes beside each other.
fn steps() -> ColumnTransformer {
    let number = Pipeline::new()
        .then("impute", SimpleImputer::default().add_indicator(true))
        .then("scale", StandardScaler::default())
        .then("range", MinMaxScaler::default());
    let text = Pipeline::new()
        .then("impute", SimpleImputer::default().strategy(Strategy::MostFrequent))
        .then("encode", OneHotEncoder::default());
    let union = FeatureUnion::new()
        .with(
            "imputed",
            Pipeline::new().then("impute", SimpleImputer::default()).then("scale", MaxAbsScaler::default()),
        )
        .with("as it is", Step::Passthrough)
        .weight("imputed", 0.5);
    ColumnTransformer::new()
        .with("num", number, ["age", "visits"])
        .with("both", union, ["age", "visits"])
        .with("text", text, ["plan"])
        .with("notes", TfidfVectorizer::default(), ["note"])
        .with("target", JamesSteinEncoder::default(), ["plan", "visits"])
        .with("left out", StandardScaler::default(), Vec::<String>::new())
        .with("dropped", Step::Drop, ["visits"])
        .with("kept", Step::Passthrough, ["visits"])
}

/// Makes sure that both plans make the same of a table, to rounding.
fn assert_same(batched: &Plan, whole: &Plan, table: &RecordBatch) {
    assert_eq!(batched.input(), whole.input());
    assert_eq!(batched.output(), whole.output());
    let numbers = |plan: &Plan| plan.transform_dense::<f64>(table).unwrap().into_values::<f64>().unwrap();
    let (batched, whole) = (numbers(batched), numbers(whole));
    assert_eq!(batched.len(), whole.len());
    for (own, expected) in batched.iter().zip(&whole) {
        let is_close = (own - expected).abs() <= 1e-12 * (1.0 + expected.abs());
        assert!(is_close || (own.is_nan() && expected.is_nan()), "{own} and {expected}");
    }
}

#[test]
fn batches_are_the_whole() {
    let table = table(500);
    let features = table.project(&[0, 1, 2, 3]).unwrap();
    let whole = steps().fit(Training::new(&features).with_target(table.column(4))).unwrap();
    assert_eq!(Step::from(steps()).passes(), 3);
    for size in [1, 7, 64, 500] {
        let batches = batches(&table, size);
        let batched = steps().fit_batches(Batched::new(&batches).with_target("churned")).unwrap();
        assert_same(&batched, &whole, &features);
    }
    // One batch is the table: the same bits, and so the same digest.
    let one = vec![table.clone()];
    let batched = steps().fit_batches(Batched::new(&one).with_target("churned")).unwrap();
    let target = Training::new(&features).with_target(table.column(4));
    let untouched = |columns: ColumnTransformer| columns.with("twice", MaxAbsScaler::default(), ["age"]);
    assert_eq!(
        untouched(steps()).fit_batches(Batched::new(&one).with_target("churned")).unwrap(),
        untouched(steps()).fit(target).unwrap()
    );
    assert_same(&batched, &whole, &features);
}

#[test]
fn what_nobody_names_passes_and_rows_are_weighed() {
    let table = table(90);
    let scaler = ColumnTransformer::new()
        .with("scale", StandardScaler::default(), ["age"])
        .remainder(Remainder::Passthrough);
    let batches = batches(&table.project(&[0, 1, 5]).unwrap(), 11);
    let batched = scaler.fit_batches(Batched::new(&batches).with_weights("weight")).unwrap();
    assert_eq!(batched.feature_names_out(), ["scale__age", "remainder__visits"]);
    let weights: Vec<f64> = (0..90).map(|row| f64::from(row % 3)).collect();
    let features = table.project(&[0, 1]).unwrap();
    assert_same(&batched, &scaler.fit(Training::new(&features).with_weights(&weights)).unwrap(), &features);
    let empty = Pipeline::new().fit_batches(&batches).unwrap();
    assert_eq!(empty.feature_names_out(), ["age", "visits", "weight"]);
}

/// Rows without end, of which it remembers how many batches are in memory at once.
struct Generated {
    batches: usize,
    alive: Mutex<(Vec<Weak<dyn Array>>, usize)>,
}

const ROWS: usize = 1000;

impl Batches for Generated {
    fn open<'a>(&'a self, _: &dyn Fn(&str) -> bool) -> Result<BatchStream<'a>> {
        Ok(Box::new((0..self.batches).map(|batch| {
            let numbers: ArrayRef = Arc::new(
                (0..ROWS).map(|row| Some(((batch * ROWS + row) % 997) as f64)).collect::<Float64Array>(),
            );
            let mut alive = self.alive.lock().unwrap();
            alive.0.retain(|own| own.strong_count() > 0);
            alive.0.push(Arc::downgrade(&numbers));
            alive.1 = alive.1.max(alive.0.len());
            Ok(RecordBatch::try_from_iter([("x", numbers)]).unwrap())
        })))
    }
}

#[test]
fn one_batch_is_in_memory_at_a_time() {
    let source = Generated { batches: 200, alive: Mutex::new((Vec::new(), 0)) };
    let pipeline = Pipeline::new()
        .then("impute", SimpleImputer::default())
        .then("scale", StandardScaler::default())
        .then("range", MinMaxScaler::default());
    let plan = pipeline.fit_batches(&source).unwrap();
    let expected = (0..200 * ROWS).map(|row| (row % 997) as f64).sum::<f64>() / (200 * ROWS) as f64;
    let scaled = plan.transform_rows::<f64, f64>(&[0.0, 996.0, expected]).unwrap();
    assert!(
        scaled[0].abs() < 1e-12
            && (scaled[1] - 1.0).abs() < 1e-12
            && (scaled[2] - expected / 996.0).abs() < 1e-12
    );
    let most = source.alive.lock().unwrap().1;
    assert!(most <= 2, "{most} batches of {} were in memory at once", source.batches);
}

#[test]
fn what_cannot_be_fitted_in_batches_is_refused_before_a_row_is_read() {
    let refused = |step: Step, expected: &str| {
        let unread = Reopened::new(|| -> Result<Box<dyn mlcore::arrow::array::RecordBatchReader>> {
            panic!("the source is opened")
        });
        let error = step.fit_batches(&unread).unwrap_err();
        assert!(matches!(error, Error::Unsupported(_)) && error.to_string().starts_with(expected), "{error}");
    };
    let scale = || StandardScaler::default();
    let inner = Pipeline::new().then("robust", RobustScaler::default());
    refused(RobustScaler::default().into(), "fit in parts RobustScaler: its quantiles need all values");
    refused(
        ColumnTransformer::new()
            .with("a", Pipeline::new().then("scale", scale()).then("inner", inner), ["x"])
            .into(),
        "fit in parts RobustScaler: its quantiles need all values",
    );
    refused(
        Pipeline::new().then("encode", LeaveOneOutEncoder::default()).then("scale", scale()).into(),
        "fit in batches encode: a step behind it learns from features that keep each row's own target out",
    );
}

#[test]
fn a_source_that_is_read_once_is_enough_for_one_pass() {
    let table = table(40);
    let reader = || {
        let batches: Vec<_> = batches(&table, 9).into_iter().map(Ok).collect();
        RecordBatchIterator::new(batches, table.schema())
    };
    let scaler = ColumnTransformer::new().with("scale", StandardScaler::default(), ["age"]);
    let once = Reader::new(reader());
    let plan = scaler.fit_batches(&once).unwrap();
    let again = scaler.fit_batches(&once).unwrap_err().to_string();
    assert_eq!(again, "fit in batches reader: it was read already; open it again, and pass the new one");
    assert_eq!(scaler.fit_batches(&Reopened::new(|| Ok(reader()))).unwrap(), plan);
    let error = steps().fit_batches(Batched::new(&Reader::new(reader())).with_target("churned")).unwrap_err();
    let expected = "fit in batches source: the steps need 3 passes over the rows, and the source can be read once; \
                    pass files, a list of batches, or a function that opens the source again";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn a_batch_that_does_not_fit_is_named() {
    let number = |values: Vec<f64>| Arc::new(Float64Array::from(values)) as ArrayRef;
    let batch = |columns: Vec<(&'static str, ArrayRef)>| RecordBatch::try_from_iter(columns).unwrap();
    let first = batch(vec![("x", number(vec![1.0])), ("y", number(vec![1.0]))]);
    let whole: ArrayRef = Arc::new(Int64Array::from(vec![1]));
    let scaler = ColumnTransformer::new().with("scale", StandardScaler::default(), ["x"]);
    for (second, expected) in [
        (batch(vec![("y", number(vec![1.0]))]), "batch 1, x: the column is missing"),
        (
            batch(vec![("x", whole)]),
            "batch 1, x: expected float64, as in the first batch, got int64; cast the column",
        ),
        (batch(vec![("x", number(vec![1.0, f64::INFINITY]))]), "batch 1, x: row 1 holds infinity"),
    ] {
        let error = scaler.fit_batches(&vec![first.clone(), second]).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    let more = batch(vec![("x", number(vec![1.0])), ("y", number(vec![2.0])), ("z", number(vec![1.0]))]);
    let error =
        Step::from(StandardScaler::default()).fit_batches(&vec![first.clone(), more.clone()]).unwrap_err();
    assert!(error.to_string().contains("batch 1, z: the first batch has no such column"), "{error}");
    // A column that nobody names is in nobody's way, and the order of columns is free.
    let plan = scaler
        .fit_batches(&vec![
            first.clone(),
            more,
            batch(vec![("y", number(vec![7.0])), ("x", number(vec![4.0]))]),
        ])
        .unwrap();
    assert_eq!(plan.transform_rows::<f64, f64>(&[2.0]).unwrap(), [0.0]);
    for (source, expected) in [(vec![], "there are no rows"), (vec![first.slice(0, 0)], "there are no rows")]
    {
        let error = scaler.fit_batches(&source).unwrap_err().to_string();
        assert!(error.starts_with("fit in batches source: ") && error.contains(expected), "{error}");
    }
    let error = scaler.fit_batches(Batched::new(&vec![first]).with_target("z")).unwrap_err().to_string();
    assert!(error.contains("batch 0, z: the column is missing; the table has x, y"), "{error}");
}

#[test]
fn a_source_that_changes_and_a_caller_who_stops_are_told() {
    let opened = Mutex::new(0);
    let table = table(30);
    let source = Reopened::new(|| {
        let mut opened = opened.lock().unwrap();
        *opened += 1;
        let batches: Vec<_> = batches(&table, 10).into_iter().take(4 - *opened).map(Ok).collect();
        Ok(RecordBatchIterator::new(batches, table.schema()))
    });
    let pipeline =
        Pipeline::new().then("impute", SimpleImputer::default()).then("scale", StandardScaler::default());
    let numbers = ColumnTransformer::new().with("num", pipeline, ["age"]);
    let error = numbers.fit_batches(&source).unwrap_err();
    assert!(error.to_string().contains("it had 30 rows in one pass, and 20 in the next"), "{error}");
    let stopped = interrupt::scope(|| true, || numbers.fit_batches(&batches(&table, 10)));
    assert!(matches!(stopped, Err(Error::Interrupted(_))), "{stopped:?}");
}

#[cfg(feature = "parquet")]
mod parquet {
    use std::fs::File;

    use ::parquet::arrow::ArrowWriter;
    use ::parquet::basic::Compression;
    use ::parquet::file::properties::WriterProperties;
    use mlcore_features::pipeline::ParquetFiles;

    use super::*;

    #[test]
    fn files_are_the_whole() {
        let (folder, table) = (tempfile::tempdir().unwrap(), table(500));
        let codecs = [
            Compression::UNCOMPRESSED,
            Compression::SNAPPY,
            Compression::LZ4_RAW,
            Compression::GZIP(Default::default()),
        ];
        let paths: Vec<_> = (0..4).map(|file| folder.path().join(format!("{file}.parquet"))).collect();
        for ((path, part), codec) in paths.iter().zip(batches(&table, 125)).zip(codecs) {
            let properties = WriterProperties::builder().set_compression(codec).build();
            let mut writer =
                ArrowWriter::try_new(File::create(path).unwrap(), table.schema(), Some(properties)).unwrap();
            writer.write(&part).unwrap();
            writer.close().unwrap();
        }
        let features = table.project(&[0, 1, 2, 3]).unwrap();
        let whole = steps().fit(Training::new(&features).with_target(table.column(4))).unwrap();
        let files = ParquetFiles::new(&paths).batch_rows(37);
        assert_same(
            &steps().fit_batches(Batched::new(&files).with_target("churned")).unwrap(),
            &whole,
            &features,
        );

        // Only what is asked for is read.
        let read = files.open(&|column| column == "visits").unwrap().map(Result::unwrap).collect::<Vec<_>>();
        assert!(read.iter().all(|batch| batch.num_columns() == 1 && batch.num_rows() <= 37));
        assert_eq!(read.iter().map(RecordBatch::num_rows).sum::<usize>(), 500);
    }

    #[test]
    fn what_is_no_file_of_parquet_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("words.parquet");
        std::fs::write(&path, "these are only words").unwrap();
        let scaler = Step::from(StandardScaler::default());
        let error = scaler.fit_batches(&ParquetFiles::new([&path])).unwrap_err();
        assert!(
            matches!(error, Error::Corrupt(_)) && error.context().subject().ends_with("words.parquet"),
            "{error}"
        );
        let error = scaler.fit_batches(&ParquetFiles::new([folder.path().join("none.parquet")])).unwrap_err();
        assert!(matches!(error, Error::NotFound(_)), "{error}");
        let error = scaler.fit_batches(&ParquetFiles::new(Vec::<String>::new())).unwrap_err();
        assert!(error.to_string().contains("files: there are none"), "{error}");
    }
}
