//! A union of features: its golden recipes, what it refuses, and what a plan that holds one can do.

use std::sync::Arc;

use mlcore::Error;
use mlcore::arrow::array::{ArrayRef, Float64Array, RecordBatch, StringArray};
use mlcore_features::pipeline::{ColumnTransformer, FeatureUnion, FittedStep, Pipeline, Plan, Step};
use mlcore_features::transform::{
    Analyzer, CountVectorizer, Fit, HandleUnknown, IndicatedFeatures, MaxAbsScaler, MinMaxScaler,
    MissingIndicator, OneHotEncoder, OrdinalEncoder, PolynomialFeatures, SimpleImputer, StandardScaler,
    TargetEncoder, TfidfVectorizer,
};

/// The union of this name in `feature_union()` of the script.
pub(crate) fn recipe(name: &str) -> Step {
    let both = |union: FeatureUnion| {
        union.with("std", StandardScaler::default()).with("range", MinMaxScaler::default())
    };
    match name {
        "scales" => both(FeatureUnion::new()).into(),
        "weighted" => both(FeatureUnion::new()).weight("std", 0.3).weight("range", 10.0).into(),
        "kept and dropped" => {
            let kept = FeatureUnion::new().with("kept", Step::Passthrough).with("gone", Step::Drop);
            both(kept).weight("gone", 2.0).into()
        }
        "weighted as it is" => FeatureUnion::new()
            .with("kept", Step::Passthrough)
            .with("std", StandardScaler::default())
            .weight("kept", -2.5)
            .into(),
        "plain names" => FeatureUnion::new()
            .with("missing", MissingIndicator::default().features(IndicatedFeatures::All))
            .with("imputed", SimpleImputer::default())
            .verbose_feature_names_out(false)
            .into(),
        "all dropped" => FeatureUnion::new().with("gone", Step::Drop).into(),
        "unknown weight" => both(FeatureUnion::new()).weight("other", 2.0).into(),
        "behind an imputer" => {
            let poly = PolynomialFeatures::default().include_bias(false);
            Pipeline::new()
                .then("impute", SimpleImputer::default())
                .then("both", both(FeatureUnion::new().with("poly", poly)).weight("poly", 0.1))
                .then("scale", MaxAbsScaler::default())
                .into()
        }
        "nested" => {
            let inner = FeatureUnion::new()
                .with("range", MinMaxScaler::default())
                .with("kept", Step::Passthrough)
                .weight("range", 3.0);
            FeatureUnion::new()
                .with("in", inner)
                .with("std", StandardScaler::default())
                .weight("in", 0.7)
                .into()
        }
        "categories" => {
            let union = FeatureUnion::new()
                .with("hot", OneHotEncoder::default().handle_unknown(HandleUnknown::Ignore))
                .with("code", OrdinalEncoder::default().unknown_value(-1.0))
                .weight("hot", 0.5);
            ColumnTransformer::new()
                .with("num", StandardScaler::default(), ["age"])
                .with("cat", union, ["plan", "city"])
                .into()
        }
        "texts" => {
            let char = CountVectorizer::default().analyzer(Analyzer::CharWb).ngram_range(1, 2);
            let union = FeatureUnion::new()
                .with("word", TfidfVectorizer::default())
                .with("char", char)
                .weight("word", 2.5)
                .weight("char", -1.0);
            ColumnTransformer::new()
                .with("text", union, ["note"])
                .with("num", StandardScaler::default(), ["age"])
                .into()
        }
        "target encoded" => {
            let union = FeatureUnion::new()
                .with("target", TargetEncoder::default().shuffle(false).cv(4))
                .with("code", OrdinalEncoder::default())
                .weight("target", 3.0);
            Pipeline::new().then("both", union).then("scale", MaxAbsScaler::default()).into()
        }
        other => panic!("there is no recipe {other}"),
    }
}

fn table(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter(columns).unwrap()
}

fn people() -> RecordBatch {
    table(vec![
        ("age", Arc::new(Float64Array::from(vec![20.0, 40.0]))),
        ("plan", Arc::new(StringArray::from(vec!["free", "pro"]))),
    ])
}

fn ages() -> RecordBatch {
    people().project(&[0]).unwrap()
}

#[test]
fn what_makes_no_union_is_refused_by_name() {
    let scaled = || FeatureUnion::new().with("a", StandardScaler::default());
    for (union, expected) in [
        (FeatureUnion::new(), "fit FeatureUnion transformer_list: it has no transformers; add a transformer"),
        (
            scaled().weight("b", 1.0),
            "fit FeatureUnion transformer_weights: there is a weight of b, and no transformer of this name",
        ),
        (
            scaled().weight("a", f64::NAN),
            "fit FeatureUnion transformer_weights: the weight of a is NaN, which is no finite number",
        ),
        (scaled().with("a", Step::Drop), "fit FeatureUnion a: two steps have this name"),
        (scaled().with("a__b", Step::Drop), "fit FeatureUnion a__b: a step's name must not contain __"),
        (
            scaled().with("b", MinMaxScaler::default()).verbose_feature_names_out(false),
            "compile plan age: two output columns have this name",
        ),
    ] {
        let error = union.fit(&ages()).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}");
    }
}

