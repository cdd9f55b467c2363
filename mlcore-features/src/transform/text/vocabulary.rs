//! The terms that texts are made of: which of them count, and how they are counted and weighed.

use std::collections::{BTreeMap, HashMap, HashSet};

use mlcore::{Error, Result};
use serde::{Deserialize, Serialize, Serializer};

use super::analysis::{Analysis, Pieces, texts};
use super::documents;
use crate::program::builder::{Column, ProgramBuilder};
use crate::program::lookup::Lookup;
use crate::program::text::{Refused, TextKernel, TextRow, TextScratch};
use crate::transform::input::FitColumn;
use crate::transform::parts::{Merge, Seen, SeenColumn};
use crate::transform::{Norm, Parameter};

/// In how many texts a term is.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(try_from = "Parameter", into = "Parameter")]
pub enum DocumentFrequency {
    /// In so many, at least 1.
    Count(usize),
    /// In this share of them, from 0 to 1.
    Fraction(f64),
}

impl DocumentFrequency {
    fn of(self, documents: usize) -> f64 {
        match self {
            Self::Count(count) => count as f64,
            Self::Fraction(share) => share * documents as f64,
        }
    }
}

impl TryFrom<Parameter> for DocumentFrequency {
    type Error = String;

    fn try_from(value: Parameter) -> Result<Self, String> {
        let share =
            |value: Parameter| value.into_value()?.as_f64().filter(|share| (0.0..=1.0).contains(share));
        let problem = value.is_not("a number of texts from 1 on, or a share of them from 0.0 to 1.0,");
        match value.as_count() {
            Some(count) => usize::try_from(count).ok().filter(|count| *count > 0).map(Self::Count),
            None => share(value).map(Self::Fraction),
        }
        .ok_or(problem)
    }
}

impl From<DocumentFrequency> for Parameter {
    fn from(frequency: DocumentFrequency) -> Self {
        match frequency {
            DocumentFrequency::Count(count) => count.into(),
            DocumentFrequency::Fraction(share) => share.into(),
        }
    }
}

/// Terms that are given and not learnt.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(try_from = "Parameter", into = "Parameter")]
pub(crate) struct Vocabulary(pub(crate) Vec<String>);

impl TryFrom<Parameter> for Vocabulary {
    type Error = String;

    fn try_from(value: Parameter) -> Result<Self, String> {
        texts(&value).map(Self).ok_or_else(|| value.is_not("a list of terms"))
    }
}

impl From<Vocabulary> for Parameter {
    fn from(vocabulary: Vocabulary) -> Self {
        vocabulary.0.into()
    }
}

/// Which terms are learnt.
pub(super) struct Learning<'a> {
    pub(super) analysis: Analysis,
    pub(super) binary: bool,
    pub(super) max_df: DocumentFrequency,
    pub(super) min_df: DocumentFrequency,
    pub(super) max_features: Option<usize>,
    pub(super) vocabulary: Option<&'a Vocabulary>,
    pub(super) operation: &'static str,
}

/// The terms of a column in their order, each with the number of texts that it is in.
pub(super) struct Learnt {
    pub(super) terms: Vec<String>,
    pub(super) documents: Vec<f64>,
}

#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Counts {
    /// The texts that it is in.
    documents: u64,
    /// How often it is there.
    occurrences: u64,
    /// One after the last row of the part at hand that it was in.
    #[serde(skip)]
    seen: usize,
}

/// What some texts of a column tell of the terms in them.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Terms(#[serde(serialize_with = "sorted")] HashMap<String, Counts>);

impl Merge for Terms {
    fn merge(self, other: Self) -> Self {
        let (mut all, few) = if self.0.len() < other.0.len() { (other, self) } else { (self, other) };
        for (term, counts) in few.0 {
            let own = all.0.entry(term).or_default();
            own.documents = own.documents.merge(counts.documents);
            own.occurrences = own.occurrences.merge(counts.occurrences);
        }
        all
    }
}

/// By their terms, so that equal counts have equal bytes.
fn sorted<S: Serializer>(counts: &HashMap<String, Counts>, serializer: S) -> Result<S::Ok, S::Error> {
    counts.iter().collect::<BTreeMap<_, _>>().serialize(serializer)
}

