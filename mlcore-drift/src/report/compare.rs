//! Two tables compared column by column, by one thread or several.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, ScopedJoinHandle};
use std::time::Duration;

use mlcore::arrow::array::{Array, ArrayRef, RecordBatch, RecordBatchOptions, new_null_array};
use mlcore::arrow::datatypes::{DataType, Field, Schema};
use mlcore::{Error, Result, interrupt};

use super::{ColumnReport, ColumnSource, OPERATION, REPORT_VERSION, Report, ReportOptions};
use crate::monitor::{
    ColumnVerdict, Judged, MonitorOptions, Outcome, Read, SkippedColumn, TableVerdict, Verdict, Watched,
    Window, absent, asked_columns, compare_tables, conclude, nothing_to_watch, read_reference, table_tests,
    thinned_column, threshold_of_reference,
};
use crate::table::TableTest;

/// The report of two tables.
pub(super) fn tables(
    reference: &(impl ColumnSource + ?Sized),
    current: &(impl ColumnSource + ?Sized),
    options: &ReportOptions,
) -> Result<Report> {
    let monitor = &options.monitor;
    let (reference, current) = (Side::new(reference, monitor), Side::new(current, monitor));
    let names: Vec<&str> = reference.names.iter().map(String::as_str).collect();
    let asked = asked_columns(&names, reference.rows, monitor)?;
    let places: HashMap<&str, usize> =
        current.names.iter().enumerate().rev().map(|(place, name)| (name.as_str(), place)).collect();
    let tests = table_tests(&options.table_tests, &monitor.catalog)?;

    if places.len() < current.names.len() {
        let compared = asked.iter().filter_map(|position| names.get(*position).copied());
        require_once(&current.names, compared)?;
    }
    if let Some(first) = asked.first().map(|position| reference.name(*position))
        && !asked.iter().any(|position| places.contains_key(reference.name(*position)))
    {
        return Err(absent(OPERATION, first));
    }
    let compare = |place: usize| {
        let Some(position) = asked.get(place).copied() else { return Err(nothing_to_watch()) };
        let name = reference.name(position);
        let place = places.get(name).copied();
        Compared::new(
            name,
            &reference.read(position)?,
            || match place {
                Some(place) => current.read(place),
                // A column that vanished has no value in any row.
                None => Ok(new_null_array(&DataType::Null, current.rows)),
            },
            reference.rows,
            options,
        )
    };
    let compared = each(asked.len(), options.threads.get(), compare)?;

    let (mut columns, mut judged, mut skipped, mut legends) =
        (Vec::new(), Vec::new(), Vec::new(), BTreeMap::new());
    for compared in compared {
        match compared {
            Compared::Column { report, tests, meanings } => {
                columns.push(*report);
                judged.push(tests);
                legends.extend(meanings);
            }
            Compared::Skipped(column) => skipped.push(column),
        }
    }
    if columns.is_empty() {
        return Err(nothing_to_watch());
    }
    let tables = of_whole_rows(&tests, &reference, &current, monitor)?;
    let verdict = conclude(judged, monitor, monitor.alpha, tables)?;
    judge(&mut columns, &verdict.columns);
    columns.sort_by(|a, b| b.urgency().total_cmp(&a.urgency()));
    let of_table = |test: &Arc<dyn TableTest>| (test.name().to_owned(), test.legend().to_owned());
    legends.extend(tests.iter().map(of_table).filter(|(_, legend)| !legend.is_empty()));
    let vanished = columns.iter().map(|column| &column.name);
    let vanished = vanished.filter(|name| !places.contains_key(name.as_str())).cloned().collect();
    let verdict = Verdict {
        window: Window { index: 0, first_row: 0, rows: current.rows as u64 },
        reference_rows: reference.rows as u64,
        skipped,
        new_columns: new_columns(&reference, &current, monitor),
        vanished_columns: vanished,
        ..verdict
    };
    Ok(Report { version: REPORT_VERSION, title: options.title.clone(), verdict, columns, legends })
}

/// Refuses a column that is compared and stands twice among `names`: nobody could say which of them is meant.
fn require_once<'a>(names: &[String], mut compared: impl Iterator<Item = &'a str>) -> Result<()> {
    let mut counts: HashMap<&str, usize> = HashMap::new();
    names.iter().for_each(|name| *counts.entry(name).or_default() += 1);
    match compared.find(|name| counts.get(name).is_some_and(|count| *count > 1)) {
        None => Ok(()),
        Some(name) => {
            let problem = "the column's name occurs twice in the current table";
            Err(Error::schema_mismatch(OPERATION, name, problem).remedy("rename one of them, or drop it"))
        }
    }
}

/// Gives each column the verdicts of its tests, which stand in the order of the columns, and the worst of their outcomes.
fn judge(columns: &mut [ColumnReport], verdicts: &[ColumnVerdict]) {
    let mut verdicts = verdicts.iter().peekable();
    for column in columns {
        while let Some(test) = verdicts.next_if(|test| test.column == column.name) {
            column.tests.push(test.clone());
        }
        let any = |outcome| column.tests.iter().any(|test| test.outcome == outcome);
        let worst = [Outcome::Drifted, Outcome::Stable].into_iter().find(|outcome| any(*outcome));
        column.outcome = worst.unwrap_or(Outcome::InsufficientData);
    }
}

/// One of the two tables.
struct Side<'a, S: ?Sized> {
    source: &'a S,
    names: Vec<String>,
    all_rows: usize,
    /// Of every so many rows one is taken.
    thin: usize,
    /// The rows that are taken.
    rows: usize,
}

