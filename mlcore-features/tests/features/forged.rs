//! Plans that nobody fitted: whatever a stored plan says, loading and running it ends in a result or an error.

use std::sync::{Arc, LazyLock};

use mlcore::arrow::array::{
    ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray, TimestampSecondArray,
};
use mlcore::batch::{Row, Value};
use mlcore_features::expression::Expression;
use mlcore_features::pipeline::{ColumnTransformer, FeatureUnion, FittedStep, Pipeline, Plan, Step};
use mlcore_features::transform::{
    Analyzer, Categories, CountVectorizer, DatetimeFeatures, DerivedColumns, Drop, EmbeddingLookup,
    FeatureHasher, Fit, GeoDistanceFeatures, HandleUnknown, HashedCrossing, HashingVectorizer,
    KBinsDiscretizer, MinFrequency, MinMaxScaler, MissingValues, OneHotEncoder, OrdinalEncoder, Parameters,
    RareLabelEncoder, SimpleImputer, StandardScaler, Strategy, TargetEncoder, TfidfVectorizer, TimeSince,
    Training, Transform, Transformer, Unknown,
};
use proptest::prelude::*;
use serde_json::Value as Json;

fn table() -> RecordBatch {
    let number: ArrayRef =
        Arc::new(Float64Array::from(vec![Some(1.0), None, Some(3.0), Some(3.5), Some(9.0)]));
    let whole: ArrayRef = Arc::new(Int64Array::from(vec![1, 1, 2, 3, 3]));
    let text: ArrayRef = Arc::new(StringArray::from(vec![Some("a"), Some("b"), Some("b"), None, Some("c")]));
    let note: ArrayRef = Arc::new(StringArray::from(vec!["to be", "or not", "to be", "", "been"]));
    let seen = TimestampSecondArray::from(vec![Some(0), None, Some(-1), Some(1 << 31), Some(1 << 33)]);
    let seen: ArrayRef = Arc::new(seen.with_timezone("Europe/Berlin"));
    let part: ArrayRef = Arc::new(Float64Array::from(vec![0.5, -1.0, 2.0, 0.0, 7.5]));
    RecordBatch::try_from_iter([
        ("number", number),
        ("whole", whole),
        ("text", text),
        ("note", note),
        ("seen", seen),
        ("part", part.clone()),
        ("whole_2", part.clone()),
        ("part_2", part),
    ])
    .unwrap()
}

fn derived() -> DerivedColumns {
    let texts = [
        ("ratio", "number / whole if whole > 1 else -1"),
        ("asked", "contains(lower(text), 'b') or text in ('a', 'c') and not is_null(number)"),
        ("found", "lookup(text, {'a': 1, 'b': 2.5}, year(seen)) + coalesce(number, 0)"),
        ("apart", "days_between(seen, '2024-02-29T12:30:00Z')"),
    ];
    texts.into_iter().fold(DerivedColumns::default(), |derived, (name, text)| {
        derived.column(name, Expression::parse(text).unwrap())
    })
}

fn embeddings() -> EmbeddingLookup {
    let keys: ArrayRef = Arc::new(StringArray::from(vec!["a", "b"]));
    let lookup = EmbeddingLookup::new(&keys, &[0.5, 1.0, -2.0, 0.1]).unwrap();
    lookup.handle_unknown(Unknown::Mean).handle_missing(Unknown::ReturnNan)
}

