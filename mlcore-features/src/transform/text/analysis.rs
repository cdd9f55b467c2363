//! From a text to its tokens, as scikit-learn's vectorizers see them.

use std::collections::HashSet;

use mlcore::batch::OwnedValue;
use mlcore::{Error, Result};
use serde::{Deserialize, Serialize};

use super::accents;
use super::characters::{is_space, is_word, lowercase};
use crate::transform::Parameter;

/// What a text is cut into.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Analyzer {
    /// Words, as `token_pattern` finds them, and runs of words.
    #[default]
    Word,
    /// Runs of characters.
    Char,
    /// Runs of characters within words, which get a space at either end.
    CharWb,
}

/// How accents are taken off letters, after they are made small.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StripAccents {
    /// Characters are decomposed as Unicode's NFKD does it, and what is not of ASCII is left out: `Łódź` is `odz`.
    Ascii,
    /// Characters are decomposed as Unicode's NFKD does it, and combining ones are left out: `Łódź` is `Łodz`.
    Unicode,
}

/// What a token is: one of the patterns `\b\w\w+\b`, `\b\w+\b`, `\w\w+`, `\w+`, `\b\w{n,}\b`, `\w{n,}`, `\S+`, also behind
/// `(?u)`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct TokenPattern {
    source: String,
    runs: Runs,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Runs {
    /// Of letters, digits and underscores, at least so many.
    Word(usize),
    /// Of anything but spaces.
    NoSpace,
}

impl Default for TokenPattern {
    fn default() -> Self {
        Self { source: r"(?u)\b\w\w+\b".to_owned(), runs: Runs::Word(2) }
    }
}

impl TryFrom<String> for TokenPattern {
    type Error = String;

    fn try_from(source: String) -> Result<Self, String> {
        let pattern = source.strip_prefix("(?u)").unwrap_or(&source);
        // Runs are as long as can be, so that words end where they end, whether a pattern says so or not.
        let inner = pattern.strip_prefix(r"\b").and_then(|rest| rest.strip_suffix(r"\b"));
        let word = inner.unwrap_or(pattern);
        let least = || word.strip_prefix(r"\w{")?.strip_suffix(",}")?.parse().ok().filter(|least| *least > 0);
        let runs = match (pattern, word) {
            (r"\S+", _) => Some(Runs::NoSpace),
            (_, r"\w+") => Some(Runs::Word(1)),
            (_, r"\w\w+") => Some(Runs::Word(2)),
            _ => least().map(Runs::Word),
        };
        match runs {
            Some(runs) => Ok(Self { source, runs }),
            None => {
                let known = r"\b\w\w+\b, \b\w+\b, \b\w{3,}\b and its like, or \S+, is expected";
                Err(format!("{known}, got {source:?}: other regular expressions are not run"))
            }
        }
    }
}

impl From<TokenPattern> for String {
    fn from(pattern: TokenPattern) -> Self {
        pattern.source
    }
}

/// Tokens that are left out.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(try_from = "Parameter", into = "Parameter")]
pub(crate) enum StopWords {
    /// Those of English.
    English,
    Listed(Vec<String>),
}

impl StopWords {
    fn words(&self) -> HashSet<String> {
        match self {
            Self::English => {
                ENGLISH.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
            }
            Self::Listed(words) => words.iter().cloned().collect(),
        }
    }
}

/// scikit-learn's list. Stored plans name it: a list with other words is one of another name.
const ENGLISH: &str = include_str!("stop_words_english.txt");

impl TryFrom<Parameter> for StopWords {
    type Error = String;

    fn try_from(value: Parameter) -> Result<Self, String> {
        if value.as_text() == Some("english") {
            return Ok(Self::English);
        }
        texts(&value).map(Self::Listed).ok_or_else(|| value.is_not("\"english\" or a list of words"))
    }
}

