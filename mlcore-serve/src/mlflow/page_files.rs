//! The files of MLflow's own web page, which are in its Python package: `mlflow/server/js/build`.

use std::fs::File;
use std::path::{Path, PathBuf};

use mlcore::{Error, Result as Outcome};

use super::artifacts::ArtifactFile;
use super::call::{Call, Reply, Sent};
use super::refusal::{Refusal, Result};

/// A folder with the page's files, which are read and never changed.
pub(super) struct PageFiles {
    root: PathBuf,
}

impl PageFiles {
    pub(super) fn open(folder: &Path) -> Outcome<Self> {
        let failed = |cause| Error::from_io(OPEN, folder.display().to_string(), cause);
        let root = folder.canonicalize().map_err(failed)?;
        if !root.join(INDEX).is_file() {
            let problem = format!("there is no file {INDEX} in it");
            return Err(Error::invalid_input(OPEN, folder.display().to_string(), problem)
                .remedy("name the folder mlflow/server/js/build of MLflow's Python package"));
        }
        Ok(Self { root })
    }

    /// A file, wherever links lead within the folder.
    fn read(&self, path: &str) -> Option<(ArtifactFile, String)> {
        let is_odd = |part: &str| matches!(part, "" | "." | "..") || part.contains(['\\', ':', '\0']);
        if path.split('/').any(is_odd) {
            return None;
        }
        let place = self.root.join(path).canonicalize().ok()?;
        if !place.starts_with(&self.root) || !place.is_file() {
            return None;
        }
        let file = File::open(&place).ok()?;
        let size = file.metadata().ok()?.len();
        let name = path.rsplit('/').next().unwrap_or(path).to_owned();
        Some((ArtifactFile::new(size, Box::new(file)), name))
    }
}

/// The page.
pub(super) fn index(call: &Call<'_>) -> Result<Reply> {
    send(call, INDEX)
}

/// Its scripts, styles and pictures.
pub(super) fn file(call: &Call<'_>) -> Result<Reply> {
    send(call, &super::query::decoded(call.name(0), false))
}

fn send(call: &Call<'_>, path: &str) -> Result<Reply> {
    let absent = || Refusal::not_found(format!("the page has no file {path:?}"));
    let (file, name) = call.server.page.as_ref().and_then(|page| page.read(path)).ok_or_else(absent)?;
    let shown = Some(media_type(&name));
    Ok(Reply::File(Box::new(Sent { file, name, range: None, shown })))
}

/// What a browser takes a file of the page for.
fn media_type(name: &str) -> &'static str {
    match name.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "map" => "application/json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "ico" => "image/x-icon",
        "webp" => "image/webp",
        "woff" => "font/woff",
        "woff2" => "font/woff2",
        "ttf" => "font/ttf",
        "wasm" => "application/wasm",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

const OPEN: &str = "open page";
const INDEX: &str = "index.html";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_outside_the_folder_is_read() {
        let place = tempfile::tempdir().unwrap();
        let root = place.path().join("build");
        std::fs::create_dir_all(root.join("static")).unwrap();
        for file in ["build/index.html", "build/static/main.js", "secret"] {
            std::fs::write(place.path().join(file), file).unwrap();
        }
        let page = PageFiles::open(&root).unwrap();
        assert_eq!(
            page.read("static/main.js").map(|(file, name)| (file.size, name)),
            Some((20, "main.js".into()))
        );
        for odd in [
            "../secret",
            "static/../../secret",
            "/etc/passwd",
            "",
            "static",
            "static//main.js",
            "a\\b",
            "./x",
        ] {
            assert!(page.read(odd).is_none(), "{odd}");
        }
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(place.path().join("secret"), root.join("link")).unwrap();
            assert!(page.read("link").is_none());
        }
        assert!(PageFiles::open(place.path()).is_err_and(|error| error.to_string().contains("index.html")));
    }
}
