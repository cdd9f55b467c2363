//! A plan bound to a struct: names are compared once, rows are read by place.

use std::fmt;
use std::marker::PhantomData;

use mlcore::batch::{Row, Value};
use mlcore::schema::Schema;
use mlcore::{Error, Result};

use super::row::{UNREAD, fields_of, name_of};
use super::{FeatureField, FeatureValues, Features};
use crate::pipeline::{Output, Plan, RowExecutor};
use crate::program::bind::converts;

/// How a struct is bound to a plan.
///
/// ```
/// use mlcore_features::typed::{BindOptions, UnreadFields};
///
/// let strict = BindOptions::default().with_unread_fields(UnreadFields::Refused);
/// assert_eq!(strict.unread_fields, UnreadFields::Refused);
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct BindOptions {
    /// Fields that the plan does not read. Ignored unless told otherwise.
    pub unread_fields: UnreadFields,
}

impl BindOptions {
    /// With this answer to fields that the plan does not read.
    #[must_use]
    pub const fn with_unread_fields(mut self, unread_fields: UnreadFields) -> Self {
        self.unread_fields = unread_fields;
        self
    }
}

/// What becomes of fields that the plan does not read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum UnreadFields {
    /// They are ignored, as further columns of a table are.
    #[default]
    Ignored,
    /// They are refused, so that no field stands in a struct for nothing.
    Refused,
}

impl Plan {
    /// Binds the plan to a struct: compares all its fields with the plan's columns, once. Rows of the struct are read by place
    /// from then on. Fields that the plan does not read are ignored.
    ///
    /// A field may be of every type that a column of a table may be of ([`Plan::input`]). A value that its column does not hold
    /// is refused when it comes, such as an integer past 2^53 where the plan reads floats.
    ///
    /// # Errors
    /// [`Error::SchemaMismatch`] that names every column without a field, every field of another type, every option where the
    /// plan takes no null, and every name that two fields have.
    ///
    /// ```
    /// # use mlcore_features::pipeline::ColumnTransformer;
    /// # use mlcore_features::transform::StandardScaler;
    /// # use mlcore_features::typed::{FeatureField, FeatureValue as _, FeatureValues, Features, to_table};
    /// # struct Customer { age: f64 }
    /// # impl Features for Customer {
    /// #     fn fields(fields: &mut Vec<FeatureField>) { fields.push(FeatureField::of::<f64>("age")); }
    /// #     fn write<'v>(&'v self, values: &mut FeatureValues<'_, 'v>) { values.push(self.age.value()); }
    /// # }
    /// let table = to_table(&[Customer { age: 20.0 }, Customer { age: 40.0 }])?;
    /// let plan = ColumnTransformer::new().with("scale", StandardScaler::default(), ["age"]).fit(&table)?;
    /// let customers = plan.bind::<Customer>()?;
    /// let mut features = [0.0];
    /// customers.transform_into(&Customer { age: 40.0 }, &mut features)?;
    /// assert_eq!(features, [1.0]);
    /// # Ok::<(), mlcore::Error>(())
    /// ```
    pub fn bind<T: Features>(&self) -> Result<Bound<T>> {
        self.bind_with(BindOptions::default())
    }

    /// As [`Plan::bind`], with options.
    ///
    /// # Errors
    /// As [`Plan::bind`], and for fields that the plan does not read where these are refused.
    pub fn bind_with<T: Features>(&self, options: BindOptions) -> Result<Bound<T>> {
        let fields = fields_of::<T>();
        let mismatches = mismatches(&fields, self.input(), options);
        if !mismatches.is_empty() {
            return Err(Error::schema_mismatch("bind plan", name_of::<T>(), mismatches.join("; "))
                .remedy("change the fields, or fit the plan on a table of this struct"));
        }
        let place = |field: &FeatureField| self.input().position(field.name()).unwrap_or(UNREAD);
        Ok(Bound { plan: self.clone(), places: fields.iter().map(place).collect(), rows: PhantomData })
    }
}

/// Everything about the fields that the plan does not take, in the order of the plan and then of the fields.
fn mismatches(fields: &[FeatureField], input: &Schema, options: BindOptions) -> Vec<String> {
    let mut found = Vec::new();
    for column in input.fields() {
        let (name, expected) = (column.name(), column.dtype());
        let Some(field) = fields.iter().find(|field| field.name() == name) else {
            let alike = fields
                .iter()
                .find(|field| plain(field.name()).eq(plain(name)) && input.position(field.name()).is_none());
            let hint = alike.map_or_else(String::new, |field| format!(", but {:?} has", field.name()));
            found.push(format!("{name}: the plan reads {expected}, and no field has this name{hint}"));
            continue;
        };
        let got = field.dtype();
        if got != expected && !converts(got, expected) {
            found.push(format!("{name}: the plan reads {expected}, and the field is {got}"));
        }
        if field.is_nullable() && !column.is_nullable() {
            found.push(format!("{name}: the field may be null, and the plan takes no null there"));
        }
    }
    for (position, field) in fields.iter().enumerate() {
        let name = field.name();
        if fields.iter().take(position).any(|before| before.name() == name) {
            found.push(format!("{name}: two fields have this name"));
        } else if options.unread_fields == UnreadFields::Refused && input.position(name).is_none() {
            found.push(format!("{name}: the plan reads no such column"));
        }
    }
    found
}

