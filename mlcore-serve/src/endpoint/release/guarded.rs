use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use mlcore::batch::Batch;
use mlcore::name::{ModelName, Version};
use mlcore::runner::{RunOptions, Runner};
use mlcore::schema::{Dim, Field, Signature};
use mlcore::{Error, Result};

/// A runner whose panics and misfit answers are errors: nobody who asks it is harmed by a model, whoever wrote its runner.
pub(crate) struct Guarded {
    runner: Arc<dyn Runner>,
    model: ModelName,
    version: Version,
    /// Whether all inputs have rows, so that there must be as many answers.
    batched: bool,
}

impl Guarded {
    pub(crate) fn new(runner: Arc<dyn Runner>, model: ModelName, version: Version) -> Self {
        let inputs = runner.signature().inputs.fields();
        let batched = !inputs.is_empty() && inputs.iter().all(has_rows);
        Self { runner, model, version, batched }
    }

    /// Every output that is declared is there, of its type, with as many rows as were asked for. Other dimensions are not looked
    /// at: exporters declare some that their models do not have.
    fn check(&self, inputs: &Batch, outputs: &Batch) -> Result<()> {
        let asked = if self.batched { inputs.rows() } else { None };
        for field in self.runner.signature().outputs.fields() {
            let Some(tensor) = outputs.find(field.name()) else {
                return Err(self.broken(&format!("{} is not in it", field.name())));
            };
            if tensor.dtype() != field.dtype() {
                let (name, declared, answered) = (field.name(), field.dtype(), tensor.dtype());
                return Err(self.broken(&format!("{name} is {answered}, and {declared} is declared")));
            }
            let answered = tensor.rows();
            if let (Some(asked), Some(answered)) = (asked, answered)
                && asked != answered
                && has_rows(field)
            {
                let problem = format!("{} has {answered} rows, and {asked} were asked for", field.name());
                return Err(self.broken(&problem));
            }
        }
        Ok(())
    }

    /// The answer is not what the signature promises. No mismatch of the caller's: it counts against the arm.
    #[cold]
    fn broken(&self, problem: &str) -> Error {
        Error::internal(RUN, self.subject(), format!("its answer breaks its signature: {problem}"))
            .remedy("register the model with the inputs and outputs that it has")
    }

    fn subject(&self) -> String {
        format!("{} version {}", self.model, self.version)
    }
}

#[deny(clippy::missing_trait_methods)]
impl Runner for Guarded {
    fn signature(&self) -> &Signature {
        self.runner.signature()
    }

    fn run(&self, inputs: &Batch, options: &RunOptions) -> Result<Batch> {
        // A runner is shared by threads, and what one left half done it must cope with anyway.
        let outputs = catch_unwind(AssertUnwindSafe(|| self.runner.run(inputs, options)));
        match outputs {
            Ok(Ok(outputs)) => self.check(inputs, &outputs).map(|()| outputs),
            // Of inputs that fit it is the answer that does not.
            Ok(Err(Error::SchemaMismatch(context))) if inputs.check(&self.signature().inputs).is_ok() => {
                Err(self.broken(&format!("{}: {}", context.subject(), context.problem())))
            }
            Ok(Err(error)) => Err(error),
            Err(panic) => {
                let problem = format!("its runner panicked: {}", words_of(&*panic));
                Err(Error::internal(RUN, self.subject(), problem)
                    .remedy("mend the runner; a panic counts as a failure of the arm"))
            }
        }
    }

    fn provider(&self) -> &str {
        self.runner.provider()
    }
}

/// What a panic said.
pub(crate) fn words_of(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without words")
}

fn has_rows(field: &Field) -> bool {
    field.shape().first() == Some(&Dim::Dynamic) && !field.is_of_any_shape()
}

const RUN: &str = "run model";
