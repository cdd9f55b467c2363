//! What the list of transformers promises: whatever stands in it has golden cases and a Python class.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use mlcore::arrow::array::{ArrayRef, Float64Array, RecordBatch};
use mlcore_features::pipeline::Pipeline;
use mlcore_features::transform::{
    Fit, MinMaxScaler, Parameter, Parameters, StandardScaler, Training, Transformer,
};

use crate::{layers, read};

#[test]
fn every_transformer_has_golden_cases() {
    for name in Transformer::NAMES {
        let file = read::folder().join(format!("{}.json", read::file_of(name)));
        assert!(file.exists(), "{name} has no golden cases: {} is missing", file.display());
    }
}

#[test]
fn every_transformer_has_a_python_class() {
    let classes = python_classes();
    for name in Transformer::NAMES {
        let Some((file, text)) = classes.iter().find(|(_, text)| text.contains(&format!("\nclass {name}(")))
        else {
            panic!("{name} has no class below {}", python().display());
        };
        let (_, listed) =
            text.split_once("__all__ = [").unwrap_or_else(|| panic!("{} has no __all__", file.display()));
        let (listed, _) = listed.split_once(']').unwrap();
        assert!(
            listed.contains(&format!("\"{name}\"")),
            "{} does not list {name} in __all__",
            file.display()
        );
    }
}

#[test]
fn every_transformer_lies_in_a_file_of_its_name() {
    let files = layers::sources(&layers::root().join("transform"));
    for name in Transformer::NAMES {
        let file = format!("{}.rs", read::file_of(name));
        assert!(files.iter().any(|path| path.ends_with(&file)), "{name} has no {file}");
    }
}

#[test]
fn parameters_are_answered_as_they_were_given() {
    for name in Transformer::NAMES {
        let default = Transformer::new(name, &Parameters::new()).unwrap();
        assert_eq!(default.name(), *name);
        for (transformer, _) in read::specifications(name) {
            let parameters = transformer.parameters().unwrap();
            let names = |parameters: &Parameters| {
                parameters.iter().map(|(name, _)| name.to_owned()).collect::<Vec<_>>()
            };
            assert_eq!(names(&parameters), names(&default.parameters().unwrap()), "{name}");
            let again = Transformer::new(name, &parameters).unwrap();
            // NaN is no parameter that equals itself.
            assert_eq!(format!("{again:?}"), format!("{transformer:?}"));
            let json = serde_json::to_string(&parameters).unwrap();
            let read: Parameters = serde_json::from_str(&json).unwrap();
            assert_eq!(format!("{read:?}"), format!("{parameters:?}"));
        }
    }
}

#[test]
fn what_was_fitted_says_what_with() {
    for name in Transformer::NAMES {
        let mut fitted = 0;
        for (transformer, case) in read::specifications(name) {
            let Ok(own) = transformer.fit(case.training()) else { continue };
            assert_eq!(format!("{:?}", own.specification()), format!("{transformer:?}"));
            fitted += 1;
        }
        assert!(fitted > 0, "{name}");
    }
}

#[test]
fn wrong_parameters_are_named() {
    refused([
        (
            "StandardScaler",
            "with_maen",
            Parameter::from(true),
            "configure StandardScaler with_maen: there is no such parameter; use one of with_mean, with_std",
        ),
        (
            "StandardScaler",
            "with_mean",
            "no".into(),
            "configure StandardScaler with_mean: a bool is expected, got \"no\"",
        ),
        (
            "StandardScaler",
            "with_mean",
            None::<bool>.into(),
            "configure StandardScaler with_mean: a bool is expected, got None",
        ),
        (
            "MinMaxScaler",
            "feature_range",
            vec![1, 2, 3].into(),
            "configure MinMaxScaler feature_range: a pair is expected, got 3 values",
        ),
        (
            "MinMaxScaler",
            "feature_range",
            vec![1].into(),
            "configure MinMaxScaler feature_range: a pair is expected, got 1 value",
        ),
        (
            "MinMaxScaler",
            "feature_range",
            vec!["a", "b"].into(),
            "configure MinMaxScaler feature_range: a number is expected, got \"a\"",
        ),
        (
            "SimpleImputer",
            "strategy",
            "mode".into(),
            "configure SimpleImputer strategy: \"mode\" is not known; use one of mean, median, most_frequent, constant",
        ),
        (
            "SimpleImputer",
            "strategy",
            3.into(),
            "configure SimpleImputer strategy: text is expected, got 3; use one of mean, median, most_frequent, constant",
        ),
        (
            "SimpleImputer",
            "fill_value",
            vec![1].into(),
            "configure SimpleImputer fill_value: a number or text is expected, got [1]",
        ),
    ]);
}

