use std::sync::Arc;

use mlcore::arrow::array::RecordBatch;
use mlcore::batch::{Batch, Row};
use mlcore::schema::{DType, Schema};
use mlcore::{Error, Result};
use mlcore_drift::monitor::{Monitor, MonitorOptions, Verdict};

use crate::endpoint::input::{Columns, TensorColumns};
use crate::endpoint::release::EventKind;

/// A monitor that follows the deployment: the columns that it watches are those that the arms read now.
#[derive(Debug)]
pub(crate) struct Watch {
    monitor: Monitor,
    /// What the monitor is made from again when the arms read other columns; none for a monitor that was handed in.
    reference: Option<Reference>,
    /// The columns of tensors, under the names that they have in the reference.
    tensors: TensorColumns,
    /// The order of columns in which the monitor takes rows.
    names: u64,
    /// The columns that cannot be watched, as the last event said.
    unmonitored: Vec<String>,
}

/// What is to be watched from the start.
#[derive(Debug)]
pub(crate) enum Watched {
    Monitor(Box<Monitor>),
    Reference(RecordBatch, Box<MonitorOptions>),
}

/// Rows that were good, and how others are compared with them.
#[derive(Debug)]
struct Reference {
    table: RecordBatch,
    options: MonitorOptions,
    /// The columns that the present monitor was made of.
    watched: Vec<String>,
}

impl Watch {
    /// Watches the columns that the arms read at the start.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] where no arm reads columns, [`Error::SchemaMismatch`] for a monitor of a column that no
    /// arm reads, [`Error::NotFound`] for a column that the reference lacks, and what [`Monitor::new`] answers.
    pub(crate) fn new(watched: Watched, columns: &Columns) -> Result<Self> {
        let (tensors, columns) = match &watched {
            Watched::Monitor(monitor) => observed(columns, &monitor.columns().collect::<Vec<_>>())?,
            Watched::Reference(table, options) => observe_as(columns, table, options)?,
        };
        if columns.is_empty() {
            let problem = "columns are watched, and the versions have no feature plan and take no tensor whose rows are columns";
            return Err(Error::invalid_input(BUILD, "monitor", problem)
                .remedy("register the version with its plan, or watch nothing"));
        }
        let (mut monitor, reference) = match watched {
            Watched::Monitor(monitor) => (*monitor, None),
            Watched::Reference(table, options) => {
                let mut reference = Reference { table, options: *options, watched: Vec::new() };
                let (wanted, lacking) = reference.find(&columns);
                if let (None, Some(name)) = (&reference.options.columns, lacking.into_iter().next()) {
                    let problem = "the model reads this column, and the reference does not have it";
                    return Err(Error::not_found(BUILD, name, problem)
                        .remedy("pass rows with all columns that it reads, or name those to watch"));
                }
                (reference.monitor(wanted)?, Some(reference))
            }
        };
        monitor.bind(&columns)?;
        Ok(Self { monitor, reference, tensors, names: columns.names_digest(), unmonitored: Vec::new() })
    }

    /// Watches the columns that the arms read from now on; answers what cannot be watched, where that is news.
    pub(crate) fn follow(&mut self, columns: &Columns) -> Option<EventKind> {
        let found = match &self.reference {
            Some(reference) => observe_as(columns, &reference.table, &reference.options),
            None => observed(columns, &self.monitor.columns().collect::<Vec<_>>()),
        };
        // Names are those of schemas that there are already.
        let (tensors, columns) = found.ok()?;
        self.tensors = tensors;
        let (unmonitored, reason) = match &mut self.reference {
            Some(reference) if reference.options.columns.is_none() && !columns.is_empty() => {
                let (wanted, lacking) = reference.find(&columns);
                let renewed = match wanted == reference.watched || wanted.is_empty() {
                    true => Ok(()),
                    false => reference.monitor(wanted).map(|monitor| self.monitor = monitor),
                };
                match renewed {
                    Ok(()) => (lacking, "the reference does not have them".to_owned()),
                    Err(error) => (columns.names().map(str::to_owned).collect(), error.to_string()),
                }
            }
            Some(_) | None => {
                let gone = self.monitor.columns().filter(|name| columns.field(name).is_none());
                (gone.map(str::to_owned).collect(), "no arm reads them any more".to_owned())
            }
        };
        if self.monitor.bind(&columns).is_ok() {
            self.names = columns.names_digest();
        }
        if unmonitored == self.unmonitored {
            return None;
        }
        self.unmonitored.clone_from(&unmonitored);
        (!unmonitored.is_empty()).then_some(EventKind::Unmonitored { columns: unmonitored, reason })
    }

