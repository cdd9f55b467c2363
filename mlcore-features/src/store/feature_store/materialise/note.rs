//! Which intervals a table of the online store holds, as a note beside its rows.

use mlcore::time::Timestamp;
use mlcore::{Error, Result};

use crate::store::online::{OnlineStore, Table};
use crate::store::registry::Interval;

/// The name of the note.
pub(super) const NAME: &str = "materialised";

/// The intervals of a table; none where nothing was noted. A note that cannot be read is none: what it said is written again.
pub(super) fn read(store: &dyn OnlineStore, table: &Table) -> Result<Vec<Interval>> {
    let note = store.note(table.id(), NAME)?;
    Ok(note.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default())
}

/// The note of these intervals.
pub(super) fn bytes(intervals: &[Interval]) -> Result<Vec<u8>> {
    serde_json::to_vec(intervals)
        .map_err(|cause| Error::internal("note materialisation", NAME, cause.to_string()).caused_by(cause))
}

/// The moments that both have, as intervals in order.
pub(super) fn common(one: &[Interval], other: &[Interval]) -> Vec<Interval> {
    let mut common = Vec::new();
    for own in one {
        for known in other {
            let later = |a: Timestamp, b: Timestamp| if a < b { b } else { a };
            let earlier = |a: Timestamp, b: Timestamp| if a < b { a } else { b };
            let ends = (later(own.start(), known.start()), earlier(own.end(), known.end()));
            common.extend(Interval::new(ends.0, ends.1));
        }
    }
    common.sort_unstable();
    common
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::store::definition::ViewVersion;
    use crate::store::registry::Materialised;

    fn intervals(ends: &[(i64, i64)]) -> Materialised {
        ends.iter().fold(Materialised::of(ViewVersion::new(0)), |done, (start, length)| {
            let moment = Timestamp::from_millis;
            done.with(Interval::new(moment(*start), moment(start + length)).unwrap())
        })
    }

    proptest! {
        #[test]
        fn what_is_common_is_what_both_have(
            one in prop::collection::vec((0_i64..40, 1_i64..9), 0..6),
            other in prop::collection::vec((0_i64..40, 1_i64..9), 0..6),
        ) {
            let (one, other) = (intervals(&one), intervals(&other));
            let both = common(one.intervals(), other.intervals());
            let has = |of: &[Interval], moment| of.iter().any(|own| own.contains(Timestamp::from_millis(moment)));
            for moment in 0..60 {
                let expected = has(one.intervals(), moment) && has(other.intervals(), moment);
                prop_assert_eq!(has(&both, moment), expected);
            }
        }
    }
}
