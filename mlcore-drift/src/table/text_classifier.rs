//! A classifier of texts by the characters that follow each other.

use mlcore::arrow::array::RecordBatch;
use mlcore::interrupt::{self, Pace};
use mlcore::stats::SplitMix64;
use mlcore::{Error, Result};
use serde::{Deserialize, Serialize};

use super::asked::{self, shared_options};
use super::auc::{Scored, dependence, pvalue};
use super::texts::{Texts, quoted, text_columns};
use super::{CompiledTableTest, Contribution, Reads, TableScore, TableTest};
use crate::catalog::TestOptions;
use crate::two_sample::{Effect, Note, Score};

/// A classifier of character n-grams that tells current texts from the reference's: for columns of text.
///
/// Naive Bayes over which runs of [`ngram`](Self::with_ngram) characters a text in lower case has learns which texts are current; the
/// statistic is the area under the ROC curve (AUC) of its scores for texts that it did not learn from,
/// [`folds`](Self::with_folds) times: 0.5 where nobody can tell. The interval is DeLong's (a [note](Note::Interval)); the
/// p-value is one-sided, of Mann and Whitney's ranks within each fold; both allow for models that have learnt from each other's
/// texts, as Nadeau and Bengio do. It works in every language, and where words are misspelled.
///
/// **On purpose.** Evidently trains a linear classifier of English words on half of the texts and calls an area drift that 95 % of
/// random scores do not reach, which is a p-value's rule without the p-value. Counts of n-grams need no iterations and no
/// library, learn from four fifths of the texts, and name what they saw. Where few whole words are new, words see more.
///
/// **Effect.** Twice the area's distance above one half (Gini): 0.1 is Evidently's absolute threshold, an area of 0.55.
/// **Columns.** A column's share is the part of that distance that is gone without it; a note has the n-grams that are more
/// frequent in one table.
///
/// Time and memory grow with the characters of at most [`max_rows`](Self::with_max_rows) texts of each table, drawn with the seed.
///
/// Source: Evidently 0.7.23, `text_content_drift`; C. D. Manning, P. Raghavan and H. Schuetze, "Introduction to Information
/// Retrieval", 13.3; areas are those of scikit-learn's `BernoulliNB`.
///
/// ```
/// use std::sync::Arc;
///
/// use mlcore::arrow::array::{RecordBatch, StringArray};
/// use mlcore_drift::table::{TableTest, TextClassifier};
///
/// let table = |noun: &'static str| {
///     let texts = StringArray::from_iter_values((0..100).map(|i| format!("the {noun} number {i}")));
///     RecordBatch::try_from_iter([("review", Arc::new(texts) as _)])
/// };
/// let score = TextClassifier::default().compare(&table("colour")?, &table("color")?)?.score;
/// assert!(score.statistic > 0.99 && score.pvalue.is_some_and(|p| p < 1e-9));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TextClassifier {
    #[serde(skip_serializing_if = "Option::is_none")]
    columns: Option<Vec<String>>,
    ngram: usize,
    folds: usize,
    max_rows: usize,
    seed: u64,
    minimum_effect: f64,
}

impl Default for TextClassifier {
    /// Runs of three characters tell languages and topics apart.
    fn default() -> Self {
        Self { columns: None, ngram: 3, folds: 5, max_rows: 2000, seed: 0, minimum_effect: 0.1 }
    }
}

shared_options! { TextClassifier: columns, max_rows, seed, minimum_effect }

impl TextClassifier {
    /// Sets how many characters are counted together, 1 to 8.
    #[must_use]
    pub fn with_ngram(mut self, characters: usize) -> Self {
        self.ngram = characters;
        self
    }

    /// Sets how many models are trained, each without one part of the texts, 2 to 20.
    #[must_use]
    pub fn with_folds(mut self, folds: usize) -> Self {
        self.folds = folds;
        self
    }
}

impl TableTest for TextClassifier {
    fn name(&self) -> &str {
        "text_classifier"
    }

    fn reads(&self) -> Reads {
        Reads::Texts
    }

    fn options(&self) -> Result<TestOptions> {
        TestOptions::of(self)
    }

    fn legend(&self) -> &str {
        "Text classifier: how well runs of characters tell current texts from the reference's, 0 for not at all and 1 for always; \
         0.1 is an area under the ROC curve of 0.55."
    }

    fn default_minimum_effect(&self) -> f64 {
        self.minimum_effect
    }

    fn compile(&self, reference: &RecordBatch) -> Result<Box<dyn CompiledTableTest>> {
        asked::require_rows(OPERATION, self.max_rows, MOST_ROWS, 2000)?;
        asked::require_size(OPERATION, "minimum_effect", self.minimum_effect, 0.1)?;
        for (option, value, range) in [("folds", self.folds, 2..=20), ("ngram", self.ngram, 1..=8)] {
            if !range.contains(&value) {
                let problem = format!("it is {value}; {} to {} are possible", range.start(), range.end());
                return Err(
                    Error::invalid_input(OPERATION, option, problem).remedy("leave it out for the default")
                );
            }
        }
        let asked = self.columns.as_ref();
        let columns = asked::columns(OPERATION, asked, reference, text_columns, "column of text")?;
        let mut random = SplitMix64::new(self.seed);
        let texts = Texts::read(OPERATION, "reference", reference, &columns, self.max_rows, &mut random)?;
        Ok(Box::new(Compiled { test: self.clone(), columns, texts }))
    }
}

