//! The files of a version: where they lie, and how they come here.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use mlcore::artifact::PackagePath;
use mlcore::{Error, Result};

use super::client::{Client, FETCH, copy_limited};

/// A folder of artifacts.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum Place {
    /// Behind the artifact proxy of the server: the URL of the folder.
    Proxy(String),
    /// On this machine.
    Folder(PathBuf),
}

impl Place {
    /// The place that a URI of MLflow names. Another host than that of the server is not asked: it would be shown the credentials.
    pub(super) fn of(uri: &str, base: &str, subject: &str) -> Result<Self> {
        let refused = |problem: String, remedy: &str| {
            Err(Error::unsupported(FETCH, subject.to_owned(), problem).remedy(remedy.to_owned()))
        };
        let proxy = format!("{base}{PROXY}");
        if let Some(rest) = uri.strip_prefix("mlflow-artifacts:") {
            let (host, path) = match rest.strip_prefix("//") {
                Some(rest) => rest.split_once('/').unwrap_or((rest, "")),
                None => ("", rest.trim_start_matches('/')),
            };
            let own =
                base.split_once("://").map_or(base, |(_, own)| own).split('/').next().unwrap_or_default();
            if !host.is_empty() && host != own {
                let problem = format!("its files lie at another server, {host}");
                return refused(problem, "name that server, or let this one hand its files out");
            }
            return Ok(Self::Proxy(format!("{proxy}{}", encoded(path.trim_end_matches('/')))));
        }
        if let Some(path) = uri.strip_prefix(&proxy) {
            return Ok(Self::Proxy(format!("{proxy}{}", path.trim_end_matches('/'))));
        }
        let path = match uri.strip_prefix("file://") {
            Some(path) => path.strip_prefix("localhost").unwrap_or(path),
            None => uri.strip_prefix("file:").unwrap_or(uri),
        };
        if !path.starts_with('/') {
            let scheme = uri.split_once(':').map_or("a relative path", |(scheme, _)| scheme);
            let problem = format!("its files lie where this server does not read, by the scheme {scheme}");
            return refused(problem, "let MLflow hand its files out: mlflow server --serve-artifacts");
        }
        let folder = PathBuf::from(decoded(path));
        if !folder.is_dir() {
            let problem = "its files lie in a folder of MLflow's own machine, which is not there on this one";
            return refused(
                problem.to_owned(),
                "let MLflow hand its files out: mlflow server --serve-artifacts",
            );
        }
        Ok(Self::Folder(folder))
    }

    /// Copies a file to its place below `into`; answers its size, which is at most `most` bytes.
    pub(super) fn fetch(
        &self,
        client: &Client,
        path: &PackagePath,
        into: &Path,
        most: u64,
        subject: &str,
    ) -> Result<u64> {
        let to = path.under(into);
        let failed = |cause| Error::from_io(FETCH, to.display().to_string(), cause);
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder).map_err(failed)?;
        }
        let subject = format!("{} of {subject}", path.as_str());
        let mut file = File::create(&to).map_err(failed)?;
        match self {
            Self::Proxy(url) => {
                let url = format!("{url}/{}", encoded(path.as_str()));
                client.download(&url, &mut file, most, &subject)
            }
            Self::Folder(folder) => {
                let from = path.under(folder);
                let unread = |cause| Error::from_io(FETCH, from.display().to_string(), cause);
                // Links must not lead out of the folder, nor a pipe hold the start up.
                let (root, found) =
                    (folder.canonicalize().map_err(unread)?, from.canonicalize().map_err(unread)?);
                if !found.starts_with(root) || !found.is_file() {
                    let problem = "it is no file of its folder";
                    return Err(Error::invalid_input(FETCH, subject, problem));
                }
                copy_limited(File::open(&found).map_err(unread)?, &mut file, most, &subject)
            }
        }
    }
}

/// A path as it stands in a URL.
fn encoded(path: &str) -> String {
    let mut text = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                text.push(char::from(byte));
            }
            byte => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text
}

/// A path of a URL as it stands on a disk.
fn decoded(path: &str) -> String {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        let digits =
            after.get(..2).filter(|_| *byte == b'%').and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(value) => {
                bytes.push(value);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(*byte);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Where the proxy hands files out.
const PROXY: &str = "/api/2.0/mlflow-artifacts/artifacts/";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uri_names_a_place_of_the_same_server_or_machine() {
        let base = "http://mlflow:5000/ml";
        let of = |uri: &str| Place::of(uri, base, "forest version 1");
        let proxy = |path: &str| Place::Proxy(format!("{base}{PROXY}{path}"));
        assert_eq!(of("mlflow-artifacts:/0/models/m-1/artifacts").unwrap(), proxy("0/models/m-1/artifacts"));
        assert_eq!(of("mlflow-artifacts:///0/m 1/").unwrap(), proxy("0/m%201"));
        assert_eq!(of("mlflow-artifacts://mlflow:5000/0/m").unwrap(), proxy("0/m"));
        assert_eq!(of(&format!("{base}{PROXY}0/m")).unwrap(), proxy("0/m"));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_str().unwrap();
        for uri in [
            path.to_owned(),
            format!("file://{path}"),
            format!("file:{path}"),
            format!("file://localhost{path}"),
        ] {
            assert_eq!(of(&uri).unwrap(), Place::Folder(folder.path().to_owned()), "{uri}");
        }
        for (uri, problem) in [
            ("mlflow-artifacts://other:5000/0/m", "another server, other:5000"),
            ("http://other/api/2.0/mlflow-artifacts/artifacts/0/m", "by the scheme http"),
            ("s3://bucket/0/m", "by the scheme s3"),
            ("./mlruns/0", "a relative path"),
            ("/nowhere/at/all", "a folder of MLflow's own machine"),
        ] {
            let error = of(uri).unwrap_err().to_string();
            assert!(error.contains(problem), "{uri}: {error}");
        }
    }

    #[test]
    fn paths_are_read_as_they_were_written() {
        assert_eq!(decoded("/a%20b/%zz/%"), "/a b/%zz/%");
        assert_eq!(decoded(&encoded("/gr\u{f6}\u{df}e %41")), "/gr\u{f6}\u{df}e %41");
    }
}
