use std::sync::Arc;

use mlcore::arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use mlcore::arrow::datatypes::{Field as ArrowField, FieldRef, Schema as ArrowSchema};
use mlcore::batch::{ColumnView, Row, RowBuffer, Value, column_of};
use mlcore::name::Arm;
use mlcore::schema::{Field, Schema};
use mlcore::{Error, Result};
use smallvec::SmallVec;

use super::lookup::OnConflict;
use super::lookups::{FeaturePlace, Lookups};
use super::order::Orders;
use super::read::Read;
use crate::endpoint::input::Columns;
use crate::endpoint::release::LoadedModel;

/// How what requests bring and what is looked up become the raw columns of one deployment.
#[derive(Debug, Default)]
pub(crate) struct Merge {
    /// The columns that the arms read, in the order of rows that are made.
    all: Arc<Schema>,
    /// For each of them, where it is looked up.
    sources: Vec<Option<FeaturePlace>>,
    /// Those that are not looked up: what requests bring.
    request: Arc<Schema>,
    orders: Orders,
}

impl Merge {
    /// For these arms, whose columns are `columns`.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for a version without a feature plan, for features that no plan reads, and for one that may be null where a
    /// plan allows none; [`Error::SchemaMismatch`] for one of another type than a plan reads.
    pub(crate) fn new(
        lookups: &Lookups,
        columns: &Columns,
        arms: &[(Arm, Arc<LoadedModel>)],
    ) -> Result<Self> {
        let all = columns.all().clone();
        if lookups.is_empty() {
            let orders = Orders::new(&all, columns.orders());
            return Ok(Self { request: all.clone(), sources: vec![None; all.len()], all, orders });
        }
        for (arm, model) in arms {
            check_arm(lookups, arm, model)?;
        }
        let sources: Vec<_> = all.names().map(|name| lookups.find(name)).collect();
        if sources.iter().all(Option::is_none) {
            let looked_up: Vec<&str> = lookups.names().take(MOST_SHOWN).collect();
            let read: Vec<&str> = all.names().take(MOST_SHOWN).collect();
            let problem = format!("no version reads any of them: the plans read {}", read.join(", "));
            return Err(Error::invalid_input(BUILD, looked_up.join(", "), problem)
                .remedy("look up columns of the plans, under their names"));
        }
        let own = all.fields().iter().zip(&sources).filter(|(_, source)| source.is_none());
        let request = Arc::new(Schema::new(own.map(|(field, _)| field.clone()))?);
        let orders = Orders::new(&all, std::iter::once(&request).chain(columns.orders()));
        Ok(Self { all, sources, request, orders })
    }

    /// The columns that requests bring.
    pub(crate) fn request(&self) -> &Arc<Schema> {
        &self.request
    }

    /// The orders of the columns in which rows come.
    #[cfg(feature = "validate")]
    pub(super) fn orders(&self) -> &Orders {
        &self.orders
    }

    /// Makes a row of the columns of what one entity has and a request brings.
    ///
    /// # Errors
    /// [`Error::SchemaMismatch`] for a row of other columns; [`Error::InvalidInput`] for a value that is looked up as well.
    pub(super) fn row(
        &self,
        lookups: &Lookups,
        reads: &mut [Read],
        brought: Row<'_>,
        buffer: &mut RowBuffer,
    ) -> Result<()> {
        let order = self.orders.of(brought, &self.request)?;
        let sent = |column: usize| -> Option<Value<'_>> {
            let place = order.get(column).copied().flatten()?;
            let value = brought.values().get(place).copied()?;
            (!brought.absent().contains(&place)).then_some(value)
        };
        let given = |column: usize| sent(column).filter(|value| !value.is_null());
        for (column, source) in self.sources.iter().enumerate() {
            if let Some(source) = source
                && given(column).is_some()
            {
                settle(lookups, reads, *source, 0)?;
            }
        }
        let mut absent = SmallVec::<[usize; 8]>::new();
        let values: SmallVec<[Value<'_>; FEW_COLUMNS]> = (0..self.sources.len())
            .map(|column| match self.sources.get(column).copied().flatten() {
                Some(source) => {
                    let own = given(column).filter(|_| lookups.conflict(source) == OnConflict::Request);
                    own.unwrap_or_else(|| lookups.value(reads, source, 0))
                }
                None => sent(column).unwrap_or_else(|| {
                    absent.push(column);
                    Value::Null
                }),
            })
            .collect();
        let row = Row::unchecked(&values).with_names_digest(self.all.names_digest());
        buffer.copy(row.with_absent(&absent));
        Ok(())
    }

