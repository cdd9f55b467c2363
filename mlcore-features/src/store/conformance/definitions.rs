//! The contract of [`Definitions`].
#![expect(clippy::unwrap_used, reason = "a test suite fails by panicking")]

use std::time::Duration;

use mlcore::Error;
use mlcore::name::RequestId;
use mlcore::registry::Change;
use mlcore::schema::DType;
use mlcore::time::Timestamp;

use crate::expression::col;
use crate::store::definition::{
    AnyView, Definition, DefinitionId, Entity, FeatureReference, FeatureService, FeatureView,
    FeatureViewBuilder, Field, Kind, OnDemandFeatureView, Projection, Repository, ResolveOptions, Source,
    ViewVersion,
};
use crate::store::registry::{Action, Changes, Definitions, Interval, Snapshot};

/// Holds a registry to its promises: applies are whole, plans say what they come to, views have versions that stay readable, what is
/// named cannot be deleted, the audit tells all, repetitions and threads do no harm, and what is materialised follows versions.
///
/// `fresh` makes an empty registry of any project, each time another one.
///
/// ```
/// use mlcore_features::store::conformance;
/// use mlcore_features::store::registry::MemoryDefinitions;
///
/// conformance::definitions(|| MemoryDefinitions::new("rides").unwrap());
/// ```
///
/// # Panics
/// When a promise is broken.
pub fn definitions<D: Definitions>(mut fresh: impl FnMut() -> D) {
    begins_empty(&fresh());
    applies_are_whole(&fresh());
    plans_come_true(&fresh());
    versions_count_up(&fresh());
    versions_are_pinned(&fresh());
    names_stand(&fresh());
    repetitions_do_nothing(&fresh());
    revisions_are_compared(&fresh());
    materialised_follows_versions(&fresh());
    older_versions_are_resolved(&fresh());
    threads_lose_nothing(&fresh());
}

fn change(actor: &str) -> Change {
    Change::new(actor, Timestamp::from_micros(1_700_000_000_000_000))
}

fn driver() -> Definition {
    Entity::builder("driver").join_keys(["driver_id"]).value_type(DType::Int64).build().unwrap().into()
}

fn source(path: &str) -> Definition {
    Source::file(path).name("stats").timestamp_field("at").build().unwrap().into()
}

fn view(name: &str) -> FeatureViewBuilder {
    let schema = [Field::new("trips", DType::Int64), Field::new("rate", DType::Float64)];
    FeatureView::builder(name, ["driver"]).schema(schema).source("stats").ttl(Duration::from_secs(3600))
}

fn built(builder: FeatureViewBuilder) -> Definition {
    builder.build().unwrap().into()
}

fn on_demand() -> Definition {
    let schema = [Field::new("twice", DType::Float64)];
    let builder = OnDemandFeatureView::builder("computed").view("driver_stats:rate").schema(schema);
    builder.expression("twice", col("rate") + col("rate")).build().unwrap().into()
}

fn service() -> Definition {
    FeatureService::builder("ranking").feature("driver_stats").feature("computed").build().unwrap().into()
}

fn all() -> Vec<Definition> {
    vec![driver(), source("stats.parquet"), built(view("driver_stats")), on_demand(), service()]
}

fn snapshot(definitions: &dyn Definitions) -> std::sync::Arc<Snapshot> {
    definitions.verify().unwrap();
    definitions.snapshot().unwrap()
}

fn id(kind: Kind, name: &str) -> DefinitionId {
    DefinitionId::new(kind, name)
}

fn begins_empty(definitions: &dyn Definitions) {
    let first = snapshot(definitions);
    assert!(first.repository().is_empty() && first.revision() == 0, "a new registry is empty");
    assert!(definitions.audit(0, 10).unwrap().is_empty(), "a new registry has no history");
    let nothing = definitions.apply(&Changes::default(), &change("ana")).unwrap();
    assert!(nothing.is_empty() && snapshot(definitions).revision() == 0, "applying nothing writes nothing");
    assert_eq!(definitions.version("v", ViewVersion::new(0)).unwrap_err().kind(), "not_found");
    assert_eq!(definitions.materialised("v").unwrap_err().kind(), "not_found");
}

