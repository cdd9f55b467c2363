//! The people of the experiment, one by one.

use doctor_visit::data::Rows;
use mlcore::arrow::array::{Array, AsArray, RecordBatch};
use mlcore::arrow::datatypes::{Float64Type, Int64Type};
use mlcore::stats::SplitMix64;
use mlcore::{Error, Result};

/// What the family paid of a bill.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Cover {
    Free,
    Shared,
}

/// A person, with the visits to a doctor in each year of the experiment that was seen.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Person {
    pub(crate) id: i64,
    pub(crate) cover: Cover,
    pub(crate) is_female: bool,
    /// Counted before the experiment began.
    pub(crate) chronic_diseases: f64,
    pub(crate) visits: Vec<f64>,
}

impl Person {
    /// Visits in a year, on average.
    pub(crate) fn visits_per_year(&self) -> f64 {
        self.visits.iter().sum::<f64>() / self.visits.len() as f64
    }
}

/// The people of these sites. Rows stand by person, then year.
pub(crate) fn people(rows: &Rows, sites: &[i64], years: &[i64]) -> Result<Vec<Person>> {
    let rows = rows.of(sites, years)?;
    let (ids, visits) = (rows.persons()?, integers(&rows.table, "visits")?);
    let (plans, sexes) = (texts(&rows.table, "plan")?, texts(&rows.table, "sex")?);
    let diseases = floats(&rows.table, "chronic_diseases")?;
    let mut people: Vec<Person> = Vec::new();
    for ((((id, visits), plan), sex), diseases) in ids.iter().zip(visits).zip(plans).zip(sexes).zip(diseases)
    {
        match people.last_mut() {
            Some(person) if person.id == *id => person.visits.push(visits as f64),
            _ => people.push(Person {
                id: *id,
                cover: if plan == "free" { Cover::Free } else { Cover::Shared },
                is_female: sex == "female",
                chronic_diseases: diseases,
                visits: vec![visits as f64],
            }),
        }
    }
    Ok(people)
}

/// The people in an order drawn with `seed`, as strangers would come: neighbours in the table are of one family.
pub(crate) fn shuffled(mut people: Vec<Person>, seed: u64) -> Vec<Person> {
    SplitMix64::new(seed).shuffle(&mut people);
    people
}

fn column<'a>(table: &'a RecordBatch, name: &str) -> Result<&'a dyn Array> {
    let found = table.column_by_name(name).filter(|column| column.null_count() == 0);
    found.map(AsRef::as_ref).ok_or_else(|| wrong(name))
}

fn integers(table: &RecordBatch, name: &str) -> Result<Vec<i64>> {
    let numbers = column(table, name)?.as_primitive_opt::<Int64Type>();
    numbers.map(|numbers| numbers.values().to_vec()).ok_or_else(|| wrong(name))
}

fn floats(table: &RecordBatch, name: &str) -> Result<Vec<f64>> {
    let numbers = column(table, name)?.as_primitive_opt::<Float64Type>();
    numbers.map(|numbers| numbers.values().to_vec()).ok_or_else(|| wrong(name))
}

fn texts(table: &RecordBatch, name: &str) -> Result<Vec<String>> {
    let texts = column(table, name)?.as_string_opt::<i32>();
    texts.map(|texts| texts.iter().flatten().map(str::to_owned).collect()).ok_or_else(|| wrong(name))
}

fn wrong(name: &str) -> Error {
    Error::schema_mismatch(
        "read data set",
        name,
        "it is not there, or not of the type that is read, without nulls",
    )
}
