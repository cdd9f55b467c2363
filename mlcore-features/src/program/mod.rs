//! A plan compiled flat, and the two executors that interpret it. Columns are slots, steps are fused per column, names are
//! gone.
//!
//! Fitted steps write themselves into a program ([`Lower`]) through a [`ProgramBuilder`]. One row ([`row`]) and many
//! ([`columnar`]) run the same kernels and give the same bits. Nothing here knows a transformer.

pub(crate) mod bind;
pub(crate) mod builder;
pub(crate) mod coded;
pub(crate) mod columnar;
pub(crate) mod csr;
pub(crate) mod custom;
pub(crate) mod decimal;
mod direct;
pub(crate) mod encoder;
mod held;
pub(crate) mod instruction;
pub(crate) mod joint;
pub(crate) mod kernel;
pub(crate) mod lookup;
pub(crate) mod moment;
pub(crate) mod number;
pub(crate) mod output;
mod places;
pub(crate) mod row;
mod row_block;
mod row_sink;
mod sink;
pub(crate) mod sparse_row;
mod temps;
pub(crate) mod text;
pub(crate) mod threads;
mod vector;
pub(crate) mod words;

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use mlcore::arrow::datatypes::SchemaRef;
use mlcore::batch::Value;
use mlcore::schema::{DType, Schema};
use mlcore::{Error, Result};

use self::builder::{Column, ProgramBuilder};
use self::held::Integer;
use self::instruction::{Instruction, Scaled, Step};
pub(crate) use self::places::{Places, missing_column, project};
use self::text::Refused;

/// A fitted step that writes itself into a program. Both executors run what stands there.
pub trait Lower {
    /// The columns it was fitted on.
    fn schema(&self) -> &Schema;

    /// Appends its steps for these columns, which are those of [`schema`](Lower::schema), and returns its outputs.
    ///
    /// # Errors
    /// [`Error::Corrupt`] for a fitted state that was stored and damaged.
    fn lower(&self, builder: &mut ProgramBuilder, columns: Vec<Column>) -> Result<Vec<Column>>;
}

/// A plan ready to run. Instructions stand in an order in which each reads only what an earlier one wrote.
#[derive(Debug)]
pub(crate) struct Program {
    pub(crate) input: Schema,
    pub(crate) output: Schema,
    pub(crate) slots: Vec<Slot>,
    pub(crate) instructions: Vec<Instruction>,
    /// The same for a block of rows.
    pub(crate) steps: Box<[Step]>,
    /// What those of them do for one row that only scale: in little memory, because between two rows a model runs, which
    /// leaves nothing in the caches.
    pub(crate) scaled: Box<[Scaled]>,
    /// The positions of the other instructions.
    pub(crate) others: Box<[usize]>,
    /// What each output column is in a table; in a dense matrix all are floats.
    pub(crate) columns: Vec<OutputColumn>,
    /// The columns of integers that floats may not hold, and that are handed on.
    pub(crate) integers: Box<[Integer]>,
    pub(crate) sites: Vec<Site>,
    /// Which transformer wrote which instructions.
    pub(crate) origins: Vec<Origin>,
    pub(crate) temps: usize,
    /// How many texts are made.
    pub(crate) made: usize,
    /// The position of the first column of the output that is no number: text, a date, a time.
    pub(crate) first_other: Option<usize>,
    /// The schema of the first table whose columns were the plan's, in its order and its types. A decoder of requests
    /// has one for all tables, and a table that has it needs no look at its names.
    pub(crate) familiar: OnceLock<SchemaRef>,
}

/// How one input column is read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slot {
    pub(crate) dtype: DType,
    pub(crate) nullable: bool,
    /// Whether an encoder looks its integers or bools up. Every other step computes with numbers, whatever their type is.
    pub(crate) exact: bool,
}

impl Slot {
    /// Whether any number is taken as it is: a column of integers or bools was seen while fitting, and all that is done with
    /// it is arithmetic.
    pub(crate) fn takes_any_number(self) -> bool {
        self.dtype.is_numeric() && !self.dtype.is_float() && !self.exact
    }