/// A plan with every transformer in it.
fn plan() -> Plan {
    let number = Pipeline::new()
        .then("impute", SimpleImputer::default().add_indicator(true))
        .then("scale", StandardScaler::default())
        .then("range", MinMaxScaler::default().clip(true));
    let text = Pipeline::new()
        .then("impute", SimpleImputer::default().strategy(Strategy::MostFrequent).add_indicator(true))
        .then("encode", OneHotEncoder::default().drop(Drop::First).handle_unknown(HandleUnknown::Ignore));
    let union = FeatureUnion::new()
        .with("kept", Step::Passthrough)
        .with("gone", Step::Drop)
        .with("hot", OneHotEncoder::default())
        .weight("hot", 0.5);
    let mut plan = ColumnTransformer::new()
        .with("union", union, ["text"])
        .with("num", number, ["number"])
        .with("bins", KBinsDiscretizer::default().n_bins(2), ["whole"])
        .with("text", text, ["text"])
        .with("rare", OneHotEncoder::default().min_frequency(MinFrequency::Count(2)), ["whole", "text"])
        .with("ord", OrdinalEncoder::default().unknown_value(-1.0), ["text"])
        .with("hashed", HashingVectorizer::default().n_features(3), ["note"])
        .with("counted", CountVectorizer::default().analyzer(Analyzer::Char), ["note"])
        .with("weighed", TfidfVectorizer::default(), ["note"])
        .with("added", FeatureHasher::default().n_features(3), ["whole", "text"])
        .with(
            "since",
            TimeSince::default().moment("2024-02-29T12:30:00Z").missing_values(MissingValues::Ignore),
            ["seen"],
        )
        .with("parts", DatetimeFeatures::default().missing_values(MissingValues::Ignore), ["seen"])
        .with("derived", derived(), ["number", "whole", "text", "seen"])
        .with("listed", OrdinalEncoder::default().categories(Categories::listed([[1, 2, 3]])), ["whole"])
        .with(
            "labels",
            Pipeline::new()
                .then(
                    "rare",
                    RareLabelEncoder::default().n_categories(1).missing_values(MissingValues::Ignore),
                )
                .then("impute", SimpleImputer::default().strategy(Strategy::MostFrequent).add_indicator(true))
                .then("encode", OneHotEncoder::default().handle_unknown(HandleUnknown::Ignore)),
            ["text"],
        )
        .with("crossed", HashedCrossing::default().num_bins(5), ["text", "whole", "part"])
        .with("vectors", embeddings(), ["text"])
        .with(
            "far",
            GeoDistanceFeatures::default().validate_ranges(false),
            ["whole", "part", "part_2", "whole_2"],
        );
    let named = format!("{plan:?}");
    let (table, target) = (table(), Arc::new(Int64Array::from(vec![0, 1, 1, 0, 1])) as ArrayRef);
    let alone = table.project(&[1]).unwrap();
    for name in Transformer::NAMES.iter().filter(|name| !named.contains(**name)) {
        let transformer = Transformer::new(name, &Parameters::new()).unwrap();
        // One column is not enough for every one of them.
        let columns = if transformer.fit(Training::new(&alone).with_target(&target)).is_ok() {
            &["whole"][..]
        } else {
            &["whole", "part"]
        };
        plan = plan.with(*name, transformer, columns.iter().copied());
    }
    plan.fit(Training::new(&table).with_target(&target)).unwrap()
}

/// The document of the [`plan`], fitted once for all cases.
fn fitted() -> &'static Json {
    static DOCUMENT: LazyLock<Json> = LazyLock::new(|| serde_json::to_value(plan().step()).unwrap());
    &DOCUMENT
}

/// Changes one place of a document: what and where follow from the numbers.
fn disturb(document: &mut Json, place: &mut usize, how: u8, amount: i64) {
    if *place == 0 {
        *document = match (how % 8, &document) {
            (0, Json::Array(items)) => Json::Array(items.iter().skip(1).cloned().collect()),
            (1, Json::Array(items)) => Json::Array(items.iter().chain(items.first()).cloned().collect()),
            (2, Json::Array(items)) => Json::Array(items.iter().rev().cloned().collect()),
            (0..=3, Json::Number(_)) => amount.into(),
            (4, _) => Json::Null,
            (5, Json::Bool(value)) => (!value).into(),
            (6, _) => Json::from("NaN"),
            (_, Json::String(_)) => Json::from(
                ["number", "whole", "text", "missing", "float64", "string"]
                    [amount.unsigned_abs() as usize % 6],
            ),
            _ => Json::Array(vec![]),
        };
    }
    *place = place.wrapping_sub(1);
    match document {
        Json::Array(items) => items.iter_mut().for_each(|item| disturb(item, place, how, amount)),
        Json::Object(items) => items.values_mut().for_each(|item| disturb(item, place, how, amount)),
        _ => {}
    }
}

