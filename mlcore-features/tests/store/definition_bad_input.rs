//! What no definition may be, each with an error that names the object, the part and the remedy.

use std::time::Duration;

use mlcore::schema::DType;
use mlcore::time::TimeUnit;
use mlcore_features::store::definition::{
    Definition, Entity, FeatureReference, FeatureService, FeatureView, Field, OnDemandFeatureView,
    Projection, Repository, ResolveOptions, Source, ValueType,
};

use crate::support::{driver, file, refused, together, view};

#[test]
fn names_that_may_not_be() {
    let long = "n".repeat(256);
    for name in ["", "__dummy", "__x", " a", "a ", "a\nb", "a\u{202e}b", "a\0", &long] {
        refused(Entity::builder(name).build(), "invalid_input", &["define entity"]);
        refused(
            FeatureService::builder(name).feature("v").build(),
            "invalid_input",
            &["define feature service"],
        );
        refused(
            FeatureView::builder(name, ["driver"]).schema([Field::new("a", DType::Int64)]).build(),
            "invalid_input",
            &[],
        );
        refused(view(&[(name, DType::Int64)]).build(), "invalid_input", &["stats_view, field"]);
        refused(Entity::builder("driver").join_keys([name]).build(), "invalid_input", &["driver, join key"]);
    }
    for name in ["a:b", "a@v1"] {
        refused(
            FeatureView::builder(name, ["driver"]).schema([Field::new("a", DType::Int64)]).build(),
            "invalid_input",
            &["reference"],
        );
        refused(OnDemandFeatureView::builder(name).view("v").build(), "invalid_input", &["reference"]);
        // Feast takes them elsewhere.
        Entity::builder(name).build().unwrap();
    }
    for project in ["", "_a", "-a", "a b", "a/b", "é", &long] {
        refused(Repository::new(project, []), "invalid_input", &["name project"]);
    }
    Repository::new("driver-ranking_2", []).unwrap();
}

#[test]
fn entities_have_one_key_that_can_be_compared() {
    refused(
        Entity::builder("route").join_keys(["from", "to"]).build(),
        "invalid_input",
        &["route", "2 join keys", "each key"],
    );
    for dtype in [ValueType::Scalar(DType::Float64), ValueType::List(DType::Int64)] {
        refused(
            Entity::builder("driver").value_type(dtype).build(),
            "invalid_input",
            &["driver", &dtype.to_string()],
        );
    }
    for dtype in [DType::String, DType::UInt8, DType::Bool, DType::Date] {
        Entity::builder("driver").value_type(dtype).build().unwrap();
    }
}

#[test]
fn sources_have_what_their_kind_needs() {
    refused(Source::file("a.parquet").build(), "invalid_input", &["a.parquet, timestamp_field", "needs"]);
    refused(Source::file("").timestamp_field("at").name("a").build(), "invalid_input", &["a, text"]);
    refused(
        file().created_timestamp_column("at").build(),
        "invalid_input",
        &["stats, created_timestamp_column"],
    );
    refused(Source::push("p").build(), "invalid_input", &["p, timestamp_field"]);
    refused(
        Source::push("p").batch_source("b").timestamp_field("at").build(),
        "invalid_input",
        &["p, timestamp_field", "batch source"],
    );
    refused(Source::request("r", []).build(), "invalid_input", &["r, schema"]);
    refused(
        Source::request("r", [Field::new("a", DType::Int64)]).timestamp_field("at").build(),
        "invalid_input",
        &["r, timestamp_field"],
    );
    refused(
        Source::request("r", [Field::new("a", DType::Int64), Field::new("a", DType::Int64)]).build(),
        "invalid_input",
        &["r, field a", "two"],
    );
    refused(Source::postgres_query("q", " ").timestamp_field("at").build(), "invalid_input", &["q, text"]);
    refused(Source::arrow("a").build(), "invalid_input", &["a, timestamp_field"]);
    refused(
        file().map_field("a", "x").map_field("b", "x").build(),
        "invalid_input",
        &["stats, field_mapping", "x"],
    );
    let json = r#"{"kind":"file","name":"a","path":"p","timestamp_field":"at","query":"SELECT 1"}"#;
    let error = serde_json::from_str::<Source>(json).unwrap_err().to_string();
    assert!(error.contains("a, query") && error.contains("file source"), "{error}");
}

