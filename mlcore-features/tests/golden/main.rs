//! Every transformer against scikit-learn's own answers (`testdata/golden/make_features.py`).
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test reports by panicking, in its helpers too")]

mod read;
mod specifications;

use mlcore::arrow::array::RecordBatch;
use mlcore_features::pipeline::{FittedStep, Plan, Step};
use mlcore_features::transform::{Fit, FittedTransformer, Scalar};
use serde_json::Value;

use crate::read::{cases, columns, floats, number, table, text};

/// The largest relative difference that passes. Most numbers agree to the bit.
const TOLERANCE: f64 = 1e-12;

/// Runs every case of one file: `specification` reads the parameters, `attributes` compares what was fitted.
fn check(
    file: &str,
    specification: impl Fn(&Value) -> Step,
    attributes: impl Fn(&FittedStep, &Value, &Comparison),
) {
    let cases = cases(file);
    assert!(cases.len() >= 12, "{file}");
    for case in &cases {
        let comparison = Comparison { case: format!("{file}: {}", text(&case["name"])) };
        let train = table(&case["train"]);
        let refused = case.get("refused").map(text);
        let fitted = match (specification(&case["parameters"]).fit(&train), refused) {
            (Ok(fitted), None | Some("transform")) => fitted,
            (Err(error), Some("fit")) => {
                assert!(error.is_caller_fault(), "{}: {error}", comparison.case);
                continue;
            }
            (Ok(_), _) => {
                panic!("{}: fit took what scikit-learn refuses: {}", comparison.case, case["message"])
            }
            (Err(error), _) => panic!("{}: fit refused: {error}", comparison.case),
        };
        attributes(&fitted, &case["attributes"], &comparison);
        let plan = Plan::new(fitted).unwrap();
        comparison.names(&plan.feature_names_out(), &case["names"]);
        let test = case.get("test").map_or_else(|| train.clone(), table);
        match (plan.transform(&test), refused) {
            (Ok(output), None) => {
                comparison.output(&columns(&output), &case["output"]);
                comparison.inverse(plan.inverse_transform(&output), case.get("inverse"));
            }
            (Err(error), Some("transform")) => {
                assert!(error.is_caller_fault(), "{}: {error}", comparison.case);
            }
            (Ok(_), _) => panic!("{}: transform took what is refused: {}", comparison.case, case["message"]),
            (Err(error), _) => panic!("{}: transform refused: {error}", comparison.case),
        }
    }
}

/// Compares one case's results, naming the case where they differ.
pub(crate) struct Comparison {
    case: String,
}

impl Comparison {
    fn names(&self, names: &[&str], expected: &Value) {
        let expected: Vec<&str> = expected.as_array().unwrap().iter().map(text).collect();
        assert_eq!(names, expected, "{}", self.case);
    }

    fn numbers(&self, what: &str, ours: &[f64], expected: &[f64]) {
        assert_eq!(ours.len(), expected.len(), "{}: {what}", self.case);
        for (position, (ours, expected)) in ours.iter().zip(expected).enumerate() {
            let same = ours == expected
                || (ours.is_nan() && expected.is_nan())
                || (ours - expected).abs() <= TOLERANCE * expected.abs();
            assert!(same, "{}: {what}[{position}]: ours {ours:e}, scikit-learn {expected:e}", self.case);
        }
    }

    /// As [`Comparison::numbers`]; an attribute that scikit-learn gives as one number holds for each column.
    fn attribute(&self, name: &str, ours: Option<&[f64]>, expected: &Value) {
        match (ours, &expected[name]) {
            (None, Value::Null) => {}
            (Some(ours), Value::Array(_)) => self.numbers(name, ours, &floats(&expected[name])),
            (Some(ours), one) => self.numbers(name, ours, &vec![number(one); ours.len()]),
            (ours, expected) => panic!("{}: {name}: ours {ours:?}, scikit-learn {expected}", self.case),
        }
    }

