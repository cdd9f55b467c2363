use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::folder::create_unique;
use super::{Digest, VerifiedReader};
use crate::error::{Error, Result};

/// A path inside a package: `/` between parts, relative, the same file on every system.
///
/// Each part is 1 to 255 of the visible ASCII characters and the space, without `\ : * ? " < > |`; it is not `.` or
/// `..`, neither begins nor ends with a space, does not end with a dot, and is no name that Windows reserves (`CON`,
/// `NUL`, `COM1`, ...). The whole has at most 1024 bytes. So it cannot leave its folder anywhere, however it is decoded.
///
/// ```
/// use mlcore::artifact::PackagePath;
///
/// assert!(PackagePath::new("weights/layer-1.bin").is_ok());
/// assert!(PackagePath::new("../../etc/passwd").is_err());
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PackagePath(String);

impl PackagePath {
    /// Parses a path.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] that says which rule the text breaks.
    pub fn new(text: impl Into<String>) -> Result<Self> {
        let text = text.into();
        match rule_broken(&text) {
            None => Ok(Self(text)),
            // The text is not repeated: it may be hostile.
            Some(rule) => Err(Error::invalid_input("parse package path", "", rule)),
        }
    }

    /// The text as it was parsed.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// This file's place below `folder`.
    #[must_use]
    pub fn under(&self, folder: &Path) -> PathBuf {
        self.0.split('/').fold(folder.to_path_buf(), |path, part| path.join(part))
    }
}

impl TryFrom<String> for PackagePath {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        Self::new(text)
    }
}

impl From<PackagePath> for String {
    fn from(path: PackagePath) -> Self {
        path.0
    }
}

/// One file of a package.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PackageFile {
    /// What it is called in the store.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
}

impl PackageFile {
    /// The file whose `size` bytes are stored under `digest`.
    #[must_use]
    pub fn new(digest: Digest, size: u64) -> Self {
        Self { digest, size }
    }
}

/// A model of several files, such as ONNX with its weights beside it: a manifest that is an artifact itself, so that one
/// digest names the whole.
///
/// Two paths that differ only in case, and a path that is a folder of another, are refused.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Package {
    files: BTreeMap<PackagePath, PackageFile>,
}

impl Package {
    /// The package of these files.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] when there are none or more than 4096, or when two paths collide.
    pub fn new(files: BTreeMap<PackagePath, PackageFile>) -> Result<Self> {
        let refuse = |problem: String| Err(Error::invalid_input("build package", "", problem));
        if files.is_empty() || files.len() > MOST_FILES {
            return refuse(format!("it has {} files, and 1 to {MOST_FILES} make a package", files.len()));
        }
        let mut taken = BTreeSet::new();
        for path in files.keys() {
            if !taken.insert(path.0.to_ascii_lowercase()) {
                return refuse(format!("{} collides with a path that differs only in case", path.0));
            }
        }
        for path in &taken {
            let mut folders = path.match_indices('/').map(|(end, _)| path.get(..end).unwrap_or_default());
            if let Some(folder) = folders.find(|folder| taken.contains(*folder)) {
                return refuse(format!("{folder} is both a file and a folder"));
            }
        }
        Ok(Self { files })
    }

    /// The files by path.
    #[must_use]
    pub fn files(&self) -> &BTreeMap<PackagePath, PackageFile> {
        &self.files
    }

    /// The manifest: JSON with a format version, and for each path the digest and the size.
    ///
    /// # Errors
    /// [`Error::Internal`] if it cannot be written.
    pub fn to_json(&self) -> Result<Vec<u8>> {
        let manifest = Manifest { mlcore_package: FORMAT, files: self.files.clone() };
        serde_json::to_vec(&manifest).map_err(|cause| {
            Error::internal("write package manifest", "", cause.to_string()).caused_by(cause)
        })
    }

    /// Reads a manifest.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] when it is none or breaks a rule, [`Error::Unsupported`] for a later format.
    pub fn from_json(json: &[u8]) -> Result<Self> {
        let manifest: Manifest = serde_json::from_slice(json).map_err(|cause| {
            Error::invalid_input("read package manifest", "", cause.to_string()).caused_by(cause)
        })?;
        if manifest.mlcore_package != FORMAT {
            let problem =
                format!("it has format {}, and this version reads {FORMAT}", manifest.mlcore_package);
            return Err(Error::unsupported("read package manifest", "", problem).remedy("use a newer mlcore"));
        }
        Self::new(manifest.files)
    }

    /// The package of a folder's files, each stored by `put`, which answers digest and size.
    pub(crate) fn import(folder: &Path, put: &dyn Fn(&Path) -> Result<(Digest, u64)>) -> Result<Self> {
        let mut files = BTreeMap::new();
        walk(folder, "", 0, &mut |name, path| {
            if files.len() >= MOST_FILES {
                return Err(Error::invalid_input(
                    "import folder",
                    "",
                    format!("it has more than {MOST_FILES} files"),
                ));
            }
            let name = PackagePath::new(name)?;
            let (digest, size) = put(path)?;
            files.insert(name, PackageFile { digest, size });
            Ok(())
        })?;
        Self::new(files)
    }

