use mlcore::arrow::array::RecordBatch;
use mlcore::schema::Schema;
use mlcore::{Error, Result};
use serde::{Deserialize, Serialize};

use super::analysis::{Analysis, Analyzer, Cutting, StopWords, StripAccents, TokenPattern, cutting_methods};
use super::documents;
use super::vocabulary::{
    CountTerms, DocumentFrequency, Learning, Learnt, Terms, Vocabulary, attribute, lower, vocabulary_methods,
};
use crate::program::Lower;
use crate::program::builder::{Column, ProgramBuilder};
use crate::transform::parts::{self, Parts, Seen};
use crate::transform::{Attribute, Attributes, Fit, Norm, Training, Transform, input, inverse};

/// One feature per term: how often it is in a text, and the more the fewer texts it is in.
///
/// A term that is in `d` of `n` texts weighs `ln((n + 1) / (d + 1)) + 1`, or `ln(n / d) + 1` without smoothing; the features of a
/// text are divided by their norm. Takes columns of text as [`CountVectorizer`](crate::transform::CountVectorizer) does, with
/// its names.
///
/// Source: scikit-learn, `TfidfVectorizer`; which of equally frequent terms `max_features` keeps is left open there.
///
/// ```
/// use std::sync::Arc;
///
/// use mlcore::arrow::array::{AsArray, RecordBatch, StringArray};
/// use mlcore::arrow::datatypes::Float64Type;
/// use mlcore_features::transform::{Fit, TfidfVectorizer};
///
/// let notes = Arc::new(StringArray::from(vec!["red apple", "red pear"]));
/// let table = RecordBatch::try_from_iter([("note", notes as _)]).unwrap();
/// let (fitted, features) = TfidfVectorizer::default().fit_transform(&table)?;
/// assert_eq!(fitted.vocabularies()[0], ["apple", "pear", "red"]);
/// let first = |term: usize| features.column(term).as_primitive::<Float64Type>().value(0);
/// assert!(first(0) > first(2) && first(1) == 0.0);
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TfidfVectorizer {
    strip_accents: Option<StripAccents>,
    lowercase: bool,
    analyzer: Analyzer,
    stop_words: Option<StopWords>,
    token_pattern: TokenPattern,
    ngram_range: (usize, usize),
    max_df: DocumentFrequency,
    min_df: DocumentFrequency,
    max_features: Option<usize>,
    vocabulary: Option<Vocabulary>,
    binary: bool,
    norm: Option<Norm>,
    use_idf: bool,
    smooth_idf: bool,
    sublinear_tf: bool,
}

impl Default for TfidfVectorizer {
    fn default() -> Self {
        Self {
            strip_accents: None,
            lowercase: true,
            analyzer: Analyzer::Word,
            stop_words: None,
            token_pattern: TokenPattern::default(),
            ngram_range: (1, 1),
            max_df: DocumentFrequency::Fraction(1.0),
            min_df: DocumentFrequency::Count(1),
            max_features: None,
            vocabulary: None,
            binary: false,
            norm: Some(Norm::L2),
            use_idf: true,
            smooth_idf: true,
            sublinear_tf: false,
        }
    }
}

cutting_methods!(TfidfVectorizer);
vocabulary_methods!(TfidfVectorizer, FittedTfidfVectorizer, OPERATION);

impl TfidfVectorizer {
    /// By which norm the features of a text are divided: [`Norm::L1`], [`Norm::L2`] or none. Default: [`Norm::L2`].
    #[must_use]
    pub fn norm(mut self, norm: Option<Norm>) -> Self {
        self.norm = norm;
        self
    }

    /// Whether terms weigh the more the fewer texts they are in. Default: true.
    #[must_use]
    pub fn use_idf(mut self, use_idf: bool) -> Self {
        self.use_idf = use_idf;
        self
    }

    /// Whether weights are computed as if one more text held every term, so that none is infinite. Default: true.
    #[must_use]
    pub fn smooth_idf(mut self, smooth_idf: bool) -> Self {
        self.smooth_idf = smooth_idf;
        self
    }

