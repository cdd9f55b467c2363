//! What holds of every answer of monitors and fleets, whatever they were read from.

use mlcore::{Error, Result};
use mlcore_drift::Verdict;

use crate::told::told;

/// A refusal of bytes, or of what they ask for.
pub(crate) fn refused(error: &Error) {
    told(error);
    let refused = matches!(
        error,
        Error::Corrupt(_) | Error::Unsupported(_) | Error::InvalidInput(_) | Error::NotFound(_)
    );
    assert!(refused, "bytes are a {} error: {error}", error.kind());
}

/// Numbers or a refusal that is told, and no NaN.
pub(crate) fn sound(outcome: Result<Vec<Verdict>>) {
    let verdicts = match outcome {
        Ok(verdicts) => verdicts,
        Err(error) => return refused(&error),
    };
    for verdict in verdicts {
        for column in &verdict.columns {
            let Some(score) = &column.score else { continue };
            let pvalues = [score.pvalue, score.replaced_pvalue, column.pvalue_adjusted];
            let is_sound = !score.statistic.is_nan()
                && score.effect.value >= 0.0
                && pvalues.into_iter().flatten().all(|pvalue| (0.0..=1.0).contains(&pvalue));
            assert!(is_sound, "{column:?}");
        }
    }
}
