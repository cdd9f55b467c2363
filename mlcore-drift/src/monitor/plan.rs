//! The columns of a reference, each with its test compiled; from scores to a verdict.

use std::collections::BTreeMap;
use std::sync::Arc;

use mlcore::arrow::array::{Array, RecordBatch};
use mlcore::arrow::datatypes::Schema as ArrowSchema;
use mlcore::stats::multipletests;
use mlcore::{Error, Result};

use super::dependence::dependence;
use super::options::{MonitorOptions, OPERATION};
use super::sentence::{Level, sentence, table_sentence};
use super::verdict::{ColumnVerdict, Outcome, SkippedColumn, TableVerdict, VERDICT_VERSION, Verdict, Window};
use crate::sample::{Categories, Kind, Sample, Spelling};
use crate::two_sample::{CompiledTest, DriftTest, LooksFor, MissingRate, Score};

/// What is watched, and how.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) columns: Vec<Watched>,
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
    values: Test,
    missing: Test,
    reference_len: u64,
    reference_missing: u64,
}

#[derive(Debug)]
struct Test {
    test: Arc<dyn DriftTest>,
    /// `None` if the reference has no value to compare with.
    compiled: Option<Box<dyn CompiledTest>>,
    threshold: f64,
}

/// A verdict before p-values are corrected.
struct Judged {
    verdict: ColumnVerdict,
    /// NaN where there is none.
    pvalue: f64,
    looks_for: LooksFor,
}

impl Plan {
    /// Compiles the columns of `reference`; with each, the sample it was made from.
    pub(crate) fn new(reference: &RecordBatch, options: &MonitorOptions) -> Result<(Self, Vec<Sample>)> {
        options.check()?;
        if reference.num_rows() == 0 {
            return Err(Error::invalid_input(OPERATION, "reference", "the table has no rows")
                .remedy("pass the rows the model was trained on, or a week of good traffic"));
        }
        let (mut columns, mut skipped, mut samples) = (Vec::new(), Vec::new(), Vec::new());
        let schema = reference.schema();
        let is_asked =
            |name: &str| options.columns.as_ref().is_none_or(|asked| asked.iter().any(|n| n == name));
        check_names(&schema.fields().iter().map(|field| field.name().as_str()).collect::<Vec<_>>(), options)?;
        for (field, array) in schema.fields().iter().zip(reference.columns()) {
            let name = field.name();
            if !is_asked(name) {
                continue;
            }
            let own = options.column_options.get(name);
            let kind = own.and_then(|own| own.kind).or_else(|| Sample::natural_kind(array));
            let sample = match kind {
                Some(kind) => Sample::from_array_as(array, kind),
                None => Sample::from_array(array),
            };
            match sample {
                Ok(sample) => {
                    columns.push(Watched::new(name, &sample, options)?);
                    samples.push(sample);
                }
                // Asked for by name and impossible is an error; found on the way and impossible is a note.
                Err(error) if options.columns.is_some() || own.is_some() => {
                    let context = error.context();
                    let problem = context.problem().to_owned();
                    let remedy = context.remedy().unwrap_or("do not watch it").to_owned();
                    return Err(Error::unsupported(OPERATION, name, problem).remedy(remedy));
                }
                Err(error) => {
                    let reason = error.context().problem().to_owned();
                    skipped.push(SkippedColumn { column: name.clone(), reason });
                }
            }
        }
        if columns.is_empty() {
            return Err(Error::invalid_input(OPERATION, "reference", "no column can be watched")
                .remedy("pass numbers, text or booleans"));
        }
        let plan =
            Self { columns, skipped, options: options.clone(), reference_rows: reference.num_rows() as u64 };
        Ok((plan, samples))
    }

    /// The samples of a table, one per watched column in order; extra columns are ignored.
    pub(crate) fn samples(&self, table: &RecordBatch, operation: &'static str) -> Result<Vec<Sample>> {
        let read = |(watched, position): (&Watched, usize)| watched.read(table.column(position), operation);
        self.columns.iter().zip(self.positions(table.schema_ref(), operation)?).map(read).collect()
    }

    /// What the effects of the tests mean, by name of test.
    pub(crate) fn legends(&self) -> BTreeMap<String, String> {
        let tests = self.columns.iter().flat_map(|column| [&column.values.test, &column.missing.test]);
        tests
            .filter(|test| !test.legend().is_empty())
            .map(|test| (test.name().to_owned(), test.legend().to_owned()))
            .collect()
    }

    /// Where a table of this schema has the watched columns.
    pub(super) fn positions(&self, schema: &ArrowSchema, operation: &'static str) -> Result<Vec<usize>> {
        let find = |(here, column): (usize, &Watched)| {
            // Most tables come in the order of the reference, which saves a search for every name.
            let is_here = schema.fields().get(here).is_some_and(|field| *field.name() == column.name);
            let found = if is_here { Some(here) } else { schema.index_of(&column.name).ok() };
            found.ok_or_else(|| {
                let problem = "the table does not have this column";
                Error::schema_mismatch(operation, column.name.clone(), problem)
                    .remedy("send every column of the reference, or watch fewer: set the option columns")
            })
        };
        self.columns.iter().enumerate().map(find).collect()
    }

    /// The columns of a table that the reference does not have.
    pub(crate) fn new_columns(&self, schema: &ArrowSchema) -> Vec<String> {
        // With a list of columns, the others are known to be out of scope.
        if self.options.columns.is_some() {
            return Vec::new();
        }
        let is_known = |position: usize, name: &str| {
            self.columns.get(position).is_some_and(|column| column.name == name)
                || self.columns.iter().any(|column| column.name == name)
                || self.skipped.iter().any(|column| column.column == name)
        };
        let names = schema.fields().iter().map(|field| field.name()).enumerate();
        names.filter(|(position, name)| !is_known(*position, name)).map(|(_, name)| name.clone()).collect()
    }

