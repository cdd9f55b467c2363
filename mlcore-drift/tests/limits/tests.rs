//! The options of tests of columns and of tables.

use std::sync::Arc;

use mlcore::Result;
use mlcore::arrow::array::{ArrayRef, Float64Array, RecordBatch, StringArray};
use mlcore_drift::Sample;
use mlcore_drift::catalog::{Catalog, TestOptions, TestSpec};
use mlcore_drift::table::*;
use mlcore_drift::two_sample::*;

use crate::{NO_NUMBERS, answers, each, is_sound, names, with_float};

/// Two samples of numbers, and two of categories.
fn samples() -> [(Sample, Sample); 2] {
    let number =
        |from: i32| Sample::from_numbers((from..from + 90).map(|i| f64::from(i * 37 % 101) / 8.0).collect());
    let text = |from: usize| {
        Sample::categorical(
            (from..from + 90).map(|i| ["free", "pro", "team", "gold", "trial"][i * i % 13 % 5]),
        )
    };
    [(number(0), number(40)), (text(0), text(3))]
}

fn compared(test: &dyn DriftTest) -> Result<()> {
    for (reference, current) in samples() {
        if test.applies_to(reference.kind()) {
            let score = test.compile(&reference)?.compare(&current)?;
            assert!(is_sound(&score), "{} answers {score:?}", test.name());
        }
    }
    Ok(())
}

#[test]
fn every_option_of_every_test_of_a_column_is_refused_by_name_or_answers() {
    let catalog = Catalog::default();
    for name in catalog.names() {
        let options = catalog.test(name, &TestOptions::default()).unwrap().options().unwrap();
        for (option, one) in each(&options) {
            answers(name, &option, &one, || compared(&*catalog.test(name, &one)?));
        }
        for option in names(&options) {
            for word in ["nan", "inf", "-inf"] {
                let toml = format!("test = {{ name = {name:?}, {option} = {word} }}");
                let error = toml::from_str::<Asked>(&toml).unwrap_err();
                assert!(error.to_string().contains(&option), "{error}");
            }
        }
    }
}

#[derive(Debug, serde::Deserialize)]
struct Asked {
    #[expect(dead_code, reason = "it is never read")]
    test: TestSpec,
}

#[test]
fn no_option_of_a_test_of_a_column_takes_what_is_no_number() {
    let mut tried = Vec::new();
    macro_rules! try_each {
        ($($test:ident)+) => {
            $(
                let default = $test::default();
                tried.push(default.name().to_owned());
                for option in names(&default.options().unwrap()) {
                    for float in NO_NUMBERS {
                        let Some(test) = with_float::<$test>(&option, float) else { continue };
                        answers(default.name(), &option, &float, || compared(&test));
                    }
                }
            )+
        };
    }
    try_each! {
        AndersonDarling Bhattacharyya ChiSquare CramerVonMises EnergyDistance EppsSingleton Fisher GTest Hellinger JensenShannon
        KolmogorovSmirnov Kuiper KullbackLeibler LInfinity MannWhitney MissingRate Psi StudentT TotalVariation NormedWasserstein
        Wasserstein WelchT TwoProportionZ
    }
    tried.sort();
    assert!(Catalog::default().names().eq(tried.iter().map(String::as_str)), "{tried:?}");
}

/// Numbers that depend on each other, and text.
fn table(from: i32) -> RecordBatch {
    let rows = || from..from + 30;
    let number = |step: i32| -> ArrayRef {
        Arc::new(Float64Array::from_iter_values(
            rows().map(|i| f64::from(i * step % 31) + f64::from(i) / 7.0),
        ))
    };
    let text = rows().map(|i| ["a short text", "another one", "and some more words"][(i * i % 3) as usize]);
    let columns: [(&str, ArrayRef); 3] =
        [("x", number(7)), ("y", number(11)), ("text", Arc::new(StringArray::from_iter_values(text)))];
    RecordBatch::try_from_iter(columns).unwrap()
}

/// The option with few exchanges and trees beside it, where the test has them: the limits do not depend on them.
fn quick(all: &TestOptions, one: &TestOptions) -> TestOptions {
    let mut quick = serde_json::to_value(one).unwrap();
    let named = quick.as_object_mut().unwrap();
    for (option, value) in [("permutations", 9), ("trees", 2)] {
        if names(all).iter().any(|name| name == option) {
            named.entry(option).or_insert_with(|| value.into());
        }
    }
    TestOptions::of(&quick).unwrap()
}

fn compared_tables(test: &dyn TableTest) -> Result<()> {
    let found = test.compare(&table(0), &table(5))?;
    assert!(is_sound(&found.score), "{} answers {found:?}", test.name());
    Ok(())
}

#[test]
fn every_option_of_every_test_of_a_table_is_refused_by_name_or_answers() {
    let catalog = Catalog::default();
    for name in catalog.table_names() {
        let options = catalog.table_test(name, &TestOptions::default()).unwrap().options().unwrap();
        for (option, one) in each(&options) {
            let quick = quick(&options, &one);
            answers(name, &option, &one, || compared_tables(&*catalog.table_test(name, &quick)?));
        }
    }
}

#[test]
fn no_option_of_a_test_of_a_table_takes_what_is_no_number() {
    let mut tried = Vec::new();
    macro_rules! try_each {
        ($($(#[$gate:meta])? $test:ident)+) => {
            $(
                $(#[$gate])?
                {
                    let default = $test::default();
                    tried.push(default.name().to_owned());
                    for option in names(&default.options().unwrap()) {
                        for float in NO_NUMBERS {
                            let Some(test) = with_float::<$test>(&option, float) else { continue };
                            answers(default.name(), &option, &float, || compared_tables(&test));
                        }
                    }
                }
            )+
        };
    }
    try_each! {
        #[cfg(feature = "classifier")]
        DomainClassifier
        EmbeddingDistance EmbeddingRatio Energy Lsdd Mmd PcaReconstruction TextClassifier TextLength TextVocabulary
    }
    tried.sort();
    assert!(Catalog::default().table_names().eq(tried.iter().map(String::as_str)), "{tried:?}");
}
