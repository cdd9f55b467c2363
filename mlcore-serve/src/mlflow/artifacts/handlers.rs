//! The requests for artifacts.

use std::sync::Arc;

use mlcore::Error;
use serde::Serialize;

use super::super::call::{Call, Reply, Sent};
use super::super::refusal::{Refusal, Result};
use super::super::write::{List, One};
use super::super::{Inner, query};
use super::{ArtifactTree, FoundArtifact, path};

impl Inner {
    fn tree(&self) -> Result<&Arc<dyn ArtifactTree>> {
        self.artifacts.as_ref().ok_or_else(|| {
            Refusal::not_implemented("this server keeps no artifacts: start it with --artifacts FOLDER")
        })
    }

    /// Where an upload of this path begins.
    pub(crate) fn incoming(&self, path: &str) -> Result<Box<dyn super::IncomingArtifact>> {
        Ok(self.tree()?.create(path)?)
    }
}

/// The path of an upload; it names a file.
pub(in super::super) fn upload_path(sent: &str) -> Result<String> {
    match path::safe(sent)? {
        path if path.is_empty() || sent.ends_with('/') => {
            Err(Refusal::invalid("Artifact path must include a filename (cannot end with '/')."))
        }
        path => Ok(path),
    }
}

/// A file of a run or model.
fn file_below(call: &Call<'_>, uri: &str, relative: &str) -> Result<Reply> {
    let place = path::of_uri(uri)?;
    if relative.is_empty() {
        return Err(folder(&format!("{place}/")));
    }
    file(call, &path::joined(&place, relative))
}

fn folder(path: &str) -> Refusal {
    Refusal::invalid(format!("Artifact path refers to a directory, not a file: '{path}'"))
}

/// A file, or the range of it that was asked for.
fn file(call: &Call<'_>, path: &str) -> Result<Reply> {
    let tree = call.server.tree()?;
    if path.is_empty() {
        return Err(folder(path));
    }
    let open = |from| {
        tree.read(path, from).map_err(|error| match error {
            Error::NotFound(_) => Refusal::not_found(format!("No such artifact: '{path}'")),
            Error::InvalidInput(context) if context.problem() == "it is no file" => folder(path),
            Error::InvalidInput(context) if context.problem().starts_with("a file") => {
                Refusal::not_found(format!("No such artifact: '{path}'"))
            }
            error => error.into(),
        })
    };
    let mut found = open(0)?;
    let range = match call.range.map(|range| range_of(range, found.size)) {
        Some(Asked::Part(from, bytes)) => {
            found = open(from)?;
            Some((from, bytes))
        }
        Some(Asked::Nothing) => {
            let status = http::StatusCode::RANGE_NOT_SATISFIABLE;
            return Err(Refusal::new(status, "INVALID_PARAMETER_VALUE", "the file has no such bytes"));
        }
        Some(Asked::Whole) | None => None,
    };
    Ok(Reply::File(Box::new(Sent { file: found, name: path::name_of(path).to_owned(), range })))
}

/// What a header `Range` asks for.
#[derive(PartialEq, Eq, Debug)]
enum Asked {
    Whole,
    Part(u64, u64),
    /// Bytes behind the end.
    Nothing,
}

/// One range; of several the whole file is answered.
fn range_of(header: &str, size: u64) -> Asked {
    let Some((first, last)) = header.strip_prefix("bytes=").and_then(|range| range.split_once('-')) else {
        return Asked::Whole;
    };
    let (first, last) = (first.trim(), last.trim());
    let (from, end) = match (first.parse::<u64>(), last.parse::<u64>()) {
        (Ok(from), Ok(last)) if from <= last => (from, last.saturating_add(1).min(size)),
        (Ok(from), Err(_)) if last.is_empty() => (from, size),
        // The last bytes.
        (Err(_), Ok(bytes)) if first.is_empty() => (size.saturating_sub(bytes), size),
        _ => return Asked::Whole,
    };
    if from >= size || end <= from { Asked::Nothing } else { Asked::Part(from, end - from) }
}

pub(in super::super) fn get(call: &Call<'_>) -> Result<Reply> {
    file(call, &path::safe(call.name(0))?)
}

/// `GET /get-artifact`: a file of a run.
pub(in super::super) fn get_of_run(call: &Call<'_>) -> Result<Reply> {
    let asked = |key| query::first(call.query, key).filter(|value| !value.is_empty());
    let Some(sent) = query::first(call.query, "path") else { return Err(Refusal::missing("path")) };
    let relative = path::safe(&sent)?;
    let run = asked("run_id").or_else(|| asked("run_uuid"));
    // Python's word for nothing stands in the message.
    let run = call.server.run(run.as_deref().unwrap_or("None"))?;
    file_below(call, &run.info.artifact_uri, &relative)
}

pub(in super::super) fn get_of_model(call: &Call<'_>) -> Result<Reply> {
    let Some(sent) = query::first(call.query, "artifact_file_path").filter(|path| !path.is_empty()) else {
        let message = "Request must include the \"artifact_file_path\" query parameter.";
        return Err(Refusal::bad_request(message));
    };
    let relative = path::safe(&sent)?;
    let model = call.server.model(call.name(0))?;
    file_below(call, &model.artifact_location, &relative)
}

/// What lies in a folder, as MLflow lists it.
#[derive(Serialize)]
struct Listed {
    path: String,
    is_dir: bool,
    /// Of a file that is not empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    file_size: Option<u64>,
}

