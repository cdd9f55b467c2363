//! Random plans on random tables: one row at a time and all rows at once give the same bits and the same errors.

use std::sync::{Arc, LazyLock};

use mlcore::arrow::array::{Array, ArrayRef, AsArray, Float64Array, Int64Array, RecordBatch, StringArray};
use mlcore::arrow::compute::cast;
use mlcore::arrow::datatypes::{DataType, Float64Type};
use mlcore::batch::{Row, Value};
use mlcore::schema::{DType, Field, Schema};
use mlcore::stats::SplitMix64;
use mlcore_features::pipeline::{ColumnTransformer, FeatureUnion, Pipeline, Plan, Remainder, Step};
use mlcore_features::transform::{
    Analyzer, CountVectorizer, Drop, FeatureHasher, Fit, HandleUnknown, Handling, HashedCrossing,
    HashingVectorizer, MinFrequency, MissingValues, Norm, Normalizer, OneHotEncoder, OrdinalEncoder,
    OutputMode, RareLabelEncoder, SimpleImputer, StandardScaler, Strategy, TfidfVectorizer, Training,
    Transformer,
};
use proptest::prelude::*;

use crate::random::{Choices, TAME, TYPES, Wildness, array, relaid, table, target};
use crate::read::specifications;
use crate::sparse;

/// The transformers of the list that take this table, with all parameters of their golden files that let them.
fn takers(table: &RecordBatch) -> Vec<Vec<Transformer>> {
    let targets = [2, 3].map(|classes| target(table.num_rows(), classes));
    let takes = |transformer: &Transformer| {
        targets.iter().any(|target| transformer.fit(Training::new(table).with_target(target)).is_ok())
    };
    let known = Transformer::NAMES
        .iter()
        .map(|name| specifications(name).into_iter().map(|(own, _)| own).filter(takes).collect::<Vec<_>>());
    known.filter(|known| !known.is_empty()).collect()
}

fn one_of(choices: &mut SplitMix64, known: &[Vec<Transformer>]) -> Step {
    let own = &known[choices.below(known.len())];
    own[choices.below(own.len())].clone().into()
}

fn encoder(choices: &mut SplitMix64) -> Step {
    static KNOWN: LazyLock<Vec<Vec<Transformer>>> = LazyLock::new(|| {
        let words = StringArray::from_iter_values((0..30).map(|row| ["", "a", "b"][row * 7 % 11 % 3]));
        takers(&table(&[("a".to_owned(), Arc::new(words) as ArrayRef, false)]))
    });
    let unknown =
        [HandleUnknown::Error, HandleUnknown::Ignore, HandleUnknown::InfrequentIfExist][choices.below(3)];
    if choices.chance(30) {
        return one_of(choices, &KNOWN);
    }
    if choices.chance(40) {
        let encoder = OrdinalEncoder::default();
        return if choices.chance(70) { encoder.unknown_value(-1.0) } else { encoder }.into();
    }
    let mut encoder = OneHotEncoder::default().handle_unknown(unknown);
    match choices.below(4) {
        0 => encoder = encoder.drop(Drop::First),
        1 => encoder = encoder.drop(Drop::IfBinary),
        _ => {}
    }
    match choices.below(4) {
        0 => encoder = encoder.min_frequency(MinFrequency::Fraction(0.2)),
        1 => encoder = encoder.max_categories(3),
        _ => {}
    }
    encoder.into()
}

/// A transformer that reads texts.
fn reader(choices: &mut SplitMix64) -> Step {
    match choices.below(7) {
        0 => HashingVectorizer::default().n_features(1 + choices.below(6)).ngram_range(1, 2).into(),
        1 => HashingVectorizer::default().n_features(5).analyzer(Analyzer::Char).norm(None).into(),
        2 => CountVectorizer::default().analyzer(Analyzer::Char).ngram_range(1, 2).max_features(9).into(),
        5 => HashedCrossing::default().num_bins(1 + choices.below(9)).output_mode(OutputMode::OneHot).into(),
        6 => HashedCrossing::default().num_bins(1000).handle_missing(Handling::ReturnNan).into(),
        3 => TfidfVectorizer::default().analyzer(Analyzer::CharWb).ngram_range(2, 3).into(),
        _ => FeatureHasher::default().n_features(1 + choices.below(9)).into(),
    }
}

/// Any transformer that takes numbers, with any parameters of its golden file that let it.
fn numeric_step(choices: &mut SplitMix64) -> Step {
    static KNOWN: LazyLock<Vec<Vec<Transformer>>> = LazyLock::new(|| {
        let values = |shift: usize| (0..30).map(|row| ((row * 7 + shift) % 11) as f64).collect::<Vec<f64>>();
        let columns = ["a", "b"].into_iter().zip([1, 4]).map(|(name, shift)| {
            (name.to_owned(), Arc::new(Float64Array::from(values(shift))) as ArrayRef, false)
        });
        takers(&table(&columns.collect::<Vec<_>>()))
    });
    one_of(choices, &KNOWN)
}

