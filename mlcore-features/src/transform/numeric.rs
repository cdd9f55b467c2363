//! numpy's arithmetic where the order of operations decides the last digits.

/// The sum of `term(0) .. term(count - 1)` in numpy's order: pairwise, in blocks of 128 with eight running sums.
///
/// With numpy's order the fitted numbers are scikit-learn's to the bit on contiguous columns, and the rounding error
/// grows with the logarithm of the count. Source: numpy, `pairwise_sum`.
pub(crate) fn pairwise_sum(count: usize, term: &impl Fn(usize) -> f64) -> f64 {
    range_sum(0, count, term)
}

fn range_sum(start: usize, count: usize, term: &impl Fn(usize) -> f64) -> f64 {
    if count < 8 {
        return (start..start + count).fold(0.0, |sum, index| sum + term(index));
    }
    if count <= 128 {
        let mut sums = [0.0; 8];
        for (lane, sum) in sums.iter_mut().enumerate() {
            *sum = term(start + lane);
        }
        let whole = count - count % 8;
        for block in (8..whole).step_by(8) {
            for (lane, sum) in sums.iter_mut().enumerate() {
                *sum += term(start + block + lane);
            }
        }
        let [a, b, c, d, e, f, g, h] = sums;
        let sum = ((a + b) + (c + d)) + ((e + f) + (g + h));
        return (start + whole..start + count).fold(sum, |sum, index| sum + term(index));
    }
    let half = count / 2;
    let half = half - half % 8;
    range_sum(start, half, term) + range_sum(start + half, count - half, term)
}

/// The mean of the values, in numpy's order.
pub(crate) fn mean(values: &[f64]) -> f64 {
    pairwise_sum(values.len(), &|index| values[index]) / values.len() as f64
}

/// The mean of those that are not NaN, `present` of them; the others add zero, so that the order of summation is numpy's.
pub(crate) fn mean_of_present(values: &[f64], present: usize) -> f64 {
    let term = |index: usize| if values[index].is_nan() { 0.0 } else { values[index] };
    pairwise_sum(values.len(), &term) / present as f64
}

/// `count` numbers from `start` to `stop`, as `numpy.linspace`.
pub(crate) fn linspace(start: f64, stop: f64, count: usize) -> Vec<f64> {
    let intervals = count.saturating_sub(1) as f64;
    let span = stop - start;
    let step = span / intervals;
    (0..count)
        .map(|index| {
            if index + 1 == count && count > 1 {
                return stop;
            }
            // A step that underflows to zero is applied in the other order, as numpy does.
            let offset = if step == 0.0 { index as f64 / intervals * span } else { index as f64 * step };
            offset + start
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pairwise_sum_of_many_stays_exact_where_a_running_one_does_not() {
        let count = 1_000_000;
        let sum = pairwise_sum(count, &|_| 0.1);
        assert!((sum - 100_000.0).abs() < 1e-9, "{sum}");
        let running: f64 = (0..count).map(|_| 0.1).sum();
        assert!((running - 100_000.0).abs() > 1e-7, "{running}");
    }

    #[test]
    fn every_term_is_counted_once() {
        for count in [0_usize, 1, 7, 8, 9, 127, 128, 129, 136, 257, 1000] {
            let expected = (count * count.saturating_sub(1) / 2) as f64;
            assert_eq!(pairwise_sum(count, &|index| index as f64), expected, "{count}");
        }
    }

    #[test]
    fn linspace_ends_where_it_is_told() {
        assert_eq!(linspace(0.0, 1.0, 5), [0.0, 0.25, 0.5, 0.75, 1.0]);
        assert_eq!(linspace(0.1, 0.7, 3)[2], 0.7);
        assert_eq!(linspace(2.0, 2.0, 2), [2.0, 2.0]);
        let subnormal = linspace(0.0, 5e-324, 3);
        assert_eq!((subnormal[0], subnormal[2]), (0.0, 5e-324));
    }
}
