//! The law of fitting in parts: what is learnt from parts and merged is what is learnt from all rows at once.

use std::sync::{Arc, LazyLock};

use mlcore::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, DictionaryArray, Float64Array, Int64Array, RecordBatch,
    StringArray,
};
use mlcore::arrow::datatypes::{Field, Int32Type, Schema};
use mlcore::stats::SplitMix64;
use mlcore::{Error, Result};
use mlcore_features::transform::{
    Fit, FittedTransformer, JamesSteinEncoder, KBinsDiscretizer, MinMaxScaler, PartialFit, StandardScaler,
    Training, Transform, Transformer,
};
use proptest::prelude::*;
use serde_json::Value;

use crate::golden::equal;
use crate::read::{self, Case, specifications};

/// Those that need all rows at once with any parameters, and a word of the reason. A transformer that is added to the list is
/// here, or learns from parts in some of its golden cases.
const REFUSED: [(&str, &str); 10] = [
    ("RobustScaler", "quantiles"),
    ("TargetEncoder", "fold"),
    ("PowerTransformer", "likelihood"),
    ("QuantileTransformer", "quantiles"),
    ("Winsorizer", "quantiles"),
    ("KNNImputer", "neighbours"),
    ("IterativeImputer", "rounds"),
    ("SelectKBest", "target"),
    ("PCA", "decomposition"),
    ("TruncatedSVD", "decomposition"),
];

/// Those that learn in which order values are seen, so that parts are merged in that order.
const IN_ORDER: [&str; 1] = ["RareLabelEncoder"];

/// How far two numbers may lie apart, relative to the greater: rounding.
const ROUNDING: f64 = 1e-12;

/// The rows of a case from `start` on, so many of them.
struct Rows<'a> {
    table: &'a RecordBatch,
    target: Option<&'a ArrayRef>,
    weights: Option<&'a [f64]>,
}

impl<'a> Rows<'a> {
    fn of(case: &'a Case) -> Self {
        Self { table: &case.train, target: case.target.as_ref(), weights: case.weights.as_deref() }
    }

    fn observe(&self, fit: &mut PartialFit<Transformer>, start: usize, count: usize) -> Result<()> {
        let table = self.table.slice(start, count);
        let target = self.target.map(|target| target.slice(start, count));
        let mut training = Training::new(&table);
        if let Some(target) = &target {
            training = training.with_target(target);
        }
        if let Some(weights) = self.weights {
            training = training.with_weights(&weights[start..start + count]);
        }
        fit.observe(training)
    }

    /// What is learnt from parts that end at these rows.
    fn in_parts(&self, transformer: &Transformer, ends: &[usize]) -> Result<FittedTransformer> {
        let mut fit = PartialFit::new(transformer.clone())?;
        let mut start = 0;
        for end in ends.iter().copied().chain([self.table.num_rows()]) {
            self.observe(&mut fit, start, end - start)?;
            start = end;
        }
        fit.finish()
    }

    /// The same by a learner for each part, whose bytes are merged, the last part first where the order is free.
    fn merged(&self, transformer: &Transformer, ends: &[usize]) -> Result<FittedTransformer> {
        let mut all = PartialFit::new(transformer.clone())?;
        let starts = [0].into_iter().chain(ends.iter().copied());
        let ends = ends.iter().copied().chain([self.table.num_rows()]);
        let mut parts: Vec<(usize, usize)> = starts.zip(ends).collect();
        if !IN_ORDER.contains(&transformer.name()) {
            parts.reverse();
        }
        for (start, end) in parts {
            let mut fit = PartialFit::new(transformer.clone())?;
            self.observe(&mut fit, start, end - start)?;
            let sent = PartialFit::from_bytes(transformer.clone(), &fit.to_bytes()?)?;
            assert_eq!(sent.to_bytes()?, fit.to_bytes()?, "a learner changed on its way");
            all.merge(sent)?;
        }
        all.finish()
    }
}

/// Makes sure that both learnt the same: words, counts and names exactly, floats to rounding.
fn assert_same(what: &str, parts: &FittedTransformer, whole: &FittedTransformer, scale: f64) {
    let json = |fitted: &FittedTransformer| serde_json::to_value(fitted).unwrap();
    if let Some(place) = difference(&json(parts), &json(whole), scale) {
        panic!("{what}: parts and whole differ at {place}");
    }
}

