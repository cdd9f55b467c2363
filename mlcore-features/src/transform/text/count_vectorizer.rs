use mlcore::arrow::array::RecordBatch;
use mlcore::schema::Schema;
use mlcore::{Error, Result};
use serde::{Deserialize, Serialize};

use super::analysis::{Analysis, Analyzer, Cutting, StopWords, StripAccents, TokenPattern, cutting_methods};
use super::vocabulary::{
    CountTerms, DocumentFrequency, Learning, Learnt, Terms, Vocabulary, attribute, lower, vocabulary_methods,
};
use crate::program::Lower;
use crate::program::builder::{Column, ProgramBuilder};
use crate::transform::parts::{self, Parts, Seen};
use crate::transform::{Attributes, Fit, Training, Transform, input, inverse};

/// One feature per term: how often it is in a text.
///
/// Takes columns of text, each with a vocabulary of its own. Features are named by their terms; of several columns, behind the
/// column's name and `__`. A missing text is refused, and a term that fitting has not seen counts nowhere. The result is dense:
/// `max_features` and `min_df` keep it small.
///
/// Source: scikit-learn, `CountVectorizer`; which of equally frequent terms `max_features` keeps is left open there.
///
/// ```
/// use std::sync::Arc;
///
/// use mlcore::arrow::array::{AsArray, RecordBatch, StringArray};
/// use mlcore::arrow::datatypes::Float64Type;
/// use mlcore_features::transform::{CountVectorizer, Fit, Transform};
///
/// let notes = Arc::new(StringArray::from(vec!["To be or not to be", "Not now"]));
/// let table = RecordBatch::try_from_iter([("note", notes as _)]).unwrap();
/// let (fitted, counts) = CountVectorizer::default().fit_transform(&table)?;
/// assert_eq!(fitted.feature_names_out()?, ["be", "not", "now", "or", "to"]);
/// assert_eq!(counts.column(0).as_primitive::<Float64Type>().values(), &[2.0, 0.0]);
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CountVectorizer {
    strip_accents: Option<StripAccents>,
    lowercase: bool,
    stop_words: Option<StopWords>,
    token_pattern: TokenPattern,
    ngram_range: (usize, usize),
    analyzer: Analyzer,
    max_df: DocumentFrequency,
    min_df: DocumentFrequency,
    max_features: Option<usize>,
    vocabulary: Option<Vocabulary>,
    binary: bool,
}

impl Default for CountVectorizer {
    fn default() -> Self {
        Self {
            strip_accents: None,
            lowercase: true,
            stop_words: None,
            token_pattern: TokenPattern::default(),
            ngram_range: (1, 1),
            analyzer: Analyzer::Word,
            max_df: DocumentFrequency::Fraction(1.0),
            min_df: DocumentFrequency::Count(1),
            max_features: None,
            vocabulary: None,
            binary: false,
        }
    }
}

cutting_methods!(CountVectorizer);
vocabulary_methods!(CountVectorizer, FittedCountVectorizer, OPERATION);

const OPERATION: &str = "fit CountVectorizer";

impl Fit for CountVectorizer {
    type Fitted = FittedCountVectorizer;

    fn learn(&self, training: &Training<'_>) -> Result<FittedCountVectorizer> {
        parts::whole(self, training)
    }
}

impl CountVectorizer {
    fn fitted(&self, learnt: Vec<Learnt>, seen: &Seen) -> Result<FittedCountVectorizer> {
        Ok(FittedCountVectorizer {
            parameters: self.clone(),
            input: seen.schema()?,
            vocabularies: learnt.into_iter().map(|learnt| learnt.terms).collect(),
        })
    }
}

/// A [`CountVectorizer`] that has seen its data.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FittedCountVectorizer {
    parameters: CountVectorizer,
    input: Schema,
    vocabularies: Vec<Vec<String>>,
}

impl Transform for FittedCountVectorizer {
    fn attributes(&self) -> Attributes {
        vec![("vocabulary_", attribute(&self.vocabularies))]
    }

    fn inverse_transform(&self, _: &RecordBatch) -> Result<RecordBatch> {
        Err(Error::unsupported(inverse::OPERATION, "CountVectorizer", "the order of the terms is gone")
            .remedy("keep the column beside its features, with a ColumnTransformer"))
    }
}

impl Lower for FittedCountVectorizer {
    fn schema(&self) -> &Schema {
        &self.input
    }

    fn lower(&self, builder: &mut ProgramBuilder, columns: Vec<Column>) -> Result<Vec<Column>> {
        lower("CountVectorizer", builder, &columns, &self.vocabularies, |_, terms| {
            Ok(CountTerms {
                analysis: self.parameters.analysis("compile plan")?,
                terms,
                binary: self.parameters.binary,
                sublinear: false,
                weights: None,
                norm: None,
            })
        })
    }
}
