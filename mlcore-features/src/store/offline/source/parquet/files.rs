//! The files of a table: one, those of a folder, or those that a pattern names.

use std::fs;
use std::path::{Path, PathBuf};
#[cfg(feature = "object-store")]
use std::sync::Arc;

use mlcore::{Error, Result};

use super::OPERATION;
#[cfg(feature = "object-store")]
use super::object::Object;

/// Where a file lies.
#[derive(Clone, Debug)]
pub(super) enum Place {
    /// At its path.
    Disk,
    /// In a bucket; its path is its URL.
    #[cfg(feature = "object-store")]
    Object(Arc<Object>),
}

/// A file and the values that the folders above it give its rows: `year=2026` is one.
#[derive(Clone, Debug)]
pub(super) struct FoundFile {
    pub(super) path: PathBuf,
    pub(super) place: Place,
    /// Names and values, from the outermost folder on; a value may be missing.
    pub(super) partitions: Vec<(String, Option<String>)>,
}

/// Folders deeper than this are a circle of links.
const DEEPEST: usize = 64;

/// The files that a path means, in the order of their paths.
pub(super) fn find(path: &Path) -> Result<Vec<FoundFile>> {
    let mut found = Vec::new();
    if path.is_dir() {
        walk(path, &mut Vec::new(), 0, &mut found)?;
    } else if path.exists() {
        found.push(FoundFile { path: path.to_owned(), place: Place::Disk, partitions: Vec::new() });
    } else if path.to_string_lossy().contains(['*', '?']) {
        let parts: Vec<String> =
            path.components().map(|part| part.as_os_str().to_string_lossy().into_owned()).collect();
        matching(PathBuf::new(), &parts, &mut Vec::new(), 0, &mut found)?;
    } else {
        return Err(Error::not_found(
            OPERATION,
            path.display().to_string(),
            "there is no such file or folder",
        )
        .remedy("name a file of Parquet, a folder of them, or a pattern such as day=*/*.parquet"));
    }
    if found.is_empty() {
        return Err(Error::not_found(OPERATION, path.display().to_string(), "it holds no files of Parquet")
            .remedy("name a file of Parquet, a folder of them, or a pattern such as day=*/*.parquet"));
    }
    found.sort_by(|left, right| left.path.cmp(&right.path));
    found.dedup_by(|one, other| one.path == other.path);
    Ok(found)
}

/// What lies in a folder, but for what begins with a point or an underscore, which engines write beside their data.
fn entries(folder: &Path) -> Result<Vec<(String, PathBuf)>> {
    let failed = |cause| Error::from_io(OPERATION, folder.display().to_string(), cause);
    let mut entries = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if !name.starts_with(['.', '_']) {
            entries.push((name, entry.path()));
        }
    }
    Ok(entries)
}

fn walk(
    folder: &Path,
    partitions: &mut Vec<(String, Option<String>)>,
    depth: usize,
    found: &mut Vec<FoundFile>,
) -> Result<()> {
    if depth > DEEPEST {
        return Err(Error::invalid_input(OPERATION, folder.display().to_string(), "folders are too deep")
            .remedy("take away the link that points back"));
    }
    for (name, path) in entries(folder)? {
        if path.is_dir() {
            within(&name, partitions, |partitions| walk(&path, partitions, depth + 1, found))?;
        } else if is_parquet(&name) {
            found.push(FoundFile { path, place: Place::Disk, partitions: partitions.clone() });
        }
    }
    Ok(())
}

pub(super) fn is_parquet(name: &str) -> bool {
    [".parquet", ".pq", ".parq"].iter().any(|end| name.ends_with(end))
}

/// Does something below a folder, which may give rows a value.
fn within(
    name: &str,
    partitions: &mut Vec<(String, Option<String>)>,
    below: impl FnOnce(&mut Vec<(String, Option<String>)>) -> Result<()>,
) -> Result<()> {
    let before = partitions.len();
    partitions.extend(partition(name));
    let done = below(partitions);
    partitions.truncate(before);
    done
}

/// The name and the value that a folder gives rows, if it does.
pub(super) fn partition(folder: &str) -> Option<(String, Option<String>)> {
    let (name, value) = folder.split_once('=').filter(|(name, _)| !name.is_empty())?;
    let value = (value != "__HIVE_DEFAULT_PARTITION__").then(|| decoded(value));
    Some((decoded(name), value))
}

/// A name without its percent signs, by which engines write what a path cannot hold.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let coded = after.get(..2).filter(|_| *first == b'%').and_then(|code| std::str::from_utf8(code).ok());
        match coded.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
}