fn difference(parts: &Value, whole: &Value, scale: f64) -> Option<String> {
    let told = || Some(format!(": {parts} and {whole}"));
    match (parts, whole) {
        (Value::Array(left), Value::Array(right)) if left.len() == right.len() => {
            let mut places = left.iter().zip(right).enumerate();
            places.find_map(|(place, (left, right))| {
                difference(left, right, scale).map(|rest| format!("[{place}]{rest}"))
            })
        }
        (Value::Object(left), Value::Object(right)) if left.len() == right.len() => {
            left.iter().find_map(|(name, own)| match right.get(name) {
                Some(other) => difference(own, other, scale).map(|rest| format!(".{name}{rest}")),
                None => Some(format!(".{name}")),
            })
        }
        (Value::Number(left), Value::Number(right)) if left.is_f64() && right.is_f64() => {
            let (left, right) = (left.as_f64().unwrap(), right.as_f64().unwrap());
            let allowed = ROUNDING * left.abs().max(right.abs()) + 1e-14 * scale;
            if (left - right).abs() <= allowed { None } else { told() }
        }
        (left, right) if left == right => None,
        _ => told(),
    }
}

/// The greatest number of a table, within whose last digits a mean that is almost 0 may lie.
fn scale(table: &RecordBatch) -> f64 {
    let columns = table.columns().iter().filter_map(|column| {
        let numbers =
            mlcore::arrow::compute::cast(column, &mlcore::arrow::datatypes::DataType::Float64).ok()?;
        let numbers = numbers.as_primitive_opt::<mlcore::arrow::datatypes::Float64Type>()?.clone();
        Some(
            numbers
                .iter()
                .flatten()
                .filter(|own| own.is_finite())
                .fold(0.0, |most: f64, own| most.max(own.abs())),
        )
    });
    columns.fold(0.0, f64::max)
}

#[test]
fn every_transformer_decides() {
    for name in Transformer::NAMES {
        let refused = REFUSED.iter().find(|(own, _)| own == name);
        let mut taken = 0;
        for (transformer, _) in specifications(name) {
            match (PartialFit::new(transformer), refused) {
                (Ok(_), None) => taken += 1,
                (Ok(_), Some(_)) => panic!("{name} learns from parts"),
                (Err(error), refused) => {
                    assert!(matches!(error, Error::Unsupported(_)), "{error}");
                    assert!(error.to_string().starts_with(&format!("fit in parts {name}: ")), "{error}");
                    assert!(error.context().remedy().is_some(), "{error}");
                    let word = refused.map_or("all", |(_, word)| *word);
                    assert!(error.context().problem().contains(word), "{error}");
                }
            }
        }
        assert!(taken > 0 || refused.is_some(), "{name} is neither refused nor learns from parts");
    }
}

/// Every golden case of every transformer, cut in several ways.
#[test]
fn parts_of_golden_cases_are_the_whole() {
    for name in Transformer::NAMES.iter().filter(|name| !REFUSED.iter().any(|(own, _)| own == *name)) {
        let mut held = 0;
        for (transformer, case) in specifications(name) {
            let text_target =
                case.target.as_ref().is_some_and(|target| target.as_string_opt::<i32>().is_some());
            if PartialFit::new(transformer.clone()).is_err() || text_target {
                continue;
            }
            let (rows, all) = (case.train.num_rows(), Rows::of(&case));
            let whole = transformer.fit(case.training());
            let one = all.in_parts(&transformer, &[]);
            match (&whole, &one) {
                (Ok(whole), Ok(one)) => assert_eq!(format!("{one:?}"), format!("{whole:?}"), "{}", case.name),
                (Err(_), Err(error)) => {
                    assert!(error.is_caller_fault(), "{}: {error}", case.name);
                    continue;
                }
                _ => panic!("{}: one part is {one:?}, all rows are {whole:?}", case.name),
            }
            let whole = whole.unwrap();
            let scale = scale(&case.train);
            for ends in [vec![rows / 2], vec![0, rows / 3, rows / 3, 2 * rows / 3, rows], vec![1.min(rows)]] {
                let parts = all
                    .in_parts(&transformer, &ends)
                    .unwrap_or_else(|error| panic!("{}: {error}", case.name));
                assert_same(&case.name, &parts, &whole, scale);
                let merged =
                    all.merged(&transformer, &ends).unwrap_or_else(|error| panic!("{}: {error}", case.name));
                assert_same(&case.name, &merged, &whole, scale);
                held += 1;
            }
        }
        assert!(held >= 3, "{name} was cut {held} times");
    }
}

/// scikit-learn's `partial_fit`, part after part.
#[test]
fn partial_fit_equals_scikit_learns() {
    let cases = read::cases("partial_fit");
    assert!(cases.len() >= 36, "{} cases", cases.len());
    for case in &cases {
        let transformer = read::transformer(read::text(&case.answers["transformer"]), case).unwrap();
        let counts = case.answers["parts"].as_array().unwrap().iter();
        let mut end = 0;
        let mut ends: Vec<usize> = counts
            .map(|count| {
                end += count.as_u64().unwrap() as usize;
                end
            })
            .collect();
        ends.pop();
        let fitted = Rows::of(case).in_parts(&transformer, &ends).unwrap();
        let attributes = fitted.attributes();
        for (name, expected) in case.answers["attributes"].as_object().unwrap() {
            let (_, own) = attributes.iter().find(|(own, _)| own == name).unwrap();
            assert!(
                equal(own, expected, 1e-12),
                "{}: {name}: ours {own:?}, scikit-learn {expected}",
                case.name
            );
        }
    }
}

