//! From a stream of rows to verdicts: windows, many columns, one decision.
//!
//! A [`Monitor`] compiles a reference once, gathers rows into tumbling windows and answers each full window with a
//! [`Verdict`]. A column drifted if its change is both **certain** (the p-value, corrected for the number of tests of the
//! window, is at most alpha) and **large** (the effect size reaches the threshold). Either alone is worthless: with
//! enough rows every column changed "significantly", and with few rows every effect looks large.
//!
//! # Rows must be independent
//!
//! Every p-value here is that of rows drawn independently of each other. Readings of a sensor, prices or the requests of one
//! user resemble those before them: with a lag-1 autocorrelation of 0.5 a window of 1,000 rows says as much as 333
//! independent ones. At the defaults a single unchanged column then alarms in 18 of 100 windows, and twenty columns in 78,
//! instead of 5 at most.
//!
//! - A verdict says so where it shows: [`Note::DependentRows`](crate::two_sample::Note::DependentRows) in
//!   [`Verdict::notes`], with autocorrelation and effective sample size. It is the runs test of every column in the order of
//!   arrival; of windows of independent rows at most one in a thousand gets the note. A table that was sorted gets it too.
//! - [`thin`](MonitorOptions::thin) takes every k-th row of traffic and reference: at an autocorrelation of 0.5 every fifth
//!   row is as good as independent (0.5^5 = 0.03). It costs rows, and is right for every test.
//! - What has a daily or weekly season differs between day and night without any drift: compare like with like, a reference of
//!   the same hours or weekdays.
//!
//! # Many windows
//!
//! Each window is judged by itself: where nothing changed and no effect is too small to matter, one window in twenty alarms
//! at the default `alpha` of 0.05. (Thresholds of effect sizes make it fewer, the more rows a window has.)
//! [`WindowCorrection::AlphaSpending`] holds the probability that a monitor *ever* alarms falsely to `alpha`.

mod dependence;
mod fleet;
mod options;
mod plan;
mod preset;
mod progress;
mod reference;
mod sealed;
mod sentence;
mod spending;
mod state;
mod table;
mod tables;
mod thin;
mod values;
mod verdict;
mod window;

use std::borrow::Cow;
use std::collections::HashSet;
use std::iter;
use std::sync::Arc;

use mlcore::arrow::array::{Array, RecordBatch};
use mlcore::arrow::datatypes::SchemaRef;
use mlcore::batch::Row;
use mlcore::schema::{Schema, names_digest};
use mlcore::{Error, Result};

pub use self::fleet::{
    Fleet, FleetState, FleetVerdict, MOST_EDGES, WINDOW_COUNTS_VERSION, WindowCounter, WindowCounts,
};
use self::fleet::{Layout as CountLayout, Tally};
pub use self::options::{ColumnOptions, MonitorOptions};
pub(crate) use self::plan::{
    Judged, Read, Watched, absent, asked_columns, conclude, nothing_to_watch, read_columns, read_reference,
};
use self::plan::{Plan, first_places};
pub use self::preset::{MAX_EXACT_N, MOST_DISCRETE_VALUES, Preset};
pub use self::reference::{MONITOR_REFERENCE_VERSION, MonitorReference};
pub use self::spending::WindowCorrection;
pub use self::state::{MONITOR_STATE_VERSION, MonitorState};
pub(crate) use self::tables::{compare_tables, table_tests};
pub(crate) use self::thin::thinned_column;
use self::thin::{next_phase, thinned};
pub(crate) use self::values::threshold_of_reference;
pub use self::verdict::{
    ColumnVerdict, Outcome, SkippedColumn, TableVerdict, VERDICT_VERSION, Verdict, Window,
};
use self::window::Buffer;
use crate::sample::Sample;