impl Learning<'_> {
    /// What some texts tell of the terms of each column.
    pub(super) fn part(&self, columns: &[FitColumn]) -> Result<Vec<Terms>> {
        self.check()?;
        documents::check(columns)?;
        columns.iter().map(|column| self.column(column)).collect()
    }

    /// The terms of each column that count.
    pub(super) fn finish(&self, part: Vec<Terms>, seen: &Seen) -> Result<Vec<Learnt>> {
        let learnt = |(Terms(counts), column): (Terms, SeenColumn<'_>)| match self.vocabulary {
            Some(Vocabulary(terms)) => {
                let documents =
                    |term: &String| counts.get(term).map_or(0.0, |counts| counts.documents as f64);
                Ok(Learnt { documents: terms.iter().map(documents).collect(), terms: terms.clone() })
            }
            None => self.limited(column, seen.rows(), counts),
        };
        part.into_iter().zip(seen.columns()).map(learnt).collect()
    }

    fn check(&self) -> Result<()> {
        let refused =
            |subject: &str, problem: &str| Err(Error::invalid_input(self.operation, subject, problem));
        if self.max_features == Some(0) {
            return refused("max_features", "at least one is needed");
        }
        let Some(Vocabulary(terms)) = self.vocabulary else { return Ok(()) };
        if terms.is_empty() {
            return refused("vocabulary", "it has no terms, and at least one is needed");
        }
        let mut seen = HashSet::new();
        match terms.iter().find(|term| !seen.insert(*term)) {
            Some(term) => refused("vocabulary", &format!("{term:?} is there twice")),
            None => Ok(()),
        }
    }

    fn column(&self, column: &FitColumn) -> Result<Terms> {
        let mut counts: HashMap<String, Counts> = HashMap::new();
        if let Some(Vocabulary(terms)) = self.vocabulary {
            counts.extend(terms.iter().map(|term| (term.clone(), Counts::default())));
        }
        let (mut lower, mut joined, mut bounds) = (String::new(), String::new(), Vec::new());
        let view = column.view()?;
        for row in 0..column.len() {
            if row % INTERRUPTED_EVERY == 0 {
                column.check()?;
            }
            let pieces = Pieces { text: &mut lower, joined: &mut joined, bounds: &mut bounds };
            self.analysis.each(view.text(row).unwrap_or_default(), pieces, |token| {
                match counts.get_mut(token) {
                    Some(counts) => counts.meet(row),
                    None if self.vocabulary.is_none() => {
                        counts.entry(token.to_owned()).or_default().meet(row);
                    }
                    None => {}
                }
            });
        }
        Ok(Terms(counts))
    }

    /// The terms that are neither too rare nor too common, sorted.
    fn limited(
        &self,
        column: SeenColumn<'_>,
        rows: usize,
        counts: HashMap<String, Counts>,
    ) -> Result<Learnt> {
        let refused = |problem: &str| column.error(self.operation, problem);
        if counts.is_empty() {
            return Err(refused("no text has a term: the vocabulary would be empty")
                .remedy("look whether all words are stop words, or shorter than the token_pattern wants"));
        }
        let (most, least) = (self.max_df.of(rows), self.min_df.of(rows));
        if most < least {
            let problem = format!("max_df is {most} texts, and min_df more, {least}");
            return Err(refused(&problem).remedy("lower min_df, or raise max_df"));
        }
        let mut kept: Vec<(String, Counts)> = counts
            .into_iter()
            .filter(|(_, counts)| (least..=most).contains(&(counts.documents as f64)))
            .collect();
        kept.sort_unstable_by(|(left, _), (right, _)| left.cmp(right));
        if let Some(max_features) = self.max_features.filter(|most| *most < kept.len()) {
            let often = |counts: &Counts| if self.binary { counts.documents } else { counts.occurrences };
            // The sort is stable: of equally frequent terms, the first in the alphabet are kept.
            kept.sort_by_key(|(_, counts)| std::cmp::Reverse(often(counts)));
            kept.truncate(max_features);
            kept.sort_unstable_by(|(left, _), (right, _)| left.cmp(right));
        }
        if kept.is_empty() {
            return Err(
                refused("no terms remain between min_df and max_df").remedy("lower min_df, or raise max_df")
            );
        }
        let (terms, documents) =
            kept.into_iter().map(|(term, counts)| (term, counts.documents as f64)).unzip();
        Ok(Learnt { terms, documents })
    }
}

impl Counts {
    fn meet(&mut self, row: usize) {
        self.occurrences += 1;
        self.documents += u64::from(self.seen != row + 1);
        self.seen = row + 1;
    }
}

/// How many texts are read before the caller is asked whether to go on.
const INTERRUPTED_EVERY: usize = 4096;

/// Counts the terms of a text, and weighs them.
#[derive(Debug)]
pub(super) struct CountTerms {
    pub(super) analysis: Analysis,
    pub(super) terms: Lookup,
    pub(super) binary: bool,
    pub(super) sublinear: bool,
    /// What a term weighs; none where all weigh the same.
    pub(super) weights: Option<Vec<f64>>,
    pub(super) norm: Option<Norm>,
}

