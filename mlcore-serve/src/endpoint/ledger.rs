use std::collections::{HashMap, VecDeque};

use mlcore::batch::Batch;
use mlcore::name::Arm;

use super::request::OutcomeId;

/// Predictions whose outcome is still to come, bounded: when it is full the oldest is forgotten and counted.
#[derive(Debug)]
pub(crate) struct Ledger {
    open: HashMap<OutcomeId, Entry>,
    order: VecDeque<OutcomeId>,
    capacity: usize,
    expired: u64,
}

/// What an outcome is joined with.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) arm: Arm,
    pub(crate) epoch: u32,
    pub(crate) outputs: Batch,
}

impl Ledger {
    pub(crate) fn new(capacity: usize) -> Self {
        Self { open: HashMap::new(), order: VecDeque::new(), capacity: capacity.max(1), expired: 0 }
    }

    /// Waits for the outcome of `id`. A caller that uses one id twice replaces the earlier prediction.
    pub(crate) fn insert(&mut self, id: OutcomeId, entry: Entry) {
        if self.open.insert(id, entry).is_none() {
            self.order.push_back(id);
        }
        while self.open.len() > self.capacity {
            let Some(oldest) = self.order.pop_front() else { return };
            if self.open.remove(&oldest).is_some() {
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
    pub(crate) fn take(&mut self, id: OutcomeId) -> Option<Entry> {
        self.open.remove(&id)
    }

    /// How many predictions were forgotten before their outcome came.
    pub(crate) fn expired(&self) -> u64 {
        self.expired
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> Entry {
        Entry { arm: Arm::new("champion").unwrap(), epoch: 0, outputs: Batch::default() }
    }

    #[test]
    fn an_outcome_is_joined_once_and_old_predictions_expire() {
        let mut ledger = Ledger::new(3);
        let ids: Vec<OutcomeId> = (0..5).map(|sequence| OutcomeId::generated(1, sequence)).collect();
        for id in &ids {
            ledger.insert(*id, entry());
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
            ledger.insert(id, entry());
            ledger.take(id);
        }
        assert!(ledger.order.len() <= 9, "{}", ledger.order.len());
        assert_eq!(ledger.expired(), 0);
    }
}
