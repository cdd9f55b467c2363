//! What differs between two plans, in words.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use mlcore::batch::OwnedValue;
use mlcore::schema::{Field, Schema};

use super::custom::compare_states;
use super::{FittedColumnTransformer, FittedFeatureUnion, FittedPipeline, FittedStep, Plan};
use crate::transform::custom::FittedCustomTransformer;
use crate::transform::{Attribute, FittedTransformer, Parameter, Parameters, Transform};

/// One thing in which a plan differs from another.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PlanChange {
    /// Where: `input`, `output`, or the names on the way to a step with `__` between, as in `num__scale`. Empty for a plan of one
    /// step.
    pub place: String,
    /// What differs, as a sentence without its subject.
    pub change: String,
}

impl fmt::Display for PlanChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place.as_str() {
            "" => f.write_str(&self.change),
            place => write!(f, "{place}: {}", self.change),
        }
    }
}

/// In what a plan differs from another: [`Plan::diff`]. It is displayed as a line for each change.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PlanDiff {
    changes: Vec<PlanChange>,
}

impl PlanDiff {
    /// The changes: input, output, then step by step.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &PlanChange> {
        self.changes.iter()
    }

    /// Says whether nothing differs.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }
}

impl fmt::Display for PlanDiff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.changes.iter().try_for_each(|change| writeln!(f, "{change}"))
    }
}

impl Plan {
    /// What is otherwise in a plan that is to follow this one: its columns, features, steps, their parameters and what they
    /// learnt. Of many numbers of one kind the first ten are told.
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// use mlcore::arrow::array::{Float64Array, RecordBatch};
    /// use mlcore_features::pipeline::ColumnTransformer;
    /// use mlcore_features::transform::MinMaxScaler;
    ///
    /// let fitted = |ages: Vec<f64>, clip| {
    ///     let table = RecordBatch::try_from_iter([("age", Arc::new(Float64Array::from(ages)) as _)]).unwrap();
    ///     ColumnTransformer::new().with("num", MinMaxScaler::default().clip(clip), ["age"]).fit(&table)
    /// };
    /// let (old, new) = (fitted(vec![20.0, 60.0], false)?, fitted(vec![20.0, 80.0], true)?);
    /// let changes: Vec<String> = old.diff(&new).iter().map(ToString::to_string).collect();
    /// assert_eq!(changes[0], "num: clip was False, is True");
    /// assert!(changes.contains(&"num: data_max_ of age was 60, is 80".to_owned()));
    /// assert!(old.diff(&old).is_empty());
    /// # Ok::<(), mlcore::Error>(())
    /// ```
    #[must_use]
    pub fn diff(&self, new: &Self) -> PlanDiff {
        let mut found = Found::default();
        if self.digest() != new.digest() {
            found.columns("input", "column", self.input(), new.input());
            found.columns("output", "feature", self.output(), new.output());
            found.steps("", self.step(), new.step());
            if found.changes.is_empty() {
                found.add("", "the plans compute alike and are stored otherwise".to_owned());
            }
        }
        PlanDiff { changes: found.changes }
    }
}

/// How many differences of one kind are told.
const MOST: usize = 10;

#[derive(Default)]
struct Found {
    changes: Vec<PlanChange>,
}

impl Found {
    fn add(&mut self, place: &str, change: String) {
        self.changes.push(PlanChange { place: place.to_owned(), change });
    }

    /// The first of many changes, and how many more there are.
    fn add_many(&mut self, place: &str, changes: impl IntoIterator<Item = String>) {
        let mut changes = changes.into_iter();
        changes.by_ref().take(MOST).for_each(|change| self.add(place, change));
        match changes.count() {
            0 => {}
            more => self.add(place, format!("and {more} more like this")),
        }
    }