/// Watches a stream of rows for changes against a reference.
///
/// Memory is bounded: eight bytes per numeric value of a window, a bounded number of categories per column, and the
/// compiled reference. Taking a row only keeps its values; the row that completes a window pays for its
/// tests, so a service feeds a monitor from one background consumer. Nothing here starts a thread or reads a clock.
///
/// Predictions are columns like any other: put them into the reference, and watch them.
///
/// Rows must be independent of each other, and by default one quiet window in twenty alarms: see the
/// [module](self#rows-must-be-independent).
///
/// ```
/// use std::sync::Arc;
///
/// use mlcore::arrow::array::{ArrayRef, Float64Array, RecordBatch};
/// use mlcore_drift::monitor::{Monitor, MonitorOptions, Outcome};
///
/// let table = |shift: f64| {
///     let age = Float64Array::from_iter_values((0..1000).map(|i| f64::from(i * 7 % 1000) / 100.0 + shift));
///     RecordBatch::try_from_iter([("age", Arc::new(age) as ArrayRef)])
/// };
/// let mut monitor = Monitor::new(&table(0.0)?, &MonitorOptions::default().with_window_rows(500))?;
/// let verdicts = monitor.observe(&table(2.0)?)?;
/// assert_eq!(verdicts.len(), 2);
/// assert_eq!(verdicts[0].overall, Outcome::Drifted);
/// println!("{}", verdicts[0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Monitor {
    plan: Plan,
    buffers: Vec<Buffer>,
    positions: Vec<usize>,
    row_len: usize,
    /// Whose rows are expected.
    names: u64,
    scratch: String,
    new_columns: Vec<String>,
    vanished_columns: Vec<String>,
    /// Of the last table: most often the next one has the same schema.
    layout: Option<Layout>,
    rows: usize,
    /// The rows to pass over before the next one is taken.
    phase: usize,
    windows: u64,
    rows_before: u64,
    /// In a counter, where windows are counted and not judged.
    tally: Option<Tally>,
}

impl Monitor {
    /// A monitor against `reference`: the rows a model was trained on, or a stretch of traffic that was good.
    ///
    /// Columns of types that are not compared (dates, nested ones) are left out and listed in every verdict.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for a reference without rows or columns to watch and for impossible options,
    /// [`Error::NotFound`] for a column that the options name and the reference lacks, [`Error::Unsupported`] if its
    /// type is not compared.
    pub fn new(reference: &RecordBatch, options: &MonitorOptions) -> Result<Self> {
        let reference = &*taken_rows(reference, options)?;
        let (columns, skipped) = read_columns(reference, options)?;
        let columns = Watched::all(&columns, options)?;
        let plan = Plan::new(columns, skipped, options, reference.num_rows() as u64)?;
        let schema = reference.schema();
        let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
        Self::of_plan(plan, &names)
    }

    /// A monitor that takes rows of the columns `names`.
    fn of_plan(plan: Plan, names: &[&str]) -> Result<Self> {
        let mut monitor = Self {
            buffers: Vec::new(),
            positions: Vec::new(),
            row_len: 0,
            names: 0,
            scratch: String::new(),
            new_columns: Vec::new(),
            vanished_columns: Vec::new(),
            layout: None,
            rows: 0,
            phase: 0,
            windows: 0,
            rows_before: 0,
            tally: None,
            plan,
        };
        monitor.buffers = monitor.empty_buffers();
        monitor.bind_names(names)?;
        Ok(monitor)
    }

    /// The names of the watched columns, in the order of the reference.
    pub fn columns(&self) -> impl ExactSizeIterator<Item = &str> {
        self.plan.columns.iter().map(|column| column.name.as_str())
    }

    /// The rows of the current window so far.
    #[must_use]
    pub fn rows_in_window(&self) -> usize {
        self.rows
    }

    /// Says in which order the values of [`observe_row`](Self::observe_row) come; without it, in the order of the
    /// reference's columns. Fields that are not watched are passed over.
    ///
    /// # Errors
    /// [`Error::SchemaMismatch`] naming the watched column that `schema` lacks.
    pub fn bind(&mut self, schema: &Schema) -> Result<()> {
        self.bind_names(&schema.names().collect::<Vec<_>>())
    }

    /// Takes one row, and answers the verdict if it completes a window. Allocates nothing in between.
    ///
    /// # Errors
    /// [`Error::SchemaMismatch`] for a row of another length than the schema it is bound to, for text in a numeric column,
    /// and for dates and times; such a row is not counted. [`Error::Interrupted`], and the row is not counted either.
    pub fn observe_row(&mut self, row: Row<'_>) -> Result<Option<Verdict>> {
        let values = row.values();
        if values.len() != self.row_len {
            let problem = format!("the row has {} values, and {} are expected", values.len(), self.row_len);
            return Err(
                Error::schema_mismatch(OPERATION, "row", problem).remedy("bind the row's schema first")
            );
        }
        row.check_names(OPERATION, self.names)?;
        for ((position, buffer), column) in self.positions.iter().zip(&self.buffers).zip(&self.plan.columns) {
            if let Some(value) = values.get(*position)
                && !buffer.accepts(value)
            {
                let problem =
                    format!("it is {} in the reference, and {} came", column.kind, value.described());
                return Err(Error::schema_mismatch(OPERATION, column.name.clone(), problem));
            }
        }
        let is_taken = self.phase == 0;
        let before = if is_taken { self.before_rows(1) } else { None };
        self.phase = next_phase(self.phase, 1, self.plan.options.thin);
        if !is_taken {
            return Ok(None);
        }
        for (position, buffer) in self.positions.iter().zip(&mut self.buffers) {
            if let Some(value) = values.get(*position) {
                buffer.push(value, &mut self.scratch);
            }
        }
        self.rows += 1;
        if self.rows < self.plan.options.window_rows {
            return Ok(None);
        }
        let verdict = self.finish();
        self.restore_unless(verdict.is_ok(), before);
        verdict
    }

