//! Ten thousand views: time and memory grow with them, and no faster.

use std::time::{Duration, Instant};

use mlcore::registry::Change;
use mlcore::schema::DType;
use mlcore::time::Timestamp;
use mlcore_features::store::definition::{
    Definition, Entity, FeatureReference, FeatureService, FeatureView, Field, Repository, ResolveOptions,
    Source,
};
use mlcore_features::store::registry::{Changes, Definitions, MemoryDefinitions};

const VIEWS: usize = 10_000;

fn all() -> Vec<Definition> {
    let driver = Entity::builder("driver").value_type(DType::Int64).build().unwrap();
    let source = Source::file("stats.parquet").name("stats").timestamp_field("at").build().unwrap();
    let view = |own: usize| {
        let schema = [Field::new(format!("f{own}"), DType::Int64), Field::new("g", DType::String)];
        FeatureView::builder(format!("view_{own}"), ["driver"])
            .schema(schema)
            .source("stats")
            .build()
            .unwrap()
            .into()
    };
    let mut service = FeatureService::builder("everything");
    for own in 0..VIEWS {
        service = service.feature(format!("view_{own}:f{own}"));
    }
    let first: [Definition; 3] = [driver.into(), source.into(), service.build().unwrap().into()];
    first.into_iter().chain((0..VIEWS).map(view)).collect()
}

/// A debug build takes some seconds; what grows with the square takes minutes.
#[track_caller]
fn within(what: &str, started: Instant) {
    let took = started.elapsed();
    assert!(took < Duration::from_secs(60), "{what} took {took:?}");
}

fn run(definitions: &dyn Definitions) {
    let change = Change::new("ana", Timestamp::from_millis(0));
    let started = Instant::now();
    let diff = definitions.apply(&Changes::of(all()), &change).unwrap();
    assert_eq!(diff.changes.len(), VIEWS + 3);
    within("apply of all", started);
    let started = Instant::now();
    let one = FeatureView::builder("view_7", ["driver"])
        .schema([Field::new("f7", DType::Float64)])
        .source("stats")
        .build()
        .unwrap();
    let diff = definitions.apply(&Changes::of([one.into()]), &change).unwrap();
    // The service that takes the view says the same as before.
    assert_eq!(diff.changes.len(), 1, "{diff}");
    within("apply of one", started);
    let started = Instant::now();
    let resolved = definitions.resolve_service("everything", &ResolveOptions::default()).unwrap();
    assert_eq!((resolved.features.len(), resolved.reads.len(), resolved.join_keys.len()), (VIEWS, VIEWS, 1));
    within("resolution of all", started);
    let started = Instant::now();
    let elsewhere = Source::file("elsewhere.parquet").name("stats").timestamp_field("at").build().unwrap();
    let diff = definitions.apply(&Changes::of([elsewhere.into()]), &change).unwrap();
    assert_eq!(diff.materialise().count(), VIEWS, "all read the source");
    within("apply of a source of all", started);
}

#[test]
fn ten_thousand_views_in_memory() {
    run(&MemoryDefinitions::new("rides").unwrap());
}

#[cfg(feature = "sqlite")]
#[test]
fn ten_thousand_views_in_a_file() {
    use mlcore_features::store::registry::SqliteDefinitions;

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    run(&SqliteDefinitions::open(&path, "rides").unwrap());
    let started = Instant::now();
    let again = SqliteDefinitions::open(&path, "rides").unwrap();
    assert_eq!(again.snapshot().unwrap().repository().len(), VIEWS + 3);
    within("opening", started);
}

#[test]
fn a_view_of_ten_thousand_features_is_resolved_one_by_one() {
    let driver = Entity::builder("driver").value_type(DType::Int64).build().unwrap();
    let schema = (0..VIEWS).map(|own| Field::new(format!("f{own}"), DType::Float32));
    let view = FeatureView::builder("wide", ["driver"]).schema(schema).build().unwrap();
    let repository = Repository::new("rides", [Definition::from(driver), view.into()]).unwrap();
    let references: Vec<_> = (0..VIEWS).map(|own| FeatureReference::new("wide", format!("f{own}"))).collect();
    let started = Instant::now();
    let resolved = repository.resolve(&references, &ResolveOptions::default()).unwrap();
    assert_eq!(
        (resolved.features.len(), resolved.reads.len(), resolved.reads[0].features.len()),
        (VIEWS, 1, VIEWS)
    );
    within("resolution of a wide view", started);
}
