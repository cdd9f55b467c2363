use std::sync::Arc;

use mlcore::batch::Row;
use mlcore::schema::Schema;
use mlcore::{Error, Result};

/// Where the columns of a deployment stand in rows of every order that is known.
#[derive(Debug, Default)]
pub(super) struct Orders {
    /// The digest of an order's names, how many there are, and the place of each column in it.
    known: Vec<(u64, usize, Vec<Option<usize>>)>,
}

impl Orders {
    /// For rows of these orders; the first is that of rows which do not say whose they are.
    pub(super) fn new<'s>(all: &Schema, orders: impl IntoIterator<Item = &'s Arc<Schema>>) -> Self {
        let mut known: Vec<(u64, usize, Vec<Option<usize>>)> = Vec::new();
        for order in orders {
            let digest = order.names_digest();
            if known.iter().all(|(own, ..)| *own != digest) {
                known.push((digest, order.len(), all.names().map(|name| order.position(name)).collect()));
            }
        }
        Self { known }
    }

    /// The place in the row of each column. A row that does not say whose it is has the order of `own`.
    ///
    /// # Errors
    /// [`Error::SchemaMismatch`] for a row of an order that is not known, and for another number of values.
    pub(super) fn of(&self, row: Row<'_>, own: &Schema) -> Result<&[Option<usize>]> {
        let digest = if row.names_digest() == 0 { own.names_digest() } else { row.names_digest() };
        let Some((_, length, places)) = self.known.iter().find(|(known, ..)| *known == digest) else {
            // The row says of which columns it is, and these are others.
            row.check_names(PREPARE, own.names_digest())?;
            return Err(Error::internal(PREPARE, "row", "its order of columns is not known"));
        };
        if row.values().len() != *length {
            let names: Vec<&str> = own.names().take(20).collect();
            let problem = format!("expected {length} values, got {}", row.values().len());
            return Err(Error::schema_mismatch(PREPARE, "values", problem)
                .remedy(format!("send the columns {}", names.join(", "))));
        }
        Ok(places)
    }
}

const PREPARE: &str = "prepare request";
