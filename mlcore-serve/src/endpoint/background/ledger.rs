use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, Hasher, RandomState};

use mlcore::name::Arm;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::endpoint::decide::OutcomeId;
use crate::endpoint::record::Packed;

/// Predictions whose outcome is still to come, bounded: when it is full the oldest is forgotten and counted.
///
/// Hundreds of thousands of them fit into no cache, so that what counts here is how much memory one touches.
#[derive(Debug)]
pub(crate) struct Ledger {
    open: HashMap<OutcomeId, Open, Keyed>,
    order: VecDeque<OutcomeId>,
    /// The arms that ever answered: few.
    arms: Vec<Arm>,
    /// Outputs, of which some are free: their memory is used again.
    outputs: Vec<Packed>,
    free: Vec<u32>,
    capacity: usize,
    expired: u64,
}

/// A prediction, in few bytes.
#[derive(Clone, Copy, Debug)]
struct Open {
    epoch: u32,
    arm: u32,
    /// Where its outputs are; nowhere if nothing is computed from them.
    outputs: Option<u32>,
}

/// What an outcome is joined with.
#[derive(Debug)]
pub(crate) struct Joined<'a> {
    pub(crate) arm: &'a Arm,
    pub(crate) epoch: u32,
    /// `None` where nothing is computed from them.
    pub(crate) outputs: Option<&'a Packed>,
}