#[test]
fn wrong_parameters_of_several_kinds_are_named() {
    refused([
        (
            "OneHotEncoder",
            "drop",
            "last".into(),
            "configure OneHotEncoder drop: \"first\", \"if_binary\" or a list with a category of each column is expected, got \"last\"",
        ),
        (
            "OneHotEncoder",
            "max_categories",
            (-1).into(),
            "configure OneHotEncoder max_categories: an integer that is not negative is expected, got -1",
        ),
        (
            "OneHotEncoder",
            "categories",
            "all".into(),
            "configure OneHotEncoder categories: \"auto\" or a list of categories for each column is expected, got \"all\"",
        ),
        (
            "KBinsDiscretizer",
            "n_bins",
            2.5.into(),
            "configure KBinsDiscretizer n_bins: a number of bins, or one for each column, is expected, got 2.5",
        ),
        (
            "KBinsDiscretizer",
            "random_state",
            (1_i64 << 40).into(),
            "configure KBinsDiscretizer random_state: an integer from 0 to 2^32 - 1 is expected, got 1099511627776",
        ),
        (
            "Scaler",
            "x",
            1.into(),
            "configure transformer Scaler: there is no such transformer; use one of SimpleImputer, StandardScaler,",
        ),
    ]);
}

/// Transformers with one parameter, and the error that each gives.
fn refused<const N: usize>(wrong: [(&str, &str, Parameter, &str); N]) {
    for (transformer, parameter, value, expected) in wrong {
        let parameters = Parameters::from_iter([(parameter, value)]);
        let error = Transformer::new(transformer, &parameters).unwrap_err();
        assert!(error.to_string().starts_with(expected), "{error}");
        assert_eq!(error.kind(), "invalid_input");
    }
}

fn python() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../mlcore-py/python/mlcore/features")
}

fn python_classes() -> Vec<(PathBuf, String)> {
    let files = fs::read_dir(python()).unwrap().map(|entry| entry.unwrap().path());
    let sources = files.filter(|path| path.extension().is_some_and(|extension| extension == "py"));
    sources.map(|path| (path.clone(), fs::read_to_string(path).unwrap())).collect()
}

#[test]
fn a_target_and_weights_fit_their_rows() {
    let table =
        RecordBatch::try_from_iter([("x", Arc::new(Float64Array::from(vec![1.0, 2.0])) as _)]).unwrap();
    let short: ArrayRef = Arc::new(Float64Array::from(vec![1.0]));
    let training = Training::new(&table);
    let scaler = StandardScaler::default();
    for (training, expected) in [
        (training.with_target(&short), "fit StandardScaler target: it has 1 values for 2 rows"),
        (training.with_weights(&[1.0]), "fit StandardScaler weights: there are 1 for 2 rows"),
        (training.with_weights(&[1.0, -1.0]), "fit StandardScaler weights: row 1: -1 is no weight"),
        (training.with_weights(&[f64::NAN, 1.0]), "fit StandardScaler weights: row 0: NaN is no weight"),
        (training.with_weights(&[0.0, 0.0]), "fit StandardScaler weights: all are zero"),
    ] {
        let error = scaler.fit(training).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}");
    }
    let weighed = training.with_weights(&[3.0, 1.0]);
    assert_eq!(scaler.fit(weighed).unwrap().mean(), Some(&[1.25][..]));
    // A target is ignored by those that do not learn from it, weights are not.
    assert_eq!(scaler.fit(training.with_target(table.column(0))).unwrap(), scaler.fit(&table).unwrap());
    let combined = Pipeline::new().then("scale", scaler).then("range", MinMaxScaler::default());
    let error = combined.fit(weighed).unwrap_err().to_string();
    assert!(
        error.starts_with("fit MinMaxScaler weights: it cannot weigh rows; leave the weights out"),
        "{error}"
    );
}
