use std::sync::Arc;

use mlcore::Result;
use mlcore::batch::{Batch, Row, Value};
use mlcore::schema::{Field, Schema};
use smallvec::SmallVec;

use super::{Features, TensorColumns};

/// The raw columns that the arms read, and how a row of any known order reaches the plan of each arm.
///
/// Plans of two versions may read different columns, or the same in another order. A row is one list of values, so it
/// serves all of them only if each picks out its own.
#[derive(Debug, Default)]
pub(crate) struct Columns {
    all: Arc<Schema>,
    layouts: Vec<Layout>,
    /// Those within the tensors that arms without a plan take.
    tensors: TensorColumns,
}

/// An order of columns in which rows come.
#[derive(Debug)]
struct Layout {
    schema: Arc<Schema>,
    /// For each arm.
    arms: Vec<Reads>,
}

/// What an arm's plan reads of a row.
#[derive(Debug)]
enum Reads {
    /// The values at these places, in this order.
    At(Box<[usize]>),
    /// Nothing: a column that it needs is not there, or there is no plan.
    Nothing,
}

impl Columns {
    /// What `arms` read between them, each by its plan if it has one. Rows of the orders that `before` knew are still
    /// understood: a request may have been read in one of them a moment ago. Requests may leave away the columns of which `may_miss`
    /// says so.
    ///
    /// # Errors
    /// None that plans could cause.
    pub(crate) fn new(
        arms: &[Option<&Schema>],
        before: &Self,
        may_miss: impl Fn(&str) -> bool,
    ) -> Result<Self> {
        let fields = union(arms)?;
        let fields = fields.fields().iter().cloned();
        let all =
            Schema::new(fields.map(|field| if may_miss(field.name()) { field.nullable() } else { field }))?;
        // The same one where nothing changed, so that readers of records need not begin anew.
        let all = if all == *before.all { before.all.clone() } else { Arc::new(all) };
        let mut schemas = vec![all.clone()];
        let plans = arms.iter().flatten().map(|schema| Arc::new((*schema).clone()));
        for schema in plans.chain(before.layouts.iter().map(|layout| layout.schema.clone())) {
            let known = |other: &Arc<Schema>| other.names_digest() == schema.names_digest();
            if schemas.len() < MOST_LAYOUTS && !schemas.iter().any(known) {
                schemas.push(schema);
            }
        }
        let layout = |schema: Arc<Schema>| Layout {
            arms: arms.iter().map(|arm| Reads::of(*arm, &schema)).collect(),
            schema,
        };
        Ok(Self {
            layouts: schemas.into_iter().map(layout).collect(),
            all,
            tensors: TensorColumns::default(),
        })
    }

    /// The same, with the columns of the tensors that arms without a plan take.
    pub(crate) fn with_tensors(mut self, tensors: TensorColumns) -> Self {
        self.tensors = tensors;
        self
    }

    /// The columns of the tensors that arms without a plan take.
    pub(crate) fn tensors(&self) -> &TensorColumns {
        &self.tensors
    }

    /// All columns, each once.
    pub(crate) fn all(&self) -> &Arc<Schema> {
        &self.all
    }

    /// The orders of columns in which rows may come.
    pub(crate) fn orders(&self) -> impl Iterator<Item = &Arc<Schema>> {
        self.layouts.iter().map(|layout| &layout.schema)
    }

    /// The schema of rows with this [digest of names](Schema::names_digest), if they are known.
    pub(crate) fn schema(&self, names: u64) -> Option<&Schema> {
        self.layouts.iter().map(|layout| &*layout.schema).find(|schema| schema.names_digest() == names)
    }

    /// Names the columns of rows with this digest in `place`, if they are known; writes nothing where they stand there already.
    pub(crate) fn name(&self, names: u64, place: &mut Option<Arc<Schema>>) {
        let schemas = || self.layouts.iter().map(|layout| &layout.schema);
        let found = schemas().find(|schema| schema.names_digest() == names);
        match (&place, found) {
            (Some(own), Some(found)) if Arc::ptr_eq(own, found) => {}
            _ => *place = found.cloned(),
        }
    }

