//! Random plans of several steps on random tables, and plans written in every version of the operators.

use std::collections::BTreeMap;
use std::sync::Arc;

use mlcore::arrow::array::{
    ArrayRef, BooleanArray, Float32Array, Float64Array, Int64Array, RecordBatch, StringArray,
};
use mlcore::arrow::datatypes::{Field, Schema};
use mlcore::runner::{RunOptions, Runner};
use mlcore::stats::SplitMix64;
use mlcore_features::onnx::{FloatType, OnnxExport};
use mlcore_features::pipeline::{ColumnTransformer, Pipeline, Plan, Step};
use mlcore_features::transform::{
    CountEncoder, Encode, HandleUnknown, KBinsDiscretizer, MinMaxScaler, Normalizer, OneHotEncoder,
    OrdinalEncoder, OutputDistribution, PCA, PolynomialFeatures, PowerTransformer, QuantileTransformer,
    SimpleImputer, SplineTransformer, StandardScaler, Strategy, Winsorizer,
};

use crate::compare::{Outcome, compare, inputs, is_close, load};

/// So many columns of each type: floats, narrow floats, integers, truth values and texts.
const EACH: usize = 2;

fn column(choices: &mut SplitMix64, kind: usize, rows: usize, is_nullable: bool, is_wild: bool) -> ArrayRef {
    let float = |choices: &mut SplitMix64| match choices.below(if is_wild { 12 } else { 8 }) {
        0 => choices.below(4) as f64,
        1 if is_nullable => f64::NAN,
        8 => 1e9,
        9 => f64::INFINITY,
        _ => (choices.uniform() - 0.5) * 20.0,
    };
    macro_rules! of {
        ($array:ty, $make:expr) => {
            Arc::new(
                (0..rows)
                    .map(|_| (!(is_nullable && choices.below(8) == 0)).then(|| $make(&mut *choices)))
                    .collect::<$array>(),
            )
        };
    }
    match kind {
        0 => of!(Float64Array, float),
        1 => of!(Float32Array, |choices: &mut SplitMix64| float(choices) as f32),
        2 => {
            of!(Int64Array, |choices: &mut SplitMix64| choices.below(5 + 3 * usize::from(is_wild)) as i64 - 2)
        }
        3 => of!(BooleanArray, |choices: &mut SplitMix64| choices.below(2) == 0),
        _ => of!(StringArray, |choices: &mut SplitMix64| {
            let words = ["", "a", "Zürich", "a text of more than sixteen bytes", "never seen"];
            words[choices.below(4 + usize::from(is_wild))].to_owned()
        }),
    }
}

fn table(choices: &mut SplitMix64, nullable: &[bool], rows: usize, is_wild: bool) -> RecordBatch {
    let (mut fields, mut arrays) = (Vec::new(), Vec::new());
    for (position, is_nullable) in nullable.iter().enumerate() {
        let array = column(choices, position / EACH, rows, *is_nullable, is_wild);
        fields.push(Field::new(format!("c{position}"), array.data_type().clone(), *is_nullable));
        arrays.push(array);
    }
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).unwrap()
}

/// Steps over columns of numbers.
fn numeric(choices: &mut SplitMix64) -> Step {
    let steps = Pipeline::new();
    let steps = if choices.below(4) > 0 {
        let strategy = [Strategy::Mean, Strategy::Median, Strategy::MostFrequent][choices.below(3)];
        steps.then("impute", SimpleImputer::default().strategy(strategy).add_indicator(choices.below(3) == 0))
    } else {
        steps
    };
    let bins = KBinsDiscretizer::default().n_bins(4);
    match choices.below(10) {
        0 => steps.then("power", PowerTransformer::default()),
        1 => steps.then("quantile", QuantileTransformer::default().n_quantiles(7)),
        2 => {
            let normal = QuantileTransformer::default().n_quantiles(9);
            steps.then("quantile", normal.output_distribution(OutputDistribution::Normal))
        }
        3 => steps.then("spline", SplineTransformer::default()).then("scale", MinMaxScaler::default()),
        4 => steps.then("bins", bins),
        5 => steps.then("bins", bins.encode(Encode::Ordinal)).then("scale", StandardScaler::default()),
        6 => steps.then("products", PolynomialFeatures::default()).then("scale", StandardScaler::default()),
        7 => steps.then("directions", PCA::default()).then("length", Normalizer::default()),
        8 => steps.then("ends", Winsorizer::default()).then("scale", StandardScaler::default()),
        _ => steps.then("scale", StandardScaler::default()).then("range", MinMaxScaler::default().clip(true)),
    }
    .into()
}

/// Steps over columns of categories.
fn categorical(choices: &mut SplitMix64) -> Step {
    match choices.below(5) {
        0 => OneHotEncoder::default().into(),
        1 => OneHotEncoder::default().handle_unknown(HandleUnknown::Ignore).into(),
        2 => OrdinalEncoder::default().unknown_value(-1.0).into(),
        3 => CountEncoder::default().into(),
        _ => Pipeline::new()
            .then("impute", SimpleImputer::default().strategy(Strategy::MostFrequent))
            .then("encode", OneHotEncoder::default().handle_unknown(HandleUnknown::Ignore))
            .then("scale", StandardScaler::default())
            .into(),
    }
}

fn plan(choices: &mut SplitMix64, train: &RecordBatch) -> Option<Plan> {
    let names = |kinds: std::ops::Range<usize>| {
        (kinds.start * EACH..kinds.end * EACH).map(|position| format!("c{position}"))
    };
    let numbers = [0..2, 0..3, 2..4][choices.below(3)].clone();
    let categories = [2..5, 4..5, 3..5, 0..1][choices.below(4)].clone();
    let mut columns = ColumnTransformer::new().with("numbers", numeric(choices), names(numbers)).with(
        "categories",
        categorical(choices),
        names(categories),
    );
    if choices.below(2) == 0 {
        columns = columns.with("rest", Step::Passthrough, names(1..2));
    }
    columns.fit(train).ok()
}

