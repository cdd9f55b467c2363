//! Moments, as Python and people write them.

use mlcore::time::{Date, DateTime, TimeUnit, Timestamp};

/// The moment that a text means: with an offset, or without one in UTC; a date is its midnight. To the microsecond, as Python's.
pub(in crate::feast) fn moment(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    let moment = text.parse::<Timestamp>().ok();
    let moment =
        moment.or_else(|| text.parse::<DateTime>().ok().map(|own| Timestamp::new(own.count(), own.unit())));
    let moment = moment.or_else(|| {
        let days = text.parse::<Date>().ok()?.days();
        Some(Timestamp::new(i64::from(days).checked_mul(86_400)?, TimeUnit::Second))
    })?;
    Some(Timestamp::from_micros(moment.as_micros()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_with_and_without_a_zone() {
        let noon = Timestamp::from_millis(1_709_208_000_000);
        for text in [
            "2024-02-29T12:00:00",
            "2024-02-29 12:00:00",
            "2024-02-29T12:00:00Z",
            "2024-02-29T13:00:00+01:00",
            "2024-02-29T12:00:00.000000",
            " 2024-02-29T12:00:00.0000009 ",
        ] {
            assert_eq!(moment(text), Some(noon), "{text}");
        }
        assert_eq!(moment("2024-02-29"), Some(Timestamp::from_millis(1_709_164_800_000)));
        for text in ["", "noon", "2024-02-30", "12:00", "1709208000"] {
            assert_eq!(moment(text), None, "{text}");
        }
    }
}
