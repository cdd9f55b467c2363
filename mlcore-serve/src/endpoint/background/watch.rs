use std::sync::Arc;

use mlcore::arrow::array::RecordBatch;
use mlcore::batch::Row;
use mlcore::schema::Schema;
use mlcore::{Error, Result};
use mlcore_drift::monitor::{Monitor, MonitorOptions, Verdict};

use crate::endpoint::input::Columns;
use crate::endpoint::release::EventKind;

/// A monitor that follows the deployment: the columns that it watches are those that the arms read now.
#[derive(Debug)]
pub(crate) struct Watch {
    monitor: Monitor,
    /// What the monitor is made from again when the arms read other columns; none for a monitor that was handed in.
    reference: Option<Reference>,
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
    /// [`Error::InvalidInput`] where no arm reads raw columns, [`Error::SchemaMismatch`] for a monitor of a column that no
    /// arm reads, [`Error::NotFound`] for a column that the reference lacks, and what [`Monitor::new`] answers.
    pub(crate) fn new(watched: Watched, columns: &Schema) -> Result<Self> {
        if columns.is_empty() {
            let problem = "raw records are watched, and the versions were registered without a feature plan";
            return Err(Error::invalid_input(BUILD, "monitor", problem)
                .remedy("register the version with its plan, or watch nothing"));
        }
        let (mut monitor, reference) = match watched {
            Watched::Monitor(monitor) => (*monitor, None),
            Watched::Reference(table, options) => {
                let mut reference = Reference { table, options: *options, watched: Vec::new() };
                let (wanted, lacking) = reference.find(columns);
                if let (None, Some(name)) = (&reference.options.columns, lacking.into_iter().next()) {
                    let problem = "the feature plan reads this column, and the reference does not have it";
                    return Err(Error::not_found(BUILD, name, problem)
                        .remedy("pass rows with all columns that the plan reads"));
                }
                (reference.monitor(wanted)?, Some(reference))
            }
        };
        monitor.bind(columns)?;
        Ok(Self { monitor, reference, names: columns.names_digest(), unmonitored: Vec::new() })
    }

    /// Watches the columns that the arms read from now on; answers what cannot be watched, where that is news.
    pub(crate) fn follow(&mut self, columns: &Schema) -> Option<EventKind> {
        let (unmonitored, reason) = match &mut self.reference {
            Some(reference) if reference.options.columns.is_none() && !columns.is_empty() => {
                let (wanted, lacking) = reference.find(columns);
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
        if self.monitor.bind(columns).is_ok() {
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

const BUILD: &str = "build endpoint";
