//! Tables of views that are gone: named, and dropped when that is said.

use mlcore::registry::Change;
use mlcore_features::store::definition::{DefinitionId, FeatureView, Kind};
use mlcore_features::store::feature_store::StaleTables;
use mlcore_features::store::online::TableId;
use mlcore_features::store::registry::{Changes, StoreNode};

use super::{HOUR, World, drivers, stats};
use crate::support::refused;

#[test]
fn stale_tables_are_named_and_dropped_explicitly() {
    let world = World::with(&drivers(&[(1, 480, 480, 20)]));
    world.materialise(0, 10 * HOUR);
    let table = |view: &str, version| TableId::new("rides", view, version).unwrap();
    assert_eq!(world.store.stale_tables(StaleTables::OldVersions).unwrap(), []);
    let changed = FeatureView::builder("driver_stats", ["driver"])
        .schema(stats().schema()[..1].to_vec())
        .source("stats_push");
    let delete = |kind, name: &str| {
        let changes = Changes::default().with_deletion(DefinitionId::new(kind, name));
        world.store.apply(&changes, &Change::new("ana", world.store.now())).unwrap();
    };
    delete(Kind::FeatureService, "ranking");
    delete(Kind::OnDemandFeatureView, "scores");
    world.apply([changed.build().unwrap().into()]);
    assert_eq!(world.store.stale_tables(StaleTables::DeletedViews).unwrap(), []);
    assert_eq!(world.store.stale_tables(StaleTables::OldVersions).unwrap(), [table("driver_stats", 0)]);
    delete(Kind::FeatureView, "spend");
    assert_eq!(world.store.stale_tables(StaleTables::DeletedViews).unwrap(), [table("spend", 0)]);
    // Nothing is gone by itself.
    assert_eq!(world.store.online_store().tables().unwrap().len(), 2);
    world.materialise(0, 10 * HOUR);
    refused(
        world.store.drop_tables(&[table("spend", 0), table("driver_stats", 1)]),
        "invalid_input",
        &["driver_stats@1", "latest"],
    );
    refused(
        world.store.drop_tables(&[TableId::new("shop", "spend", 0).unwrap()]),
        "invalid_input",
        &["another project"],
    );
    assert_eq!(world.store.online_store().tables().unwrap().len(), 3);
    let stale = world.store.stale_tables(StaleTables::OldVersions).unwrap();
    assert_eq!(
        (stale.len(), world.store.drop_tables(&stale).unwrap(), world.store.drop_tables(&stale).unwrap()),
        (2, 2, 0)
    );
    assert_eq!(world.store.online_store().tables().unwrap(), [table("driver_stats", 1)]);
}

#[test]
fn expired_rows_are_deleted_when_that_is_said() {
    let world = World::with(&drivers(&[(1, 480, 480, 20), (2, 60, 60, 1)]));
    world.materialise(0, 10 * HOUR);
    assert_eq!(world.store.evict_expired(&[]).unwrap(), 1);
    assert_eq!(
        (world.driver("driver_stats:trips", 1), world.driver("driver_stats:trips", 2)),
        ("PRESENT 20".into(), "NOT_FOUND null".into())
    );
    refused(world.store.evict_expired(&["driver_stat"]), "not_found", &["did you mean driver_stats?"]);
}

#[test]
fn lineage_is_handed_on() {
    let world = World::with(&drivers(&[(1, 480, 480, 20)]));
    let source = StoreNode::Definition(DefinitionId::new(Kind::Source, "stats"));
    let came: Vec<String> =
        world.store.downstream(&source).unwrap().nodes.iter().map(ToString::to_string).collect();
    assert!(came.contains(&"feature service ranking".to_owned()), "{came:?}");
    let service = StoreNode::Definition(DefinitionId::new(Kind::FeatureService, "ranking"));
    assert!(world.store.upstream(&service).unwrap().nodes.contains(&source));
}