fn imputer(choices: &mut SplitMix64, text: bool) -> SimpleImputer {
    let strategy = match choices.below(4) {
        0 if !text => Strategy::Mean,
        1 if !text => Strategy::Median,
        2 => Strategy::Constant,
        _ => Strategy::MostFrequent,
    };
    SimpleImputer::default()
        .strategy(strategy)
        .add_indicator(choices.chance(30))
        .keep_empty_features(choices.chance(50))
}

/// One branch: columns of one kind, and steps that mostly fit them.
fn branch(choices: &mut SplitMix64, text: bool) -> Step {
    if choices.chance(10) {
        return Step::Passthrough;
    }
    let mut pipeline = Pipeline::new();
    if choices.chance(70) {
        pipeline = pipeline.then("impute", imputer(choices, text));
    }
    if text && choices.chance(30) {
        let missing = [MissingValues::Raise, MissingValues::Ignore][choices.below(2)];
        let rare = RareLabelEncoder::default().n_categories(2).tol(0.2).missing_values(missing);
        pipeline = pipeline.then("rare", rare);
    }
    if text && choices.chance(95) {
        let step = if choices.chance(30) { reader(choices) } else { encoder(choices) };
        pipeline = pipeline.then("encode", step);
    }
    for step in ["first", "second"] {
        if choices.chance(60) && (!text || choices.chance(40)) {
            pipeline = pipeline.then(step, numeric_step(choices));
        }
    }
    if choices.chance(15) {
        let own = if text { encoder(choices) } else { numeric_step(choices) };
        let weight = if choices.chance(50) { 1.0 } else { choices.uniform() - 0.5 };
        return FeatureUnion::new().with("own", own).with("more", pipeline).weight("more", weight).into();
    }
    pipeline.into()
}

fn plan(choices: &mut SplitMix64, types: &[DType]) -> ColumnTransformer {
    let mut plan = ColumnTransformer::new();
    for branch_name in ["a", "b", "c"] {
        let text = choices.chance(40);
        let fitting: Vec<usize> =
            (0..types.len()).filter(|column| (types[*column] == DType::String) == text).collect();
        let columns: Vec<String> =
            fitting.into_iter().filter(|_| choices.chance(50)).map(|column| format!("x{column}")).collect();
        plan = plan.with(branch_name, branch(choices, text), columns);
    }
    if choices.chance(20) {
        plan = plan.remainder(Remainder::Passthrough);
    }
    plan
}

/// An error without the row that only the columnar executor can know.
fn told(error: &mlcore::Error) -> (String, Option<usize>) {
    let text = error.to_string();
    let Some(at) = text.find("row ") else { return (text, None) };
    let rest = &text[at + 4..];
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    match digits.parse() {
        Ok(row) if rest[digits.len()..].starts_with(": ") => {
            (format!("{}{}", &text[..at], &rest[digits.len() + 2..]), Some(row))
        }
        _ => (text, None),
    }
}