    fn scalars<'a>(&self, what: &str, ours: impl IntoIterator<Item = &'a Scalar>, expected: &Value) {
        let ours: Vec<&Scalar> = ours.into_iter().collect();
        let expected = expected.as_array().unwrap();
        assert_eq!(ours.len(), expected.len(), "{}: {what}", self.case);
        for (ours, expected) in ours.iter().zip(expected) {
            let same = match (ours, expected) {
                (Scalar::Missing, Value::Null) => true,
                (Scalar::Missing, Value::String(name)) => name == "NaN",
                (Scalar::Text(ours), Value::String(expected)) => ours == expected,
                (Scalar::Bool(ours), Value::Bool(expected)) => ours == expected,
                (Scalar::Int(ours), Value::Number(expected)) if expected.is_i64() => {
                    Some(*ours) == expected.as_i64()
                }
                (ours, Value::Number(_)) => {
                    self.numbers(what, &[ours.as_f64().unwrap()], &[number(expected)]);
                    true
                }
                _ => false,
            };
            assert!(same, "{}: {what}: ours {ours}, scikit-learn {expected}", self.case);
        }
    }

    /// scikit-learn writes infrequent categories of number columns as text, which Arrow's columns of numbers cannot hold:
    /// there they are missing.
    fn inverse(&self, ours: mlcore::Result<RecordBatch>, expected: Option<&Value>) {
        let refused = expected.and_then(Value::as_str).is_some();
        match (ours, expected) {
            (_, None) => {}
            (Err(error), Some(_)) if refused => assert!(error.is_caller_fault(), "{}: {error}", self.case),
            (Ok(ours), Some(expected)) if !refused => {
                let expected =
                    expected.to_string().replace("\"infrequent_sklearn\"", "null").replace("\"NaN\"", "null");
                let ours = columns(&ours).into_iter().map(|column| match column {
                    read::Column::Texts(texts) => {
                        let told = |text: &String| text != "infrequent_sklearn";
                        read::Column::Texts(texts.into_iter().map(|text| text.filter(told)).collect())
                    }
                    numbers => numbers,
                });
                self.output(&ours.collect::<Vec<_>>(), &serde_json::from_str(&expected).unwrap());
            }
            (Ok(_), _) => panic!("{}: the inverse is refused by scikit-learn", self.case),
            (Err(error), _) => panic!("{}: the inverse is refused: {error}", self.case),
        }
    }

    fn output(&self, ours: &[read::Column], expected: &Value) {
        let expected = expected.as_array().unwrap();
        assert_eq!(ours.len(), expected.len(), "{}: columns", self.case);
        for (position, (ours, expected)) in ours.iter().zip(expected).enumerate() {
            match ours {
                read::Column::Numbers(ours) => {
                    self.numbers(&format!("column {position}"), ours, &floats(expected));
                }
                read::Column::Texts(ours) => {
                    let expected: Vec<Option<String>> = expected
                        .as_array()
                        .unwrap()
                        .iter()
                        .map(|value| value.as_str().map(str::to_owned))
                        .collect();
                    assert_eq!(*ours, expected, "{}: column {position}", self.case);
                }
            }
        }
    }
}

#[test]
fn standard_scaler() {
    check("standard_scaler", specifications::standard_scaler, |fitted, expected, comparison| {
        let FittedStep::Transformer(FittedTransformer::StandardScaler(fitted)) = fitted else {
            panic!("{fitted:?}")
        };
        comparison.attribute("mean_", fitted.mean(), expected);
        comparison.attribute("var_", fitted.var(), expected);
        comparison.attribute("scale_", fitted.scale(), expected);
        let seen: Vec<f64> = fitted.n_samples_seen().iter().map(|count| *count as f64).collect();
        comparison.attribute("n_samples_seen_", Some(&seen), expected);
    });
}

