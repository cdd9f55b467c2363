//! The registered models of an MLflow store, as they stand there.

use std::collections::BTreeMap;
use std::path::Path;

use super::database::{Source, text, text_if};
use crate::error::Result;
use crate::time::Timestamp;

/// What an MLflow store has registered: see [`registered_models`].
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Registered {
    /// The models, prompts included, in the order of their names.
    pub models: Vec<RegisteredModel>,
    /// Where the artifacts of each experiment lie, as it is named there: `mlflow-artifacts:/1` behind the proxy of a server.
    pub artifact_locations: Vec<String>,
    /// What cannot be read, and why, in words.
    pub left: Vec<String>,
}

/// A registered model of an MLflow store, as it stands there.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct RegisteredModel {
    /// Its name.
    pub name: String,
    /// What it is for, in words.
    pub description: String,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// Its aliases and the numbers of the versions that they mean.
    pub aliases: BTreeMap<String, u64>,
    /// Its versions in ascending order, without those that were deleted.
    pub versions: Vec<RegisteredVersion>,
    /// The highest number that a version has or had; 0 where there was none. MLflow gives the next one to the next version.
    pub last_version: u64,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it, or one of its versions, was changed last.
    pub updated_at: Timestamp,
}

/// A version of a [`RegisteredModel`].
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct RegisteredVersion {
    /// Its number.
    pub version: u64,
    /// Where it came from, as it was registered: an address of files, `models:/m-..` or `runs:/..`.
    pub source: String,
    /// Where its files lie, if that is another address than its source.
    pub location: Option<String>,
    /// The run that made it.
    pub run: Option<String>,
    /// The address of a page that shows the run.
    pub run_link: Option<String>,
    /// MLflow's word for its stage, such as `Production`.
    pub stage: String,
    /// MLflow's word for how far its registration came: `READY` where it is done.
    pub status: String,
    /// What is special about it, in words.
    pub description: String,
    /// Who registered it, where that was noted.
    pub user: Option<String>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
}

/// Reads the registered models of a store: the SQLite database of an MLflow server (3.0 to 3.17), or the folder `mlruns` of a client without a
/// server (feature `mlruns`). The store is only read, and nothing of it is judged: a registry has rules of its own.
///
/// ```no_run
/// for model in mlcore::tracking::mlflow::registered_models("mlflow.db")?.models {
///     println!("{} has {} versions", model.name, model.versions.len());
/// }
/// # Ok::<(), mlcore::Error>(())
/// ```
///
/// # Errors
/// As [`import`](super::import), but for those of a tracker.
pub fn registered_models(path: impl AsRef<Path>) -> Result<Registered> {
    let path = path.as_ref();
    if path.is_dir() { super::registered_in_folder(path) } else { in_database(path) }
}

fn in_database(path: &Path) -> Result<Registered> {
    let source = Source::open(path)?;
    let sql = "SELECT artifact_location FROM experiments ORDER BY experiment_id";
    let artifact_locations = source.all(sql, (), |row| text(row, 0))?;
    Ok(Registered { models: of_database(&source)?, artifact_locations, left: Vec::new() })
}

fn of_database(source: &Source) -> Result<Vec<RegisteredModel>> {
    let sql =
        "SELECT name, description, creation_time, last_updated_time FROM registered_models ORDER BY name";
    let mut models = source.all(sql, (), |row| {
        Ok(RegisteredModel {
            name: text(row, 0)?,
            description: text(row, 1)?,
            created_at: at(row.get(2)?),
            updated_at: at(row.get::<_, Option<i64>>(3)?.or(row.get(2)?)),
            ..RegisteredModel::default()
        })
    })?;
    // Names are told apart by workspaces where a server has several; here they would be one.
    if let Some(twice) = models.windows(2).find(|pair| matches!(pair, [one, two] if one.name == two.name)) {
        let name = twice.first().map(|model| model.name.as_str()).unwrap_or_default();
        return Err(source.damaged(format!("it has several models called {name:?}, in several workspaces")));
    }
    let pairs = |sql: &str, name: &str| -> Result<BTreeMap<String, String>> {
        Ok(source.all(sql, (name,), |row| Ok((text(row, 0)?, text(row, 1)?)))?.into_iter().collect())
    };
    for model in &mut models {
        let name = model.name.as_str();
        model.tags = pairs("SELECT key, value FROM registered_model_tags WHERE name = ?1", name)?;
        let sql = "SELECT alias, version FROM registered_model_aliases WHERE name = ?1";
        let aliases = source.all(sql, (name,), |row| Ok((text(row, 0)?, row.get::<_, i64>(1)?)))?;
        let number = |version: i64| u64::try_from(version).unwrap_or(0);
        model.aliases = aliases.into_iter().map(|(alias, version)| (alias, number(version))).collect();
        for version in versions(source, name)? {
            model.last_version = model.last_version.max(version.version);
            // What is deleted keeps its row, which takes its number.
            if version.stage != DELETED {
                model.versions.push(version);
            }
        }
    }
    Ok(models)
}

fn versions(source: &Source, name: &str) -> Result<Vec<RegisteredVersion>> {
    let mut tags: BTreeMap<i64, BTreeMap<String, String>> = BTreeMap::new();
    let sql = "SELECT version, key, value FROM model_version_tags WHERE name = ?1";
    for (version, key, value) in
        source.all(sql, (name,), |row| Ok((row.get(0)?, text(row, 1)?, text(row, 2)?)))?
    {
        tags.entry(version).or_default().insert(key, value);
    }
    let sql = "SELECT version, source, storage_location, run_id, run_link, current_stage, status, description, user_id,
        creation_time, last_updated_time FROM model_versions WHERE name = ?1 ORDER BY version";
    source.all(sql, (name,), |row| {
        let number: i64 = row.get(0)?;
        let some = |column| text_if(row, column).map(|text| text.filter(|text| !text.is_empty()));
        let origin = text(row, 1)?;
        Ok(RegisteredVersion {
            version: u64::try_from(number).unwrap_or(0),
            location: some(2)?.filter(|location| *location != origin),
            source: origin,
            run: some(3)?,
            run_link: some(4)?,
            stage: text(row, 5)?,
            status: text(row, 6)?,
            description: text(row, 7)?,
            user: some(8)?,
            tags: tags.remove(&number).unwrap_or_default(),
            created_at: at(row.get(9)?),
            updated_at: at(row.get::<_, Option<i64>>(10)?.or(row.get(9)?)),
        })
    })
}

fn at(milliseconds: Option<i64>) -> Timestamp {
    Timestamp::from_millis(milliseconds.unwrap_or(0))
}

/// The stage of a version that was deleted.
pub(super) const DELETED: &str = "Deleted_Internal";