/// A name as people mistake it: without its capitals and separators.
fn plain(name: &str) -> impl Iterator<Item = char> {
    name.chars().filter(|letter| letter.is_alphanumeric()).flat_map(char::to_lowercase)
}

/// A plan that reads rows of one struct. It is made by [`Plan::bind`], and one serves any number of threads.
pub struct Bound<T> {
    plan: Plan,
    /// Of each field the place in the plan's input.
    places: Box<[usize]>,
    rows: PhantomData<fn() -> T>,
}

/// Up to so many columns lie on the stack, in 1.5 kB; a plan of one model seldom reads more.
const ON_THE_STACK: usize = 64;

impl<T: Features> Bound<T> {
    /// The plan.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The features of a row, into memory of the caller: [`Plan::width`] numbers. Allocates only where the plan reads more than
    /// 64 columns, or where [`Plan::transform_row`] does; [`run_into`](Self::run_into) never does.
    ///
    /// # Errors
    /// As [`RowExecutor::run_into`].
    pub fn transform_into<O: Output>(&self, row: &T, features: &mut [O]) -> Result<()> {
        self.with_row(row, |row| self.plan.transform_row(row, features))?
    }

    /// Memory for [`run`](Self::run) and [`run_into`](Self::run_into): one per thread.
    #[must_use]
    pub fn executor(&self) -> BoundExecutor {
        let values = Vec::with_capacity(self.plan.input().len());
        BoundExecutor { plan: self.plan.clone(), rows: self.plan.row_executor(), values }
    }

    /// The features of a row, in the order of the plan's output; valid until the next run. Allocates nothing.
    ///
    /// # Errors
    /// As [`RowExecutor::run_into`], and [`Error::InvalidInput`] for the executor of another plan.
    pub fn run<'e>(&self, row: &T, executor: &'e mut BoundExecutor) -> Result<&'e [f64]> {
        let BoundExecutor { plan, rows, values } = executor;
        self.with_values(plan, values, row, |row| rows.run(row))
    }

    /// As [`run`](Self::run), into memory of the caller: [`Plan::width`] numbers.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn run_into<O: Output>(
        &self,
        row: &T,
        executor: &mut BoundExecutor,
        features: &mut [O],
    ) -> Result<()> {
        let BoundExecutor { plan, rows, values } = executor;
        self.with_values(plan, values, row, |row| rows.run_into(row, features))
    }

    /// Calls `use_row` with the values of a row in the order of the plan's input, and what columns they belong to: what an
    /// endpoint is asked with.
    ///
    /// # Errors
    /// [`Error::Internal`] when the struct hands over another number of values than it has columns, which none that derives
    /// [`Features`] does.
    pub fn with_row<R>(&self, row: &T, use_row: impl FnOnce(Row<'_>) -> R) -> Result<R> {
        let needed = self.plan.input().len();
        let mut small = [Value::Null; ON_THE_STACK];
        match small.get_mut(..needed) {
            Some(values) => self.with_memory(row, values, use_row),
            None => self.with_memory(row, &mut vec![Value::Null; needed], use_row),
        }
    }

    fn with_values<R>(
        &self,
        executors: &Plan,
        memory: &mut Vec<Value<'static>>,
        row: &T,
        use_row: impl FnOnce(Row<'_>) -> Result<R>,
    ) -> Result<R> {
        if !std::ptr::eq(executors.input(), self.plan.input()) && *executors != self.plan {
            return Err(Error::invalid_input("transform", "executor", "it was made for another plan")
                .remedy("make one with the bound plan that it is used with"));
        }
        let mut values: Vec<Value<'_>> = std::mem::take(memory);
        values.resize(self.plan.input().len(), Value::Null);
        let result = self.with_memory(row, &mut values, use_row);
        *memory = emptied(values);
        result?
    }

    #[inline]
    fn with_memory<'v, R>(
        &self,
        row: &'v T,
        values: &mut [Value<'v>],
        use_row: impl FnOnce(Row<'_>) -> R,
    ) -> Result<R> {
        FeatureValues::write(row, &self.places, values)?;
        Ok(use_row(Row::unchecked(values).with_names_digest(self.plan.input().names_digest())))
    }
}

/// The memory of these values, for values that live otherwise long. Collecting nothing of the same size from a vector keeps
/// its memory; if it ever did not, only time would be lost.
fn emptied<'b>(values: Vec<Value<'_>>) -> Vec<Value<'b>> {
    values.into_iter().map_while(|_| None).collect()
}

impl<T> Clone for Bound<T> {
    fn clone(&self) -> Self {
        Self { plan: self.plan.clone(), places: self.places.clone(), rows: PhantomData }
    }
}

impl<T> fmt::Debug for Bound<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { plan, places, rows: _ } = self;
        f.debug_struct("Bound")
            .field("row", &name_of::<T>())
            .field("plan", &plan.digest())
            .field("places", places)
            .finish()
    }
}

/// Memory in which a [`Bound`] plan runs rows, used again.
#[derive(Clone, Debug)]
pub struct BoundExecutor {
    plan: Plan,
    rows: RowExecutor,
    /// Always empty between two runs.
    values: Vec<Value<'static>>,
}
