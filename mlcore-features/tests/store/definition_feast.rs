//! Feast's own answers: names of features, types, versions, and a registry as it writes one.

use std::collections::BTreeSet;
use std::time::Duration;

use mlcore::schema::DType;
use mlcore_features::expression::col;
use mlcore_features::store::definition::{
    Aggregation, AggregationFunction, AnyView, Definition, FeatureReference, Field, OnDemandFeatureView,
    Origin, Repository, ResolveOptions, ValueType, ViewVersion, feast,
};
use serde_json::Value;

fn golden(name: &str) -> String {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../testdata/golden/store/");
    std::fs::read_to_string(format!("{folder}{name}")).unwrap()
}

fn names() -> Value {
    serde_json::from_str(&golden("feast_names.json")).unwrap()
}

fn cases<'a>(names: &'a Value, key: &str) -> &'a [Value] {
    names[key].as_array().unwrap()
}

/// The repository of the golden file, with the on-demand view, whose function is Python, as an expression.
fn repository() -> Repository {
    let import = feast::import(&golden("feast_registry.json")).unwrap();
    let computed = OnDemandFeatureView::builder("transformed")
        .view("driver_stats")
        .request_source("vals")
        .schema([Field::new("conv_rate_plus_val", DType::Float64)])
        .expression("conv_rate_plus_val", col("conv_rate").fill_null(0.0) + col("val"));
    let computed: Definition = computed.build().unwrap().into();
    Repository::new("rides", import.definitions.into_iter().chain([computed])).unwrap()
}

#[test]
fn a_registry_is_taken_over_and_what_cannot_be_is_named() {
    let import = feast::import(&golden("feast_registry.json")).unwrap();
    assert_eq!(import.project.as_deref(), Some("rides"));
    let left: Vec<&str> = import.left_out.iter().map(|own| own.what.as_str()).collect();
    assert_eq!(
        left,
        [
            "source warehouse",
            "source clicks",
            "feature view blob, feature raw",
            "feature view blob, feature attributes",
            "feature view from_warehouse",
            "feature service some, view transformed",
            "feature service left_out, view from_warehouse",
            "feature service left_out",
            "stream feature view windows",
            "on-demand feature view transformed",
        ]
    );
    let changed: Vec<&str> = import.changed.iter().map(|own| own.what.as_str()).collect();
    assert_eq!(changed, ["feature view pair, feature key", "feature view pair, feature doc"]);
    assert!(import.left_out.iter().chain(&import.changed).all(|own| !own.reason.is_empty()));

    let repository = import.repository("rides").unwrap();
    let driver = repository.entity("driver").unwrap();
    assert_eq!(
        (driver.join_key(), driver.owner(), driver.description()),
        ("driver_id", "ana@example.com", "who drives")
    );
    assert_eq!(driver.tags()["team"], "rides");
    let AnyView::View(stats) = repository.view("driver_stats").unwrap() else { unreachable!() };
    assert_eq!(stats.view.ttl(), Some(Duration::from_secs(86_400)));
    assert_eq!(
        (stats.timestamp_field(), stats.created_timestamp_column()),
        (Some("event_timestamp"), Some("created"))
    );
    assert_eq!(stats.source_column("avg_daily_trips"), "avg_trips");
    assert_eq!(stats.join_keys, [Field::new("driver_id", DType::Int64)]);
    assert_eq!(
        stats.features[0],
        Field::new("conv_rate", DType::Float32).with_description("of trips").with_tag("pii", "no")
    );
    let AnyView::View(fresh) = repository.view("driver_stats_fresh").unwrap() else { unreachable!() };
    assert_eq!(fresh.view.ttl(), Some(Duration::new(129_600, 5_000)));
    assert_eq!(fresh.view.source(), Some("driver_push"));
    assert_eq!(fresh.batch_source.as_ref().unwrap().name(), "driver_stats_source");
    let AnyView::View(weather) = repository.view("weather").unwrap() else { unreachable!() };
    assert_eq!((weather.view.ttl(), weather.view.source()), (None, Some("data/stats.parquet")));
    let AnyView::View(history) = repository.view("history").unwrap() else { unreachable!() };
    assert!(!history.view.online() && history.view.offline());
    let AnyView::View(everybody) = repository.view("everybody").unwrap() else { unreachable!() };
    assert!(everybody.join_keys.is_empty());
    assert_eq!(repository.view("blob").unwrap().features().len(), 1);
    let customers = repository.source("customers").unwrap();
    assert!(matches!(customers.origin(), Origin::PostgresQuery { query: "SELECT * FROM customers", .. }));
    let twice = repository.service("twice").unwrap().projections();
    assert_eq!(
        (twice[0].name_to_use(), &twice[0].join_key_map["location_id"]),
        ("origin".to_owned(), &"origin_id".to_owned())
    );
    // It is the same with the names that protocol buffers have.
    let snake = serde_json::from_str::<Value>(&golden("feast_registry.json")).unwrap();
    assert_eq!(feast::import(&in_snake_case(snake).to_string()).unwrap(), import);
}

