use std::sync::Arc;

use mlcore::arrow::array::RecordBatch;
use mlcore::batch::{Batch, Row};
use mlcore::schema::{DType, Schema};
use mlcore::{Error, Result};
use mlcore_drift::monitor::{
    Monitor, MonitorOptions, MonitorReference, Verdict, WindowCounter, WindowCounts,
};

use crate::endpoint::input::{Columns, TensorColumns};
use crate::endpoint::release::EventKind;

/// A monitor that follows the deployment: the columns that it watches are those that the arms read now.
#[derive(Debug)]
pub(crate) struct Watch {
    monitor: Monitor,
    /// What is counted for a fleet beside it.
    counter: Option<WindowCounter>,
    /// What the monitor is made from again when the arms read other columns; none for a monitor that was handed in.
    reference: Option<Reference>,
    /// The columns of tensors, under the names that they have in the reference.
    tensors: TensorColumns,
    /// The order of columns in which the monitor takes rows.
    names: u64,
    /// The columns that cannot be watched, as the last event said.
    unmonitored: Vec<String>,
}

/// The monitor of the default arm's version.
#[derive(Debug, Default)]
pub(crate) struct Own {
    pub(crate) watch: Option<Watch>,
    /// Whether rows are counted for a fleet.
    pub(crate) counts: bool,
    reference: Option<Arc<MonitorReference>>,
    /// The columns that the watch follows, or that it could not be made for.
    columns: Option<Arc<Columns>>,
}

impl Own {
    /// Watches by `reference` from now on, the columns that the arms read now; answers what cannot be watched. Another version's
    /// reference begins a window.
    pub(crate) fn follow(
        &mut self,
        reference: Option<&Arc<MonitorReference>>,
        columns: &Arc<Columns>,
    ) -> Option<EventKind> {
        let is_same = match (&self.reference, reference) {
            (Some(own), Some(new)) => Arc::ptr_eq(own, new),
            (None, None) => true,
            _ => false,
        };
        let reads_same = self.columns.as_ref().is_some_and(|own| Arc::ptr_eq(own, columns));
        if is_same && (reads_same || reference.is_none()) {
            return None;
        }
        self.reference = reference.cloned();
        self.columns = Some(columns.clone());
        match (&mut self.watch, reference) {
            (Some(watch), Some(_)) if is_same => {
                let lost = watch.follow(columns);
                if self.counts {
                    watch.count(columns);
                }
                return lost;
            }
            (watch, _) => *watch = None,
        }
        let reference = reference?;
        match Watch::new(Watched::Stored(reference.clone()), columns) {
            Ok(mut watch) => {
                // What the model reads and the reference lacks is news, once.
                let lost = watch.follow(columns);
                let uncounted = if self.counts { watch.count(columns) } else { None };
                self.watch = Some(watch);
                lost.or(uncounted)
            }
            Err(error) => Some(EventKind::Unmonitored {
                columns: reference.columns().map(str::to_owned).collect(),
                reason: error.to_string(),
            }),
        }
    }
}

impl Own {
    /// The reference that rows are counted for.
    pub(crate) fn reference(&self) -> Option<MonitorReference> {
        self.watch.as_ref().and_then(Watch::stored)
    }

    /// What was counted since the last time.
    pub(crate) fn take_counts(&mut self) -> Result<Option<WindowCounts>> {
        self.watch.as_mut().and_then(|watch| watch.counter.as_mut()).map(WindowCounter::take).transpose()
    }

    /// Takes counts back; answers whether they are those of the reference that there is now.
    pub(crate) fn put_back(&mut self, counts: &WindowCounts) -> bool {
        let counter = self.watch.as_mut().and_then(|watch| watch.counter.as_mut());
        counter.is_some_and(|counter| counter.put_back(counts).is_ok())
    }
}

/// What is to be watched from the start.
#[derive(Debug)]
pub(crate) enum Watched {
    Monitor(Box<Monitor>),
    Reference(RecordBatch, Box<MonitorOptions>),
    /// What a version brings.
    Stored(Arc<MonitorReference>),
}

/// Rows that were good, and how others are compared with them.
#[derive(Debug)]
struct Reference {
    rows: Rows,
    /// The columns that the present monitor was made of.
    watched: Vec<String>,
}

