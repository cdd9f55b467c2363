//! What differs between two plans, told in words, and plans as drawings.

use std::sync::Arc;

use mlcore::arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use mlcore_features::pipeline::{ColumnTransformer, Pipeline, Plan, Remainder};
use mlcore_features::transform::{
    HandleUnknown, MinMaxScaler, OneHotEncoder, OrdinalEncoder, SimpleImputer, StandardScaler, Strategy,
};

fn table(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter(columns).unwrap()
}

fn numbers(values: &[f64]) -> ArrayRef {
    Arc::new(Float64Array::from(values.to_vec()))
}

fn words(values: &[&str]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

fn churn(ages: &[f64], plans: &[&str]) -> RecordBatch {
    table(vec![("age", numbers(ages)), ("plan", words(plans))])
}

fn scaled(strategy: Strategy) -> Pipeline {
    Pipeline::new()
        .then("impute", SimpleImputer::default().strategy(strategy))
        .then("scale", StandardScaler::default())
}

fn told(old: &Plan, new: &Plan) -> Vec<String> {
    let diff = old.diff(new);
    assert_eq!(diff.to_string(), diff.iter().map(|change| format!("{change}\n")).collect::<String>());
    diff.iter().map(ToString::to_string).collect()
}

#[test]
fn a_plan_that_was_fitted_again_tells_what_it_learnt_anew() {
    let plan = |ages: &[f64], plans: &[&str], strategy| {
        ColumnTransformer::new()
            .with("num", scaled(strategy), ["age"])
            .with("cat", OneHotEncoder::default(), ["plan"])
            .fit(&churn(ages, plans))
            .unwrap()
    };
    let old = plan(&[20.0, 40.0], &["free", "pro"], Strategy::Mean);
    let new = plan(&[20.0, 60.0], &["free", "team"], Strategy::Median);
    assert_eq!(
        told(&old, &new),
        [
            "output: the feature cat__plan_pro is gone",
            "output: the feature cat__plan_team is new, float64",
            "num__impute: strategy was \"mean\", is \"median\"",
            "num__impute: statistics_ of age was 30.0, is 40.0",
            "num__scale: mean_ of age was 30, is 40",
            "num__scale: var_ of age was 100, is 400",
            "num__scale: scale_ of age was 10, is 20",
            "cat: categories_ of plan lost \"pro\"",
            "cat: categories_ of plan got \"team\"",
        ]
    );
    assert!(old.diff(&old.clone()).is_empty() && old.diff(&old).iter().next().is_none());
}

#[test]
fn steps_and_columns_that_came_and_went_are_named() {
    let both =
        table(vec![("a", numbers(&[1.0, 2.0])), ("b", numbers(&[3.0, 5.0])), ("c", words(&["x", "y"]))]);
    let old = ColumnTransformer::new()
        .with("one", StandardScaler::default(), ["a"])
        .with("two", MinMaxScaler::default(), ["a", "b"])
        .fit(&both)
        .unwrap();
    let new = ColumnTransformer::new()
        .with("two", MinMaxScaler::default().feature_range(0.0, 2.0), ["b"])
        .with("three", OrdinalEncoder::default(), ["c"])
        .remainder(Remainder::Passthrough)
        .fit(&both)
        .unwrap();
    let told = told(&old, &new);
    for due in [
        "input: the column c is new, string",
        "output: the feature one__a is gone",
        "the step one is gone, StandardScaler",
        "the step three is new, OrdinalEncoder",
        "the step remainder is new, passthrough",
        "two: a is none of its columns any more",
        "two: feature_range was [0.0, 1.0], is [0.0, 2.0]",
    ] {
        assert!(told.iter().any(|change| change == due), "{due:?} is not in {told:#?}");
    }
}

#[test]
fn types_orders_and_kinds_are_told() {
    let plan = |step: &dyn Fn(ColumnTransformer) -> ColumnTransformer, column: ArrayRef| {
        step(ColumnTransformer::new()).fit(&table(vec![("a", column), ("b", numbers(&[1.0, 2.0]))])).unwrap()
    };
    let whole: ArrayRef = Arc::new(Int64Array::from(vec![1, 2]));
    let scale = |ct: ColumnTransformer| ct.with("s", StandardScaler::default(), ["a", "b"]);
    let types = told(&plan(&scale, numbers(&[1.0, 2.0])), &plan(&scale, whole.clone()));
    assert_eq!(types, ["input: the column a was float64, is int64"]);
    let other = |ct: ColumnTransformer| ct.with("s", MinMaxScaler::default(), ["a", "b"]);
    let kinds = told(&plan(&scale, whole.clone()), &plan(&other, whole.clone()));
    assert_eq!(kinds, ["s: was StandardScaler, is MinMaxScaler"]);
    let turned = |ct: ColumnTransformer| ct.with("s", StandardScaler::default(), ["b", "a"]);
    let orders = told(&plan(&scale, whole.clone()), &plan(&turned, whole));
    assert_eq!(orders[0], "output: the features stand in another order");
}

/// Of thousands of differences ten of each kind are told, and how many there are.
#[test]
fn many_changes_are_counted() {
    let wide = |first: usize, by: f64| {
        let values: Vec<ArrayRef> = (0..2000).map(|place| numbers(&[0.0, f64::from(place) + by])).collect();
        let names: Vec<String> = (first..first + 2000).map(|place| format!("c{place}")).collect();
        let table = table(names.iter().map(String::as_str).zip(values).collect());
        ColumnTransformer::new().with("s", StandardScaler::default(), names).fit(&table).unwrap()
    };
    let learnt = told(&wide(0, 1.0), &wide(0, 2.0));
    assert_eq!(learnt.iter().filter(|change| change.as_str() == "s: and 1990 more like this").count(), 3);
    assert_eq!(learnt.len(), 33);
    let columns = told(&wide(0, 1.0), &wide(1000, 1.0));
    assert!(columns.contains(&"input: and 990 more like this".to_owned()), "{columns:#?}");
}

#[test]
fn a_drawing_leads_from_the_columns_to_the_features() {
    let plan = ColumnTransformer::new()
        .with("num", scaled(Strategy::Mean), ["age"])
        .with("cat", OneHotEncoder::default().handle_unknown(HandleUnknown::Ignore), ["plan"])
        .fit(&churn(&[20.0, 40.0], &["free", "pro"]))
        .unwrap();
    let drawn = plan.to_mermaid();
    assert_eq!(
        drawn,
        "flowchart LR\n  n0[\"2 columns\"]\n  n1[\"age\"]\n  n0 --> n1\n  n2[\"num impute#58; SimpleImputer\"]\n  n1 --> n2\n  \
         n3[\"num scale#58; StandardScaler\"]\n  n2 --> n3\n  n4[\"plan\"]\n  n0 --> n4\n  \
         n5[\"cat#58; OneHotEncoder<br>handle_unknown#61;#34;ignore#34;\"]\n  n4 --> n5\n  n6[\"3 features\"]\n  n3 --> n6\n  \
         n5 --> n6\n"
    );
}

/// A column may have any name.
#[test]
fn no_name_can_be_markup() {
    let name = "\"]<script>alert(1)</script>\n  n0 --> n9";
    let named = table(vec![(name, numbers(&[1.0, 2.0]))]);
    let plan = ColumnTransformer::new().with("s", StandardScaler::default(), [name]).fit(&named).unwrap();
    let drawn = plan.to_mermaid();
    assert!(!drawn.contains("<script>") && drawn.lines().count() == 8, "{drawn}");
}
