//! Texts that a plan makes: whatever reads them does what it does to a column that holds them.

use std::sync::Arc;

use mlcore::arrow::array::{ArrayRef, AsArray, Float64Array, Int64Array, RecordBatch, StringArray};
use mlcore_features::expression::{Expression, col, lit, when};
use mlcore_features::pipeline::{ColumnTransformer, Pipeline, Plan, Step};
use mlcore_features::transform::{
    DerivedColumns, Fit, HandleUnknown, HashedCrossing, HashingVectorizer, MissingValues, OneHotEncoder,
    OrdinalEncoder, RareLabelEncoder, SimpleImputer, Strategy as Fill, Transform,
};
use proptest::prelude::*;

use crate::parity::compare;

fn table() -> RecordBatch {
    let text = |row: usize| {
        [Some("a"), None, Some("b"), Some(" Ab "), Some(""), Some("a"), Some("longer than sixteen bytes")]
            [row % 7]
    };
    let number = |row: usize| [Some(1.0), Some(-2.0), None, Some(0.5), Some(f64::NAN)][row % 5];
    let s: ArrayRef = Arc::new((0..60).map(text).collect::<StringArray>());
    let x: ArrayRef = Arc::new((0..60).map(number).collect::<Float64Array>());
    let n: ArrayRef = Arc::new((0..60).map(|row| Some(row % 4)).collect::<Int64Array>());
    RecordBatch::try_from_iter([("s", s), ("x", x), ("n", n)]).unwrap()
}

/// The same columns with values that the table has not.
fn later() -> RecordBatch {
    let s: ArrayRef = Arc::new(StringArray::from(vec![Some("never seen"), None, Some("a"), Some("b")]));
    let x: ArrayRef = Arc::new(Float64Array::from(vec![Some(9.0), None, Some(-1.0), Some(0.5)]));
    let n: ArrayRef = Arc::new(Int64Array::from(vec![7, 0, 1, -1]));
    RecordBatch::try_from_iter([("s", s), ("x", x), ("n", n)]).unwrap()
}

/// Expressions whose results are texts.
fn texts() -> BoxedStrategy<Expression> {
    let leaf = prop_oneof![
        Just(col("s")),
        Just(col("s").trim().lower()),
        Just(col("s").fill_null("none").upper()),
        "[abAB ]{0,2}".prop_map(|text| lit(text.as_str())),
        Just(col("n").relabel([(0.0, "zero"), (1.0, "a")], col("s"))),
        Just(col("s").relabel([("a", "first"), ("b", "second")], lit(f64::NAN))),
    ];
    leaf.prop_recursive(3, 8, 2, |inner| {
        let condition = prop_oneof![
            Just(col("x").gt(0)),
            Just(col("s").eq("a")),
            (0..4).prop_map(|number| col("n").eq(number)),
        ];
        (condition, inner.clone(), inner)
            .prop_map(|(condition, value, otherwise)| when(condition).then(value).otherwise(otherwise))
    })
    .boxed()
}

/// Steps that read texts, each with an answer to missing ones.
fn readers() -> Vec<Step> {
    let impute = SimpleImputer::default().strategy(Fill::MostFrequent).add_indicator(true);
    let constant = SimpleImputer::default().strategy(Fill::Constant).fill_value("none");
    let rare = RareLabelEncoder::default().n_categories(1).tol(0.2).missing_values(MissingValues::Ignore);
    let one_hot = OneHotEncoder::default().handle_unknown(HandleUnknown::Ignore);
    vec![
        one_hot.clone().into(),
        OrdinalEncoder::default().unknown_value(-1.0).into(),
        OneHotEncoder::default().into(),
        Pipeline::new()
            .then("impute", impute)
            .then("encode", OrdinalEncoder::default().unknown_value(-1.0))
            .into(),
        Pipeline::new().then("rare", rare.clone()).then("encode", one_hot.clone()).into(),
        Pipeline::new().then("rare", rare.clone()).then("again", rare.clone()).then("encode", one_hot).into(),
        Pipeline::new()
            .then("rare", rare)
            .then("impute", constant.clone())
            .then("hash", HashingVectorizer::default().n_features(5))
            .into(),
        Pipeline::new()
            .then("impute", constant)
            .then("hash", HashingVectorizer::default().n_features(5))
            .into(),
    ]
}