#[test]
fn views_have_fields_of_their_own() {
    refused(view(&[]).build(), "invalid_input", &["stats_view, schema", "schema_of"]);
    refused(
        view(&[("a", DType::Int64), ("a", DType::Int32)]).build(),
        "invalid_input",
        &["stats_view, field a", "two"],
    );
    refused(
        view(&[("a", DType::Int64)]).ttl(Duration::MAX).build(),
        "invalid_input",
        &["stats_view, ttl", "292 years"],
    );
    refused(
        FeatureView::builder("v", ["d", "d"]).schema([Field::new("a", DType::Int64)]).build(),
        "invalid_input",
        &["v, entity d", "twice"],
    );
    refused(
        together(view(&[("a", DType::Int64), ("at", DType::Int64)])),
        "invalid_input",
        &["feature view stats_view, field at", "timestamp_field"],
    );
    refused(
        together(view(&[("made", DType::Int64)])),
        "invalid_input",
        &["stats_view, field made", "created_timestamp_column"],
    );
    refused(
        together(view(&[("a", DType::Int64), ("driver_id", DType::String)])),
        "schema_mismatch",
        &["stats_view, field driver_id", "string", "int64"],
    );
    refused(
        together(view(&[("driver_id", DType::Int64)])),
        "invalid_input",
        &["stats_view, schema", "join keys"],
    );
    together(view(&[("a", DType::Int64), ("driver_id", DType::Int64)])).unwrap();
    let mapped = [
        driver(),
        file().map_field("a", "b").build().unwrap().into(),
        view(&[("a", DType::Int64)]).build().unwrap().into(),
    ];
    refused(
        Repository::new("rides", mapped),
        "invalid_input",
        &["stats_view, field a", "maps the column to b"],
    );
}

#[test]
fn what_is_named_is_there() {
    let own: Definition = view(&[("a", DType::Int64)]).build().unwrap().into();
    let stats: Definition = file().build().unwrap().into();
    refused(
        Repository::new("rides", [own.clone(), stats.clone()]),
        "not_found",
        &["feature view stats_view, driver", "no such entity"],
    );
    refused(
        Repository::new("rides", [own.clone(), driver()]),
        "not_found",
        &["feature view stats_view, stats", "no such source"],
    );
    refused(
        Repository::new("rides", [own.clone(), driver(), stats.clone(), stats.clone()]),
        "already_exists",
        &["source stats", "twice"],
    );
    let upper: Definition = Source::file("x").name("STATS").timestamp_field("at").build().unwrap().into();
    refused(
        Repository::new("rides", [stats.clone(), upper]),
        "already_exists",
        &["source stats", "source STATS"],
    );
    let request: Definition =
        Source::request("stats", [Field::new("x", DType::Int64)]).build().unwrap().into();
    refused(
        Repository::new("rides", [own.clone(), driver(), request]),
        "invalid_input",
        &["stats_view, source stats", "requests"],
    );
    let push: Definition = Source::push("p").batch_source("q").build().unwrap().into();
    refused(Repository::new("rides", [push.clone()]), "not_found", &["source p, q", "no such source"]);
    let loops: Definition = Source::push("q").batch_source("p").build().unwrap().into();
    refused(Repository::new("rides", [push, loops]), "invalid_input", &["batch source", "no history"]);
    let untyped: Definition = Entity::builder("driver").build().unwrap().into();
    refused(
        Repository::new("rides", [own.clone(), untyped, stats.clone()]),
        "invalid_input",
        &["entity driver", "value_type"],
    );
    let same: Definition =
        Entity::builder("other").join_keys(["driver_id"]).value_type(DType::Int64).build().unwrap().into();
    let both = FeatureView::builder("v", ["driver", "other"])
        .schema([Field::new("a", DType::Int64)])
        .build()
        .unwrap()
        .into();
    refused(
        Repository::new("rides", [driver(), same, both]),
        "invalid_input",
        &["feature view v, entities", "driver_id"],
    );
    for (feature, words) in [
        ("nobody", "no such feature view"),
        ("stats_view:b", "use one of a"),
        ("stats_view:driver_id", "join key"),
    ] {
        let service = FeatureService::builder("s").feature(feature).build().unwrap().into();
        refused(
            Repository::new("rides", [own.clone(), driver(), stats.clone(), service]),
            "not_found",
            &["feature service s", words],
        );
    }
    let service = |projection| FeatureService::builder("s").projection(projection).build().unwrap().into();
    let key = service(Projection::of("stats_view").with_join_key("nobody", "x"));
    refused(
        Repository::new("rides", [own.clone(), driver(), stats.clone(), key]),
        "invalid_input",
        &["join key nobody", "driver_id"],
    );
    let old = service(Projection::parse("stats_view@v3").unwrap());
    refused(
        Repository::new("rides", [own, driver(), stats, old]),
        "not_found",
        &["stats_view@v3", "registry"],
    );
}

