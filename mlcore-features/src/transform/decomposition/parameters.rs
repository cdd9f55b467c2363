//! What decompositions are asked for.

use mlcore::batch::OwnedValue;
use mlcore::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::transform::Parameter;

/// How many components to keep.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(try_from = "Parameter", into = "Parameter")]
pub(super) enum Components {
    #[default]
    All,
    Count(u64),
    /// As many as explain more than this share of the variance.
    Share(f64),
}

impl Components {
    /// Refuses more components than there are, and a share that is none.
    pub(super) fn check(self, most: usize, operation: &'static str) -> Result<()> {
        let problem = match self {
            Self::Count(count) if count > most as u64 => {
                format!("{count} components are asked for, and rows or columns are {most}")
            }
            Self::Share(share) if !(share > 0.0 && share < 1.0) => {
                format!("a share of the variance is between 0 and 1, got {share}")
            }
            Self::All | Self::Count(_) | Self::Share(_) => return Ok(()),
        };
        Err(Error::invalid_input(operation, "n_components", problem))
    }

    /// The number of components to keep of those with these shares of the variance.
    pub(super) fn of(self, shares: &[f64]) -> usize {
        let count = match self {
            Self::All => shares.len(),
            Self::Count(count) => usize::try_from(count).unwrap_or(usize::MAX),
            Self::Share(wanted) => {
                let sums = shares.iter().scan(0.0, |sum, share| {
                    *sum += share;
                    Some(*sum)
                });
                sums.take_while(|sum| *sum <= wanted).count() + 1
            }
        };
        count.min(shares.len())
    }
}

impl TryFrom<Parameter> for Components {
    type Error = String;

    fn try_from(value: Parameter) -> Result<Self, String> {
        match (&value, value.as_count(), value.as_text()) {
            (_, Some(count), _) => Ok(Self::Count(count)),
            (_, _, Some("mle")) => {
                Err("\"mle\" is not offered: it guesses the number of components from a model \
                 of their noise; a number of components, or a share of the variance, is expected"
                    .to_owned())
            }
            (Parameter::Value(OwnedValue::Float(share)), ..) => Ok(Self::Share(*share)),
            (Parameter::Value(OwnedValue::Null), ..) => Ok(Self::All),
            _ => Err(value.is_not("a number of components, a share of the variance or None")),
        }
    }
}

impl From<Components> for Parameter {
    fn from(components: Components) -> Self {
        match components {
            Components::All => None::<u64>.into(),
            Components::Count(count) => count.into(),
            Components::Share(share) => share.into(),
        }
    }
}

/// How scikit-learn decomposes. Those that are taken are exact, and all of them find the same here.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(try_from = "Parameter", into = "Parameter")]
pub enum SvdSolver {
    /// By whichever of the others fits the table.
    #[default]
    Auto,
    /// By the singular values of the centred columns.
    Full,
    /// By the eigenvalues of their covariance.
    CovarianceEigh,
}

impl TryFrom<Parameter> for SvdSolver {
    type Error = String;

    fn try_from(value: Parameter) -> Result<Self, String> {
        match value.as_text() {
            Some("auto") => Ok(Self::Auto),
            Some("full") => Ok(Self::Full),
            Some("covariance_eigh") => Ok(Self::CovarianceEigh),
            Some(name @ ("arpack" | "randomized")) => Err(format!(
                "{name:?} is not offered, because it begins at random and ends near the answer; \
                 \"auto\", \"full\" or \"covariance_eigh\" is expected"
            )),
            _ => Err(value.is_not("\"auto\", \"full\" or \"covariance_eigh\"")),
        }
    }
}

impl From<SvdSolver> for Parameter {
    fn from(solver: SvdSolver) -> Self {
        let name = match solver {
            SvdSolver::Auto => "auto",
            SvdSolver::Full => "full",
            SvdSolver::CovarianceEigh => "covariance_eigh",
        };
        name.into()
    }
}
