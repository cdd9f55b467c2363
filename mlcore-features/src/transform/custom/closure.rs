use std::fmt;
use std::sync::Arc;

use mlcore::Result;

use super::{BoundFunction, CustomFunction, InputRow, InputRows, Learnt, Refusal, RowKernel};

/// A function of the host that learns nothing: a closure from a row to its features, under a name and a version.
///
/// ```
/// use mlcore_features::transform::custom::RowFunction;
///
/// let speed = RowFunction::new("speed", 2, ["km_per_h"], |row, features| {
///     features.fill(row.number(0) / row.number(1) * 3600.0);
///     Ok(())
/// });
/// assert_eq!(format!("{speed:?}"), r#"RowFunction { name: "speed", version: 2, features: ["km_per_h"] }"#);
/// ```
#[derive(Clone)]
pub struct RowFunction {
    name: String,
    version: u32,
    features: Vec<String>,
    row: Arc<OfRow>,
    rows: Option<Arc<OfRows>>,
}

type OfRow = dyn Fn(&InputRow<'_>, &mut [f64]) -> Result<(), Refusal> + Send + Sync;
type OfRows = dyn Fn(&InputRows<'_>, &mut [f64]) -> Result<(), Refusal> + Send + Sync;

impl RowFunction {
    /// A function that writes the features of these names. It keeps the contract of [`RowKernel::apply`].
    #[must_use]
    pub fn new<N: Into<String>>(
        name: impl Into<String>,
        version: u32,
        features: impl IntoIterator<Item = N>,
        row: impl Fn(&InputRow<'_>, &mut [f64]) -> Result<(), Refusal> + Send + Sync + 'static,
    ) -> Self {
        let features = features.into_iter().map(Into::into).collect();
        Self { name: name.into(), version, features, row: Arc::new(row), rows: None }
    }

    /// Computes blocks of rows by another closure, which makes of each row what the first one makes of it, bit for bit.
    /// It keeps the contract of [`RowKernel::apply_rows`].
    #[must_use]
    pub fn with_rows(
        mut self,
        rows: impl Fn(&InputRows<'_>, &mut [f64]) -> Result<(), Refusal> + Send + Sync + 'static,
    ) -> Self {
        self.rows = Some(Arc::new(rows));
        self
    }
}

impl fmt::Debug for RowFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RowFunction")
            .field("name", &self.name)
            .field("version", &self.version)
            .field("features", &self.features)
            .finish()
    }
}

impl CustomFunction for RowFunction {
    fn name(&self) -> &str {
        &self.name
    }

    fn version(&self) -> u32 {
        self.version
    }

    fn bind(&self, _: &Learnt<'_>) -> Result<BoundFunction> {
        Ok(BoundFunction::new(self.features.clone(), self.clone()))
    }
}

impl RowKernel for RowFunction {
    fn apply(&self, row: &InputRow<'_>, features: &mut [f64]) -> Result<(), Refusal> {
        (self.row)(row, features)
    }

    fn apply_rows(&self, rows: &InputRows<'_>, features: &mut [f64]) -> Result<(), Refusal> {
        if let Some(own) = &self.rows {
            return own(rows, features);
        }
        let width = self.features.len();
        if width == 0 {
            return Ok(());
        }
        rows.iter().zip(features.chunks_exact_mut(width)).try_for_each(|(row, own)| self.apply(&row, own))
    }
}
