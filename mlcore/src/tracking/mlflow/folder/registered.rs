//! The registered models of a folder.
//!
//! ```text
//! models/NAME/meta.yaml, tags/KEY, aliases/ALIAS
//!             version-N/meta.yaml, tags/KEY
//! ```

use super::place::{Place, or_leave};
use super::yaml::Mapping;
use super::{Folder, MODELS, TRASH, at, require};
use crate::error::Result;
use crate::time::Timestamp;
use crate::tracking::mlflow::Imported;
use crate::tracking::mlflow::registered::{DELETED, Registered, RegisteredModel, RegisteredVersion};

impl Folder {
    /// The models, and where the artifacts of experiments lie. What cannot be read is left.
    pub(in crate::tracking::mlflow) fn registered(&self) -> Result<Registered> {
        let (mut registered, mut told) = (Registered::default(), Imported::default());
        for name in self.root.folders(&mut told)? {
            if name == TRASH || name == MODELS {
                continue;
            }
            // What cannot be read of experiments is told where they are taken over.
            let meta = self.root.folder(&name).and_then(|place| place.meta());
            let location =
                meta.ok().and_then(|meta| Some(meta.text_if("artifact_location").ok()??.to_owned()));
            registered.artifact_locations.extend(location);
        }
        let mut left = Imported::default();
        if self.root.is_folder(MODELS) {
            let above = self.root.folder(MODELS)?;
            for name in above.folders(&mut left)? {
                let read = above.folder(&name).and_then(|place| model(&place, &name, &mut left));
                registered.models.extend(or_leave(read, &mut left)?);
            }
        }
        registered.left = left.left;
        Ok(registered)
    }
}

fn model(place: &Place, name: &str, left: &mut Imported) -> Result<RegisteredModel> {
    let meta = place.meta()?;
    require(place, &meta, "name", name)?;
    let (created_at, updated_at) = times(place, &meta)?;
    let mut model = RegisteredModel {
        name: name.to_owned(),
        description: text(place, &meta, "description")?.unwrap_or_default(),
        tags: place.pairs("tags", left)?.into_iter().collect(),
        created_at,
        updated_at,
        ..RegisteredModel::default()
    };
    for (alias, number) in place.pairs("aliases", left)? {
        match number.trim().parse() {
            Ok(number) => drop(model.aliases.insert(alias, number)),
            Err(_) => left.leave(|| format!("{}: {number:?} is no version", place.shown(&alias))),
        }
    }
    for folder in place.folders(left)? {
        let Some(number) = folder.strip_prefix("version-") else { continue };
        let read = place.folder(&folder).and_then(|place| version(&place, number, left));
        let Some(version) = or_leave(read, left)? else { continue };
        model.last_version = model.last_version.max(version.version);
        // What is deleted keeps its folder, which takes its number.
        if version.stage != DELETED {
            model.versions.push(version);
        }
    }
    model.versions.sort_by_key(|version| version.version);
    Ok(model)
}

fn version(place: &Place, number: &str, left: &mut Imported) -> Result<RegisteredVersion> {
    let meta = place.meta()?;
    require(place, &meta, "version", number)?;
    let some = |key| text(place, &meta, key).map(|text| text.filter(|text| !text.is_empty()));
    let (created_at, updated_at) = times(place, &meta)?;
    let source = text(place, &meta, "source")?.unwrap_or_default();
    Ok(RegisteredVersion {
        version: number.parse().map_err(|_| place.broken(format!("{number:?} is no number of a version")))?,
        location: some("storage_location")?.filter(|location| *location != source),
        source,
        run: some("run_id")?,
        run_link: some("run_link")?,
        stage: some("current_stage")?.unwrap_or_default(),
        status: some("status")?.unwrap_or_default(),
        description: some("description")?.unwrap_or_default(),
        user: some("user_id")?,
        tags: place.pairs("tags", left)?.into_iter().collect(),
        created_at,
        updated_at,
    })
}

fn text(place: &Place, meta: &Mapping, key: &str) -> Result<Option<String>> {
    let text = meta.text_if(key).map_err(|problem| place.broken(problem))?;
    Ok(text.map(str::to_owned))
}

/// When it was created, and when it was changed last.
fn times(place: &Place, meta: &Mapping) -> Result<(Timestamp, Timestamp)> {
    let number = |key| meta.number_if(key).map_err(|problem| place.broken(problem));
    let created = number("creation_timestamp")?;
    Ok((at(created), at(number("last_updated_timestamp")?.or(created))))
}
