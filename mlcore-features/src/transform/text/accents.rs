//! Characters without their accents.

use std::sync::LazyLock;

use super::analysis::StripAccents;

/// Takes the accents off the characters of a text. The result is written behind the text, so that no second memory is needed.
pub(super) fn strip(text: &mut String, how: StripAccents) {
    if text.is_ascii() {
        return;
    }
    let length = text.len();
    let mut place = 0;
    while place < length {
        let Some(character) = text.get(place..).and_then(|rest| rest.chars().next()) else { break };
        place += character.len_utf8();
        let mut keep = |own: char| {
            if how == StripAccents::Unicode || own.is_ascii() {
                text.push(own);
            }
        };
        match stripped(character) {
            Some(own) => own.iter().copied().for_each(keep),
            None => match syllable(character) {
                Some(letters) => letters.into_iter().flatten().for_each(keep),
                None => keep(character),
            },
        }
    }
    text.drain(..length);
}

/// What a character becomes; none where it stays what it is.
fn stripped(character: char) -> Option<&'static [char]> {
    if character.is_ascii() {
        return None;
    }
    let table = &*TABLE;
    let found = table.characters.binary_search_by_key(&character, |(own, ..)| *own).ok()?;
    let (_, start, end) = table.characters.get(found)?;
    table.stripped.get(*start..*end)
}

/// The letters of a syllable of Hangul (The Unicode Standard, 3.12).
fn syllable(character: char) -> Option<[Option<char>; 3]> {
    const FIRST: u32 = 0xAC00;
    let index = u32::from(character).checked_sub(FIRST).filter(|index| *index < 11_172)?;
    let trailing = index % 28;
    let trailing = if trailing == 0 { None } else { char::from_u32(0x11A7 + trailing) };
    Some([char::from_u32(0x1100 + index / 588), char::from_u32(0x1161 + index % 588 / 28), trailing])
}

/// Characters in order, each with the range of what it becomes.
struct Table {
    characters: Vec<(char, usize, usize)>,
    stripped: Vec<char>,
}

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    let mut table = Table { characters: Vec::new(), stripped: Vec::new() };
    for line in include_str!("accents.txt").lines().filter(|line| !line.starts_with('#')) {
        let code = |word: &str| u32::from_str_radix(word, 16).ok().and_then(char::from_u32);
        let mut words = line.split(' ').filter_map(code);
        if let Some(character) = words.next() {
            let start = table.stripped.len();
            table.stripped.extend(words);
            table.characters.push((character, start, table.stripped.len()));
        }
    }
    table
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accents_come_off() {
        // `strip_accents_unicode` and `strip_accents_ascii` of scikit-learn.
        for (text, unicode, ascii) in [
            ("plain", "plain", "plain"),
            ("Zürich, Ærø, Łódź", "Zurich, Ærø, Łodz", "Zurich, r, odz"),
            ("e\u{301}te\u{301}", "ete", "ete"),
            ("ﬁne ①②½", "fine 121⁄2", "fine 1212"),
            ("Ελλάδα", "Ελλαδα", ""),
            ("한글 값", "\u{1112}\u{1161}\u{11ab}\u{1100}\u{1173}\u{11af} \u{1100}\u{1161}\u{11b9}", " "),
            ("ậ", "a", "a"),
        ] {
            for (how, expected) in [(StripAccents::Unicode, unicode), (StripAccents::Ascii, ascii)] {
                let mut own = text.to_owned();
                strip(&mut own, how);
                assert_eq!(own, expected, "{text} {how:?}");
            }
        }
    }

    #[test]
    fn the_table_is_sorted_and_whole() {
        assert!(TABLE.characters.is_sorted_by(|(left, ..), (right, ..)| left < right));
        let lines = include_str!("accents.txt").lines().count();
        assert_eq!(TABLE.characters.len(), lines - 1);
    }
}
