//! The columns of a reference, each with its test compiled; from scores to a verdict.

use std::cell::LazyCell;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use mlcore::arrow::array::{Array, RecordBatch};
use mlcore::arrow::datatypes::Schema as ArrowSchema;
use mlcore::stats::multipletests;
use mlcore::{Error, Result, interrupt};

use super::dependence::{Alike, dependence};
use super::fleet::{Counting, MOST_EDGES};
use super::options::{MonitorOptions, OPERATION};
use super::sentence::{Level, sentence, table_sentence};
use super::values::{JudgedTest, Test, Values, threshold_of_reference};
use super::verdict::{ColumnVerdict, Outcome, SkippedColumn, TableVerdict, VERDICT_VERSION, Verdict, Window};
use crate::sample::{Categories, Kind, Sample, Spelling};
use crate::two_sample::{CompiledTest, DriftTest, MissingRate, Needs, Score};

/// What is watched, and how.
#[derive(Debug)]
pub(crate) struct Plan {
    /// Shared with the reference that they were compiled for.
    pub(crate) columns: Vec<Arc<Watched>>,
    pub(crate) skipped: Vec<SkippedColumn>,
    pub(crate) options: MonitorOptions,
    pub(crate) reference_rows: u64,
}

/// One column with its tests.
#[derive(Debug)]
pub(crate) struct Watched {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(super) spelling: Spelling,
    values: Values,
    /// `None` where missing rows are not compared.
    missing: Option<Test>,
    reference_len: u64,
    reference_missing: u64,
    /// How its rows are counted for a fleet; `None` where the test needs every value.
    counting: Option<Counting>,
}

/// What the tests of one column say, before p-values are corrected.
#[derive(Debug)]
pub(crate) struct Judged {
    tests: Vec<JudgedTest>,
    alike: Option<Alike>,
}

/// A test that makes a single comparison, which is quicker than to compile its reference first.
#[derive(Debug)]
struct Once {
    test: Arc<dyn DriftTest>,
    reference: Sample,
}

impl CompiledTest for Once {
    fn compare(&self, current: &Sample) -> Result<Score> {
        self.test.compare(&self.reference, current)
    }

    fn needs(&self) -> Needs {
        Needs::Values
    }
}

/// What a column is read as, or why nobody watches it.
pub(crate) enum Read {
    Sample(Sample),
    Skipped(SkippedColumn),
}

/// Reads a column of a reference.
pub(crate) fn read_reference(name: &str, array: &dyn Array, options: &MonitorOptions) -> Result<Read> {
    let own = options.column_options.get(name);
    let kind = own.and_then(|own| own.kind).or_else(|| Sample::natural_kind(array));
    let sample = match kind {
        Some(kind) => Sample::from_array_as(array, kind),
        None => Sample::from_array(array),
    };
    match sample {
        Ok(sample) => Ok(Read::Sample(sample)),
        Err(error @ Error::Interrupted(_)) => Err(error),
        // Asked for by name and impossible is an error; found on the way and impossible is a note.
        Err(error) if options.columns.is_some() || own.is_some() => {
            let context = error.context();
            let problem = context.problem().to_owned();
            let remedy = context.remedy().unwrap_or("do not watch it").to_owned();
            Err(Error::unsupported(OPERATION, name, problem).remedy(remedy))
        }
        Err(error) => {
            let reason = error.context().problem().to_owned();
            Ok(Read::Skipped(SkippedColumn { column: name.to_owned(), reason }))
        }
    }
}

/// A column of a reference.
#[derive(Clone, Debug)]
pub(crate) struct ReferenceColumn {
    pub(crate) name: String,
    pub(crate) sample: Sample,
    /// The smallest effect that the reference itself gives, by the order of its rows.
    pub(crate) threshold: Option<f64>,
}

/// The columns of a reference that are asked for, and those among them that nobody watches.
pub(crate) fn read_columns(
    reference: &RecordBatch,
    options: &MonitorOptions,
) -> Result<(Vec<ReferenceColumn>, Vec<SkippedColumn>)> {
    let schema = reference.schema();
    let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    let (mut columns, mut skipped) = (Vec::new(), Vec::new());
    for position in asked_columns(&names, reference.num_rows(), options)? {
        let name = schema.field(position).name();
        let array = reference.column(position);
        match read_reference(name, array, options)? {
            Read::Sample(sample) => {
                let threshold = threshold_of_reference(name, &sample, array, options)?;
                columns.push(ReferenceColumn { name: name.clone(), sample, threshold });
            }
            Read::Skipped(column) => skipped.push(column),
        }
    }
    Ok((columns, skipped))
}

