//! Text as what registries are told: URLs, names, versions, tags. What is accepted reads back equal, from memory and from a
//! file alike, and what is refused leaves nothing.
//!
//! An input is lines of a word and a text, such as `model churn`; in the text `\n` stands for the end of a line. Nothing is
//! written outside a temporary folder: a URL of the input is parsed, and opened only where it names no file.

use std::path::{Component, Path};
use std::str::FromStr;

use mlcore::artifact::{self, Digest};
use mlcore::name::{Alias, Arm, MAX_NAME_BYTES, ModelName, RequestId, RunId, UnitId, Version};
use mlcore::registry::{
    self, AuditEntry, Change, Expected, NewModel, NewVersion, Registry, RegistryExt, SqliteOptions, Stage,
};
use mlcore::schema::Signature;
use mlcore::time::Timestamp;
use mlcore::{Error, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::told::told;

/// Reads the lines of an input, and has a file compared with memory where one of them asks for it.
pub(crate) fn check(bytes: &[u8]) {
    let lines = lines(bytes);
    let said = in_memory(&lines);
    let Some((_, file)) = lines.iter().find(|(word, _)| *word == "file") else { return };
    if is_file_name(file) {
        let place = tempfile::tempdir().expect("a temporary folder");
        let url = format!("sqlite:///{}/{file}", place.path().display());
        if let Some(opened) = opened(&url, &place.path().join(file)) {
            assert_eq!(tell(opened.as_ref(), &lines), said, "a file answers otherwise than memory");
        }
    }
}

/// Reads the lines of an input without a file, which takes as long as fifteen inputs.
#[cfg_attr(test, expect(dead_code, reason = "the fuzz target calls it"))]
pub(crate) fn check_in_memory(bytes: &[u8]) {
    in_memory(&lines(bytes));
}

fn lines(bytes: &[u8]) -> Vec<(String, String)> {
    let text = String::from_utf8_lossy(bytes);
    let lines = text.lines().take(MOST_LINES).filter_map(|line| line.split_once(' '));
    lines.map(|(word, text)| (word.to_owned(), text.replace("\\n", "\n"))).collect()
}

fn in_memory(lines: &[(String, String)]) -> Vec<String> {
    for (word, text) in lines {
        match word.as_str() {
            "url" => url(text),
            "secret" => secret(text),
            "folder" => folder(text),
            _ => names(text),
        }
    }
    let memory = registry::open("memory:").expect("a registry in memory opens");
    tell(memory.as_ref(), lines)
}

/// Longer inputs are the same lines again.
const MOST_LINES: usize = 64;

/// A URL of anybody: parsed, and never opened where it may name a file.
fn url(url: &str) {
    let options = SqliteOptions::from_url(url);
    let artifacts = registry::artifacts_url(url);
    if ["postgresql:", "postgres:"].iter().any(|scheme| url.starts_with(scheme)) {
        // It names a server of somebody's: nobody is asked.
        let error = artifacts.expect_err("a database has no folder beside it");
        told(&error);
        assert!(matches!(error, Error::Unsupported(_)), "{url:?}: {error}");
        return;
    }
    match (&options, &artifacts) {
        (Ok(options), Ok(artifacts)) => {
            assert!(!options.path.as_os_str().is_empty(), "{url:?} names no file");
            assert!(
                url["sqlite:///".len()..].starts_with(&*options.path.to_string_lossy()),
                "{url:?} is {options:?}"
            );
            assert!(artifacts.ends_with(".artifacts"), "{url:?} keeps its artifacts at {artifacts:?}");
        }
        (Err(_), Ok(artifacts)) => assert_eq!((url, artifacts.as_str()), ("memory:", "memory:")),
        (Ok(_), Err(error)) => panic!("{url:?} is a file and has no artifacts: {error}"),
        (Err(first), Err(second)) => {
            for error in [first, second] {
                told(error);
                assert!(matches!(error, Error::InvalidInput(_)), "{url:?}: {error}");
            }
            if !url.starts_with("sqlite:") {
                let error = registry::open(url).err().expect("what has no artifacts is no registry");
                told(&error);
            }
        }
    }
    // Only `file:` and paths name a folder.
    let scheme = url.split_once(':').map(|(scheme, _)| scheme).filter(|scheme| {
        scheme.len() > 1
            && scheme.starts_with(|first: char| first.is_ascii_alphabetic())
            && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
    });
    // A bucket is somebody's, and opening one reads the environment and certificates: its URL is read, and no more.
    if scheme.is_some_and(|scheme| ["s3", "gs", "az"].contains(&scheme)) {
        match artifact::ObjectStoreOptions::from_url(url) {
            Ok(options) => assert!(!format!("{options:?}").contains("@"), "{url:?} is {options:?}"),
            Err(error) => assert!(matches!(error, Error::InvalidInput(_)) && !told(&error).is_empty()),
        }
        return;
    }
    if scheme.is_some_and(|scheme| scheme != "file") {
        match artifact::open(url) {
            Ok(_) => assert_eq!(url, "memory:"),
            Err(error) => assert!(matches!(error, Error::InvalidInput(_)) && !told(&error).is_empty()),
        }
    }
}

/// A URL with a password, and this behind it: no error shows the password.
fn secret(rest: &str) {
    const PASSWORD: &str = "Xq7-pw-9Zk";
    let (before, after) = rest.split_once(' ').unwrap_or(("", rest));
    for url in [
        format!("postgres://ana:{before}{PASSWORD}@{after}"),
        format!("postgres://ana:{PASSWORD}{before}@{after}"),
        format!("s3://{PASSWORD}@{after}"),
        format!("postgres:{before}:{PASSWORD}@{after}"),
        format!("postgres://host/db?user=ana&password={PASSWORD}&{before}"),
    ] {
        let outcomes = [
            registry::open(&url).err(),
            registry::artifacts_url(&url).err(),
            SqliteOptions::from_url(&url).err(),
            artifact::open(&url).err(),
        ];
        for error in outcomes {
            let error = error.expect("no registry has a password");
            assert!(!told(&error).contains(PASSWORD), "{url:?} is told as {error}");
        }
    }
}

/// A folder of this name in a temporary one, as a URL in which it is written with its percent signs.
fn folder(name: &str) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let dots = name.to_ascii_lowercase().replace("%2e", ".");
    if name.contains('/') || dots.contains("%2f") || matches!(&*dots, "." | "..") {
        return;
    }
    match artifact::open(&format!("file://{}/{name}", folder.path().display())) {
        Ok(store) => assert!(store.list(None, 1).is_ok_and(|found| found.is_empty())),
        Err(error) => drop(told(&error)),
    }
    assert_eq!(std::fs::read_dir(folder.path()).expect("the folder is there").count(), 0, "{name:?} is made");
}

