use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, Hasher, RandomState};

use mlcore::name::Arm;
#[cfg(doc)]
use mlcore::rollout::Candidates;
use mlcore::rollout::Context;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::endpoint::decide::OutcomeId;
use crate::endpoint::record::{About, ContextBuffer, Packed, Record, Reported};

/// Predictions whose outcome is still to come, bounded: when it is full the oldest is forgotten and counted.
///
/// Hundreds of thousands of them fit into no cache, so that what counts here is how much memory one touches: its entry in
/// the map, and where a loss is computed one place of what is kept for it.
#[derive(Debug)]
pub(crate) struct Ledger {
    open: HashMap<OutcomeId, Open, Keyed>,
    /// Ids in the order in which they came, joined ones among them.
    order: VecDeque<OutcomeId>,
    /// The arms that ever answered: few.
    arms: Vec<Arm>,
    /// What is kept for losses. Some places are free: their memory is used again.
    kept: Vec<Kept>,
    free: Vec<u32>,
    capacity: usize,
    expired: u64,
}

/// A prediction, in sixteen bytes.
#[derive(Clone, Copy, Debug)]
struct Open {
    propensity: f64,
    epoch: u32,
    place: Place,
}

/// The arm in the upper bits, and in the lower ones where its outputs are kept; all ones if nothing is computed from them.
///
/// Apart the two would take eight bytes, and with the id an entry would no longer fit into half a cache line.
#[derive(Clone, Copy, Debug)]
struct Place(u32);

impl Place {
    const KEPT_BITS: u32 = 26;
    const NOWHERE: u32 = (1 << Self::KEPT_BITS) - 1;

    fn new(arm: usize, kept: Option<u32>) -> Self {
        Self((arm as u32) << Self::KEPT_BITS | kept.unwrap_or(Self::NOWHERE))
    }

    fn arm(self) -> usize {
        (self.0 >> Self::KEPT_BITS) as usize
    }

    fn kept(self) -> Option<u32> {
        let kept = self.0 & Self::NOWHERE;
        (kept != Self::NOWHERE).then_some(kept)
    }
}

/// What a loss, and then the policy, will want of a prediction.
#[derive(Clone, Debug, Default)]
pub(crate) struct Kept {
    pub(crate) outputs: Packed,
    /// Most requests say nothing of themselves.
    context: Option<Box<ContextBuffer>>,
    /// Most requests are of one row.
    rows: Option<Box<Rows>>,
}

/// Which rows of a request wait for their outcome.
#[derive(Clone, Debug)]
struct Rows {
    joined: Vec<bool>,
    left: usize,
}

/// Why an outcome was not joined.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Unjoined {
    /// No prediction of this id waits.
    Orphan,
    /// It is not about what was predicted. The prediction still waits.
    Refused(String),
}

/// What an outcome is joined with.
#[derive(Debug)]
pub(crate) struct Joined<'a> {
    pub(crate) arm: &'a Arm,
    pub(crate) epoch: u32,
    pub(crate) propensity: f64,
    /// `None` where nothing is kept: no loss is computed.
    pub(crate) kept: Option<&'a Kept>,
    /// The row that the outcome is about, where there are several.
    pub(crate) row: Option<usize>,
}

