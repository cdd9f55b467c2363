//! From a suite and a schema to what one pass over the rows needs: each column once, each condition once, and for each
//! expectation what is asked of them.

mod aggregate;
mod distribution;
mod pattern;
mod plan;
mod reference;
mod rows;
mod test;

use std::sync::Arc;

use mlcore::schema::{DType, Schema};
use mlcore::{Error, Result};

pub(super) use self::aggregate::{Ask, Needs};
pub(super) use self::pattern::pattern;
pub use self::reference::References;
pub(super) use self::rows::{RowTest, is_ignored};
pub(super) use self::test::{EXACT, Interval, Test, ValueSet, order};
use super::condition::{Clause, Operator};
use super::report::Observed;
use super::{Bounds, Condition, Expectation, IgnoreRowIf, Literal, Suite};

/// A suite for tables of one schema. Cloning shares it.
///
/// It runs over batches ([`start`](Self::start), [`validate`](Self::validate)), looks at single rows
/// ([`check_row`](Self::check_row)), and parts a table into rows that pass and rows that do not ([`split`](Self::split)).
#[derive(Clone, Debug)]
pub struct CompiledSuite(pub(super) Arc<Inner>);

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) suite: Suite,
    /// The names of all columns of the schema.
    pub(super) names: Vec<String>,
    pub(super) names_digest: u64,
    /// The columns that are read.
    pub(super) columns: Vec<Column>,
    pub(super) conditions: Vec<Vec<CompiledClause>>,
    /// The clauses that `conditions` were made of.
    sources: Vec<Condition>,
    /// A column and the rows of it that aggregates look at.
    pub(super) domains: Vec<Domain>,
    /// One for each expectation.
    pub(super) plans: Vec<Plan>,
}

#[derive(Debug)]
pub(super) struct Column {
    /// Its place in the schema.
    pub(super) place: usize,
    pub(super) name: String,
    pub(super) dtype: DType,
}

#[derive(Debug)]
pub(super) struct CompiledClause {
    pub(super) column: usize,
    pub(super) test: Test,
    /// Whether it holds of a missing value.
    pub(super) of_missing: bool,
}

#[derive(Debug)]
pub(super) struct Domain {
    pub(super) column: usize,
    pub(super) condition: Option<usize>,
    pub(super) needs: Needs,
}

/// What an expectation needs of the pass over the rows.
#[derive(Debug)]
pub(super) enum Plan {
    /// It cannot be answered, for this reason.
    Problem(String),
    /// The schema alone answers it.
    Known {
        success: bool,
        observed: Option<Observed>,
    },
    RowCount {
        interval: Interval,
        condition: Option<usize>,
    },
    Column {
        column: usize,
        condition: Option<usize>,
        test: Test,
    },
    Row {
        columns: Vec<usize>,
        condition: Option<usize>,
        ignore: IgnoreRowIf,
        test: RowTest,
    },
    Order {
        column: usize,
        condition: Option<usize>,
        descending: bool,
        strictly: bool,
    },
    Compound {
        columns: Vec<usize>,
        condition: Option<usize>,
        ignore: IgnoreRowIf,
    },
    Domain {
        domain: usize,
        ask: Ask,
    },
}

impl CompiledSuite {
    /// The suite that it was compiled from.
    #[must_use]
    pub fn suite(&self) -> &Suite {
        &self.0.suite
    }

    /// The expectations that this schema or these references cannot answer, by their places, and why: they fail in every report.
    pub fn problems(&self) -> impl Iterator<Item = (usize, &str)> {
        self.0.plans.iter().enumerate().filter_map(|(place, plan)| match plan {
            Plan::Problem(problem) => Some((place, problem.as_str())),
            _ => None,
        })
    }

    /// Makes sure that every expectation can be answered.
    ///
    /// # Errors
    /// [`Error::SchemaMismatch`] naming the first that cannot, and why.
    pub fn require_answers(&self) -> Result<()> {
        let Some((place, problem)) = self.problems().next() else { return Ok(()) };
        let shown = self.0.suite.expectations().get(place).map(ToString::to_string).unwrap_or_default();
        let subject = format!("suite {:?}, expectation {}, {shown}", self.0.suite.name(), place + 1);
        Err(Error::schema_mismatch("compile suite", subject, problem)
            .remedy("correct the suite, or hand in what it names"))
    }

    /// The names of the columns that are read.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        self.0.columns.iter().map(|column| column.name.as_str())
    }
}