/// Compares the executors on one table; says what it saw, so that the test can show that it saw enough.
pub(crate) fn compare(plan: &Plan, test: &RecordBatch) -> Result<&'static str, TestCaseError> {
    let lenient =
        Schema::new(plan.input().fields().iter().map(|field: &Field| field.clone().nullable())).unwrap();
    let whole = plan.transform_dense::<f64>(test);
    let mut executor = plan.row_executor();
    let mut narrow = vec![0.0_f32; plan.width()];
    let mut wide: Vec<f64> = Vec::new();
    let mut narrow_all: Vec<f32> = Vec::new();
    // The first row that single precision does not hold.
    let mut lost: Option<(usize, mlcore::Error)> = None;
    for row in 0..test.num_rows() {
        let result = plan
            .with_row_of(test, row, |values: &[Value<'_>]| {
                let row = Row::new(values, &lenient).unwrap();
                let wide = executor.run(row).map(<[f64]>::to_vec)?;
                let narrowed = executor.run_into(row, &mut narrow);
                let mut again = vec![f64::NAN; wide.len()];
                plan.transform_row(row, &mut again)?;
                assert!(wide.iter().zip(&again).all(|(left, right)| left.to_bits() == right.to_bits()));
                Ok::<_, mlcore::Error>((wide, narrowed))
            })
            .unwrap();
        match result {
            Ok((features, narrowed)) => {
                wide.extend(features);
                lost = lost.or(narrowed.err().map(|error| (row, error)));
            }
            Err(error) => {
                let expected = whole.as_ref().expect_err("the rows are refused, the table is not");
                let (ours, at) = told(expected);
                prop_assert_eq!(&ours, &error.to_string());
                prop_assert!(at == Some(row) || at.is_none(), "{:?} instead of {}", at, row);
                prop_assert_eq!(expected.kind(), error.kind());
                return Ok("refused");
            }
        }
        narrow_all.extend_from_slice(&narrow);
    }
    let whole = match whole {
        Ok(whole) => whole,
        Err(error) => {
            prop_assert_eq!(test.num_rows(), 0, "the table is refused, no row is: {}", error);
            return Ok("refused");
        }
    };
    prop_assert_eq!(whole.shape(), &[test.num_rows(), plan.width()]);
    for (position, (columnar, row)) in whole.values::<f64>().unwrap().iter().zip(&wide).enumerate() {
        prop_assert_eq!(columnar.to_bits(), row.to_bits(), "feature {}: {} {}", position, columnar, row);
    }
    match (plan.transform_dense::<f32>(test), lost) {
        (Ok(single), None) => {
            let single = single.values::<f32>().unwrap();
            let equal = single.iter().zip(&narrow_all).all(|(a, b)| a.to_bits() == b.to_bits());
            prop_assert!(equal && single.len() == narrow_all.len());
        }
        (Err(of_table), Some((row, of_row))) => {
            prop_assert_eq!(told(&of_table), (of_row.to_string(), Some(row)));
        }
        (of_table, of_row) => prop_assert!(false, "{:?} and {:?}", of_table.err(), of_row),
    }
    let columns = plan.transform(test).unwrap();
    prop_assert_eq!(columns.num_columns(), plan.width());
    prop_assert_eq!(&Schema::from_arrow(columns.schema_ref()).unwrap(), plan.output());
    for (position, column) in columns.columns().iter().enumerate() {
        let numbers = cast(column, &DataType::Float64).unwrap();
        for (row, number) in numbers.as_primitive::<Float64Type>().iter().enumerate() {
            let number = number.filter(|number| !number.is_nan()).unwrap_or(f64::NAN);
            prop_assert_eq!(number.to_bits(), wide[row * plan.width() + position].to_bits());
        }
    }
    Ok(if test.num_rows() == 0 { "empty" } else { "equal" })
}

/// One random case; what came of it.
fn run(seed: u64, test_rows: usize) -> Result<&'static str, TestCaseError> {
    let mut choices = SplitMix64::new(seed);
    let types: Vec<DType> = (0..2 + choices.below(6)).map(|_| TYPES[choices.below(TYPES.len())]).collect();
    let nulls: Vec<bool> = types.iter().map(|_| choices.chance(75)).collect();
    let train_rows = 1 + choices.below(60);
    let column = |choices: &mut SplitMix64, position: usize, rows: usize, allowed: bool, wildness| {
        (format!("x{position}"), array(choices, types[position], rows, allowed, wildness), allowed)
    };
    let train: Vec<_> = (0..types.len())
        .map(|position| column(&mut choices, position, train_rows, nulls[position], TAME))
        .collect();
    let specification = plan(&mut choices, &types);
    let (train, target) = (table(&train), target(train_rows, if choices.chance(25) { 3 } else { 2 }));
    let training = Training::new(&train).with_target(&target);
    let Ok(plan) = specification.fit(training) else { return Ok("not fitted") };

    let loaded = Plan::from_bytes(&plan.to_bytes().unwrap()).unwrap();
    prop_assert_eq!(loaded.digest(), plan.digest());
    prop_assert_eq!(loaded.output(), plan.output());

    let wildness = Wildness { null_percent: 10, odd_percent: [0, 0, 1, 20][choices.below(4)] };
    let mut test: Vec<_> =
        (0..types.len()).map(|position| column(&mut choices, position, test_rows, true, wildness)).collect();
    // Nulls where training allowed none are an error, to be met on both paths now and then, not always.
    if choices.chance(80) {
        for (own, trained) in test.iter_mut().zip(&nulls).filter(|(_, trained)| !**trained) {
            let position: usize = own.0[1..].parse().unwrap();
            *own = column(&mut choices, position, test_rows, *trained, wildness);
        }
    }
    let seen = compare(&plan, &table(&test))?;
    sparse::agree(&plan, &table(&test))?;

    // Another layout, another order, columns that nobody asked for: the same features, from the plan as loaded.
    let mut other: Vec<_> = test
        .iter()
        .map(|(name, array, nullable)| (name.clone(), relaid(&mut choices, array), *nullable))
        .collect();
    other.push(("unasked".to_owned(), Arc::new(Int64Array::from(vec![0; test_rows])), false));
    other.reverse();
    match (plan.transform(&table(&test)), loaded.transform(&table(&other))) {
        (Ok(left), Ok(right)) => {
            for (left, right) in left.columns().iter().zip(right.columns()) {
                // Bytes are compared here, so that NaN equals NaN and zero does not equal its negative.
                prop_assert_eq!(left.to_data(), right.to_data());
            }
        }
        (Err(left), Err(right)) => prop_assert_eq!(left.to_string(), right.to_string()),
        (left, right) => prop_assert!(false, "{:?} but {:?}", left.err(), right.err()),
    }
    Ok(seen)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn rows_and_tables_agree_bit_for_bit(seed in any::<u64>(), rows in 0_usize..40) {
        run(seed, rows)?;
    }
}