impl<'a, S: ColumnSource + ?Sized> Side<'a, S> {
    fn new(source: &'a S, options: &MonitorOptions) -> Self {
        let (all_rows, thin) = (source.num_rows(), options.thin.max(1));
        Self { source, names: source.names(), all_rows, thin, rows: all_rows.div_ceil(thin) }
    }

    fn name(&self, position: usize) -> &str {
        self.names.get(position).map_or("", String::as_str)
    }

    fn read(&self, position: usize) -> Result<ArrayRef> {
        let array = self.source.column(position)?;
        if array.len() != self.all_rows {
            let problem = format!("it has {} values and the table {} rows", array.len(), self.all_rows);
            return Err(Error::schema_mismatch(OPERATION, self.name(position), problem)
                .remedy("give every column one value per row"));
        }
        if self.thin == 1 { Ok(array) } else { thinned_column(&array, 0, self.thin) }
    }

    fn whole(&self) -> Result<RecordBatch> {
        let arrays = (0..self.names.len()).map(|position| self.read(position)).collect::<Result<Vec<_>>>()?;
        let field = |(name, array): (&String, &ArrayRef)| Field::new(name, array.data_type().clone(), true);
        let fields: Vec<Field> = self.names.iter().zip(&arrays).map(field).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(self.rows));
        RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), arrays, &options)
            .map_err(|cause| Error::internal(OPERATION, "table", cause.to_string()).caused_by(cause))
    }
}

/// What was found out about one column of the reference.
enum Compared {
    Column {
        /// Without the verdicts of its tests, which depend on the other columns.
        report: Box<ColumnReport>,
        tests: Judged,
        meanings: Vec<(String, String)>,
    },
    Skipped(SkippedColumn),
}

impl Compared {
    fn new(
        name: &str,
        reference: &dyn Array,
        current: impl Fn() -> Result<ArrayRef>,
        reference_rows: usize,
        options: &ReportOptions,
    ) -> Result<Self> {
        let array = reference;
        let reference = match read_reference(name, array, &options.monitor)? {
            Read::Sample(sample) => sample,
            Read::Skipped(column) => return Ok(Self::Skipped(column)),
        };
        let chunks = threshold_of_reference(name, &reference, array, &options.monitor)?;
        let watched = Watched::once(name, &reference, chunks, &options.monitor)?;
        let current = watched.read(&*current()?, OPERATION)?;
        let tests = watched.judge(&current, reference_rows as u64, &options.monitor)?;
        let report = Box::new(ColumnReport::new(name, &reference, &current, options)?);
        Ok(Self::Column { report, tests, meanings: watched.legends().collect() })
    }
}

/// The tests of whole rows, which need the whole tables.
fn of_whole_rows(
    tests: &[Arc<dyn TableTest>],
    reference: &Side<'_, impl ColumnSource + ?Sized>,
    current: &Side<'_, impl ColumnSource + ?Sized>,
    options: &MonitorOptions,
) -> Result<Vec<TableVerdict>> {
    if tests.is_empty() {
        return Ok(Vec::new());
    }
    compare_tables(tests, &reference.whole()?, &current.whole()?, options.min_samples.max(1))
}

/// The columns of the current table that the reference does not have.
fn new_columns(
    reference: &Side<'_, impl ColumnSource + ?Sized>,
    current: &Side<'_, impl ColumnSource + ?Sized>,
    options: &MonitorOptions,
) -> Vec<String> {
    // With a list of columns, the others are known to be out of scope.
    if options.columns.is_some() {
        return Vec::new();
    }
    let known: HashSet<&str> = reference.names.iter().map(String::as_str).collect();
    current.names.iter().filter(|name| !known.contains(name.as_str())).cloned().collect()
}

/// What `work` makes of each number below `count`, in order, by this many threads; the first error, if there is one.
fn each<T: Send>(count: usize, threads: usize, work: impl Fn(usize) -> Result<T> + Sync) -> Result<Vec<T>> {
    if threads <= 1 || count <= 1 {
        return (0..count).map(work).collect();
    }
    let next = AtomicUsize::new(0);
    let caller = interrupt::handle();
    let share = || {
        let mut done = Vec::new();
        loop {
            let position = next.fetch_add(1, Ordering::Relaxed);
            if position >= count {
                return done;
            }
            let result = work(position);
            if result.is_err() {
                // The others need not begin anything more.
                next.store(count, Ordering::Relaxed);
            }
            done.push((position, result));
        }
    };
    let mut done = thread::scope(|scope| {
        // Where the system has no thread left, those that there are do the work.
        let begin = |_| thread::Builder::new().spawn_scoped(scope, || caller.enter(share)).ok();
        let others: Vec<_> = (1..threads.min(count)).filter_map(begin).collect();
        let mut done = share();
        // The caller's thread alone can be asked to stop: what the others still do stops with it.
        while interrupt::is_active() && !others.iter().all(ScopedJoinHandle::is_finished) {
            if interrupt::is_stopped() {
                break;
            }
            thread::sleep(LOOK);
        }
        for other in others {
            let failed = |_| Error::internal(OPERATION, "thread", "a thread that compared columns panicked");
            done.extend(other.join().map_err(failed)?);
        }
        Ok::<_, Error>(done)
    })?;
    interrupt::check(OPERATION)?;
    done.sort_unstable_by_key(|(position, _)| *position);
    done.into_iter().map(|(_, result)| result).collect()
}

/// How often a thread that has nothing left to do looks at the others.
const LOOK: Duration = Duration::from_micros(200);
