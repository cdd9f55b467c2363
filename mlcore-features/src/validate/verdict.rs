//! What a registry is told of a validation.

use mlcore::artifact::Digest;
use mlcore::registry::ValidationVerdict;
use mlcore::{Error, Result};

use super::report::Report;
use super::{Severity, Suite};

impl Suite {
    /// The SHA-256 of the suite's JSON: another one for every change of an expectation.
    ///
    /// # Errors
    /// [`Error::Internal`], which is a fault of this library.
    pub fn digest(&self) -> Result<Digest> {
        let json = serde_json::to_vec(self).map_err(|cause| {
            Error::internal("write suite", self.name(), cause.to_string()).caused_by(cause)
        })?;
        Ok(Digest::of(json))
    }
}

impl Report {
    /// What a registry keeps of the report, so that a [policy](mlcore::registry::Condition::DataValidated) can ask for it: whether every
    /// expectation of this severity, or of a higher one, was met. `suite` is the one that the report came of.
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// use mlcore::arrow::array::{Int64Array, RecordBatch};
    /// use mlcore::schema::Schema;
    /// use mlcore_features::validate::{Check, RunOptions, Severity, Suite};
    ///
    /// let table = RecordBatch::try_from_iter([("id", Arc::new(Int64Array::from(vec![1, 1])) as _)])?;
    /// let suite = Suite::new("orders").with(Check::ColumnValuesToBeUnique { column: "id".into() });
    /// let report = suite.compile(&Schema::from_arrow(table.schema_ref())?)?.validate(&table, &RunOptions::default())?;
    /// let verdict = report.to_verdict(&suite, Severity::Critical)?;
    /// assert_eq!((verdict.passed(), verdict.failed), (false, vec!["column_values_to_be_unique(id)".to_owned()]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for a suite of another name or with other expectations.
    pub fn to_verdict(&self, suite: &Suite, severity: Severity) -> Result<ValidationVerdict> {
        let asked = self.results().iter().map(|result| &result.expectation);
        if self.suite() != suite.name() || !asked.eq(suite.expectations()) {
            let problem = format!("the report came of the suite {:?} with other expectations", self.suite());
            return Err(Error::invalid_input("make verdict", suite.name(), problem)
                .remedy("pass the suite that was run"));
        }
        let verdict = ValidationVerdict::new(self.suite(), suite.digest()?, self.rows());
        let failed = self.failures().filter(|result| result.expectation.severity >= severity);
        Ok(failed.fold(verdict, |verdict, result| verdict.with_failed(result.expectation.to_string())))
    }
}
