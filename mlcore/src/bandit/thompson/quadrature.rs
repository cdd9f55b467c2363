use std::sync::LazyLock;

use super::posterior::Posterior;
use crate::bandit::policy::{greedy, normalised};

/// The probability of each arm that its mean is the highest of all: the integral of its density times the distribution functions
/// of the others.
///
/// The line is cut where a density has dropped by one of its levels, of any arm. In each piece the densities are integrated by
/// Gauss and Legendre's rule with [`NODES`] nodes, from its beginning to each node and to its end. So no distribution function is
/// computed, and the cost is that of `NODES` densities for each piece and arm that overlap.
///
/// # Source
/// The integral is Thompson's (1933); integration to the nodes is that of collocation methods, see E. Hairer, S. P. Nørsett and
/// G. Wanner, "Solving Ordinary Differential Equations I" (1993), section II.7.
pub(in crate::bandit) fn probabilities_of_best(arms: &[Posterior]) -> Vec<f64> {
    if arms.len() < 2 {
        return vec![1.0; arms.len()];
    }
    let ranges: Vec<Range> = arms.iter().map(Range::new).collect();
    let mut cuts: Vec<f64> = ranges.iter().flat_map(|range| range.cuts.iter().copied()).collect();
    cuts.sort_unstable_by(f64::total_cmp);
    cuts.dedup();
    let pieces: Vec<Piece> = cuts.windows(2).filter_map(|cuts| Piece::new(cuts, arms, &ranges)).collect();
    let totals: Vec<f64> = (0..arms.len())
        .map(|arm| {
            pieces
                .iter()
                .flat_map(|piece| &piece.parts)
                .filter(|part| part.arm == arm)
                .map(|part| part.mass)
                .sum()
        })
        .collect();
    if totals.iter().any(|total: &f64| !(*total > 0.0 && total.is_finite())) {
        // Densities that are narrower than the distance of two floats: what is believed is certain.
        return greedy(&arms.iter().map(Posterior::mode).collect::<Vec<_>>());
    }
    let mut best = vec![0.0; arms.len()];
    let mut below = vec![0.0; arms.len()];
    for piece in &pieces {
        piece.add(&ranges, &totals, &mut below, &mut best);
    }
    normalised(best)
}

/// Where the density of an arm is more than nothing, and where it is cut.
struct Range {
    start: f64,
    end: f64,
    cuts: Vec<f64>,
}

impl Range {
    fn new(arm: &Posterior) -> Self {
        let side = |sign: f64| {
            arm.levels().iter().map(move |level| arm.mode() + sign * arm.distance_of(*level, sign))
        };
        let mut cuts: Vec<f64> = side(-1.0).chain([arm.mode()]).chain(side(1.0)).collect();
        cuts.sort_unstable_by(f64::total_cmp);
        let [start, .., end] = cuts[..] else { return Self { start: arm.mode(), end: arm.mode(), cuts } };
        Self { start, end, cuts }
    }
}

/// A piece of the line, with the arms whose densities are more than nothing there.
struct Piece {
    start: f64,
    half: f64,
    parts: Vec<Part>,
}

struct Part {
    arm: usize,
    density: [f64; NODES],
    mass: f64,
}

impl Piece {
    fn new(cuts: &[f64], arms: &[Posterior], ranges: &[Range]) -> Option<Self> {
        let [start, end] = *cuts else { return None };
        let half = 0.5 * (end - start);
        let middle = start + half;
        let parts = arms
            .iter()
            .zip(ranges)
            .enumerate()
            .filter(|(_, (_, range))| range.start < end && start < range.end);
        let parts = parts.map(|(arm, (posterior, _))| {
            let density =
                RULE.nodes.map(|node| (-posterior.drop(middle + half * node - posterior.mode())).exp());
            let mass = half
                * density.iter().zip(&RULE.weights).map(|(density, weight)| density * weight).sum::<f64>();
            Part { arm, density, mass }
        });
        Some(Self { start, half, parts: parts.collect() })
    }

