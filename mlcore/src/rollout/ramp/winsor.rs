use serde::{Deserialize, Serialize};

use super::Side;

/// Winsorises losses and measures: what lies beyond bounds counts as the bound.
///
/// One outcome of 1e99, a slip of the pen or malice, gives a mean and a variance that no number of later ones mends. The bounds
/// are the median of the first losses of a step, and [`MARGINS`] margins to either side: fixed before what they bound comes, and
/// equal for both arms. They are far: to see a difference of a margin among losses that spread over a thousand takes some
/// (4 * 1000)^2 = 16 million requests. What was cut off is forgotten after some [`MARGINS`] times five further losses.
///
/// # Source
/// C. Hastings et al., "Low moments for small samples" (1947), for winsorising; J. W. Tukey, "The future of data analysis"
/// (1962), for the name.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Winsor {
    /// The first losses of the canary and of the control, ascending: they wait for the bounds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    first_canary: Vec<f64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    first_control: Vec<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    bounds: Option<(f64, f64)>,
}

impl Winsor {
    /// Whether no loss has come.
    pub(super) fn is_new(&self) -> bool {
        *self == Self::default()
    }

    /// Takes a loss; answers those that count from now on, as what they count.
    pub(super) fn add(&mut self, side: Side, loss: f64, margin: f64) -> Vec<(Side, f64)> {
        if let Some(bounds) = self.bounds {
            return vec![(side, within(bounds, loss))];
        }
        let first = if side == Side::Canary { &mut self.first_canary } else { &mut self.first_control };
        first.insert(first.partition_point(|other| *other < loss), loss);
        if self.first_canary.len() + self.first_control.len() < FIRST {
            return Vec::new();
        }
        let mut all = [&self.first_canary[..], &self.first_control[..]].concat();
        all.sort_unstable_by(f64::total_cmp);
        let median = all.get(all.len() / 2).copied().unwrap_or_default();
        let reach = (MARGINS * margin).min(f64::MAX);
        let bounds = ((median - reach).max(f64::MIN), (median + reach).min(f64::MAX));
        self.bounds = Some(bounds);
        self.release(bounds)
    }

    /// Both, and the losses that count from now on. Of two pairs of bounds the wider ones are kept.
    pub(super) fn merge(&self, other: &Self) -> (Self, Vec<(Side, f64)>) {
        let join = |own: &[f64], other: &[f64]| {
            let mut joined = [own, other].concat();
            joined.sort_unstable_by(f64::total_cmp);
            joined
        };
        let mut merged = Self {
            first_canary: join(&self.first_canary, &other.first_canary),
            first_control: join(&self.first_control, &other.first_control),
            bounds: match (self.bounds, other.bounds) {
                (Some(own), Some(other)) => Some((own.0.min(other.0), own.1.max(other.1))),
                (own, other) => own.or(other),
            },
        };
        // Without bounds they wait on: which they are must not depend on the order in which replicas are merged.
        let counted = merged.bounds.map(|bounds| merged.release(bounds)).unwrap_or_default();
        (merged, counted)
    }

    /// The first losses, which wait no longer.
    fn release(&mut self, bounds: (f64, f64)) -> Vec<(Side, f64)> {
        let canary = self.first_canary.drain(..).map(|loss| (Side::Canary, within(bounds, loss)));
        let control = self.first_control.drain(..).map(|loss| (Side::Control, within(bounds, loss)));
        canary.chain(control).collect()
    }
}

fn within((low, high): (f64, f64), loss: f64) -> f64 {
    // Bounds that were read from a file may be anything, which `clamp` does not take.
    loss.max(low).min(high)
}

/// So many losses, of both arms together, say where losses lie. No step ends with fewer.
const FIRST: usize = 30;
/// How far from their median losses count as what they are.
const MARGINS: f64 = 1_000.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outliers_count_as_the_bound_wherever_they_come() {
        for place in [0, 7, 29, 30, 400] {
            for outlier in [1e99, -1e308, f64::MAX] {
                let mut winsor = Winsor::default();
                let mut counted = Vec::new();
                for number in 0..500 {
                    let side = if number % 2 == 0 { Side::Canary } else { Side::Control };
                    let loss = if number == place { outlier } else { f64::from(number % 7) };
                    counted.extend(winsor.add(side, loss, 0.5));
                    assert_eq!(counted.len(), if number < 29 { 0 } else { number as usize + 1 });
                }
                let odd: Vec<f64> =
                    counted.iter().map(|(_, loss)| *loss).filter(|loss| !(0.0..7.0).contains(loss)).collect();
                assert!(odd.len() == 1 && (odd[0].abs() - 500.0).abs() <= 7.0, "{odd:?}");
                let canaries = counted.iter().filter(|(side, _)| *side == Side::Canary).count();
                assert_eq!(canaries, 250);
            }
        }
    }

    #[test]
    fn replicas_are_merged_in_any_order() {
        let filled = |losses: std::ops::Range<i32>| {
            let mut winsor = Winsor::default();
            losses.for_each(|loss| drop(winsor.add(Side::Canary, f64::from(loss), 1e-3)));
            winsor
        };
        let (few, some, many) = (filled(0..10), filled(10..32), filled(0..100));
        assert_eq!(few.merge(&some), some.merge(&few));
        assert_eq!(few.merge(&some).1, []);
        assert_eq!(few.merge(&many), many.merge(&few));
        let (merged, counted) = few.merge(&many);
        assert_eq!((merged.bounds, counted.len()), (many.bounds, 10));
        let written = serde_json::to_string(&few).unwrap();
        assert_eq!(serde_json::from_str::<Winsor>(&written).unwrap(), few);
    }
}