/// The files below a folder whose path goes on as the parts of a pattern say.
fn matching(
    folder: PathBuf,
    parts: &[String],
    partitions: &mut Vec<(String, Option<String>)>,
    depth: usize,
    found: &mut Vec<FoundFile>,
) -> Result<()> {
    let Some((part, rest)) = parts.split_first() else {
        if folder.is_dir() {
            return walk(&folder, partitions, depth, found);
        }
        found.push(FoundFile { path: folder, place: Place::Disk, partitions: partitions.clone() });
        return Ok(());
    };
    if depth > DEEPEST {
        return Ok(());
    }
    if !part.contains(['*', '?']) {
        let next = folder.join(part);
        if !next.exists() {
            return Ok(());
        }
        return within(part, partitions, |partitions| matching(next, rest, partitions, depth, found));
    }
    let here = if folder.as_os_str().is_empty() { Path::new(".") } else { &folder };
    if part == "**" {
        matching(folder.clone(), rest, partitions, depth, found)?;
    }
    if !here.is_dir() {
        return Ok(());
    }
    for (name, _) in entries(here)? {
        let path = folder.join(&name);
        if part == "**" {
            if path.is_dir() {
                within(&name, partitions, |partitions| matching(path, parts, partitions, depth + 1, found))?;
            }
        } else if fits(part.as_bytes(), name.as_bytes()) {
            let is_last = rest.is_empty() && !path.is_dir();
            within(if is_last { "" } else { &name }, partitions, |partitions| {
                matching(path, rest, partitions, depth + 1, found)
            })?;
        }
    }
    Ok(())
}

/// Whether a name is as a pattern says: `*` is any number of bytes, `?` is one.
pub(super) fn fits(pattern: &[u8], name: &[u8]) -> bool {
    let (mut at, mut place) = (0, 0);
    // Where to go on when the last star takes another byte.
    let mut star: Option<(usize, usize)> = None;
    while place < name.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, place));
                at += 1;
            }
            Some(byte) if *byte == b'?' || name.get(place) == Some(byte) => {
                at += 1;
                place += 1;
            }
            _ => match star {
                Some((of, taken)) => {
                    star = Some((of, taken + 1));
                    at = of + 1;
                    place = taken + 1;
                }
                None => return false,
            },
        }
    }
    pattern.get(at..).unwrap_or_default().iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_names() {
        for (pattern, name, is_fit) in [
            ("*.parquet", "a.parquet", true),
            ("*.parquet", "a.csv", false),
            ("part-?.p*t", "part-1.parquet", true),
            ("part-?.p*t", "part-12.parquet", false),
            ("*a*b*", "xxaxxbxx", true),
            ("*a*b*", "xxbxxaxx", false),
            ("", "", true),
        ] {
            assert_eq!(fits(pattern.as_bytes(), name.as_bytes()), is_fit, "{pattern} {name}");
        }
        assert_eq!(decoded("a%20b%3Dc%"), "a b=c%");
    }

    #[test]
    fn folders_and_patterns_name_files_and_values() {
        let folder = tempfile::tempdir().unwrap();
        for file in [
            "year=2025/month=12/a.parquet",
            "year=2026/month=1/b.parquet",
            "year=2026/_tmp/c.parquet",
            "x.txt",
        ] {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        let shown = |path: &Path| -> Vec<String> {
            let found = find(path).unwrap();
            let shown = |file: FoundFile| {
                let values =
                    file.partitions.iter().map(|(name, value)| format!("{name}={}", value.clone().unwrap()));
                format!(
                    "{} {}",
                    file.path.file_name().unwrap().to_string_lossy(),
                    values.collect::<Vec<_>>().join(" ")
                )
            };
            found.into_iter().map(shown).collect()
        };
        let all = ["a.parquet year=2025 month=12", "b.parquet year=2026 month=1"];
        assert_eq!(shown(folder.path()), all);
        assert_eq!(shown(&folder.path().join("year=*/**/*.parquet")), all);
        assert_eq!(shown(&folder.path().join("*/month=1*")), all);
        assert_eq!(shown(&folder.path().join("year=2026/month=?/b.parquet")), [all[1]]);
        assert_eq!(shown(&folder.path().join("year=2026/month=1/b.parquet")), ["b.parquet "]);
        let error = find(&folder.path().join("*/nothing")).unwrap_err();
        assert!(error.to_string().contains("it holds no files of Parquet"), "{error}");
        assert!(
            find(&folder.path().join("none")).unwrap_err().to_string().contains("no such file or folder")
        );
    }
}