impl Ledger {
    /// Lets so many predictions wait, at most 67 million.
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            open: HashMap::with_hasher(Keyed(RandomState::new().hash_one(capacity))),
            order: VecDeque::new(),
            arms: Vec::new(),
            kept: Vec::new(),
            free: Vec::new(),
            // One more than there are predictions is kept while the oldest makes room.
            capacity: capacity.clamp(1, Place::NOWHERE as usize - 1),
            expired: 0,
        }
    }

    /// Waits for the outcome of a prediction. A caller that uses one id twice replaces the earlier one.
    pub(crate) fn insert(&mut self, record: &Record, rows: usize, outputs: Option<&Packed>) {
        let arm = self.position_of(&record.arm);
        let kept = (outputs.is_some() || rows > 1).then(|| self.keep(outputs, rows, &record.context));
        let new = Open { propensity: record.propensity, epoch: record.epoch, place: Place::new(arm, kept) };
        match self.open.entry(record.outcome_id) {
            Entry::Occupied(mut earlier) => {
                let earlier = earlier.insert(new);
                self.free.extend(earlier.place.kept());
            }
            Entry::Vacant(place) => {
                place.insert(new);
                self.order.push_back(record.outcome_id);
                self.make_room();
            }
        }
    }

    /// Where the arm stands. An endpoint has at most [`Candidates::MOST`] of them, which is what a place has bits for.
    fn position_of(&mut self, arm: &Arm) -> usize {
        let known = self.arms.iter().position(|known| known == arm);
        known.unwrap_or_else(|| {
            self.arms.push(arm.clone());
            self.arms.len() - 1
        })
    }

    fn keep(&mut self, outputs: Option<&Packed>, rows: usize, context: &ContextBuffer) -> u32 {
        let place = self.free.pop().unwrap_or(self.kept.len() as u32);
        if place as usize == self.kept.len() {
            self.kept.push(Kept::default());
        }
        if let Some(kept) = self.kept.get_mut(place as usize) {
            match outputs {
                Some(outputs) => kept.outputs.copy(outputs),
                None => kept.outputs.clear(),
            }
            kept.rows = (rows > 1).then(|| Box::new(Rows { joined: vec![false; rows], left: rows }));
            kept.copy_context(context);
        }
        place
    }

    /// Forgets the oldest predictions if there are more than there may be.
    fn make_room(&mut self) {
        while self.open.len() > self.capacity {
            let Some(oldest) = self.order.pop_front() else { return };
            if let Some(open) = self.open.remove(&oldest) {
                self.free.extend(open.place.kept());
                self.expired += 1;
            }
        }
        // A joined id leaves its place in the order, because to find it there would cost a search. Let go of them before
        // they outnumber the rest: each is looked at once for as many that came, so that an insertion stays cheap.
        if self.order.len() > 2 * self.capacity {
            let open = &self.open;
            self.order.retain(|id| open.contains_key(id));
        }
    }

    /// The prediction that an outcome is about; a second outcome for it, or for the same row, finds nothing.
    ///
    /// # Errors
    /// [`Unjoined`]. With `by_row` an outcome for a whole request of several rows is refused.
    pub(crate) fn take(&mut self, reported: Reported, by_row: bool) -> Result<Joined<'_>, Unjoined> {
        let id = reported.id;
        let Open { propensity, epoch, place } = *self.open.get(&id).ok_or(Unjoined::Orphan)?;
        let rows = place.kept().and_then(|place| self.kept.get_mut(place as usize)?.rows.as_deref_mut());
        let (row, is_last) = match (rows, reported.about()) {
            (None, about) => {
                about.check(1).map_err(Unjoined::Refused)?;
                (None, true)
            }
            (Some(rows), about) => rows.join(about, by_row).map_err(Unjoined::Refused)?,
        };
        if is_last {
            self.open.remove(&id);
            // Free from now on, and untouched until the next prediction comes: the borrow that is answered ends before.
            self.free.extend(place.kept());
        }
        let arm = self.arms.get(place.arm()).ok_or(Unjoined::Orphan)?;
        let kept = place.kept().and_then(|place| self.kept.get(place as usize));
        Ok(Joined { arm, epoch, propensity, kept, row })
    }

    /// The prediction of this id, which waits on for its outcome.
    pub(crate) fn find(&self, id: OutcomeId) -> Option<Joined<'_>> {
        let Open { propensity, epoch, place } = *self.open.get(&id)?;
        let arm = self.arms.get(place.arm())?;
        let kept = place.kept().and_then(|place| self.kept.get(place as usize));
        Some(Joined { arm, epoch, propensity, kept, row: None })
    }

    /// How many predictions were forgotten before their outcome came.
    pub(crate) fn expired(&self) -> u64 {
        self.expired
    }
}

impl About {
    /// Says why it is about no request of so many rows.
    fn check(self, rows: usize) -> Result<(), String> {
        let had = || if rows == 1 { "1 row".to_owned() } else { format!("{rows} rows") };
        match self {
            Self::Row(_, Some(reported)) if reported != rows => {
                Err(format!("the request had {}, and {reported} outcomes were reported", had()))
            }
            Self::Row(row, _) if row >= rows => {
                Err(format!("the request had {}, and the outcome is about row {row}, counted from 0", had()))
            }
            Self::Request | Self::Row(..) => Ok(()),
        }
    }
}

impl Rows {
    /// Joins an outcome: the row that it is about, and whether it is the last one.
    fn join(&mut self, about: About, by_row: bool) -> Result<(Option<usize>, bool), String> {
        let rows = self.joined.len();
        about.check(rows)?;
        match about {
            About::Request if self.left < rows => {
                Err("some rows of the request have their outcome, and one was reported for all of them"
                    .to_owned())
            }
            About::Request if by_row => Err(format!(
                "the request had {rows} rows, and one outcome was reported: report one for each row"
            )),
            About::Request => Ok((None, true)),
            About::Row(row, _) => {
                match self.joined.get_mut(row) {
                    Some(joined) if !*joined => *joined = true,
                    Some(_) | None => return Err(format!("row {row} has its outcome already")),
                }
                self.left -= 1;
                Ok((Some(row), self.left == 0))
            }
        }
    }
}

