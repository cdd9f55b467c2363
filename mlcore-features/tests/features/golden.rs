//! Every transformer against scikit-learn's own answers (`testdata/golden/make_features.py`).

use mlcore::arrow::array::{Array, AsArray, RecordBatch};
use mlcore::arrow::compute::cast;
use mlcore::arrow::datatypes::{DataType, Float64Type};
use mlcore_features::pipeline::{Plan, Step};
use mlcore_features::transform::{Attribute, Attributes, Fit, Transform, Transformer};
use serde_json::Value;

use crate::read::{self, Case, floats, is_same, number, text};
use crate::recipes::recipe;
use crate::unions;

/// The largest relative difference that passes. Most numbers agree to the bit.
const TOLERANCE: f64 = 1e-12;

/// The same for files whose answers are the end of an iteration or a decomposition: two that stop equally near to it agree to this.
const ITERATED: [(&str, f64); 4] = [
    // The power of greatest likelihood, which is flat there: numpy's functions of AVX-512 end elsewhere than those of C.
    ("power_transformer", 1e-6),
    // Another algorithm than LAPACK's ends in other last digits, and a difference of large numbers shows them.
    ("pca", 1e-6),
    ("truncated_svd", 1e-6),
    ("iterative_imputer", 1e-6),
];

/// The largest relative difference that passes in this case.
fn tolerance(case: &Case) -> f64 {
    let iterated = ITERATED.iter().find(|(file, _)| case.name.starts_with(&format!("{file}: ")));
    iterated.map_or(TOLERANCE, |(_, tolerance)| *tolerance)
}

#[test]
fn every_transformer_equals_scikit_learns() {
    for name in Transformer::NAMES {
        check(&read::file_of(name), |case| read::transformer(name, case).map(Step::from));
    }
}

#[test]
fn whole_plans_equal_scikit_learns() {
    check("column_transformer", |case| Ok(recipe(text(&case.parameters["recipe"]))));
}

#[test]
fn unions_equal_scikit_learns() {
    check("feature_union", |case| Ok(unions::recipe(text(&case.parameters["recipe"]))));
}

/// Runs every case of one file.
fn check(file: &str, specification: impl Fn(&Case) -> mlcore::Result<Step>) {
    let cases = read::cases(file);
    assert!(cases.len() >= 12, "{file} has {} cases", cases.len());
    for case in &cases {
        let fitted = match specification(case).and_then(|step| step.fit(case.training())) {
            Ok(fitted) => fitted,
            Err(error) if case.is_refused_by("fit") => {
                assert!(error.is_caller_fault(), "{}: {error}", case.name);
                continue;
            }
            Err(error) => panic!("{}: fit refused: {error}", case.name),
        };
        assert!(!case.is_refused_by("fit"), "{}: fit took what is refused: {:?}", case.name, case.refused);
        compare_attributes(case, &fitted.attributes());
        let plan = Plan::new(fitted).unwrap();
        compare_names(case, &plan);
        match plan.transform(&case.test) {
            Ok(_) if case.is_refused_by("transform") => {
                panic!("{}: transform took what is refused: {:?}", case.name, case.refused);
            }
            Ok(output) => {
                compare_columns(case, "output", &columns(&output), &case.answers["output"]);
                compare_inverse(case, plan.inverse_transform(&output));
                compare_crossed(case, &specification(case).unwrap());
            }
            Err(error) if case.is_refused_by("transform") => {
                assert!(error.is_caller_fault(), "{}: {error}", case.name);
            }
            Err(error) => panic!("{}: transform refused: {error}", case.name),
        }
    }
}

/// The plan's names and features are those of the case.
pub(crate) fn compare_output(case: &Case, plan: &Plan) {
    compare_names(case, plan);
    let output = plan.transform(&case.test).unwrap_or_else(|error| panic!("{}: {error}", case.name));
    compare_columns(case, "output", &columns(&output), &case.answers["output"]);
}

fn compare_names(case: &Case, plan: &Plan) {
    let names: Vec<&str> = case.answers["names"].as_array().unwrap().iter().map(text).collect();
    assert_eq!(plan.feature_names_out(), names, "{}", case.name);
}

/// What fitting makes of the training table at once, which an encoder may keep each row's target out of.
fn compare_crossed(case: &Case, step: &Step) {
    match (step.fit_transform(case.training()), case.answers.get("fit_transform")) {
        (Ok((_, ours)), Some(expected)) => compare_columns(case, "fit_transform", &columns(&ours), expected),
        (Ok(_), None) => {
            assert!(!case.is_refused_by("fit_transform"), "{}: {:?}", case.name, case.refused);
        }
        (Err(error), None) if case.is_refused_by("fit_transform") => {
            assert!(error.is_caller_fault(), "{}: {error}", case.name);
        }
        (Err(error), _) => assert!(case.test != case.train, "{}: fit_transform refused: {error}", case.name),
    }
}