impl Listed {
    fn new(found: FoundArtifact, below: &str) -> Self {
        let path = path::joined(below, &found.name);
        Self { path, is_dir: found.size.is_none(), file_size: found.size.filter(|size| *size > 0) }
    }
}

pub(in super::super) fn list(call: &Call<'_>) -> Result<Reply> {
    let path = path::safe(call.text("path"))?;
    let found = call.server.tree()?.list(&path)?;
    if found.is_empty() {
        return Ok(Reply::done());
    }
    let listed: Vec<Listed> = found.into_iter().map(|found| Listed::new(found, "")).collect();
    Reply::json(&One("files", List(listed.iter())))
}

/// The files below the place of a run or model, with paths from there on.
fn list_below(call: &Call<'_>, uri: &str, sent: &str) -> Result<Reply> {
    #[derive(Serialize)]
    struct Answer<'a> {
        root_uri: &'a str,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        files: Vec<Listed>,
    }
    let relative = path::safe(sent)?;
    let place = path::joined(&path::of_uri(uri)?, &relative);
    let found = call.server.tree()?.list(&place)?;
    let files = found.into_iter().map(|found| Listed::new(found, &relative)).collect();
    Reply::json(&Answer { root_uri: uri, files })
}

pub(in super::super) fn list_of_run(call: &Call<'_>) -> Result<Reply> {
    path::safe(call.text("path"))?;
    let run = call.server.run(call.run())?;
    list_below(call, &run.info.artifact_uri, call.text("path"))
}

pub(in super::super) fn list_of_model(call: &Call<'_>) -> Result<Reply> {
    path::safe(call.text("artifact_directory_path"))?;
    let model = call.server.model(call.name(0))?;
    list_below(call, &model.artifact_location, call.text("artifact_directory_path"))
}

pub(in super::super) fn delete(call: &Call<'_>) -> Result<Reply> {
    let path = path::safe(call.name(0))?;
    if path.is_empty() {
        return Err(path::invalid());
    }
    match call.server.tree()?.delete(&path) {
        // Below a file there is nothing.
        Err(Error::InvalidInput(context)) if context.problem().starts_with("a file") => {}
        deleted => deleted?,
    }
    Ok(Reply::done())
}

/// A small file of a run, which the page sends whole.
pub(in super::super) fn take_upload(call: &Call<'_>) -> Result<Reply> {
    let asked = |key: &str| {
        let value = query::first(call.query, key).filter(|value| !value.is_empty());
        value.ok_or_else(|| Refusal::invalid(format!("Request must specify {key}.")))
    };
    let (run, sent) = (asked("run_uuid")?, asked("path")?);
    let relative = upload_path(&sent)?;
    if call.body.is_empty() {
        return Err(Refusal::invalid("Request must specify data."));
    }
    if call.body.len() > MOST_OF_PAGE {
        return Err(Refusal::invalid("Artifact size is too large. Max size is 10MB."));
    }
    let run = call.server.run(&run)?;
    let place = path::joined(&path::of_uri(&run.info.artifact_uri)?, &relative);
    let mut incoming = call.server.incoming(&place)?;
    incoming.write(call.body)?;
    incoming.commit()?;
    Ok(Reply::Empty(Some("application/json")))
}

pub(in super::super) fn no_multipart(call: &Call<'_>) -> Result<Reply> {
    path::safe(call.name(0))?;
    Err(Refusal::not_implemented("Multipart upload is not supported for the current artifact repository"))
}

pub(in super::super) fn no_presigned(call: &Call<'_>) -> Result<Reply> {
    path::safe(call.name(0))?;
    Err(Refusal::not_implemented("Multipart download is not supported for the current artifact repository"))
}

pub(in super::super) fn no_presigned_upload(call: &Call<'_>) -> Result<Reply> {
    if call.some("run_id").is_some() == call.some("model_id").is_some() {
        return Err(Refusal::invalid("Exactly one of run_id and model_id must be provided."));
    }
    path::safe(call.text("path"))?;
    let uri = match call.some("run_id") {
        Some(run) => call.server.run(run)?.info.artifact_uri,
        None => call.server.model(call.text("model_id"))?.artifact_location,
    };
    Err(Refusal::invalid(format!(
        "Presigned upload is not supported for proxied artifact storage (artifact URI scheme: {}). This endpoint requires a \
         direct cloud storage artifact URI.",
        scheme_of(&uri)
    )))
}

pub(in super::super) fn no_presigned_download(call: &Call<'_>) -> Result<Reply> {
    path::safe(call.text("path"))?;
    let uri = call.server.run(call.text("run_id"))?.info.artifact_uri;
    Err(Refusal::invalid(format!(
        "Presigned download is not supported for runs with proxied artifact storage (artifact URI scheme: {}). This endpoint \
         requires a run with a direct cloud storage artifact URI.",
        scheme_of(&uri)
    )))
}

fn scheme_of(uri: &str) -> &str {
    uri.split_once(':').map_or("", |(scheme, _)| scheme)
}

/// What the page may send at once.
const MOST_OF_PAGE: usize = 10 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_range_is_answered() {
        for (header, asked) in [
            ("bytes=0-3", Asked::Part(0, 4)),
            ("bytes=5-", Asked::Part(5, 5)),
            ("bytes=-2", Asked::Part(8, 2)),
            ("bytes=0-99", Asked::Part(0, 10)),
            ("bytes=10-", Asked::Nothing),
            ("bytes=0-1,3-4", Asked::Whole),
            ("bytes=3-1", Asked::Whole),
            ("items=0-1", Asked::Whole),
        ] {
            assert_eq!(range_of(header, 10), asked, "{header}");
        }
    }
}