impl Kept {
    fn copy_context(&mut self, context: &ContextBuffer) {
        match &mut self.context {
            None if context.is_empty() => {}
            None => self.context = Some(Box::new(context.clone())),
            Some(own) => context.with(|context| own.copy(context)),
        }
    }

    /// Calls `use_context` with what the request said of itself.
    pub(crate) fn with_context<R>(&self, use_context: impl FnOnce(Context<'_>) -> R) -> R {
        match &self.context {
            Some(context) => context.with(use_context),
            None => use_context(Context::EMPTY),
        }
    }
}

/// Hashes ids of 128 bits with a key of this process, so that callers cannot choose ids that collide.
#[derive(Clone, Debug)]
struct Keyed(u64);

impl BuildHasher for Keyed {
    type Hasher = KeyedHasher;

    fn build_hasher(&self) -> KeyedHasher {
        KeyedHasher(self.0)
    }
}

struct KeyedHasher(u64);

impl Hasher for KeyedHasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0 = xxh3_64_with_seed(bytes, self.0);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use mlcore::batch::{Batch, Tensor, Value};
    use mlcore::name::Version;

    use super::*;

    fn arm() -> Arm {
        Arm::new("champion").unwrap()
    }

    fn take(ledger: &mut Ledger, id: OutcomeId) -> Result<Joined<'_>, Unjoined> {
        ledger.take(Reported::of_request(id, 0.5), true)
    }

    fn record(id: OutcomeId, arm: Arm, epoch: u32) -> Record {
        Record::new(id, arm, Version::FIRST).with_propensity(1.0 / f64::from(3 + epoch), epoch)
    }

    #[test]
    fn an_outcome_is_joined_once_and_old_predictions_expire() {
        let mut ledger = Ledger::new(3);
        let ids: Vec<OutcomeId> = (0..5).map(|sequence| OutcomeId::of_halves(1, sequence)).collect();
        for id in &ids {
            ledger.insert(&record(*id, arm(), 0), 1, None);
        }
        assert_eq!(ledger.expired(), 2);
        assert!(take(&mut ledger, ids[0]).is_err());
        assert!(take(&mut ledger, ids[4]).is_ok() && take(&mut ledger, ids[4]).is_err());
    }

    #[test]
    fn joined_ids_do_not_pile_up() {
        let mut ledger = Ledger::new(4);
        for sequence in 0..1000 {
            let id = OutcomeId::of_halves(1, sequence);
            ledger.insert(&record(id, arm(), 0), 1, None);
            take(&mut ledger, id).unwrap();
        }
        assert!(ledger.order.len() <= 9, "{}", ledger.order.len());
        assert_eq!((ledger.open.len(), ledger.arms.len()), (0, 1));
        assert_eq!(ledger.expired(), 0);
    }

    #[test]
    fn an_id_used_twice_names_the_later_prediction() {
        let (mut ledger, id) = (Ledger::new(2), OutcomeId::of_halves(1, 1));
        let mut packed = Packed::default();
        for epoch in [1, 2] {
            packed.pack(&Batch::single("y", Tensor::column(vec![f64::from(epoch)])));
            ledger.insert(&record(id, arm(), epoch), 1, Some(&packed));
        }
        let joined = take(&mut ledger, id).unwrap();
        assert_eq!((joined.arm, joined.epoch, joined.propensity), (&arm(), 2, 0.2));
        let outputs = joined.kept.unwrap().outputs.unpack().unwrap();
        assert_eq!(outputs.tensor("y").unwrap().values::<f64>().unwrap(), [2.0]);
        assert!(take(&mut ledger, id).is_err());
        assert_eq!(ledger.expired(), 0);
    }

    #[test]
    fn a_prediction_takes_sixteen_bytes_and_every_arm_and_place_fits() {
        assert_eq!(size_of::<Open>(), 16);
        for (arm, kept) in [(0, None), (63, Some(0)), (5, Some(Place::NOWHERE - 1)), (63, None)] {
            let place = Place::new(arm, kept);
            assert_eq!((place.arm(), place.kept()), (arm, kept));
        }
    }

    #[test]
    fn a_context_reaches_the_outcome_and_no_other_prediction() {
        let mut ledger = Ledger::new(4);
        let packed = Packed::default();
        for sequence in 0..20 {
            let id = OutcomeId::of_halves(1, sequence);
            let attributes = [("number", Value::UInt(sequence))];
            // Every other request says nothing of itself.
            let context = match sequence % 2 {
                0 => Context::EMPTY.with_attributes(&attributes),
                _ => Context::EMPTY,
            };
            ledger.insert(&record(id, arm(), 0).with_context(context), 1, Some(&packed));
            let kept = take(&mut ledger, id).unwrap().kept.unwrap();
            kept.with_context(|own| assert_eq!(own, context));
        }
    }

    #[test]
    fn outputs_keep_their_owner_while_memory_is_used_again() {
        const CAPACITY: usize = 50;
        let mut ledger = Ledger::new(CAPACITY);
        let mut packed = Packed::default();
        let mut waiting = VecDeque::new();
        for sequence in 0..1_000_u64 {
            let id = OutcomeId::of_halves(1, sequence);
            packed
                .pack(&Batch::single("y", Tensor::column(vec![sequence as f64; 1 + sequence as usize % 3])));
            let arm = Arm::new(["champion", "canary"][sequence as usize % 2]).unwrap();
            ledger.insert(&record(id, arm, sequence as u32), 1, Some(&packed));
            waiting.push_back(sequence);
            waiting.drain(..waiting.len().saturating_sub(CAPACITY));
            // Some outcomes come soon, some late, and most never.
            let positions: &[usize] =
                if sequence % 5 == 0 && waiting.len() > CAPACITY / 2 { &[CAPACITY / 2, 0] } else { &[] };
            for &position in positions {
                let sequence = waiting.remove(position).unwrap();
                let joined = take(&mut ledger, OutcomeId::of_halves(1, sequence)).unwrap();
                assert_eq!(
                    (joined.epoch, joined.arm.as_str() == "canary"),
                    (sequence as u32, sequence % 2 == 1)
                );
                let outputs = joined.kept.unwrap().outputs.unpack().unwrap();
                let values = outputs.tensor("y").unwrap().values::<f64>().unwrap().to_vec();
                assert_eq!(values, vec![sequence as f64; 1 + sequence as usize % 3]);
            }
        }
        assert!(ledger.kept.len() <= CAPACITY + 1, "{}", ledger.kept.len());
        assert_eq!(ledger.open.len(), waiting.len());
    }

    #[test]
    fn rows_are_joined_one_by_one_and_only_once() {
        let mut ledger = Ledger::new(4);
        let id = OutcomeId::of_halves(1, 1);
        let row = |row, rows| Reported::of_row(id, 0.5, row, rows);
        for packed in [None, Some(&Packed::default())] {
            ledger.insert(&record(id, arm(), 0), 3, packed);
            let refused = |ledger: &mut Ledger, reported| match ledger.take(reported, true) {
                Err(Unjoined::Refused(problem)) => problem,
                other => format!("not refused: {other:?}"),
            };
            assert!(refused(&mut ledger, Reported::of_request(id, 0.5)).contains("one for each row"));
            assert!(
                refused(&mut ledger, row(3, None)).contains("had 3 rows, and the outcome is about row 3")
            );
            assert!(refused(&mut ledger, row(0, Some(2))).contains("had 3 rows, and 2 outcomes"));
            assert_eq!(ledger.take(row(2, None), true).unwrap().row, Some(2));
            assert!(refused(&mut ledger, row(2, None)).contains("row 2 has its outcome already"));
            assert_eq!(ledger.take(row(0, Some(3)), true).unwrap().row, Some(0));
            assert!(matches!(
                ledger.take(Reported::of_request(id, 0.5), false),
                Err(Unjoined::Refused(problem)) if problem.contains("some rows")
            ));
            assert_eq!(ledger.take(row(1, None), true).unwrap().row, Some(1));
            assert_eq!(ledger.take(row(1, None), true).unwrap_err(), Unjoined::Orphan);
        }
        // A function may take an outcome for all rows together.
        ledger.insert(&record(id, arm(), 0), 3, None);
        assert_eq!(ledger.take(Reported::of_request(id, 0.5), false).unwrap().row, None);
        // And of a single row both ways mean the same.
        ledger.insert(&record(id, arm(), 0), 1, None);
        assert!(matches!(ledger.take(row(0, Some(2)), true), Err(Unjoined::Refused(_))));
        assert_eq!(ledger.take(row(0, Some(1)), true).unwrap().row, None);
        assert!(ledger.open.is_empty());
    }
}