impl TextKernel for CountTerms {
    fn apply(&self, row: &TextRow<'_>, scratch: &mut TextScratch) -> Result<(), Refused> {
        let text = row.text(0).ok_or(documents::MISSING)?;
        let TextScratch { text: lower, joined, bounds, features } = scratch;
        self.analysis.each(text, Pieces { text: lower, joined, bounds }, |token| {
            if let Some(position) = self.terms.text(token) {
                features.add(position, 1.0);
            }
        });
        features.add_up();
        for feature in features.iter_mut() {
            if self.binary {
                feature.value = 1.0;
            }
            if self.sublinear {
                feature.value = feature.value.ln() + 1.0;
            }
            if let Some(weights) = &self.weights {
                feature.value *= weights.get(feature.position as usize).copied().unwrap_or(f64::NAN);
            }
        }
        documents::normalize(features, self.norm);
        Ok(())
    }
}

/// The columns that count the terms of each column, which `kernel` makes of its place and its terms.
pub(super) fn lower(
    transformer: &str,
    builder: &mut ProgramBuilder,
    columns: &[Column],
    vocabularies: &[Vec<String>],
    kernel: impl Fn(usize, Lookup) -> Result<CountTerms>,
) -> Result<Vec<Column>> {
    if vocabularies.len() != columns.len() {
        return Err(Error::corrupt("compile plan", transformer, "columns and vocabularies differ in number"));
    }
    let mut features = Vec::new();
    for (position, (column, terms)) in columns.iter().zip(vocabularies).enumerate() {
        let lookup = Lookup::of_texts(terms.iter().map(String::as_str).zip(0..))
            .map_err(|cause| Error::corrupt("compile plan", transformer, cause.to_string()))?;
        let names = terms.iter().map(|term| documents::name(&column.name, term, columns.len())).collect();
        let column = std::slice::from_ref(column);
        features.extend(builder.read_texts(transformer, column, kernel(position, lookup)?, names)?);
    }
    Ok(features)
}

/// The parameters that say which terms are learnt, and how parts tell of them: `fitted` makes of the terms what was learnt.
macro_rules! vocabulary_methods {
    ($vectorizer:ident, $fitted:ident, $operation:expr) => {
        impl Parts for $vectorizer {
            type Part = Vec<Terms>;

            fn part(&self, training: &Training<'_>) -> Result<Vec<Terms>> {
                self.learning($operation)?.part(&input::columns(training, $operation)?)
            }

            fn merge(&self, left: Vec<Terms>, right: Vec<Terms>) -> Result<Vec<Terms>> {
                Ok(parts::merge_each(left, right))
            }

            fn finish(&self, part: Vec<Terms>, seen: &Seen) -> Result<$fitted> {
                let learnt = self.learning($operation)?.finish(part, seen)?;
                self.fitted(learnt, seen)
            }

            fn holds(&self, part: &Vec<Terms>, columns: usize) -> bool {
                part.len() == columns
            }
        }

        impl $vectorizer {
            /// Terms in more texts are left out. Default: none are, a share of 1.0.
            #[must_use]
            pub fn max_df(mut self, max_df: DocumentFrequency) -> Self {
                self.max_df = max_df;
                self
            }

            /// Terms in fewer texts are left out. Default: none are, a count of 1.
            #[must_use]
            pub fn min_df(mut self, min_df: DocumentFrequency) -> Self {
                self.min_df = min_df;
                self
            }

            /// The most terms of each column: those that are there most often, of equally frequent ones the first in the
            /// alphabet. Default: all.
            #[must_use]
            pub fn max_features(mut self, max_features: usize) -> Self {
                self.max_features = Some(max_features);
                self
            }

            /// The terms, in the order of their features, of every column. Default: they are learnt.
            #[must_use]
            pub fn vocabulary<T: Into<String>>(mut self, vocabulary: impl IntoIterator<Item = T>) -> Self {
                self.vocabulary = Some(Vocabulary(vocabulary.into_iter().map(Into::into).collect()));
                self
            }

            fn learning(&self, operation: &'static str) -> Result<Learning<'_>> {
                Ok(Learning {
                    analysis: self.analysis(operation)?,
                    binary: self.binary,
                    max_df: self.max_df,
                    min_df: self.min_df,
                    max_features: self.max_features,
                    vocabulary: self.vocabulary.as_ref(),
                    operation,
                })
            }
        }

        impl $fitted {
            /// The specification that was fitted.
            #[must_use]
            pub fn parameters(&self) -> &$vectorizer {
                &self.parameters
            }

            /// The terms of each column, in the order of their features (`vocabulary_`).
            #[must_use]
            pub fn vocabularies(&self) -> &[Vec<String>] {
                &self.vocabularies
            }
        }
    };
}
pub(super) use vocabulary_methods;

/// The terms of one column, or of each of several, as an attribute.
pub(super) fn attribute(vocabularies: &[Vec<String>]) -> crate::transform::Attribute {
    use mlcore::schema::DType;

    use crate::transform::Attribute;
    let own = |terms: &Vec<String>| Attribute::Values {
        dtype: DType::String,
        values: super::analysis::values(terms),
    };
    match vocabularies {
        [terms] => own(terms),
        several => Attribute::List(several.iter().map(own).collect()),
    }
}
