//! How much error a monitor may make over all its windows.

/// What a monitor controls over many windows.
///
/// Each window is a test: at `alpha` 0.05 one quiet window in twenty alarms, and of a hundred quiet windows nearly surely
/// some. With alpha spending the probability that a monitor whose data never changes *ever* alarms is at most `alpha`.
///
/// ```
/// use mlcore_drift::monitor::WindowCorrection;
///
/// let spending = WindowCorrection::AlphaSpending;
/// let first: Vec<f64> = (0..3).map(|window| (spending.alpha(0.05, window) * 1e5).round() / 1e5).collect();
/// assert_eq!(first, [0.00268, 0.00058, 0.0005]);
/// assert!((0..100_000).map(|window| spending.alpha(0.05, window)).sum::<f64>() < 0.05);
/// assert_eq!(WindowCorrection::None.alpha(0.05, 7), 0.05);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[non_exhaustive]
pub enum WindowCorrection {
    /// Every window is judged at `alpha` by itself.
    #[default]
    None,
    /// Alpha spending: window `t` (from 1) is judged at `alpha` times `0.0772 log(max(t, 2)) / (t exp(sqrt(log t)))`; these
    /// shares of `alpha` add up to at most 1 over all windows. It holds under any dependence between windows, which all
    /// have the reference in common. Later windows need smaller p-values, which a change that lasts soon has: the
    /// thousandth is judged at 0.000002.
    ///
    /// Sources: A. Javanmard and A. Montanari, "Online rules for control of false discovery rate and false discovery
    /// exceedance", Annals of Statistics 46 (2018), for the shares; `Alpha_spending` of the R package onlineFDR.
    AlphaSpending,
}

mlcore::words! {
    WindowCorrection, "window correction": None = "none", AlphaSpending = "alpha_spending"
}

impl WindowCorrection {
    /// The error rate of the window with this index, the first having 0, out of `alpha` for all of them.
    #[must_use]
    pub fn alpha(self, alpha: f64, window: u64) -> f64 {
        match self {
            Self::None => alpha,
            Self::AlphaSpending => {
                let t = window as f64 + 1.0;
                alpha * SHARES * t.max(2.0).ln() / (t * t.ln().sqrt().exp())
            }
        }
    }
}

/// Makes the shares of all windows add up to 1.
const SHARES: f64 = 0.077_208_38;
