//! Which tiles of history events of a stream came too late for, so that they are filled again.

use mlcore::Result;
use mlcore::schema::DType;
use mlcore::time::Timestamp;
use mlcore::{Error, interrupt};

use super::events::UPDATE;
use super::online::OnlineWindows;
use crate::store::key::EntityKey;
use crate::store::online::{Cell, Entry, Numbers, Stamp, Swap};

/// Intervals of which history has got events since its tiles were made, as [`OnlineWindows::late`] found them.
///
/// ```
/// use mlcore_features::store::window::Late;
///
/// assert!(Late::default().intervals().is_empty());
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Late {
    intervals: Vec<(Timestamp, Timestamp)>,
    stamp: Option<Stamp>,
}

impl Late {
    /// The intervals in order, each to before its end.
    #[must_use]
    pub fn intervals(&self) -> &[(Timestamp, Timestamp)] {
        &self.intervals
    }

    /// The same with one more; those that touch become one.
    fn with(&self, first: Timestamp, end: Timestamp) -> Vec<(Timestamp, Timestamp)> {
        let mut all = self.intervals.clone();
        all.push((first, end));
        all.sort_unstable();
        let mut merged: Vec<(Timestamp, Timestamp)> = Vec::with_capacity(all.len());
        for own in all {
            match merged.last_mut() {
                Some(last) if own.0 <= last.1 => last.1 = last.1.max(own.1),
                _ => merged.push(own),
            }
        }
        match (merged.first(), merged.last()) {
            (Some(first), Some(last)) if merged.len() > MOST_INTERVALS => vec![(first.0, last.1)],
            _ => merged,
        }
    }
}

/// Beyond so many they become one, which has all between them, too.
const MOST_INTERVALS: usize = 64;
/// Each try fails only where somebody else succeeds.
const MOST_TRIES: usize = 10_000;

impl OnlineWindows {
    /// The intervals of which events of the stream were left out, because their tiles had come from history. Once history has them, these
    /// tiles are filled again, and [settled](Self::settle).
    ///
    /// # Errors
    /// Those of the store, and [`Error::Corrupt`] for a row that is none.
    pub fn late(&self) -> Result<Late> {
        let (key, mut late) = (key()?, Late::default());
        self.store().read(self.table().id(), std::slice::from_ref(&key), &mut |_, row| {
            let Some(row) = row else { return Ok(()) };
            late.stamp = Some(self.table().unpack(&key, row)?.stamp());
            late.intervals = read(self.bytes(&key, row)?).ok_or_else(|| self.no_page(&key))?;
            Ok(())
        })?;
        Ok(late)
    }

    /// Forgets these intervals, whose tiles were filled again; says whether it did. Where events came late meanwhile it does not.
    ///
    /// # Errors
    /// Those of the store.
    pub fn settle(&self, late: &Late, now: Timestamp) -> Result<bool> {
        Ok(late.intervals.is_empty() || self.put_late(late, &[], now)?)
    }

    /// Notes that events of the tiles from `first` to before `end` were left out, both in microseconds.
    pub(super) fn mark_late(&self, (first, end): (i64, i64), now: Timestamp) -> Result<()> {
        for _ in 0..MOST_TRIES {
            interrupt::check(UPDATE)?;
            let late = self.late()?;
            let intervals = late.with(Timestamp::from_micros(first), Timestamp::from_micros(end));
            if self.put_late(&late, &intervals, now)? {
                return Ok(());
            }
        }
        let problem = "others noted late events whenever they were read";
        Err(Error::conflict(UPDATE, self.table().id().to_string(), problem).remedy("deliver the batch again"))
    }

    fn put_late(&self, late: &Late, intervals: &[(Timestamp, Timestamp)], now: Timestamp) -> Result<bool> {
        let before = late.stamp.map_or(i64::MIN, |stamp| stamp.created().as_micros());
        let created = Timestamp::from_micros(now.as_micros().max(before.saturating_add(1)));
        // Evicted when the last of the tiles is.
        let end = intervals.last().map_or(now, |last| last.1);
        let mut bytes = Vec::with_capacity(16 * intervals.len());
        for moment in intervals.iter().flat_map(|own| [own.0, own.1]) {
            bytes.extend_from_slice(&moment.as_micros().to_le_bytes());
        }
        let cells = [Cell::List(Numbers::packed(DType::UInt8, &bytes))];
        let row = self.table().pack(Stamp::new(end, created), &cells)?;
        self.store().swap(self.table(), &[Swap::new(late.stamp, Entry::new(key()?, row))])
    }
}

/// The key of the row, which no entity has.
fn key() -> Result<EntityKey> {
    EntityKey::one("\u{10ffff}late", true)
}

/// Reads stored bytes; `None` where they are no intervals.
fn read(bytes: &[u8]) -> Option<Vec<(Timestamp, Timestamp)>> {
    let (pairs, rest) = bytes.as_chunks::<16>();
    let moment = |bytes: &[u8]| Some(Timestamp::from_micros(i64::from_le_bytes(bytes.try_into().ok()?)));
    let pair = |pair: &[u8; 16]| Some((moment(pair.get(..8)?)?, moment(pair.get(8..)?)?));
    let pairs = pairs.iter().map(pair).collect::<Option<Vec<_>>>()?;
    (rest.is_empty() && pairs.iter().all(|(first, end)| first < end)).then_some(pairs)
}
