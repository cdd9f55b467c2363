//! Every transformer on every float there is: an answer or an error, at once.

use std::sync::Arc;
use std::time::{Duration, Instant};

use mlcore::arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch};
use mlcore_features::pipeline::Plan;
use mlcore_features::transform::{
    BinStrategy, Encode, Fit, KBinsDiscretizer, MinMaxScaler, OneHotEncoder, OrdinalEncoder, Parameters,
    QuantileMethod, SimpleImputer, Strategy, Training, Transformer,
};
use proptest::prelude::*;

const METHODS: [QuantileMethod; 9] = [
    QuantileMethod::InvertedCdf,
    QuantileMethod::AveragedInvertedCdf,
    QuantileMethod::ClosestObservation,
    QuantileMethod::InterpolatedInvertedCdf,
    QuantileMethod::Hazen,
    QuantileMethod::Weibull,
    QuantileMethod::Linear,
    QuantileMethod::MedianUnbiased,
    QuantileMethod::NormalUnbiased,
];

fn transformers() -> Vec<Transformer> {
    let bins = KBinsDiscretizer::default().n_bins(3);
    let default = |name: &&str| Transformer::new(name, &Parameters::new()).unwrap();
    let mut all: Vec<Transformer> = Transformer::NAMES.iter().map(default).collect();
    let more: [Transformer; 9] = [
        MinMaxScaler::default().feature_range(-1e300, 1e300).clip(true).into(),
        SimpleImputer::default().add_indicator(true).into(),
        SimpleImputer::default().strategy(Strategy::Median).into(),
        SimpleImputer::default().strategy(Strategy::MostFrequent).into(),
        OneHotEncoder::default().max_categories(3).into(),
        OrdinalEncoder::default().unknown_value(-1.0).into(),
        bins.clone().strategy(BinStrategy::Uniform).into(),
        bins.clone().strategy(BinStrategy::Kmeans).encode(Encode::Ordinal).into(),
        bins.clone().n_bins(5000).encode(Encode::Ordinal).into(),
    ];
    all.extend(more);
    all.extend(METHODS.map(|method| bins.clone().quantile_method(method).into()));
    all
}

fn table(values: &[f64]) -> RecordBatch {
    let column: ArrayRef = Arc::new(Float64Array::from(values.to_vec()));
    RecordBatch::try_from_iter([("x", column)]).unwrap()
}

/// Fits, transforms both tables, inverts; errors are answers.
fn run(train: &[f64], test: &[f64]) {
    let target: ArrayRef = Arc::new((0..train.len() as i64).map(|row| Some(row % 2)).collect::<Int64Array>());
    let (train, test) = (table(train), table(test));
    for transformer in transformers() {
        let start = Instant::now();
        if let Ok((fitted, _)) = transformer.fit_transform(Training::new(&train).with_target(&target)) {
            let plan = Plan::new(fitted).unwrap();
            for table in [&train, &test] {
                if let Ok(features) = plan.transform(table) {
                    drop(plan.inverse_transform(&features));
                }
            }
        }
        assert!(start.elapsed() < Duration::from_secs(20), "{transformer:?} took {:?}", start.elapsed());
    }
}

#[test]
fn named_extremes_are_answered() {
    let odd = [
        f64::NAN,
        f64::INFINITY,
        f64::NEG_INFINITY,
        f64::MAX,
        f64::MIN,
        f64::MIN_POSITIVE,
        5e-324,
        -0.0,
        0.0,
        1.0,
    ];
    run(&[], &odd);
    run(&odd, &odd);
    for value in odd {
        run(&[value], &odd);
        run(&[value; 9], &odd);
        for other in odd {
            run(&[value, other], &odd);
            run(&[value, other, 1.0, value], &odd);
        }
    }
    run(&[f64::MAX, f64::MIN, 0.0, 1.0, f64::MAX, -1.0], &odd);
    run(&(0..50).map(|step| f64::from(step) * 5e-324).collect::<Vec<f64>>(), &odd);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_floats_are_answered(
        train in prop::collection::vec(any::<f64>(), 0..30),
        test in prop::collection::vec(any::<f64>(), 0..10),
    ) {
        run(&train, &test);
        let finite: Vec<f64> = train.iter().copied().filter(|value| value.is_finite()).collect();
        run(&finite, &test);
    }
}
