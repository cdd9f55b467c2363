use super::names;
use crate::models::{ModelState, Models};

impl Models {
    /// Tells the recorder of the facade `metrics` that is installed what the models counted since the last call, and how they
    /// stand. A host calls it every few seconds, or before its exporter renders; the program does both.
    pub fn collect_metrics(&self) {
        for (state, count) in self.states_by_number() {
            names::MODELS.gauge(&[&state.to_string().to_lowercase()]).set(count as f64);
        }
        for served in self.served() {
            served.collect_metrics();
        }
    }

    /// How many models are in each state. Asks no source.
    fn states_by_number(&self) -> [(ModelState, usize); 3] {
        let (loading, unavailable) = self.away_by_number();
        [
            (ModelState::Ready, self.served().len()),
            (ModelState::Loading, loading),
            (ModelState::Unavailable, unavailable),
        ]
    }
}