/// What `MessageToJson` writes with `preserving_proto_field_name`.
fn in_snake_case(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let snake = |key: String| {
                // The keys of maps are the user's.
                key.chars()
                    .flat_map(|c| {
                        let before = c.is_ascii_uppercase().then_some('_');
                        before.into_iter().chain([c.to_ascii_lowercase()])
                    })
                    .collect::<String>()
            };
            map.into_iter()
                .map(|(key, value)| (snake(key), in_snake_case(value)))
                .collect::<serde_json::Map<_, _>>()
                .into()
        }
        Value::Array(items) => items.into_iter().map(in_snake_case).collect(),
        other => other,
    }
}

#[test]
fn features_are_named_and_refused_as_feast_does() {
    let (names, repository) = (names(), repository());
    let mut answered = 0;
    for case in cases(&names, "answers") {
        let options =
            ResolveOptions::default().with_full_feature_names(case["full_feature_names"].as_bool().unwrap());
        let resolved = match &case["asked"] {
            // The service has the on-demand view in Feast, which an import cannot take.
            Value::String(service) if service == "some" => {
                let own = repository.service("some").unwrap().projections().to_vec();
                let more = own
                    .into_iter()
                    .chain([mlcore_features::store::definition::Projection::of("transformed")]);
                repository.resolve_projections(&more.collect::<Vec<_>>(), &options)
            }
            Value::String(service) => repository.resolve_service(service, &options),
            references => {
                let parse = |text: &Value| FeatureReference::parse(text.as_str().unwrap());
                let parsed: mlcore::Result<Vec<_>> =
                    references.as_array().unwrap().iter().map(parse).collect();
                parsed.and_then(|references| repository.resolve(&references, &options))
            }
        };
        match case.get("refused") {
            Some(word) => {
                let error = resolved.expect_err(&case.to_string());
                let kind = match word.as_str().unwrap() {
                    "KeyError" | "FeatureViewNotFoundException" | "FeatureServiceNotFoundException" => {
                        "not_found"
                    }
                    "FeatureNameCollisionError" | "ValueError" => "invalid_input",
                    other => unreachable!("Feast refuses with {other}"),
                };
                assert_eq!(error.kind(), kind, "{case}: {error}");
                assert!(error.context().remedy().is_some());
            }
            None => {
                let resolved = resolved.unwrap_or_else(|error| unreachable!("{case}: {error}"));
                let own: BTreeSet<&str> = resolved.output_names().collect();
                let feasts: BTreeSet<&str> =
                    case["columns"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
                assert_eq!(own, feasts, "{case}");
                answered += 1;
            }
        }
    }
    assert!(answered >= 18, "{answered} answers");
}

#[test]
fn references_and_versions_are_read_as_feast_does() {
    let names = names();
    for case in cases(&names, "references") {
        let text = case["text"].as_str().unwrap();
        let parsed = mlcore_features::store::definition::Projection::parse(text).unwrap();
        assert_eq!(parsed.view, case["parsed"][0].as_str().unwrap(), "{text}");
        assert_eq!(
            parsed.version.map(|version| u64::from(version.get())),
            case["parsed"][1].as_u64(),
            "{text}"
        );
        assert_eq!(parsed.features.first().map(String::as_str), case["parsed"][2].as_str(), "{text}");
        let reference = FeatureReference::parse(text);
        assert_eq!(reference.is_ok(), case["parsed"][2].is_string(), "{text}");
    }
    for case in cases(&names, "versions") {
        let text = case["text"].as_str().unwrap();
        let schema = serde_json::json!([{"name": "a", "dtype": "int64"}]);
        let json = serde_json::json!({"name": "v", "schema": schema, "version": text});
        let view = serde_json::from_value::<mlcore_features::store::definition::FeatureView>(json);
        if case["version"] == "refused" {
            assert!(view.is_err(), "{text}");
        } else {
            let version = view.unwrap().version().map(ViewVersion::get).map(u64::from);
            assert_eq!(version, case["version"].as_u64(), "{text}");
        }
    }
}

#[test]
fn types_have_feasts_arrow_types() {
    let names = names();
    let mut taken = 0;
    for case in cases(&names, "value_types") {
        let name = case["name"].as_str().unwrap();
        let Ok(own) = ValueType::from_feast(name) else { continue };
        taken += 1;
        let arrow = match own {
            ValueType::Scalar(dtype) => pyarrow(dtype),
            ValueType::List(dtype) => format!("list<item: {}>", pyarrow(dtype)),
        };
        // Feast reads JSON with offsets of 64 bits.
        let feasts = case["arrow"].as_str().unwrap().replace("large_string", "string");
        assert_eq!(arrow, feasts, "{name}");
        if let Some(back) = own.feast_name() {
            assert_eq!(ValueType::from_feast(back).unwrap(), own);
        }
    }
    assert_eq!(taken, 20);
    for refused in ["BYTES", "MAP", "STRUCT", "DECIMAL", "INT64_SET", "UNKNOWN", "nothing"] {
        assert!(ValueType::from_feast(refused).unwrap_err().context().remedy().is_some(), "{refused}");
    }
}

/// How pyarrow prints a type.
fn pyarrow(dtype: DType) -> String {
    match dtype {
        DType::Float64 => "double".to_owned(),
        DType::Float32 => "float".to_owned(),
        other => other.to_string(),
    }
}

#[test]
fn aggregations_are_named_as_feast_does() {
    let names = names();
    let mut compared = 0;
    for case in cases(&names, "aggregations") {
        // A window is needed here.
        let Some(seconds) = case["seconds"].as_f64() else { continue };
        let function: AggregationFunction = case["function"].as_str().unwrap().parse().unwrap();
        let mut own = Aggregation::new(function, "trips", Duration::from_secs_f64(seconds));
        if let Some(name) = case["name"].as_str() {
            own = own.with_name(name);
        }
        assert_eq!(own.resolved_name(), case["resolved"].as_str().unwrap());
        assert_eq!(own.slide().as_secs_f64(), case["slide_seconds"].as_f64().unwrap());
        compared += 1;
    }
    assert_eq!(compared, 20);
}

#[test]
fn damaged_registries_are_told_apart_from_good_ones() {
    for text in ["", "[]", "7", "{", "\u{0}"] {
        let error = feast::import(text).unwrap_err();
        assert_eq!(error.kind(), "invalid_input", "{text:?}");
    }
    // Whatever is where it does not belong, nothing else is lost with it.
    let registry: Value = serde_json::from_str(&golden("feast_registry.json")).unwrap();
    for key in ["entities", "dataSources", "featureViews", "featureServices", "projects"] {
        for odd in [
            Value::Null,
            7.into(),
            "text".into(),
            serde_json::json!([7, null, {"spec": 3}, {"spec": {"name": 5}}]),
        ] {
            let mut damaged = registry.clone();
            damaged[key] = odd;
            let import = feast::import(&damaged.to_string()).unwrap();
            import.repository("rides").unwrap();
        }
    }
    for (ttl, word) in [
        ("-5s", "negative"),
        ("1e9s", "no duration"),
        ("99999999999999999999s", "no duration"),
        ("5", "no duration"),
    ] {
        let mut damaged = registry.clone();
        damaged["featureViews"][0]["spec"]["ttl"] = ttl.into();
        let import = feast::import(&damaged.to_string()).unwrap();
        let left = import.left_out.iter().find(|own| own.what == "feature view driver_stats").unwrap();
        assert!(left.reason.contains(word), "{}", left.reason);
    }
}

#[test]
fn the_server_of_a_bucket_comes_with_its_path() {
    let source = |options: Value| {
        let registry = serde_json::json!({"dataSources": [{
            "type": "BATCH_FILE", "name": "trips", "timestampField": "at", "fileOptions": options,
        }]});
        let import = feast::import(&registry.to_string()).unwrap();
        let Some(Definition::Source(source)) = import.definitions.first().cloned() else {
            panic!("{import:?}")
        };
        match source.origin() {
            Origin::File { path, .. } => path.to_owned(),
            other => panic!("{other:?}"),
        }
    };
    let of = |endpoint: &str| {
        source(serde_json::json!({"uri": "s3://lake/trips", "s3EndpointOverride": endpoint}))
    };
    assert_eq!(of(""), "s3://lake/trips");
    assert_eq!(of("http://127.0.0.1:9000"), "s3://lake/trips?endpoint=http://127.0.0.1:9000");
    assert_eq!(of("https://a b?c"), "s3://lake/trips?endpoint=https://a%20b%3Fc");
}
