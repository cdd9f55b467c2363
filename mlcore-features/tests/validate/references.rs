//! Keys, ages and distributions.

use std::sync::Arc;

use mlcore::arrow::array::{
    ArrayRef, Date32Array, Decimal128Array, Float64Array, Int64Array, StringArray, TimestampMicrosecondArray,
};
use mlcore::batch::OwnedValue;
use mlcore::profile::Profile;
use mlcore::stats::{KsOptions, SplitMix64, ks_2samp};
use mlcore::time::Timestamp;
use mlcore_features::validate::{
    Bounds, Check, ExpectationResult, Measure, Observed, References, RunOptions, Suite,
};

use crate::tables::{column, schema_of, table};

fn ask(check: Check, values: ArrayRef, references: &References, options: &RunOptions) -> ExpectationResult {
    let table = table([("c", values)]);
    let suite = Suite::new("s").with(check).compile_with(&schema_of(&table), references).unwrap();
    suite.validate(&table, options).unwrap().results()[0].clone()
}

fn observed(result: &ExpectationResult) -> f64 {
    match &result.observed_value {
        Some(Observed::Value(value)) => value.as_f64().unwrap(),
        other => panic!("{other:?}, {:?}", result.problem),
    }
}

#[test]
fn values_are_looked_for_among_keys() {
    let keys = column::<StringArray, _>(vec![Some("a"), None, Some("b")]);
    let references = References::default().with_column("keys", &keys).unwrap();
    let check = || Check::ColumnValuesToBeInReference { column: "c".into(), reference: "keys".into() };
    let options = RunOptions::default();
    let result =
        ask(check(), column::<StringArray, _>(vec![Some("b"), None, Some("c")]), &references, &options);
    assert_eq!((result.missing_count, result.unexpected_count), (Some(1), Some(1)));
    let result = ask(check(), column::<Int64Array, _>(vec![1]), &references, &options);
    assert!(result.problem.unwrap().contains("the keys are of type string and the column of type int64"));
    let decimals: ArrayRef = Arc::new(Decimal128Array::from(vec![1]));
    let error = References::default().with_column("price", &decimals).unwrap_err().to_string();
    assert!(error.starts_with("take reference price: columns of type Decimal128"), "{error}");
}

#[test]
fn the_newest_moment_has_an_age() {
    let hour = 3_600_000_000_i64;
    let now = RunOptions::default().with_now(Timestamp::from_micros(30 * hour));
    let check = |max_age_seconds| Check::ColumnNewestValueToBeWithin { column: "c".into(), max_age_seconds };
    let moments = || TimestampMicrosecondArray::from(vec![Some(hour), None, Some(29 * hour), Some(3 * hour)]);
    for values in [Arc::new(moments()) as ArrayRef, Arc::new(moments().with_timezone("UTC"))] {
        let result = ask(check(3600.0), values.clone(), &References::default(), &now);
        assert!(result.success && observed(&result) == 3600.0);
        assert!(!ask(check(3599.0), values, &References::default(), &now).success);
    }
    let days = column::<Date32Array, _>(vec![0, 1]);
    assert_eq!(observed(&ask(check(0.0), days, &References::default(), &now)), 6.0 * 3600.0);
    let none: ArrayRef = Arc::new(TimestampMicrosecondArray::from(vec![None, None]));
    let result = ask(check(1.0), none, &References::default(), &now);
    assert!(!result.success && result.problem.is_none());
}

#[test]
fn bounds_of_moments_are_text() {
    let moments: ArrayRef =
        Arc::new(TimestampMicrosecondArray::from(vec![0, 86_400_000_000]).with_timezone("Europe/Berlin"));
    let bounds = Bounds::at_least("1970-01-01T12:00:00Z");
    let check = Check::ColumnValuesToBeBetween { column: "c".into(), bounds: bounds.clone() };
    let options = RunOptions::default();
    assert_eq!(ask(check, moments.clone(), &References::default(), &options).unexpected[0].row, Some(0));
    let check = Check::ColumnMinToBeBetween { column: "c".into(), bounds };
    let result = ask(check, moments, &References::default(), &options);
    assert!(
        !result.success && matches!(result.observed_value, Some(Observed::Value(OwnedValue::Timestamp(_))))
    );
}

