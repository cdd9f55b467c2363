//! The modified Bessel function of the second kind.

/// `exp(z) K_order(z)` for `z >= 0.1` and orders below 1, to about 1e-15; NaN outside.
///
/// `K_order(z)` is the integral of `exp(-z cosh t) cosh(order t)` over the positive numbers (DLMF 10.32.9). The integrand falls
/// doubly exponentially, so that the trapezoidal rule leaves nothing to correct: its error is the integrand's transform at
/// the frequency `2 pi / step`, about `exp(-pi^2 / step)`, and `exp(-2 pi^2 / (z step^2))` for a large `z`.
pub(in crate::stats) fn scaled_bessel_k(order: f64, z: f64) -> f64 {
    if !((0.1..f64::INFINITY).contains(&z) && order.abs() < 1.0) {
        return f64::NAN;
    }
    let step = (0.7 / z.sqrt()).min(0.125);
    let term = |t: f64| {
        let half = (t / 2.0).sinh();
        // z (cosh t - 1), without cancellation.
        (-2.0 * z * half * half).exp() * (order * t).cosh()
    };
    let mut sum = 0.5;
    for place in 1..=MOST_TERMS {
        let term = term(step * f64::from(place));
        sum += term;
        if term < 1e-18 * sum {
            break;
        }
    }
    step * sum
}

/// At 0.1 the last term that counts is at `t = 7`.
const MOST_TERMS: u32 = 80;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_those_of_mpmath() {
        // mpmath.exp(z) * mpmath.besselk(0.25, z), 20 digits.
        for (z, expected) in EXPECTED {
            let found = scaled_bessel_k(0.25, z);
            assert!((found / expected - 1.0).abs() < 4e-15, "{z}: {found} {expected}");
        }
        // K_(1/2)(z) = sqrt(pi / (2 z)) exp(-z).
        let half = scaled_bessel_k(0.5, 3.0);
        assert!((half / (std::f64::consts::PI / 6.0).sqrt() - 1.0).abs() < 4e-15);
        assert!(scaled_bessel_k(0.25, 0.0).is_nan() && scaled_bessel_k(0.25, f64::NAN).is_nan());
    }

    const EXPECTED: [(f64, f64); 7] = [
        (0.1, 2.9675572852683985),
        (0.625, 1.4394563416809198),
        (1.0, 1.1708721016781378),
        (3.3, 0.6728598932037683),
        (17.0, 0.3023479215019392),
        (400.0, 0.06265103961941396),
        (80000.0, 0.0044311294345633955),
    ];
}