impl From<StopWords> for Parameter {
    fn from(words: StopWords) -> Self {
        match words {
            StopWords::English => "english".into(),
            StopWords::Listed(words) => words.into(),
        }
    }
}

/// The texts of a list of texts.
pub(super) fn texts(value: &Parameter) -> Option<Vec<String>> {
    let Parameter::List(values) = value else { return None };
    values.iter().map(|value| value.as_text().map(str::to_owned)).collect()
}

/// Terms as values of an attribute.
pub(super) fn values(terms: &[String]) -> Vec<OwnedValue> {
    terms.iter().map(|term| OwnedValue::from(term.as_str())).collect()
}

/// The parameters that say how a text is cut.
pub(super) struct Cutting<'a> {
    pub(super) analyzer: Analyzer,
    pub(super) lowercase: bool,
    pub(super) strip_accents: Option<StripAccents>,
    pub(super) token_pattern: &'a TokenPattern,
    pub(super) stop_words: Option<&'a StopWords>,
    pub(super) ngram_range: (usize, usize),
}

/// How texts are cut into tokens.
#[derive(Debug)]
pub(super) struct Analysis {
    analyzer: Analyzer,
    lowercase: bool,
    strip_accents: Option<StripAccents>,
    runs: Runs,
    stop_words: HashSet<String>,
    shortest: usize,
    longest: usize,
}

/// Memory for one text on its way.
pub(super) struct Pieces<'a> {
    pub(super) text: &'a mut String,
    pub(super) joined: &'a mut String,
    pub(super) bounds: &'a mut Vec<(usize, usize)>,
}

impl Analysis {
    /// # Errors
    /// [`Error::InvalidInput`] for lengths that no token has.
    pub(super) fn new(cutting: &Cutting<'_>, operation: &str) -> Result<Self> {
        let (shortest, longest) = cutting.ngram_range;
        if shortest == 0 || shortest > longest {
            let problem = format!("({shortest}, {longest}) is no range of lengths from 1 on");
            return Err(Error::invalid_input(operation.to_owned(), "ngram_range", problem)
                .remedy("write the shortest length first, as in (1, 2)"));
        }
        let stop_words = cutting.stop_words.filter(|_| cutting.analyzer == Analyzer::Word);
        Ok(Self {
            analyzer: cutting.analyzer,
            lowercase: cutting.lowercase,
            strip_accents: cutting.strip_accents,
            runs: cutting.token_pattern.runs,
            stop_words: stop_words.map(StopWords::words).unwrap_or_default(),
            shortest,
            longest,
        })
    }

    /// Hands out each token of the text.
    pub(super) fn each(&self, text: &str, pieces: Pieces<'_>, mut with: impl FnMut(&str)) {
        let Pieces { text: lower, joined, bounds } = pieces;
        lower.clear();
        bounds.clear();
        let text = if self.lowercase || self.strip_accents.is_some() {
            if self.lowercase {
                lowercase(text, lower);
            } else {
                lower.push_str(text);
            }
            if let Some(how) = self.strip_accents {
                accents::strip(lower, how);
            }
            lower.as_str()
        } else {
            text
        };
        match self.analyzer {
            Analyzer::Word => {
                self.words(text, bounds);
                self.runs_of_words(text, joined, bounds, with);
            }
            Analyzer::Char => {
                joined.clear();
                single_spaces(text, joined);
                ends(joined, bounds);
                let longest = self.longest.min(bounds.len());
                for length in self.shortest..=longest {
                    each_run(joined, bounds, length, &mut with);
                }
            }
            Analyzer::CharWb => {
                for word in text.split(is_space).filter(|word| !word.is_empty()) {
                    joined.clear();
                    joined.push(' ');
                    joined.push_str(word);
                    joined.push(' ');
                    ends(joined, bounds);
                    for length in self.shortest..=self.longest {
                        // A short word is one run, whatever the length is.
                        if length >= bounds.len() {
                            with(joined);
                            break;
                        }
                        each_run(joined, bounds, length, &mut with);
                    }
                }
            }
        }
    }