/// Nothing but numbers to scale, some imputed before: what a matrix gets several columns at a time.
fn run_scaled(seed: u64, rows: usize, columns: usize) -> Result<&'static str, TestCaseError> {
    let mut choices = SplitMix64::new(seed);
    let nulls: Vec<bool> = (0..columns).map(|_| choices.chance(20)).collect();
    let columns = |choices: &mut SplitMix64, rows: usize, wildness| -> Vec<_> {
        let column = |(position, nulls): (usize, &bool)| {
            (format!("x{position}"), array(choices, DType::Float64, rows, *nulls, wildness), *nulls)
        };
        nulls.iter().enumerate().map(column).collect()
    };
    let train = columns(&mut choices, 30, TAME);
    let mut plan = ColumnTransformer::new();
    for (position, (name, ..)) in train.iter().enumerate() {
        let mut step = Pipeline::new();
        if choices.chance(50) {
            step = step.then("impute", imputer(&mut choices, false));
        }
        plan = plan.with(format!("step {position}"), step.then("scale", StandardScaler::default()), [name]);
    }
    let Ok(plan) = plan.fit(&table(&train)) else { return Ok("not fitted") };
    let wildness = Wildness { null_percent: 10, odd_percent: [0, 0, 1][choices.below(3)] };
    compare(&plan, &table(&columns(&mut choices, rows, wildness)))
}

/// A step over all columns at once, between steps over each of them.
fn run_joined(seed: u64, rows: usize, columns: usize) -> Result<&'static str, TestCaseError> {
    let mut choices = SplitMix64::new(seed);
    let mut columns = |rows: usize, wildness| -> Vec<_> {
        let column = |position| {
            (format!("x{position}"), array(&mut choices, DType::Float64, rows, true, wildness), true)
        };
        (0..columns).map(column).collect()
    };
    let (train, odd_percent) = (columns(30, TAME), [0, 0, 1][(seed % 3) as usize]);
    let test = table(&columns(rows, Wildness { null_percent: 10, odd_percent }));
    let norm = [Norm::L1, Norm::L2, Norm::Max][(seed % 7 % 3) as usize];
    let plan = Pipeline::new()
        .then("impute", SimpleImputer::default())
        .then("normalize", Normalizer::default().norm(norm))
        .then("scale", StandardScaler::default())
        .fit(&table(&train))
        .unwrap();
    compare(&plan, &test)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn rows_and_tables_agree_on_joined_columns(seed in any::<u64>(), rows in 0_usize..1100, columns in 1_usize..14) {
        run_joined(seed, rows, columns)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn rows_and_tables_agree_on_columns_scaled_together(seed in any::<u64>(), rows in 0_usize..40, columns in 3_usize..14) {
        run_scaled(seed, rows, columns)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn rows_and_tables_agree_across_blocks(seed in any::<u64>(), rows in 500_usize..1100) {
        run(seed, rows)?;
    }
}

#[test]
fn scaled_columns_see_every_outcome() {
    let mut seen = std::collections::BTreeMap::new();
    for seed in 0..200_u64 {
        let outcome = run_scaled(seed * 104_729, (seed % 30) as usize, 4 + (seed % 9) as usize).unwrap();
        *seen.entry(outcome).or_insert(0) += 1;
    }
    for (outcome, least) in [("equal", 80), ("refused", 15), ("empty", 4)] {
        assert!(seen.get(outcome).is_some_and(|count| *count >= least), "{seen:?}");
    }
}

#[test]
fn the_random_plans_see_every_outcome() {
    let mut seen = std::collections::BTreeMap::new();
    for seed in 0..400_u64 {
        *seen.entry(run(seed * 7919, (seed % 30) as usize).unwrap()).or_insert(0) += 1;
    }
    for (outcome, least) in [("equal", 150), ("refused", 40), ("empty", 5)] {
        assert!(seen.get(outcome).is_some_and(|count| *count >= least), "{seen:?}");
    }
}
