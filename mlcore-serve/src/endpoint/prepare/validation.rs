use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use mlcore::arrow::array::RecordBatch;
use mlcore::batch::{Batch, ColumnView, Row, Value};
use mlcore::interrupt::Pace;
use mlcore::name::Arm;
use mlcore::schema::Schema;
use mlcore::{Error, Result};
use mlcore_features::validate::{CompiledSuite, Expectation, References, Severity, Suite};
use serde::Serialize;
use smallvec::SmallVec;

use super::prepared::Parts;
use super::status::add;
use crate::endpoint::decide::Decided;
use crate::endpoint::input::{Columns, Input, Request};
use crate::endpoint::release::LoadedModel;
use crate::endpoint::run::{Answer, ServedBy};

/// What an endpoint expects of its requests, and what becomes of one that is not so.
///
/// Every row is asked what a row by itself can be asked ([`CompiledSuite::check_row`]): of the raw columns of the feature plans, those that
/// were looked up among them, or of the columns of tensors where no version has a plan. What needs other rows is not asked
/// ([`CompiledSuite::skipped_for_rows`]).
///
/// By default a request that does not meet a critical expectation is refused, and one that does not meet another is flagged: its record
/// names the expectations. Where several fail, the strictest reaction counts: refused before fallen back before flagged.
///
/// ```
/// use mlcore_features::validate::{Check, Severity, Suite};
/// use mlcore_serve::endpoint::{OnInvalid, RequestValidation};
///
/// let suite = Suite::new("customers")
///     .with(Check::ColumnValuesToBeBetween { column: "age".into(), bounds: (0..=120).into() });
/// let validation = RequestValidation::new(suite).with_reaction(Severity::Critical, OnInvalid::Flag);
/// assert_eq!(validation.suite().name(), "customers");
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct RequestValidation {
    suite: Suite,
    references: References,
    info: OnInvalid,
    warning: OnInvalid,
    critical: OnInvalid,
}

/// What becomes of a request that does not meet an expectation.
#[non_exhaustive]
#[derive(Clone, Debug)]
pub enum OnInvalid {
    /// It is answered, and its record names the expectation.
    Flag,
    /// It is refused with [`InvalidInput`](mlcore::Error::InvalidInput), which lists the expectations.
    Refuse,
    /// It is answered by this arm, whatever the policy said; the policy hears nothing of it. It is refused where the arm does not answer.
    Arm(Arm),
    /// It is answered with these outputs, of one row, which are repeated for each row of the request.
    Answer(Batch),
}

impl OnInvalid {
    /// The strictest reaction counts.
    fn rank(&self) -> u8 {
        match self {
            Self::Flag => 0,
            Self::Answer(_) => 1,
            Self::Arm(_) => 2,
            Self::Refuse => 3,
        }
    }
}

/// Counts of what was validated since the start.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct ValidationCounts {
    /// Requests that met every expectation.
    pub passed: u64,
    /// Requests that did not, and were answered all the same.
    pub flagged: u64,
    /// Requests that were answered by another arm, or with the default answer.
    pub fell_back: u64,
    /// Requests that were refused.
    pub refused: u64,
    /// The rows that did not meet an expectation: those that did not occur are left out.
    pub expectations: Vec<(String, Severity, u64)>,
}

impl RequestValidation {
    /// Expects what the suite says.
    pub fn new(suite: Suite) -> Self {
        Self {
            suite,
            references: References::default(),
            info: OnInvalid::Flag,
            warning: OnInvalid::Flag,
            critical: OnInvalid::Refuse,
        }
    }

    /// Compiles the suite with what its expectations name.
    pub fn with_references(mut self, references: References) -> Self {
        self.references = references;
        self
    }

    /// Says what becomes of a request that does not meet an expectation of this severity.
    pub fn with_reaction(mut self, severity: Severity, reaction: OnInvalid) -> Self {
        match severity {
            Severity::Info => self.info = reaction,
            Severity::Warning => self.warning = reaction,
            // The highest that there is takes over what a later version may add above it.
            _ => self.critical = reaction,
        }
        self
    }

    /// The suite.
    #[must_use]
    pub fn suite(&self) -> &Suite {
        &self.suite
    }

    fn reaction(&self, severity: Severity) -> &OnInvalid {
        match severity {
            Severity::Info => &self.info,
            Severity::Warning => &self.warning,
            _ => &self.critical,
        }
    }

    fn reactions(&self) -> [&OnInvalid; 3] {
        [&self.info, &self.warning, &self.critical]
    }

