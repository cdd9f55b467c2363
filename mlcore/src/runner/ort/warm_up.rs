//! Runs on zeros before a model is asked anything: the first run of a session is slow, and some models answer only one row.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::answer::has_rows;
use super::options::OnnxOptions;
use super::runner::Loaded;
use crate::batch::{Batch, Tensor};
use crate::error::{Error, Result};
use crate::runner::RunOptions;
use crate::schema::Dim;

impl Loaded {
    /// Runs every session on zeros: on one row, and on several, because some models answer only one. What does not run on
    /// zeros, such as a lookup by name, may still run on data.
    /// Each run ends when loading is `due`, or after some seconds, even where a kernel goes on.
    pub(super) fn warm_up(self: &Arc<Self>, options: &OnnxOptions, due: Option<Instant>) -> Result<()> {
        const PATIENCE: Duration = Duration::from_secs(10);
        const LEAST: Duration = Duration::from_millis(1);
        const SEVERAL: usize = 3;
        let Some(one) = self.zeros(1)? else { return Ok(()) };
        let several = if self.inputs.iter().any(has_rows) { self.zeros(SEVERAL)? } else { None };
        // Begun too late, it still has a moment to say something.
        let left = || due.map_or(PATIENCE, |due| due.saturating_duration_since(Instant::now()).max(LEAST));
        let run = |rows: &Batch, position: usize| {
            let begin = Instant::now();
            let answer = self.run_apart(rows, &RunOptions::default().with_timeout(left()), Some(position));
            self.learn(rows, &answer, begin);
            answer
        };
        for _ in 0..options.warm_up {
            for position in 0..self.sessions.len() {
                if let Err(error) = run(&one, position) {
                    if let Error::Interrupted(_) = error {
                        return Err(error);
                    }
                    self.cold(&error);
                    return Ok(());
                }
                let Some(Err(error)) = several.as_ref().map(|several| run(several, position)) else {
                    continue;
                };
                self.cold(&error);
                if !matches!(error, Error::Timeout(_)) {
                    let problem = error.context().problem().to_owned();
                    let note = format!("it answers one row of zeros, and not {SEVERAL}: {problem}");
                    tracing::warn!(model = %self.name, "{note}");
                    drop(self.fails_on_several.set(note));
                }
                return Ok(());
            }
        }
        Ok(())
    }

    /// Runs it once on a row of zeros, without a deadline. What does not run on zeros may run on data, unless it is for want of
    /// memory or time.
    pub(super) fn try_once(&self) -> Result<()> {
        let Some(one) = self.zeros(1)? else { return Ok(()) };
        match self.run(&one, &RunOptions::default()) {
            Err(error) if matches!(error, Error::Overloaded(_) | Error::Timeout(_)) => Err(error),
            Ok(_) | Err(_) => Ok(()),
        }
    }

    fn cold(&self, error: &Error) {
        if matches!(error, Error::Timeout(_)) {
            tracing::warn!(model = %self.name, %error, "warm-up on zeros took too long");
        } else {
            tracing::debug!(model = %self.name, %error, "warm-up on zeros failed");
        }
    }

    /// Inputs of so many rows of zeros; `None` where they would be too large, or no shape is declared.
    fn zeros(&self, rows: usize) -> Result<Option<Batch>> {
        const MOST_ELEMENTS: usize = 1 << 26;
        let mut inputs = Vec::with_capacity(self.inputs.len());
        for slot in &self.inputs {
            let size = |(axis, dim): (usize, &Dim)| match dim {
                Dim::Fixed(size) => *size,
                Dim::Dynamic => {
                    if axis == 0 {
                        rows
                    } else {
                        1
                    }
                }
            };
            let shape: Vec<usize> = slot.field.shape().iter().enumerate().map(size).collect();
            let length = shape.iter().try_fold(1_usize, |length, &size| length.checked_mul(size));
            if slot.field.is_of_any_shape() || length.is_none_or(|length| length > MOST_ELEMENTS) {
                return Ok(None);
            }
            inputs.push((slot.field.name(), Tensor::zeros(slot.field.dtype(), shape)?));
        }
        Batch::new(inputs).map(Some)
    }
}