    /// Judges one sample per watched column, at this error rate.
    pub(crate) fn verdict(&self, current: &[Sample], window: Window, alpha: f64) -> Result<Verdict> {
        self.verdict_with(current, window, alpha, Vec::new())
    }

    /// The same, with what tests of whole rows said.
    pub(crate) fn verdict_with(
        &self,
        current: &[Sample],
        window: Window,
        alpha: f64,
        mut tables: Vec<TableVerdict>,
    ) -> Result<Verdict> {
        let level = Level { alpha, ..Level::of(&self.options) };
        let judged = self.judge(current)?;
        let of_table = |table: &TableVerdict| table.score.as_ref().and_then(|score| score.score.pvalue);
        let of_tables = tables.iter().map(|table| of_table(table).unwrap_or(f64::NAN));
        // A test that sees no change is no test: counting it would only dilute the others.
        let tests = judged.iter().filter(|judged| !judged.pvalue.is_nan()).count() + tables.len();
        let is_blind = |score: &Score| {
            let certain = alpha / tests.max(1) as f64;
            score.replaced_pvalue.is_some_and(|pvalue| pvalue > certain) && score.pvalue > Some(certain)
        };
        let is_judged = |judged: &&Judged| !judged.verdict.score.as_ref().is_some_and(is_blind);
        let of_columns =
            judged.iter().map(|judged| if is_judged(&judged) { judged.pvalue } else { f64::NAN });
        let pvalues: Vec<f64> = of_columns.chain(of_tables).collect();
        let corrected = multipletests(&pvalues, alpha, self.options.correction)?;
        let mut corrected = corrected.reject.into_iter().zip(corrected.pvals_corrected);
        let mut columns = Vec::with_capacity(judged.len());
        for (Judged { mut verdict, looks_for, .. }, corrected) in judged.into_iter().zip(&mut corrected) {
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
        let outcomes =
            || columns.iter().map(|column| column.outcome).chain(tables.iter().map(|table| table.outcome));
        let found =
            [Outcome::Drifted, Outcome::Stable].into_iter().find(|one| outcomes().any(|own| own == *one));
        Ok(Verdict {
            version: VERDICT_VERSION,
            overall: found.unwrap_or(Outcome::InsufficientData),
            window,
            reference_rows: self.reference_rows,
            columns,
            tables,
            skipped: self.skipped.clone(),
            new_columns: Vec::new(),
            notes: dependence(&self.columns, current).into_iter().collect(),
            correction: self.options.correction.name().to_owned(),
            alpha,
        })
    }

    fn judge(&self, current: &[Sample]) -> Result<Vec<Judged>> {
        let mut judged: Vec<Judged> = Vec::with_capacity(2 * current.len());
        for (column, sample) in self.columns.iter().zip(current) {
            let enough = column.reference_len.min(sample.len()) >= self.options.min_samples.max(1);
            judged.push(column.values.judge(column, sample, enough)?);
            // A column that never misses a value is no test: counting it would only dilute the others.
            if column.reference_missing + sample.missing() > 0 {
                let rows = self.reference_rows.min(sample.rows());
                judged.push(column.missing.judge(column, sample, rows >= self.options.min_samples.max(1))?);
            }
        }
        Ok(judged)
    }
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
    fn new(name: &str, reference: &Sample, options: &MonitorOptions) -> Result<Self> {
        let kind = reference.kind();
        let test = options.test_of(name, reference)?;
        if !test.applies_to(kind) {
            let problem = format!("the test {} does not apply to a {kind} column", test.name());
            return Err(
                Error::invalid_input(OPERATION, name, problem).remedy("choose another test for this column")
            );
        }
        let threshold = options.minimum_effect_of(name, &*test);
        let compiled = if reference.is_empty() { None } else { Some(test.compile(reference)?) };
        let missing = MissingRate::default();
        // A column's own smallest effect is in the unit of its own test.
        let by_name = options.minimum_effects.get(missing.name()).copied();
        let missing = Test {
            compiled: Some(missing.compile(reference)?),
            threshold: by_name.unwrap_or_else(|| missing.default_minimum_effect()),
            test: Arc::new(missing),
        };
        let values = Test { test, compiled, threshold };
        let (reference_len, reference_missing) = (reference.len(), reference.missing());
        let spelling = reference.categories().map_or(Spelling::Number, Categories::spelling);
        Ok(Self { name: name.to_owned(), kind, spelling, values, missing, reference_len, reference_missing })
    }

    /// The sample of a column of this name.
    pub(super) fn read(&self, array: &dyn Array, operation: &'static str) -> Result<Sample> {
        Sample::from_array_as(array, self.kind).map_err(|error| {
            let problem = error.context().problem().to_owned();
            let expected = format!("it is {} in the reference: {problem}", self.kind);
            Error::schema_mismatch(operation, self.name.clone(), expected).caused_by(error)
        })
    }
}

impl Test {
    fn judge(&self, column: &Watched, current: &Sample, enough: bool) -> Result<Judged> {
        let score: Option<Score> = match &self.compiled {
            Some(compiled) if enough => Some(compiled.compare(current)?),
            _ => None,
        };
        let pvalue = score.as_ref().and_then(|score| score.pvalue).unwrap_or(f64::NAN);
        let verdict = ColumnVerdict {
            column: column.name.clone(),
            kind: column.kind,
            test: self.test.name().to_owned(),
            outcome: Outcome::InsufficientData,
            score,
            pvalue_adjusted: None,
            threshold: self.threshold,
            sentence: String::new(),
        };
        Ok(Judged { verdict, pvalue, looks_for: self.test.looks_for() })
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