    /// Takes the rows of a table, and answers a verdict for each window they complete. Columns are found by name;
    /// columns that the reference does not have are listed in the verdict, as are watched ones that the table does not have,
    /// whose rows are missing.
    ///
    /// # Errors
    /// [`Error::SchemaMismatch`] naming the watched column that is of another kind, and for a table without any watched column;
    /// [`Error::Interrupted`]. No row is counted then.
    pub fn observe(&mut self, table: &RecordBatch) -> Result<Vec<Verdict>> {
        if table.num_rows() == 0 {
            // Nothing is missed in a table without rows.
            let new_columns = self.plan.new_columns(table.schema_ref());
            self.list_new_columns(&new_columns);
            return Ok(Vec::new());
        }
        let layout = match self.layout.take() {
            Some(layout) if Arc::ptr_eq(&layout.schema, table.schema_ref()) => layout,
            _ => Layout::of(table, &self.plan)?,
        };
        let step = self.plan.options.thin;
        let before = self.before_rows(table.num_rows());
        let verdicts = if step == 1 {
            self.take(table, &layout)
        } else {
            self.take(&thinned(table, self.phase, step)?, &layout)
        };
        if verdicts.is_ok() {
            self.phase = next_phase(self.phase, table.num_rows(), step);
        }
        self.layout = Some(layout);
        self.restore_unless(verdicts.is_ok(), before);
        verdicts
    }

    /// Judges the rows of the current window so far; the window goes on. This is for the end of a stream, or for a page:
    /// looking often at a growing window gives more false alarms than alpha promises.
    ///
    /// # Errors
    /// [`Error::Interrupted`], and [`Error::Internal`].
    pub fn evaluate_now(&self) -> Result<Verdict> {
        let samples: Vec<Sample> = self.buffers.iter().map(Buffer::sample).collect();
        let verdict = self.plan.verdict(&samples, self.window(), self.alpha())?;
        let (new_columns, vanished_columns) = (self.new_columns.clone(), self.vanished_columns.clone());
        Ok(Verdict { new_columns, vanished_columns, ..verdict })
    }

    /// The rows of the current window so far as counts, which those of other replicas can be added to: see [`Fleet`]. The
    /// window goes on. For rows that are counted whatever windows end meanwhile there is [`WindowCounter`].
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for a column whose test needs every value.
    pub fn counts(&self) -> Result<WindowCounts> {
        let samples: Vec<Sample> = self.buffers.iter().map(Buffer::sample).collect();
        let names = [self.new_columns.clone(), self.vanished_columns.clone()];
        CountLayout::of(&self.plan)?.count(&samples, self.rows as u64, names)
    }

    /// Drops the rows of the current window, as after a change of the model.
    pub fn reset_window(&mut self) {
        self.rows_before += self.rows as u64;
        self.rows = 0;
        self.new_columns.clear();
        self.vanished_columns.clear();
        self.buffers = self.empty_buffers();
    }

    fn take(&mut self, table: &RecordBatch, layout: &Layout) -> Result<Vec<Verdict>> {
        let (len, window) = (table.num_rows(), self.plan.options.window_rows);
        let (mut start, mut room) = (0, window - self.rows);
        let parts = iter::from_fn(move || {
            let part = start..len.min(start + room);
            (start, room) = (part.end, window);
            (!part.is_empty()).then_some(part)
        });
        // What may be refused is read before anything is taken, so that a bad table changes nothing.
        let mut read = Vec::new();
        for part in parts.clone() {
            for ((column, buffer), position) in
                self.plan.columns.iter().zip(&self.buffers).zip(&layout.positions)
            {
                let Some(array) = position.map(|position| table.column(position)) else { continue };
                if !buffer.takes(array.data_type()) {
                    read.push(match part.len() == len {
                        true => column.read(array, OPERATION)?,
                        false => column.read(&array.slice(part.start, part.len()), OPERATION)?,
                    });
                }
            }
        }
        self.list_new_columns(&layout.new_columns);
        list(&mut self.vanished_columns, &layout.vanished_columns);
        let (mut read, mut verdicts) = (read.into_iter(), Vec::new());
        for part in parts {
            for (buffer, position) in self.buffers.iter_mut().zip(&layout.positions) {
                let Some(array) = position.map(|position| table.column(position)) else {
                    buffer.miss(part.len());
                    continue;
                };
                if buffer.takes(array.data_type()) {
                    buffer.extend(array, part.clone())?;
                } else if let Some(sample) = read.next() {
                    buffer.append(&sample)?;
                }
            }
            self.rows += part.len();
            if self.rows >= window {
                verdicts.extend(self.finish()?);
            }
        }
        Ok(verdicts)
    }

