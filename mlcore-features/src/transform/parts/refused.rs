//! The transformers that need all rows at once, and why.

use mlcore::{Error, Result};

use super::{Parts, Refusal, Seen};
use crate::transform::{
    Fit, IterativeImputer, KNNImputer, PCA, PowerTransformer, QuantileTransformer, RobustScaler, SelectKBest,
    TargetEncoder, Training, TruncatedSVD, Winsorizer,
};

/// What most of them can do instead.
const SAMPLE: &str = "fit it on a table, which may be a sample of the rows";

macro_rules! refused {
    ($($spec:ident: $problem:literal, $remedy:expr;)+) => {$(
        impl Parts for $spec {
            type Part = ();

            fn refusal(&self) -> Option<Refusal> {
                Some(Refusal { problem: $problem, remedy: $remedy })
            }

            fn part(&self, _: &Training<'_>) -> Result<()> {
                Err(no_parts(stringify!($spec)))
            }

            fn merge(&self, (): (), (): ()) -> Result<()> {
                Err(no_parts(stringify!($spec)))
            }

            fn finish(&self, (): (), _: &Seen) -> Result<<Self as Fit>::Fitted> {
                Err(no_parts(stringify!($spec)))
            }

            fn holds(&self, (): &(), _: usize) -> bool {
                false
            }
        }
    )+};
}

refused! {
    RobustScaler: "its quantiles need all values of a column at once", SAMPLE;
    QuantileTransformer: "its quantiles need all values of a column at once", SAMPLE;
    Winsorizer: "its quantiles need all values of a column at once", SAMPLE;
    PowerTransformer: "it looks for the power of greatest likelihood, for each of which it needs all values again", SAMPLE;
    KNNImputer: "it keeps every row, among which it looks for neighbours", SAMPLE;
    IterativeImputer: "it goes over all rows in many rounds, each of which begins with what the one before imputed", SAMPLE;
    PCA: "the decomposition is one of all rows; sums of products would lose half of its digits", SAMPLE;
    TruncatedSVD: "the decomposition is one of all rows; sums of products would lose half of its digits", SAMPLE;
    SelectKBest: "its scores compare columns with all values of the target at once", SAMPLE;
    TargetEncoder: "it learns the rows of each fold from those of all others, which folds of parts are not",
        "fit it on a table, or use a LeaveOneOutEncoder or a JamesSteinEncoder, whose sums are merged";
}

/// The error of a transformer that was asked in spite of its refusal.
fn no_parts(transformer: &'static str) -> Error {
    Error::internal("fit in parts", transformer, "it has no parts")
}
