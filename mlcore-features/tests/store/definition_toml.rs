//! Repositories as TOML: what is written reads back, and errors point at line and key.

use std::collections::BTreeSet;
use std::time::Duration;

use mlcore::schema::DType;
use mlcore_features::expression::{Expression, col};
use mlcore_features::store::definition::{
    Aggregation, AggregationFunction, Definition, Entity, FeatureService, FeatureView, Field,
    OnDemandFeatureView, Projection, Repository, Source, ValueType, ViewVersion,
};
use proptest::prelude::*;

#[track_caller]
fn refused(text: &str, words: &[&str]) {
    let error = Repository::from_toml(text).unwrap_err().to_string();
    for word in words {
        assert!(error.contains(word), "{word:?} is not in: {error}");
    }
}

const START: &str = "project = \"rides\"\n\n[[entities]]\nname = \"driver\"\nvalue_type = \"int64\"\n\n";

#[test]
fn errors_point_at_line_and_key() {
    refused("project = ", &["line 1"]);
    refused("[[entities]]\nname = \"a\"\n", &["project"]);
    refused("project = \"rides\"\n[[entities]]\nname = 7\n", &["line 3, key name"]);
    refused(
        "project = \"rides\"\n[[entities]]\nname = \"a\"\ncolour = \"red\"\n",
        &["line 4, key colour", "unknown field"],
    );
    refused(
        "project = \"rides\"\n[[entities]]\nname = \"a\"\nvalue_type = \"int65\"\n",
        &["line 4, key value_type", "int64"],
    );
    refused(
        &format!("{START}[[feature_views]]\nname = \"v\"\nttl = \"-1d\"\n"),
        &["line 9, key ttl", "negative"],
    );
    refused(&format!("{START}[[feature_views]]\nname = \"v\"\nttl = -5\n"), &["line 9, key ttl", "negative"]);
    refused(&format!("{START}[[feature_views]]\nname = \"v\"\n"), &["line 7", "v, schema", "no field"]);
    let view = "[[feature_views]]\nname = \"v\"\nschema = [{ name = \"a\", dtype = \"int64\" }]\n";
    refused(
        &format!("{START}{view}entities = [\"nobody\"]\n"),
        &["line 7, feature view v, nobody", "no such entity"],
    );
    refused(&format!("{START}{view}{view}"), &["line 10, feature view v", "twice"]);
    refused(
        &format!("{START}[[feature_services]]\nname = \"s\"\nfeatures = [\"a@b:c\"]\n"),
        &["line 9, key features", "version"],
    );
    refused("project = \"a/b\"\n", &["a/b", "letters"]);
    refused(&format!("project = \"{}\"", "a".repeat(300)), &["255"]);
}

#[test]
fn a_ttl_is_text_or_seconds_and_zero_is_no_limit() {
    let of = |ttl: &str| {
        let text = format!(
            "{START}[[feature_views]]\nname = \"v\"\nttl = {ttl}\nschema = [{{ name = \"a\", dtype = \"int64\" }}]\n"
        );
        let repository = Repository::from_toml(&text).unwrap();
        let view = repository.definitions().find_map(|own| match own {
            Definition::FeatureView(view) => Some(view.ttl()),
            _ => None,
        });
        view.unwrap()
    };
    assert_eq!(
        (of("\"1d\""), of("86400")),
        (Some(Duration::from_secs(86_400)), Some(Duration::from_secs(86_400)))
    );
    assert_eq!((of("0"), of("\"0s\"")), (None, None));
}

fn text() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9 _.\"'\\\\#=\\[\\]é🦀\n\t]{0,12}"
}

fn tags() -> impl Strategy<Value = Vec<(String, String)>> {
    prop::collection::vec(("[a-z\"']{1,5}", text()), 0..3)
}

fn dtype() -> impl Strategy<Value = ValueType> {
    let all: Vec<DType> = DType::columns().collect();
    (prop::sample::select(all), any::<bool>()).prop_map(|(dtype, list)| match list {
        true => ValueType::List(dtype),
        false => ValueType::Scalar(dtype),
    })
}

/// What a field is made of: type, description and tags.
type Drawn = (ValueType, String, Vec<(String, String)>);

fn fields(prefix: &'static str) -> impl Strategy<Value = Vec<Field>> {
    prop::collection::vec((dtype(), text(), tags()), 1..4).prop_map(move |all| {
        let field = |(place, (dtype, description, tags)): (usize, Drawn)| {
            let field = Field::new(format!("{prefix}{place}"), dtype).with_description(description);
            tags.into_iter().fold(field, |field, (key, value)| field.with_tag(key, value))
        };
        all.into_iter().enumerate().map(field).collect()
    })
}

