//! Words that the reference does not have.

use std::collections::{HashMap, HashSet};

use mlcore::Result;
use mlcore::arrow::array::RecordBatch;
use mlcore::interrupt::{self, Pace};
use mlcore::stats::SplitMix64;
use serde::{Deserialize, Serialize};

use super::asked::{self, ROUNDING, shared_options};
use super::texts::{Texts, quoted, text_columns, words};
use super::{CompiledTableTest, Contribution, Reads, TableScore, TableTest};
use crate::catalog::TestOptions;
use crate::two_sample::{Effect, Note, Score};

/// The share of words that are out of the reference's vocabulary: for columns of text.
///
/// The statistic is the mean, over current texts, of the share of their words that no text of the reference has; of several
/// columns that of the one where it rose most. Words are letters and digits in lower case, as in Evidently, and of all scripts.
///
/// **On purpose.** Evidently asks an English dictionary that it downloads; here the vocabulary is the reference's, so that
/// names, codes and other languages are known, and nothing is downloaded. What the reference lacks by chance is measured, not
/// assumed: for each of its texts, the share of words that no *other* text of it has.
///
/// **p-value.** One-sided and exact, of [`permutations`](Self::with_permutations) random exchanges of texts, each with the vocabulary
/// that the reference then has; of several columns the sum of their mean shares counts.
///
/// **Effect.** How much larger the mean share is than that of the reference's own texts: 0.05 is one word in twenty. **Columns.**
/// A column's share is its part of the sum of these; a note has the most frequent new words.
///
/// Time and memory grow with the words of at most [`max_rows`](Self::with_max_rows) texts of each table, drawn with the seed.
///
/// Source: Evidently 0.7.23, `OOVWordsPercentage`.
///
/// ```
/// use std::sync::Arc;
///
/// use mlcore::arrow::array::{RecordBatch, StringArray};
/// use mlcore_drift::table::{TableTest, TextVocabulary};
///
/// let table = |last: &'static str| {
///     let texts = StringArray::from_iter_values((0..100).map(|i| format!("{} {last}", ["good", "bad"][i % 2])));
///     RecordBatch::try_from_iter([("review", Arc::new(texts) as _)])
/// };
/// let score = TextVocabulary::default().compare(&table("service")?, &table("servicio")?)?.score;
/// assert!(score.statistic == 0.5 && score.notes[0].to_string().contains("servicio"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TextVocabulary {
    #[serde(skip_serializing_if = "Option::is_none")]
    columns: Option<Vec<String>>,
    max_rows: usize,
    permutations: usize,
    seed: u64,
    minimum_effect: f64,
}

impl Default for TextVocabulary {
    /// 5,000 texts know most words that are not rare; one new word in twenty is what readers notice.
    fn default() -> Self {
        Self { columns: None, max_rows: 5000, permutations: 199, seed: 0, minimum_effect: 0.05 }
    }
}

shared_options! { TextVocabulary: columns, max_rows, permutations, seed, minimum_effect }

impl TableTest for TextVocabulary {
    fn name(&self) -> &str {
        "text_vocabulary"
    }

    fn reads(&self) -> Reads {
        Reads::Texts
    }

    fn options(&self) -> Result<TestOptions> {
        TestOptions::of(self)
    }

    fn legend(&self) -> &str {
        "Vocabulary: by how much the share of words that other texts of the reference do not have rose; 0.05 is one word in \
         twenty."
    }

    fn default_minimum_effect(&self) -> f64 {
        self.minimum_effect
    }

    fn compile(&self, reference: &RecordBatch) -> Result<Box<dyn CompiledTableTest>> {
        asked::require_rows(OPERATION, self.max_rows, MOST_ROWS, 5000)?;
        asked::require_permutations(OPERATION, self.permutations)?;
        asked::require_size(OPERATION, "minimum_effect", self.minimum_effect, 0.05)?;
        let asked = self.columns.as_ref();
        let columns = asked::columns(OPERATION, asked, reference, text_columns, "column of text")?;
        let mut random = SplitMix64::new(self.seed);
        let texts = Texts::read(OPERATION, "reference", reference, &columns, self.max_rows, &mut random)?;
        let known = (0..columns.len()).map(|place| Vocabulary::of(&texts, place)).collect();
        interrupt::check(OPERATION)?;
        Ok(Box::new(Compiled { test: self.clone(), columns, known, texts }))
    }
}

#[derive(Debug)]
struct Compiled {
    test: TextVocabulary,
    columns: Vec<String>,
    known: Vec<Vocabulary>,
    texts: Texts,
}

/// The words of one column.
#[derive(Debug)]
struct Vocabulary {
    /// In how many texts each word stands.
    texts: HashMap<String, u32>,
    /// For each text, the share of its words that no other one has.
    alone: Vec<f64>,
}

impl Vocabulary {
    fn of(texts: &Texts, place: usize) -> Self {
        let written = |row: &Vec<String>| row.get(place).map(|text| words(text)).unwrap_or_default();
        let mut counts: HashMap<String, u32> = HashMap::new();
        for row in interrupt::paced(&texts.rows) {
            for word in written(row).into_iter().collect::<HashSet<_>>() {
                *counts.entry(word).or_default() += 1;
            }
        }
        let alone = interrupt::paced(&texts.rows)
            .map(|row| share(&written(row), |word| counts.get(word) == Some(&1)));
        let alone = alone.collect();
        Self { texts: counts, alone }
    }
}

