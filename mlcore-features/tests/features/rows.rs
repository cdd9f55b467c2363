//! Rows of numbers side by side are the table of their columns, to the bit and in what is refused.

use std::sync::Arc;

use mlcore::arrow::array::{ArrayRef, Float32Array, Float64Array, Int64Array, RecordBatch};
use mlcore::stats::SplitMix64;
use mlcore_features::pipeline::{ColumnTransformer, Output, Pipeline, Plan, Step};
use mlcore_features::transform::{
    Binarizer, Encode, Fit, Function, FunctionTransformer, KBinsDiscretizer, MaxAbsScaler, MinMaxScaler,
    Normalizer, OneHotEncoder, PowerTransformer, QuantileTransformer, RobustScaler, SimpleImputer,
    SplineTransformer, StandardScaler, Strategy, Winsorizer,
};

const COLUMNS: usize = 6;

fn steps() -> Vec<Step> {
    let median = || SimpleImputer::default().strategy(Strategy::Median);
    let clipped = || MinMaxScaler::default().feature_range(-2.0, 0.5).clip(true);
    vec![
        StandardScaler::default().into(),
        StandardScaler::default().with_mean(false).into(),
        StandardScaler::default().with_std(false).into(),
        MinMaxScaler::default().into(),
        clipped().into(),
        MaxAbsScaler::default().into(),
        MaxAbsScaler::default().clip(true).into(),
        median().into(),
        Pipeline::new().then("impute", median()).then("scale", StandardScaler::default()).into(),
        Pipeline::new().then("impute", median()).then("scale", clipped()).into(),
        Pipeline::new().then("first", clipped()).then("second", StandardScaler::default()).into(),
        Step::Passthrough,
        Normalizer::default().into(),
        RobustScaler::default().into(),
        PowerTransformer::default().into(),
        QuantileTransformer::default().into(),
        SplineTransformer::default().into(),
        Pipeline::new().then("cut", Winsorizer::default()).then("sign", Binarizer::default()).into(),
        Pipeline::new()
            .then("curve", FunctionTransformer::default().func(Function::Arctan))
            .then("scale", StandardScaler::default())
            .into(),
        KBinsDiscretizer::default().n_bins(3).encode(Encode::Ordinal).into(),
        // Columns out of order, and steps of several kinds.
        ColumnTransformer::new()
            .with("a", MinMaxScaler::default(), ["c3", "c0", "c5"])
            .with("b", StandardScaler::default(), ["c1", "c2", "c4"])
            .into(),
        ColumnTransformer::new()
            .with("a", clipped(), ["c0", "c1", "c2"])
            .with("b", StandardScaler::default(), ["c3", "c4", "c5"])
            .into(),
    ]
}

fn table(columns: impl Fn(usize) -> ArrayRef) -> RecordBatch {
    let columns = (0..COLUMNS).map(|column| (format!("c{column}"), columns(column), true));
    RecordBatch::try_from_iter_with_nullable(columns).unwrap()
}

/// Fitted on doubles, on floats and on integers.
fn plans(step: &Step) -> Vec<Plan> {
    let value = |row: usize, column: usize| ((row * 7 + column * 3) % 11) as f64 - 4.0;
    let rows = || 0..40_usize;
    let doubles =
        table(|column| Arc::new(rows().map(|row| value(row, column) / 3.0).collect::<Float64Array>()));
    let floats =
        table(|column| Arc::new(rows().map(|row| value(row, column) as f32).collect::<Float32Array>()));
    let whole = table(|column| Arc::new(rows().map(|row| value(row, column) as i64).collect::<Int64Array>()));
    [doubles, floats, whole]
        .iter()
        .map(|table| Plan::new(step.learn(&table.into()).unwrap()).unwrap())
        .collect()
}

fn rows(random: &mut SplitMix64, count: usize, odd: f64) -> Vec<f64> {
    const ODD: [f64; 9] = [
        f64::NAN,
        f64::INFINITY,
        f64::NEG_INFINITY,
        1e308,
        -1e308,
        5e-324,
        -0.0,
        0.1,
        9_007_199_254_740_993.0,
    ];
    (0..count * COLUMNS)
        .map(|_| match random.uniform() {
            uniform if uniform < odd => ODD[random.below(ODD.len())],
            uniform if uniform < 0.2 => f64::NAN,
            _ => 20.0 * (random.uniform() - 0.5),
        })
        .collect()
}

fn check<I: Copy + Into<f64> + Sync, T: Output + Default>(plan: &Plan, rows: &[I]) {
    let columns = table(|column| {
        let values = rows.iter().skip(column).step_by(COLUMNS);
        Arc::new(values.map(|value| (*value).into()).collect::<Float64Array>())
    });
    let told = |error: mlcore::Error| error.to_string();
    let expected = plan.transform_dense::<T>(&columns).and_then(|matrix| matrix.into_values::<T>());
    let found = plan.transform_rows::<I, T>(rows);
    let bits = |values: Vec<T>| values.into_iter().map(|value| value.to_f64().to_bits()).collect::<Vec<_>>();
    assert_eq!(found.map(bits).map_err(told), expected.map(bits).map_err(told));
}

#[test]
fn rows_are_the_table_of_their_columns() {
    let mut random = SplitMix64::new(17);
    for step in steps() {
        for plan in plans(&step) {
            for count in [0, 1, 5, 1030] {
                for odd in [0.0, 0.001, 0.1] {
                    let rows = rows(&mut random, count, odd);
                    check::<f64, f64>(&plan, &rows);
                    check::<f64, f32>(&plan, &rows);
                    let narrow: Vec<f32> = rows.iter().map(|value| *value as f32).collect();
                    check::<f32, f64>(&plan, &narrow);
                    check::<f32, f32>(&plan, &narrow);
                }
            }
        }
    }
}

#[test]
fn what_is_no_number_of_rows_is_refused() {
    let plan = plans(&StandardScaler::default().into()).remove(0);
    let error = plan.transform_rows::<f64, f64>(&[0.0; 7]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "transform rows: 7 numbers are no rows of 6 columns; pass one number per column of the plan's input in every row"
    );
    let words = Arc::new(mlcore::arrow::array::StringArray::from(vec!["a", "b"]));
    let words = RecordBatch::try_from_iter([("word", words as ArrayRef)]).unwrap();
    let plan = ColumnTransformer::new().with("hot", OneHotEncoder::default(), ["word"]).fit(&words).unwrap();
    assert!(matches!(plan.transform_rows::<f64, f64>(&[1.0]), Err(mlcore::Error::SchemaMismatch(_))));
}
