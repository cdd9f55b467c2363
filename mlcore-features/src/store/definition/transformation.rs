use std::collections::BTreeMap;

use mlcore::artifact::Digest;
use mlcore::{Error, Result};
use serde::{Deserialize, Serialize};

use super::{Field, name};
use crate::expression::Expression;
use crate::pipeline::Plan;

/// A feature plan by its digest, with the columns that it reads and makes. Its bytes lie in an artifact store, or where the host keeps
/// them; [`check`](Self::check) says whether they are the ones.
///
/// ```
/// use std::sync::Arc;
///
/// use mlcore::arrow::array::{Float64Array, RecordBatch};
/// use mlcore_features::pipeline::Plan;
/// use mlcore_features::store::definition::PlanReference;
/// use mlcore_features::transform::{Fit, StandardScaler};
///
/// let table = RecordBatch::try_from_iter([("age", Arc::new(Float64Array::from(vec![20.0, 40.0])) as _)]).unwrap();
/// let plan = Plan::new(StandardScaler::default().fit(&table)?)?;
/// let reference = PlanReference::of(&plan)?;
/// assert_eq!(reference.input[0].name, "age");
/// reference.check(&plan)?;
/// # Ok::<(), mlcore::Error>(())
/// ```
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanReference {
    /// The digest of the plan's content, which lineage knows it by.
    pub digest: Digest,
    /// Its bytes in the artifact store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact: Option<Digest>,
    /// The columns that it reads.
    pub input: Vec<Field>,
    /// The features that it makes.
    pub output: Vec<Field>,
}

impl PlanReference {
    /// The reference to a plan.
    ///
    /// # Errors
    /// [`Internal`](Error::Internal) for a plan whose digest is none.
    pub fn of(plan: &Plan) -> Result<Self> {
        let fields = |schema: &mlcore::schema::Schema| {
            schema.fields().iter().map(|field| Field::new(field.name(), field.dtype())).collect()
        };
        let (input, output) = (fields(plan.input()), fields(plan.output()));
        Ok(Self { digest: plan.digest().parse()?, artifact: None, input, output })
    }

    /// Says where its bytes lie in the artifact store.
    #[must_use]
    pub fn with_artifact(mut self, artifact: Digest) -> Self {
        self.artifact = Some(artifact);
        self
    }

    /// Fails unless it is a reference to this plan.
    ///
    /// # Errors
    /// [`SchemaMismatch`](Error::SchemaMismatch) for another plan, with both digests.
    pub fn check(&self, plan: &Plan) -> Result<()> {
        let own = Self::of(plan)?;
        if (own.digest, &own.input, &own.output) == (self.digest, &self.input, &self.output) {
            return Ok(());
        }
        let problem = format!("the plan is {}, and {} is named", own.digest, self.digest);
        Err(Error::schema_mismatch("bind plan", "on-demand feature view", problem)
            .remedy("load the plan that is named, or apply the view with this one"))
    }
}

/// What an on-demand view computes of its inputs.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Transformation<'a> {
    /// A formula for each feature.
    Expressions(&'a BTreeMap<String, Expression>),
    /// A feature plan.
    Plan(&'a PlanReference),
}

/// Checks the columns of a plan by themselves.
pub(super) fn check_plan(operation: &'static str, plan: &PlanReference) -> Result<()> {
    for (what, fields) in [("plan input", &plan.input), ("plan output", &plan.output)] {
        super::field::check_all(operation, what, fields)?;
        if fields.is_empty() {
            return Err(Error::invalid_input(operation, what, "it has no column")
                .remedy("name the columns of the plan"));
        }
    }
    name::check_count(operation, "plan output", plan.output.len())
}