#[test]
fn a_weight_is_one_of_numbers() {
    let kept = FeatureUnion::new().with("kept", Step::Passthrough).weight("kept", 2.0);
    let error = kept.fit(&people()).unwrap_err();
    assert!(matches!(error, Error::SchemaMismatch(_)), "{error}");
    let expected = "fit FeatureUnion plan: a weight multiplies numbers, and the column is string; encode the column first";
    assert!(error.to_string().starts_with(expected), "{error}");
    // The last of two weights of a name counts.
    let plan = kept.weight("kept", 0.5).fit(&ages()).unwrap();
    let features = plan.transform_dense::<f64>(&ages()).unwrap();
    assert_eq!(features.values::<f64>().unwrap(), [10.0, 20.0]);
}

#[test]
fn a_union_is_stored_found_and_refused_backwards() {
    let union = FeatureUnion::new()
        .with("in", FeatureUnion::new().with("scale", StandardScaler::default()))
        .with("cat", ColumnTransformer::new().with("hot", OneHotEncoder::default(), ["plan"]))
        .weight("cat", 2.0);
    // A step that takes no text gets all columns.
    let error = union.fit(&people()).unwrap_err().to_string();
    assert!(error.starts_with("fit StandardScaler plan: expected numbers"), "{error}");
    let only = ColumnTransformer::new().with("num", StandardScaler::default(), ["age"]);
    let union = FeatureUnion::new()
        .with("in", FeatureUnion::new().with("age", only))
        .with("cat", ColumnTransformer::new().with("hot", OneHotEncoder::default(), ["plan"]));
    let plan = union.weight("cat", 2.0).fit(&people()).unwrap();
    assert_eq!(plan.feature_names_out(), ["in__age__num__age", "cat__hot__plan_free", "cat__hot__plan_pro"]);
    let loaded = Plan::from_bytes(&plan.to_bytes().unwrap()).unwrap();
    assert_eq!(loaded, plan);
    assert!(matches!(loaded.find(&["in", "age", "num"]), Some(FittedStep::Transformer(_))));
    assert!(loaded.find(&["in", "other"]).is_none());
    let features = loaded.transform(&people()).unwrap();
    let error = loaded.inverse_transform(&features).unwrap_err();
    assert!(matches!(error, Error::Unsupported(_)), "{error}");
}

#[test]
fn what_differs_between_unions_is_told() {
    let union = |weight: f64| {
        FeatureUnion::new()
            .with("std", StandardScaler::default())
            .with("range", MinMaxScaler::default())
            .weight("std", weight)
    };
    let old = union(2.0).fit(&ages()).unwrap();
    let told = |new: FeatureUnion| -> Vec<String> {
        old.diff(&new.fit(&ages()).unwrap()).iter().map(ToString::to_string).collect()
    };
    assert_eq!(told(union(3.0)), ["std: the weight was 2.0, is 3.0"]);
    let more = told(union(2.0).weight("range", 1.0).with("kept", Step::Passthrough));
    for due in [
        "the step kept is new, passthrough",
        "range: the weight was None, is 1.0",
        "output: the feature kept__age is new, float64",
    ] {
        assert!(more.iter().any(|change| change == due), "{due:?} is not in {more:#?}");
    }
    let fewer =
        told(FeatureUnion::new().with("range", MinMaxScaler::default()).verbose_feature_names_out(false));
    for due in ["the step std is gone, StandardScaler", "verbose_feature_names_out was True, is False"] {
        assert!(fewer.iter().any(|change| change == due), "{due:?} is not in {fewer:#?}");
    }
}

#[test]
fn a_union_is_drawn_as_branches_of_the_same_columns() {
    let union = FeatureUnion::new().with("std", StandardScaler::default()).with("kept", Step::Passthrough);
    let plan = union.weight("std", 0.5).fit(&ages()).unwrap();
    assert_eq!(
        plan.to_mermaid(),
        "flowchart LR\n  n0[\"1 column\"]\n  n1[\"age\"]\n  n0 --> n1\n  n2[\"std #42; 0.5#58; StandardScaler\"]\n  n1 --> n2\n  \
         n3[\"kept#58; passthrough\"]\n  n1 --> n3\n  n4[\"2 features\"]\n  n2 --> n4\n  n3 --> n4\n"
    );
}

#[test]
fn a_union_tells_which_columns_it_reads() {
    let own = |column: &str| ColumnTransformer::new().with("s", StandardScaler::default(), [column]);
    let step: Step = FeatureUnion::new().with("a", own("age")).with("b", Step::Drop).into();
    assert!(step.reads("age") && !step.reads("plan"));
    let plan = Plan::new(step.fit(&people()).unwrap()).unwrap();
    assert_eq!(plan.input().names().collect::<Vec<_>>(), ["age"]);
}
