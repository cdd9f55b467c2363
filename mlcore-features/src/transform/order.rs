use serde::{Deserialize, Serialize};

/// How scikit-learn lays a dense result out in memory. It changes no number, and nothing here.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub enum Order {
    /// Row by row.
    #[default]
    C,
    /// Column by column.
    F,
}