#[derive(Debug)]
enum Rows {
    Table(RecordBatch, Box<MonitorOptions>),
    Stored(Arc<MonitorReference>),
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
            Watched::Reference(table, options) => {
                observe_as(columns, &Rows::Table(table.clone(), options.clone()))?
            }
            Watched::Stored(reference) => observe_as(columns, &Rows::Stored(reference.clone()))?,
        };
        if columns.is_empty() {
            let problem = "columns are watched, and the versions have no feature plan and take no tensor whose rows are columns";
            return Err(Error::invalid_input(BUILD, "monitor", problem)
                .remedy("register the version with its plan, or watch nothing"));
        }
        let (mut monitor, reference) = match watched {
            Watched::Monitor(monitor) => (*monitor, None),
            Watched::Reference(table, options) => {
                let mut reference = Reference::new(Rows::Table(table, options));
                let (wanted, lacking) = reference.find(&columns);
                if let (None, Some(name)) = (&reference.rows.options().columns, lacking.into_iter().next()) {
                    let problem = "the model reads this column, and the reference does not have it";
                    return Err(Error::not_found(BUILD, name, problem)
                        .remedy("pass rows with all columns that it reads, or name those to watch"));
                }
                (reference.monitor(wanted)?, Some(reference))
            }
            Watched::Stored(stored) => {
                let mut reference = Reference::new(Rows::Stored(stored));
                let (wanted, _) = reference.find(&columns);
                (reference.monitor(wanted)?, Some(reference))
            }
        };
        monitor.bind(&columns)?;
        let names = columns.names_digest();
        Ok(Self { monitor, counter: None, reference, tensors, names, unmonitored: Vec::new() })
    }

    /// Counts rows for a fleet, too, in the columns that are watched now; answers why not, where it cannot.
    fn count(&mut self, columns: &Columns) -> Option<EventKind> {
        let reference = self.stored()?;
        let names: Vec<&str> = reference.columns().collect();
        let counter = match self.counter.take() {
            Some(counter) if counter.columns().eq(names.iter().copied()) => Ok(counter),
            // Other columns are other counts.
            Some(_) | None => WindowCounter::new(&reference),
        };
        let bound = counter.and_then(|mut counter| {
            let (_, columns) = observed(columns, &names)?;
            counter.bind(&columns)?;
            Ok(counter)
        });
        match bound {
            Ok(counter) => {
                self.counter = Some(counter);
                None
            }
            Err(error) => {
                let columns = names.iter().map(|name| (*name).to_owned()).collect();
                let reason = format!("not counted for a fleet: {error}");
                Some(EventKind::Unmonitored { columns, reason })
            }
        }
    }

    /// What the version brought, in the columns that are watched.
    fn stored(&self) -> Option<MonitorReference> {
        let Reference { rows: Rows::Stored(stored), watched } = self.reference.as_ref()? else { return None };
        match stored.options().columns {
            Some(_) => Some(MonitorReference::clone(stored)),
            None => Some(stored.of_columns(&watched.iter().map(String::as_str).collect::<Vec<_>>())),
        }
    }

    /// Takes rows in this order of columns from now on.
    fn bind(&mut self, columns: &Schema) -> Result<()> {
        self.monitor.bind(columns)?;
        if let Some(counter) = &mut self.counter {
            counter.bind(columns)?;
        }
        self.names = columns.names_digest();
        Ok(())
    }

    /// Watches the columns that the arms read from now on; answers what cannot be watched, where that is news.
    pub(crate) fn follow(&mut self, columns: &Columns) -> Option<EventKind> {
        let found = match &self.reference {
            Some(reference) => observe_as(columns, &reference.rows),
            None => observed(columns, &self.monitor.columns().collect::<Vec<_>>()),
        };
        // Names are those of schemas that there are already.
        let (tensors, columns) = found.ok()?;
        self.tensors = tensors;
        let (unmonitored, reason) = match &mut self.reference {
            Some(reference) if reference.rows.options().columns.is_none() && !columns.is_empty() => {
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
        // One of a column that is gone goes on in its order: rows of the time before may come.
        drop(self.bind(&columns));
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
            let schema = schema.clone();
            self.bind(&schema)?;
        }
        let verdict = self.monitor.observe_row(row)?;
        if let Some(counter) = &mut self.counter {
            counter.observe_row(row)?;
        }
        Ok(verdict)
    }

    /// Takes a table, whose columns are found by name.
    pub(crate) fn observe(&mut self, table: &Arc<RecordBatch>) -> Result<Vec<Verdict>> {
        let verdicts = self.monitor.observe(table)?;
        if let Some(counter) = &mut self.counter {
            counter.observe(table)?;
        }
        Ok(verdicts)
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
            let schema = self.tensors.schema().clone();
            self.bind(&schema)?;
        }
        let (mut values, mut verdicts) = (Vec::new(), Vec::new());
        for row in 0..tensors.rows().unwrap_or_default() {
            self.tensors.row(tensors, row, &mut values);
            let row = Row::unchecked(&values).with_names_digest(names);
            verdicts.extend(self.monitor.observe_row(row)?);
            if let Some(counter) = &mut self.counter {
                counter.observe_row(row)?;
            }
        }
        Ok(verdicts)
    }

    /// Judges the window as it stands.
    pub(crate) fn evaluate_now(&self) -> Result<Verdict> {
        self.monitor.evaluate_now()
    }
}

