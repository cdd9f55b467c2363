//! One pass over the rows of a table, in batches.

mod answer;
mod batches;
mod counts;
mod domain;
mod lane;
mod mask;
mod options;
mod order;
mod spill;
mod table;
mod tally;
mod texts;
mod threads;

use mlcore::arrow::array::RecordBatch;
use mlcore::batch::{OwnedValue, Value};
use mlcore::{Error, Result, interrupt};

use self::counts::{Counts, write_key};
use self::domain::DomainState;
use self::lane::Lane;
use self::mask::{Mask, ROWS};
pub use self::options::RunOptions;
use self::order::{Direction, OrderState};
use self::tally::Tally;
use self::texts::TextTests;
use super::IgnoreRowIf;
use super::compile::{CompiledClause, CompiledSuite, Inner, Plan, RowTest};
use super::report::Report;

/// A pass over the batches of a table: what they held so far. Two of them add up, so that threads or machines can share a table.
///
/// ```
/// use std::sync::Arc;
///
/// use mlcore::arrow::array::{Int64Array, RecordBatch};
/// use mlcore::schema::{DType, Field, Schema};
/// use mlcore_features::validate::{Check, RunOptions, Suite};
///
/// let suite = Suite::new("orders").with(Check::ColumnValuesToBeUnique { column: "id".into() });
/// let suite = suite.compile(&Schema::new([Field::column("id", DType::Int64)])?)?;
/// let batch = |ids: Vec<i64>| RecordBatch::try_from_iter([("id", Arc::new(Int64Array::from(ids)) as _)]);
///
/// let options = RunOptions::default();
/// let (mut first, mut second) = (suite.start(&options), suite.start(&options));
/// first.update(&batch(vec![1, 2, 3])?)?;
/// second.update(&batch(vec![4, 2])?)?;
/// first.merge(second)?;
/// let report = first.finish()?;
/// let rows = report.results()[0].unexpected.iter().map(|value| value.row).collect::<Vec<_>>();
/// assert_eq!(rows, [Some(1), Some(4)]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Run {
    suite: CompiledSuite,
    options: RunOptions,
    rows: u64,
    conditions: Vec<u64>,
    states: Vec<State>,
    domains: Vec<DomainState>,
    is_broken: bool,
}

/// What is known for one expectation.
#[derive(Debug)]
enum State {
    Nothing,
    Tally(Tally),
    Order(OrderState),
    Compound(Box<Counts>, Tally),
}

impl CompiledSuite {
    /// Begins a pass.
    #[must_use]
    pub fn start(&self, options: &RunOptions) -> Run {
        let inner = &self.0;
        let most = options.most_unexpected;
        let dtype = |column: &usize| {
            inner.columns.get(*column).map_or(mlcore::schema::DType::String, |column| column.dtype)
        };
        let state = |plan: &Plan| match plan {
            Plan::Problem(_) | Plan::Known { .. } | Plan::RowCount { .. } | Plan::Domain { .. } => {
                State::Nothing
            }
            Plan::Column { .. } | Plan::Row { .. } => State::Tally(Tally::default()),
            Plan::Order { .. } => State::Order(OrderState::default()),
            Plan::Compound { columns, .. } => {
                let dtypes = columns.iter().map(dtype).collect();
                State::Compound(Box::new(Counts::of_rows(dtypes, most)), Tally::default())
            }
        };
        let domain = |domain| DomainState::new(domain, dtype(&domain.column), most);
        Run {
            suite: self.clone(),
            options: options.clone(),
            rows: 0,
            conditions: vec![0; inner.conditions.len()],
            states: inner.plans.iter().map(state).collect(),
            domains: inner.domains.iter().map(domain).collect(),
            is_broken: false,
        }
    }
}

