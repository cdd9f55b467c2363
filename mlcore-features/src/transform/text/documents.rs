//! What all transformers of text share: which columns they take, how features are named and how they are normed.

use mlcore::schema::DType;
use mlcore::{Error, Result};

use crate::program::text::{Refused, Sparse};
use crate::transform::Norm;
use crate::transform::input::FitColumn;

/// The most features that hashing makes: as many as scikit-learn makes by default. A plan has a name for each.
pub(super) const MOST_FEATURES: usize = 1 << 20;

/// Makes sure that the columns are text, without missing values.
pub(super) fn check(columns: &[FitColumn]) -> Result<()> {
    for column in columns {
        if column.dtype() != DType::String {
            return Err(column.unfit("text"));
        }
        if let Some(row) = column.view()?.first_null(0, column.len()) {
            let problem = format!("row {row}: a missing value {}", MISSING.problem);
            return Err(column.error(problem).remedy(MISSING.remedy));
        }
    }
    Ok(())
}

/// Why a missing text is refused.
pub(super) const MISSING: Refused = Refused {
    input: 0,
    problem: "is no text to cut",
    remedy: "impute missing texts first, for example with an empty text",
};

/// The width that hashing makes, if there can be so many features.
pub(super) fn width(n_features: usize, operation: &'static str) -> Result<u32> {
    match u32::try_from(n_features) {
        Ok(width) if (1..=MOST_FEATURES).contains(&n_features) => Ok(width),
        _ => {
            let problem = format!("{n_features} features are none, or more than a plan names");
            Err(Error::invalid_input(operation, "n_features", problem)
                .remedy(format!("set n_features to a number from 1 to {MOST_FEATURES}")))
        }
    }
}

/// The names of features: those that they have where there is one column, else behind the column's name.
pub(super) fn name(column: &str, feature: &str, columns: usize) -> String {
    if columns == 1 { feature.to_owned() } else { format!("{column}__{feature}") }
}

/// Refuses the norm that scikit-learn's vectorizers do not have.
pub(super) fn check_norm(norm: Option<Norm>, operation: &'static str) -> Result<()> {
    match norm {
        None | Some(Norm::L1 | Norm::L2) => Ok(()),
        Some(Norm::Max) => Err(Error::invalid_input(operation, "norm", "\"max\" is no norm of texts")
            .remedy("use l1, l2 or None")),
    }
}

/// Divides the numbers by their norm, unless it is zero.
pub(super) fn normalize(features: &mut Sparse, norm: Option<Norm>) {
    let norm = match norm {
        None => return,
        Some(Norm::L1) => features.iter().map(|feature| feature.value.abs()).sum::<f64>(),
        Some(Norm::L2) => features.iter().map(|feature| feature.value * feature.value).sum::<f64>().sqrt(),
        Some(Norm::Max) => features.iter().fold(0.0, |most: f64, feature| most.max(feature.value.abs())),
    };
    if norm != 0.0 {
        features.iter_mut().for_each(|feature| feature.value /= norm);
    }
}
