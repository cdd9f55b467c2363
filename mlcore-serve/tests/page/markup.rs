//! A reader of the pages' own markup: strict, so that what it reads is what every browser reads.

use std::collections::BTreeSet;

/// A tag that opens.
#[derive(Clone, Debug)]
pub(crate) struct Tag {
    pub(crate) name: String,
    pub(crate) attributes: Vec<(String, String)>,
}

impl Tag {
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }
}

/// All that pages are made of.
const ELEMENTS: [&str; 68] = [
    "html",
    "head",
    "meta",
    "title",
    "link",
    "script",
    "body",
    "a",
    "header",
    "nav",
    "ul",
    "ol",
    "li",
    "main",
    "div",
    "h1",
    "h2",
    "span",
    "section",
    "p",
    "footer",
    "form",
    "label",
    "input",
    "select",
    "option",
    "button",
    "details",
    "summary",
    "fieldset",
    "legend",
    "table",
    "caption",
    "thead",
    "tbody",
    "tr",
    "th",
    "td",
    "pre",
    "code",
    "mark",
    "strong",
    "dl",
    "dt",
    "dd",
    "time",
    "figure",
    "figcaption",
    "svg",
    "path",
    "text",
    "br",
    "em",
    "circle",
    "rect",
    "img",
    "g",
    "i",
    "b",
    "s",
    "u",
    "q",
    "hr",
    "abbr",
    "small",
    "sub",
    "sup",
    "kbd",
];
const EMPTY: [&str; 5] = ["meta", "link", "input", "br", "path"];

/// The tags of a page. It must be whole: what is opened is closed in order, ids are there once, labels have their fields.
pub(crate) fn tags(html: &str) -> Vec<Tag> {
    let body = html.strip_prefix("<!DOCTYPE html>\n").expect("a document begins with its type");
    let (mut tags, mut open) = (Vec::<Tag>::new(), Vec::<String>::new());
    let mut rest = body;
    while let Some(start) = rest.find('<') {
        assert!(!rest[..start].contains('>'), "a bare > in {:?}", &rest[..start.min(200)]);
        let inside = &rest[start + 1..];
        let end = end_of(inside);
        let tag = &inside[..end];
        rest = &inside[end + 1..];
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(name), "closed out of order after {:?}", tags.last());
            continue;
        }
        let tag = read(tag.trim_end_matches('/'));
        assert!(ELEMENTS.contains(&tag.name.as_str()), "{} is none of ours", tag.name);
        if !EMPTY.contains(&tag.name.as_str()) {
            open.push(tag.name.clone());
        }
        tags.push(tag);
    }
    assert!(open.is_empty(), "{open:?} are open");
    check(&tags);
    tags
}

fn end_of(tag: &str) -> usize {
    let mut quoted = false;
    for (place, byte) in tag.bytes().enumerate() {
        match byte {
            b'"' => quoted = !quoted,
            b'>' if !quoted => return place,
            b'<' => panic!("a tag within a tag: {:?}", tag.get(..80)),
            _ => {}
        }
    }
    panic!("a tag without an end: {:?}", tag.get(..80))
}

fn read(tag: &str) -> Tag {
    let (name, mut rest) = tag.split_once(' ').unwrap_or((tag, ""));
    let mut attributes = Vec::new();
    while !rest.trim().is_empty() {
        let trimmed = rest.trim_start();
        let end = trimmed.find(['=', ' ']).unwrap_or(trimmed.len());
        let (name, after) = trimmed.split_at(end);
        match after.strip_prefix("=\"") {
            Some(value) => {
                let (value, after) = value.split_once('"').expect("a value ends");
                attributes.push((name.to_owned(), unescaped(value)));
                rest = after;
            }
            None => {
                attributes.push((name.to_owned(), String::new()));
                rest = after;
            }
        }
    }
    Tag { name: name.to_owned(), attributes }
}

fn unescaped(text: &str) -> String {
    let mut text = text.to_owned();
    for (escaped, plain) in
        [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&#96;", "`"), ("&amp;", "&")]
    {
        text = text.replace(escaped, plain);
    }
    text
}

fn check(tags: &[Tag]) {
    let mut ids = BTreeSet::new();
    for tag in tags {
        for (name, value) in &tag.attributes {
            assert!(!name.starts_with("on") && name != "style", "{tag:?}");
            let is_address = matches!(name.as_str(), "href" | "src" | "action");
            let scheme = value.split(['/', '?', '#']).next().unwrap_or_default().split_once(':');
            assert!(
                !is_address || scheme.is_none_or(|(scheme, _)| matches!(scheme, "http" | "https")),
                "{tag:?}"
            );
        }
        if let Some(id) = tag.get("id") {
            assert!(ids.insert(id), "the id {id} is there twice");
        }
        if tag.name == "script" {
            assert!(tag.get("src").is_some_and(|src| src.contains("assets/page.js")), "{tag:?}");
        }
        if tag.name == "th" {
            assert!(tag.get("scope").is_some(), "{tag:?}");
        }
        if tag.name == "svg" {
            assert!(
                tag.get("role") == Some("img") && tag.get("aria-label").is_some()
                    || tag.get("aria-hidden") == Some("true"),
                "{tag:?}"
            );
        }
    }
    for tag in tags {
        for name in ["for", "aria-labelledby", "aria-describedby"] {
            assert!(tag.get(name).is_none_or(|id| ids.contains(id)), "{tag:?} names nothing");
        }
    }
    for once in ["main", "h1", "title"] {
        assert_eq!(tags.iter().filter(|tag| tag.name == once).count(), 1, "{once}");
    }
}
