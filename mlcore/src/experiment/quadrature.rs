//! Integrals of smooth functions.

/// The places and weights of a Gauss-Legendre rule of eight nodes between two numbers, in ascending order: exact to 1e-14 for a normal
/// density over one standard deviation.
pub(super) fn panel(low: f64, high: f64) -> impl Iterator<Item = (f64, f64)> {
    let (middle, half) = (0.5 * (low + high), 0.5 * (high - low));
    let below = NODES.iter().rev().map(|(node, weight)| (-node, *weight));
    let above = NODES.iter().copied();
    below.chain(above).map(move |(node, weight)| (middle + half * node, half * weight))
}

/// The positive nodes on `[-1, 1]`, and their weights (Abramowitz and Stegun, table 25.4).
const NODES: [(f64, f64); 4] = [
    (0.183_434_642_495_649_8, 0.362_683_783_378_362),
    (0.525_532_409_916_329, 0.313_706_645_877_887_3),
    (0.796_666_477_413_626_7, 0.222_381_034_453_374_48),
    (0.960_289_856_497_536_3, 0.101_228_536_290_376_26),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn polynomials_of_degree_15_are_integrated_exactly() {
        for degree in 0..16 {
            let sum: f64 = panel(0.5, 2.0).map(|(place, weight)| weight * place.powi(degree)).sum();
            let power = degree + 1;
            let expected = (2.0_f64.powi(power) - 0.5_f64.powi(power)) / f64::from(power);
            assert!((sum / expected - 1.0).abs() < 1e-14, "{degree}: {sum} {expected}");
        }
    }
}