impl Run {
    /// The rows so far.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Adds a batch: its rows come after those before it.
    ///
    /// # Errors
    /// [`Error::SchemaMismatch`] naming the column where the batch is not of the schema that the suite was compiled for; the run
    /// is as it was. [`Error::InvalidInput`] for a column that cannot be read, such as a time outside the day; [`Error::Unsupported`] for
    /// more values than are to be held. And [`Error::Interrupted`] and errors of the [folder](RunOptions::with_spill_folder), after which
    /// the run has to begin again.
    pub fn update(&mut self, batch: &RecordBatch) -> Result<()> {
        self.require_whole()?;
        let suite = self.suite.clone();
        let inner = &suite.0;
        let arrays = lane::arrays(inner, batch)?;
        let mut lanes = Lane::of(inner, &arrays)?;
        if let Err(error) = self.check_room(inner, batch.num_rows()) {
            // What is refused for its size changed nothing; of a file that failed nobody knows what it holds.
            self.is_broken = !matches!(error, Error::Unsupported(_));
            return Err(error);
        }
        interrupt::check(UPDATE)?;
        let mut scratch = Scratch::of(inner, &lanes, batch.num_rows());
        for start in (0..batch.num_rows()).step_by(ROWS) {
            let len = ROWS.min(batch.num_rows() - start);
            lanes.iter_mut().for_each(|lane| lane.load(start, len));
            self.add(inner, &lanes, len, &mut scratch);
            if start % STRETCH == 0 && interrupt::is_stopped() {
                self.is_broken = true;
                let problem = "the caller asked it to stop before it was done";
                return Err(Error::interrupted(UPDATE, "", problem)
                    .remedy("start another run: a part of the batch was counted"));
            }
        }
        Ok(())
    }

    /// Adds the rows of another run of the same suite, which come after those of this one.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] where the other run is of another suite or has other options; and errors of the
    /// [folder](RunOptions::with_spill_folder), after which the run has to begin again.
    pub fn merge(&mut self, later: Self) -> Result<()> {
        self.require_whole()?;
        later.require_whole()?;
        let is_same = std::sync::Arc::ptr_eq(&self.suite.0, &later.suite.0)
            || (self.suite.suite() == later.suite.suite() && self.suite.0.names == later.suite.0.names);
        if !is_same || self.options != later.options || self.states.len() != later.states.len() {
            let problem = "the runs are of different suites, schemas or options";
            return Err(Error::invalid_input("merge runs", self.suite.suite().name(), problem)
                .remedy("start both from the same compiled suite, with the same options"));
        }
        let added = self.add_run(later);
        self.is_broken = added.is_err();
        added
    }