#[test]
fn min_max_scaler() {
    check("min_max_scaler", specifications::min_max_scaler, |fitted, expected, comparison| {
        let FittedStep::Transformer(FittedTransformer::MinMaxScaler(fitted)) = fitted else {
            panic!("{fitted:?}")
        };
        comparison.attribute("data_min_", Some(fitted.data_min()), expected);
        comparison.attribute("data_max_", Some(fitted.data_max()), expected);
        comparison.attribute("data_range_", Some(fitted.data_range()), expected);
        comparison.attribute("scale_", Some(fitted.scale()), expected);
        comparison.attribute("min_", Some(fitted.min()), expected);
        comparison.attribute("n_samples_seen_", Some(&[fitted.n_samples_seen() as f64]), expected);
    });
}

#[test]
fn simple_imputer() {
    check("simple_imputer", specifications::simple_imputer, |fitted, expected, comparison| {
        let FittedStep::Transformer(FittedTransformer::SimpleImputer(fitted)) = fitted else {
            panic!("{fitted:?}")
        };
        comparison.scalars("statistics_", fitted.statistics(), &expected["statistics_"]);
        if !expected["indicator_"].is_null() {
            let indicated: Vec<f64> = fitted.indicated().iter().map(|position| *position as f64).collect();
            comparison.attribute("indicator_", Some(&indicated), expected);
        }
    });
}

#[test]
fn one_hot_encoder() {
    check("one_hot_encoder", specifications::one_hot_encoder, |fitted, expected, comparison| {
        let FittedStep::Transformer(FittedTransformer::OneHotEncoder(fitted)) = fitted else {
            panic!("{fitted:?}")
        };
        for (ours, expected) in fitted.categories().zip(expected["categories_"].as_array().unwrap()) {
            comparison.scalars("categories_", ours, expected);
        }
        infrequent(fitted.infrequent_categories().collect(), expected, comparison);
        let dropped: Vec<Option<usize>> = fitted.drop_idx().collect();
        let expected = match &expected["drop_idx_"] {
            Value::Null => vec![None; dropped.len()],
            listed => listed
                .as_array()
                .unwrap()
                .iter()
                .map(|value| value.as_u64().map(|value| value as usize))
                .collect(),
        };
        assert_eq!(dropped, expected, "{}", comparison.case);
    });
}

#[test]
fn ordinal_encoder() {
    check("ordinal_encoder", specifications::ordinal_encoder, |fitted, expected, comparison| {
        let FittedStep::Transformer(FittedTransformer::OrdinalEncoder(fitted)) = fitted else {
            panic!("{fitted:?}")
        };
        for (ours, expected) in fitted.categories().zip(expected["categories_"].as_array().unwrap()) {
            comparison.scalars("categories_", ours, expected);
        }
        infrequent(fitted.infrequent_categories().collect(), expected, comparison);
    });
}

fn infrequent(ours: Vec<Option<Vec<&Scalar>>>, expected: &Value, comparison: &Comparison) {
    let expected = match &expected["infrequent_categories_"] {
        Value::Null => vec![Value::Null; ours.len()],
        listed => listed.as_array().unwrap().clone(),
    };
    for (ours, expected) in ours.into_iter().zip(&expected) {
        assert_eq!(ours.is_none(), expected.is_null(), "{}: infrequent_categories_", comparison.case);
        if let Some(ours) = ours {
            comparison.scalars("infrequent_categories_", ours, expected);
        }
    }
}

#[test]
fn k_bins_discretizer() {
    check("k_bins_discretizer", specifications::k_bins_discretizer, |fitted, expected, comparison| {
        let FittedStep::Transformer(FittedTransformer::KBinsDiscretizer(fitted)) = fitted else {
            panic!("{fitted:?}")
        };
        for (ours, expected) in fitted.bin_edges().iter().zip(expected["bin_edges_"].as_array().unwrap()) {
            comparison.numbers("bin_edges_", ours, &floats(expected));
        }
        let bins: Vec<f64> = fitted.n_bins().map(|bins| bins as f64).collect();
        comparison.attribute("n_bins_", Some(&bins), expected);
    });
}

#[test]
fn column_transformer() {
    check("column_transformer", specifications::column_transformer, |_, _, _| {});
}
