//! One pass over the rows of a table, in batches.

mod answer;
mod counts;
mod domain;
mod lane;
mod mask;
mod memo;
mod order;
mod tally;
mod threads;

use mlcore::arrow::array::RecordBatch;
use mlcore::batch::{OwnedValue, Value};
use mlcore::time::Timestamp;
use mlcore::{Error, Result, interrupt};

use self::counts::{Counts, write_key};
use self::domain::DomainState;
use self::lane::Lane;
use self::mask::{Mask, ROWS};
use self::memo::Memo;
use self::order::{Direction, OrderState};
use self::tally::Tally;
use super::IgnoreRowIf;
use super::compile::{CompiledClause, CompiledSuite, Inner, Plan, RowTest};
use super::report::Report;

/// How a table is looked at.
///
/// ```
/// use mlcore::time::Timestamp;
/// use mlcore_features::validate::RunOptions;
///
/// let options = RunOptions::default().with_now(Timestamp::from_millis(0)).with_most_unexpected(5);
/// # let _ = options;
/// ```
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct RunOptions {
    now: Option<Timestamp>,
    most_unexpected: usize,
    most_values: usize,
    threads: usize,
}

impl Default for RunOptions {
    /// One thread; no clock; 20 unexpected values of each expectation, which is Great Expectations' `partial_unexpected_count`; and 100
    /// million values of a column, which is 800 MB, where its quantiles are asked for.
    fn default() -> Self {
        Self { now: None, most_unexpected: 20, most_values: 100_000_000, threads: 1 }
    }
}

impl RunOptions {
    /// The moment that ages are counted from.
    #[must_use]
    pub fn with_now(mut self, now: Timestamp) -> Self {
        self.now = Some(now);
        self
    }

    /// So many unexpected values are kept of each expectation, with their rows.
    #[must_use]
    pub fn with_most_unexpected(mut self, most: usize) -> Self {
        self.most_unexpected = most;
        self
    }

    /// So many values are held of each column whose quantiles, z-scores or distinct values are asked for. A table with more is
    /// refused for these.
    #[must_use]
    pub fn with_most_values(mut self, most: usize) -> Self {
        self.most_values = most;
        self
    }

    /// So many threads share a table that is [one batch](CompiledSuite::validate), where it is large. Sums and what is computed of them
    /// may differ in their last digits then.
    #[must_use]
    pub fn with_threads(mut self, threads: usize) -> Self {
        self.threads = threads;
        self
    }
}

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
#[derive(Clone, Debug)]
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
#[derive(Clone, Debug)]
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
            options: *options,
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
    /// is as it was. [`Error::InvalidInput`] for a column that cannot be read, such as a time outside the day. And
    /// [`Error::Interrupted`], after which the run has to begin again.
    pub fn update(&mut self, batch: &RecordBatch) -> Result<()> {
        self.require_whole()?;
        let suite = self.suite.clone();
        let inner = &suite.0;
        let arrays = lane::arrays(inner, batch)?;
        let mut lanes = Lane::of(inner, &arrays)?;
        self.check_room(inner, batch.num_rows())?;
        interrupt::check(UPDATE)?;
        let mut scratch = Scratch::of(inner);
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
    /// [`Error::InvalidInput`] where the other run is of another suite or has other options.
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
        let (rows, most) = (self.rows, self.options.most_unexpected);
        self.rows += later.rows;
        self.conditions.iter_mut().zip(later.conditions).for_each(|(own, later)| *own += later);
        self.domains.iter_mut().zip(later.domains).for_each(|(own, later)| own.append(later, rows));
        let plans = &self.suite.0.plans;
        for ((own, later), plan) in self.states.iter_mut().zip(later.states).zip(plans) {
            match (own, later, plan) {
                (State::Tally(own), State::Tally(later), _) => own.append(later, rows, most),
                (State::Order(own), State::Order(later), Plan::Order { descending, strictly, .. }) => {
                    let direction = Direction { descending: *descending, strictly: *strictly };
                    own.append(direction, later, rows, most);
                }
                (State::Compound(own, own_tally), State::Compound(later, tally), _) => {
                    own.append(*later, rows);
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
        let problem = "the run was interrupted in the middle of a batch";
        Err(Error::conflict(UPDATE, self.suite.suite().name(), problem).remedy("start another run"))
    }

    /// Makes sure that what is held of the columns stays within what the options allow.
    fn check_room(&self, inner: &Inner, rows: usize) -> Result<()> {
        let most = self.options.most_values;
        let refuse = |subject: &str, what: &str| {
            let problem = format!("{what} would hold more than {most} values");
            Err(Error::unsupported(UPDATE, subject, problem).remedy(
                "allow more values, look at a part of the rows, or compare the column with a profile of it",
            ))
        };
        for (domain, state) in inner.domains.iter().zip(&self.domains) {
            let held = if domain.needs.values { state.values.len().saturating_add(rows) } else { 0 };
            let distinct = state.counts.as_ref().map_or(0, |counts| counts.distinct() as usize);
            if held.max(distinct) > most {
                let name = inner.columns.get(domain.column).map_or("", |column| column.name.as_str());
                return refuse(name, "its quantiles, z-scores or distinct values");
            }
        }
        for (expectation, state) in inner.suite.expectations().iter().zip(&self.states) {
            if matches!(state, State::Compound(counts, _) if counts.distinct() as usize > most) {
                return refuse(&expectation.to_string(), "the combinations of its columns");
            }
        }
        Ok(())
    }

    /// Adds the stretch that the lanes hold.
    fn add<'a>(&mut self, inner: &Inner, lanes: &[Lane<'a>], len: usize, scratch: &mut Scratch<'a>) {
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
        for ((plan, state), memo) in inner.plans.iter().zip(&mut self.states).zip(&mut scratch.memos) {
            match (plan, state) {
                (Plan::Column { column, condition, test }, State::Tally(tally)) => {
                    let Some(lane) = lanes.get(*column) else { continue };
                    let looked_at = looked_at(condition, &scratch.conditions);
                    let missing =
                        if test.is_about_missing() { Mask::default() } else { looked_at.and(lane.missing) };
                    let failing = lane.failing_with(test, looked_at.without(missing), memo.as_mut());
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
    /// One for each expectation.
    memos: Vec<Option<Memo<'a>>>,
}

impl Scratch<'_> {
    fn of(inner: &Inner) -> Self {
        let memo = |plan: &Plan| if let Plan::Column { test, .. } = plan { Memo::of(test) } else { None };
        let memos = inner.plans.iter().map(memo).collect();
        Self { conditions: Vec::new(), numbers: Vec::new(), key: Vec::new(), memos }
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
        let pairs = || a.numbers().iter().zip(b.numbers());
        // A missing number is NaN, of which nothing holds.
        let passing = match test {
            RowTest::Equal => Some(of_pairs(pairs(), |a, b| a == b)),
            RowTest::Greater(true) => Some(of_pairs(pairs(), |a, b| a >= b)),
            RowTest::Greater(false) => Some(of_pairs(pairs(), |a, b| a > b)),
            RowTest::Sum(total) => Some(of_pairs(pairs(), |a, b| a + b == *total)),
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

fn of_pairs<'a>(pairs: impl Iterator<Item = (&'a f64, &'a f64)>, holds: impl Fn(f64, f64) -> bool) -> Mask {
    let mut mask = Mask::default();
    for (row, (a, b)) in pairs.enumerate() {
        if holds(*a, *b) {
            mask.set(row);
        }
    }
    mask
}