    /// The value as a column of the slot's type holds it, with true as 1 and without a fraction of zero; `None` where it
    /// does not.
    pub(crate) fn held(self, value: Value<'_>) -> Option<Value<'_>> {
        let held = match value {
            Value::Bool(flag) if self.dtype.is_numeric() && self.dtype != DType::Bool => {
                Value::Int(flag.into())
            }
            Value::Float(float) if self.dtype.is_numeric() && !self.dtype.is_float() => match float {
                float if float.is_nan() => Value::Null,
                float if float.fract() == 0.0 && float.abs() <= LARGEST_EXACT => Value::Int(float as i64),
                _ => return None,
            },
            other => other,
        };
        let held = match (held.as_f64(), held) {
            (Some(number), Value::Int(_) | Value::UInt(_)) if self.dtype == DType::Bool => match number {
                0.0 => Value::Bool(false),
                1.0 => Value::Bool(true),
                _ => return None,
            },
            // An integer that a float64 holds is rounded to a narrower float, as a float64 is.
            (Some(number), Value::Int(_) | Value::UInt(_))
                if self.dtype.is_float() && held.fits(DType::Float64) =>
            {
                Value::Float(number)
            }
            (_, held) => held,
        };
        held.fits(self.dtype).then_some(held)
    }
}

/// 2^53: beyond, a float stands for several integers.
const LARGEST_EXACT: f64 = 9_007_199_254_740_992.0;

/// What to name when a value is refused: the step and the column.
#[derive(Clone, Debug)]
pub(crate) struct Site {
    pub(crate) operation: String,
    pub(crate) column: String,
}

/// The transformer that wrote some instructions, and its columns.
#[derive(Debug)]
pub(crate) struct Origin {
    pub(crate) instructions: Range<usize>,
    pub(crate) transformer: &'static str,
    pub(crate) columns: String,
}

#[derive(Debug)]
pub(crate) enum OutputColumn {
    /// A column of floats computed by an instruction.
    Number,
    /// An input column, unchanged.
    Shared { slot: usize },
    /// An integer column with its missing values filled in.
    FilledExact { slot: usize, fill: u64 },
    /// A text column with its missing values filled in.
    FilledText { slot: usize, fill: Arc<str> },
    /// A text column that an instruction writes.
    Made,
}

impl Program {
    pub(crate) fn width(&self) -> usize {
        self.columns.len()
    }

    /// The error of a value that an instruction refuses.
    pub(crate) fn refused(&self, site: u32, row: Option<usize>, shown: &str, problem: Refusal) -> Error {
        let (operation, column) = self
            .sites
            .get(site as usize)
            .map_or(("transform", ""), |site| (site.operation.as_str(), site.column.as_str()));
        let at = row.map_or_else(String::new, |row| format!("row {row}: "));
        let (problem, remedy) = match problem {
            Refusal::Unknown => (
                format!("{at}{shown} is none of the categories seen by fit"),
                "send a known category, set handle_unknown, or fit again with data that holds it",
            ),
            Refusal::NotFinite => (
                format!("{at}{shown} is not a number it can take"),
                "send a finite number, or a missing one where an imputer stands before it",
            ),
            Refusal::OutOfRange => (
                format!("{at}{shown} is not a number it can take"),
                "send a number of the range that the step takes",
            ),
            Refusal::ByKernel(Refused { problem, remedy, .. }) => (format!("{at}{shown} {problem}"), remedy),
        };
        Error::invalid_input(operation.to_owned(), column, problem).remedy(remedy)
    }

    /// Whether a matrix of floats can hold the output.
    pub(crate) fn check_numeric(&self) -> Result<()> {
        let Some(field) = self.first_other.and_then(|position| self.output.fields().get(position)) else {
            return Ok(());
        };
        let (what, remedy) = match field.dtype() {
            DType::String => {
                ("text".to_owned(), "encode it, drop it, or ask for a table or one tensor per column")
            }
            dtype => {
                (dtype.to_string(), "derive an hour, a weekday or an age first, drop it, or ask for a table")
            }
        };
        let problem = format!("the column is {what}, which no matrix of floats holds");
        Err(Error::unsupported("transform", field.name(), problem).remedy(remedy))
    }
}

/// Why an instruction refused a value.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Refusal {
    Unknown,
    NotFinite,
    OutOfRange,
    /// A text or a moment, for a reason that the kernel tells.
    ByKernel(Refused),
}

impl Refusal {
    /// Why a number was refused: a finite one is outside of what the step takes.
    pub(crate) fn of(number: f64) -> Self {
        if number.is_finite() { Self::OutOfRange } else { Self::NotFinite }
    }
}

/// A value in an error message: cut where it is long, and quoted where it is text.
pub(crate) fn shown_text(text: Option<&str>) -> String {
    match text {
        None => "a missing value".to_owned(),
        Some(text) if text.chars().count() > 60 => {
            format!("{:?}...", text.chars().take(60).collect::<String>())
        }
        Some(text) => format!("{text:?}"),
    }
}

pub(crate) fn shown_number(value: f64) -> String {
    if value.is_nan() { "a missing value (NaN)".to_owned() } else { value.to_string() }
}