#[derive(Debug)]
struct Compiled {
    test: TextClassifier,
    columns: Vec<String>,
    texts: Texts,
}

impl CompiledTableTest for Compiled {
    fn columns(&self) -> &[String] {
        &self.columns
    }

    fn compare(&self, current: &RecordBatch) -> Result<TableScore> {
        let mut random = SplitMix64::at(self.test.seed, 1 << 32);
        let texts =
            Texts::read(OPERATION, "current", current, &self.columns, self.test.max_rows, &mut random)?;
        for (side, texts) in [("reference", &self.texts), ("current", &texts)] {
            if texts.len() < 2 * self.test.folds {
                let problem =
                    format!("it has {} texts, and {} folds want two each", texts.len(), self.test.folds);
                return Err(Error::invalid_input(OPERATION, side, problem).remedy("gather more rows"));
            }
        }
        let mut grams = Grams::new(self.test.ngram, self.columns.len());
        let mut pace = Pace::default();
        for row in self.texts.rows.iter().chain(&texts.rows) {
            pace.check(OPERATION, 8 * row.iter().map(String::len).sum::<usize>())?;
            grams.add(row);
        }
        let n = self.texts.len();
        let scores = grams.scores(n, self.test.folds, &mut random)?;
        let area = Scored::pooled(&scores.whole).area(CONFIDENCE, dependence(self.test.folds));
        interrupt::check(OPERATION)?;
        let effect = (2.0 * area.auc - 1.0).max(0.0);
        let score = Score::new(area.auc, Effect::new("Gini", effect))
            .with_pvalue(pvalue(&scores.whole))
            .with_reference_len(n as u64)
            .with_current_len(texts.len() as u64)
            .with_notes([Note::Interval {
                of: "AUC".to_owned(),
                low: area.low,
                high: area.high,
                confidence: CONFIDENCE,
            }])
            .with_notes(grams.examples(n))
            .with_notes(asked::entered_notes(
                (n, texts.len()),
                (self.texts.complete, texts.complete),
                (self.texts.incomplete, texts.incomplete),
            ));
        let part = |(name, without): (&String, &Vec<Scored>)| {
            let without = if self.columns.len() == 1 {
                0.5
            } else {
                Scored::pooled(without).area(CONFIDENCE, dependence(self.test.folds)).auc
            };
            let share =
                if effect > 0.0 { ((area.auc - without) / (area.auc - 0.5)).clamp(0.0, 1.0) } else { 0.0 };
            Contribution::new(name, share)
        };
        let parts: Vec<Contribution> = self.columns.iter().zip(&scores.without).map(part).collect();
        interrupt::check(OPERATION)?;
        Ok(TableScore::new(score, parts))
    }
}

/// The n-grams of texts, each once per text, by the place that its hash has in a table of fixed size.
struct Grams {
    ngram: usize,
    columns: usize,
    /// For each text and column the places.
    texts: Vec<Vec<Vec<u32>>>,
    /// For each place the first n-gram that had it.
    names: Vec<Option<Box<str>>>,
}

/// The logarithm of the odds that a text is current.
struct Weights {
    /// What each n-gram that the text has adds.
    present: Vec<f64>,
    /// The odds of a text without any.
    absent: f64,
}

/// Scores by fold, with all columns, and without each of them.
struct FoldScores {
    whole: Vec<Scored>,
    without: Vec<Vec<Scored>>,
}

impl Grams {
    fn new(ngram: usize, columns: usize) -> Self {
        Self { ngram, columns, texts: Vec::new(), names: vec![None; PLACES * columns] }
    }

    fn add(&mut self, row: &[String]) {
        let mut of_row = Vec::with_capacity(row.len());
        for (column, text) in row.iter().enumerate() {
            // Begin and end of a text are characters, too.
            let chars: Vec<char> =
                [' '].into_iter().chain(text.chars().flat_map(char::to_lowercase)).chain([' ']).collect();
            let mut places = Vec::with_capacity(chars.len());
            for gram in chars.windows(self.ngram.min(chars.len())) {
                let place = column * PLACES + hash(gram) as usize % PLACES;
                if let Some(name @ None) = self.names.get_mut(place) {
                    *name = Some(gram.iter().collect::<String>().into());
                }
                places.push(place as u32);
            }
            places.sort_unstable();
            places.dedup();
            of_row.push(places);
        }
        self.texts.push(of_row);
    }

    /// In how many of the chosen texts each n-gram stands.
    fn counts(&self, chosen: impl Iterator<Item = usize>) -> Vec<u32> {
        let mut counts = vec![0_u32; PLACES * self.columns];
        for place in chosen.filter_map(|text| self.texts.get(text)).flatten().flatten() {
            counts[*place as usize] += 1;
        }
        counts
    }