    fn columns(&mut self, place: &str, kind: &str, old: &Schema, new: &Schema) {
        let by_name = |schema: &Schema| -> BTreeMap<String, Field> {
            schema.fields().iter().map(|field| (field.name().to_owned(), field.clone())).collect()
        };
        let (before, now) = (by_name(old), by_name(new));
        let gone = old.names().filter(|name| !now.contains_key(*name));
        self.add_many(place, gone.map(|name| format!("the {kind} {name} is gone")));
        let added = new.fields().iter().filter(|field| !before.contains_key(field.name()));
        self.add_many(
            place,
            added.map(|field| format!("the {kind} {} is new, {}", field.name(), field.dtype())),
        );
        let common = old.fields().iter().filter_map(|old| Some((old, now.get(old.name())?)));
        self.add_many(
            place,
            common.clone().filter(|(old, new)| old.dtype() != new.dtype()).map(|(old, new)| {
                format!("the {kind} {} was {}, is {}", old.name(), old.dtype(), new.dtype())
            }),
        );
        self.add_many(
            place,
            common.filter(|(old, new)| old.is_nullable() != new.is_nullable()).map(|(old, new)| {
                let may =
                    if new.is_nullable() { "may be missing now" } else { "may not be missing any more" };
                format!("the {kind} {} {may}", old.name())
            }),
        );
        self.order(place, &format!("{kind}s"), old.names(), new.names());
    }