/// A text as each of the names.
fn names(text: &str) {
    if parsed::<ModelName>(text) {
        let mut parts = Path::new(text).components();
        assert!(
            matches!((parts.next(), parts.next()), (Some(Component::Normal(one)), None) if one == text),
            "{text:?}"
        );
    }
    if parsed::<Alias>(text) {
        assert!(
            (parsed::<ModelName>(text) || text.len() > MAX_NAME_BYTES)
                && !parsed::<Version>(text)
                && text != "latest",
            "{text:?} is an alias"
        );
    }
    assert_eq!(parsed::<Arm>(text), parsed::<ModelName>(text));
    assert_eq!(parsed::<RunId>(text), parsed::<RequestId>(text));
    if parsed::<RequestId>(text) || parsed::<UnitId>(text) {
        assert!((1..=256).contains(&text.len()) && !text.contains(char::is_control));
    }
    if let Ok(version) = text.parse::<Version>() {
        assert_eq!(version.to_string().parse::<Version>().ok(), Some(version));
    }
    if let Ok(digest) = text.parse::<Digest>() {
        assert_eq!(digest.to_hex(), text.strip_prefix("sha256:").unwrap_or(text).to_ascii_lowercase());
    }
    if let Ok(stage) = text.parse::<Stage>() {
        assert_eq!(stage.name(), text);
    }
}

/// Whether the text is one; then it is the same text again, in JSON too.
fn parsed<T>(text: &str) -> bool
where
    T: FromStr<Err = Error> + ToString + PartialEq + Serialize + DeserializeOwned + std::fmt::Debug,
{
    match text.parse::<T>() {
        Ok(name) => {
            let json = serde_json::to_string(&name).expect("a name is written");
            assert_eq!(serde_json::from_str::<T>(&json).expect("a name reads back"), name);
            assert_eq!(name.to_string().parse::<T>().ok().as_ref(), Some(&name));
            true
        }
        Err(error) => {
            told(&error);
            assert!(matches!(error, Error::InvalidInput(_)), "{error:?}");
            false
        }
    }
}

/// Whether it is a name in the folder, and leads nowhere else.
fn is_file_name(name: &str) -> bool {
    let mut parts = Path::new(name).components();
    let is_one = matches!((parts.next(), parts.next()), (Some(Component::Normal(one)), None) if one == name);
    is_one && !name.contains('?')
}

