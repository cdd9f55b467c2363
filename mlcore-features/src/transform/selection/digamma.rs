//! The digamma function of whole numbers.

/// `ψ(count)`, the derivative of the logarithm of the gamma function; negative infinity at 0.
///
/// A sum of fractions up to 10, and Stirling's series beyond, as Cephes computes it: equal to scipy's to the last digits.
pub(super) fn digamma(count: usize) -> f64 {
    if count == 0 {
        return f64::NEG_INFINITY;
    }
    if count <= 10 {
        let sum = (1..count).fold(0.0, |sum, term| sum + 1.0 / term as f64);
        return sum - EULER_MASCHERONI;
    }
    let count = count as f64;
    let square = 1.0 / (count * count);
    let series = SERIES.iter().fold(0.0, |sum, coefficient| sum * square + coefficient);
    count.ln() - 0.5 / count - square * series
}

const EULER_MASCHERONI: f64 = 0.577_215_664_901_532_9;

/// `B(2k) / 2k`, of which the last is needed least: from k = 7 to k = 1.
const SERIES: [f64; 7] =
    [1.0 / 12.0, -691.0 / 32_760.0, 1.0 / 132.0, -1.0 / 240.0, 1.0 / 252.0, -1.0 / 120.0, 1.0 / 12.0];

#[cfg(test)]
mod tests {
    use super::*;

    /// `scipy.special.digamma`.
    #[test]
    fn it_is_scipys() {
        for (count, expected) in [
            (1, -0.5772156649015329),
            (2, 0.42278433509846713),
            (3, 0.9227843350984671),
            (9, 2.1406414779556098),
            (10, 2.251752589066721),
            (11, 2.3517525890667215),
            (12, 2.4426616799758123),
            (57, 4.034253689881698),
            (1000, 6.907255195648812),
            (1000000, 13.81551005796419),
            (1000000000, 20.723265836446412),
        ] {
            let found = digamma(count);
            assert!((found - expected).abs() <= 4e-16 * f64::abs(expected), "{count}: {found} {expected}");
        }
        assert_eq!(digamma(0), f64::NEG_INFINITY);
    }

    /// `ψ(n + 1) = ψ(n) + 1 / n`.
    #[test]
    fn it_grows_by_the_reciprocal() {
        for count in 1..2000 {
            let step = digamma(count + 1) - digamma(count);
            assert!((step - 1.0 / count as f64).abs() < 4e-15, "{count}");
        }
    }
}
