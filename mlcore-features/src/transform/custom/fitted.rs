use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use mlcore::arrow::array::RecordBatch;
use mlcore::schema::{DType, Schema};
use mlcore::{Error, Result};
use serde::{Deserialize, Serialize};

use super::{BoundFunction, CustomFunction, Functions, Learnt, State};
use crate::program::Lower;
use crate::program::builder::{Column, ProgramBuilder};
use crate::program::custom::words_of;
use crate::transform::{Attributes, Parameters, Transform, inverse};

/// A [`CustomTransformer`](super::CustomTransformer) that has seen its data.
///
/// Read from a stored plan it lacks its function until the plan's loader finds it by name and version, and computes nothing.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FittedCustomTransformer {
    name: String,
    version: u32,
    #[serde(default, skip_serializing_if = "is_empty")]
    parameters: Parameters,
    #[serde(default, skip_serializing_if = "State::is_none")]
    state: State,
    input: Schema,
    features: Vec<String>,
    #[serde(skip)]
    bound: Option<Bound>,
}

/// The code behind the name.
#[derive(Clone, Debug)]
struct Bound {
    function: Arc<dyn CustomFunction>,
    own: BoundFunction,
}

impl FittedCustomTransformer {
    pub(super) fn new(
        function: Arc<dyn CustomFunction>,
        parameters: Parameters,
        state: State,
        input: Schema,
    ) -> Result<Self> {
        let (name, version) = (function.name().to_owned(), function.version());
        let subject = title(&name, version);
        let own = guarded("fit", &subject, || {
            function.bind(&Learnt::new(&input, &parameters, &state)).map_err(|error| error.within(&subject))
        })?;
        let features = own.features.clone();
        if features.is_empty() {
            return Err(Error::invalid_input("fit", subject, "it makes no features")
                .remedy("name the features that the function makes"));
        }
        if let Some((_, twice)) = features
            .iter()
            .enumerate()
            .find(|(place, name)| features.iter().take(*place).any(|own| own == *name))
        {
            let problem = format!("two of its features are named {twice}");
            return Err(Error::invalid_input("fit", subject, problem)
                .remedy("give each feature of the function a name of its own"));
        }
        Ok(Self { name, version, parameters, state, input, features, bound: Some(Bound { function, own }) })
    }

    /// The function's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The function's version.
    #[must_use]
    pub fn version(&self) -> u32 {
        self.version
    }

    /// The parameters that it was fitted with, in the alphabetical order of their names.
    #[must_use]
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// What it learnt.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The function; `None` before the one of its name and version was found.
    #[must_use]
    pub fn function(&self) -> Option<&Arc<dyn CustomFunction>> {
        self.bound.as_ref().map(|bound| &bound.function)
    }

    /// The name and the version as they are shown: `speed version 2`.
    pub(crate) fn title(&self) -> String {
        title(&self.name, self.version)
    }

    /// Finds the function by name and version, and gives it what was learnt. Does nothing where it is there.
    pub(crate) fn bind(&mut self, functions: &Functions) -> Result<()> {
        if self.bound.is_some() {
            return Ok(());
        }
        let function = functions
            .get(&self.name, self.version)
            .ok_or_else(|| functions.lacks(&[(self.name.clone(), self.version)]))?
            .clone();
        let learnt = Learnt::new(&self.input, &self.parameters, &self.state);
        let own = guarded("load plan", &self.title(), || {
            function.bind(&learnt).map_err(|error| error.within(self.title()))
        })?;
        if own.features != self.features {
            let named = |features: &[String]| match features {
                [] => "no features".to_owned(),
                [one] => format!("the feature {one}"),
                several => format!("the {} features {}", several.len(), several.join(", ")),
            };
            let problem = format!(
                "the plan stores {}, and the function of this host makes {}",
                named(&self.features),
                named(&own.features)
            );
            return Err(Error::unsupported("load plan", self.title(), problem).remedy(
                "register the function that the plan was fitted with: one that changes gets a new version",
            ));
        }
        self.bound = Some(Bound { function, own });
        Ok(())
    }
}

/// Whether there are no parameters, which are not stored then.
fn is_empty(parameters: &Parameters) -> bool {
    parameters.iter().len() == 0
}

impl PartialEq for FittedCustomTransformer {
    /// The same content, whatever code is behind it.
    fn eq(&self, other: &Self) -> bool {
        (&self.name, self.version, &self.state) == (&other.name, other.version, &other.state)
            && (&self.input, &self.features) == (&other.input, &other.features)
            && self.parameters.to_string() == other.parameters.to_string()
    }
}

impl Lower for FittedCustomTransformer {
    fn schema(&self) -> &Schema {
        &self.input
    }

    fn lower(&self, builder: &mut ProgramBuilder, columns: Vec<Column>) -> Result<Vec<Column>> {
        let Some(bound) = &self.bound else {
            return Err(Functions::new().lacks(&[(self.name.clone(), self.version)]));
        };
        let kinds = self.input.fields().iter().map(|field| field.dtype() == DType::String);
        if !columns.iter().map(|column| column.dtype == DType::String).eq(kinds) {
            let problem = "it was fitted on other columns than it is given";
            return Err(Error::corrupt("compile plan", self.title(), problem));
        }
        builder.custom(&self.title(), &columns, bound.own.kernel.clone(), self.features.clone())
    }
}

impl Transform for FittedCustomTransformer {
    /// None: what a function learnt is its [`state`](FittedCustomTransformer::state).
    fn attributes(&self) -> Attributes {
        Attributes::new()
    }

    fn inverse_transform(&self, _: &RecordBatch) -> Result<RecordBatch> {
        Err(Error::unsupported(inverse::OPERATION, self.title(), "a function of the host has no inverse")
            .remedy("keep the columns that it reads beside its features, with a ColumnTransformer"))
    }
}

pub(super) fn title(name: &str, version: u32) -> String {
    format!("{name} version {version}")
}

/// Asks a function of the host; a panic becomes an error.
pub(super) fn guarded<T>(operation: &'static str, title: &str, ask: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(ask)).unwrap_or_else(|panic| {
        let problem = format!("the function panicked: {}", words_of(&*panic));
        Err(Error::internal(operation, title, problem)
            .remedy("mend the function: it is to answer an error where it cannot go on"))
    })
}