#[test]
fn services_take_each_feature_once() {
    let of = |features: &[&str]| {
        features.iter().fold(FeatureService::builder("s"), |own, feature| own.feature(feature)).build()
    };
    refused(of(&[]), "invalid_input", &["s, features", "none"]);
    refused(of(&["v:a", "v:a"]), "invalid_input", &["s, v", "twice"]);
    refused(of(&["v", "v:a"]), "invalid_input", &["s, v", "twice"]);
    refused(of(&["v:a", "v"]), "invalid_input", &["s, v", "twice"]);
    refused(of(&["v", ""]), "invalid_input", &["s", "no view"]);
    of(&["v:a", "v@v1:a", "w:a"]).unwrap();
}

#[test]
fn answers_have_one_name_for_one_thing() {
    let schema = [Field::new("a", DType::Int64), Field::new("who", DType::Int64)];
    let text = Entity::builder("place").join_keys(["where"]).value_type(DType::String).build().unwrap();
    let number = Entity::builder("spot").join_keys(["where"]).value_type(DType::Int64).build().unwrap();
    let all: [Definition; 6] = [
        driver(),
        text.into(),
        number.into(),
        FeatureView::builder("v", ["driver"]).schema(schema).build().unwrap().into(),
        FeatureView::builder("w", ["place"])
            .schema([Field::new("b", DType::Int64), Field::new("driver_id", DType::Int64)])
            .build()
            .unwrap()
            .into(),
        FeatureView::builder("x", ["spot"]).schema([Field::new("c", DType::Int64)]).build().unwrap().into(),
    ];
    let repository = Repository::new("rides", all).unwrap();
    let ask = |features: &[&str], full| {
        let references: Vec<_> = features.iter().map(|text| FeatureReference::parse(text).unwrap()).collect();
        repository.resolve(&references, &ResolveOptions::default().with_full_feature_names(full))
    };
    refused(ask(&["v:a", "w:driver_id"], false), "invalid_input", &["driver_id", "full_feature_names"]);
    assert_eq!(ask(&["v:a", "w:driver_id"], true).unwrap().join_keys.len(), 2);
    refused(ask(&["w:b", "x:c"], false), "schema_mismatch", &["column where", "string", "int64"]);
    let service = |own| [own, Projection::of("x").with_join_key("where", "there")];
    let both = repository
        .resolve_projections(&service(Projection::parse("w:b").unwrap()), &ResolveOptions::default())
        .unwrap();
    assert_eq!(both.reads[1].columns, ["there"]);
    let twice = [
        Projection::parse("v:a").unwrap(),
        Projection::parse("v:who").unwrap().with_join_key("driver_id", "x"),
    ];
    refused(
        repository.resolve_projections(&twice, &ResolveOptions::default()),
        "invalid_input",
        &["v", "with_name"],
    );
}

#[test]
fn a_schema_is_taken_from_data() {
    use mlcore::arrow::datatypes::{DataType, Field as ArrowField, Schema};

    let at = ArrowField::new("at", DataType::Timestamp(TimeUnit::Microsecond, None), false);
    let source = file().build().unwrap();
    let odd = Schema::new(vec![at.clone(), ArrowField::new("price", DataType::Decimal128(9, 2), true)]);
    refused(view(&[]).schema_of(&odd, &source), "unsupported", &["stats, column price", "Decimal128"]);
    let untimed = Schema::new(vec![ArrowField::new("a", DataType::Int64, true)]);
    refused(view(&[]).schema_of(&untimed, &source), "schema_mismatch", &["stats, column at"]);
    let lists = DataType::new_large_list(DataType::Float32, true);
    let good = Schema::new(vec![
        at,
        ArrowField::new("made", DataType::Int64, true),
        ArrowField::new("e", lists, true),
    ]);
    let built = view(&[]).schema_of(&good, &source).unwrap().build().unwrap();
    assert_eq!(built.schema(), [Field::new("e", ValueType::List(DType::Float32))]);
}
