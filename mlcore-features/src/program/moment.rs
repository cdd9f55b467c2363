//! From the dates and times of a row to numbers.

use std::fmt::Debug;
use std::ops::Range;
use std::sync::Arc;

use mlcore::batch::Value;
use mlcore::time::TimeUnit;
use mlcore::{Error, Result};

use super::builder::{Column, Flow, ProgramBuilder};
use super::instruction::Instruction;
use super::text::Refused;

/// Arithmetic from the dates, the times of day and the moments of one row to some numbers.
///
/// Both executors call it for one row after another, so that they cannot disagree. `None` stands for a missing one. Any
/// moments may come in; none may panic, and nothing is allocated.
pub(crate) trait MomentKernel: Debug + Send + Sync {
    /// Computes the numbers of one row.
    fn apply(&self, moments: &[Option<Moment>], outputs: &mut [f64]) -> Result<(), Refused>;
}

/// A cell of a column of dates or times, whatever its unit is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Moment {
    /// The days since 1970-01-01.
    Date(i32),
    /// The nanoseconds since midnight.
    Time(i64),
    /// What a calendar and a clock show, as nanoseconds since the first moment of 1970.
    Shown(i128),
    /// A moment, as nanoseconds since the first moment of 1970 in UTC.
    Instant(i128),
}

impl Moment {
    /// The moment that a cell holds; `None` for a null, and for anything else.
    #[inline]
    pub(crate) fn of(value: Value<'_>) -> Option<Self> {
        match value {
            Value::Date(date) => Some(Self::Date(date.days())),
            Value::Time(time) => time.count_in(TimeUnit::Nanosecond).map(Self::Time),
            Value::DateTime(shown) => Some(Self::Shown(shown.nanoseconds())),
            Value::Timestamp(moment) => Some(Self::Instant(moment.nanoseconds())),
            _ => None,
        }
    }
}

/// What a program does with the moments of a row.
#[derive(Debug)]
pub(crate) struct MomentStep {
    pub(crate) kernel: Arc<dyn MomentKernel>,
    pub(crate) inputs: Box<[MomentInput]>,
    /// Intermediate results.
    pub(crate) outputs: Range<usize>,
}

/// A column that a step reads.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MomentInput {
    pub(crate) slot: usize,
    /// What to name when it is refused.
    pub(crate) site: u32,
}

impl ProgramBuilder {
    /// The columns of these names that the kernel computes from these columns of dates and times.
    pub(crate) fn read_moments(
        &mut self,
        transformer: &str,
        columns: &[Column],
        kernel: impl MomentKernel + 'static,
        names: Vec<String>,
    ) -> Result<Vec<Column>> {
        let mut inputs = Vec::with_capacity(columns.len());
        for column in columns {
            let Flow::Moment { slot } = column.flow else {
                let problem = format!("expected a date or a time, got {}", column.dtype);
                return Err(Error::schema_mismatch("compile plan", &column.name, problem)
                    .remedy("cast the column to dates or timestamps, and fit again"));
            };
            inputs.push(MomentInput { slot, site: self.site(transformer, column) });
        }
        let first = self.temp(names.len())?;
        let outputs = first..first + names.len();
        let step = MomentStep { kernel: Arc::new(kernel), inputs: inputs.into(), outputs };
        self.instructions.push(Instruction::Moment(step));
        Ok(Column::derived(names, first))
    }
}