/// The positions of the columns of a reference that are asked for.
pub(crate) fn asked_columns(names: &[&str], rows: usize, options: &MonitorOptions) -> Result<Vec<usize>> {
    options.check()?;
    if rows == 0 {
        return Err(Error::invalid_input(OPERATION, "reference", "the table has no rows")
            .remedy("pass the rows the model was trained on, or a week of good traffic"));
    }
    check_names(names, options)?;
    let only: Option<HashSet<&str>> =
        options.columns.as_ref().map(|asked| asked.iter().map(String::as_str).collect());
    let is_asked = |name: &str| only.as_ref().is_none_or(|only| only.contains(name));
    let asked = names.iter().enumerate().filter(|(_, name)| is_asked(name));
    Ok(asked.map(|(position, _)| position).collect())
}

/// Where each name stands first.
pub(super) fn first_places<'a>(names: impl Iterator<Item = &'a str>) -> HashMap<&'a str, usize> {
    let mut places = HashMap::new();
    for (place, name) in names.enumerate() {
        places.entry(name).or_insert(place);
    }
    places
}

/// The error for a reference of which nothing can be watched.
pub(crate) fn nothing_to_watch() -> Error {
    Error::invalid_input(OPERATION, "reference", "no column can be watched")
        .remedy("pass numbers, text or booleans")
}

/// The error for a table without any column of the reference, of which `column` is the first.
pub(crate) fn absent(operation: &'static str, column: &str) -> Error {
    let problem = "the table does not have this column, nor any other that is watched";
    Error::schema_mismatch(operation, column.to_owned(), problem)
        .remedy("send the columns of the reference, or watch others: set the option columns")
}

impl Plan {
    /// The plan of compiled columns of a reference of so many rows.
    pub(crate) fn new(
        columns: Vec<Arc<Watched>>,
        skipped: Vec<SkippedColumn>,
        options: &MonitorOptions,
        reference_rows: u64,
    ) -> Result<Self> {
        if columns.is_empty() {
            return Err(nothing_to_watch());
        }
        Ok(Self { columns, skipped, options: options.clone(), reference_rows })
    }

    /// Where a table of this schema has the watched columns, some of which may have vanished.
    ///
    /// # Errors
    /// [`Error::SchemaMismatch`] for a table without any of them, which is another table.
    pub(super) fn positions(
        &self,
        schema: &ArrowSchema,
        operation: &'static str,
    ) -> Result<Vec<Option<usize>>> {
        // Most tables come in the order of the reference, which saves a search for every name.
        let places =
            LazyCell::new(|| first_places(schema.fields().iter().map(|field| field.name().as_str())));
        let find = |(here, column): (usize, &Arc<Watched>)| {
            let is_here = schema.fields().get(here).is_some_and(|field| *field.name() == column.name);
            if is_here { Some(here) } else { places.get(column.name.as_str()).copied() }
        };
        let positions: Vec<Option<usize>> = self.columns.iter().enumerate().map(find).collect();
        match self.columns.first().filter(|_| positions.iter().all(Option::is_none)) {
            Some(column) => Err(absent(operation, &column.name)),
            None => Ok(positions),
        }
    }

    /// The columns of a table that the reference does not have.
    pub(crate) fn new_columns(&self, schema: &ArrowSchema) -> Vec<String> {
        // With a list of columns, the others are known to be out of scope.
        if self.options.columns.is_some() {
            return Vec::new();
        }
        let known: LazyCell<HashSet<&str>, _> = LazyCell::new(|| {
            let skipped = self.skipped.iter().map(|column| column.column.as_str());
            self.columns.iter().map(|column| column.name.as_str()).chain(skipped).collect()
        });
        let is_known = |position: usize, name: &str| {
            self.columns.get(position).is_some_and(|column| column.name == name) || known.contains(name)
        };
        let names = schema.fields().iter().map(|field| field.name()).enumerate();
        names.filter(|(position, name)| !is_known(*position, name)).map(|(_, name)| name.clone()).collect()
    }

    /// Judges one sample per watched column, at this error rate.
    pub(crate) fn verdict(&self, current: &[Sample], window: Window, alpha: f64) -> Result<Verdict> {
        let judge = |(column, sample): (&Arc<Watched>, &Sample)| {
            column.judge(sample, self.reference_rows, &self.options)
        };
        let judged = self.columns.iter().zip(current).map(judge).collect::<Result<Vec<Judged>>>()?;
        let verdict = conclude(judged, &self.options, alpha, Vec::new())?;
        let skipped = self.skipped.clone();
        Ok(Verdict { window, reference_rows: self.reference_rows, skipped, ..verdict })
    }
}

