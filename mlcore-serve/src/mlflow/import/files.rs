//! Files of a folder into a tree of artifacts.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{ErrorKind, Read as _};
use std::path::Path;

use mlcore::{Error, Result, interrupt};

use super::StoreReport;
use crate::mlflow::artifacts::{ArtifactTree, PARTIAL};

/// Copies all files below `from` to the same paths of the tree. One that is there with the same size is known.
pub(super) fn copy(from: &Path, tree: &dyn ArtifactTree, report: &mut StoreReport) -> Result<()> {
    let mut folders = vec![String::new()];
    while let Some(folder) = folders.pop() {
        let place = from.join(&folder);
        let failed = |cause| Error::from_io(OPERATION, place.display().to_string(), cause);
        let mut known: Option<BTreeMap<String, Option<u64>>> = None;
        for entry in fs::read_dir(&place).map_err(failed)? {
            interrupt::check(OPERATION)?;
            let entry = entry.map_err(failed)?;
            let Ok(name) = entry.file_name().into_string() else {
                report.leave(|| format!("{}: its name is no Unicode", entry.path().display()));
                continue;
            };
            if folder.is_empty() && name == PARTIAL {
                continue;
            }
            let path = if folder.is_empty() { name.clone() } else { format!("{folder}/{name}") };
            let kind = entry.file_type().map_err(failed)?;
            if kind.is_dir() {
                folders.push(path);
                continue;
            }
            if !kind.is_file() {
                report.leave(|| format!("{}: it is a link, or no file", entry.path().display()));
                continue;
            }
            let size = entry.metadata().map_err(failed)?.len();
            let there = match &mut known {
                Some(there) => there,
                None => {
                    known.insert(tree.list(&folder)?.into_iter().map(|own| (own.name, own.size)).collect())
                }
            };
            match there.get(&name) {
                Some(own) if *own == Some(size) => report.files += 1,
                Some(_) => {
                    report
                        .leave(|| format!("{}: another file has this path already", entry.path().display()));
                }
                None => one(&entry.path(), &path, tree, report)?,
            }
        }
    }
    Ok(())
}

fn one(from: &Path, path: &str, tree: &dyn ArtifactTree, report: &mut StoreReport) -> Result<()> {
    let unread = |cause| Error::from_io(OPERATION, from.display().to_string(), cause);
    let mut file = match File::open(from) {
        // It was removed meanwhile, or is not for us.
        Err(cause) if matches!(cause.kind(), ErrorKind::NotFound | ErrorKind::PermissionDenied) => {
            report.leave(|| format!("{}: {cause}", from.display()));
            return Ok(());
        }
        opened => opened.map_err(unread)?,
    };
    let mut incoming = match tree.create(path) {
        Err(error @ Error::InvalidInput(_)) => {
            report.leave(|| format!("{}: {error}", from.display()));
            return Ok(());
        }
        created => created?,
    };
    let (mut buffer, mut bytes) = (vec![0; BUFFER_BYTES], 0);
    loop {
        let read = file.read(&mut buffer).map_err(unread)?;
        if read == 0 {
            break;
        }
        bytes += read as u64;
        incoming.write(buffer.get(..read).unwrap_or_default())?;
    }
    incoming.commit()?;
    (report.files, report.bytes) = (report.files + 1, report.bytes + bytes);
    Ok(())
}

const OPERATION: &str = "copy artifacts";
const BUFFER_BYTES: usize = 256 << 10;