/// The plan of a step behind another, and that its features are those of the step on the texts of the other.
fn composed(first: &Step, second: &Step) -> Option<Plan> {
    let together = Pipeline::new().then("first", first.clone()).then("second", second.clone());
    let own = first.fit(&table()).unwrap();
    let made = own.transform(&table()).unwrap();
    let (plan, behind) = match (together.fit(&table()), second.fit(&made)) {
        (Ok(plan), Ok(behind)) => (plan, behind),
        (Err(plan), Err(behind)) => {
            assert_eq!(plan.to_string(), behind.to_string());
            return None;
        }
        (plan, behind) => panic!("{:?} but {:?}", plan.err(), behind.err()),
    };
    for table in [table(), later()] {
        match (plan.transform(&table), behind.transform(&own.transform(&table).unwrap())) {
            (Ok(left), Ok(right)) => {
                for (left, right) in left.columns().iter().zip(right.columns()) {
                    assert_eq!(left.to_data(), right.to_data());
                }
            }
            (Err(left), Err(right)) => assert_eq!(left.kind(), right.kind()),
            (left, right) => panic!("{:?} but {:?}", left.err(), right.err()),
        }
    }
    Some(plan)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn texts_of_expressions_are_read_as_columns_are(expression in texts()) {
        let parsed = Expression::parse(&expression.to_string()).unwrap();
        prop_assert_eq!(&parsed, &expression);
        let derived: Step = DerivedColumns::default().column("made", expression).into();
        for reader in readers() {
            if let Some(plan) = composed(&derived, &reader) {
                compare(&plan, &table())?;
                compare(&plan, &later())?;
            }
        }
    }
}

#[test]
fn labels_are_read_as_columns_are() {
    let rare = RareLabelEncoder::default().n_categories(1).tol(0.2).missing_values(MissingValues::Ignore);
    let rare: Step = rare.ignore_format(true).into();
    let mut read = 0;
    for reader in readers() {
        if let Some(plan) = composed(&rare, &reader) {
            compare(&plan, &table()).unwrap();
            compare(&plan, &later()).unwrap();
            read += 1;
        }
    }
    assert!(read >= 6, "{read}");
}

#[test]
fn an_unknown_label_is_named_as_it_was_sent() {
    let rare = RareLabelEncoder::default().n_categories(1).tol(0.0).missing_values(MissingValues::Ignore);
    let plan = Pipeline::new().then("rare", rare).then("encode", OneHotEncoder::default());
    let plan = ColumnTransformer::new().with("city", plan, ["s"]).fit(&table()).unwrap();
    let error = plan.transform(&later()).unwrap_err().to_string();
    assert!(
        error.starts_with("transform with OneHotEncoder s: row 0: \"never seen\" is none of the categories"),
        "{error}"
    );
}

#[test]
fn what_is_missing_is_refused_by_column_and_row() {
    let text = table().project(&[0]).unwrap();
    let present = text.slice(0, 1);
    let refused = |step: Step, train: &RecordBatch, test: &RecordBatch| {
        step.fit(train).unwrap().transform(test).unwrap_err().to_string()
    };
    let error = refused(RareLabelEncoder::default().into(), &present, &text);
    assert!(
        error.starts_with("transform with RareLabelEncoder s: row 1: a missing value is not taken"),
        "{error}"
    );
    let number = table().project(&[1]).unwrap();
    let any = RareLabelEncoder::default().ignore_format(true);
    let error = refused(any.into(), &number.slice(0, 2), &number);
    assert!(
        error.starts_with("transform with RareLabelEncoder x: row 2: a missing value (NaN) is not"),
        "{error}"
    );
    let error = RareLabelEncoder::default().fit(&text).unwrap_err().to_string();
    assert!(error.starts_with("fit RareLabelEncoder s: row 1 holds a missing value"), "{error}");
}

#[test]
fn a_cross_reads_texts_that_are_made() {
    let rare = RareLabelEncoder::default().n_categories(1).tol(0.2).missing_values(MissingValues::Ignore);
    let both = ColumnTransformer::new().with("rare", rare, ["s"]).with("kept", Step::Passthrough, ["n"]);
    let plan = composed(&both.into(), &HashedCrossing::default().num_bins(1 << 16).into()).unwrap();
    compare(&plan, &table()).unwrap();
    compare(&plan, &later()).unwrap();
}

#[test]
fn a_table_holds_the_texts_of_expressions() {
    let derived = DerivedColumns::default()
        .column("kept", col("s"))
        .column("size", when(col("x").gt(0)).then("great").otherwise("small"))
        .column("name", col("n").relabel([(0.0, "none"), (1.0, "one")], "many"))
        .drop_original(false);
    let made = derived.fit(&table()).unwrap().transform(&table().slice(0, 4)).unwrap();
    let column =
        |name: &str| made.column_by_name(name).unwrap().as_string::<i32>().iter().collect::<Vec<_>>();
    assert_eq!(column("kept"), [Some("a"), None, Some("b"), Some(" Ab ")]);
    assert_eq!(column("size"), [Some("great"), Some("small"), Some("small"), Some("great")]);
    assert_eq!(column("name"), [Some("none"), Some("one"), Some("many"), Some("many")]);
    assert_eq!(made.num_columns(), 6);
}
