use object_store::path::Path;

use crate::error::{Error, Result};
use crate::url::{scheme, shown};

/// The protocol of an object store.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ObjectStoreKind {
    /// Amazon S3, and what speaks its protocol: `s3`.
    S3,
    /// Google Cloud Storage: `gs`.
    Gcs,
    /// Azure Blob Storage: `az`.
    Azure,
}

crate::words! { ObjectStoreKind, "kind of object store": S3 = "s3", Gcs = "gs", Azure = "az" }

/// Where in a store artifacts lie.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Place {
    pub(super) kind: ObjectStoreKind,
    pub(super) bucket: String,
    prefix: Vec<String>,
}

impl Place {
    /// Reads the part of a URL before its question mark.
    pub(super) fn parse(url: &str) -> Result<Self> {
        let refuse = |problem: &str| Error::invalid_input(OPEN, shown(url), problem).remedy(REMEDY);
        let kind = scheme(url).and_then(|scheme| scheme.parse().ok());
        let kind = kind.ok_or_else(|| refuse("it is no URL of an object store"))?;
        let rest = url.split_once("://").map(|(_, rest)| rest);
        let rest = rest.ok_or_else(|| refuse("it lacks two slashes"))?;
        if rest.contains('@') {
            return Err(refuse("credentials are no part of a URL")
                .remedy("set them as options or in the environment"));
        }
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if !(3..=222).contains(&bucket.len())
            || !bucket.chars().all(is_plain)
            || !bucket.starts_with(|c: char| c.is_ascii_alphanumeric())
        {
            return Err(refuse("its bucket is no name of letters, digits, dashes, underscores and dots"));
        }
        let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
        let parts: Vec<String> =
            prefix.split('/').filter(|_| !prefix.is_empty()).map(str::to_owned).collect();
        let is_sound = |part: &String| {
            let seen = part.chars().all(|c| c.is_ascii_graphic() && !r#"%\?#*"<>|~`^{}[]"#.contains(c));
            seen && !["", ".", ".."].contains(&part.as_str())
        };
        if prefix.len() > 512 || !parts.iter().all(is_sound) {
            return Err(refuse(
                "a part of its prefix is empty, `.`, `..`, or holds another character than most of visible ASCII",
            ));
        }
        Ok(Self { kind, bucket: bucket.to_owned(), prefix: parts })
    }

    /// The name of an object below the prefix.
    pub(super) fn path<'a>(&'a self, names: impl IntoIterator<Item = &'a str>) -> Path {
        self.prefix.iter().map(String::as_str).chain(names).collect()
    }
}

pub(super) const OPEN: &str = "open artifact store";
pub(super) const REMEDY: &str = "write s3://bucket/prefix, gs://bucket/prefix or az://container/prefix";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read_and_nothing_leaves_its_prefix() {
        let place = Place::parse("s3://models/team-a/x/").unwrap();
        assert_eq!((place.kind, place.bucket.as_str()), (ObjectStoreKind::S3, "models"));
        assert_eq!(place.path(["sha256", "ab"]).as_ref(), "team-a/x/sha256/ab");
        assert_eq!(Place::parse("az://models").unwrap().path(["a"]).as_ref(), "a");
        for bad in [
            "s3:",
            "s3://",
            "s3://a",
            "s3://../x",
            "http://models/x",
            "s3:///x",
            "s3://mod els/x",
            "s3://models//x",
            "s3://models/../x",
            "s3://models/./x",
            "s3://models/%2e%2e/x",
            "s3://models/a\\b",
            "s3://models/a\0b",
            "s3://models/é",
            "s3://key:secret@models/x",
        ] {
            let error = Place::parse(bad).unwrap_err();
            assert_eq!(error.kind(), "invalid_input", "{bad}");
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }
}
