//! What a model answers, beside what its file declares.

use std::sync::OnceLock;

use ort_sys as sys;

use super::call;
use super::ffi::Owned;
use super::graph::Slot;
use super::runner::{Loaded, OPERATION};
use crate::batch::{Batch, Tensor};
use crate::error::{Error, Result};
use crate::schema::Dim;

/// An output that is not of the declared shape.
pub(super) struct Otherwise {
    pub(super) note: String,
    /// The axes behind the first, where that is the rows.
    row: Option<Vec<usize>>,
}

impl Loaded {
    /// The answer to zero rows, where its shape is known: many operators cannot compute it.
    pub(super) fn empty_answer(&self, tensors: &[&Tensor]) -> Result<Option<Batch>> {
        let batched = || self.inputs.iter().zip(tensors).filter(|(slot, _)| has_rows(slot));
        if batched().next().is_none() || batched().any(|(_, tensor)| tensor.rows() != Some(0)) {
            return Ok(None);
        }
        let mut answers = Vec::with_capacity(self.outputs.len());
        let outputs = self.outputs.iter().zip(&self.answer_names).zip(self.otherwise.iter());
        for ((slot, name), otherwise) in outputs {
            let row = match otherwise.get() {
                Some(seen) => seen.row.clone(),
                None => declared_row(slot),
            };
            let Some(row) = row else { return Ok(None) };
            let tensor = Tensor::zeros(slot.field.dtype(), [&[0], row.as_slice()].concat())?;
            answers.push((name.clone(), tensor));
        }
        Batch::new(answers).map(Some)
    }

    /// The answers as tensors. What is not of the declared shape is noted: exporters declare some that are none.
    pub(super) fn answer(
        &self,
        values: &[Option<Owned<sys::OrtValue>>],
        rows: &[Option<usize>],
    ) -> Result<Batch> {
        let mut left = self.max_output_bytes;
        let mut answers = Vec::with_capacity(values.len());
        let outputs = self.outputs.iter().zip(&self.answer_names).zip(self.otherwise.iter());
        for (value, ((slot, name), otherwise)) in values.iter().zip(outputs) {
            let copied = match value {
                Some(value) => call::copy_out(self.runtime.api(), value, slot, left)?,
                None => None,
            };
            let Some((tensor, bytes)) = copied else {
                if slot.is_optional {
                    continue;
                }
                return Err(Error::internal(
                    OPERATION,
                    &*self.name,
                    format!("it left the output {name} empty"),
                ));
            };
            left = left.saturating_sub(bytes);
            if tensor.dtype() != slot.field.dtype() {
                let problem = format!("it declares {} and answered {}", slot.field, tensor.dtype());
                return Err(Error::invalid_model(OPERATION, &*self.name, problem)
                    .remedy("export it with the types that it answers"));
            }
            self.compare(slot, &tensor, rows, otherwise);
            answers.push((name.clone(), tensor));
        }
        Batch::new(answers)
    }

    /// Notes an output that is not of the declared shape, or has another number of rows than it declares, once.
    #[inline]
    fn compare(&self, slot: &Slot, tensor: &Tensor, rows: &[Option<usize>], otherwise: &OnceLock<Otherwise>) {
        let own_rows = || rows.get(slot.rows).copied().flatten();
        let expected = if has_rows(slot) { own_rows() } else { None };
        let has_own_rows = expected.is_none_or(|rows| tensor.rows() == Some(rows));
        let is_declared = slot.field.check(tensor.dtype(), tensor.shape()).is_ok() && has_own_rows;
        if is_declared || !slot.has_shape || otherwise.get().is_some() {
            return;
        }
        let asked = rows.iter().copied().flatten().next();
        let for_rows = asked.map(|rows| format!(" for {rows} rows")).unwrap_or_default();
        let note = format!("it declares {} and answered {:?}{for_rows}", slot.field, tensor.shape());
        tracing::warn!(model = %self.name, "{note}");
        let row = match (tensor.shape(), asked) {
            ([first, row @ ..], Some(asked)) if *first == asked => Some(row.to_vec()),
            _ => None,
        };
        // Another thread may have been quicker, with a note that is as good.
        drop(otherwise.set(Otherwise { note, row }));
    }
}

/// Whether the first axis is declared to be the rows.
pub(super) fn has_rows(slot: &Slot) -> bool {
    slot.field.shape().first() == Some(&Dim::Dynamic) && !slot.field.is_of_any_shape()
}

/// The axes behind the rows, where all of them are declared.
fn declared_row(slot: &Slot) -> Option<Vec<usize>> {
    let [_, row @ ..] = slot.field.shape() else { return None };
    let size = |dim: &Dim| if let Dim::Fixed(size) = dim { Some(*size) } else { None };
    if has_rows(slot) { row.iter().map(size).collect() } else { None }
}
