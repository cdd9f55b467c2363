//! A record of Python as a row of a plan.

use std::sync::PoisonError;

use mlcore::batch::{RecordReader, Row};
use pyo3::prelude::*;

use super::plan::{Plan, TRANSFORM};
use crate::door::{Asked, Record};
use crate::error::raise;
use crate::value::{self, Place};

impl Plan {
    /// Hands a record on as a row of the plan.
    pub(super) fn read_row<R>(
        &self,
        py: Python<'_>,
        row: &Bound<'_, PyAny>,
        strict: bool,
        use_row: impl FnOnce(Row<'_>) -> mlcore::Result<R>,
    ) -> PyResult<R> {
        let asked = Asked { operation: TRANSFORM, subject: "row" };
        let row = Record::required(row, asked)?.by_name(py, &self.columns, self.named, asked)?;
        if strict {
            row.require_known(py, self.fitted.input(), asked)?;
        }
        let mut cells = Vec::with_capacity(self.fitted.input().len());
        for field in self.fitted.input().fields() {
            // What is absent, the reader says.
            if let Some(object) = row.get(field.name())? {
                let value = value::read(&object, Place::single(TRANSFORM, field.name()))?;
                cells.push((field.name(), value::meant(value, field.dtype())));
            }
        }
        let mut reader = self.reader().map_err(|error| raise(py, &error))?;
        let pairs = cells.iter().map(|(name, value)| (name, value.as_value()));
        let answer = reader.read_pairs(pairs, use_row).map_err(|error| raise(py, &error))?;
        self.readers.lock().unwrap_or_else(PoisonError::into_inner).push(reader);
        Ok(answer)
    }

    fn reader(&self) -> mlcore::Result<RecordReader> {
        match self.readers.lock().unwrap_or_else(PoisonError::into_inner).pop() {
            Some(reader) => Ok(reader),
            None => Ok(RecordReader::new(self.fitted.input())?.with_any_number()),
        }
    }
}
