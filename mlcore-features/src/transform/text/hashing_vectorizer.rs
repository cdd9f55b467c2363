use mlcore::arrow::array::RecordBatch;
use mlcore::schema::Schema;
use mlcore::{Error, Result};
use serde::{Deserialize, Serialize};

use super::analysis::{
    Analysis, Analyzer, Cutting, Pieces, StopWords, StripAccents, TokenPattern, cutting_methods,
};
use super::{documents, murmur};
use crate::program::Lower;
use crate::program::builder::{Column, ProgramBuilder};
use crate::program::text::{Refused, TextKernel, TextRow, TextScratch};
use crate::transform::{Attributes, Fit, Norm, Training, Transform, input, inverse};

/// Counts the tokens of a text by their hashes: a vocabulary is neither learnt nor stored.
///
/// Takes columns of text, each with features of its own. They are named `hashingvectorizer0` and on; of several columns, behind the
/// column's name and `__`. A missing text is refused. Rows are dense unless a plan is asked
/// for sparse ones ([`Plan::transform_sparse`](crate::pipeline::Plan::transform_sparse)): that is why `n_features` is 1024
/// here, where scikit-learn's sparse rows have 2^20, which is the most.
///
/// Source: scikit-learn, `HashingVectorizer`, with MurmurHash3 of 32 bits.
///
/// ```
/// use std::sync::Arc;
///
/// use mlcore::arrow::array::{AsArray, RecordBatch, StringArray};
/// use mlcore::arrow::datatypes::Float64Type;
/// use mlcore_features::transform::{Fit, HashingVectorizer};
///
/// let notes = Arc::new(StringArray::from(vec!["to be or not to be", ""]));
/// let table = RecordBatch::try_from_iter([("note", notes as _)]).unwrap();
/// let (_, features) = HashingVectorizer::default().n_features(4).norm(None).fit_transform(&table)?;
/// let counts = |column: usize| features.column(column).as_primitive::<Float64Type>().value(0);
/// assert_eq!([counts(0), counts(1), counts(2), counts(3)], [1.0, 0.0, -2.0, 3.0]);
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HashingVectorizer {
    strip_accents: Option<StripAccents>,
    lowercase: bool,
    stop_words: Option<StopWords>,
    token_pattern: TokenPattern,
    ngram_range: (usize, usize),
    analyzer: Analyzer,
    n_features: usize,
    binary: bool,
    norm: Option<Norm>,
    alternate_sign: bool,
}

impl Default for HashingVectorizer {
    fn default() -> Self {
        Self {
            strip_accents: None,
            lowercase: true,
            stop_words: None,
            token_pattern: TokenPattern::default(),
            ngram_range: (1, 1),
            analyzer: Analyzer::Word,
            // 8 KiB a row: some collisions, and no memory to speak of.
            n_features: 1024,
            binary: false,
            norm: Some(Norm::L2),
            alternate_sign: true,
        }
    }
}

cutting_methods!(HashingVectorizer);

impl HashingVectorizer {
    /// The number of features of each column, from 1 to 1,048,576 (2^20). Default: 1024.
    #[must_use]
    pub fn n_features(mut self, n_features: usize) -> Self {
        self.n_features = n_features;
        self
    }

    /// By which norm the features of a text are divided: [`Norm::L1`], [`Norm::L2`] or none. Default: [`Norm::L2`].
    #[must_use]
    pub fn norm(mut self, norm: Option<Norm>) -> Self {
        self.norm = norm;
        self
    }

    /// Whether a hash also says whether a token is added or taken away, so that tokens that share a feature cancel out on
    /// average. Default: true.
    #[must_use]
    pub fn alternate_sign(mut self, alternate_sign: bool) -> Self {
        self.alternate_sign = alternate_sign;
        self
    }
}

const OPERATION: &str = "fit HashingVectorizer";

impl Fit for HashingVectorizer {
    type Fitted = FittedHashingVectorizer;

    fn learn(&self, training: &Training<'_>) -> Result<FittedHashingVectorizer> {
        documents::width(self.n_features, OPERATION)?;
        documents::check_norm(self.norm, OPERATION)?;
        self.analysis(OPERATION)?;
        let columns = input::columns(training, OPERATION)?;
        documents::check(&columns)?;
        Ok(FittedHashingVectorizer { parameters: self.clone(), input: input::schema(&columns)? })
    }
}

crate::transform::parts::columns_only!(HashingVectorizer, FittedHashingVectorizer);

/// A [`HashingVectorizer`] that has seen its columns.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FittedHashingVectorizer {
    parameters: HashingVectorizer,
    input: Schema,
}

impl FittedHashingVectorizer {
    /// The specification that was fitted.
    #[must_use]
    pub fn parameters(&self) -> &HashingVectorizer {
        &self.parameters
    }
}

impl Transform for FittedHashingVectorizer {
    fn attributes(&self) -> Attributes {
        Attributes::new()
    }

    fn inverse_transform(&self, _: &RecordBatch) -> Result<RecordBatch> {
        Err(Error::unsupported(inverse::OPERATION, "HashingVectorizer", "a hash does not tell its text")
            .remedy("keep the column beside its features, with a ColumnTransformer"))
    }
}

impl Lower for FittedHashingVectorizer {
    fn schema(&self) -> &Schema {
        &self.input
    }

    fn lower(&self, builder: &mut ProgramBuilder, columns: Vec<Column>) -> Result<Vec<Column>> {
        let own = &self.parameters;
        let width = documents::width(own.n_features, "compile plan")?;
        let mut features = Vec::new();
        for column in &columns {
            let name = |feature| {
                documents::name(&column.name, &format!("hashingvectorizer{feature}"), columns.len())
            };
            let kernel = HashTokens {
                analysis: own.analysis("compile plan")?,
                width,
                alternate_sign: own.alternate_sign,
                binary: own.binary,
                norm: own.norm,
            };
            let column = std::slice::from_ref(column);
            features.extend(builder.read_texts(
                "HashingVectorizer",
                column,
                kernel,
                (0..width).map(name).collect(),
            )?);
        }
        Ok(features)
    }
}

/// Counts tokens by their hashes.
#[derive(Debug)]
struct HashTokens {
    analysis: Analysis,
    width: u32,
    alternate_sign: bool,
    binary: bool,
    norm: Option<Norm>,
}

impl TextKernel for HashTokens {
    fn apply(&self, row: &TextRow<'_>, scratch: &mut TextScratch) -> Result<(), Refused> {
        let text = row.text(0).ok_or(documents::MISSING)?;
        let TextScratch { text: lower, joined, bounds, features } = scratch;
        self.analysis.each(text, Pieces { text: lower, joined, bounds }, |token| {
            let (position, sign) = murmur::bucket(token, self.width, self.alternate_sign);
            features.add(position, sign);
        });
        features.add_up();
        if self.binary {
            // Those that cancelled each other out are there, too.
            features.iter_mut().for_each(|feature| feature.value = 1.0);
        }
        documents::normalize(features, self.norm);
        Ok(())
    }
}