impl Rows {
    fn options(&self) -> &MonitorOptions {
        match self {
            Self::Table(_, options) => options,
            Self::Stored(reference) => reference.options(),
        }
    }

    /// The columns' names.
    fn names(&self) -> Vec<&str> {
        match self {
            Self::Table(table, _) => {
                table.schema_ref().fields().iter().map(|field| field.name().as_str()).collect()
            }
            Self::Stored(reference) => reference.names().collect(),
        }
    }

    fn is_text(&self, name: &str) -> bool {
        match self {
            Self::Table(table, _) => {
                let found = table.schema_ref().column_with_name(name);
                found.is_some_and(|(_, field)| DType::from_arrow(field.data_type()) == Some(DType::String))
            }
            Self::Stored(reference) => reference.is_text(name),
        }
    }

    /// A monitor of the columns `wanted`, unless the options name others.
    ///
    /// A table is cut down to them. Named in the options, a column of a type that cannot be compared would be an error;
    /// like this it is left out, and each verdict says so.
    fn monitor(&self, wanted: &[String]) -> Result<Monitor> {
        match self {
            Self::Table(table, options) if options.columns.is_some() => Monitor::new(table, options),
            Self::Table(table, options) => {
                let names = table.schema_ref();
                let mut positions: Vec<usize> =
                    wanted.iter().filter_map(|name| names.index_of(name).ok()).collect();
                // In the order of the reference, as verdicts list them.
                positions.sort_unstable();
                let table = table.project(&positions).map_err(|cause| {
                    Error::internal(BUILD, "reference", cause.to_string()).caused_by(cause)
                })?;
                Monitor::new(&table, options)
            }
            Self::Stored(reference) if reference.options().columns.is_some() => reference.monitor(),
            Self::Stored(reference) => {
                reference.of_columns(&wanted.iter().map(String::as_str).collect::<Vec<_>>()).monitor()
            }
        }
    }
}

impl Reference {
    fn new(rows: Rows) -> Self {
        Self { rows, watched: Vec::new() }
    }

    /// The names of `columns` that the reference has, and those that it lacks.
    fn find(&self, columns: &Schema) -> (Vec<String>, Vec<String>) {
        let names = self.rows.names();
        columns.names().map(str::to_owned).partition(|name| names.contains(&name.as_str()))
    }

    /// A monitor of the columns `wanted`, unless the options name others.
    fn monitor(&mut self, wanted: Vec<String>) -> Result<Monitor> {
        let monitor = self.rows.monitor(&wanted)?;
        self.watched = wanted;
        Ok(monitor)
    }
}

/// The columns of tensors as a reference names them, and with them all columns that the arms read.
fn observe_as(columns: &Columns, reference: &Rows) -> Result<(TensorColumns, Schema)> {
    let names: Vec<&str> = match &reference.options().columns {
        Some(names) => names.iter().map(String::as_str).collect(),
        None => reference.names(),
    };
    // Numbers are not compared with words only because there are as many.
    let texts = columns.tensors().schema().fields().iter().map(|field| field.dtype() == DType::String);
    let is_like = names.iter().map(|name| reference.is_text(name)).eq(texts);
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