fn applies_are_whole(definitions: &dyn Definitions) {
    let wrong = FeatureService::builder("wrong").feature("nobody").build().unwrap().into();
    let error =
        definitions.apply(&Changes::of(all().into_iter().chain([wrong])), &change("ana")).unwrap_err();
    assert_eq!(error.kind(), "not_found", "a name that no object has is refused: {error}");
    assert!(snapshot(definitions).repository().is_empty(), "what is refused leaves nothing");
    let diff = definitions.apply(&Changes::of(all()), &change("ana").with_reason("first")).unwrap();
    assert!(diff.changes.iter().all(|own| own.action == Action::Created) && diff.changes.len() == 5);
    let now = snapshot(definitions);
    let expected = Repository::new(now.repository().project(), all()).unwrap();
    assert_eq!(*now.repository(), expected, "what was applied is there");
    assert_eq!(now.revision(), 1);
    let entry = definitions.audit(1, 10).unwrap().remove(0);
    assert_eq!(
        (entry.actor.as_str(), entry.reason.as_deref(), entry.changes.len()),
        ("ana", Some("first"), 5)
    );
    assert_eq!((entry.hash, entry.at), (now.head(), change("ana").at), "the audit says who and when");
    assert!(definitions.audit(2, 10).unwrap().is_empty() && definitions.audit(1, 0).unwrap().is_empty());
}

fn plans_come_true(definitions: &dyn Definitions) {
    definitions.apply(&Changes::of(all()), &change("ana")).unwrap();
    let other = view("driver_stats").ttl(Duration::from_secs(7200)).owner("ben");
    let changes = Changes::of([built(other), driver()]).with_deletion(id(Kind::FeatureService, "ranking"));
    let planned = definitions.plan(&changes).unwrap();
    assert_eq!(snapshot(definitions).revision(), 1, "a plan writes nothing");
    let text = planned.to_string();
    for words in
        ["driver_stats (v0 -> v1)", "ttl: 1h -> 2h", "owner: added ben", "Deleted feature service ranking"]
    {
        assert!(text.contains(words), "{words} is not in {text}");
    }
    assert_eq!(
        planned.materialise().collect::<Vec<_>>(),
        ["driver_stats"],
        "a longer ttl needs what expired"
    );
    assert_eq!(definitions.apply(&changes, &change("ana")).unwrap(), planned, "a plan is what an apply does");
    assert!(
        definitions.plan(&changes).is_err_and(|error| error.kind() == "not_found"),
        "nothing is deleted twice"
    );
    let rest = Repository::new(snapshot(definitions).repository().project(), [driver()]).unwrap();
    let whole = definitions.apply(&Changes::whole(&rest), &change("ana")).unwrap();
    assert_eq!(whole.changes.iter().filter(|own| own.action == Action::Deleted).count(), 3);
    assert_eq!(*snapshot(definitions).repository(), rest, "a whole repository is all that is left");
}

fn versions_count_up(definitions: &dyn Definitions) {
    let version = |name| snapshot(definitions).version_of(name).unwrap().get();
    let apply = |definition| definitions.apply(&Changes::of([definition]), &change("ana")).unwrap();
    definitions.apply(&Changes::of(all()), &change("ana")).unwrap();
    assert_eq!((version("driver_stats"), version("computed")), (0, 0), "the first version is 0, as in Feast");
    apply(built(view("driver_stats").description("other words")));
    assert_eq!(version("driver_stats"), 0, "words for people make no version");
    let diff = apply(source("elsewhere.parquet"));
    assert_eq!(version("driver_stats"), 1, "another source makes a version");
    let affected = diff.changes.iter().find(|own| own.id.name == "driver_stats").unwrap();
    assert!(affected.action == Action::Affected && affected.materialise.is_some(), "{diff}");
    apply(built(view("driver_stats").online(false)));
    assert_eq!(version("driver_stats"), 1, "where it is read makes no version");
    apply(built(view("driver_stats").schema([Field::new("rate", DType::Float64)])));
    assert_eq!((version("driver_stats"), version("computed")), (2, 0), "another schema makes a version");
    let first = definitions.version("driver_stats", ViewVersion::new(0)).unwrap();
    let AnyView::View(first) = first else { unreachable!("it is a feature view") };
    assert_eq!(first.features.len(), 2, "an old version is as it was");
    let path = first.batch_source.as_ref().map(|source| format!("{:?}", source.origin())).unwrap();
    assert!(
        path.contains("stats.parquet") && !path.contains("elsewhere"),
        "with the source that it had: {path}"
    );
    let gone = ["ranking", "computed", "driver_stats"].map(|name| match name {
        "ranking" => id(Kind::FeatureService, name),
        "computed" => id(Kind::OnDemandFeatureView, name),
        other => id(Kind::FeatureView, other),
    });
    let deleted = gone.into_iter().fold(Changes::default(), Changes::with_deletion);
    definitions.apply(&deleted, &change("ana")).unwrap();
    assert_eq!(definitions.versions("driver_stats").unwrap().len(), 3, "versions outlive their view");
    apply(built(view("driver_stats")));
    assert_eq!(version("driver_stats"), 3, "a version means one thing for ever");
}

