//! NannyML's threshold of a column, which comes from chunks of its reference.

use mlcore::arrow::array::Array;
use mlcore::{Error, Result};

use crate::monitor::options::OPERATION;
use crate::sample::{Kind, Sample};
use crate::two_sample::CompiledTest;

/// The distance beyond which NannyML 0.13.1 alerts: mean and three standard deviations of what chunks of the reference, in the
/// order of its rows, have to the whole of it.
///
/// # Errors
/// [`Error::InvalidInput`] for a reference of fewer rows than chunks, and what reading and comparing answer.
pub(in crate::monitor) fn threshold(
    name: &str,
    reference: &dyn Array,
    kind: Kind,
    compiled: &dyn CompiledTest,
) -> Result<f64> {
    let (rows, size) = (reference.len(), reference.len() / CHUNKS);
    if size == 0 {
        let problem =
            format!("{rows} rows: NannyML takes its threshold from {CHUNKS} chunks of the reference");
        return Err(Error::invalid_input(OPERATION, name, problem)
            .remedy("pass more rows, or a minimum effect for this column"));
    }
    let mut distances = Vec::with_capacity(CHUNKS + 1);
    for start in (0..rows).step_by(size) {
        let chunk = reference.slice(start, size.min(rows - start));
        let sample = Sample::from_array_as(&chunk, kind)?;
        // NannyML has NaN of a chunk without a value, and passes over it.
        if !sample.is_empty() {
            distances.push(compiled.compare(&sample)?.effect.value);
        }
    }
    let count = distances.len().max(1) as f64;
    let mean = distances.iter().sum::<f64>() / count;
    let variance = distances.iter().map(|distance| (distance - mean).powi(2)).sum::<f64>() / count;
    Ok(mean + DEVIATIONS * variance.sqrt())
}

/// NannyML's default chunker; what is left over is a chunk more.
const CHUNKS: usize = 10;
const DEVIATIONS: f64 = 3.0;