fn size(document: &Json) -> usize {
    1 + match document {
        Json::Array(items) => items.iter().map(size).sum(),
        Json::Object(items) => items.values().map(size).sum(),
        _ => 0,
    }
}

fn run(forged: &Json) -> bool {
    let Ok(transformer) = serde_json::from_value::<FittedStep>(forged.clone()) else { return false };
    drop(transformer.transform(&table()));
    let Ok(plan) = Plan::new(transformer) else { return false };
    if let Ok(features) = plan.transform(&table()) {
        drop(plan.inverse_transform(&features));
        invert_inside(plan.step(), &features);
    }
    drop(plan.transform_dense::<f32>(&table()));
    for row in 0..table().num_rows() {
        drop(plan.with_row_of(&table(), row, |values: &[Value<'_>]| {
            if let Ok(row) = Row::new(values, plan.input()) {
                drop(plan.row_executor().run(row));
            }
        }));
    }
    true
}

/// Inverts each transformer inside on whatever it makes of the columns at hand.
fn invert_inside(transformer: &FittedStep, table: &RecordBatch) {
    drop(transformer.inverse_transform(table));
    if let Ok(features) = transformer.transform(&self::table()) {
        drop(transformer.inverse_transform(&features));
    }
    match transformer {
        FittedStep::Pipeline(steps) => steps.iter().for_each(|(_, step)| invert_inside(step, table)),
        FittedStep::ColumnTransformer(columns) => {
            columns.iter().for_each(|(_, branch, _)| invert_inside(branch, table));
        }
        FittedStep::FeatureUnion(union) => union.iter().for_each(|(_, step, _)| invert_inside(step, table)),
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_that_a_plan_says_brings_the_process_down(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), -3_i64..12), 1..4),
    ) {
        let mut document = fitted().clone();
        for (place, how, amount) in changes {
            let mut place = place.index(size(&document));
            disturb(&mut document, &mut place, how, amount);
        }
        run(&document);
    }
}

#[test]
fn rows_of_numbers_that_do_not_fit_are_refused() {
    let classes: ArrayRef = Arc::new(Int64Array::from(vec![0, 1, 2, 0, 1]));
    let plan = ColumnTransformer::new().with("mean", TargetEncoder::default(), ["text", "whole"]);
    let plan = plan.fit(Training::new(&table()).with_target(&classes)).unwrap();
    let original = serde_json::to_value(plan.step()).unwrap();
    let mut refused = 0;
    for place in 0..size(&original) {
        for how in 0..8 {
            let mut document = original.clone();
            disturb(&mut document, &mut place.clone(), how, 7);
            refused += usize::from(!run(&document));
        }
    }
    assert!(refused > 20, "{refused} changes are refused, too few to prove anything");
}

/// Two of the eight changes of each place; all where `MLCORE_EVERY_CHANGE` is set.
#[test]
fn many_single_changes_still_load() {
    let original = fitted();
    let step = if std::env::var_os("MLCORE_EVERY_CHANGE").is_some() { 1 } else { 4 };
    let (mut loaded, mut tried) = (0, 0);
    for place in 0..size(original) {
        for how in ((place % step) as u8..8).step_by(step) {
            tried += 1;
            let mut document = original.clone();
            disturb(&mut document, &mut place.clone(), how, 7);
            loaded += usize::from(run(&document));
        }
    }
    assert!(loaded > 200, "{loaded} of {tried} changes load, too few to prove anything");
}
