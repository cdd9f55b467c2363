//! Transformers of texts say what they do not do, and read texts in every layout and length.

use std::sync::Arc;

use mlcore::Error;
use mlcore::arrow::array::{ArrayRef, Float64Array, RecordBatch, StringArray};
use mlcore::batch::{Row, Value};
use mlcore_features::pipeline::Plan;
use mlcore_features::transform::{
    CountVectorizer, FeatureHasher, Fit, HashingVectorizer, Norm, Parameter, Parameters, Transformer,
};

fn notes(notes: Vec<Option<&str>>) -> RecordBatch {
    let notes: ArrayRef = Arc::new(StringArray::from(notes));
    RecordBatch::try_from_iter_with_nullable([("note", notes, true)]).unwrap()
}

#[test]
fn what_is_not_done_is_refused_by_name() {
    let pattern = CountVectorizer::default().token_pattern("[a-z]+").unwrap_err().to_string();
    assert!(pattern.starts_with("configure CountVectorizer token_pattern: "), "{pattern}");
    assert!(pattern.ends_with("got \"[a-z]+\": other regular expressions are not run"), "{pattern}");
    for (parameter, value, expected) in [
        (
            "stop_words",
            Parameter::from("german"),
            "\"english\" or a list of words is expected, got \"german\"",
        ),
        (
            "max_df",
            1.5.into(),
            "a number of texts from 1 on, or a share of them from 0.0 to 1.0, is expected, got 1.5",
        ),
        ("vocabulary", "fox".into(), "a list of terms is expected, got \"fox\""),
        ("analyzer", "sentence".into(), "\"sentence\" is not known; use one of word, char, char_wb"),
    ] {
        let parameters = Parameters::from_iter([(parameter, value)]);
        let error = Transformer::new("TfidfVectorizer", &parameters).unwrap_err().to_string();
        assert!(error.starts_with(&format!("configure TfidfVectorizer {parameter}: {expected}")), "{error}");
    }
    let table = notes(vec![Some("a fox"), Some("a dog")]);
    for (error, expected) in [
        (
            HashingVectorizer::default().n_features((1 << 20) + 1).fit(&table).map(drop).unwrap_err(),
            "n_features: 1048577 features are none, or more than a plan names; set n_features to a number from 1 to 1048576",
        ),
        (
            FeatureHasher::default().n_features(0).fit(&table).map(drop).unwrap_err(),
            "n_features: 0 features are none",
        ),
        (
            HashingVectorizer::default().norm(Some(Norm::Max)).fit(&table).map(drop).unwrap_err(),
            "norm: \"max\" is no norm of texts; use l1, l2 or None",
        ),
        (
            CountVectorizer::default().fit(&notes(vec![Some("fox"), None])).map(drop).unwrap_err(),
            "note: row 1: a missing value is no text to cut; impute missing texts first",
        ),
    ] {
        let error = error.to_string();
        assert!(
            error.split_once("Vectorizer ").or(error.split_once("Hasher ")).unwrap().1.starts_with(expected),
            "{error}"
        );
    }
}

#[test]
fn numbers_are_no_texts() {
    let table = RecordBatch::try_from_iter([("x", Arc::new(Float64Array::from(vec![1.0])) as _)]).unwrap();
    let error = HashingVectorizer::default().fit(&table).unwrap_err();
    assert!(matches!(error, Error::SchemaMismatch(_)), "{error}");
    assert!(error.to_string().starts_with("fit HashingVectorizer x: expected text, got float64"), "{error}");
}

#[test]
fn a_row_and_a_table_name_the_missing_text() {
    let table = notes(vec![Some("a fox"), Some("the dog")]);
    let plan = Plan::new(CountVectorizer::default().fit(&table).unwrap()).unwrap();
    let error = plan.transform(&notes(vec![Some("fox"), None])).unwrap_err().to_string();
    let expected = "transform with CountVectorizer note: row 1: a missing value is no text to cut";
    assert!(error.starts_with(expected), "{error}");
    let row = [Value::Null];
    let error = plan.row_executor().run(Row::new(&row, plan.input()).unwrap()).unwrap_err().to_string();
    assert!(error.starts_with("transform with CountVectorizer note: a missing value is no text"), "{error}");
}

#[test]
fn the_widest_hash_fits_and_long_texts_are_read() {
    let long = "fox and dog ".repeat(5000);
    let table = notes(vec![Some(&long), Some("")]);
    let widest = HashingVectorizer::default().n_features(1 << 16).alternate_sign(false).norm(None);
    let (fitted, _) = widest.fit_transform(&table).unwrap();
    let plan = Plan::new(fitted).unwrap();
    let row = [Value::Text(&long)];
    let mut executor = plan.row_executor();
    let features = executor.run(Row::new(&row, plan.input()).unwrap()).unwrap();
    let found: Vec<f64> = features.iter().copied().filter(|count| *count != 0.0).collect();
    assert_eq!(found, [5000.0; 3]);
    assert_eq!(plan.feature_names_out()[65_535], "hashingvectorizer65535");
}
