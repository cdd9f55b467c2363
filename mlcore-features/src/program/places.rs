use std::collections::HashMap;

use mlcore::arrow::array::RecordBatch;
use mlcore::arrow::datatypes::Fields;
use mlcore::{Error, Result};

/// Where the columns of a table stand, by name: the time of a look-up does not grow with the table.
#[derive(Debug)]
pub(crate) struct Places<'a> {
    fields: &'a Fields,
    /// Nothing for a name that several columns have.
    by_name: HashMap<&'a str, Option<usize>>,
}

impl<'a> Places<'a> {
    pub(crate) fn of(fields: &'a Fields) -> Self {
        let mut by_name = HashMap::with_capacity(fields.len());
        for (position, field) in fields.iter().enumerate() {
            let place = by_name.entry(field.name().as_str()).or_insert(Some(position));
            if *place != Some(position) {
                *place = None;
            }
        }
        Self { fields, by_name }
    }

    /// The position of the one column of this name.
    pub(crate) fn position(&self, name: &str, operation: &'static str) -> Result<usize> {
        match self.by_name.get(name) {
            Some(Some(position)) => Ok(*position),
            Some(None) => {
                let problem = "several columns of the table have this name, and each could be meant";
                Err(Error::schema_mismatch(operation, name, problem)
                    .remedy("rename one of the columns, or drop it"))
            }
            None => Err(missing_column(self.fields, name, operation)),
        }
    }
}

/// The error of a column that is not among these.
pub(crate) fn missing_column(fields: &Fields, name: &str, operation: &'static str) -> Error {
    // As it is named when it is taken out of a struct or a list.
    let outer = [name.split_once('.'), name.rsplit_once('_')].into_iter().flatten();
    let is_nested =
        |(outer, _): (&str, &str)| fields.find(outer).is_some_and(|(_, field)| field.data_type().is_nested());
    let remedy = if outer.into_iter().any(is_nested) {
        "flatten the table first, which makes columns of a struct and of a list of fixed length"
    } else {
        "add the column, or rename the one that holds it"
    };
    let there: Vec<&str> = fields.iter().map(|field| field.name().as_str()).take(20).collect();
    let problem = match there.join(", ") {
        none if none.is_empty() => "the column is missing; the table has no columns".to_owned(),
        there => format!("the column is missing; the table has {there}"),
    };
    Error::schema_mismatch(operation, name, problem).remedy(remedy)
}

/// The columns of a table that a plan reads, in its order.
pub(crate) fn project(table: &RecordBatch, names: &[String], operation: &'static str) -> Result<RecordBatch> {
    let places = Places::of(table.schema_ref().fields());
    let positions: Vec<usize> =
        names.iter().map(|name| places.position(name, operation)).collect::<Result<_>>()?;
    table
        .project(&positions)
        .map_err(|cause| Error::internal(operation, "columns", cause.to_string()).caused_by(cause))
}