    /// The arms that requests fall back to.
    pub(crate) fn arms(&self) -> impl Iterator<Item = &Arm> {
        self.reactions().into_iter().filter_map(|reaction| match reaction {
            OnInvalid::Arm(arm) => Some(arm),
            OnInvalid::Flag | OnInvalid::Refuse | OnInvalid::Answer(_) => None,
        })
    }
}

/// The validation of an endpoint, and what is counted of it.
#[derive(Debug)]
pub(crate) struct Validator {
    options: RequestValidation,
    passed: AtomicU64,
    flagged: AtomicU64,
    fell_back: AtomicU64,
    refused: AtomicU64,
    /// One for each expectation.
    expectations: Vec<AtomicU64>,
}

/// The suite for the columns of one deployment.
#[derive(Debug)]
pub(crate) struct Checks {
    suite: CompiledSuite,
    schema: Arc<Schema>,
    columns: Arc<Columns>,
    /// Whether the columns are those of tensors.
    of_tensors: bool,
}

impl Checks {
    /// # Errors
    /// [`Error::SchemaMismatch`] for an expectation that these columns cannot answer, and for a default answer that is none of a version.
    pub(crate) fn new(
        validator: &Validator,
        columns: &Arc<Columns>,
        arms: &[(Arm, Arc<LoadedModel>)],
    ) -> Result<Self> {
        let of_tensors = columns.all().is_empty();
        let schema = if of_tensors { columns.tensors().schema() } else { columns.all() }.clone();
        let options = &validator.options;
        let suite = options.suite.compile_with(&schema, &options.references)?;
        suite.require_answers()?;
        for reaction in options.reactions() {
            let OnInvalid::Answer(answer) = reaction else { continue };
            for (_, model) in arms {
                answer.check(&model.runner().signature().outputs)?;
            }
            if answer.rows() != Some(1) {
                let problem = "the default answer has not one row, which is repeated for each of a request";
                return Err(Error::invalid_input("build endpoint", options.suite.name(), problem)
                    .remedy("give it outputs of one row"));
            }
        }
        Ok(Self { suite, schema, columns: columns.clone(), of_tensors })
    }

