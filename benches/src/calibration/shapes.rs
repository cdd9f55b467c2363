//! What rows look like where nothing changed.

use mlcore::stats::SplitMix64;
use mlcore_drift::sample::Sample;

/// The distribution of a column's rows.
#[derive(Clone, Copy, Debug)]
pub(super) enum Shape {
    Normal,
    /// Normal, rounded to halves.
    Ties,
    /// A ratio of normal numbers: it has no mean.
    HeavyTails,
    /// Each row resembles the one before it: an autocorrelation of one half.
    Dependent,
    /// Four categories, equally frequent.
    FourCategories,
    /// Fifty categories, the k-th with a frequency in proportion to 1/k.
    Zipf,
}

pub(super) const NUMERIC: [Shape; 4] = [Shape::Normal, Shape::Ties, Shape::HeavyTails, Shape::Dependent];
pub(super) const CATEGORICAL: [Shape; 2] = [Shape::FourCategories, Shape::Zipf];
const ZIPF: u32 = 50;
const CORRELATION: f64 = 0.5;

impl Shape {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Ties => "ties",
            Self::HeavyTails => "heavy tails",
            Self::Dependent => "AR(1), 0.5",
            Self::FourCategories => "4 categories",
            Self::Zipf => "50, 1/k",
        }
    }

    /// Numbers of this shape; of categories their ranks.
    pub(super) fn draw(self, random: &mut SplitMix64, rows: usize, shift: f64) -> Vec<f64> {
        let harmonic: f64 = (1..=ZIPF).map(|rank| f64::from(rank).recip()).sum();
        let mut last = random.normal();
        let mut one = || match self {
            Self::Normal => random.normal() + shift,
            Self::Ties => ((random.normal() + shift) * 2.0).round() / 2.0,
            Self::HeavyTails => random.normal() / random.normal() + shift,
            Self::Dependent => {
                last = CORRELATION * last + (1.0 - CORRELATION * CORRELATION).sqrt() * random.normal();
                last + shift
            }
            Self::FourCategories => (random.uniform() * 4.0).floor(),
            Self::Zipf => {
                let mut left = random.uniform() * harmonic;
                let is_past = |rank: &u32| {
                    left -= f64::from(*rank).recip();
                    left < 0.0
                };
                f64::from((1..ZIPF).find(is_past).unwrap_or(ZIPF))
            }
        };
        (0..rows).map(|_| one()).collect()
    }

    pub(super) fn is_categorical(self) -> bool {
        matches!(self, Self::FourCategories | Self::Zipf)
    }

    pub(super) fn sample(self, random: &mut SplitMix64, rows: usize) -> Sample {
        let values = self.draw(random, rows, 0.0);
        if !self.is_categorical() {
            return Sample::from_numbers(values);
        }
        let texts: Vec<String> = values.iter().map(|rank| format!("{rank}")).collect();
        Sample::categorical(texts.iter().map(String::as_str))
    }
}