    /// Where the words are that count.
    fn words(&self, text: &str, bounds: &mut Vec<(usize, usize)>) {
        let least = match self.runs {
            Runs::Word(least) => least,
            Runs::NoSpace => 1,
        };
        let (mut start, mut length) = (0, 0);
        let ended = text.char_indices().map(|(at, character)| (at, Some(character)));
        for (at, character) in ended.chain([(text.len(), None)]) {
            let inside = character.is_some_and(|character| match self.runs {
                Runs::Word(_) => is_word(character),
                Runs::NoSpace => !is_space(character),
            });
            if inside {
                if length == 0 {
                    start = at;
                }
                length += 1;
                continue;
            }
            let word = text.get(start..at).unwrap_or_default();
            if length >= least && !self.stop_words.contains(word) {
                bounds.push((start, at));
            }
            length = 0;
        }
    }

    fn runs_of_words(
        &self,
        text: &str,
        joined: &mut String,
        bounds: &[(usize, usize)],
        mut with: impl FnMut(&str),
    ) {
        for length in self.shortest..=self.longest.min(bounds.len()) {
            for run in bounds.windows(length) {
                let mut words = run.iter().map(|(start, end)| text.get(*start..*end).unwrap_or_default());
                if length == 1 {
                    words.for_each(&mut with);
                    continue;
                }
                joined.clear();
                joined.push_str(words.next().unwrap_or_default());
                words.for_each(|word| {
                    joined.push(' ');
                    joined.push_str(word);
                });
                with(joined);
            }
        }
    }
}

/// Where each character begins and ends.
fn ends(text: &str, bounds: &mut Vec<(usize, usize)>) {
    bounds.clear();
    bounds.extend(text.char_indices().map(|(at, character)| (at, at + character.len_utf8())));
}

/// Hands out each run of so many characters.
fn each_run(text: &str, bounds: &[(usize, usize)], length: usize, with: &mut impl FnMut(&str)) {
    for run in bounds.windows(length) {
        if let (Some((start, _)), Some((_, end))) = (run.first(), run.last()) {
            with(text.get(*start..*end).unwrap_or_default());
        }
    }
}

/// Appends the text with one space in the place of several.
fn single_spaces(text: &str, into: &mut String) {
    let mut rest = text;
    while let Some(at) = rest.find(is_space) {
        let (before, spaces) = rest.split_at(at);
        into.push_str(before);
        let after = spaces.trim_start_matches(is_space);
        let run = spaces.strip_suffix(after).unwrap_or_default();
        // One alone stays what it is.
        into.push_str(if run.chars().count() == 1 { run } else { " " });
        rest = after;
    }
    into.push_str(rest);
}

