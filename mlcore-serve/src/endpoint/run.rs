use std::time::Duration;

use mlcore::batch::Batch;
use mlcore::runner::RunOptions;
use mlcore::{Error, Result};

use super::{Decided, Endpoint, Prepared, Request};

/// The answer to one request and how it came about: the second part of [`Endpoint::predict`].
///
/// [`Endpoint::run`] makes it where a request runs alone. Whatever runs requests in another way makes it itself: a
/// batcher with the rows of one request ([`computed`](Answer::computed)), a cache without a run
/// ([`cached`](Answer::cached)), a limit of load that turns a request away ([`shed`](Answer::shed)).
#[derive(Debug)]
pub struct Answer {
    pub(crate) inputs: Batch,
    pub(crate) outputs: Result<Batch>,
    pub(crate) served_by: ServedBy,
    /// Whether it says something about how fast and how reliable the arm is.
    pub(crate) is_evidence: bool,
}

/// What gave the answer to a request.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum ServedBy {
    /// A run of the model for this request alone.
    #[default]
    Model,
    /// A run of the model for several requests.
    Batch,
    /// An earlier answer of the same version to the same input.
    Cache,
    /// Nothing: the input did not fit, or the request was turned away.
    Nobody,
    /// A default answer: the request did not meet what the endpoint expects.
    Fallback,
}

impl Endpoint {
    /// Makes the model's input and runs the model, under the endpoint's
    /// [run options](super::EndpointBuilder::with_run_options).
    ///
    /// An error is part of the answer, because the record tells of it too; [`Endpoint::record`] hands it on.
    pub fn run(&self, decided: &Decided, request: Request<'_>) -> Answer {
        self.run_with(decided, request, &self.inner.run_options)
    }

    /// As [`run`](Self::run), under options of this request, such as the deadline that its client sent.
    pub fn run_with(&self, decided: &Decided, request: Request<'_>, options: &RunOptions) -> Answer {
        let spent = request.prepared.map_or(Duration::ZERO, Prepared::spent);
        match (spent, options.timeout) {
            (Duration::ZERO, _) | (_, None) => decided.run(decided.inputs_of(request), options),
            (spent, Some(timeout)) if spent < timeout => {
                let options = options.clone().with_timeout(timeout - spent);
                decided.run(decided.inputs_of(request), &options)
            }
            (spent, Some(timeout)) => {
                let problem =
                    format!("its {timeout:?} passed before the model ran: {spent:?} went by until then");
                Answer::shed(Error::timeout("predict", self.model_name().as_str(), problem))
            }
        }
    }
}

impl Decided {
    /// Runs the model on inputs that were [made](Self::inputs), or were not.
    pub(crate) fn run(&self, inputs: Result<Batch>, options: &RunOptions) -> Answer {
        match inputs {
            Ok(inputs) => {
                let outputs = self.model().runner().run(&inputs, options);
                Answer::computed(inputs, outputs)
            }
            Err(error) => Answer::refused(error),
        }
    }
}

impl Answer {
    /// The outputs that the model gave for `inputs`, or the error of the run.
    ///
    /// The error is a failure of the arm, unless it says that the tensors do not fit the model's signature, or that the caller
    /// stopped the run: a model that fails on fitting inputs must not look fine, whatever it blames.
    #[must_use]
    pub fn computed(inputs: Batch, outputs: Result<Batch>) -> Self {
        let is_evidence = !matches!(outputs, Err(Error::SchemaMismatch(_) | Error::Interrupted(_)));
        Self { inputs, outputs, served_by: ServedBy::Model, is_evidence }
    }

    /// The error that kept the request's input from becoming the model's, as [`Decided::inputs`] answers it. It is a failure
    /// of the arm, unless the caller made it or stopped it.
    #[must_use]
    pub fn refused(error: Error) -> Self {
        let is_evidence = !error.is_caller_fault() && !matches!(error, Error::Interrupted(_));
        Self { inputs: Batch::default(), outputs: Err(error), served_by: ServedBy::Nobody, is_evidence }
    }

    /// The error with which a host turns a request away before it runs: too much load, a deadline that passed in a queue.
    /// It says nothing about the arm.
    #[must_use]
    pub fn shed(error: Error) -> Self {
        Self {
            inputs: Batch::default(),
            outputs: Err(error),
            served_by: ServedBy::Nobody,
            is_evidence: false,
        }
    }

    /// An earlier answer of the same version to the same input.
    ///
    /// The policy does not hear how fast it came: the new version's cache is cold, and would lose by that. Its loss
    /// counts as that of any other answer.
    #[must_use]
    pub fn cached(outputs: Batch) -> Self {
        Self {
            inputs: Batch::default(),
            outputs: Ok(outputs),
            served_by: ServedBy::Cache,
            is_evidence: false,
        }
    }

    /// The same answer, with the model's input where it is known: for its digest in the record.
    #[must_use]
    pub fn with_inputs(mut self, inputs: Batch) -> Self {
        self.inputs = inputs;
        self
    }

    /// The same answer, given by something else than a run for this request alone.
    #[must_use]
    pub fn with_served_by(mut self, served_by: ServedBy) -> Self {
        self.served_by = served_by;
        self
    }

    /// The outputs.
    ///
    /// # Errors
    /// The error that there is instead.
    pub fn outputs(&self) -> std::result::Result<&Batch, &Error> {
        self.outputs.as_ref()
    }

    /// What gave the answer.
    #[must_use]
    pub fn served_by(&self) -> ServedBy {
        self.served_by
    }
}

mlcore::words! {
    ServedBy, "served_by": Model = "model", Batch = "batch", Cache = "cache", Nobody = "nobody",
    Fallback = "fallback"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_arm_did_is_evidence_about_it() {
        let error =
            |meaning: fn(&'static str, &'static str, &'static str) -> Error| meaning("run", "x", "failed");
        let evidence = |answer: Answer| answer.is_evidence;
        assert!(evidence(Answer::computed(Batch::default(), Ok(Batch::default()))));
        assert!(evidence(Answer::computed(Batch::default(), Err(error(Error::invalid_input)))));
        assert!(!evidence(Answer::computed(Batch::default(), Err(error(Error::schema_mismatch)))));
        assert!(!evidence(Answer::computed(Batch::default(), Err(error(Error::interrupted)))));
        assert!(!evidence(Answer::refused(error(Error::interrupted))));
        assert!(evidence(Answer::refused(error(Error::internal))));
        assert!(!evidence(Answer::refused(error(Error::invalid_input))));
        assert!(!evidence(Answer::shed(error(Error::overloaded))));
        assert!(!evidence(Answer::cached(Batch::default())));
    }
}
