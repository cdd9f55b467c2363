//! How often tests of whole rows speak when nothing changed, whether they see what did, and what they make of odd tables.
#![cfg(test)]

use std::sync::Arc;

use mlcore::arrow::array::{ArrayRef, FixedSizeListArray, Float64Array, ListArray, RecordBatch, StringArray};
use mlcore::arrow::datatypes::Float64Type;
use mlcore::stats::SplitMix64;
use mlcore::{Error, Result};
use mlcore_drift::catalog::{Catalog, TestOptions};
use mlcore_drift::table::{
    Bandwidth, ComponentTest, DomainClassifier, EmbeddingDistance, EmbeddingRatio, Energy, Estimate, Lsdd,
    Metric, Mmd, Model, PcaReconstruction, Reads, TableScore, TableTest, TextClassifier, TextLength,
    TextVocabulary,
};

fn batch(columns: impl IntoIterator<Item = (&'static str, ArrayRef)>) -> RecordBatch {
    let nullable = columns.into_iter().map(|(name, array)| (name, array, true));
    RecordBatch::try_from_iter_with_nullable(nullable).unwrap()
}

fn numbers(values: impl IntoIterator<Item = f64>) -> ArrayRef {
    Arc::new(Float64Array::from_iter_values(values))
}

/// Columns that agree, one with ties and one with heavy tails, of which the first is shifted.
fn mixed(rows: usize, shift: f64, seed: u64) -> RecordBatch {
    let mut random = SplitMix64::new(seed);
    let common: Vec<f64> = (0..rows).map(|_| random.normal()).collect();
    let mut agreeing = || -> Vec<f64> { common.iter().map(|value| value + random.normal()).collect() };
    let (a, b) = (agreeing(), agreeing());
    let tied: Vec<f64> = (0..rows).map(|_| (random.normal() * 2.0).round()).collect();
    let heavy: Vec<f64> = (0..rows).map(|_| random.normal() / (random.uniform() + 0.01)).collect();
    let shifted = a.into_iter().map(|value| value + shift);
    batch([("a", numbers(shifted)), ("b", numbers(b)), ("tied", numbers(tied)), ("heavy", numbers(heavy))])
}

/// Words of which some are rare, and with a shift new.
fn written(rows: usize, shift: f64, seed: u64) -> RecordBatch {
    let mut random = SplitMix64::new(seed);
    let mut text = || {
        let count = 3 + random.below(8);
        let word = |_| {
            let drawn = random.uniform();
            let new = random.uniform() < shift / 6.0;
            format!("w{}{}", (drawn * drawn * 300.0) as u32, if new { "x" } else { "" })
        };
        (0..count).map(word).collect::<Vec<_>>().join(" ")
    };
    let columns: [(&str, ArrayRef); 2] = [
        ("title", Arc::new(StringArray::from_iter_values((0..rows).map(|_| text())))),
        ("body", Arc::new(StringArray::from_iter_values((0..rows).map(|_| text())))),
    ];
    batch(columns)
}

/// Of how many pairs of equal tables each test says that they differ, by its p-value.
#[test]
fn equal_tables_are_rejected_no_more_often_than_promised() {
    let (few, runs) = (99, 200_u64);
    let tests: Vec<(&str, Box<dyn TableTest>)> = vec![
        ("mmd", Box::new(Mmd::default().with_permutations(few))),
        ("mmd, drawn rows", Box::new(Mmd::default().with_permutations(few).with_max_rows(50))),
        ("energy, drawn rows", Box::new(Energy::default().with_permutations(few).with_max_rows(50))),
        ("mmd, linear", Box::new(Mmd::default().with_estimate(Estimate::Linear))),
        ("mmd, Evidently", Box::new(Mmd::evidently().with_permutations(few))),
        ("lsdd", Box::new(Lsdd::default().with_permutations(few))),
        ("pca_reconstruction", Box::new(PcaReconstruction::default())),
        ("pca_reconstruction, NannyML", Box::new(PcaReconstruction::default().with_within(false))),
        ("domain_classifier", Box::new(DomainClassifier::default().with_trees(20))),
        ("domain_classifier, linear", Box::new(DomainClassifier::default().with_model(Model::Linear))),
        ("embedding_distance", Box::new(EmbeddingDistance::default().with_permutations(few))),
        ("embedding_ratio", Box::new(EmbeddingRatio::default().with_permutations(few))),
        ("text_length", Box::new(TextLength::default())),
        ("text_vocabulary", Box::new(TextVocabulary::default().with_permutations(few))),
        ("text_classifier", Box::new(TextClassifier::default())),
    ];
    let mut failed = Vec::new();
    for (name, test) in tests {
        let make = if test.reads() == Reads::Texts { written } else { mixed };
        let pvalue = |seed: u64, shift: f64| {
            let score = test.compare(&make(120, 0.0, 2 * seed), &make(80, shift, 2 * seed + 1)).unwrap();
            score.score.pvalue.unwrap()
        };
        let alarms = (0..runs).filter(|seed| pvalue(*seed, 0.0) <= 0.05).count();
        let seen = (0..20).filter(|seed| pvalue(*seed, 3.0) <= 0.05).count();
        println!("{name}: {alarms} false alarms of {runs}, 10 expected; {seen} of 20 large shifts seen");
        // The nominal rate and three standard errors.
        let most = 0.05 * runs as f64 + 3.0 * (0.05 * 0.95 * runs as f64).sqrt();
        // These texts grow no longer; a mean beside heavy tails says little.
        let least = match name {
            "text_length" => 0,
            "embedding_distance" => 5,
            _ => 15,
        };
        if alarms as f64 > most || seen < least {
            failed.push(name);
        }
    }
    assert!(failed.is_empty(), "{failed:?}");
}

/// The effects of a shift of every column by a fifth of a standard deviation, beside the defaults: printed, and in the right order.
#[test]
fn effects_of_small_and_large_shifts_lie_around_the_thresholds() {
    let table = |rows: usize, shift: f64, seed: u64| {
        let mut random = SplitMix64::new(seed);
        batch(
            ["a", "b", "c", "d"]
                .map(|name| (name, numbers((0..rows).map(|_| random.normal() + shift).collect::<Vec<_>>()))),
        )
    };
    for (name, test) in [
        ("energy", Box::new(Energy::default()) as Box<dyn TableTest>),
        ("mmd", Box::new(Mmd::default())),
        ("lsdd", Box::new(Lsdd::default())),
        ("pca_reconstruction", Box::new(PcaReconstruction::default())),
        ("domain_classifier", Box::new(DomainClassifier::default())),
    ] {
        let effect = |shift: f64| {
            test.compare(&table(1000, 0.0, 1), &table(800, shift, 2)).unwrap().score.effect.value
        };
        let effects = [0.0, 0.1, 0.2, 0.4, 1.0].map(effect);
        println!("{name}: {effects:.3?}, threshold {}", test.default_minimum_effect());
        let minimum = test.default_minimum_effect();
        assert!(effects[0] < minimum && effects[4] >= minimum, "{name}: {effects:?}");
    }
}

fn vectors(rows: usize, width: i32, shift: f64, seed: u64) -> ArrayRef {
    let mut random = SplitMix64::new(seed);
    let rows: Vec<Option<Vec<Option<f64>>>> =
        (0..rows).map(|_| Some((0..width).map(|_| Some(random.normal() + shift)).collect())).collect();
    Arc::new(FixedSizeListArray::from_iter_primitive::<Float64Type, _, _>(rows, width))
}

#[test]
fn columns_of_vectors_are_read_by_every_test_of_numbers() {
    let table = |shift: f64, seed: u64| {
        let other = numbers((0..150).map(|i| f64::from(i * 37 % 150)));
        batch([("embedding", vectors(150, 6, shift, seed)), ("age", other)])
    };
    let catalog = Catalog::default();
    for name in catalog.table_names() {
        let test = catalog.table_test(name, &TestOptions::default()).unwrap();
        if test.reads() == Reads::Texts {
            continue;
        }
        let score = test.compare(&table(0.0, 1), &table(1.5, 2)).unwrap();
        assert_eq!(score.columns[0].column, "embedding", "{name}: {score:?}");
        assert!(score.score.effect.value >= test.default_minimum_effect(), "{name}: {score:?}");
        let shorter =
            batch([("embedding", vectors(50, 5, 0.0, 3)), ("age", numbers((0..50).map(f64::from)))]);
        let error = test.compare(&table(0.0, 1), &shorter).unwrap_err();
        assert!(error.to_string().contains("5 components, and the reference's 6"), "{name}: {error}");
    }
    let lists = |rows: &[&[f64]]| {
        let rows = rows.iter().map(|row| Some(row.iter().copied().map(Some).collect::<Vec<_>>()));
        batch([(
            "embedding",
            Arc::new(ListArray::from_iter_primitive::<Float64Type, _, _>(rows)) as ArrayRef,
        )])
    };
    let distance = |a, b| EmbeddingDistance::default().compare(&lists(a), &lists(b));
    assert_eq!(distance(&[&[0.0, 0.0]], &[&[3.0, 4.0]]).unwrap().score.statistic, 5.0);
    let error = distance(&[&[0.0, 0.0], &[1.0]], &[&[3.0, 4.0]]).unwrap_err();
    assert!(error.to_string().contains("its vectors have 2 and 1 components"), "{error}");
    let cosine = EmbeddingDistance::default().with_metric(Metric::Cosine);
    assert_eq!(
        cosine.compare(&lists(&[&[0.0, 0.0]]), &lists(&[&[1.0, 0.0]])).unwrap().score.effect.value,
        1.0
    );
    let ks = EmbeddingRatio::default().with_component_test(ComponentTest::Ks).with_component_threshold(0.05);
    assert_eq!(ks.compare(&table(0.0, 1), &table(1.5, 2)).unwrap().score.effect.value, 1.0);
}

#[test]
fn categories_count_where_a_test_reads_them() {
    let table = |plans: [&'static str; 4], seed: u64| {
        let mut random = SplitMix64::new(seed);
        let plan: ArrayRef =
            Arc::new(StringArray::from_iter_values((0..200).map(|_| plans[random.below(4)])));
        let age = numbers((0..200).map(|_| random.normal()).collect::<Vec<_>>());
        batch([("plan", plan), ("age", age)])
    };
    let (old, new) = (["free", "free", "pro", "pro"], ["free", "pro", "pro", "team"]);
    for test in [&DomainClassifier::default() as &dyn TableTest, &PcaReconstruction::default()] {
        let score = test.compare(&table(old, 1), &table(new, 2)).unwrap();
        assert_eq!(score.columns[0].column, "plan", "{score:?}");
        assert!(score.score.pvalue.is_some_and(|p| p <= 0.01), "{score:?}");
        let mut changed = table(old, 3);
        changed = batch([("plan", changed.column(1).clone()), ("age", changed.column(1).clone())]);
        let error = test.compare(&table(old, 1), &changed).unwrap_err();
        assert!(
            matches!(error, Error::SchemaMismatch(_)) && error.to_string().contains("numbers"),
            "{error}"
        );
    }
}

#[test]
fn texts_name_what_is_new() {
    let score =
        TextVocabulary::default().compare(&written(300, 0.0, 1), &written(300, 3.0, 2)).unwrap().score;
    let notes =
        |score: &TableScore| score.score.notes.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
    assert!(score.effect.value > 0.2 && score.notes[0].to_string().starts_with("new words, "), "{score:?}");
    let of = |texts: &[&str]| {
        batch([("text", Arc::new(StringArray::from_iter_values(texts.iter().cycle().take(60))) as ArrayRef)])
    };
    let found = TextClassifier::default().compare(&of(&["the colour red"]), &of(&["the color red"])).unwrap();
    assert_eq!(found.score.statistic, 1.0);
    assert!(notes(&found).contains("more frequent now: \"lor\""), "{}", notes(&found));
    assert!(notes(&found).contains("less frequent now: "), "{}", notes(&found));
    assert_eq!(found.columns[0].share, 1.0);
    let odd = ["", " ", "\u{0}\u{202e}", "\u{1F600}\u{1F600}", "x".repeat(50_000).leak()];
    for test in
        [&TextClassifier::default() as &dyn TableTest, &TextLength::default(), &TextVocabulary::default()]
    {
        let score = test.compare(&of(&odd), &of(&["plain words"])).unwrap();
        assert!(score.score.effect.value.is_finite(), "{score:?}");
        assert!(test.compare(&of(&[""]), &of(&[""])).unwrap().score.effect.value == 0.0);
    }
}

#[test]
fn impossible_options_are_refused_by_name() {
    let table = mixed(50, 0.0, 1);
    let refused = |result: Result<TableScore>, words: &str| {
        let error = result.unwrap_err();
        assert!(error.is_caller_fault() && error.to_string().contains(words), "{error}");
    };
    refused(Mmd::default().with_max_rows(1).compare(&table, &table), "mmd max_rows: 1 rows; 2 to 5000");
    refused(Mmd::default().with_sigma(0.0).compare(&table, &table), "mmd sigma: 0 is no bandwidth");
    refused(Mmd::default().with_permutations(2_000_000).compare(&table, &table), "permutations");
    refused(
        Mmd::default().with_bandwidth(Bandwidth::Median).compare(&table, &table.slice(0, 1)),
        "one complete row",
    );
    refused(
        Lsdd::default().with_regularisation(-1.0).compare(&table, &table),
        "lsdd regularisation: it is -1",
    );
    refused(Lsdd::default().with_n_kernel_centers(0).compare(&table, &table), "lsdd n_kernel_centers");
    refused(Lsdd::default().with_kernel_centers([vec![1.0]]).compare(&table, &table), "rows of 4 numbers");
    refused(
        PcaReconstruction::default().with_n_components(0.0).compare(&table, &table),
        "n_components: it is 0",
    );
    refused(DomainClassifier::default().with_folds(1).compare(&table, &table), "folds: it is 1; 2 to 20");
    refused(
        DomainClassifier::default().compare(&table, &table.slice(0, 5)),
        "it has 5 complete rows, and 5 folds",
    );
    refused(TextClassifier::default().with_ngram(9).compare(&table, &table), "ngram: it is 9; 1 to 8");
    refused(TextLength::default().compare(&table, &table), "it has no column of text");
    refused(
        TextLength::default().with_columns(["a"]).compare(&table, &table),
        "a: text is expected, and the column is Float64",
    );
}

#[test]
fn more_columns_than_rows_and_equal_columns_are_answered() {
    let wide = |shift: f64, seed: u64| batch([("embedding", vectors(12, 40, shift, seed))]);
    let (catalog, twice) = (Catalog::default(), numbers((0..60).map(|i| f64::from(i % 7))));
    for name in catalog.table_names() {
        let test = catalog.table_test(name, &TestOptions::default()).unwrap();
        if test.reads() == Reads::Texts {
            continue;
        }
        let score = test.compare(&wide(0.0, 1), &wide(3.0, 2)).unwrap();
        assert!(score.score.effect.value > 0.0, "{name}: {score:?}");
        let twins = batch([("a", twice.clone()), ("b", twice.clone()), ("c", numbers([1.0; 60]))]);
        let score = test.compare(&twins, &twins).unwrap();
        assert!(score.score.effect.value.abs() < 1e-9, "{name}: {score:?}");
        let broken = batch([
            ("a", twice.clone()),
            ("b", numbers((0..60).map(|i| f64::from(i % 6)))),
            ("c", numbers([2.0; 60])),
        ]);
        let score = test.compare(&twins, &broken).unwrap();
        assert!(score.score.effect.value > 0.0 && !score.score.statistic.is_nan(), "{name}: {score:?}");
    }
}