/// The registry in a file, where the system takes its name; the file lies where it was asked for.
fn opened(url: &str, file: &Path) -> Option<std::sync::Arc<dyn Registry>> {
    match registry::open(url) {
        Ok(registry) => {
            assert!(file.is_file(), "{url:?} lies elsewhere than {}", file.display());
            Some(registry)
        }
        Err(error) => {
            told(&error);
            assert!(!matches!(error, Error::Internal(_) | Error::Corrupt(_)), "{url:?}: {error:?}");
            None
        }
    }
}

/// Tells a registry what the lines say, and answers what it said: the kind of each outcome, and what its log holds.
fn tell(registry: &dyn Registry, lines: &[(String, String)]) -> Vec<String> {
    let mut model = ModelName::new("m").expect("a name");
    let mut change = Change::new("ana", Timestamp::from_millis(0));
    let mut said = Vec::new();
    let made = registry.create_model(&model, &change).map(drop);
    said.push(kind(made));
    for (word, text) in lines {
        let outcome = match word.as_str() {
            "actor" => {
                change.actor.clone_from(text);
                continue;
            }
            "reason" => {
                change.reason = Some(text.clone());
                continue;
            }
            "request" => {
                change.request = RequestId::new(text).ok();
                continue;
            }
            "model" => ModelName::new(text).and_then(|name| {
                model = name.clone();
                registry.create_model(NewModel::new(name.clone()).with_description(text), &change)?;
                assert_eq!(registry.model(&name)?.description, *text);
                Ok(())
            }),
            "version" => version(registry, &model, text, &change),
            "alias" => alias(registry, &model, text, &change),
            "tag" => tag(registry, &model, text, &change),
            "metric" => metric(registry, &model, text, &change),
            _ => continue,
        };
        said.push(kind(outcome));
        // A request that was answered is answered again the same; the next line asks for something else.
        change.request = None;
    }
    let head = registry.verify().expect("the log is whole");
    // The hashes of two backends differ: each commits to its own rows.
    let entries = registry.audit(1, 2 * MOST_LINES).expect("the log is read");
    assert_eq!(entries.last().map(|entry| entry.sequence), Some(head.sequence));
    let told = |entry: &AuditEntry| {
        let AuditEntry { sequence, actor, reason, request, event, .. } = entry;
        format!("{sequence} {actor:?} {reason:?} {request:?} {event:?}")
    };
    said.extend(entries.iter().map(told));
    said
}

fn kind(outcome: Result<()>) -> String {
    match outcome {
        Ok(()) => "ok".to_owned(),
        Err(error) => {
            told(&error);
            let caused = matches!(error, Error::Internal(_) | Error::Corrupt(_) | Error::Unavailable(_));
            assert!(!caused, "{error:?}");
            error.kind().to_owned()
        }
    }
}

/// Whether the change is surely none that was answered before, and whose effect something later may have taken back.
fn is_first(change: &Change) -> bool {
    change.request.is_none()
}

fn version(registry: &dyn Registry, model: &ModelName, format: &str, change: &Change) -> Result<()> {
    let new = NewVersion::new(model.clone(), Digest::of(format), Signature::default()).with_format(format);
    let made = registry.create_version(new, change)?;
    assert_eq!(made.format, format);
    if is_first(change) {
        assert_eq!(registry.version(model, made.version)?, made);
    }
    Ok(())
}

fn alias(registry: &dyn Registry, model: &ModelName, text: &str, change: &Change) -> Result<()> {
    let alias = Alias::new(text)?;
    registry.set_alias(model, &alias, Some(Version::FIRST), Expected::Any, change)?;
    if is_first(change) {
        assert_eq!(registry.alias(model, &alias)?, Some(Version::FIRST));
        assert!(registry.aliases(model)?.contains(&(alias, Version::FIRST)));
    }
    Ok(())
}

/// `key=value`.
fn tag(registry: &dyn Registry, model: &ModelName, text: &str, change: &Change) -> Result<()> {
    let (key, value) = text.split_once('=').unwrap_or((text, ""));
    registry.set_model_tag(model, key, value, change)?;
    if is_first(change) {
        assert_eq!(registry.model(model)?.tags.get(key).map(String::as_str), Some(value));
    }
    Ok(())
}

/// `name=number`.
fn metric(registry: &dyn Registry, model: &ModelName, text: &str, change: &Change) -> Result<()> {
    let (name, number) = text.split_once('=').unwrap_or((text, "0"));
    let number = number.parse().unwrap_or(f64::NAN);
    registry.set_metrics(model, Version::FIRST, [(name, number)], change)?;
    if is_first(change) {
        assert_eq!(registry.version(model, Version::FIRST)?.metrics.value(name), Some(number));
    }
    Ok(())
}