pub(super) fn compile(suite: &Suite, schema: &Schema, references: &References) -> Result<CompiledSuite> {
    let mut inner = Inner {
        suite: suite.clone(),
        names: schema.names().map(str::to_owned).collect(),
        names_digest: schema.names_digest(),
        columns: Vec::new(),
        conditions: Vec::new(),
        sources: Vec::new(),
        domains: Vec::new(),
        plans: Vec::new(),
    };
    for expectation in suite.expectations() {
        let plan = inner.plan(expectation, schema, references).unwrap_or_else(Plan::Problem);
        inner.plans.push(plan);
    }
    Ok(CompiledSuite(Arc::new(inner)))
}

impl Inner {
    /// The column of this name, to be read.
    fn column(&mut self, name: &str, schema: &Schema) -> Result<(usize, DType), String> {
        if let Some(own) = self.columns.iter().position(|own| own.name == name)
            && let Some(column) = self.columns.get(own)
        {
            return Ok((own, column.dtype));
        }
        let place = schema.position(name).ok_or_else(|| no_column(name, schema))?;
        let field = schema.fields().get(place).ok_or_else(|| no_column(name, schema))?;
        if field.shape().len() != 1 {
            return Err(no_values(name));
        }
        let dtype = field.dtype();
        self.columns.push(Column { place, name: name.to_owned(), dtype });
        Ok((self.columns.len() - 1, dtype))
    }

    fn columns_of(&mut self, names: &[String], schema: &Schema) -> Result<Vec<(usize, DType)>, String> {
        names.iter().map(|name| self.column(name, schema)).collect()
    }

    /// The condition of an expectation, the same for all that have it; `None` for every row.
    fn condition(&mut self, condition: &Condition, schema: &Schema) -> Result<Option<usize>, String> {
        if condition.is_empty() {
            return Ok(None);
        }
        if let Some(own) = self.sources.iter().position(|own| own == condition) {
            return Ok(Some(own));
        }
        let clauses = condition.clauses().iter().map(|clause| {
            let (column, dtype) = self.column(&clause.column, schema)?;
            let (test, of_missing) = clause_test(clause, dtype)?;
            Ok(CompiledClause { column, test, of_missing })
        });
        let clauses =
            clauses.collect::<Result<Vec<_>, String>>().map_err(|problem| format!("where: {problem}"))?;
        self.conditions.push(clauses);
        self.sources.push(condition.clone());
        Ok(Some(self.conditions.len() - 1))
    }

    /// The rows of a column that aggregates look at.
    fn domain(&mut self, column: usize, condition: Option<usize>, needs: Needs) -> usize {
        let found = self.domains.iter().position(|own| (own.column, own.condition) == (column, condition));
        if let Some(place) = found
            && let Some(domain) = self.domains.get_mut(place)
        {
            domain.needs = domain.needs.and(needs);
            return place;
        }
        self.domains.push(Domain { column, condition, needs });
        self.domains.len() - 1
    }

    fn plan(
        &mut self,
        expectation: &Expectation,
        schema: &Schema,
        references: &References,
    ) -> Result<Plan, String> {
        if let Some(plan) = plan::of_schema(expectation, schema) {
            return plan;
        }
        let condition = self.condition(&expectation.condition, schema)?;
        plan::of_rows(self, &expectation.check, condition, schema, references)
    }
}

/// What a clause asks of a value that is not missing, and whether it holds of a missing one.
fn clause_test(clause: &Clause, dtype: DType) -> Result<(Test, bool), String> {
    let first = || clause.values.first().cloned().unwrap_or(Literal::Bool(false));
    let within =
        |bounds: Bounds| Interval::new(&bounds, dtype).map(|interval| (Test::Within(interval), false));
    let among =
        |negated: bool| ValueSet::new(&clause.values, dtype).map(|set| (Test::Among(set, negated), negated));
    match clause.is {
        Operator::Equal | Operator::In => among(false),
        Operator::NotEqual | Operator::NotIn => among(true),
        Operator::Less => within(Bounds::below(first())),
        Operator::LessOrEqual => within(Bounds::at_most(first())),
        Operator::Greater => within(Bounds::above(first())),
        Operator::GreaterOrEqual => within(Bounds::at_least(first())),
        Operator::Null => Ok((Test::Missing, true)),
        Operator::NotNull => Ok((Test::Present, false)),
    }
}

/// What to say of a column whose values are not read.
fn no_values(name: &str) -> String {
    format!(
        "the column {name:?} holds lists, or values of a type that is not read; make columns of numbers, text, dates or times of it first"
    )
}

/// What to say of a column that is not there.
fn no_column(name: &str, schema: &Schema) -> String {
    let shown: Vec<&str> = schema.names().take(MOST_SHOWN).collect();
    let others = schema.len().saturating_sub(MOST_SHOWN);
    let more = if others > 0 { format!(" and {others} others") } else { String::new() };
    format!("there is no column {name:?}; the columns are {}{more}", shown.join(", "))
}

/// So many names are told of those that there are.
const MOST_SHOWN: usize = 20;