    /// Calls `tell` with each row of the input and each expectation that it does not meet.
    fn each_failure(
        &self,
        decided: &Decided,
        input: Input<'_>,
        mut tell: impl FnMut(usize, &Expectation),
    ) -> Result<()> {
        let mut check = |row: usize, values: &[Value<'_>]| -> Result<()> {
            let verdict = self.suite.check_row(Row::unchecked(values))?;
            if !verdict.passes() {
                verdict.failures().for_each(|failed| tell(row, failed));
            }
            Ok(())
        };
        match input {
            Input::Row(row) => {
                let own = decided.model().plan().map_or(&*self.schema, |plan| plan.input());
                let order = decided.deployment().preparation.merge.orders().of(row, own)?;
                let value = |place: &Option<usize>| place.and_then(|place| row.values().get(place)).copied();
                let values: SmallVec<[Value<'_>; FEW_COLUMNS]> =
                    order.iter().map(|place| value(place).unwrap_or_default()).collect();
                check(0, &values)
            }
            Input::Table(table) => self.each_row(table, check),
            Input::Tensors(tensors) if self.of_tensors => {
                let (mut values, mut pace) = (Vec::new(), Pace::default());
                for row in 0..tensors.rows().unwrap_or(0) {
                    pace.check(VALIDATE, 16)?;
                    self.columns.tensors().row(tensors, row, &mut values);
                    check(row, &values)?;
                }
                Ok(())
            }
            Input::Tensors(_) => {
                let problem = "requests are validated as raw columns, and the request brings tensors";
                Err(Error::invalid_input(VALIDATE, "inputs", problem).remedy("send raw columns"))
            }
            Input::Entities => Ok(()),
        }
    }

    fn each_row(
        &self,
        table: &RecordBatch,
        mut check: impl FnMut(usize, &[Value<'_>]) -> Result<()>,
    ) -> Result<()> {
        let view = |name: &str| {
            let column = table.column_by_name(name);
            column.map(|column| ColumnView::new(name, &**column)).transpose()
        };
        let views = self.schema.names().map(view).collect::<Result<Vec<_>>>()?;
        let (mut values, mut pace) = (Vec::new(), Pace::default());
        for row in 0..table.num_rows() {
            pace.check(VALIDATE, 16)?;
            values.clear();
            values.extend(
                views.iter().map(|view| view.as_ref().map(|view| view.value(row)).unwrap_or_default()),
            );
            check(row, &values)?;
        }
        Ok(())
    }
}

/// An expectation that was not met, in how many rows and in which first.
struct Failure {
    place: usize,
    first: usize,
    rows: u64,
}

impl Validator {
    pub(crate) fn new(options: RequestValidation) -> Result<Self> {
        options.suite.check()?;
        let expectations = options.suite.expectations().iter().map(|_| AtomicU64::new(0)).collect();
        let count = || AtomicU64::new(0);
        let (passed, flagged, fell_back, refused) = (count(), count(), count(), count());
        Ok(Self { options, passed, flagged, fell_back, refused, expectations })
    }

    /// Validates a request; an answer where it falls back to one.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] where it is refused, and [`Error::SchemaMismatch`] for a row of other columns.
    pub(super) fn judge(
        &self,
        decided: &mut Decided,
        request: Request<'_>,
        parts: &mut Parts,
    ) -> Result<Option<Answer>> {
        let Some(checks) = &decided.deployment().preparation.checks else { return Ok(None) };
        let all = self.options.suite.expectations();
        let mut failures = SmallVec::<[Failure; 4]>::new();
        let rows = parts.with_input(request.input, |input| {
            let own = checks.suite.suite().expectations();
            checks
                .each_failure(decided, input, |row, failed| {
                    let Some(place) = own.iter().position(|own| std::ptr::eq(own, failed)) else { return };
                    match failures.iter_mut().find(|known| known.place == place) {
                        Some(known) => known.rows += 1,
                        None => failures.push(Failure { place, first: row, rows: 1 }),
                    }
                })
                .map(|()| rows_of(input))
        })?;
        if failures.is_empty() {
            add(&self.passed);
            return Ok(None);
        }
        let mut reaction = &OnInvalid::Flag;
        for failure in &failures {
            let Some(expectation) = all.get(failure.place) else { continue };
            if let Some(count) = self.expectations.get(failure.place) {
                count.fetch_add(failure.rows, Ordering::Relaxed);
            }
            parts.failed.push(expectation.to_string());
            let own = self.options.reaction(expectation.severity);
            reaction = if own.rank() > reaction.rank() { own } else { reaction };
        }
        match reaction {
            OnInvalid::Flag => {
                add(&self.flagged);
                Ok(None)
            }
            OnInvalid::Arm(arm) if decided.fall_back_to(arm) => {
                add(&self.fell_back);
                Ok(None)
            }
            OnInvalid::Answer(answer) => {
                add(&self.fell_back);
                decided.fall_back();
                let outputs =
                    if rows == 1 { answer.clone() } else { Batch::concat_rows(&vec![answer.clone(); rows])? };
                Ok(Some(Answer::cached(outputs).with_served_by(ServedBy::Fallback)))
            }
            OnInvalid::Refuse | OnInvalid::Arm(_) => {
                add(&self.refused);
                Err(self.refusal(&failures, rows))
            }
        }
    }

    #[cold]
    fn refusal(&self, failures: &[Failure], rows: usize) -> Error {
        let all = self.options.suite.expectations();
        let told: Vec<String> = failures
            .iter()
            .filter_map(|failure| Some((failure, all.get(failure.place)?)))
            .map(|(failure, expectation)| match rows {
                1 => expectation.to_string(),
                _ => format!("{expectation} (row {}, {} in all)", failure.first, failure.rows),
            })
            .collect();
        let problem = format!("the request does not meet {}", told.join("; "));
        Error::invalid_input(VALIDATE, format!("suite {:?}", self.options.suite.name()), problem)
            .remedy("send values that are as expected")
    }

    pub(crate) fn counts(&self) -> ValidationCounts {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let all = self.options.suite.expectations().iter().zip(&self.expectations);
        let told = all.map(|(own, count)| (own.to_string(), own.severity, read(count)));
        ValidationCounts {
            passed: read(&self.passed),
            flagged: read(&self.flagged),
            fell_back: read(&self.fell_back),
            refused: read(&self.refused),
            expectations: told.filter(|(_, _, count)| *count > 0).collect(),
        }
    }
}

fn rows_of(input: Input<'_>) -> usize {
    match input {
        Input::Row(_) | Input::Entities => 1,
        Input::Table(table) => table.num_rows(),
        Input::Tensors(tensors) => tensors.rows().unwrap_or(1),
    }
}

const VALIDATE: &str = "validate request";
/// Up to so many columns a row is looked at without the allocator.
const FEW_COLUMNS: usize = 64;