/// The parameters of all vectorizers that say how a text is cut.
macro_rules! cutting_methods {
    ($vectorizer:ident) => {
        impl $vectorizer {
            /// Whether texts are read in small letters. Default: they are.
            #[must_use]
            pub fn lowercase(mut self, lowercase: bool) -> Self {
                self.lowercase = lowercase;
                self
            }

            /// How accents are taken off letters. Default: not at all.
            #[must_use]
            pub fn strip_accents(mut self, strip_accents: StripAccents) -> Self {
                self.strip_accents = Some(strip_accents);
                self
            }

            /// Words that are left out; they are compared after texts were put into small letters, and only where the analyzer
            /// is [`Analyzer::Word`]. Default: none.
            #[must_use]
            pub fn stop_words<W: Into<String>>(mut self, stop_words: impl IntoIterator<Item = W>) -> Self {
                self.stop_words = Some(StopWords::Listed(stop_words.into_iter().map(Into::into).collect()));
                self
            }

            /// Leaves out the words of scikit-learn's list for English, 318 of them.
            #[must_use]
            pub fn english_stop_words(mut self) -> Self {
                self.stop_words = Some(StopWords::English);
                self
            }

            /// What a word is: `(?u)\b\w\w+\b` (the default, two letters or more), `\b\w+\b`, `\b\w{3,}\b` and its like,
            /// or `\S+`.
            ///
            /// # Errors
            /// [`Error::InvalidInput`] for any other regular expression.
            pub fn token_pattern(mut self, token_pattern: &str) -> Result<Self> {
                self.token_pattern = TokenPattern::try_from(token_pattern.to_owned()).map_err(|problem| {
                    let operation = concat!("configure ", stringify!($vectorizer));
                    Error::invalid_input(operation, "token_pattern", problem)
                })?;
                Ok(self)
            }

            /// The shortest and the longest run of words, or of characters, that is a token. Default: (1, 1).
            #[must_use]
            pub fn ngram_range(mut self, shortest: usize, longest: usize) -> Self {
                self.ngram_range = (shortest, longest);
                self
            }

            /// What a text is cut into. Default: words.
            #[must_use]
            pub fn analyzer(mut self, analyzer: Analyzer) -> Self {
                self.analyzer = analyzer;
                self
            }

            /// Whether a token counts once in a text, however often it is there. Default: false.
            #[must_use]
            pub fn binary(mut self, binary: bool) -> Self {
                self.binary = binary;
                self
            }

            fn analysis(&self, operation: &str) -> Result<Analysis> {
                let cutting = Cutting {
                    analyzer: self.analyzer,
                    lowercase: self.lowercase,
                    strip_accents: self.strip_accents,
                    token_pattern: &self.token_pattern,
                    stop_words: self.stop_words.as_ref(),
                    ngram_range: self.ngram_range,
                };
                Analysis::new(&cutting, operation)
            }
        }
    };
}
pub(super) use cutting_methods;

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(analyzer: Analyzer, ngram_range: (usize, usize), pattern: &str, text: &str) -> Vec<String> {
        let token_pattern = &TokenPattern::try_from(pattern.to_owned()).unwrap();
        let (lowercase, strip_accents, stop_words) =
            (true, None, Some(&StopWords::Listed(vec!["the".to_owned()])));
        let cutting = Cutting { analyzer, lowercase, strip_accents, token_pattern, stop_words, ngram_range };
        let analysis = Analysis::new(&cutting, "cut").unwrap();
        let (mut lower, mut joined, mut bounds, mut found) = Default::default();
        let pieces = Pieces { text: &mut lower, joined: &mut joined, bounds: &mut bounds };
        analysis.each(text, pieces, |token| Vec::push(&mut found, token.to_owned()));
        found
    }

    #[test]
    fn texts_are_cut_as_the_parameters_say() {
        let words = |range, pattern, text| tokens(Analyzer::Word, range, pattern, text);
        assert_eq!(words((1, 1), r"\b\w\w+\b", "The Cat, a cat-o'9"), ["cat", "cat"]);
        assert_eq!(words((1, 2), r"(?u)\b\w+\b", "The a B c"), ["a", "b", "c", "a b", "b c"]);
        assert_eq!(words((1, 1), r"\S+", "x-y \u{1f} z"), ["x-y", "z"]);
        assert_eq!(words((1, 1), r"\w{3,}", "ab abc Ä_1"), ["abc", "ä_1"]);
        assert_eq!(
            tokens(Analyzer::Char, (2, 3), r"\w+", "a  b\tc"),
            ["a ", " b", "b\t", "\tc", "a b", " b\t", "b\tc"]
        );
        assert_eq!(tokens(Analyzer::CharWb, (3, 5), r"\w+", "ab ü"), [" ab", "ab ", " ab ", " ü "]);
    }

    #[test]
    fn other_patterns_are_refused() {
        for pattern in ["", "[a-z]+", r"\b\w\b", r"\w{0,}", r"\b\S+\b", "\\w{3,"] {
            assert!(TokenPattern::try_from(pattern.to_owned()).is_err(), "{pattern}");
        }
    }
}