fn versions_are_pinned(definitions: &dyn Definitions) {
    let apply = |definition| definitions.apply(&Changes::of([definition]), &change("ana"));
    definitions.apply(&Changes::of(all()), &change("ana")).unwrap();
    let short = || view("driver_stats").ttl(Duration::from_secs(60));
    apply(built(short())).unwrap();
    assert_eq!(apply(built(short().version(ViewVersion::new(9)))).unwrap_err().kind(), "not_found");
    let other = short().ttl(Duration::from_secs(61)).version(ViewVersion::new(0));
    assert_eq!(apply(built(other)).unwrap_err().kind(), "conflict", "a pin changes nothing else");
    let diff = apply(built(short().version(ViewVersion::new(0)))).unwrap();
    assert!(diff.to_string().contains("(v1 -> v0)"), "{diff}");
    let now = snapshot(definitions);
    let AnyView::View(view) = now.repository().view("driver_stats").unwrap() else { unreachable!() };
    assert_eq!(view.view.ttl(), Some(Duration::from_secs(3600)), "the view is what that version was");
    assert_eq!(now.version_of("driver_stats").unwrap(), ViewVersion::new(0));
    apply(built(short())).unwrap();
    assert_eq!(snapshot(definitions).version_of("driver_stats").unwrap(), ViewVersion::new(2));
    apply(source("elsewhere.parquet")).unwrap();
    let error = apply(built(short().version(ViewVersion::new(2)))).unwrap_err();
    assert_eq!(error.kind(), "conflict", "a version is its source, too: {error}");
}

fn names_stand(definitions: &dyn Definitions) {
    definitions.apply(&Changes::of(all()), &change("ana")).unwrap();
    for (kind, name, by) in [
        (Kind::Entity, "driver", "driver_stats"),
        (Kind::Source, "stats", "driver_stats"),
        (Kind::FeatureView, "driver_stats", "computed"),
        (Kind::OnDemandFeatureView, "computed", "ranking"),
    ] {
        let deletion = Changes::default().with_deletion(id(kind, name));
        let error = definitions.apply(&deletion, &change("ana")).unwrap_err();
        assert!(matches!(error, Error::InvalidInput(_)) && error.to_string().contains(by), "{error}");
    }
    let schema = [Field::new("x", DType::Float64)];
    let same = OnDemandFeatureView::builder("Driver_Stats").view("driver_stats").schema(schema);
    let same = same.expression("x", col("rate")).build().unwrap();
    let error = definitions.apply(&Changes::of([same.into()]), &change("ana")).unwrap_err();
    assert_eq!(error.kind(), "already_exists", "views of both kinds share their names: {error}");
    let twice = definitions.apply(&Changes::of([driver(), driver()]), &change("ana")).unwrap_err();
    assert_eq!(twice.kind(), "already_exists");
    for actor in ["", "a\nb"] {
        assert_eq!(
            definitions.apply(&Changes::of([driver()]), &change(actor)).unwrap_err().kind(),
            "invalid_input"
        );
    }
    assert_eq!(snapshot(definitions).revision(), 1, "what is refused leaves no trace");
}

fn repetitions_do_nothing(definitions: &dyn Definitions) {
    let request = change("ana").with_request(RequestId::new("r-1").unwrap());
    definitions.apply(&Changes::of(all()), &request).unwrap();
    let gone = Changes::default().with_deletion(id(Kind::FeatureService, "ranking"));
    definitions.apply(&gone, &change("ana")).unwrap();
    let again = definitions.apply(&Changes::of(all()), &request).unwrap();
    assert_eq!(again.changes.len(), 5, "a repetition answers what the first did");
    assert!(snapshot(definitions).repository().service("ranking").is_err(), "and does nothing");
    assert!(definitions.apply(&Changes::of([driver()]), &change("ana")).unwrap().is_empty());
    assert_eq!(snapshot(definitions).revision(), 2, "what is there already is no revision");
}

fn revisions_are_compared(definitions: &dyn Definitions) {
    let changes = Changes::of(all());
    let diff = definitions.plan(&changes).unwrap();
    definitions.apply(&Changes::of([driver()]), &change("ben")).unwrap();
    let error = definitions.apply(&changes.clone().as_planned(&diff), &change("ana")).unwrap_err();
    assert!(
        error.kind() == "conflict" && error.is_transient(),
        "what was planned is what is applied: {error}"
    );
    let diff = definitions.plan(&changes).unwrap();
    definitions.apply(&changes.as_planned(&diff), &change("ana")).unwrap();
    assert_eq!(snapshot(definitions).repository().len(), 5);
}