fn compare_attributes(case: &Case, ours: &Attributes) {
    for (name, expected) in case.answers["attributes"].as_object().unwrap() {
        let found = ours.iter().find(|(own, _)| own == name);
        let (_, own) = found.unwrap_or_else(|| panic!("{}: there is no {name} in {ours:?}", case.name));
        let told = || format!("{}: {name}: ours {own:?}, scikit-learn {expected}", case.name);
        assert!(equal(own, expected, tolerance(case)), "{}", told());
    }
}

/// Is it what scikit-learn learnt?
pub(crate) fn equal(ours: &Attribute, expected: &Value, tolerance: f64) -> bool {
    let close = |ours, expected| close(ours, expected, tolerance);
    let each = |length: usize, same: &dyn Fn(usize, &Value) -> bool| match expected {
        Value::Array(values) => {
            values.len() == length && values.iter().enumerate().all(|(position, value)| same(position, value))
        }
        _ => false,
    };
    match ours {
        Attribute::None => expected.is_null(),
        Attribute::Count(count) => expected.is_number() && close(*count as f64, number(expected)),
        Attribute::Number(value) => !expected.is_null() && close(*value, number(expected)),
        Attribute::Counts(counts) => {
            each(counts.len(), &|position, value| close(counts[position] as f64, number(value)))
        }
        Attribute::Numbers(numbers) => {
            each(numbers.len(), &|position, value| close(numbers[position], number(value)))
        }
        Attribute::Values { values, .. } => {
            each(values.len(), &|position, value| is_same(&values[position], value, close))
        }
        Attribute::List(list) | Attribute::Objects(list) => {
            each(list.len(), &|position, value| equal(&list[position], value, tolerance))
        }
        other => panic!("the golden files know no {other:?}"),
    }
}

fn close(ours: f64, expected: f64, tolerance: f64) -> bool {
    ours == expected
        || (ours.is_nan() && expected.is_nan())
        || (ours - expected).abs() <= tolerance * expected.abs()
}

/// scikit-learn writes infrequent categories of number columns as text, which Arrow's columns of numbers cannot hold: there
/// they are missing.
fn compare_inverse(case: &Case, ours: mlcore::Result<RecordBatch>) {
    let expected = case.answers.get("inverse");
    let refused = expected.and_then(Value::as_str).is_some();
    match (ours, expected) {
        (_, None) => {}
        (Err(error), Some(_)) if refused => assert!(error.is_caller_fault(), "{}: {error}", case.name),
        (Ok(ours), Some(expected)) if !refused => {
            let expected =
                expected.to_string().replace("\"infrequent_sklearn\"", "null").replace("\"NaN\"", "null");
            let mut ours = columns(&ours);
            for column in &mut ours {
                if let Column::Texts(texts) = column {
                    texts.iter_mut().for_each(|text| drop(text.take_if(|text| text == "infrequent_sklearn")));
                }
            }
            compare_columns(case, "inverse", &ours, &serde_json::from_str(&expected).unwrap());
        }
        (Ok(_), _) => panic!("{}: the inverse is refused by scikit-learn", case.name),
        (Err(error), _) => panic!("{}: the inverse is refused: {error}", case.name),
    }
}

/// A column of a transformed table.
enum Column {
    Numbers(Vec<f64>),
    Texts(Vec<Option<String>>),
}

fn columns(table: &RecordBatch) -> Vec<Column> {
    let column = |array: &dyn Array| match array.data_type() {
        DataType::Utf8 => {
            Column::Texts(array.as_string::<i32>().iter().map(|text| text.map(str::to_owned)).collect())
        }
        _ => {
            let numbers = cast(array, &DataType::Float64).unwrap();
            let numbers = numbers.as_primitive::<Float64Type>().iter();
            Column::Numbers(numbers.map(|value| value.unwrap_or(f64::NAN)).collect())
        }
    };
    table.columns().iter().map(|array| column(array.as_ref())).collect()
}

fn compare_columns(case: &Case, what: &str, ours: &[Column], expected: &Value) {
    let expected = expected.as_array().unwrap();
    let close = |ours, expected| close(ours, expected, tolerance(case));
    assert_eq!(ours.len(), expected.len(), "{}: columns of the {what}", case.name);
    for (position, (ours, expected)) in ours.iter().zip(expected).enumerate() {
        match ours {
            Column::Numbers(ours) => {
                let expected = floats(expected);
                assert_eq!(ours.len(), expected.len(), "{}: rows of the {what}", case.name);
                for (row, (ours, expected)) in ours.iter().zip(&expected).enumerate() {
                    assert!(
                        close(*ours, *expected),
                        "{}: {what}, column {position}, row {row}: ours {ours:e}, scikit-learn {expected:e}",
                        case.name
                    );
                }
            }
            Column::Texts(ours) => {
                let expected = expected.as_array().unwrap().iter();
                let expected: Vec<Option<String>> =
                    expected.map(|value| value.as_str().map(str::to_owned)).collect();
                assert_eq!(*ours, expected, "{}: {what}, column {position}", case.name);
            }
        }
    }
}
