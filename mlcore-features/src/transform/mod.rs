//! Transformers with scikit-learn's names, parameters, defaults and numbers.
//!
//! A specification ([`StandardScaler`], [`OneHotEncoder`], ...) implements [`Fit`]: it learns from a table. What it
//! learnt ([`FittedStandardScaler`], ...) implements [`Transform`]: it turns tables into tables. A
//! [`Plan`](crate::pipeline::Plan) stores it and also runs single rows. Specifications are combined by a
//! [`Pipeline`](crate::pipeline::Pipeline) and a [`ColumnTransformer`](crate::pipeline::ColumnTransformer).

#[macro_use]
mod list;
mod attribute;
mod fit;
mod fitted;
mod input;
pub(crate) mod inverse;
mod numeric;
mod parameters;
mod python;
mod training;

/// Columns of numbers on a common scale.
mod scaler {
    pub(super) mod max_abs_scaler;
    pub(super) mod min_max_scaler;
    pub(super) mod normalizer;
    pub(super) mod standard_scaler;
}

/// Categories as numbers.
mod encoder {
    pub(super) mod categories;
    mod combiner;
    pub(super) mod methods;
    pub(super) mod one_hot_encoder;
    pub(super) mod ordinal_encoder;
}

/// Values in the place of missing ones.
mod imputer {
    mod bayesian_ridge;
    pub(super) mod iterative_imputer;
    pub(super) mod knn_imputer;
    pub(super) mod missing_indicator;
    mod neighbors;
    mod rounds;
    pub(super) mod simple_imputer;
}

/// Numbers as the bins that they fall into.
mod bins {
    pub(super) mod k_bins_discretizer;
    mod k_means;
    mod subsample;
}

/// Columns that are made of several.
mod expansion {
    pub(super) mod polynomial_features;
    mod terms;
}

/// Columns as a few directions.
mod decomposition {
    pub(super) mod parameters;
    pub(super) mod pca;
    mod projection;
    pub(super) mod svd;
    pub(super) mod truncated_svd;
}

/// Columns that are worth keeping.
mod selection {
    mod kept;
    mod scores;
    pub(super) mod select_k_best;
    pub(super) mod variance_threshold;
}

use mlcore::arrow::array::RecordBatch;
use mlcore::schema::Schema;
pub use mlcore::stats::QuantileMethod;
use mlcore::{Error, Result};
use serde::{Deserialize, Serialize};

pub use self::attribute::{Attribute, Attributes};
pub use self::bins::k_bins_discretizer::{BinStrategy, Encode};
pub use self::decomposition::parameters::SvdSolver;
pub use self::decomposition::truncated_svd::SvdAlgorithm;
pub use self::encoder::categories::{Categories, MinFrequency};
pub use self::encoder::one_hot_encoder::{Drop, HandleUnknown};
pub use self::expansion::polynomial_features::Order;
pub use self::fit::Fit;
pub use self::fitted::Transform;
pub use self::imputer::iterative_imputer::ImputationOrder;
pub use self::imputer::knn_imputer::{NeighborMetric, NeighborWeights};
pub use self::imputer::missing_indicator::IndicatedFeatures;
pub use self::imputer::simple_imputer::Strategy;
pub use self::parameters::{Parameter, Parameters};
pub use self::scaler::normalizer::Norm;
pub use self::selection::select_k_best::ScoreFunction;
pub use self::training::Training;
use crate::program::Lower;
use crate::program::builder::{Column, ProgramBuilder};

transformers! {
    imputer::simple_imputer: SimpleImputer => FittedSimpleImputer,
    scaler::standard_scaler: StandardScaler => FittedStandardScaler,
    scaler::min_max_scaler: MinMaxScaler => FittedMinMaxScaler,
    scaler::max_abs_scaler: MaxAbsScaler => FittedMaxAbsScaler,
    scaler::normalizer: Normalizer => FittedNormalizer,
    encoder::one_hot_encoder: OneHotEncoder => FittedOneHotEncoder,
    encoder::ordinal_encoder: OrdinalEncoder => FittedOrdinalEncoder,
    bins::k_bins_discretizer: KBinsDiscretizer => FittedKBinsDiscretizer,
    imputer::missing_indicator: MissingIndicator => FittedMissingIndicator,
    imputer::knn_imputer: KNNImputer => FittedKNNImputer,
    imputer::iterative_imputer: IterativeImputer => FittedIterativeImputer,
    expansion::polynomial_features: PolynomialFeatures => FittedPolynomialFeatures,
    selection::variance_threshold: VarianceThreshold => FittedVarianceThreshold,
    selection::select_k_best: SelectKBest => FittedSelectKBest,
    decomposition::pca: PCA => FittedPCA,
    decomposition::truncated_svd: TruncatedSVD => FittedTruncatedSVD,
}