    fn list_new_columns(&mut self, names: &[String]) {
        list(&mut self.new_columns, names);
    }

    fn empty_buffers(&self) -> Vec<Buffer> {
        let options = &self.plan.options;
        let new = |column: &Arc<Watched>| {
            Buffer::new(column.kind, column.spelling, options.window_rows, options.max_categories)
        };
        self.plan.columns.iter().map(new).collect()
    }

    fn bind_names(&mut self, names: &[&str]) -> Result<()> {
        let places = first_places(names.iter().copied());
        self.positions = self
            .plan
            .columns
            .iter()
            .map(|column| {
                places.get(column.name.as_str()).copied().ok_or_else(|| {
                    Error::schema_mismatch(
                        "bind monitor",
                        column.name.clone(),
                        "rows do not have this column",
                    )
                    .remedy("watch only the columns that rows have: set the option columns")
                })
            })
            .collect::<Result<_>>()?;
        self.row_len = names.len();
        self.names = names_digest(names.iter().copied());
        Ok(())
    }

    fn window(&self) -> Window {
        Window { index: self.windows, first_row: self.rows_before, rows: self.rows as u64 }
    }

    /// The error rate of the current window.
    fn alpha(&self) -> f64 {
        let options = &self.plan.options;
        options.window_correction.alpha(options.alpha, self.windows)
    }

    /// Ends the window: answers its verdict, or counts its rows.
    fn finish(&mut self) -> Result<Option<Verdict>> {
        let samples: Vec<Sample> = self.buffers.iter_mut().map(Buffer::finish).collect();
        let (window, alpha) = (self.window(), self.alpha());
        (self.windows, self.rows_before, self.rows) = (window.index + 1, window.first_row + window.rows, 0);
        let new_columns = std::mem::take(&mut self.new_columns);
        let vanished_columns = std::mem::take(&mut self.vanished_columns);
        let finished = match &mut self.tally {
            Some(Tally { layout, counts }) => {
                let counted = layout.count(&samples, window.rows, [new_columns, vanished_columns]);
                counted.and_then(|counted| layout.merge(counts, &counted)).map(|()| None)
            }
            None => self
                .plan
                .verdict(&samples, window, alpha)
                .map(|verdict| Some(Verdict { new_columns, vanished_columns, ..verdict })),
        };
        for (buffer, sample) in self.buffers.iter_mut().zip(samples) {
            buffer.reuse(sample);
        }
        finished
    }
}

/// The rows of a table that are taken.
fn taken_rows<'a>(table: &'a RecordBatch, options: &MonitorOptions) -> Result<Cow<'a, RecordBatch>> {
    match options.thin {
        0 | 1 => Ok(Cow::Borrowed(table)),
        step => thinned(table, 0, step).map(Cow::Owned),
    }
}

/// Adds the names that are not there yet.
fn list(listed: &mut Vec<String>, names: &[String]) {
    let mut known: HashSet<&String> = listed.iter().collect();
    let new: Vec<String> = names.iter().filter(|name| known.insert(name)).cloned().collect();
    listed.extend(new);
}

/// Where tables of one schema have the watched columns, and what else they have.
#[derive(Debug)]
struct Layout {
    schema: SchemaRef,
    positions: Vec<Option<usize>>,
    new_columns: Vec<String>,
    vanished_columns: Vec<String>,
}

impl Layout {
    fn of(table: &RecordBatch, plan: &Plan) -> Result<Self> {
        let schema = table.schema();
        let positions = plan.positions(&schema, OPERATION)?;
        let watched = plan.columns.iter().zip(&positions);
        let vanished = watched.filter(|(_, position)| position.is_none());
        let vanished_columns = vanished.map(|(column, _)| column.name.clone()).collect();
        Ok(Self { positions, new_columns: plan.new_columns(&schema), vanished_columns, schema })
    }
}

const OPERATION: &str = "observe";
