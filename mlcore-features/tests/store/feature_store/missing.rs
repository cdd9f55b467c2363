//! What is missing: null and NaN, in both stores and on each way into them.

use std::sync::Arc;

use mlcore::arrow::array::{Array, Float32Array, Int64Array, RecordBatch};
use mlcore_features::store::feature_store::{FeatureQuery, HistoricalOptions, PushTo, SkewOptions};

use super::{HOUR, MINUTE, World, drivers, times, with};

/// Rows of four drivers: a number, none, NaN, and a NaN with other bits.
fn rows() -> RecordBatch {
    let rows = drivers(&[(1, 480, 480, 20), (2, 480, 480, 20), (3, 480, 480, 20), (4, 480, 480, 20)]);
    let other = f32::from_bits(f32::NAN.to_bits() | 1);
    let rates = Float32Array::from(vec![Some(0.5), None, Some(f32::NAN), Some(other)]);
    with(&rows, "rate", Arc::new(rates))
}

fn check_online(world: &World) {
    for (driver, told) in [
        (1, "PRESENT 0.5"),
        (2, "NULL_VALUE null"),
        (3, "NULL_VALUE null"),
        (4, "NULL_VALUE null"),
        (5, "NOT_FOUND null"),
    ] {
        assert_eq!(world.driver("driver_stats:conv_rate", driver), told, "driver {driver}");
    }
}

#[test]
fn nan_of_a_feature_is_null_as_by_feast() {
    let world = World::with(&rows());
    world.materialise(0, 10 * HOUR);
    check_online(&world);

    let sent = World::with(&drivers(&[]));
    sent.store.write_to_online_store("driver_stats", &rows()).unwrap();
    check_online(&sent);

    let pushed = World::with(&drivers(&[]));
    pushed.store.push("stats_push", &rows(), PushTo::OnlineAndOffline).unwrap();
    check_online(&pushed);

    let query = FeatureQuery::references(["driver_stats:conv_rate", "driver_stats:trips"]).unwrap();
    let labels = RecordBatch::try_from_iter([
        ("event_timestamp", times(&[490 * MINUTE; 4])),
        ("driver_id", Arc::new(Int64Array::from(vec![1, 2, 3, 4])) as _),
    ])
    .unwrap();
    for world in [&world, &pushed] {
        let history =
            world.store.historical_features(&labels, &query, &HistoricalOptions::default()).unwrap();
        let rates = &history.table()["conv_rate"];
        assert_eq!(rates.as_ref(), &Float32Array::from(vec![Some(0.5), None, None, None]) as &dyn Array);
        assert_eq!(history.table()["trips"].null_count(), 0, "the rows were found");
        // What was served is what history says.
        let report = world.store.check_skew(history.table(), &query, &SkewOptions::default()).unwrap();
        assert!(report.is_equal(), "{report}");
    }
}