prop_compose! {
    /// A repository with an object of every kind, whose parts are drawn.
    fn repository()(
        schema in fields("f"),
        request in fields("r"),
        (description, owner, tags) in (text(), text(), tags()),
        ttl in prop::option::of(1_u64..i64::MAX as u64),
        flags in any::<(bool, bool, bool, bool)>(),
        window in 1_u64..1_000_000,
        count in 1_u32..10_000,
        quantile in 0.0..=1.0_f64,
        query in "[a-z *\"'\n]{1,20}[a-z]",
    ) -> Repository {
        let driver = Entity::builder("driver").value_type(DType::String).description(&*description).owner(&*owner);
        let driver = tags.iter().fold(driver, |builder, (key, value)| builder.tag(key, value));
        let file = Source::file("data/*.parquet").timestamp_field("at").created_timestamp_column("made").map_field("x", "y");
        let file = file.partition_columns([Field::new("day", DType::Date)]).name("file");
        let postgres = Source::postgres_query("postgres", query).timestamp_field("at");
        let push = Source::push("push").batch_source("file").description(&*description);
        let mut view = FeatureView::builder("view", ["driver"]).schema(schema.clone()).online(flags.0).offline(flags.1);
        if let Some(nanoseconds) = ttl {
            view = view.ttl(Duration::from_nanos(nanoseconds));
        }
        if flags.2 {
            view = view.source("push");
        }
        let window = Duration::from_secs(window);
        let numbers = Field::new("number", DType::Float64);
        let sliding = FeatureView::builder("sliding", ["driver"]).schema([numbers]).source("postgres").aggregations([
            Aggregation::new(AggregationFunction::LastN(count), "number", window),
            Aggregation::new(AggregationFunction::ApproxQuantile(quantile), "number", window).with_slide_interval(window),
            Aggregation::new(AggregationFunction::Count, "", window).with_name("rows"),
        ]);
        let formula: Expression = col("number").fill_null(quantile) * 2.0;
        let raw = FeatureView::builder("raw", ["driver"]).schema([Field::new("number", DType::Float64)]);
        let computed = OnDemandFeatureView::builder("computed").view("raw:number").request_source("request")
            .schema([Field::new("out", DType::Float64)]).expression("out", formula);
        let mut projection = Projection::of("view").with_features([&schema[0].name]);
        if flags.3 {
            projection = projection.with_name("other").with_join_key("driver", "who");
        }
        let service = FeatureService::builder("service").projection(projection).feature("computed").description(&*description);
        let all: Vec<Definition> = vec![
            driver.build().unwrap().into(), file.build().unwrap().into(), postgres.build().unwrap().into(),
            push.build().unwrap().into(), Source::request("request", request).build().unwrap().into(),
            Source::arrow("arrow").timestamp_field("at").build().unwrap().into(),
            view.build().unwrap().into(), sliding.build().unwrap().into(), raw.build().unwrap().into(),
            computed.build().unwrap().into(), service.build().unwrap().into(),
        ];
        Repository::new("rides", all).unwrap()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_repository_reads_back(repository in repository()) {
        let text = repository.to_toml().unwrap();
        let read = Repository::from_toml(&text).unwrap_or_else(|error| unreachable!("{error}\n{text}"));
        prop_assert_eq!(&read, &repository);
        let digests = |own: &Repository| own.definitions().map(|own| own.digest().unwrap()).collect::<BTreeSet<_>>();
        prop_assert_eq!(digests(&read), digests(&repository));
        // The same by JSON.
        for definition in repository.definitions() {
            let json = serde_json::to_string(definition).unwrap();
            prop_assert_eq!(&serde_json::from_str::<Definition>(&json).unwrap(), definition);
        }
    }

    /// Cut, doubled or overwritten anywhere, it is a repository or an error.
    #[test]
    fn damaged_text_is_an_error(repository in repository(), at in 0.0..1.0_f64, byte in any::<u8>()) {
        let mut bytes = repository.to_toml().unwrap().into_bytes();
        let place = (bytes.len() as f64 * at) as usize;
        bytes[place] = byte;
        let damaged = String::from_utf8_lossy(&bytes);
        drop(Repository::from_toml(&damaged));
        drop(Repository::from_toml(damaged.get(..place).unwrap_or_default()));
    }
}

#[test]
fn a_pin_is_read_as_feast_writes_it() {
    let text = format!(
        "{START}[[feature_views]]\nname = \"v\"\nversion = \"version3\"\nschema = [{{ name = \"a\", dtype = \"int64\" }}]\n"
    );
    let repository = Repository::from_toml(&text).unwrap();
    let pinned = repository.definitions().any(
        |own| matches!(own, Definition::FeatureView(view) if view.version() == Some(ViewVersion::new(3))),
    );
    assert!(pinned);
}