    /// Tells where what is in both stands in another order.
    fn order<'a>(
        &mut self,
        place: &str,
        kind: &str,
        old: impl Iterator<Item = &'a str>,
        new: impl Iterator<Item = &'a str>,
    ) {
        let (old, new): (Vec<&str>, Vec<&str>) = (old.collect(), new.collect());
        let (known, kept): (BTreeSet<&str>, BTreeSet<&str>) =
            (old.iter().copied().collect(), new.iter().copied().collect());
        let before = old.iter().filter(|name| kept.contains(*name));
        if !before.eq(new.iter().filter(|name| known.contains(*name))) {
            self.add(place, format!("the {kind} stand in another order"));
        }
    }

    fn steps(&mut self, place: &str, old: &FittedStep, new: &FittedStep) {
        match (old, new) {
            (FittedStep::Passthrough(_), FittedStep::Passthrough(_))
            | (FittedStep::Drop, FittedStep::Drop) => {}
            (FittedStep::Transformer(old), FittedStep::Transformer(new)) => {
                self.transformers(place, old, new);
            }
            (FittedStep::Pipeline(old), FittedStep::Pipeline(new)) => self.pipelines(place, old, new),
            (FittedStep::ColumnTransformer(old), FittedStep::ColumnTransformer(new)) => {
                self.column_transformers(place, old, new);
            }
            (FittedStep::FeatureUnion(old), FittedStep::FeatureUnion(new)) => self.unions(place, old, new),
            (FittedStep::Function(old), FittedStep::Function(new)) => self.functions(place, old, new),
            _ => self.add(place, format!("was {}, is {}", kind(old), kind(new))),
        }
    }

    fn pipelines(&mut self, place: &str, old: &FittedPipeline, new: &FittedPipeline) {
        let gone = old.iter().filter(|(name, _)| new.step(name).is_none());
        self.add_many(place, gone.map(|(name, step)| format!("the step {name} is gone, {}", kind(step))));
        let added = new.iter().filter(|(name, _)| old.step(name).is_none());
        self.add_many(place, added.map(|(name, step)| format!("the step {name} is new, {}", kind(step))));
        self.order(place, "steps", old.iter().map(|(name, _)| name), new.iter().map(|(name, _)| name));
        for (name, step) in old.iter() {
            if let Some(new) = new.step(name) {
                self.steps(&below(place, name), step, new);
            }
        }
    }

    fn column_transformers(
        &mut self,
        place: &str,
        old: &FittedColumnTransformer,
        new: &FittedColumnTransformer,
    ) {
        let names = |steps: &FittedColumnTransformer| {
            steps.iter().map(|(name, step, _)| (name.to_owned(), kind(step))).collect::<Vec<_>>()
        };
        self.branches(place, &names(old), &names(new));
        self.verbosity(place, old.has_verbose_names(), new.has_verbose_names());
        for (name, step, columns) in old.iter() {
            let Some((_, new, now)) = new.iter().find(|(other, ..)| *other == name) else { continue };
            let inner = below(place, name);
            let gone = columns.iter().filter(|column| !now.contains(column));
            self.add_many(&inner, gone.map(|column| format!("{column} is none of its columns any more")));
            let added = now.iter().filter(|column| !columns.contains(column));
            self.add_many(&inner, added.map(|column| format!("{column} is one of its columns now")));
            self.steps(&inner, step, new);
        }
    }

    fn unions(&mut self, place: &str, old: &FittedFeatureUnion, new: &FittedFeatureUnion) {
        let names = |steps: &FittedFeatureUnion| {
            steps.iter().map(|(name, step, _)| (name.to_owned(), kind(step))).collect::<Vec<_>>()
        };
        self.branches(place, &names(old), &names(new));
        self.verbosity(place, old.has_verbose_names(), new.has_verbose_names());
        for (name, step, weight) in old.iter() {
            let Some((_, new, now)) = new.iter().find(|(other, ..)| *other == name) else { continue };
            let inner = below(place, name);
            if weight != now {
                let (before, now) = (Parameter::from(weight), Parameter::from(now));
                self.add(&inner, format!("the weight was {before}, is {now}"));
            }
            self.steps(&inner, step, new);
        }
    }

    /// Tells which of the steps beside each other, by name and kind, came, went or moved.
    fn branches(
        &mut self,
        place: &str,
        old: &[(String, Cow<'static, str>)],
        new: &[(String, Cow<'static, str>)],
    ) {
        let has =
            |steps: &[(String, Cow<'static, str>)], name: &str| steps.iter().any(|(own, _)| own == name);
        let gone = old.iter().filter(|(name, _)| !has(new, name));
        self.add_many(place, gone.map(|(name, kind)| format!("the step {name} is gone, {kind}")));
        let added = new.iter().filter(|(name, _)| !has(old, name));
        self.add_many(place, added.map(|(name, kind)| format!("the step {name} is new, {kind}")));
        let names = |steps: &'_ [(String, Cow<'static, str>)]| {
            steps.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>()
        };
        let (old, new) = (names(old), names(new));
        self.order(place, "steps", old.iter().map(String::as_str), new.iter().map(String::as_str));
    }

    fn verbosity(&mut self, place: &str, old: bool, new: bool) {
        if old != new {
            let (old, new) = (Parameter::from(old), Parameter::from(new));
            self.add(place, format!("verbose_feature_names_out was {old}, is {new}"));
        }
    }

    fn functions(&mut self, place: &str, old: &FittedCustomTransformer, new: &FittedCustomTransformer) {
        if old.title() != new.title() {
            self.add(place, format!("was {}, is {}", old.title(), new.title()));
            return;
        }
        self.parameters(place, old.parameters(), new.parameters());
        let mut told = Vec::new();
        compare_states(&mut told, old.state(), new.state());
        self.add_many(place, told);
    }

    fn parameters(&mut self, place: &str, old: &Parameters, new: &Parameters) {
        for (name, old) in old.iter() {
            if let Some(new) = new.get(name).filter(|new| new.to_string() != old.to_string()) {
                self.add(place, format!("{name} was {old}, is {new}"));
            }
        }
    }

    fn transformers(&mut self, place: &str, old: &FittedTransformer, new: &FittedTransformer) {
        let (own, other) = (old.specification(), new.specification());
        if own.name() != other.name() {
            self.add(place, format!("was {}, is {}", own.name(), other.name()));
            return;
        }
        if let (Ok(own), Ok(other)) = (own.parameters(), other.parameters()) {
            self.parameters(place, &own, &other);
        }
        let (columns, now): (Vec<&str>, Vec<&str>) =
            (old.input().names().collect(), new.input().names().collect());
        let columns = if columns == now { columns } else { Vec::new() };
        let (learnt, attributes) = (old.attributes(), new.attributes());
        for (name, old) in &learnt {
            if let Some((_, new)) = attributes.iter().find(|(other, _)| other == name) {
                let mut told = Vec::new();
                compare(&mut told, name, &columns, old, new);
                self.add_many(place, told);
            }
        }
    }
}

fn below(place: &str, name: &str) -> String {
    if place.is_empty() { name.to_owned() } else { format!("{place}__{name}") }
}

/// What a step is, by the name of its class.
pub(super) fn kind(step: &FittedStep) -> Cow<'static, str> {
    Cow::Borrowed(match step {
        FittedStep::Passthrough(_) => "passthrough",
        FittedStep::Drop => "drop",
        FittedStep::Transformer(fitted) => fitted.specification().name(),
        FittedStep::Pipeline(_) => "Pipeline",
        FittedStep::ColumnTransformer(_) => "ColumnTransformer",
        FittedStep::FeatureUnion(_) => "FeatureUnion",
        FittedStep::Function(function) => return Cow::Owned(function.title()),
    })
}

/// Tells how what was learnt differs. `columns` are those of the step, where both plans have the same.
fn compare(told: &mut Vec<String>, name: &str, columns: &[&str], old: &Attribute, new: &Attribute) {
    // An attribute with an entry for each column tells the column, any other the place.
    let of = |length: usize, place: usize| match columns.get(place) {
        Some(column) if columns.len() == length => format!("{name} of {column}"),
        _ => format!("{name}[{place}]"),
    };
    match (old, new) {
        (Attribute::Numbers(old), Attribute::Numbers(new)) if old.len() == new.len() => {
            let pairs = old.iter().zip(new).enumerate();
            let differ = pairs.filter(|(_, (old, new))| !is_same(**old, **new));
            told.extend(
                differ
                    .map(|(place, (before, now))| format!("{} was {before}, is {now}", of(old.len(), place))),
            );
        }
        (Attribute::Counts(old), Attribute::Counts(new)) if old.len() == new.len() => {
            let differ = old.iter().zip(new).enumerate().filter(|(_, (old, new))| old != new);
            told.extend(
                differ
                    .map(|(place, (before, now))| format!("{} was {before}, is {now}", of(old.len(), place))),
            );
        }
        (Attribute::List(old), Attribute::List(new)) | (Attribute::Objects(old), Attribute::Objects(new))
            if old.len() == new.len() =>
        {
            for (place, (before, now)) in old.iter().zip(new).enumerate() {
                compare(told, &of(old.len(), place), &[], before, now);
            }
        }
        (Attribute::Values { values: old, .. }, Attribute::Values { values: new, .. })
            if old.len() == new.len() && old.len() == columns.len() =>
        {
            let words = |value: &OwnedValue| Parameter::Value(value.clone()).to_string();
            let pairs = old.iter().map(words).zip(new.iter().map(words)).enumerate();
            let differ = pairs.filter(|(_, (old, new))| old != new);
            told.extend(
                differ
                    .map(|(place, (before, now))| format!("{} was {before}, is {now}", of(old.len(), place))),
            );
        }
        (Attribute::Values { values: old, .. }, Attribute::Values { values: new, .. }) => {
            compare_values(told, name, old, new);
        }
        (Attribute::Number(old), Attribute::Number(new)) => {
            if !is_same(*old, *new) {
                told.push(format!("{name} was {old}, is {new}"));
            }
        }
        (old, new) if old == new => {}
        (old, new) => told.push(format!("{name} was {}, is {}", size(old), size(new))),
    }
}

fn compare_values(told: &mut Vec<String>, name: &str, old: &[OwnedValue], new: &[OwnedValue]) {
    // By their words, in which values of any type are told apart.
    let words = |values: &[OwnedValue]| -> Vec<String> {
        values.iter().map(|value| Parameter::Value(value.clone()).to_string()).collect()
    };
    let (old, new) = (words(old), words(new));
    let (known, kept): (BTreeSet<&String>, BTreeSet<&String>) = (old.iter().collect(), new.iter().collect());
    let before = told.len();
    told.extend(old.iter().filter(|value| !kept.contains(value)).map(|value| format!("{name} lost {value}")));
    told.extend(new.iter().filter(|value| !known.contains(value)).map(|value| format!("{name} got {value}")));
    if told.len() == before && old != new {
        told.push(format!("{name} stand in another order"));
    }
}

/// All NaN are one, and both zeros.
fn is_same(old: f64, new: f64) -> bool {
    old == new || old.is_nan() && new.is_nan()
}

/// An attribute of another kind or length, in few words.
fn size(attribute: &Attribute) -> String {
    match attribute {
        Attribute::None => "None".to_owned(),
        Attribute::Count(count) => count.to_string(),
        Attribute::Number(number) => number.to_string(),
        Attribute::Counts(counts) => format!("{} numbers", counts.len()),
        Attribute::Numbers(numbers) => format!("{} numbers", numbers.len()),
        Attribute::Values { values, .. } => format!("{} values", values.len()),
        Attribute::List(list) | Attribute::Objects(list) => format!("{} entries", list.len()),
    }
}