    /// Writes the files, opened by `open`, into `folder`: beside it first, then renamed as a whole.
    pub(crate) fn write(
        &self,
        open: &dyn Fn(&Digest) -> Result<VerifiedReader>,
        folder: &Path,
    ) -> Result<()> {
        let failed = |cause| Error::from_io(MATERIALIZE, folder.display().to_string(), cause);
        if fs::symlink_metadata(folder).is_ok() {
            return Err(Error::already_exists(
                MATERIALIZE,
                folder.display().to_string(),
                "something is there already",
            )
            .remedy("give a path that does not exist yet"));
        }
        let partial = create_unique(&|name| {
            let mut partial = folder.as_os_str().to_owned();
            partial.push(format!(".partial-{name}"));
            fs::create_dir(&partial)?;
            Ok(PathBuf::from(partial))
        })
        .map_err(failed)?;
        let written = self
            .files
            .iter()
            .try_for_each(|(path, file)| write_file(&path.under(&partial), file, open))
            .and_then(|()| fs::rename(&partial, folder).map_err(failed));
        if written.is_err() {
            // The first error is the one to report; what cannot be removed is named `.partial`.
            drop(fs::remove_dir_all(&partial));
        }
        written
    }
}

const MATERIALIZE: &str = "materialize package";

fn write_file(
    target: &Path,
    file: &PackageFile,
    open: &dyn Fn(&Digest) -> Result<VerifiedReader>,
) -> Result<()> {
    let failed = |cause| Error::from_io(MATERIALIZE, target.display().to_string(), cause);
    if let Some(parent) = target.parent() {
        fs::create_dir_all(parent).map_err(failed)?;
    }
    let mut reader = open(&file.digest)?;
    if reader.size() != file.size {
        let problem = format!("the manifest says {} bytes, and {} are stored", file.size, reader.size());
        return Err(Error::corrupt(MATERIALIZE, file.digest.to_string(), problem));
    }
    let mut target = File::create_new(target).map_err(failed)?;
    io::copy(&mut reader, &mut target).map_err(failed).map(drop)
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    mlcore_package: u32,
    files: BTreeMap<PackagePath, PackageFile>,
}

const FORMAT: u32 = 1;
const MOST_FILES: usize = 4096;
const MOST_FOLDERS_DEEP: usize = 16;

/// Visits every entry below `folder` that is no folder. Links are not followed: they reach `visit`, which refuses them.
fn walk(
    folder: &Path,
    prefix: &str,
    depth: usize,
    visit: &mut dyn FnMut(String, &Path) -> Result<()>,
) -> Result<()> {
    const OPERATION: &str = "import folder";
    let failed = |cause| Error::from_io(OPERATION, folder.display().to_string(), cause);
    if depth > MOST_FOLDERS_DEEP {
        let problem = format!("folders lie more than {MOST_FOLDERS_DEEP} deep");
        return Err(Error::invalid_input(OPERATION, folder.display().to_string(), problem));
    }
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let Ok(name) = entry.file_name().into_string() else {
            let problem = "a file name in it is no text";
            return Err(Error::invalid_input(OPERATION, folder.display().to_string(), problem));
        };
        let name = format!("{prefix}{name}");
        if entry.file_type().map_err(failed)?.is_dir() {
            walk(&entry.path(), &format!("{name}/"), depth + 1, visit)?;
        } else {
            visit(name, &entry.path())?;
        }
    }
    Ok(())
}

fn rule_broken(text: &str) -> Option<&'static str> {
    if text.is_empty() || text.len() > 1024 {
        return Some("a path has 1 to 1024 bytes");
    }
    text.split('/').find_map(|part| {
        if part.is_empty() || part == "." || part == ".." || part.len() > 255 {
            Some("a part of it is empty, `.`, `..` or longer than 255 bytes")
        } else if part
            .bytes()
            .any(|byte| !(byte == b' ' || byte.is_ascii_graphic()) || br#"\:*?"<>|"#.contains(&byte))
        {
            Some(r#"it holds a character that is not visible ASCII, or one of \ : * ? " < > |"#)
        } else if part.starts_with(' ') || part.ends_with([' ', '.']) {
            Some("a part of it begins or ends with a space, or ends with a dot")
        } else if is_reserved(part) {
            Some("a part of it is a device name on Windows")
        } else {
            None
        }
    })
}

fn is_reserved(part: &str) -> bool {
    let stem = part.split('.').next().unwrap_or(part).trim_end().to_ascii_uppercase();
    match stem.as_str() {
        "CON" | "PRN" | "AUX" | "NUL" => true,
        _ => matches!(stem.as_bytes(), [b'C', b'O', b'M', b'0'..=b'9'] | [b'L', b'P', b'T', b'0'..=b'9']),
    }
}
