//! A version with the ONNX flavor: its file is checked and stored under its digest, and the version is one that mlcore serves.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::path::Path;

use mlcore::artifact::{ArtifactStore, PackagePath};
use mlcore::registry::{Model, NewVersion};
use mlcore::runner::ort::{Limits, StoredModel, inspect};
use mlcore::{Error, Result as Outcome};

use crate::mlflow::artifacts::ArtifactFile;
use crate::mlflow::call::Call;
use crate::mlflow::refusal::Result;
use crate::models::INPUT_COLUMNS_TAG;
use crate::models::{MlModel, Temporary};

/// The version as one that mlcore serves, where its files lie here, have the ONNX flavor and pass the checks; else as it came. Why a
/// file with the flavor did not pass stands in a tag.
pub(super) fn checked(call: &Call<'_>, model: &Model, place: &str, new: NewVersion) -> Result<NewVersion> {
    let (Some(tree), Some(folder)) =
        (call.server.artifacts.as_deref(), place.strip_prefix("mlflow-artifacts:/"))
    else {
        return Ok(new);
    };
    let folder = folder.trim_matches('/');
    let files = |path: &str| tree.read(&format!("{folder}/{path}"), 0);
    Ok(checked_files(&files, &*call.registered()?.store, model, new)?)
}

/// Opens a file of a model by its path below the model's folder.
pub(in crate::mlflow) type Files<'f> = &'f dyn Fn(&str) -> Outcome<ArtifactFile>;

/// The same for files that lie anywhere; the checked ones go into `store`.
///
/// # Errors
/// What is wrong with the file `MLmodel`, and what files and store answer that says nothing of the model.
pub(in crate::mlflow) fn checked_files(
    files: Files<'_>,
    store: &dyn ArtifactStore,
    model: &Model,
    new: NewVersion,
) -> Outcome<NewVersion> {
    // A title that no name holds is kept for what is external.
    if model.title.is_some() {
        return Ok(new);
    }
    let text = match files("MLmodel") {
        Ok(file) if file.size <= MOST_MLMODEL_BYTES => {
            let mut text = String::new();
            match file.content.take(MOST_MLMODEL_BYTES).read_to_string(&mut text) {
                Ok(_) => text,
                Err(_) => return Ok(new),
            }
        }
        // There is no such folder yet, or no model in it.
        Ok(_) | Err(Error::NotFound(_) | Error::InvalidInput(_)) => return Ok(new),
        Err(error) => return Err(error),
    };
    let read = match MlModel::read(&text, model.name.as_str(), "to be registered") {
        Ok(read) => read,
        Err(Error::Unsupported(_)) => return Ok(new),
        Err(error) => return Err(error),
    };
    match stored(files, store, &read.data) {
        Ok(stored) => {
            let mut served = NewVersion::new(model.name.clone(), stored.artifact, stored.info.signature)
                .with_format(stored.format)
                .with_lineage(new.lineage);
            (served.tags, served.description, served.version) = (new.tags, new.description, new.version);
            if let Some(columns) = read.columns {
                let columns = serde_json::Value::from(columns).to_string();
                served.tags.entry(INPUT_COLUMNS_TAG.to_owned()).or_insert(columns);
            }
            Ok(served)
        }
        Err(error @ (Error::Unavailable(_) | Error::StorageFull(_) | Error::PermissionDenied(_))) => {
            Err(error)
        }
        Err(error) => {
            tracing::warn!(%error, model = model.name.as_str(), "a version is registered as external: its ONNX file did not pass");
            Ok(unchecked(new, &error))
        }
    }
}

/// The version with the reason why its ONNX file did not pass.
pub(in crate::mlflow) fn unchecked(new: NewVersion, reason: &Error) -> NewVersion {
    let text: String = reason.to_string().chars().take(MOST_REASON_CHARS).collect();
    new.with_tag(UNCHECKED_TAG, text)
}

/// Stores the ONNX file and its weights.
fn stored(files: Files<'_>, store: &dyn ArtifactStore, data: &str) -> Outcome<StoredModel> {
    let limits = Limits::default();
    let partial = Temporary::new("")?;
    let data = PackagePath::new(data)?;
    let fetch = |path: &PackagePath, most: u64| copy(files, path, partial.path(), most);
    let mut left = limits.max_model_bytes.saturating_sub(fetch(&data, limits.max_model_bytes)?);
    let own = data.under(partial.path());
    let bytes = fs::read(&own).map_err(|cause| Error::from_io(READ, own.display().to_string(), cause))?;
    let info = inspect(&bytes, &limits)?;
    drop(bytes);
    let beside = data.as_str().rsplit_once('/').map_or("", |(folder, _)| folder);
    for location in &info.external_data {
        let path = if beside.is_empty() { location.clone() } else { format!("{beside}/{location}") };
        left = left.saturating_sub(fetch(&PackagePath::new(path)?, left)?);
    }
    StoredModel::from_file(&own, store, &limits)
}

/// Copies a file of the model to its place below `into`; answers its size.
fn copy(files: Files<'_>, path: &PackagePath, into: &Path, most: u64) -> Outcome<u64> {
    let to = path.under(into);
    let failed = |cause| Error::from_io(READ, to.display().to_string(), cause);
    if let Some(above) = to.parent() {
        fs::create_dir_all(above).map_err(failed)?;
    }
    let mut from = files(path.as_str())?;
    if from.size > most {
        let problem = format!("it has {} bytes, and at most {most} are taken", from.size);
        return Err(Error::invalid_input(READ, path.as_str(), problem));
    }
    let mut file = File::create(&to).map_err(failed)?;
    let copied = std::io::copy(&mut (&mut from.content).take(most), &mut file).map_err(failed)?;
    file.flush().map_err(failed)?;
    Ok(copied)
}

const READ: &str = "check model";
/// The file has a line for each column of a signature.
const MOST_MLMODEL_BYTES: u64 = 4 << 20;
const MOST_REASON_CHARS: usize = 1000;
/// Why a version with the ONNX flavor is external.
const UNCHECKED_TAG: &str = "mlcore.unchecked";