/// A table of numbers and words with nulls, drawn from a seed, and a target of two classes.
fn random(seed: u64, rows: usize) -> (RecordBatch, RecordBatch, RecordBatch, ArrayRef, Vec<f64>) {
    let mut choices = SplitMix64::new(seed);
    let some = |choices: &mut SplitMix64| choices.below(5) > 0;
    let offset = [0.0, 3.0, 1000.0][choices.below(3)];
    let float = |choices: &mut SplitMix64| offset + (choices.uniform() - 0.5) * 20.0;
    let gaps: Float64Array = (0..rows).map(|_| some(&mut choices).then(|| float(&mut choices))).collect();
    let full: Float64Array = (0..rows).map(|_| Some(float(&mut choices))).collect();
    let whole: Int64Array =
        (0..rows).map(|_| some(&mut choices).then(|| choices.below(7) as i64 - 3)).collect();
    let counts: Int64Array = (0..rows).map(|_| Some(choices.below(5) as i64)).collect();
    let word = |choices: &mut SplitMix64| {
        ["", "a", "b c", "b", "a long name of a category", "Zürich c"][choices.below(6)]
    };
    let words: StringArray = (0..rows).map(|_| some(&mut choices).then(|| word(&mut choices))).collect();
    let notes: StringArray = (0..rows).map(|_| Some(word(&mut choices))).collect();
    let target: BooleanArray = (0..rows).map(|row| Some(row % 5 == 0 || choices.below(2) == 0)).collect();
    let table = |columns: Vec<(&str, ArrayRef)>| {
        let fields: Vec<Field> =
            columns.iter().map(|(name, own)| Field::new(*name, own.data_type().clone(), true)).collect();
        let arrays = columns.into_iter().map(|(_, own)| own).collect();
        RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).unwrap()
    };
    let weights = (0..rows).map(|_| choices.below(4) as f64 / 2.0).collect();
    (
        table(vec![("full", Arc::new(full)), ("counts", Arc::new(counts))]),
        table(vec![("gaps", Arc::new(gaps)), ("whole", Arc::new(whole))]),
        table(vec![("words", Arc::new(words)), ("notes", Arc::new(notes))]),
        Arc::new(target),
        weights,
    )
}

/// Those that learn from parts: the parameters of the golden cases of each.
static LEARNERS: LazyLock<Vec<Vec<Transformer>>> = LazyLock::new(|| {
    let of = |name: &&str| {
        let known = specifications(name).into_iter().map(|(transformer, _)| transformer);
        known.filter(|transformer| PartialFit::new(transformer.clone()).is_ok()).collect::<Vec<_>>()
    };
    Transformer::NAMES.iter().map(of).filter(|known| !known.is_empty()).collect()
});

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    /// Random tables and cuts for each transformer, with and without weights, in order and backwards.
    #[test]
    fn parts_are_the_whole(seed in any::<u64>(), rows in 4_usize..80, cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6)) {
        let (full, gaps, texts, target, weights) = random(seed, rows);
        let mut ends: Vec<usize> = cuts.iter().map(|cut| cut.index(rows + 1)).collect();
        ends.sort_unstable();
        for known in LEARNERS.iter() {
            let transformer = &known[(seed % known.len() as u64) as usize];
            for table in [&full, &gaps, &texts] {
                for weights in [None, Some(weights.as_slice())] {
                    let all = Rows { table, target: Some(&target), weights };
                    let mut training = Training::new(table).with_target(&target);
                    if let Some(weights) = weights {
                        training = training.with_weights(weights);
                    }
                    let Ok(whole) = transformer.fit(training) else { continue };
                    let scale = scale(table);
                    let name = transformer.name();
                    assert_same(name, &all.in_parts(transformer, &ends).unwrap(), &whole, scale);
                    assert_same(name, &all.merged(transformer, &ends).unwrap(), &whole, scale);
                }
            }
        }
    }
}

fn numbers(values: Vec<Option<f64>>) -> RecordBatch {
    RecordBatch::try_from_iter([("x", Arc::new(Float64Array::from(values)) as ArrayRef)]).unwrap()
}

