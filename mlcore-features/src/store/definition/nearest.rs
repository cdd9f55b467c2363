//! The name that was probably meant.

/// The known name that is nearest to a misspelt one; `None` where none is near: more than a third of its letters would change.
pub(super) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted: Vec<char> = letters(name);
    let most = (wanted.len() / 3).max(1);
    let near = known.into_iter().filter_map(|own| {
        let letters = letters(own);
        // Names of very different lengths are not compared letter by letter.
        let is_near = letters.len().abs_diff(wanted.len()) <= most;
        is_near.then(|| (distance(&wanted, &letters), own))
    });
    near.filter(|(distance, _)| *distance <= most).min().map(|(_, own)| own)
}

/// A name without its case and the marks between its words, as far as it is looked at.
fn letters(name: &str) -> Vec<char> {
    const MOST: usize = 64;
    name.chars()
        .filter(|letter| !matches!(letter, '_' | '-' | ' '))
        .flat_map(char::to_lowercase)
        .take(MOST)
        .collect()
}

/// How many letters must be inserted, deleted or replaced (Levenshtein 1966).
fn distance(one: &[char], other: &[char]) -> usize {
    // What the letters of `one` so far, and each beginning of `other`, are apart.
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (number, letter) in one.iter().enumerate() {
        let (mut diagonal, mut left) = (number, number + 1);
        let mut places = row.iter_mut();
        if let Some(first) = places.next() {
            *first = left;
        }
        for (place, known) in places.zip(other) {
            let replaced = diagonal + usize::from(known != letter);
            diagonal = *place;
            left = replaced.min(left + 1).min(*place + 1);
            *place = left;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_name_finds_its_own() {
        let known = ["driver_stats", "customer_stats", "weather", "trips"];
        for (name, expected) in [
            ("driver_stat", Some("driver_stats")),
            ("DriverStats", Some("driver_stats")),
            ("drivers_stats", Some("driver_stats")),
            ("custmer_stats", Some("customer_stats")),
            ("wether", Some("weather")),
            ("trisp", None),
            ("nothing_like_it", None),
            ("", None),
        ] {
            assert_eq!(nearest(name, known), expected, "{name}");
        }
    }

    #[test]
    fn distances_are_those_of_levenshtein() {
        let of = |one: &str, other: &str| {
            distance(&one.chars().collect::<Vec<_>>(), &other.chars().collect::<Vec<_>>())
        };
        for (one, other, expected) in [
            ("", "", 0),
            ("", "abc", 3),
            ("abc", "", 3),
            ("kitten", "sitting", 3),
            ("flaw", "lawn", 2),
            ("same", "same", 0),
        ] {
            assert_eq!((of(one, other), of(other, one)), (expected, expected), "{one} {other}");
        }
    }
}