/// The verdict of what the columns and the tests of whole rows say, at this error rate; its window, the rows of the reference
/// and what was skipped are the caller's.
pub(crate) fn conclude(
    judged: Vec<Judged>,
    options: &MonitorOptions,
    alpha: f64,
    mut tables: Vec<TableVerdict>,
) -> Result<Verdict> {
    let level = Level { alpha, ..Level::of(options) };
    let alike = judged.iter().filter_map(|column| column.alike.as_ref());
    let notes = dependence(&alike.collect::<Vec<_>>()).into_iter().collect();
    let judged: Vec<JudgedTest> = judged.into_iter().flat_map(|column| column.tests).collect();
    let of_table = |table: &TableVerdict| table.score.as_ref().and_then(|score| score.score.pvalue);
    let of_tables = tables.iter().map(|table| of_table(table).unwrap_or(f64::NAN));
    // A test that sees no change is no test: counting it would only dilute the others.
    let tests = judged.iter().filter(|judged| !judged.pvalue.is_nan()).count() + tables.len();
    let is_blind = |score: &Score| {
        let certain = alpha / tests.max(1) as f64;
        score.replaced_pvalue.is_some_and(|pvalue| pvalue > certain) && score.pvalue > Some(certain)
    };
    let is_judged = |judged: &&JudgedTest| !judged.verdict.score.as_ref().is_some_and(is_blind);
    let of_columns = judged.iter().map(|judged| if is_judged(&judged) { judged.pvalue } else { f64::NAN });
    let pvalues: Vec<f64> = of_columns.chain(of_tables).collect();
    let corrected = multipletests(&pvalues, alpha, options.correction)?;
    let mut corrected = corrected.reject.into_iter().zip(corrected.pvals_corrected);
    let mut columns = Vec::with_capacity(judged.len());
    for (JudgedTest { mut verdict, looks_for, .. }, corrected) in judged.into_iter().zip(&mut corrected) {
        if let Some(score) = verdict.score.as_ref().filter(|score| !is_blind(score)) {
            (verdict.outcome, verdict.pvalue_adjusted) = decide(score, corrected, verdict.threshold);
        }
        verdict.sentence = sentence(&verdict, looks_for, &level);
        columns.push(verdict);
    }
    for (table, corrected) in tables.iter_mut().zip(corrected) {
        if let Some(score) = &table.score {
            (table.outcome, table.pvalue_adjusted) = decide(&score.score, corrected, table.threshold);
        }
        table.sentence = table_sentence(table, &level);
    }
    let share = share_of_drifted(&columns);
    let is_enough = match options.drift_share {
        // Exactly that share is enough, whatever the division rounds to.
        Some(least) => share > 0.0 && share >= least - 1e-12,
        None => share > 0.0,
    };
    let is_insufficient = |outcome: Outcome| outcome == Outcome::InsufficientData;
    let overall = if is_enough || tables.iter().any(|table| table.outcome == Outcome::Drifted) {
        Outcome::Drifted
    } else if columns.iter().all(|column| is_insufficient(column.outcome))
        && tables.iter().all(|table| is_insufficient(table.outcome))
    {
        Outcome::InsufficientData
    } else {
        Outcome::Stable
    };
    Ok(Verdict {
        version: VERDICT_VERSION,
        overall,
        window: Window { index: 0, first_row: 0, rows: 0 },
        reference_rows: 0,
        columns,
        tables,
        skipped: Vec::new(),
        new_columns: Vec::new(),
        vanished_columns: Vec::new(),
        notes,
        correction: options.correction.name().to_owned(),
        alpha,
        share_of_drifted_columns: share,
        drift_share: options.drift_share,
    })
}

/// The share of the columns in which a test found drift; the tests of a column follow each other.
fn share_of_drifted(tests: &[ColumnVerdict]) -> f64 {
    let (mut columns, mut drifted) = (0_u64, 0_u64);
    for of_column in tests.chunk_by(|a, b| a.column == b.column) {
        columns += 1;
        drifted += u64::from(of_column.iter().any(|test| test.outcome == Outcome::Drifted));
    }
    drifted as f64 / columns.max(1) as f64
}

/// The judgement of a score, and its p-value if it has one, corrected: drifted if certain and large.
fn decide(score: &Score, (reject, adjusted): (bool, f64), threshold: f64) -> (Outcome, Option<f64>) {
    // A test without a p-value is decided by its effect alone.
    let certain = score.pvalue.is_none() || reject;
    let large = score.effect.value >= threshold && score.effect.value > 0.0;
    let outcome = if certain && large { Outcome::Drifted } else { Outcome::Stable };
    (outcome, score.pvalue.map(|_| adjusted))
}

impl Watched {
    /// Columns that are compared again and again.
    pub(crate) fn all(columns: &[ReferenceColumn], options: &MonitorOptions) -> Result<Vec<Arc<Self>>> {
        columns.iter().map(|column| Self::new(column, options).map(Arc::new)).collect()
    }

    fn new(column: &ReferenceColumn, options: &MonitorOptions) -> Result<Self> {
        let ReferenceColumn { name, sample, threshold } = column;
        Self::with(name, sample, *threshold, options, |test, reference| test.compile(reference))
    }

