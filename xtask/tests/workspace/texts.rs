//! What users read at run time speaks of their things: people who call from Python or over a wire have no Rust paths.

use std::fs;

use crate::{project_files, shown};

#[test]
fn no_message_names_a_rust_path() {
    let mut found = Vec::new();
    for path in project_files() {
        let name = shown(&path);
        let library = name.starts_with("mlcore") && name.contains("/src/") && name.ends_with(".rs");
        if !library {
            continue;
        }
        let text = fs::read_to_string(&path).expect("a source file is UTF-8");
        // Tests stand last in a file, and nobody reads their messages but us.
        let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
        for literal in literals(code) {
            // A message has several words; a path by itself is a name for a program, such as the target of a log.
            if literal.contains("::") && literal.contains(' ') {
                found.push(format!("{name}: {literal}"));
            }
        }
    }
    assert!(found.is_empty(), "say it in words, without a Rust path:\n{}", found.join("\n"));
}

#[test]
fn literals_are_found_where_they_are_text() {
    let code = r##"
        // no "comment::here"
        #[doc = concat!("An [`Error::", "x] ] y")]
        fn f<'a>(quote: char) -> &'a str { let q = '"'; let s = "one \" two"; let r = r#"raw "three""#; "four" }
    "##;
    assert_eq!(literals(code), ["one \\\" two", "raw \"three\"", "four"]);
}

/// The string literals of a source text, without those of comments and attributes.
fn literals(code: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = code;
    let mut attribute = 0_usize;
    while let Some(first) = rest.chars().next() {
        if rest.starts_with("//") {
            rest = after(rest, "\n");
        } else if attribute == 0 && (rest.starts_with("#[") || rest.starts_with("#![")) {
            attribute = 1;
            rest = after(rest, "[");
        } else if attribute > 0 && (first == '[' || first == ']') {
            attribute = if first == '[' { attribute + 1 } else { attribute - 1 };
            rest = &rest[1..];
        } else if let Some((literal, next)) = literal(rest) {
            if attribute == 0 {
                found.push(literal);
            }
            rest = next;
        } else if rest.starts_with("'\"'") || rest.starts_with("'\\\"'") {
            rest = after(&rest[2..], "'");
        } else {
            rest = &rest[first.len_utf8()..];
        }
    }
    found
}

/// The literal that begins here, and what follows it.
fn literal(code: &str) -> Option<(&str, &str)> {
    if let Some(raw) = code.strip_prefix('r') {
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        let body = raw[hashes..].strip_prefix('"')?;
        let end = format!("\"{}", "#".repeat(hashes));
        let length = body.find(&end)?;
        return Some((&body[..length], &body[length + end.len()..]));
    }
    let body = code.strip_prefix('"')?;
    let mut escaped = false;
    let length = body.find(|c| {
        let ends = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        ends
    })?;
    Some((&body[..length], &body[length + 1..]))
}

fn after<'a>(code: &'a str, end: &str) -> &'a str {
    code.find(end).map_or("", |start| &code[start + end.len()..])
}
