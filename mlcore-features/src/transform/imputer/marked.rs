//! A value that stands for a missing one: -1, 999, an empty text.

use std::sync::Arc;

use mlcore::arrow::array::{Array, ArrayRef};
use mlcore::batch::{ColumnView, OwnedValue, column_of};
use mlcore::schema::{DType, Field};
use mlcore::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::graph::{Graph, Inexpressible, Tensor};
use crate::program::builder::{Column, ProgramBuilder};
use crate::program::encoder::{Encoding, Table, Writes};
use crate::program::kernel::Kernel;
use crate::program::lookup::Lookup;
use crate::program::number::NumberKernel;
use crate::program::text::{TextRow, TextScratch};
use crate::program::words::TextMaker;
use crate::transform::Parameter;
use crate::transform::input::FitColumn;

/// The value that stands for a missing one; without one NaN and null do.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(try_from = "Parameter", into = "Parameter")]
pub(super) struct Mark(pub(super) Option<OwnedValue>);

impl TryFrom<Parameter> for Mark {
    type Error = String;

    fn try_from(value: Parameter) -> Result<Self, String> {
        let problem = value.is_not("NaN, a number or a text");
        match value.into_value() {
            Some(value) if value.is_missing() => Ok(Self(None)),
            Some(OwnedValue::Text(text)) => Ok(Self(Some(OwnedValue::Text(text)))),
            Some(number @ (OwnedValue::Int(_) | OwnedValue::UInt(_) | OwnedValue::Float(_))) => {
                Ok(Self(Some(number)))
            }
            _ => Err(problem),
        }
    }
}

impl From<Mark> for Parameter {
    fn from(mark: Mark) -> Self {
        mark.0.map_or_else(|| f64::NAN.into(), Self::from)
    }
}

impl Mark {
    pub(super) fn is_nan(&self) -> bool {
        self.0.is_none()
    }

    /// Refuses a column that the value is none of, and one with values that are missing by themselves.
    pub(super) fn check(&self, column: &FitColumn) -> Result<()> {
        let Some(mark) = &self.0 else { return Ok(()) };
        let is_text = column.dtype() == DType::String;
        let is_number = column.dtype().is_numeric() && column.dtype() != DType::Bool;
        if is_text != mark.as_str().is_some() || !(is_text || is_number) {
            let problem = format!("missing_values {mark} is no value of a {} column", column.dtype());
            return Err(column.error(problem).remedy("leave the column to another imputer"));
        }
        column.present().map_err(|error| match error {
            Error::InvalidInput(_) => column
                .error(format!("it has missing values besides {mark}"))
                .remedy("impute them first, by an imputer without missing_values"),
            stopped => stopped,
        })
    }

    /// Whether a value is the one that stands for a missing one.
    pub(super) fn marks(&self, value: &OwnedValue) -> bool {
        match (&self.0, value.as_f64()) {
            (None, _) => value.is_missing(),
            (Some(mark), Some(number)) => mark.as_f64() == Some(number),
            (Some(mark), None) => mark.as_str().is_some() && mark.as_str() == value.as_str(),
        }
    }

    /// The steps after which a marked number is a missing one.
    pub(super) fn steps(&self, site: u32) -> Vec<Kernel> {
        match self.0.as_ref().and_then(OwnedValue::as_f64) {
            Some(mark) => vec![Kernel::RefuseNonFinite { site }, Kernel::function(site, Unmark(mark))],
            None => vec![Kernel::RefuseInfinite { site }],
        }
    }

    /// The text column with this text in the place of the mark.
    pub(super) fn replace(
        &self,
        builder: &mut ProgramBuilder,
        mut column: Column,
        fill: &str,
    ) -> Result<Column> {
        let Some(mark) = self.0.as_ref().and_then(OwnedValue::as_str) else {
            return builder.fill_text(column, fill);
        };
        builder.require_present(IMPUTER, &mut column)?;
        let maker = Replace { mark: mark.into(), fill: fill.into() };
        let mut made =
            builder.make_texts(IMPUTER, std::slice::from_ref(&column), maker, column.name.clone())?;
        made.nullable = false;
        Ok(made)
    }

    /// 1 where the column is missing, else 0.
    pub(super) fn indicate(
        &self,
        builder: &mut ProgramBuilder,
        column: Column,
        name: String,
    ) -> Result<Column> {
        let Some(mark) = &self.0 else { return builder.indicate(column, name) };
        let site = builder.site(IMPUTER, &column);
        let Some(text) = mark.as_str() else {
            let steps = self.steps(site).into_iter().chain([Kernel::Indicate]);
            return Ok(builder.number(column, steps)?.renamed(name));
        };
        let table = Table::Texts(Lookup::of_texts([(text, 0)])?);
        let writes = Writes::Ordinal { values: [1.0, 0.0].into() };
        let encoding = Encoding { table, missing: 1, unknown: 1, writes };
        let made = builder.encode(&column, site, encoding, [], vec![name])?;
        made.into_iter().next().ok_or_else(|| Error::corrupt("compile plan", IMPUTER, "it has no indicator"))
    }

    /// The column with the mark in the place of nulls.
    pub(super) fn restore(&self, name: &str, column: &ArrayRef) -> Result<ArrayRef> {
        let Some(mark) = &self.0 else { return Ok(column.clone()) };
        let dtype = DType::from_arrow(column.data_type()).unwrap_or(DType::Float64);
        let mark = match mark.as_f64() {
            Some(number) if dtype.is_float() => OwnedValue::Float(number),
            _ => mark.clone(),
        };
        let view = ColumnView::new(name, column.as_ref())?;
        let values = (0..column.len()).map(|row| match view.value(row) {
            value if value.is_null() => mark.as_value(),
            value => value,
        });
        column_of(&Field::column(name, dtype).nullable(), values)
    }
}

const IMPUTER: &str = "SimpleImputer";

/// From one number to a missing one.
#[derive(Debug)]
struct Unmark(f64);

impl NumberKernel for Unmark {
    fn apply(&self, value: f64) -> f64 {
        if value == self.0 { f64::NAN } else { value }
    }

    fn onnx(&self, graph: &mut Graph, value: Tensor) -> Result<Tensor, Inexpressible> {
        let (mark, missing) = (graph.number(self.0), graph.number(f64::NAN));
        let is_mark = graph.equal(value, mark);
        Ok(graph.choose(is_mark, missing, value))
    }
}

/// A text in the place of another.
#[derive(Debug)]
struct Replace {
    mark: Arc<str>,
    fill: Arc<str>,
}

impl TextMaker for Replace {
    fn make(&self, row: &TextRow<'_>, _: &mut TextScratch, made: &mut String) -> bool {
        let text = row.text(0);
        made.push_str(text.filter(|text| **text != *self.mark).unwrap_or(&self.fill));
        text.is_some()
    }
}