    /// A column that is compared once.
    pub(crate) fn once(
        name: &str,
        reference: &Sample,
        threshold: Option<f64>,
        options: &MonitorOptions,
    ) -> Result<Self> {
        Self::with(name, reference, threshold, options, |test, reference| {
            Ok(Box::new(Once { test: Arc::clone(test), reference: reference.clone() }))
        })
    }

    fn with(
        name: &str,
        reference: &Sample,
        threshold: Option<f64>,
        options: &MonitorOptions,
        compile: impl Fn(&Arc<dyn DriftTest>, &Sample) -> Result<Box<dyn CompiledTest>>,
    ) -> Result<Self> {
        let values = Values::of(name, reference, threshold, options, compile)?;
        let missing = MissingRate::default();
        // A column's own smallest effect is in the unit of its own test.
        let by_name = options.minimum_effects.get(missing.name()).copied();
        let missing = if options.preset.compares_missing_rows() || by_name.is_some() {
            Some(Test {
                compiled: Some(missing.compile(reference)?),
                threshold: by_name.unwrap_or_else(|| missing.default_minimum_effect()),
                test: Arc::new(missing),
            })
        } else {
            None
        };
        let counting = match &values {
            Values::One(test) => {
                let needs =
                    test.compiled.as_ref().map_or(Needs::Rows, |compiled| compiled.summary(MOST_EDGES));
                Counting::of(reference, needs, options.max_categories)?
            }
            // The choice depends on the current values.
            Values::Chosen { .. } => None,
        };
        let (kind, reference_len, reference_missing) =
            (reference.kind(), reference.len(), reference.missing());
        let spelling = reference.categories().map_or(Spelling::Number, Categories::spelling);
        let name = name.to_owned();
        Ok(Self { name, kind, spelling, values, missing, reference_len, reference_missing, counting })
    }

    /// The names of the tests of its values.
    pub(super) fn test_names(&self) -> String {
        self.values.tests().map(|test| test.test.name()).collect::<Vec<_>>().join(" or ")
    }

    /// How its rows are counted for a fleet.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] where the test of its values needs every one of them.
    pub(super) fn counting(&self) -> Result<&Counting> {
        self.counting.as_ref().ok_or_else(|| {
            let problem =
                format!("the test {} needs every value, and a fleet counts them", self.test_names());
            Error::invalid_input("count for a fleet", self.name.as_str(), problem)
                .remedy("choose ks, psi or another test of counts for the column")
        })
    }

    /// What the effects of its tests mean, by name of test.
    pub(crate) fn legends(&self) -> impl Iterator<Item = (String, String)> {
        let tests = self.values.tests().chain(&self.missing).map(|test| &test.test);
        let tests = tests.filter(|test| !test.legend().is_empty());
        tests.map(|test| (test.name().to_owned(), test.legend().to_owned()))
    }

    /// What its tests say of a sample.
    pub(crate) fn judge(
        &self,
        sample: &Sample,
        reference_rows: u64,
        options: &MonitorOptions,
    ) -> Result<Judged> {
        let fewest = options.min_samples.max(1);
        let mut tests = vec![self.values.judge(self, sample, self.reference_len, fewest)?];
        // A column that never misses a value is no test: counting it would only dilute the others.
        if let Some(missing) = &self.missing
            && self.reference_missing + sample.missing() > 0
        {
            tests.push(missing.judge(self, sample, reference_rows.min(sample.rows()) >= fewest)?);
        }
        let alike = Alike::of(&self.name, sample);
        // Also for a test that does not look itself.
        interrupt::check(OPERATION)?;
        Ok(Judged { tests, alike })
    }

    /// The sample of a column of this name.
    pub(crate) fn read(&self, array: &dyn Array, operation: &'static str) -> Result<Sample> {
        Sample::from_array_as(array, self.kind).map_err(|error| {
            if let Error::Interrupted(_) = error {
                return error;
            }
            let problem = error.context().problem().to_owned();
            let expected = format!("it is {} in the reference: {problem}", self.kind);
            Error::schema_mismatch(operation, self.name.clone(), expected).caused_by(error)
        })
    }
}

fn check_names(present: &[&str], options: &MonitorOptions) -> Result<()> {
    let mut sorted = present.to_vec();
    sorted.sort_unstable();
    if let Some(pair) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(Error::invalid_input(
            OPERATION,
            pair[0],
            "the column's name occurs twice in the reference",
        ));
    }
    let asked = options.columns.iter().flatten().chain(options.column_options.keys());
    match asked.into_iter().find(|name| sorted.binary_search(&name.as_str()).is_err()) {
        None => Ok(()),
        Some(name) => {
            let problem = format!("the reference has no such column; it has {}", present.join(", "));
            Err(Error::not_found(OPERATION, name.clone(), problem))
        }
    }
}
