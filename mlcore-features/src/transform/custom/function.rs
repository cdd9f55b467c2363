use std::fmt::Debug;
use std::sync::Arc;

use mlcore::Result;
use mlcore::schema::Schema;

use super::{RowKernel, State};
use crate::transform::{Parameters, Training};

/// A function of the host: a name, a version, perhaps something to learn, and the arithmetic of a row.
///
/// Contract, to which `conformance::custom` holds it, behind the feature `conformance`:
/// - equal training tables teach it the same, and the state that it learns is stored as JSON without loss;
/// - what [`bind`](Self::bind) makes depends on the [`Learnt`] alone, above all on its parameters instead of the function's
///   own: a host registers one function of a name and version, and plans bring their parameters along;
/// - its kernel keeps the law of [`RowKernel`], and is a pure function;
/// - a function that computes something else, learns another state or names its features otherwise has another version.
///
/// ```
/// use std::sync::Arc;
///
/// use mlcore::Result;
/// use mlcore::arrow::array::{AsArray, Float64Array, RecordBatch};
/// use mlcore::arrow::datatypes::Float64Type;
/// use mlcore_features::pipeline::{Pipeline, Plan};
/// use mlcore_features::transform::Training;
/// use mlcore_features::transform::custom::{
///     BoundFunction, CustomFunction, CustomTransformer, Functions, InputRow, Learnt, Refusal, RowKernel, State,
/// };
///
/// /// A number by the greatest one of the training table.
/// #[derive(Debug)]
/// struct ShareOfGreatest;
///
/// impl CustomFunction for ShareOfGreatest {
///     fn name(&self) -> &str {
///         "share_of_greatest"
///     }
///
///     fn version(&self) -> u32 {
///         1
///     }
///
///     fn learn(&self, training: &Training<'_>) -> Result<State> {
///         let greatest = |values: &Float64Array| values.values().iter().copied().fold(f64::MIN, f64::max);
///         let columns = training.table().columns();
///         State::of(&columns.iter().map(|own| greatest(own.as_primitive::<Float64Type>())).collect::<Vec<_>>())
///     }
///
///     fn bind(&self, learnt: &Learnt<'_>) -> Result<BoundFunction> {
///         let names = learnt.input().names().map(|name| format!("{name}_share"));
///         Ok(BoundFunction::new(names, Shares(learnt.state().read()?)))
///     }
/// }
///
/// #[derive(Debug)]
/// struct Shares(Vec<f64>);
///
/// impl RowKernel for Shares {
///     fn apply(&self, row: &InputRow<'_>, features: &mut [f64]) -> Result<(), Refusal> {
///         for ((feature, number), greatest) in features.iter_mut().zip(row.numbers()).zip(&self.0) {
///             *feature = number / greatest;
///         }
///         Ok(())
///     }
/// }
///
/// let amounts = Arc::new(Float64Array::from(vec![10.0, 40.0]));
/// let table = RecordBatch::try_from_iter([("amount", amounts as _)]).unwrap();
/// let plan = Pipeline::new().then("share", CustomTransformer::new(ShareOfGreatest)).fit(&table)?;
/// assert_eq!(plan.feature_names_out(), ["amount_share"]);
///
/// let loaded = Plan::from_bytes_with(&plan.to_bytes()?, &Functions::new().with(ShareOfGreatest))?;
/// assert_eq!(loaded.transform_rows::<f64, f64>(&[20.0])?, [0.5]);
/// # Ok::<(), mlcore::Error>(())
/// ```
pub trait CustomFunction: Debug + Send + Sync {
    /// Its name, by which plans know it. No two functions that are not versions of one another share a name.
    fn name(&self) -> &str;

    /// Its version, which changes whenever it computes or learns something else.
    fn version(&self) -> u32;

    /// How it was configured: stored in the plan, part of its digest, and handed back to [`bind`](Self::bind). None by default.
    fn parameters(&self) -> Parameters {
        Parameters::new()
    }

    /// Learns from the table, and from the target where it uses one. Nothing by default.
    ///
    /// # Errors
    /// What the function says about a table that it does not take. The error should name the column and the row.
    fn learn(&self, training: &Training<'_>) -> Result<State> {
        let _ = training;
        Ok(State::none())
    }

    /// Makes the names of the features and the kernel that computes them.
    ///
    /// # Errors
    /// [`Error::SchemaMismatch`](mlcore::Error::SchemaMismatch) for columns that it does not take, and
    /// [`Error::Corrupt`](mlcore::Error::Corrupt) for a state that it did not learn.
    fn bind(&self, learnt: &Learnt<'_>) -> Result<BoundFunction>;
}

/// What a plan remembers of a function that was fitted.
///
/// ```
/// use mlcore::schema::{DType, Field, Schema};
/// use mlcore_features::transform::Parameters;
/// use mlcore_features::transform::custom::{Learnt, State};
///
/// let input = Schema::new([Field::column("amount", DType::Float64)])?;
/// let (parameters, state) = (Parameters::new(), State::of(&3.5)?);
/// let learnt = Learnt::new(&input, &parameters, &state);
/// assert_eq!(learnt.state().read::<f64>()?, 3.5);
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Learnt<'a> {
    input: &'a Schema,
    parameters: &'a Parameters,
    state: &'a State,
}

impl<'a> Learnt<'a> {
    /// What a fit of these columns with these parameters left.
    #[must_use]
    pub fn new(input: &'a Schema, parameters: &'a Parameters, state: &'a State) -> Self {
        Self { input, parameters, state }
    }

    /// The columns that it was fitted on, with their types: numbers, truth values and text.
    #[must_use]
    pub fn input(&self) -> &'a Schema {
        self.input
    }

    /// The parameters that it was fitted with, in the alphabetical order of their names.
    #[must_use]
    pub fn parameters(&self) -> &'a Parameters {
        self.parameters
    }

    /// What it learnt.
    #[must_use]
    pub fn state(&self) -> &'a State {
        self.state
    }
}

/// A function that knows what it learnt: the names of its features, and its kernel.
#[derive(Clone, Debug)]
pub struct BoundFunction {
    pub(super) features: Vec<String>,
    pub(super) kernel: Arc<dyn RowKernel>,
}

impl BoundFunction {
    /// A kernel that computes the features of these names.
    #[must_use]
    pub fn new<N: Into<String>>(
        features: impl IntoIterator<Item = N>,
        kernel: impl RowKernel + 'static,
    ) -> Self {
        Self { features: features.into_iter().map(Into::into).collect(), kernel: Arc::new(kernel) }
    }

    /// The names of the features.
    #[must_use]
    pub fn features(&self) -> &[String] {
        &self.features
    }

    /// The kernel.
    #[must_use]
    pub fn kernel(&self) -> &dyn RowKernel {
        &*self.kernel
    }
}