fn materialised_follows_versions(definitions: &dyn Definitions) {
    let interval =
        |from: i64, to: i64| Interval::new(Timestamp::from_millis(from), Timestamp::from_millis(to)).unwrap();
    let (first, second) = (ViewVersion::new(0), ViewVersion::new(1));
    definitions.apply(&Changes::of(all()), &change("ana")).unwrap();
    assert!(definitions.materialised("driver_stats").unwrap().intervals().is_empty());
    for _ in 0..2 {
        definitions.record_materialised("driver_stats", first, interval(0, 10)).unwrap();
        definitions.record_materialised("driver_stats", first, interval(10, 20)).unwrap();
    }
    let known = definitions.materialised("driver_stats").unwrap();
    assert_eq!((known.version, known.intervals()), (first, &[interval(0, 20)][..]), "what touches is one");
    let shorter = built(view("driver_stats").ttl(Duration::from_secs(60)));
    definitions.apply(&Changes::of([shorter]), &change("ana")).unwrap();
    let known = definitions.materialised("driver_stats").unwrap();
    assert_eq!((known.version, known.intervals().len()), (second, 1), "a shorter ttl keeps what is stored");
    let late = definitions.record_materialised("driver_stats", first, interval(20, 30)).unwrap_err();
    assert_eq!(late.kind(), "conflict", "values of an old version are no values of the new one: {late}");
    definitions.apply(&Changes::of([source("elsewhere.parquet")]), &change("ana")).unwrap();
    let known = definitions.materialised("driver_stats").unwrap();
    assert!(known.intervals().is_empty() && known.version.get() == 2, "another source begins anew");
    assert_eq!(
        definitions.record_materialised("nobody", first, interval(0, 1)).unwrap_err().kind(),
        "not_found"
    );
    definitions.verify().unwrap();
}

fn older_versions_are_resolved(definitions: &dyn Definitions) {
    definitions.apply(&Changes::of(all()), &change("ana")).unwrap();
    let less = built(view("driver_stats").schema([Field::new("rate", DType::Float32)]));
    let error = definitions.apply(&Changes::of([less]), &change("ana"));
    assert!(error.is_ok(), "an expression takes either float: {error:?}");
    let old = FeatureReference::parse("driver_stats@v0:trips").unwrap();
    let new = FeatureReference::parse("driver_stats:rate").unwrap();
    let full = ResolveOptions::default().with_full_feature_names(true);
    let resolved = definitions.resolve(&[old, new], &full).unwrap();
    let names: Vec<_> = resolved.output_names().collect();
    assert_eq!(names, ["driver_stats@v0__trips", "driver_stats__rate"]);
    assert_eq!(resolved.features[1].field.dtype, DType::Float32.into());
    let gone = FeatureReference::new("driver_stats", "trips");
    assert_eq!(definitions.resolve(&[gone], &full).unwrap_err().kind(), "not_found");
    let pinned = FeatureService::builder("pinned").projection(
        Projection::of("driver_stats").with_version(ViewVersion::new(0)).with_features(["trips"]),
    );
    definitions.apply(&Changes::of([pinned.build().unwrap().into()]), &change("ana")).unwrap();
    let resolved = definitions.resolve_service("pinned", &ResolveOptions::default()).unwrap();
    assert_eq!(resolved.output_names().collect::<Vec<_>>(), ["trips"]);
    let never = FeatureService::builder("never").feature("driver_stats@v7").build().unwrap();
    assert_eq!(
        definitions.apply(&Changes::of([never.into()]), &change("ana")).unwrap_err().kind(),
        "not_found"
    );
    snapshot(definitions);
}

fn threads_lose_nothing(definitions: &dyn Definitions) {
    const THREADS: usize = 4;
    const ROUNDS: usize = 5;
    definitions.apply(&Changes::of([driver(), source("stats.parquet")]), &change("ana")).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            scope.spawn(move || {
                for round in 0..ROUNDS {
                    let name = format!("view_{thread}_{round}");
                    definitions.apply(&Changes::of([built(view(&name))]), &change("ana")).unwrap();
                    assert!(
                        definitions.snapshot().unwrap().repository().view(&name).is_ok(),
                        "what was applied is there"
                    );
                }
            });
        }
    });
    let now = snapshot(definitions);
    assert_eq!(now.repository().views().count(), THREADS * ROUNDS, "applies at once lose nothing");
    assert_eq!(usize::try_from(now.revision()).unwrap(), THREADS * ROUNDS + 1, "each is a revision");
}