impl Vocabulary {
    /// For each text the share of its words that are not known, and how often each of these words stands in a text.
    fn missed(&self, texts: &Texts, place: usize) -> (Vec<f64>, HashMap<String, usize>) {
        let mut fresh: HashMap<String, usize> = HashMap::new();
        let mut shares = Vec::with_capacity(texts.len());
        for row in interrupt::paced(&texts.rows) {
            let written = row.get(place).map(|text| words(text)).unwrap_or_default();
            shares.push(share(&written, |word| !self.texts.contains_key(word)));
            for word in written.into_iter().filter(|word| !self.texts.contains_key(word)) {
                *fresh.entry(word).or_default() += 1;
            }
        }
        (shares, fresh)
    }
}

/// The share of words of which this is true; 0 of none, as in Evidently.
fn share(words: &[String], is: impl Fn(&String) -> bool) -> f64 {
    words.iter().filter(|word| is(word)).count() as f64 / words.len().max(1) as f64
}

impl CompiledTableTest for Compiled {
    fn columns(&self) -> &[String] {
        &self.columns
    }

    fn compare(&self, current: &RecordBatch) -> Result<TableScore> {
        let mut random = SplitMix64::at(self.test.seed, 1 << 32);
        let texts =
            Texts::read(OPERATION, "current", current, &self.columns, self.test.max_rows, &mut random)?;
        let (mut found, mut parts, mut new) = ((0.0, -1.0), Vec::new(), Vec::new());
        for (place, (name, known)) in self.columns.iter().zip(&self.known).enumerate() {
            let (of_column, fresh) = known.missed(&texts, place);
            interrupt::check(OPERATION)?;
            let excess = mean(&of_column) - mean(&known.alone);
            if excess > found.1 {
                found = (mean(&of_column), excess);
            }
            parts.push((name, excess.max(0.0)));
            new.extend(fresh);
        }
        let mut score = Score::new(found.0, Effect::new("new words", found.1.max(0.0)))
            .with_reference_len(self.texts.len() as u64)
            .with_current_len(texts.len() as u64);
        if self.test.permutations > 0 {
            score = score.with_pvalue(self.pvalue(&texts, &mut random)?);
        }
        new.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        let examples: Vec<String> = new.iter().take(MOST_EXAMPLES).map(|(word, _)| word.clone()).collect();
        if !examples.is_empty() {
            let text = format!("new words, {} of them: {}", new.len(), quoted(&examples));
            score = score.with_notes([Note::Remark { text }]);
        }
        score = score.with_notes(asked::entered_notes(
            (self.texts.len(), texts.len()),
            (self.texts.complete, texts.complete),
            (self.texts.incomplete, texts.incomplete),
        ));
        let total: f64 = parts.iter().map(|(_, excess)| excess).sum();
        let share = |excess: f64| if total > 0.0 { excess / total } else { 0.0 };
        let parts = parts.into_iter().map(|(name, excess)| Contribution::new(name, share(excess)));
        Ok(TableScore::new(score, parts))
    }
}

impl Compiled {
    /// The share of exchanges of texts after which as many words are out of the vocabulary that the reference then has.
    fn pvalue(&self, current: &Texts, random: &mut SplitMix64) -> Result<f64> {
        let (n, size) = (self.texts.len(), self.texts.len() + current.len());
        let columns: Vec<Numbered> =
            (0..self.columns.len()).map(|place| Numbered::new(&self.texts, current, place)).collect();
        interrupt::check(OPERATION)?;
        let mut order: Vec<usize> = (0..size).collect();
        let mut pace = Pace::default();
        let mut missed = |order: &[usize]| {
            let (reference, current) = order.split_at(n);
            let mut sum = 0.0;
            for column in &columns {
                pace.check(OPERATION, column.words)?;
                sum += column.missed(reference, current);
            }
            Ok::<f64, mlcore::Error>(sum)
        };
        let least = missed(&order)? - ROUNDING;
        let mut as_large = 0_usize;
        for _ in 0..self.test.permutations {
            random.shuffle(&mut order);
            as_large += usize::from(missed(&order)? >= least);
        }
        Ok((1 + as_large) as f64 / (1 + self.test.permutations) as f64)
    }
}

/// The texts of one column of both tables, the reference's first, as numbers of words.
struct Numbered {
    texts: Vec<Vec<u32>>,
    distinct: usize,
    /// All words, each as often as it stands there.
    words: usize,
}

impl Numbered {
    fn new(reference: &Texts, current: &Texts, place: usize) -> Self {
        let mut numbers: HashMap<String, u32> = HashMap::new();
        let mut number = |word: String| {
            let next = numbers.len() as u32;
            *numbers.entry(word).or_insert(next)
        };
        let mut texts: Vec<Vec<u32>> = Vec::with_capacity(reference.len() + current.len());
        for row in interrupt::paced(reference.rows.iter().chain(&current.rows)) {
            let written = row.get(place).map(|text| words(text)).unwrap_or_default();
            texts.push(written.into_iter().map(&mut number).collect());
        }
        Self { words: texts.iter().map(Vec::len).sum(), texts, distinct: numbers.len() }
    }

    /// The mean share of words of the second texts that the first do not have.
    fn missed(&self, reference: &[usize], current: &[usize]) -> f64 {
        let mut known = vec![false; self.distinct];
        for word in reference.iter().filter_map(|text| self.texts.get(*text)).flatten() {
            known[*word as usize] = true;
        }
        let shares = current.iter().filter_map(|text| self.texts.get(*text)).map(|words| {
            let missed = words.iter().filter(|word| !known[**word as usize]).count();
            missed as f64 / words.len().max(1) as f64
        });
        shares.sum::<f64>() / current.len().max(1) as f64
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

const OPERATION: &str = "compare with text_vocabulary";
const MOST_ROWS: usize = 1_000_000;
const MOST_EXAMPLES: usize = 8;
