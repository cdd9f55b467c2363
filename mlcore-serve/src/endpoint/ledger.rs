use std::collections::{HashMap, VecDeque};

use mlcore::name::Arm;

use super::packed::Packed;
use super::request::OutcomeId;

/// Predictions whose outcome is still to come, bounded: when it is full the oldest is forgotten and counted.
#[derive(Debug)]
pub(crate) struct Ledger {
    open: HashMap<OutcomeId, usize>,
    order: VecDeque<OutcomeId>,
    /// Entries, of which some are free: their memory is used again.
    entries: Vec<Entry>,
    free: Vec<usize>,
    capacity: usize,
    expired: u64,
}

/// What an outcome is joined with.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) arm: Arm,
    pub(crate) epoch: u32,
    /// Empty where nothing is computed from them.
    pub(crate) outputs: Packed,
}

impl Ledger {
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            open: HashMap::new(),
            order: VecDeque::new(),
            entries: Vec::new(),
            free: Vec::new(),
            capacity: capacity.max(1),
            expired: 0,
        }
    }

    /// Waits for the outcome of `id`. A caller that uses one id twice replaces the earlier prediction.
    pub(crate) fn insert(&mut self, id: OutcomeId, arm: &Arm, epoch: u32, outputs: Option<&Packed>) {
        let position = match self.open.get(&id) {
            Some(position) => *position,
            None => {
                self.make_room();
                let position = self.free.pop().unwrap_or(self.entries.len());
                self.open.insert(id, position);
                self.order.push_back(id);
                position
            }
        };
        match self.entries.get_mut(position) {
            Some(entry) => {
                entry.arm.clone_from(arm);
                entry.epoch = epoch;
                match outputs {
                    Some(outputs) => entry.outputs.copy(outputs),
                    None => entry.outputs.clear(),
                }
            }
            None => {
                let outputs = outputs.cloned().unwrap_or_default();
                self.entries.push(Entry { arm: arm.clone(), epoch, outputs });
            }
        }
    }

    /// Forgets the oldest prediction if there are as many as there may be.
    fn make_room(&mut self) {
        while self.open.len() >= self.capacity {
            let Some(oldest) = self.order.pop_front() else { return };
            if let Some(position) = self.open.remove(&oldest) {
                self.free.push(position);
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
    pub(crate) fn take(&mut self, id: OutcomeId) -> Option<&Entry> {
        let position = self.open.remove(&id)?;
        self.free.push(position);
        self.entries.get(position)
    }

    /// How many predictions were forgotten before their outcome came.
    pub(crate) fn expired(&self) -> u64 {
        self.expired
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
        assert_eq!(ledger.entries.len(), 1);
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
        let entry = ledger.take(id).unwrap();
        assert_eq!(entry.epoch, 2);
        assert_eq!(entry.outputs.unpack().unwrap().tensor("y").unwrap().values::<f64>().unwrap(), [2.0]);
        assert!(ledger.take(id).is_none());
        assert_eq!(ledger.expired(), 0);
    }
}