    fn add_run(&mut self, later: Self) -> Result<()> {
        let (rows, most) = (self.rows, self.options.most_unexpected);
        let folder = self.options.spill_folder.as_deref();
        self.rows += later.rows;
        self.conditions.iter_mut().zip(later.conditions).for_each(|(own, later)| *own += later);
        for (own, later) in self.domains.iter_mut().zip(later.domains) {
            own.append(later, rows, folder)?;
        }
        let plans = &self.suite.0.plans;
        for ((own, later), plan) in self.states.iter_mut().zip(later.states).zip(plans) {
            match (own, later, plan) {
                (State::Tally(own), State::Tally(later), _) => own.append(later, rows, most),
                (State::Order(own), State::Order(later), Plan::Order { descending, strictly, .. }) => {
                    let direction = Direction { descending: *descending, strictly: *strictly };
                    own.append(direction, later, rows, most);
                }
                (State::Compound(own, own_tally), State::Compound(later, tally), _) => {
                    own.append(*later, rows, folder)?;
                    own_tally.append(tally, rows, most);
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Answers every expectation.
    ///
    /// # Errors
    /// [`Error::Interrupted`]; and [`Error::Conflict`] for a run that was interrupted before.
    pub fn finish(mut self) -> Result<Report> {
        self.require_whole()?;
        let suite = self.suite.clone();
        let inner = &suite.0;
        let expectations = inner.suite.expectations();
        let places = 0..expectations.len();
        let results = places.map(|place| self.answer(inner, place)).collect::<Result<Vec<_>>>()?;
        interrupt::check("finish run")?;
        Ok(Report::new(inner.suite.name(), self.rows, results))
    }

    fn require_whole(&self) -> Result<()> {
        if !self.is_broken {
            return Ok(());
        }
        let problem =
            "the run was interrupted in the middle of a batch, or a file of its distinct values failed";
        Err(Error::conflict(UPDATE, self.suite.suite().name(), problem).remedy("start another run"))
    }

    /// Makes sure that what is held of the columns stays within what the options allow.
    fn check_room(&mut self, inner: &Inner, rows: usize) -> Result<()> {
        // The places of distinct values are counted in 32 bits.
        let most = self.options.most_values.min(1 << 31);
        let folder = self.options.spill_folder.as_deref();
        let refuse = |subject: &str, what: &str| {
            let problem = format!("{what} would hold more than {most} values");
            Err(Error::unsupported(UPDATE, subject, problem).remedy(
                "allow more values, hand in a folder for them, look at a part of the rows, or compare the column with a profile of it",
            ))
        };
        let room = |counts: &mut Counts| match folder {
            _ if counts.distinct() as usize <= most => Ok(true),
            Some(folder) => counts.spill(folder).map(|()| true),
            None => Ok(false),
        };
        for (domain, state) in inner.domains.iter().zip(&mut self.domains) {
            let held = if domain.needs.values { state.values.len().saturating_add(rows) } else { 0 };
            let has_room = match &mut state.counts {
                Some(counts) => room(counts)?,
                None => true,
            };
            if held > most || !has_room {
                let name = inner.columns.get(domain.column).map_or("", |column| column.name.as_str());
                return refuse(name, "its quantiles, z-scores or distinct values");
            }
        }
        for (expectation, state) in inner.suite.expectations().iter().zip(&mut self.states) {
            if let State::Compound(counts, _) = state
                && !room(counts)?
            {
                return refuse(&expectation.to_string(), "the combinations of its columns");
            }
        }
        Ok(())
    }

    /// Adds the stretch that the lanes hold.
    fn add<'a>(&mut self, inner: &'a Inner, lanes: &[Lane<'a>], len: usize, scratch: &mut Scratch<'a>) {
        let all = Mask::first(len);
        scratch.conditions.clear();
        for (clauses, rows) in inner.conditions.iter().zip(&mut self.conditions) {
            let mask = holding(clauses, lanes, all);
            *rows += mask.count();
            scratch.conditions.push(mask);
        }
        let looked_at = |condition: &Option<usize>, masks: &[Mask]| {
            condition.map_or(all, |condition| masks.get(condition).copied().unwrap_or_default())
        };
        let room = (self.options.most_unexpected, self.rows);
        scratch.load_texts(lanes);
        for ((plan, state), text_mask) in inner.plans.iter().zip(&mut self.states).zip(&scratch.text_masks) {
            match (plan, state) {
                (Plan::Column { column, condition, test }, State::Tally(tally)) => {
                    let Some(lane) = lanes.get(*column) else { continue };
                    let looked_at = looked_at(condition, &scratch.conditions);
                    let missing =
                        if test.is_about_missing() { Mask::default() } else { looked_at.and(lane.missing) };
                    let asked = looked_at.without(missing);
                    let is_known = lane.texts().is_some() && !test.is_about_missing();
                    let failing = if is_known { asked.and(*text_mask) } else { lane.failing(test, asked) };
                    tally.add((looked_at, missing, failing), room, |row| vec![lane.value(row).into_owned()]);
                }
                (Plan::Row { columns, condition, ignore, test }, State::Tally(tally)) => {
                    let looked_at = looked_at(condition, &scratch.conditions);
                    let lanes: Vec<&Lane<'_>> =
                        columns.iter().filter_map(|column| lanes.get(*column)).collect();
                    let ignored = ignored(*ignore, &lanes, looked_at);
                    let failing = failing_rows(test, &lanes, looked_at.without(ignored));
                    tally.add((looked_at, ignored, failing), room, |row| values_of(&lanes, row));
                }
                (Plan::Order { column, condition, descending, strictly }, State::Order(order)) => {
                    let Some(lane) = lanes.get(*column) else { continue };
                    let direction = Direction { descending: *descending, strictly: *strictly };
                    order.add(direction, lane, looked_at(condition, &scratch.conditions), room);
                }
                (Plan::Compound { columns, condition, ignore }, State::Compound(counts, tally)) => {
                    let looked_at = looked_at(condition, &scratch.conditions);
                    let lanes: Vec<&Lane<'_>> =
                        columns.iter().filter_map(|column| lanes.get(*column)).collect();
                    let ignored = ignored(*ignore, &lanes, looked_at);
                    for row in looked_at.without(ignored).rows() {
                        scratch.key.clear();
                        lanes
                            .iter()
                            .for_each(|lane| write_key(&mut scratch.key, lane.value(row), lane.dtype()));
                        counts.add_row(&scratch.key, self.rows + row as u64, || values_of(&lanes, row));
                    }
                    tally.add((looked_at, ignored, Mask::default()), room, |_| Vec::new());
                }
                _ => {}
            }
        }
        for (domain, state) in inner.domains.iter().zip(&mut self.domains) {
            if let Some(lane) = lanes.get(domain.column) {
                let looked_at = looked_at(&domain.condition, &scratch.conditions);
                state.add(domain.needs, lane, looked_at, self.rows, &mut scratch.numbers);
            }
        }
        self.rows += len as u64;
    }
}

/// The rows of which every clause holds.
fn holding(clauses: &[CompiledClause], lanes: &[Lane<'_>], among: Mask) -> Mask {
    clauses.iter().fold(among, |mask, clause| {
        let Some(lane) = lanes.get(clause.column) else { return Mask::default() };
        let present = mask.without(lane.missing);
        let holds = present.without(lane.failing(&clause.test, present));
        if clause.of_missing { holds.or(mask.and(lane.missing)) } else { holds }
    })
}

/// Tells of each row of a table that does not meet one of the expectations at `asked`, by their places in it.
pub(super) fn failing(
    inner: &Inner,
    table: &RecordBatch,
    asked: &[usize],
    mut tell: impl FnMut(usize, &[usize]),
) -> Result<()> {
    let arrays = lane::arrays(inner, table)?;
    let mut lanes = Lane::of(inner, &arrays)?;
    let mut broken = Vec::new();
    for start in (0..table.num_rows()).step_by(ROWS) {
        if start % STRETCH == 0 {
            interrupt::check("split table")?;
        }
        let len = ROWS.min(table.num_rows() - start);
        lanes.iter_mut().for_each(|lane| lane.load(start, len));
        let masks: Vec<Mask> = asked.iter().map(|place| failing_of(inner, &lanes, *place, len)).collect();
        for row in masks.iter().copied().reduce(Mask::or).unwrap_or_default().rows() {
            broken.clear();
            broken
                .extend((0..masks.len()).filter(|place| masks.get(*place).is_some_and(|mask| mask.has(row))));
            tell(start + row, &broken);
        }
    }
    Ok(())
}

/// The rows of a stretch that do not meet an expectation that is asked of each row.
fn failing_of(inner: &Inner, lanes: &[Lane<'_>], place: usize, len: usize) -> Mask {
    let all = Mask::first(len);
    let looked_at = |condition: &Option<usize>| {
        let clauses = condition.and_then(|condition| inner.conditions.get(condition));
        clauses.map_or(all, |clauses| holding(clauses, lanes, all))
    };
    match inner.plans.get(place) {
        Some(Plan::Column { column, condition, test }) => {
            lanes.get(*column).map_or(Mask::default(), |lane| {
                let looked_at = looked_at(condition);
                lane.failing(
                    test,
                    if test.is_about_missing() { looked_at } else { looked_at.without(lane.missing) },
                )
            })
        }
        Some(Plan::Row { columns, condition, ignore, test }) => {
            let lanes: Vec<&Lane<'_>> = columns.iter().filter_map(|column| lanes.get(*column)).collect();
            let looked_at = looked_at(condition);
            failing_rows(test, &lanes, looked_at.without(ignored(*ignore, &lanes, looked_at)))
        }
        _ => Mask::default(),
    }
}

/// Memory that is used again for each stretch.
struct Scratch<'a> {
    conditions: Vec<Mask>,
    numbers: Vec<f64>,
    key: Vec<u8>,
    texts: Vec<TextTests<'a>>,
    /// The rows whose text fails, one mask for each expectation.
    text_masks: Vec<Mask>,
}

impl<'a> Scratch<'a> {
    fn of(inner: &'a Inner, lanes: &[Lane<'a>], rows: usize) -> Self {
        Self {
            conditions: Vec::new(),
            numbers: Vec::new(),
            key: Vec::new(),
            texts: TextTests::of(inner, lanes, rows),
            text_masks: vec![Mask::default(); inner.plans.len()],
        }
    }

    fn load_texts(&mut self, lanes: &[Lane<'a>]) {
        let Self { texts, text_masks, .. } = self;
        text_masks.fill(Mask::default());
        for tests in texts {
            if let Some(lane) = lanes.get(tests.column) {
                tests.add(lane, text_masks);
            }
        }
    }
}

const UPDATE: &str = "update run";
/// After so many rows it is asked whether to go on.
const STRETCH: usize = ROWS * 16;

fn values_of(lanes: &[&Lane<'_>], row: usize) -> Vec<OwnedValue> {
    lanes.iter().map(|lane| lane.value(row).into_owned()).collect()
}

/// The rows that are passed over.
fn ignored(rule: IgnoreRowIf, lanes: &[&Lane<'_>], looked_at: Mask) -> Mask {
    let missing = lanes.iter().map(|lane| lane.missing);
    looked_at.and(match rule {
        IgnoreRowIf::AllMissing => missing.reduce(Mask::and).unwrap_or_default(),
        IgnoreRowIf::AnyMissing => missing.reduce(Mask::or).unwrap_or_default(),
        IgnoreRowIf::Never => Mask::default(),
    })
}

/// The rows that fail: number by number where all columns are exact, else value by value.
fn failing_rows(test: &RowTest, lanes: &[&Lane<'_>], among: Mask) -> Mask {
    let is_exact = lanes.iter().all(|lane| lane.is_exact);
    if let ([a, b], true) = (lanes, is_exact) {
        let (a, b) = (a.numbers(), b.numbers());
        // A missing number is NaN, of which nothing holds.
        let passing = match test {
            RowTest::Equal => Some(Mask::of_pairs(a, b, |a, b| a == b)),
            RowTest::Greater(true) => Some(Mask::of_pairs(a, b, |a, b| a >= b)),
            RowTest::Greater(false) => Some(Mask::of_pairs(a, b, |a, b| a > b)),
            RowTest::Sum(total) => Some(Mask::of_pairs(a, b, |a, b| a + b == *total)),
            RowTest::Pairs(_) | RowTest::AllEqual | RowTest::AllDifferent => None,
        };
        if let Some(passing) = passing {
            return among.without(passing);
        }
    }
    let mut failing = Mask::default();
    let mut values: Vec<Value<'_>> = Vec::with_capacity(lanes.len());
    for row in among.rows() {
        values.clear();
        values.extend(lanes.iter().map(|lane| lane.value(row)));
        if test.fails(&values) {
            failing.set(row);
        }
    }
    failing
}
