//! Features of a real table in a feature store: `cargo run -p feature-store FOLDER`, which the store is kept in.
//!
//! They are defined in `features.toml`, joined as they were known for training, filled into the online store and read there, and both are
//! compared bit for bit.

mod data;

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::path::{Path, PathBuf};

use mlcore::arrow::array::RecordBatch;
use mlcore::batch::Value;
use mlcore::registry::Change;
use mlcore_features::store::definition::Repository;
use mlcore_features::store::feature_store::{
    EntityRows, FeatureQuery, FeatureStore, HistoricalOptions, MaterialiseOptions, SkewOptions,
};
use mlcore_features::store::registry::Changes;

use crate::data::{end_of, integers, persons, with, write, years};

const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/datasets/randhie.parquet");

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args_os().nth(1).map_or_else(|| PathBuf::from("feature-store"), PathBuf::from);
    let table = years(Path::new(DATA))?;
    write(&folder.join("years"), &table)?;
    // The clock stands at the end of the fifth year: then is now.
    let now = end_of(5)?;
    let store = FeatureStore::builder_in(&folder, "health")?.clock(move || now).build()?;

    let repository = Repository::from_toml(include_str!("../features.toml"))?;
    let changes = Changes::whole(&repository);
    let diff = store.plan(&changes)?;
    let change = Change::new("example", now).with_reason("features of the year before");
    store.apply(&changes.as_planned(&diff), &change)?;
    for change in &diff.changes {
        println!("{} {}", change.action, change.id);
    }

    // For training: what was known of each person when a year began, and how often they saw a doctor in that year.
    let query = FeatureQuery::service("next_year");
    let labels = labels(&table)?;
    let history = store.historical_features(&labels, &query, &HistoricalOptions::default())?;
    let set = history.save(folder.join("training.parquet"))?;
    println!("\ntraining: {} rows, times from {}", set.rows, history.event_timestamp());
    for view in &set.views {
        println!("    {} {}: {} of them known", view.view, view.version, view.present);
    }
    println!("    features {}", set.features.join(" "));
    println!("    {}", set.digest);

    // For serving: the newest row of each person.
    println!("\n{}", store.materialise_incremental(now, &MaterialiseOptions::default())?);
    let prepared = store.prepare(&query)?;
    let people: BTreeSet<i64> = integers(&table, "person")?.into_iter().collect();
    let mut answer = Default::default();
    for person in people.iter().copied().take(3).chain([1]) {
        prepared.read(&EntityRows::one([("person", Value::Int(person))]), &mut answer)?;
        print!("person {person}:");
        for (number, feature) in answer.features().iter().enumerate() {
            match answer.cell(0, number).value() {
                Some(value) if !value.is_null() => print!(" {}={value}", feature.name),
                _ => print!(" {}={}", feature.name, answer.status(0, number)),
            }
        }
        println!();
    }

    // What is served now is what history says of now.
    let rows = persons(people.iter().copied().collect(), &vec![now; people.len()], &[])?;
    prepared.read(&EntityRows::of(&rows)?, &mut answer)?;
    let mut statuses: BTreeMap<&str, usize> = BTreeMap::new();
    for row in 0..answer.rows() {
        *statuses.entry(answer.status(row, 0).name()).or_default() += 1;
    }
    println!("\nserved {} persons: {statuses:?}", answer.rows());
    let features = answer.to_record_batch()?;
    let mut served = rows;
    for (feature, column) in answer.features().iter().zip(features.columns()) {
        served = with(&served, &feature.name, column.clone())?;
    }
    let skew = store.check_skew(&served, &query, &SkewOptions::default())?;
    print!("{skew}");
    println!("offline and online agree bit for bit: {}", skew.is_equal());
    Ok(())
}

/// Each person and year but the first, at its beginning, with the visits of that year.
fn labels(table: &RecordBatch) -> mlcore::Result<RecordBatch> {
    let (person, year, visits) =
        (integers(table, "person")?, integers(table, "year")?, integers(table, "visits")?);
    let (mut who, mut when, mut label) = (Vec::new(), Vec::new(), Vec::new());
    for ((person, year), visits) in person.into_iter().zip(year).zip(visits) {
        if year > 1 {
            who.push(person);
            when.push(end_of(year - 1)?);
            label.push(visits);
        }
    }
    persons(who, &when, &[("visits_in_year", label)])
}