fn sample(seed: u64, count: usize, shift: f64) -> Vec<f64> {
    let mut random = SplitMix64::new(seed);
    let mut uniform = || (random.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
    (0..count).map(|_| uniform() + uniform() + shift).collect()
}

#[test]
fn numbers_are_compared_with_a_sample_or_a_profile() {
    let reference = sample(1, 2000, 0.0);
    let mut profile = Profile::default();
    profile.add(&table([("r", column::<Float64Array, _>(reference.clone()))])).unwrap();
    let references = References::default()
        .with_column("sample", &column::<Float64Array, _>(reference.clone()))
        .unwrap()
        .with_profile("profile", profile.column("r").unwrap());
    let check = |reference: &str, measure| Check::ColumnDistributionToMatchReference {
        column: "c".into(),
        reference: reference.to_owned(),
        measure,
        threshold: None,
    };
    let options = RunOptions::default();
    for (shift, expected) in [(0.0, true), (0.5, false)] {
        let current = sample(2, 1000, shift);
        let values = || column::<Float64Array, _>(current.clone());
        let ks = ask(check("sample", Measure::Ks), values(), &references, &options);
        let golden = ks_2samp(&reference, &current, &KsOptions::default()).unwrap().pvalue;
        assert!(observed(&ks) == golden && ks.success == expected, "{}", ks.told());
        let psi = ask(check("sample", Measure::Psi), values(), &references, &options);
        let chi_square = ask(check("sample", Measure::ChiSquare), values(), &references, &options);
        assert!(
            psi.success == expected && chi_square.success == expected,
            "{} {}",
            psi.told(),
            chi_square.told()
        );
        let of_profile = ask(check("profile", Measure::Psi), values(), &references, &options);
        assert!(
            of_profile.success == expected
                && (observed(&of_profile) - observed(&psi)).abs() < 0.05 * (1.0 + observed(&psi))
        );
    }
    let result =
        ask(check("profile", Measure::Ks), column::<Float64Array, _>(vec![1.0]), &references, &options);
    assert!(result.problem.unwrap().contains("needs a sample"));
    let none = column::<Float64Array, _>(vec![f64::NAN]);
    assert!(
        ask(check("sample", Measure::Ks), none, &references, &options)
            .problem
            .unwrap()
            .contains("no value to compare")
    );
}

#[test]
fn the_stability_index_is_the_sum_of_its_terms() {
    let words = |counts: [(&'static str, usize); 2]| {
        let words: Vec<&str> =
            counts.into_iter().flat_map(|(word, count)| std::iter::repeat_n(word, count)).collect();
        column::<StringArray, _>(words)
    };
    let references = References::default().with_column("r", &words([("a", 60), ("b", 40)])).unwrap();
    let check = |measure, threshold| Check::ColumnDistributionToMatchReference {
        column: "c".into(),
        reference: "r".into(),
        measure,
        threshold,
    };
    let options = RunOptions::default();
    let result = ask(check(Measure::Psi, None), words([("a", 30), ("b", 70)]), &references, &options);
    let expected = (0.3_f64 - 0.6) * (0.3_f64 / 0.6).ln() + (0.7_f64 - 0.4) * (0.7_f64 / 0.4).ln();
    assert!((observed(&result) - expected).abs() < 1e-12 && !result.success);
    assert!(
        ask(check(Measure::Psi, Some(0.5)), words([("a", 30), ("b", 70)]), &references, &options).success
    );
    // A category that the reference does not have counts, too.
    let new = ask(check(Measure::Psi, None), words([("a", 60), ("c", 40)]), &references, &options);
    assert!(observed(&new) > 5.0);
    let same = ask(check(Measure::ChiSquare, None), words([("a", 6), ("b", 4)]), &references, &options);
    assert!(same.success && observed(&same) > 0.7);
    let number = ask(check(Measure::Psi, None), column::<Int64Array, _>(vec![1]), &references, &options);
    assert!(number.problem.unwrap().contains("the reference is of type string and the column of type int64"));
}

#[test]
fn a_suite_from_data_holds_of_it_and_of_its_like() {
    let make = |seed: u64, from: i64| {
        let mut random = SplitMix64::new(seed);
        let ids: Int64Array = (from..from + 3000).map(Some).collect();
        let prices: Float64Array = sample(seed, 3000, 0.0)
            .into_iter()
            .map(|price| (!random.next_u64().is_multiple_of(10)).then_some(price))
            .collect();
        let mut word = || ["red", "green", "blue"][(random.next_u64() % 3) as usize];
        let colours: StringArray = (0..3000).map(|_| Some(word())).collect();
        let names: StringArray = (0..3000).map(|row| Some(format!("name {}", from + row))).collect();
        table([
            ("id", Arc::new(ids) as ArrayRef),
            ("price", Arc::new(prices)),
            ("colour", Arc::new(colours)),
            ("name", Arc::new(names)),
        ])
    };
    let first = make(1, 0);
    let suite = Suite::infer_table("orders", &first).unwrap();
    let told: Vec<String> = suite.expectations().iter().map(ToString::to_string).collect();
    for expected in [
        "table_row_count_to_be_between(at least 1)",
        "column_values_to_be_in_set(colour, value_set [\"blue\",\"green\",\"red\"]), mostly 0.99",
        "column_values_to_not_be_null(id), mostly 0.999",
        "column_values_to_be_unique(id)",
        "column_values_to_be_unique(name)",
        "column_values_to_be_between(id, at least 0 and at most 3299), mostly 0.99",
        "column_value_lengths_to_be_between(name, at least 3 and at most 18), mostly 0.99",
        "column_values_to_be_of_type(price, type_ \"float64\")",
    ] {
        assert!(told.iter().any(|told| told == expected), "{expected}\n{}", told.join("\n"));
    }
    assert!(suite.expectations().iter().all(|expectation| expectation.notes.is_some()));
    assert!(!told.iter().any(|told| told.starts_with("column_values_to_be_unique(colour")));
    assert_eq!(Suite::from_toml(&suite.to_toml().unwrap()).unwrap(), suite);
    let compiled = suite.compile(&schema_of(&first)).unwrap();
    assert!(compiled.validate(&first, &RunOptions::default()).unwrap().success());
    for seed in 2..12 {
        let report = compiled.validate(&make(seed, 0), &RunOptions::default()).unwrap();
        assert!(report.success(), "{report}");
    }
    // Other data fails.
    let other = table([
        ("id", column::<Int64Array, _>(vec![7, 7])),
        ("price", column::<Float64Array, _>(vec![None, Some(90.0)])),
        ("colour", column::<StringArray, _>(vec!["pink", "red"])),
        ("name", column::<StringArray, _>(vec!["", "name 1"])),
    ]);
    assert!(compiled.validate(&other, &RunOptions::default()).unwrap().failures().count() >= 5);
}