    /// Adds what this piece has of the integrals; `below` holds what was integrated before of each density.
    fn add(&self, ranges: &[Range], totals: &[f64], below: &mut [f64], best: &mut [f64]) {
        let is_ahead = |(arm, range): (usize, &Range)| {
            range.start >= self.start + self.half && !self.parts.iter().any(|part| part.arm == arm)
        };
        // An arm whose mean is above this piece for certain leaves nothing to the others.
        let is_lost = ranges.iter().enumerate().any(is_ahead);
        let count = self.parts.len();
        let mut functions = Vec::with_capacity(count);
        for part in &self.parts {
            let (Some(total), Some(below)) = (totals.get(part.arm), below.get_mut(part.arm)) else {
                continue;
            };
            functions.push(part.to_nodes(self.half).map(|mass| ((*below + mass) / total).clamp(0.0, 1.0)));
            *below += part.mass;
        }
        if is_lost {
            return;
        }
        let mut others = vec![1.0; count];
        for (node, weight) in RULE.weights.iter().enumerate() {
            let function = |place: usize| {
                functions.get(place).and_then(|of: &[f64; NODES]| of.get(node)).copied().unwrap_or(1.0)
            };
            // The product over all arms but one: of those before it, times that of those after it.
            let mut product = 1.0;
            for (place, others) in others.iter_mut().enumerate() {
                *others = product;
                product *= function(place);
            }
            product = 1.0;
            for (place, others) in others.iter_mut().enumerate().rev() {
                *others *= product;
                product *= function(place);
            }
            for (part, others) in self.parts.iter().zip(&others) {
                let density = part.density.get(node).copied().unwrap_or_default();
                if let (Some(best), Some(total)) = (best.get_mut(part.arm), totals.get(part.arm)) {
                    *best += self.half * weight * density / total * others;
                }
            }
        }
    }
}

impl Part {
    /// The integral of the density from the beginning of the piece to each node.
    fn to_nodes(&self, half: f64) -> [f64; NODES] {
        RULE.to_nodes.map(|row| {
            half * row.iter().zip(&self.density).map(|(weight, density)| weight * density).sum::<f64>()
        })
    }
}

/// Nodes of a piece. Eight integrate polynomials of degree 15 exactly.
const NODES: usize = 8;

/// Gauss and Legendre's rule on `[-1, 1]`.
struct LegendreRule {
    nodes: [f64; NODES],
    weights: [f64; NODES],
    /// In each row the weights that integrate from -1 to one node.
    to_nodes: [[f64; NODES]; NODES],
}

static RULE: LazyLock<LegendreRule> = LazyLock::new(LegendreRule::new);

impl LegendreRule {
    fn new() -> Self {
        let mut nodes = [0.0; NODES];
        for (place, node) in nodes.iter_mut().enumerate() {
            *node = root(place);
        }
        let weights = nodes.map(|x| {
            let slope = slope(x);
            2.0 / ((1.0 - x * x) * slope * slope)
        });
        // The polynomial through the values at the nodes is a sum of Legendre's, each of which has a known integral.
        let to_nodes = nodes.map(|end| {
            let ends = legendre(end);
            let integral = |degree: usize| match degree {
                0 => end + 1.0,
                _ => (ends[degree + 1] - ends[degree - 1]) / (2 * degree + 1) as f64,
            };
            let mut row = [0.0; NODES];
            for ((entry, node), weight) in row.iter_mut().zip(nodes).zip(weights) {
                let values = legendre(node);
                let terms = (0..NODES)
                    .map(|degree| (2 * degree + 1) as f64 / 2.0 * values[degree] * integral(degree));
                *entry = weight * terms.sum::<f64>();
            }
            row
        });
        Self { nodes, weights, to_nodes }
    }
}

/// Legendre's polynomials of degree 0 to [`NODES`] at `x`.
fn legendre(x: f64) -> [f64; NODES + 1] {
    let mut values = [1.0; NODES + 1];
    values[1] = x;
    for degree in 1..NODES {
        let n = degree as f64;
        values[degree + 1] = ((2.0 * n + 1.0) * x * values[degree] - n * values[degree - 1]) / (n + 1.0);
    }
    values
}