impl Ledger {
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            open: HashMap::with_hasher(Keyed(RandomState::new().hash_one(capacity))),
            order: VecDeque::new(),
            arms: Vec::new(),
            outputs: Vec::new(),
            free: Vec::new(),
            // Positions have 32 bits.
            capacity: capacity.clamp(1, u32::MAX as usize / 2),
            expired: 0,
        }
    }

    /// Waits for the outcome of `id`. A caller that uses one id twice replaces the earlier prediction.
    pub(crate) fn insert(&mut self, id: OutcomeId, arm: &Arm, epoch: u32, outputs: Option<&Packed>) {
        let arm = self.position_of(arm);
        let outputs = outputs.map(|outputs| self.keep(outputs));
        let new = Open { epoch, arm, outputs };
        match self.open.entry(id) {
            Entry::Occupied(mut earlier) => {
                let earlier = earlier.insert(new);
                self.free.extend(earlier.outputs);
            }
            Entry::Vacant(place) => {
                place.insert(new);
                self.order.push_back(id);
                self.make_room();
            }
        }
    }

    fn position_of(&mut self, arm: &Arm) -> u32 {
        let known = self.arms.iter().position(|known| known == arm);
        let position = known.unwrap_or(self.arms.len());
        if known.is_none() {
            self.arms.push(arm.clone());
        }
        position as u32
    }

    fn keep(&mut self, outputs: &Packed) -> u32 {
        let free =
            self.free.pop().and_then(|position| Some((position, self.outputs.get_mut(position as usize)?)));
        match free {
            Some((position, place)) => {
                place.copy(outputs);
                position
            }
            None => {
                self.outputs.push(outputs.clone());
                (self.outputs.len() - 1) as u32
            }
        }
    }

    /// Forgets the oldest predictions if there are more than there may be.
    fn make_room(&mut self) {
        while self.open.len() > self.capacity {
            let Some(oldest) = self.order.pop_front() else { return };
            if let Some(open) = self.open.remove(&oldest) {
                self.free.extend(open.outputs);
                self.expired += 1;
            }
        }
        // Ids that were joined leave their place in the order: let go of them before they outnumber the rest.
        if self.order.len() > 2 * self.capacity {
            let open = &self.open;
            self.order.retain(|id| open.contains_key(id));
        }
    }

    /// The prediction that `id` names; a second outcome for it finds nothing.
    pub(crate) fn take(&mut self, id: OutcomeId) -> Option<Joined<'_>> {
        let Open { epoch, arm, outputs } = self.open.remove(&id)?;
        self.free.extend(outputs);
        let arm = self.arms.get(arm as usize)?;
        Some(Joined { arm, epoch, outputs: outputs.and_then(|position| self.outputs.get(position as usize)) })
    }

    /// How many predictions were forgotten before their outcome came.
    pub(crate) fn expired(&self) -> u64 {
        self.expired
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
    use mlcore::batch::{Batch, Tensor};

    use super::*;

    fn arm() -> Arm {
        Arm::new("champion").unwrap()
    }

    #[test]
    fn an_outcome_is_joined_once_and_old_predictions_expire() {
        let mut ledger = Ledger::new(3);
        let ids: Vec<OutcomeId> = (0..5).map(|sequence| OutcomeId::generated(1, sequence)).collect();
        for id in &ids {
            ledger.insert(*id, &arm(), 0, None);
        }
        assert_eq!(ledger.expired(), 2);
        assert!(ledger.take(ids[0]).is_none());
        assert!(ledger.take(ids[4]).is_some() && ledger.take(ids[4]).is_none());
    }

    #[test]
    fn joined_ids_do_not_pile_up() {
        let mut ledger = Ledger::new(4);
        for sequence in 0..1000 {
            let id = OutcomeId::generated(1, sequence);
            ledger.insert(id, &arm(), 0, None);
            ledger.take(id);
        }
        assert!(ledger.order.len() <= 9, "{}", ledger.order.len());
        assert_eq!((ledger.open.len(), ledger.arms.len()), (0, 1));
        assert_eq!(ledger.expired(), 0);
    }

    #[test]
    fn an_id_used_twice_names_the_later_prediction() {
        let (mut ledger, id) = (Ledger::new(2), OutcomeId::generated(1, 1));
        let mut packed = Packed::default();
        for epoch in [1, 2] {
            packed.pack(&Batch::single("y", Tensor::column(vec![f64::from(epoch)])));
            ledger.insert(id, &arm(), epoch, Some(&packed));
        }
        let joined = ledger.take(id).unwrap();
        assert_eq!((joined.arm, joined.epoch), (&arm(), 2));
        let outputs = joined.outputs.unwrap().unpack().unwrap();
        assert_eq!(outputs.tensor("y").unwrap().values::<f64>().unwrap(), [2.0]);
        assert!(ledger.take(id).is_none());
        assert_eq!(ledger.expired(), 0);
    }

    #[test]
    fn outputs_keep_their_owner_while_memory_is_used_again() {
        const CAPACITY: usize = 50;
        let mut ledger = Ledger::new(CAPACITY);
        let mut packed = Packed::default();
        let mut waiting = VecDeque::new();
        for sequence in 0..1_000_u64 {
            let id = OutcomeId::generated(1, sequence);
            packed
                .pack(&Batch::single("y", Tensor::column(vec![sequence as f64; 1 + sequence as usize % 3])));
            let arm = Arm::new(["champion", "canary"][sequence as usize % 2]).unwrap();
            ledger.insert(id, &arm, sequence as u32, Some(&packed));
            waiting.push_back(sequence);
            waiting.drain(..waiting.len().saturating_sub(CAPACITY));
            // Some outcomes come soon, some late, and most never.
            let positions: &[usize] =
                if sequence % 5 == 0 && waiting.len() > CAPACITY / 2 { &[CAPACITY / 2, 0] } else { &[] };
            for &position in positions {
                let sequence = waiting.remove(position).unwrap();
                let joined = ledger.take(OutcomeId::generated(1, sequence)).unwrap();
                assert_eq!(
                    (joined.epoch, joined.arm.as_str() == "canary"),
                    (sequence as u32, sequence % 2 == 1)
                );
                let outputs = joined.outputs.unwrap().unpack().unwrap();
                let values = outputs.tensor("y").unwrap().values::<f64>().unwrap().to_vec();
                assert_eq!(values, vec![sequence as f64; 1 + sequence as usize % 3]);
            }
        }
        assert!(ledger.outputs.len() <= CAPACITY + 1, "{}", ledger.outputs.len());
        assert_eq!(ledger.open.len(), waiting.len());
    }
}