    /// The input that the arm at `position` makes of a row.
    pub(crate) fn row(&self, position: usize, features: &Features, row: Row<'_>) -> Result<Batch> {
        let input = features.plan().input();
        let own = input.names_digest();
        if row.names_digest() == own || row.names_digest() == 0 {
            row.check_sent(PREDICT, input.fields().iter().enumerate())?;
            return features.row(row);
        }
        let layout = self.layouts.iter().find(|layout| layout.schema.names_digest() == row.names_digest());
        match layout.and_then(|layout| layout.arms.get(position)) {
            Some(Reads::At(places)) => {
                row.check_sent(PREDICT, places.iter().copied().zip(input.fields()))?;
                let value = |place: &usize| row.values().get(*place).copied().unwrap_or_default();
                let values: SmallVec<[Value<'_>; FEW_COLUMNS]> = places.iter().map(value).collect();
                features.row(Row::unchecked(&values).with_names_digest(own))
            }
            // The plan says of such a row what is wrong with it.
            Some(Reads::Nothing) | None => features.row(row),
        }
    }
}

impl Reads {
    fn of(plan: Option<&Schema>, row: &Schema) -> Self {
        let places = plan.and_then(|plan| plan.names().map(|name| row.position(name)).collect());
        places.map_or(Self::Nothing, Self::At)
    }
}

/// The columns of all arms, each once, as the first that reads it declares it. Values may be missing where one arm allows it
/// or does not read the column at all: whether they may be depends on the arm that answers.
fn union(arms: &[Option<&Schema>]) -> Result<Schema> {
    let mut fields: Vec<Field> = Vec::new();
    let plans = || arms.iter().flatten();
    for field in plans().flat_map(|schema| schema.fields()) {
        if !fields.iter().any(|known| known.name() == field.name()) {
            let required =
                |schema: &&Schema| schema.field(field.name()).is_some_and(|own| !own.is_nullable());
            fields.push(if plans().all(required) { field.clone() } else { field.clone().nullable() });
        }
    }
    Schema::new(fields)
}

const PREDICT: &str = "predict";
/// The orders of columns that are remembered: those of the arms, and of a few releases before.
const MOST_LAYOUTS: usize = 16;
/// Up to so many columns a row is rearranged without the allocator.
const FEW_COLUMNS: usize = 32;

#[cfg(test)]
mod tests {
    use mlcore::schema::DType;

    use super::*;

    fn schema(names: &[&str]) -> Schema {
        Schema::new(names.iter().map(|name| Field::column(*name, DType::Float64))).unwrap()
    }

    fn none(_: &str) -> bool {
        false
    }

    fn places(columns: &Columns, row: &Schema, arm: usize) -> Option<Vec<usize>> {
        let layout =
            columns.layouts.iter().find(|layout| layout.schema.names_digest() == row.names_digest())?;
        match &layout.arms[arm] {
            Reads::At(places) => Some(places.to_vec()),
            Reads::Nothing => None,
        }
    }

    #[test]
    fn each_arm_finds_its_columns_in_rows_of_every_known_order() {
        let (a, b) = (schema(&["x", "y"]), schema(&["z", "x"]));
        let columns = Columns::new(&[Some(&a), Some(&b), None], &Columns::default(), none).unwrap();
        let all = columns.all().clone();
        assert_eq!(all.names().collect::<Vec<_>>(), ["x", "y", "z"]);
        assert_eq!(places(&columns, &all, 0), Some(vec![0, 1]));
        assert_eq!(places(&columns, &all, 1), Some(vec![2, 0]));
        assert_eq!(places(&columns, &all, 2), None);
        assert_eq!(places(&columns, &a, 1), None, "there is no z in it");
        assert_eq!(columns.schema(b.names_digest()), Some(&b));

        // After a release to a plan that reads less, rows of the time before are still understood.
        let (c, d) = (schema(&["y"]), schema(&["y", "new"]));
        let after = Columns::new(&[Some(&c)], &columns, none).unwrap();
        assert_eq!((places(&after, &all, 0), places(&after, &a, 0)), (Some(vec![1]), Some(vec![1])));
        assert_eq!(places(&after, &b, 0), None);
        assert_eq!(places(&Columns::new(&[Some(&d)], &after, none).unwrap(), &all, 0), None);
    }

    #[test]
    fn what_not_every_arm_needs_may_be_missing() {
        let nullable =
            Schema::new([Field::column("x", DType::Float64).nullable(), Field::column("y", DType::Float64)])
                .unwrap();
        let all = union(&[Some(&schema(&["x", "y", "z"])), Some(&nullable)]).unwrap();
        let flags: Vec<bool> = all.fields().iter().map(Field::is_nullable).collect();
        assert_eq!(flags, [true, false, true]);
    }

    #[test]
    fn old_orders_are_forgotten() {
        let mut columns = Columns::default();
        for release in 0..3 * MOST_LAYOUTS {
            columns = Columns::new(&[Some(&schema(&[&format!("x{release}")]))], &columns, none).unwrap();
        }
        assert_eq!(columns.layouts.len(), MOST_LAYOUTS);
    }
}