/// The slope of the last of them.
fn slope(x: f64) -> f64 {
    let values = legendre(x);
    NODES as f64 * (x * values[NODES] - values[NODES - 1]) / (x * x - 1.0)
}

/// A root of the last of them, in ascending order: Newton's steps from Tricomi's estimate.
fn root(place: usize) -> f64 {
    let angle = std::f64::consts::PI * (NODES as f64 - place as f64 - 0.25) / (NODES as f64 + 0.5);
    let mut x = angle.cos();
    for _ in 0..8 {
        x -= legendre(x)[NODES] / slope(x);
    }
    x
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rule_integrates_polynomials_exactly() {
        for degree in 0..16 {
            let sum: f64 =
                RULE.nodes.iter().zip(&RULE.weights).map(|(x, weight)| weight * x.powi(degree)).sum();
            let exact = if degree % 2 == 0 { 2.0 / f64::from(degree + 1) } else { 0.0 };
            assert!((sum - exact).abs() < 1e-14, "degree {degree}: {sum}");
        }
        for degree in 0..8 {
            for (end, row) in RULE.nodes.iter().zip(&RULE.to_nodes) {
                let sum: f64 = RULE.nodes.iter().zip(row).map(|(x, weight)| weight * x.powi(degree)).sum();
                let exact = (end.powi(degree + 1) - (-1.0_f64).powi(degree + 1)) / f64::from(degree + 1);
                assert!((sum - exact).abs() < 1e-14, "degree {degree} to {end}: {sum}");
            }
        }
    }

    #[test]
    fn two_normal_means_have_a_closed_form() {
        for (difference, one, other) in
            [(0.0, 1.0, 1.0), (1.0, 1.0, 0.01), (-0.5, 1e-3, 2.0), (1e-7, 1e-7, 2e-7), (30.0, 1.0, 1.0)]
        {
            let arms = [Posterior::normal(difference, one), Posterior::normal(0.0, other)];
            let exact = crate::stats::norm::cdf(difference / f64::hypot(one, other));
            let found = probabilities_of_best(&arms)[0];
            assert!((found - exact).abs() < 1e-10, "{difference}: {found} is not {exact}");
        }
    }

    #[test]
    fn equal_arms_share_alike_and_certain_ones_win() {
        for count in 1..=64 {
            let arms = vec![Posterior::beta(3.5, 2.0); count];
            let shares = probabilities_of_best(&arms);
            assert!(shares.iter().all(|share| (share * count as f64 - 1.0).abs() < 1e-9), "{shares:?}");
        }
        // Narrower than the distance of two floats.
        let arms = [1e9, 1e9 + 1.0].map(|mean| Posterior::normal(mean, 1e-9));
        assert_eq!(probabilities_of_best(&arms), [0.0, 1.0]);
    }

    #[test]
    fn shapes_of_any_size_have_probabilities() {
        let sizes = [1e-6, 1e-3, 0.5, 1.0, 7.0, 1e3, 5e6, 1e9];
        for a in sizes {
            for b in sizes {
                for other in [Posterior::beta(1.0, 1.0), Posterior::beta(b, a)] {
                    let shares =
                        probabilities_of_best(&[Posterior::beta(a, b), other, Posterior::beta(a, b)]);
                    assert!(
                        (shares.iter().sum::<f64>() - 1.0).abs() < 1e-12
                            && (shares[0] - shares[2]).abs() < 1e-9
                    );
                }
            }
            let shares = probabilities_of_best(&[Posterior::gamma(a, 2.0), Posterior::gamma(2.0 * a, 4.0)]);
            assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-12, "{shares:?}");
            let dof = a.max(1.0);
            let arms = [1.0, 2.0].map(|scale| Posterior::student_t(0.0, scale, dof));
            let shares = probabilities_of_best(&arms);
            assert!((shares[0] - 0.5).abs() < 1e-9, "{dof}: {shares:?}");
        }
    }
}
