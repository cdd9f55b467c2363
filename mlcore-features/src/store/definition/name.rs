//! What may be the name of an object, of a column, and a tag.

use std::collections::BTreeMap;

use mlcore::{Error, Result};

use super::Kind;

/// The longest name of an entity, a view, a service or a column, in bytes.
const MOST_NAME_BYTES: usize = 255;
/// The longest name of a source, which may be a path.
const MOST_SOURCE_BYTES: usize = 1024;
/// The longest description, tag, query or path.
const MOST_TEXT_BYTES: usize = 64 * 1024;
/// The most tags of one object, fields of one view, and objects that one names.
pub(super) const MOST_ITEMS: usize = 10_000;

/// Checks the name of an object.
pub(super) fn check_object(kind: Kind, name: &str) -> Result<()> {
    let most = if kind == Kind::Source { MOST_SOURCE_BYTES } else { MOST_NAME_BYTES };
    let fault = problem_of(name, most).or_else(|| match kind {
        Kind::FeatureView | Kind::OnDemandFeatureView => name.chars().find_map(|c| match c {
            ':' => Some("it contains ':', which separates a view from its feature in references".to_owned()),
            '@' => Some("it contains '@', which separates a view from its version in references".to_owned()),
            _ => None,
        }),
        Kind::Entity | Kind::Source | Kind::FeatureService => None,
    });
    match fault {
        None => Ok(()),
        Some(problem) => Err(Error::invalid_input(kind.operation(), shown(name), problem)
            .remedy(format!("give the {} another name", kind.noun()))),
    }
}

/// Checks the name of a column, which is called `what` where it is refused.
pub(super) fn check_column(operation: &'static str, what: &str, name: &str) -> Result<()> {
    match problem_of(name, MOST_NAME_BYTES) {
        None => Ok(()),
        Some(problem) => Err(Error::invalid_input(operation, format!("{what} {}", shown(name)), problem)
            .remedy("give the column another name")),
    }
}

/// Checks texts for people, and tags.
pub(super) fn check_metadata(
    operation: &'static str,
    description: &str,
    tags: &BTreeMap<String, String>,
    owner: &str,
) -> Result<()> {
    check_text(operation, "description", description)?;
    check_text(operation, "owner", owner)?;
    if tags.len() > MOST_ITEMS {
        let problem = format!("there are {} of them, and at most {MOST_ITEMS} are taken", tags.len());
        return Err(Error::invalid_input(operation, "tags", problem));
    }
    for (key, value) in tags {
        if key.is_empty() {
            return Err(Error::invalid_input(operation, "tags", "a tag has no key").remedy("name each tag"));
        }
        check_text(operation, "tag", key)?;
        check_text(operation, "tag", value)?;
    }
    Ok(())
}

/// Checks the length of a text.
pub(super) fn check_text(operation: &'static str, what: &str, text: &str) -> Result<()> {
    if text.len() <= MOST_TEXT_BYTES {
        return Ok(());
    }
    let problem = format!("it has {} bytes, and at most {MOST_TEXT_BYTES} are taken", text.len());
    Err(Error::invalid_input(operation, what, problem).remedy("shorten it"))
}

/// Checks how many of a kind there are.
pub(super) fn check_count(operation: &'static str, what: &str, count: usize) -> Result<()> {
    if count <= MOST_ITEMS {
        return Ok(());
    }
    let problem = format!("there are {count} of them, and at most {MOST_ITEMS} are taken");
    Err(Error::invalid_input(operation, what, problem).remedy("split the object"))
}

fn problem_of(name: &str, most: usize) -> Option<String> {
    if name.is_empty() {
        return Some("it is empty".to_owned());
    }
    if name.len() > most {
        return Some(format!("it has {} bytes, and at most {most} are taken", name.len()));
    }
    if name.starts_with("__") {
        return Some("names that begin with two underscores are reserved".to_owned());
    }
    if name.trim() != name {
        return Some("it begins or ends with a space".to_owned());
    }
    let turns = |c: char| matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}');
    let odd = name.chars().find(|c| c.is_control() || turns(*c))?;
    Some(format!("it contains the character {}", odd.escape_unicode()))
}

/// A name as it stands in an error: quoted where it is empty or odd.
pub(super) fn shown(name: &str) -> String {
    let plain = !name.is_empty() && !name.chars().any(|c| c.is_control() || c.is_whitespace());
    if plain { name.to_owned() } else { format!("{name:?}") }
}
