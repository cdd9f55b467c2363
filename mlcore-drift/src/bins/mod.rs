//! Columns counted in bins: what the population stability index and the distances of histograms compare.
//!
//! A [`Binning`] says which bins; a [`BinnedReference`] has chosen them and counted the reference; its
//! [`count`](BinnedReference::count) of a current sample are [`BinCounts`], from which a test takes shares: as counted,
//! smoothed, or with Evidently's small numbers for zeros. A categorical column has a bin per category, whatever the
//! recipe.
//!
//! ```
//! use mlcore_drift::Sample;
//! use mlcore_drift::bins::{BinnedReference, Binning};
//!
//! let reference = Sample::from_numbers((0..100).map(f64::from).collect());
//! let bins = BinnedReference::new("compare", &reference, &Binning::default().with_bins(4))?;
//! let counts = bins.count(&Sample::numeric(&[-7.0, 30.0, 31.0, 99.0]))?;
//! assert_eq!((counts.reference, counts.current), (vec![25, 25, 25, 25], vec![1, 2, 0, 1]));
//! # Ok::<(), mlcore::Error>(())
//! ```

mod counts;
mod even;
mod evidently;
mod frozen;
mod interior;
mod nannyml;
mod order;
mod reference;

use mlcore::{Error, Result};
use serde::{Deserialize, Serialize};

pub use self::counts::{BinCounts, Shares};
pub(crate) use self::interior::Interior;
pub(crate) use self::order::{around_quantiles, share_on_atoms};
pub use self::reference::BinnedReference;

/// How the bins of a numeric column are chosen, and by whose conventions zeros are treated.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[non_exhaustive]
pub enum Recipe {
    /// Bins that hold equal shares of the reference (numpy's `quantile`), open at both ends; a value that fills more
    /// than one bin gets a bin of its own.
    #[default]
    Quantile,
    /// Bins of equal width between the smallest and the largest value of the reference, open at both ends.
    Uniform,
    /// Evidently 0.7.23: Sturges' bins of equal width over both samples together, categories by value if the reference
    /// has at most 20 distinct ones, infinities dropped. The number of bins is ignored.
    Evidently,
    /// NannyML 0.13: Doane's bins of equal width over the reference, one more bin for all current values outside them.
    /// The number of bins is ignored; a reference with infinities is refused.
    NannyMl,
    /// frouros 0.9: as many bins as asked for, of equal width over both samples together; infinities are refused.
    Frouros,
}

mlcore::words! {
    Recipe, "recipe":
    Quantile = "quantile", Uniform = "uniform", Evidently = "evidently", NannyMl = "nannyml", Frouros = "frouros"
}

/// Options of a [`BinnedReference`], and of the tests that compare bins.
///
/// ```
/// use mlcore_drift::bins::{Binning, Recipe};
///
/// let binning = Binning::default().with_bins(20).with_recipe(Recipe::Uniform);
/// assert_eq!(binning.bins, 20);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Binning {
    /// The number of bins of a numeric column (default 10, as in credit scoring, where the stability index comes from;
    /// 2 to [`MAX_BINS`]). Ties can make them fewer. A categorical column has a bin per category.
    pub bins: usize,
    /// How they are chosen.
    pub recipe: Recipe,
    /// Whether missing rows are a bin of their own, as in credit scoring, instead of being left out (default: left
    /// out). Not for the recipes of Evidently, NannyML and frouros, which leave them out.
    pub missing_bin: bool,
    /// Which bins Evidently's recipe means. A test sets it; it is no option of a configuration.
    #[serde(skip)]
    distinct_values: bool,
}

/// The most bins that a [`Binning`] takes: beyond it a bin says nothing.
pub const MAX_BINS: usize = 1000;

impl Default for Binning {
    fn default() -> Self {
        Self { bins: 10, recipe: Recipe::default(), missing_bin: false, distinct_values: false }
    }
}

impl Binning {
    /// Sets the number of bins of a numeric column.
    #[must_use]
    pub fn with_bins(mut self, bins: usize) -> Self {
        self.bins = bins;
        self
    }

    /// Sets how bins are chosen.
    #[must_use]
    pub fn with_recipe(mut self, recipe: Recipe) -> Self {
        self.recipe = recipe;
        self
    }

    /// Sets whether missing rows are a bin of their own.
    #[must_use]
    pub fn with_missing_bin(mut self, own_bin: bool) -> Self {
        self.missing_bin = own_bin;
        self
    }

    /// Sets whether [`Recipe::Evidently`] means the bins of Evidently's Hellinger distance: as many as Sturges' rule asks for
    /// the distinct values of both samples, however few they are.
    #[must_use]
    pub fn with_distinct_values(mut self, distinct: bool) -> Self {
        self.distinct_values = distinct;
        self
    }

    /// Whether the bins are ours, with p-values and effects without what chance gives, rather than another library's.
    pub(crate) fn is_ours(&self) -> bool {
        matches!(self.recipe, Recipe::Quantile | Recipe::Uniform)
    }

    fn check(&self, operation: &'static str) -> Result<()> {
        if !(2..=MAX_BINS).contains(&self.bins) {
            let problem = format!("{} bins; 2 to {MAX_BINS} are possible", self.bins);
            return Err(Error::invalid_input(operation, "bins", problem).remedy("10 is the custom"));
        }
        match self.recipe {
            Recipe::Evidently | Recipe::NannyMl | Recipe::Frouros if self.missing_bin => {
                let problem = format!("the recipe {} leaves missing rows out", self.recipe);
                Err(Error::invalid_input(operation, "missing_bin", problem)
                    .remedy("use the recipe quantile or uniform for a bin of missing rows"))
            }
            Recipe::Quantile | Recipe::Uniform | Recipe::Evidently | Recipe::NannyMl | Recipe::Frouros => {
                Ok(())
            }
        }
    }
}