    /// Makes a table of the columns of what the entities have and a request brings. One entity is that of every row.
    ///
    /// # Errors
    /// As [`row`](Self::row), and for another number of entities than of rows.
    pub(super) fn table(
        &self,
        lookups: &Lookups,
        reads: &mut [Read],
        brought: Option<&RecordBatch>,
        entities: usize,
    ) -> Result<RecordBatch> {
        let rows = brought.map_or(entities, RecordBatch::num_rows);
        if entities != 1 && entities != rows {
            let problem = format!("there are {entities}, and the table has {rows} rows");
            return Err(Error::invalid_input(PREPARE, "entities", problem)
                .remedy("pass one entity for each row, or one for all"));
        }
        let entity = |row: usize| if entities == 1 { 0 } else { row };
        let (mut fields, mut columns) = (Vec::<FieldRef>::new(), Vec::<ArrayRef>::new());
        if let Some(table) = brought {
            for (field, column) in table.schema_ref().fields().iter().zip(table.columns()) {
                if lookups.find(field.name()).is_none() {
                    fields.push(field.clone());
                    columns.push(column.clone());
                }
            }
        }
        for source in lookups.places() {
            let Some(field) = lookups.field(source) else { continue };
            let sent = brought.and_then(|table| table.column_by_name(field.name()));
            let view = sent.map(|column| ColumnView::new(field.name(), &**column)).transpose()?;
            let sent =
                |row: usize| view.as_ref().map(|view| view.value(row)).filter(|value| !value.is_null());
            let wins = lookups.conflict(source) == OnConflict::Request;
            let values = (0..rows).map(|row| {
                let own = sent(row).filter(|_| wins);
                own.unwrap_or_else(|| lookups.value(reads, source, entity(row)))
            });
            let nullable = Field::column(field.name(), field.dtype()).nullable();
            let array = column_of(&nullable, values)?;
            for row in (0..rows).filter(|row| sent(*row).is_some()) {
                settle(lookups, reads, source, entity(row))?;
            }
            fields.push(Arc::new(ArrowField::new(field.name(), array.data_type().clone(), true)));
            columns.push(array);
        }
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(Arc::new(ArrowSchema::new(fields)), columns, &options)
            .map_err(|cause| Error::internal(PREPARE, "table", cause.to_string()).caused_by(cause))
    }
}

/// Decides about a value that the request brings for a column that is looked up.
fn settle(lookups: &Lookups, reads: &mut [Read], source: FeaturePlace, entity: usize) -> Result<()> {
    match lookups.conflict(source) {
        OnConflict::Store => {}
        OnConflict::Request => {
            if let Some(read) = reads.get_mut(source.lookup) {
                read.set_sent(entity, source.feature);
            }
        }
        OnConflict::Refuse => {
            let name = lookups.field(source).map_or("", Field::name);
            let problem = "the request brings a value for it, and it is looked up by the request's entity";
            return Err(Error::invalid_input(PREPARE, name, problem)
                .remedy("leave it out, or build the endpoint with a lookup that says who wins"));
        }
    }
    Ok(())
}

/// Makes sure that an arm's plan takes what is looked up.
fn check_arm(lookups: &Lookups, arm: &Arm, model: &LoadedModel) -> Result<()> {
    let version = model.version();
    let subject =
        |name: &str| format!("{} version {}, arm {arm}, column {name}", version.model, version.version);
    let Some(plan) = model.plan() else {
        let problem = "features are looked up as raw columns, and the version has no feature plan";
        let subject = format!("{} version {}, arm {arm}", version.model, version.version);
        return Err(Error::invalid_input(BUILD, subject, problem)
            .remedy("register the version with its plan, or build the endpoint without a lookup"));
    };
    for field in plan.input().fields() {
        let Some((place, feature)) =
            lookups.find(field.name()).and_then(|place| Some((place, lookups.field(place)?)))
        else {
            continue;
        };
        if !plan.takes(field.name(), feature.dtype()) {
            let problem =
                format!("the plan reads {}, and the feature store has {}", field.dtype(), feature.dtype());
            return Err(Error::schema_mismatch(BUILD, subject(field.name()), problem)
                .remedy("look up the feature that the plan was fitted on"));
        }
        let may_be_null = lookups.all.get(place.lookup).is_some_and(|own| own.options.missing.has_nulls());
        if may_be_null && !field.is_nullable() {
            let problem = "a feature that is missing is null, and the plan allows none in this column";
            return Err(Error::invalid_input(BUILD, subject(field.name()), problem)
                .remedy("have missing features refused or replaced by a default, or fit the plan on a nullable column"));
        }
    }
    Ok(())
}

const BUILD: &str = "build endpoint";
const PREPARE: &str = "prepare request";
const MOST_SHOWN: usize = 20;
/// Up to so many columns a row is made without the allocator.
const FEW_COLUMNS: usize = 64;
