use std::fmt::Write as _;

use super::sections::{Block, Section};

pub(super) fn render(title: &str, sections: &[Section]) -> String {
    let mut text = format!("# {}\n", escaped(title));
    // Writing to a string cannot fail.
    for section in sections {
        let _ = write!(text, "\n## {}\n", section.title);
        for block in &section.blocks {
            text.push('\n');
            match block {
                Block::Words(words) => {
                    for line in words.lines() {
                        // A line that is indented would be code.
                        let _ = writeln!(text, "{}", escaped(line.trim()));
                    }
                }
                Block::Table(head, rows) => table(&mut text, head, rows),
            }
        }
    }
    text
}

fn table(text: &mut String, head: &[&str], rows: &[Vec<String>]) {
    let _ = writeln!(text, "| {} |", head.join(" | "));
    let _ = writeln!(text, "|{}", "---|".repeat(head.len()));
    for row in rows {
        let cells: Vec<String> = row.iter().map(|cell| escaped(cell.trim())).collect();
        let _ = writeln!(text, "| {} |", cells.join(" | "));
    }
}

/// Text that is nothing but text: a backslash takes the meaning of any ASCII punctuation (CommonMark 0.31, section 2.4), and what HTML
/// knows is written by its name, for renderers that know no backslash there. Dots, dashes, colons and slashes between letters and digits
/// mean nothing, so that numbers, times and digests stay as they are.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let characters: Vec<char> = text.chars().collect();
    let is_word = |place: Option<usize>| {
        place.and_then(|place| characters.get(place)).is_some_and(|around| around.is_ascii_alphanumeric())
    };
    for (place, character) in characters.iter().enumerate() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            // A number at the start of a line would begin a list: there what follows the dot is a space.
            '.' | '-' | ':' | '/' if is_word(place.checked_sub(1)) && is_word(Some(place + 1)) => {
                out.push(*character);
            }
            ',' | ';' => out.push(*character),
            ' ' => out.push(' '),
            mark if mark.is_ascii_punctuation() => out.extend(['\\', *mark]),
            odd if odd.is_control() || is_invisible(*odd) => out.push(' '),
            other => out.push(*other),
        }
    }
    out
}

/// Marks that turn the direction of text around, or show nothing: they make one thing look like another.
pub(super) fn is_invisible(character: char) -> bool {
    matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}
