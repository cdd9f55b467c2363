/// Limits to what a request may ask and send, beside the bytes of its body.
///
/// ```
/// use mlcore_serve::feast::FeastLimits;
///
/// let mut limits = FeastLimits::default();
/// limits.entities = 1_000;
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FeastLimits {
    /// Entities of one read. 100,000 by default, as many as records of a prediction.
    pub entities: usize,
    /// Values of one answer: entities times features. 2,000,000 by default, which are some hundred megabytes of JSON.
    pub answered_values: usize,
    /// Values that a request brings, each of which takes some tens of bytes while it is read. 4,000,000 by default.
    pub sent_values: usize,
    /// Materialisations at once. 2 by default, as in Feast.
    pub runs: usize,
}

impl Default for FeastLimits {
    fn default() -> Self {
        Self { entities: 100_000, answered_values: 2_000_000, sent_values: 4_000_000, runs: 2 }
    }
}
