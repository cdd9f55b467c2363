//! Regular expressions, in time linear in the text.

use regex::{Regex, RegexBuilder};

/// So much memory a compiled regular expression may take: far more than those that people write.
const MOST_BYTES: usize = 4 << 20;

/// Compiles a regular expression; `\Z`, Python's end of the text, is `\z` here.
pub(in crate::validate) fn pattern(text: &str) -> Result<Regex, String> {
    RegexBuilder::new(&translated(text)).size_limit(MOST_BYTES).dfa_size_limit(MOST_BYTES).build().map_err(|cause| {
        format!("the regular expression {text:?} cannot be used: {cause}; it may have no look-around and no back-references")
    })
}

fn translated(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        out.push(c);
        if c == '\\' {
            out.extend(rest.next().map(|next| if next == 'Z' { 'z' } else { next }));
        }
    }
    out
}
