use std::sync::Arc;
use std::time::{Duration, SystemTime};

use mlcore::batch::Value;
use mlcore::time::Timestamp;

use super::kit::{entry, keys, table, write};
use crate::store::online::{Answer, Cell, OnlineStore, PreparedQuery, QueryOptions, Status};

const TTL_MICROS: i64 = 60_000_000;
const SKEW_MICROS: i64 = 1_000_000;

pub(super) fn nothing_expired_is_read(store: &Arc<dyn OnlineStore>) {
    let expiring = table("expiring").with_ttl(Duration::from_micros(TTL_MICROS as u64));
    let lasting = table("lasting");
    // The clock of a backend that removes rows by itself is the real one.
    let event = Timestamp::from(SystemTime::now()).as_micros();
    for table in [&expiring, &lasting] {
        write(&**store, table, &[entry(table, 1, event, event, 7)]);
        store.append(table, &[entry(table, 1, event, event, 7)], 3).unwrap();
    }
    let options = QueryOptions::default().with_clock_skew(Duration::from_micros(SKEW_MICROS as u64));
    let features = [(&expiring, "number"), (&lasting, "number")];
    let options = options.with_full_feature_names();
    let query = PreparedQuery::with_options(Arc::clone(store), features, options).unwrap();
    let mut answer = Answer::default();
    for (age, due) in [
        (0, [true, true]),
        (TTL_MICROS, [true, true]),
        (TTL_MICROS + 1, [false, true]),
        (TTL_MICROS * 1000, [false, true]),
        (-SKEW_MICROS, [true, true]),
        (-SKEW_MICROS - 1, [false, false]),
    ] {
        let now = Timestamp::from_micros(event + age);
        query.read(&keys([1, 2]), now, &mut answer).unwrap();
        let mut series = [false; 2];
        query
            .read_series(&keys([1, 2]), now, &mut |entity, table, _| {
                series[table] = entity == 0;
                Ok(())
            })
            .unwrap();
        assert_eq!(series, due, "series at the age of {age} microseconds");
        for (feature, counts) in due.into_iter().enumerate() {
            let status = if counts { Status::Present } else { Status::OutsideMaxAge };
            assert_eq!(answer.status(0, feature), status, "at the age of {age} microseconds");
            let cell = if counts { Cell::from(7i64) } else { Cell::NULL };
            assert_eq!(answer.cell(0, feature), cell, "what does not count is not handed out");
            assert_eq!(
                answer.event_time(0, feature),
                Some(Timestamp::from_micros(event)),
                "the event is told"
            );
            assert_eq!(answer.status(1, feature), Status::NotFound);
            assert_eq!(answer.event_time(1, feature), None);
        }
        let mut numbers = [0.0; 4];
        answer.write_f64(&mut numbers).unwrap();
        let is_nan = numbers.map(f64::is_nan);
        assert_eq!(is_nan, [!due[0], !due[1], true, true], "what does not count is NaN");
        assert!(answer.cells(1).all(|cell| cell.value() == Some(Value::Null)));
    }
}
