use mlcore::time::Timestamp;

/// When a row's event happened, and when the row was made of it. Two stamps are compared by the event, then by the creation;
/// the greater is the newer.
///
/// Both are whole microseconds; finer moments are rounded down.
///
/// ```
/// use mlcore::time::Timestamp;
/// use mlcore_features::store::online::Stamp;
///
/// let (early, late) = (Timestamp::from_millis(1_000), Timestamp::from_millis(2_000));
/// assert!(Stamp::new(early, late) < Stamp::new(late, early));
/// assert!(Stamp::new(late, early) < Stamp::new(late, late));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Stamp {
    event_micros: i64,
    created_micros: i64,
}

impl Stamp {
    /// The stamp of an event and of the row's creation.
    #[must_use]
    pub fn new(event: Timestamp, created: Timestamp) -> Self {
        Self { event_micros: event.as_micros(), created_micros: created.as_micros() }
    }

    /// When the event happened.
    #[must_use]
    pub const fn event(self) -> Timestamp {
        Timestamp::from_micros(self.event_micros)
    }

    /// When the row was made.
    #[must_use]
    pub const fn created(self) -> Timestamp {
        Timestamp::from_micros(self.created_micros)
    }

    /// The event's microseconds since 1970.
    pub(crate) const fn event_micros(self) -> i64 {
        self.event_micros
    }

    /// Bytes that are ordered as stamps are.
    pub(crate) fn to_bytes(self) -> [u8; 16] {
        let mut bytes = [0; 16];
        let (event, created) = bytes.split_at_mut(8);
        event.copy_from_slice(&ordered(self.event_micros));
        created.copy_from_slice(&ordered(self.created_micros));
        bytes
    }

    /// The stamp of the bytes that [`to_bytes`](Self::to_bytes) made.
    pub(crate) fn from_bytes(bytes: &[u8; 16]) -> Self {
        let number = u128::from_be_bytes(*bytes);
        Self { event_micros: signed((number >> 64) as u64), created_micros: signed(number as u64) }
    }
}

/// Eight bytes that are ordered as signed numbers are.
pub(crate) const fn ordered(number: i64) -> [u8; 8] {
    (number.cast_unsigned() ^ (1 << 63)).to_be_bytes()
}

const fn signed(bits: u64) -> i64 {
    (bits ^ (1 << 63)).cast_signed()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn bytes_are_ordered_as_stamps_are(a: [i64; 2], b: [i64; 2]) {
            let stamp = |[event, created]: [i64; 2]| {
                Stamp::new(Timestamp::from_micros(event), Timestamp::from_micros(created))
            };
            let (a, b) = (stamp(a), stamp(b));
            prop_assert_eq!(a.cmp(&b), a.to_bytes().cmp(&b.to_bytes()));
            prop_assert_eq!(Stamp::from_bytes(&a.to_bytes()), a);
        }
    }
}