fn run(seed: u64) -> Option<Outcome> {
    let mut choices = SplitMix64::new(seed);
    let nullable: Vec<bool> = (0..5 * EACH).map(|_| choices.below(2) == 0).collect();
    let train = table(&mut choices, &nullable, 40, false);
    let plan = plan(&mut choices, &train)?;
    let is_wild = choices.below(4) == 0;
    let rows = choices.below(30);
    let test = table(&mut choices, &nullable, rows, is_wild);
    let export = OnnxExport::default().with_missing_text("<missing>");
    Some(compare(&plan, &test, &export, &format!("seed {seed}")).unwrap_or_else(|error| panic!("{error}")))
}

#[test]
fn random_plans_agree() {
    let mut seen = BTreeMap::new();
    for seed in 0..150 {
        *seen.entry(run(seed * 7919)).or_insert(0) += 1;
    }
    for (outcome, least) in [(Outcome::Equal, 50), (Outcome::Refused, 10)] {
        assert!(seen.get(&Some(outcome)).is_some_and(|count| *count >= least), "{seen:?}");
    }
}

#[test]
fn every_version_of_the_operators_says_the_same() {
    let mut choices = SplitMix64::new(5);
    let train = table(&mut choices, &[true; 5 * EACH], 40, false);
    let columns = |kinds: std::ops::Range<usize>| {
        (kinds.start * EACH..kinds.end * EACH).map(|position| format!("c{position}"))
    };
    let numbers = Pipeline::new()
        .then("impute", SimpleImputer::default())
        .then("power", PowerTransformer::default())
        .then("spline", SplineTransformer::default());
    let plan = ColumnTransformer::new()
        .with("numbers", numbers, columns(0..2))
        .with(
            "bins",
            Pipeline::new()
                .then("impute", SimpleImputer::default())
                .then("bins", KBinsDiscretizer::default()),
            columns(0..1),
        )
        .with("categories", OneHotEncoder::default(), columns(2..5))
        .fit(&train)
        .unwrap();
    for opset in 12..=24 {
        let export = OnnxExport::default().with_missing_text("<missing>").with_opset(opset);
        assert_eq!(compare(&plan, &train, &export, &format!("opset {opset}")).unwrap(), Outcome::Equal);
    }
}

#[test]
fn categories_and_points_are_found_among_many() {
    let rows = 3000;
    let number = |row: i64| (row * 7919 % 1000) as f64 / 8.0;
    let floats: Float64Array = (0..rows).map(|row| Some(number(row))).collect();
    let integers: Int64Array = (0..rows).map(|row| Some(row * row % 1499 - 700)).collect();
    let train = RecordBatch::try_from_iter([
        ("floats", Arc::new(floats) as ArrayRef),
        ("integers", Arc::new(integers)),
    ])
    .unwrap();
    let ends: Float64Array = [-1.0, 0.0, 0.0625, 0.125, 62.5, 124.875, 1e9].into_iter().map(Some).collect();
    let others: Int64Array = [i64::MIN, -701, -700, 0, 3, 798, i64::MAX].into_iter().map(Some).collect();
    let test =
        RecordBatch::try_from_iter([("floats", Arc::new(ends) as ArrayRef), ("integers", Arc::new(others))])
            .unwrap();
    let quantiles = QuantileTransformer::default().n_quantiles(700);
    let plan = ColumnTransformer::new()
        .with("quantiles", quantiles, ["floats"])
        .with("bins", KBinsDiscretizer::default().n_bins(200).encode(Encode::Ordinal), ["floats"])
        .with("numbers", OrdinalEncoder::default().unknown_value(-1.0), ["floats", "integers"])
        .fit(&train)
        .unwrap();
    for table in [&train, &test] {
        let export = OnnxExport::default().with_integers_are_present(true);
        let outcome = compare(&plan, table, &export, "many").unwrap();
        assert_eq!(outcome, Outcome::Equal);
    }
}

#[test]
fn rounded_inputs_find_their_categories() {
    let prices = Float64Array::from(vec![0.1, 0.3, 0.7, 0.1]);
    let train = RecordBatch::try_from_iter([("price", Arc::new(prices) as ArrayRef)]).unwrap();
    let plan = ColumnTransformer::new().with("one", OneHotEncoder::default(), ["price"]).fit(&train).unwrap();
    let export = OnnxExport::default().with_float_inputs(FloatType::Float32);
    assert_eq!(compare(&plan, &train, &export, "rounded").unwrap(), Outcome::Equal);
}

#[test]
fn wide_features_are_those_of_the_executors() {
    let ages = Float64Array::from(vec![0.1, 0.3, 1e-300, -7.0]);
    let train = RecordBatch::try_from_iter([("age", Arc::new(ages) as ArrayRef)]).unwrap();
    let plan =
        ColumnTransformer::new().with("scale", StandardScaler::default(), ["age"]).fit(&train).unwrap();
    let export = OnnxExport::default().with_features(FloatType::Float64).with_output("scaled");
    let model = load(&plan.to_onnx(&export).unwrap());
    let answer = model.run(&inputs(&plan, &model, &train, ""), &RunOptions::default()).unwrap();
    let expected = plan.transform_dense::<f64>(&train).unwrap();
    assert_eq!(answer.tensor("scaled").unwrap(), &expected);
    assert!(!is_close(1.0, 1.0 + 2e-6), "the comparison would miss a difference");
}