#[test]
fn a_dictionary_is_text_in_any_part() {
    let plain: ArrayRef = Arc::new(StringArray::from(vec!["b", "a"]));
    let coded: ArrayRef = Arc::new(vec!["c", "a"].into_iter().collect::<DictionaryArray<Int32Type>>());
    let part = |column| RecordBatch::try_from_iter([("plan", column)]).unwrap();
    let encoder = Transformer::new("OneHotEncoder", &mlcore_features::transform::Parameters::new()).unwrap();
    let mut fit = PartialFit::new(encoder).unwrap();
    fit.observe(&part(plain)).unwrap();
    fit.observe(&part(coded)).unwrap();
    assert_eq!(fit.finish().unwrap().feature_names_out().unwrap(), ["plan_a", "plan_b", "plan_c"]);
}

#[test]
fn what_a_part_may_not_be_is_named() {
    let scaler = || PartialFit::new(StandardScaler::default()).unwrap();
    let nothing = scaler().finish().unwrap_err().to_string();
    assert_eq!(nothing, "fit StandardScaler table: it has no rows, and at least one is needed");

    let mut fit = scaler();
    fit.observe(&numbers(vec![Some(1.0), Some(3.0)])).unwrap();
    let before = fit.to_bytes().unwrap();
    let text =
        RecordBatch::try_from_iter([("x", Arc::new(StringArray::from(vec!["a"])) as ArrayRef)]).unwrap();
    let other =
        RecordBatch::try_from_iter([("y", Arc::new(Float64Array::from(vec![1.0])) as ArrayRef)]).unwrap();
    for (wrong, expected) in [
        (text, "fit in parts x: expected float64, as in earlier parts, got string; cast the column"),
        (other, "fit in parts y: earlier parts have no such column; leave it out"),
        (numbers(vec![Some(f64::INFINITY)]), "fit StandardScaler x: row 0 holds infinity"),
    ] {
        let error = fit.observe(&wrong).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}");
    }
    assert_eq!(fit.to_bytes().unwrap(), before, "a refused part left something behind");

    let mut short = PartialFit::new(StandardScaler::default().with_mean(false)).unwrap();
    short.observe(&numbers(vec![Some(1.0)])).unwrap();
    let error = fit.merge(short).unwrap_err().to_string();
    assert!(error.starts_with("fit in parts part: it is of StandardScaler(with_mean=False"), "{error}");
    assert_eq!(fit.finish().unwrap().mean(), Some(&[2.0][..]));

    let mut elsewhere = scaler();
    let named = |name: &str| {
        RecordBatch::try_from_iter([(name, Arc::new(Float64Array::from(vec![1.0])) as ArrayRef)]).unwrap()
    };
    elsewhere.observe(&named("y")).unwrap();
    let mut here = scaler();
    here.observe(&named("x")).unwrap();
    let error = here.merge(elsewhere).unwrap_err().to_string();
    assert!(error.starts_with("fit in parts y: earlier parts have x in its place"), "{error}");
    assert_eq!(here.rows(), 1);

    let mut weighed = scaler();
    let table = numbers(vec![Some(1.0)]);
    weighed.observe(Training::new(&table).with_weights(&[0.0])).unwrap();
    assert_eq!(weighed.clone().finish().unwrap_err().to_string(), "fit StandardScaler weights: all are 0");
    weighed.observe(Training::new(&numbers(vec![Some(5.0)])).with_weights(&[0.5])).unwrap();
    assert_eq!(weighed.finish().unwrap().mean(), Some(&[5.0][..]));

    let mut unweighed = PartialFit::new(MinMaxScaler::default()).unwrap();
    let error = unweighed.observe(Training::new(&table).with_weights(&[1.0])).unwrap_err().to_string();
    assert!(error.starts_with("fit MinMaxScaler weights: it cannot weigh rows"), "{error}");

    let churned: ArrayRef = Arc::new(StringArray::from(vec!["yes"]));
    let mut supervised = PartialFit::new(JamesSteinEncoder::default()).unwrap();
    let error = supervised.observe(Training::new(&table).with_target(&churned)).unwrap_err().to_string();
    assert!(error.starts_with("fit JamesSteinEncoder target: texts count as their positions"), "{error}");

    let error = PartialFit::new(KBinsDiscretizer::default()).unwrap_err().to_string();
    assert!(error.contains("use the strategy uniform with subsample=None"), "{error}");
}

#[test]
fn a_part_without_values_changes_nothing() {
    let mut fit = PartialFit::new(StandardScaler::default()).unwrap();
    for part in [vec![None, None], vec![Some(1.0), Some(3.0)], vec![], vec![None]] {
        fit.observe(&numbers(part)).unwrap();
    }
    assert_eq!(fit.rows(), 5);
    let fitted = fit.finish().unwrap();
    assert_eq!((fitted.mean(), fitted.var()), (Some(&[2.0][..]), Some(&[1.0][..])));
}
