//! One row of a request against a suite.

use mlcore::Result;
use mlcore::batch::{Row, Value};

use super::compile::{CompiledSuite, Inner, Plan, is_ignored};
use super::{Expectation, Severity};

/// What a row was found to be: nothing is held where it passes.
#[derive(Debug)]
pub struct RowVerdict<'a> {
    inner: &'a Inner,
    failed: Vec<usize>,
}

impl<'a> RowVerdict<'a> {
    /// Whether the row passes everything that a row can be asked.
    #[must_use]
    pub fn passes(&self) -> bool {
        self.failed.is_empty()
    }

    /// Whether the row passes all that is of this severity, or of a higher one.
    #[must_use]
    pub fn passes_at(&self, severity: Severity) -> bool {
        self.failures().all(|expectation| expectation.severity < severity)
    }

    /// The places of the expectations that the row does not meet, in ascending order.
    #[must_use]
    pub fn places(&self) -> &[usize] {
        &self.failed
    }

    /// The expectations that the row does not meet, in the order of the suite.
    pub fn failures(&self) -> impl Iterator<Item = &'a Expectation> {
        let expectations = self.inner.suite.expectations();
        self.failed.iter().filter_map(|place| expectations.get(*place))
    }
}

impl CompiledSuite {
    /// Looks at one row: at what can be asked of a row by itself. What needs other rows, or the column as a whole, is
    /// [skipped](Self::skipped_for_rows). `mostly` is of no account: a row that fails is told, and what becomes of it is for
    /// whoever reads the verdict to decide, by severity.
    ///
    /// Nothing is allocated for a row that passes.
    ///
    /// # Errors
    /// [`Error::SchemaMismatch`](mlcore::Error::SchemaMismatch) for a row of other columns than the suite was compiled for.
    ///
    /// ```
    /// use mlcore::batch::{Row, Value};
    /// use mlcore::schema::{DType, Field, Schema};
    /// use mlcore_features::validate::{Check, Suite};
    ///
    /// let schema = Schema::new([Field::column("age", DType::Int64).nullable()])?;
    /// let suite = Suite::new("people")
    ///     .with(Check::ColumnValuesToBeBetween { column: "age".into(), bounds: (0..=120).into() })
    ///     .with(Check::ColumnValuesToBeUnique { column: "age".into() })
    ///     .compile(&schema)?;
    ///
    /// assert!(suite.check_row(Row::new(&[Value::Int(41)], &schema)?)?.passes());
    /// let verdict = suite.check_row(Row::new(&[Value::Int(-3)], &schema)?)?;
    /// assert_eq!(verdict.failures().map(|failed| failed.name()).collect::<Vec<_>>(), ["column_values_to_be_between"]);
    /// assert_eq!(suite.skipped_for_rows().map(|skipped| skipped.name()).collect::<Vec<_>>(), ["column_values_to_be_unique"]);
    /// # Ok::<(), mlcore::Error>(())
    /// ```
    pub fn check_row(&self, row: Row<'_>) -> Result<RowVerdict<'_>> {
        let inner: &Inner = &self.0;
        row.check_names(CHECK_ROW, inner.names_digest)?;
        let values = row.values();
        if values.len() != inner.names.len() {
            let problem = format!(
                "the suite was compiled for {} columns, and the row has {}",
                inner.names.len(),
                values.len()
            );
            return Err(mlcore::Error::schema_mismatch(CHECK_ROW, "row", problem)
                .remedy("make the row with the schema of the suite"));
        }
        let mut failed = Vec::new();
        for (place, plan) in inner.plans.iter().enumerate() {
            if fails(inner, plan, values) {
                failed.push(place);
            }
        }
        Ok(RowVerdict { inner, failed })
    }

    /// The places of the expectations that a row can be asked by itself.
    pub fn places_for_rows(&self) -> impl Iterator<Item = usize> {
        self.0.plans.iter().enumerate().filter(|(_, plan)| is_of_rows(plan)).map(|(place, _)| place)
    }

    /// The expectations that no row can be asked by itself.
    pub fn skipped_for_rows(&self) -> impl Iterator<Item = &Expectation> {
        let plans = self.0.plans.iter().zip(self.0.suite.expectations());
        plans.filter(|(plan, _)| !is_of_rows(plan)).map(|(_, expectation)| expectation)
    }
}

const CHECK_ROW: &str = "check row";
/// Values of so many columns lie on the stack.
const FEW: usize = 8;

/// Whether a row can be asked by itself.
pub(super) fn is_of_rows(plan: &Plan) -> bool {
    match plan {
        Plan::Column { .. } | Plan::Row { .. } => true,
        Plan::Problem(_)
        | Plan::Known { .. }
        | Plan::RowCount { .. }
        | Plan::Order { .. }
        | Plan::Compound { .. }
        | Plan::Domain { .. } => false,
    }
}

fn value<'v>(inner: &Inner, column: usize, values: &[Value<'v>]) -> Value<'v> {
    let place = inner.columns.get(column).map(|column| column.place);
    place.and_then(|place| values.get(place)).copied().unwrap_or_default()
}

fn fails(inner: &Inner, plan: &Plan, values: &[Value<'_>]) -> bool {
    match plan {
        Plan::Column { column, condition, test } => {
            let value = value(inner, *column, values);
            let is_asked = test.is_about_missing() || !value.is_missing();
            is_asked && test.fails(value) && holds(inner, *condition, values)
        }
        Plan::Row { columns, condition, ignore, test } => {
            let own = |column: &usize| value(inner, *column, values);
            let mut few = [Value::Null; FEW];
            let many: Vec<Value<'_>>;
            let chosen = if let Some(chosen) = few.get_mut(..columns.len()) {
                chosen.iter_mut().zip(columns).for_each(|(into, column)| *into = own(column));
                &*chosen
            } else {
                many = columns.iter().map(own).collect();
                &many
            };
            !is_ignored(*ignore, chosen) && test.fails(chosen) && holds(inner, *condition, values)
        }
        Plan::Problem(_)
        | Plan::Known { .. }
        | Plan::RowCount { .. }
        | Plan::Order { .. }
        | Plan::Compound { .. }
        | Plan::Domain { .. } => false,
    }
}

/// Whether a condition holds of a row.
fn holds(inner: &Inner, condition: Option<usize>, values: &[Value<'_>]) -> bool {
    let clauses = condition.and_then(|condition| inner.conditions.get(condition));
    clauses.into_iter().flatten().all(|clause| {
        let value = value(inner, clause.column, values);
        if value.is_missing() { clause.of_missing } else { !clause.test.fails(value) }
    })
}