    /// Whether a term that is there `t` times counts `1 + ln t`. Default: false.
    #[must_use]
    pub fn sublinear_tf(mut self, sublinear_tf: bool) -> Self {
        self.sublinear_tf = sublinear_tf;
        self
    }

    fn weights(&self, documents: usize, of_terms: &[f64]) -> Vec<f64> {
        let more = f64::from(u8::from(self.smooth_idf));
        let all = documents as f64 + more;
        of_terms.iter().map(|own| (all / (own + more)).ln() + 1.0).collect()
    }
}

const OPERATION: &str = "fit TfidfVectorizer";

impl Fit for TfidfVectorizer {
    type Fitted = FittedTfidfVectorizer;

    fn learn(&self, training: &Training<'_>) -> Result<FittedTfidfVectorizer> {
        documents::check_norm(self.norm, OPERATION)?;
        parts::whole(self, training)
    }
}

impl TfidfVectorizer {
    fn fitted(&self, learnt: Vec<Learnt>, seen: &Seen) -> Result<FittedTfidfVectorizer> {
        documents::check_norm(self.norm, OPERATION)?;
        let weights = |learnt: &Learnt| self.weights(seen.rows(), &learnt.documents);
        Ok(FittedTfidfVectorizer {
            parameters: self.clone(),
            input: seen.schema()?,
            idf: self.use_idf.then(|| learnt.iter().flat_map(weights).collect()),
            vocabularies: learnt.into_iter().map(|learnt| learnt.terms).collect(),
        })
    }
}

/// A [`TfidfVectorizer`] that has seen its data.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FittedTfidfVectorizer {
    parameters: TfidfVectorizer,
    input: Schema,
    vocabularies: Vec<Vec<String>>,
    /// Those of the columns one after another.
    #[serde(with = "mlcore::exact")]
    idf: Option<Vec<f64>>,
}

impl FittedTfidfVectorizer {
    /// What each term of a column weighs (`idf_`); `None` without `use_idf`, and for a column that is not there.
    #[must_use]
    pub fn idf(&self, column: usize) -> Option<&[f64]> {
        let width = self.vocabularies.get(column)?.len();
        let start = self.vocabularies.iter().take(column).map(Vec::len).sum::<usize>();
        self.idf.as_ref()?.get(start..start.checked_add(width)?)
    }
}

impl Transform for FittedTfidfVectorizer {
    fn attributes(&self) -> Attributes {
        let idf = match (&self.idf, self.vocabularies.len()) {
            (None, _) => Attribute::None,
            (Some(idf), 1) => idf.as_slice().into(),
            (Some(_), columns) => {
                Attribute::List((0..columns).map(|column| self.idf(column).into()).collect())
            }
        };
        vec![("vocabulary_", attribute(&self.vocabularies)), ("idf_", idf)]
    }

    fn inverse_transform(&self, _: &RecordBatch) -> Result<RecordBatch> {
        Err(Error::unsupported(inverse::OPERATION, "TfidfVectorizer", "the order of the terms is gone")
            .remedy("keep the column beside its features, with a ColumnTransformer"))
    }
}

impl Lower for FittedTfidfVectorizer {
    fn schema(&self) -> &Schema {
        &self.input
    }

    fn lower(&self, builder: &mut ProgramBuilder, columns: Vec<Column>) -> Result<Vec<Column>> {
        let own = &self.parameters;
        lower("TfidfVectorizer", builder, &columns, &self.vocabularies, |column, terms| {
            let weights = match (own.use_idf, self.idf(column)) {
                (false, _) => None,
                (true, Some(weights)) => Some(weights.to_vec()),
                (true, None) => {
                    let problem = "it has fewer weights than terms";
                    return Err(Error::corrupt("compile plan", "TfidfVectorizer", problem));
                }
            };
            Ok(CountTerms {
                analysis: own.analysis("compile plan")?,
                terms,
                binary: own.binary,
                sublinear: own.sublinear_tf,
                weights,
                norm: own.norm,
            })
        })
    }
}