    fn scores(&self, n: usize, folds: usize, random: &mut SplitMix64) -> Result<FoldScores> {
        let mut fold_of = vec![0; self.texts.len()];
        for range in [0..n, n..self.texts.len()] {
            let mut order: Vec<usize> = range.collect();
            random.shuffle(&mut order);
            order.into_iter().enumerate().for_each(|(place, text)| fold_of[text] = place % folds);
        }
        let mut scores = FoldScores { whole: Vec::new(), without: vec![Vec::new(); self.columns] };
        for fold in 0..folds {
            interrupt::check(OPERATION)?;
            let learnt = |current: bool| {
                let all = fold_of.iter().enumerate();
                all.filter(move |(text, part)| **part != fold && (*text >= n) == current)
                    .map(|(text, _)| text)
            };
            let (before, after) = (self.counts(learnt(false)), self.counts(learnt(true)));
            let texts = [false, true].map(|current| learnt(current).count() as f64);
            let weights = self.weights(&before, &after, texts);
            let weight = |place: &u32| weights.present[*place as usize];
            let (mut whole, mut without) = (Scored::default(), vec![Scored::default(); self.columns]);
            for (text, _) in fold_of.iter().enumerate().filter(|(_, part)| **part == fold) {
                let by_column: Vec<f64> =
                    self.texts[text].iter().map(|places| places.iter().map(weight).sum()).collect();
                let sum: f64 = weights.absent + by_column.iter().sum::<f64>();
                let add = |scored: &mut Scored, score: f64| match text >= n {
                    true => scored.current.push(score),
                    false => scored.reference.push(score),
                };
                add(&mut whole, sum);
                without
                    .iter_mut()
                    .zip(by_column)
                    .for_each(|(scored, of_column)| add(scored, sum - of_column));
            }
            scores.whole.push(whole);
            scores.without.iter_mut().zip(without).for_each(|(all, scored)| all.push(scored));
        }
        Ok(scores)
    }

    /// What each n-gram says, of how often it stands in so many texts of both tables.
    fn weights(&self, before: &[u32], after: &[u32], texts: [f64; 2]) -> Weights {
        let mut weights = Weights { present: vec![0.0; self.names.len()], absent: 0.0 };
        let counts = before.iter().zip(after).zip(&self.names).zip(&mut weights.present);
        for (((before, after), _), weight) in counts.filter(|((_, name), _)| name.is_some()) {
            // Half a text with it and half a text without it are added.
            let share = |count: u32, texts: f64| (f64::from(count) + 0.5) / (texts + 1.0);
            let (a, b) = (share(*before, texts[0]), share(*after, texts[1]));
            let without = ((1.0 - b) / (1.0 - a)).ln();
            weights.absent += without;
            *weight = (b / a).ln() - without;
        }
        weights
    }

    /// The n-grams that are surest to be more frequent in one of the tables.
    fn examples(&self, n: usize) -> Vec<Note> {
        let (before, after) = (self.counts(0..n), self.counts(n..self.texts.len()));
        let (n, m) = (n as f64, (self.texts.len() - n) as f64);
        let z = |place: usize| {
            let (a, b) = (f64::from(before[place]), f64::from(after[place]));
            let share = (a + b) / (n + m);
            (b / m - a / n) / (share * (1.0 - share) * (1.0 / n + 1.0 / m)).sqrt().max(f64::MIN_POSITIVE)
        };
        let named =
            self.names.iter().enumerate().filter_map(|(place, name)| Some((z(place), name.as_deref()?)));
        let mut named: Vec<_> = named.collect();
        named.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(b.1)));
        let take = |more: &[(f64, &str)]| -> Vec<String> {
            more.iter().map(|(_, name)| (*name).to_owned()).collect()
        };
        let most = |examples: Vec<String>, words: &str| {
            (!examples.is_empty()).then(|| Note::Remark { text: format!("{words}: {}", quoted(&examples)) })
        };
        let sure = |z: &f64| z.abs() >= SURE;
        let current: Vec<_> =
            named.iter().take(MOST_EXAMPLES).filter(|(z, _)| *z > 0.0 && sure(z)).copied().collect();
        let reference: Vec<_> =
            named.iter().rev().take(MOST_EXAMPLES).filter(|(z, _)| *z < 0.0 && sure(z)).copied().collect();
        [most(take(&current), "more frequent now"), most(take(&reference), "less frequent now")]
            .into_iter()
            .flatten()
            .collect()
    }
}

/// FNV-1a of the characters.
fn hash(gram: &[char]) -> u64 {
    let step = |hash: u64, char: &char| (hash ^ u64::from(u32::from(*char))).wrapping_mul(0x0100_0000_01b3);
    let hash = gram.iter().fold(0xcbf2_9ce4_8422_2325, step);
    hash ^ (hash >> 32)
}

const OPERATION: &str = "compare with text_classifier";
const MOST_ROWS: usize = 1_000_000;
/// More than all languages of an alphabet have n-grams of three; what shares a place is counted together.
const PLACES: usize = 1 << 17;
const CONFIDENCE: f64 = 0.95;
const MOST_EXAMPLES: usize = 5;
/// Standard errors by which shares differ of n-grams that are named.
const SURE: f64 = 3.0;
