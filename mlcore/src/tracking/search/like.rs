//! SQL's patterns: `%` is any characters, `_` is one, and everything else is itself.

/// Says whether the whole text is of the pattern.
pub(in crate::tracking) fn like(text: &str, pattern: &str) -> bool {
    let (mut text, mut pattern) = (text.chars(), pattern.chars());
    // After the last `%`: the pattern from there, and the text that it was tried on last.
    let mut retry: Option<(std::str::Chars<'_>, std::str::Chars<'_>)> = None;
    loop {
        let mut ahead = pattern.clone();
        match ahead.next() {
            Some('%') => {
                pattern = ahead;
                retry = Some((pattern.clone(), text.clone()));
                continue;
            }
            None if text.as_str().is_empty() => return true,
            Some(due) => {
                let mut rest = text.clone();
                match rest.next() {
                    Some(found) if due == '_' || due == found => {
                        (text, pattern) = (rest, ahead);
                        continue;
                    }
                    // The text has ended before the pattern: a later beginning leaves still less.
                    None => return false,
                    Some(_) => {}
                }
            }
            None => {}
        }
        // The `%` takes one character more.
        let Some((from, tried)) = &mut retry else { return false };
        if tried.next().is_none() {
            return false;
        }
        (pattern, text) = (from.clone(), tried.clone());
    }
}

/// The same where large and small letters are one.
pub(in crate::tracking) fn ilike(text: &str, pattern: &str) -> bool {
    like(&text.to_lowercase(), &pattern.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_those_of_sql() {
        for (text, pattern, due) in [
            ("", "", true),
            ("", "%", true),
            ("", "_", false),
            ("abc", "abc", true),
            ("abc", "ab", false),
            ("abc", "a%", true),
            ("abc", "%c", true),
            ("abc", "%b%", true),
            ("abc", "a_c", true),
            ("abc", "A%", false),
            ("aab", "%ab", true),
            ("mississippi", "%iss%ip%i", true),
            ("mississippi", "%iss%ipp", false),
            ("a\nb", "a_b", true),
            ("grün", "gr_n", true),
            ("a.c", "a.c", true),
            ("abc", "a.c", false),
        ] {
            assert_eq!(like(text, pattern), due, "{text:?} LIKE {pattern:?}");
        }
        assert!(ilike("Forest", "fOR%") && ilike("GRÜN", "grün"));
    }

    #[test]
    fn a_hard_pattern_ends() {
        let (text, pattern) = ("a".repeat(8000), "%a".repeat(500) + "b");
        assert!(!like(&text, &pattern));
    }
}