    /// Takes one row of an order of columns that `columns` knows.
    pub(crate) fn observe_row(&mut self, columns: &Columns, row: Row<'_>) -> Result<Option<Verdict>> {
        // Rows from before a release, and such as were made for one arm, come in an order of their own.
        if row.names_digest() != self.names
            && let Some(schema) = columns.schema(row.names_digest())
        {
            self.monitor.bind(schema)?;
            self.names = row.names_digest();
        }
        self.monitor.observe_row(row)
    }

    /// Takes a table, whose columns are found by name.
    pub(crate) fn observe(&mut self, table: &Arc<RecordBatch>) -> Result<Vec<Verdict>> {
        self.monitor.observe(table)
    }

    /// Takes the rows of tensors; answers `None` where they hold no column.
    pub(crate) fn observe_tensors(&mut self, tensors: &Batch) -> Option<Result<Vec<Verdict>>> {
        if !self.tensors.are_in(tensors) {
            return None;
        }
        Some(self.take_tensors(tensors))
    }

    fn take_tensors(&mut self, tensors: &Batch) -> Result<Vec<Verdict>> {
        let names = self.tensors.schema().names_digest();
        if names != self.names {
            self.monitor.bind(self.tensors.schema())?;
            self.names = names;
        }
        let (mut values, mut verdicts) = (Vec::new(), Vec::new());
        for row in 0..tensors.rows().unwrap_or_default() {
            self.tensors.row(tensors, row, &mut values);
            verdicts.extend(self.monitor.observe_row(Row::unchecked(&values).with_names_digest(names))?);
        }
        Ok(verdicts)
    }

    /// Judges the window as it stands.
    pub(crate) fn evaluate_now(&self) -> Result<Verdict> {
        self.monitor.evaluate_now()
    }
}

impl Reference {
    /// The names of `columns` that the reference has, and those that it lacks.
    fn find(&self, columns: &Schema) -> (Vec<String>, Vec<String>) {
        let has = |name: &String| self.table.schema_ref().column_with_name(name).is_some();
        columns.names().map(str::to_owned).partition(has)
    }

    /// A monitor of the columns `wanted`, unless the options name others.
    ///
    /// The table is cut down to them. Named in the options, a column of a type that cannot be compared would be an error;
    /// like this it is left out, and each verdict says so.
    fn monitor(&mut self, wanted: Vec<String>) -> Result<Monitor> {
        let monitor = match self.options.columns {
            Some(_) => Monitor::new(&self.table, &self.options)?,
            None => {
                let names = self.table.schema_ref();
                let mut positions: Vec<usize> =
                    wanted.iter().filter_map(|name| names.index_of(name).ok()).collect();
                // In the order of the reference, as verdicts list them.
                positions.sort_unstable();
                let table = self.table.project(&positions).map_err(|cause| {
                    Error::internal(BUILD, "reference", cause.to_string()).caused_by(cause)
                })?;
                Monitor::new(&table, &self.options)?
            }
        };
        self.watched = wanted;
        Ok(monitor)
    }
}

/// The columns of tensors as a reference names them, and with them all columns that the arms read.
fn observe_as(
    columns: &Columns,
    reference: &RecordBatch,
    options: &MonitorOptions,
) -> Result<(TensorColumns, Schema)> {
    let schema = reference.schema_ref();
    let names: Vec<&str> = match &options.columns {
        Some(names) => names.iter().map(String::as_str).collect(),
        None => schema.fields().iter().map(|field| field.name().as_str()).collect(),
    };
    let is_text = |name: &&str| {
        let found = schema.column_with_name(name);
        found.is_some_and(|(_, field)| DType::from_arrow(field.data_type()) == Some(DType::String))
    };
    // Numbers are not compared with words only because there are as many.
    let texts = columns.tensors().schema().fields().iter().map(|field| field.dtype() == DType::String);
    let is_like = names.iter().map(is_text).eq(texts);
    observed(columns, if is_like { &names } else { &[] })
}

fn observed(columns: &Columns, names: &[&str]) -> Result<(TensorColumns, Schema)> {
    let own = columns.tensors();
    let is_known = names.iter().any(|name| own.schema().field(name).is_some());
    let tensors = if is_known { None } else { own.named(names) };
    let tensors = tensors.unwrap_or_else(|| own.clone());
    let raw = columns.all();
    let more = tensors.schema().fields().iter().filter(|field| raw.field(field.name()).is_none());
    let all = Schema::new(raw.fields().iter().chain(more).cloned())?;
    Ok((tensors, all))
}

const BUILD: &str = "build endpoint";
