//! What a test must know of a current sample.

/// What a [`CompiledTest`](super::CompiledTest) must know of a current sample for the score that its values have.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub enum Needs {
    /// Every value.
    Values,
    /// How often each value occurs.
    Counts,
    /// How many values lie below each of these edges, which are in ascending order.
    CountsBelow(Vec<f64>),
    /// How many rows have a value, and how many are missing.
    Rows,
}
