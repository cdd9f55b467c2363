//! Mean and variance of the statistic, and p-values: from the published table, and from the limit.

use crate::stats::Sum;
use crate::stats::special::quadratic_limit::anderson_darling_sf;

/// What the sizes of the samples say.
pub(super) struct Moments {
    /// The number of samples less 1, which is the statistic's mean.
    mean: f64,
    variance: f64,
}

impl Moments {
    /// Equation 4 of Scholz and Stephens.
    pub(super) fn of(sizes: &[usize]) -> Self {
        let count = sizes.iter().sum::<usize>();
        let (k, n) = (sizes.len() as f64, count as f64);
        let inverse: f64 = sizes.iter().map(|size| 1.0 / *size as f64).sum();
        let h = harmonic(count.saturating_sub(1), 1);
        // sum_{i = 1}^{n - 2} sum_{j = i + 1}^{n - 1} 1 / ((n - i) j), in closed form: the generating function of its inner
        // sum is ln(1 - x)^2 / (1 - x).
        let g = harmonic(count, 2) - (2.0 * harmonic(count, 1) - 1.0 / n) / n;
        let a = (4.0 * g - 6.0) * (k - 1.0) + (10.0 - 6.0 * g) * inverse;
        let b = (2.0 * g - 4.0) * k * k + 8.0 * h * k + (2.0 * g - 14.0 * h - 4.0) * inverse - 8.0 * h
            + 4.0 * g
            - 6.0;
        let c = (6.0 * h + 2.0 * g - 2.0) * k * k
            + (4.0 * h - 4.0 * g + 6.0) * k
            + (2.0 * h - 6.0) * inverse
            + 4.0 * h;
        let d = (2.0 * h + 6.0) * k * k - 4.0 * h * k;
        let variance = (((a * n + b) * n + c) * n + d) / ((n - 1.0) * (n - 2.0) * (n - 3.0));
        Self { mean: k - 1.0, variance }
    }

    pub(super) fn standardised(&self, criterion: f64) -> f64 {
        (criterion - self.mean) / self.variance.sqrt()
    }

    /// Equation 8, with the coefficients of table 2.
    pub(super) fn critical_values(&self) -> [f64; 7] {
        COEFFICIENTS.map(|[b0, b1, b2]| b0 + b1 / self.mean.sqrt() + b2 / self.mean)
    }

    /// The p-value by a parabola through the logarithms of the table's levels, within the table.
    pub(super) fn interpolated(&self, statistic: f64) -> f64 {
        let critical = self.critical_values();
        let (lowest, highest) = (critical[0], critical[6]);
        if statistic < lowest {
            LEVELS[0]
        } else if statistic > highest {
            LEVELS[6]
        } else {
            parabola(&critical, &LEVELS.map(f64::ln), statistic).exp()
        }
    }

    /// The p-value of two large samples, whose limit has mean 1, where ties make the variance `spread` times what it is without.
    pub(super) fn limit(&self, statistic: f64, spread: f64) -> f64 {
        anderson_darling_sf(1.0 + statistic * (LIMIT_VARIANCE / spread).sqrt())
    }
}

/// `2 (pi^2 - 9) / 3`, the variance of the limit of two large samples.
const LIMIT_VARIANCE: f64 = 0.579_736_267_392_905_8;
/// Significance levels of the table.
const LEVELS: [f64; 7] = [0.25, 0.1, 0.05, 0.025, 0.01, 0.005, 0.001];
/// Table 2 of Scholz and Stephens, row by row.
const COEFFICIENTS: [[f64; 3]; 7] = [
    [0.675, -0.245, -0.105],
    [1.281, 0.25, -0.305],
    [1.645, 0.678, -0.362],
    [1.96, 1.149, -0.391],
    [2.326, 1.822, -0.396],
    [2.573, 2.364, -0.345],
    [3.085, 3.615, -0.154],
];

/// The sum of `1 / i^power` for `i = 1 .. count`; `power` is 1 or 2.
fn harmonic(count: usize, power: i32) -> f64 {
    const EULER: f64 = 0.577_215_664_901_532_9;
    if count <= 1000 {
        let mut sum = Sum::default();
        sum.extend((1..=count).rev().map(|i| (i as f64).powi(-power)));
        return sum.value();
    }
    // Euler and Maclaurin's formula; the next terms are below 1e-20.
    let n = count as f64;
    let square = n * n;
    match power {
        1 => n.ln() + EULER + 0.5 / n - 1.0 / (12.0 * square) + 1.0 / (120.0 * square * square),
        _ => {
            let zeta = std::f64::consts::PI.powi(2) / 6.0;
            zeta - 1.0 / n + 0.5 / square - 1.0 / (6.0 * square * n) + 1.0 / (30.0 * square * square * n)
        }
    }
}

/// The parabola that is closest to the points in the sense of least squares, at `at`: by polynomials that are orthogonal on
/// the points, so that no digits are lost.
fn parabola(x: &[f64; 7], y: &[f64; 7], at: f64) -> f64 {
    let mean = x.iter().sum::<f64>() / x.len() as f64;
    let second: f64 = x.iter().map(|x| (x - mean).powi(2)).sum();
    let third: f64 = x.iter().map(|x| (x - mean).powi(3)).sum();
    let basis = |x: f64| {
        let linear = x - mean;
        [1.0, linear, linear * linear - third / second * linear - second / 7.0]
    };
    let mut value = 0.0;
    for degree in 0..3 {
        let of = |x: f64| basis(x)[degree];
        let product: f64 = x.iter().zip(y).map(|(x, y)| of(*x) * y).sum();
        let norm: f64 = x.iter().map(|x| of(*x).powi(2)).sum();
        value += product / norm * of(at);
    }
    value
}
