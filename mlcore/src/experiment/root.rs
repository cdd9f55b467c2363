//! Where a function crosses zero.

/// The place between `low` and `high` where `of` is zero, by Brent's method (1973), to the last digits of a float; `None` where the
/// ends do not lie on two sides of zero.
pub(super) fn between(mut low: f64, mut high: f64, of: impl Fn(f64) -> f64) -> Option<f64> {
    let (mut at_low, mut at_high) = (of(low), of(high));
    if at_low == 0.0 {
        return Some(low);
    }
    if at_high == 0.0 {
        return Some(high);
    }
    if at_low.is_nan() || at_high.is_nan() || (at_low > 0.0) == (at_high > 0.0) {
        return None;
    }
    // `high` is the best place so far, `low` lies on the other side, and `last` is the best one before.
    let (mut last, mut at_last) = (low, at_low);
    let (mut step, mut step_before) = (high - low, high - low);
    for _ in 0..MOST_STEPS {
        if (at_high > 0.0) == (at_low > 0.0) {
            (low, at_low) = (last, at_last);
            step = high - last;
            step_before = step;
        }
        if at_low.abs() < at_high.abs() {
            (last, at_last) = (high, at_high);
            (high, at_high) = (low, at_low);
            (low, at_low) = (last, at_last);
        }
        let tolerance = 2.0 * f64::EPSILON * high.abs() + f64::MIN_POSITIVE;
        let half = 0.5 * (low - high);
        if half.abs() <= tolerance || at_high == 0.0 {
            return Some(high);
        }
        if step_before.abs() >= tolerance && at_last.abs() > at_high.abs() {
            let slope = at_high / at_last;
            let (mut numerator, mut denominator) = if last == low {
                (2.0 * half * slope, 1.0 - slope)
            } else {
                let (from_low, to_low) = (at_last / at_low, at_high / at_low);
                let numerator =
                    slope * (2.0 * half * from_low * (from_low - to_low) - (high - last) * (to_low - 1.0));
                (numerator, (from_low - 1.0) * (to_low - 1.0) * (slope - 1.0))
            };
            if numerator > 0.0 {
                denominator = -denominator;
            }
            numerator = numerator.abs();
            let most = (3.0 * half * denominator - (tolerance * denominator).abs())
                .min((step_before * denominator).abs());
            if 2.0 * numerator < most {
                step_before = step;
                step = numerator / denominator;
            } else {
                step = half;
                step_before = half;
            }
        } else {
            step = half;
            step_before = half;
        }
        (last, at_last) = (high, at_high);
        high += if step.abs() > tolerance { step } else { tolerance.copysign(half) };
        at_high = of(high);
        if at_high.is_nan() {
            return None;
        }
    }
    Some(high)
}

/// Bisection alone ends within this many steps; Brent's method takes ten.
const MOST_STEPS: u32 = 1100;

/// The same, where `of` falls or rises without end above `low`: the upper end is looked for by doubling, up to `most`.
pub(super) fn above(low: f64, start: f64, most: f64, of: impl Fn(f64) -> f64) -> Option<f64> {
    let is_positive = of(low) > 0.0;
    let (mut below, mut high) = (low, start);
    while (of(high) > 0.0) == is_positive {
        if high >= most {
            return None;
        }
        below = high;
        high = (2.0 * high).min(most);
    }
    between(below, high, of)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roots_are_found_to_the_last_digits() {
        let root = between(0.0, 2.0, |x| x * x - 2.0).unwrap();
        assert!((root - 2.0_f64.sqrt()).abs() < 1e-15, "{root:e}");
        let steep = between(1e-9, 1e9, |x| x.ln() - 5.0).unwrap();
        assert!((steep / 5.0_f64.exp() - 1.0).abs() < 1e-14);
        let flat = between(-1.0, 4.0, |x| (x - 1.0).powi(9)).unwrap();
        assert!((flat - 1.0).abs() < 0.02);
        assert_eq!(between(0.0, 1.0, |x| x + 1.0), None);
        assert_eq!(between(0.0, 1.0, |_| f64::NAN), None);
        let found = above(1.0, 2.0, 1e9, |x| x - 1e6).unwrap();
        assert!((found - 1e6).abs() < 1e-6);
        assert_eq!(above(1.0, 2.0, 1e3, |x| x - 1e6), None);
    }
}
