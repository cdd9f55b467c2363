//! What a table is compared with: keys that may occur, and samples or profiles of how it looked.

use std::collections::BTreeMap;

use mlcore::arrow::array::ArrayRef;
use mlcore::batch::{ColumnView, OwnedValue};
use mlcore::profile::ColumnProfile;
use mlcore::schema::DType;
use mlcore::{Error, Result, interrupt};

/// Columns and profiles that expectations name, handed to [`Suite::compile_with`](super::super::Suite::compile_with).
///
/// ```
/// use std::sync::Arc;
///
/// use mlcore::arrow::array::{Int64Array, RecordBatch};
/// use mlcore::schema::{DType, Field, Schema};
/// use mlcore_features::validate::{Check, References, RunOptions, Suite};
///
/// let customers = References::default().with_column("customers", &(Arc::new(Int64Array::from(vec![1, 2])) as _))?;
/// let check = Check::ColumnValuesToBeInReference { column: "customer".into(), reference: "customers".into() };
/// let schema = Schema::new([Field::column("customer", DType::Int64)])?;
/// let suite = Suite::new("orders").with(check).compile_with(&schema, &customers)?;
///
/// let orders = RecordBatch::try_from_iter([("customer", Arc::new(Int64Array::from(vec![2, 3])) as _)])?;
/// let report = suite.validate(&orders, &RunOptions::default())?;
/// assert_eq!(report.results()[0].unexpected[0].row, Some(1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct References(BTreeMap<String, Reference>);

#[derive(Clone, Debug)]
pub(in crate::validate) enum Reference {
    Column(DType, Vec<OwnedValue>),
    Profile(Box<ColumnProfile>),
}

impl References {
    /// The same with a column: the keys that may occur, or a sample of what a column looks like.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for a column of a type that mlcore does not read.
    pub fn with_column(mut self, name: impl Into<String>, column: &ArrayRef) -> Result<Self> {
        let name = name.into();
        let Some(dtype) = DType::from_arrow(column.data_type()) else {
            let problem = format!("columns of type {} are not taken", column.data_type());
            return Err(Error::unsupported("take reference", name, problem)
                .remedy("cast it to a number, a bool, text, a date or a timestamp first"));
        };
        let plain = ColumnView::plain(&name, column)?;
        let view = ColumnView::new(&name, &plain)?;
        let values = interrupt::paced(0..plain.len()).map(|row| view.value(row).into_owned());
        let values = values.collect();
        interrupt::check("take reference")?;
        self.0.insert(name, Reference::Column(dtype, values));
        Ok(self)
    }

    /// The same with the profile of a column.
    #[must_use]
    pub fn with_profile(mut self, name: impl Into<String>, profile: &ColumnProfile) -> Self {
        self.0.insert(name.into(), Reference::Profile(Box::new(profile.clone())));
        self
    }

    /// The reference of this name, or what to do about it.
    pub(in crate::validate) fn find(&self, name: &str) -> Result<&Reference, String> {
        self.0.get(name).ok_or_else(|| {
            let known: Vec<&str> = self.0.keys().map(String::as_str).collect();
            let known =
                if known.is_empty() { "none was".to_owned() } else { format!("{} were", known.join(", ")) };
            format!("the reference {name:?} was not handed in, {known}; compile the suite with it")
        })
    }
}
