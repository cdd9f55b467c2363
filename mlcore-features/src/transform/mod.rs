//! Transformers with scikit-learn's names, parameters, defaults and numbers.
//!
//! A specification ([`StandardScaler`], [`OneHotEncoder`], ...) implements [`Fit`]: it learns from a table. What it
//! learnt ([`FittedStandardScaler`], ...) implements [`Transform`]: it turns tables into tables. A
//! [`Plan`](crate::pipeline::Plan) stores it and also runs single rows. Specifications are combined by a
//! [`Pipeline`](crate::pipeline::Pipeline) and a [`ColumnTransformer`](crate::pipeline::ColumnTransformer). What none of them
//! can, a function of the host can: [`custom`].

#[macro_use]
mod list;
mod attribute;
pub mod custom;
mod fit;
mod fitted;
pub(crate) mod input;
pub(crate) mod inverse;
mod numeric;
mod order;
mod parameters;
pub(crate) mod parts;
mod python;
mod subsample;
mod training;

/// Columns of numbers on a common scale.
mod scaler {
    pub(super) mod max_abs_scaler;
    pub(super) mod min_max_scaler;
    pub(super) mod normalizer;
    pub(super) mod robust_scaler;
    pub(super) mod standard_scaler;
}

/// Categories as numbers.
mod encoder {
    pub(super) mod categories;
    mod combiner;
    pub(super) mod count_encoder;
    mod counter;
    pub(super) mod embedding_lookup;
    mod folds;
    pub(super) mod found;
    pub(super) mod grouping;
    pub(super) mod james_stein_encoder;
    pub(super) mod leave_one_out_encoder;
    pub(super) mod methods;
    pub(super) mod numbers;
    pub(super) mod one_hot_encoder;
    pub(super) mod ordinal_encoder;
    mod packed;
    pub(super) mod rare_label_encoder;
    pub(super) mod target_encoder;
    pub(super) mod woe_encoder;
}

/// Values in the place of missing ones.
mod imputer {
    mod bayesian_ridge;
    pub(super) mod iterative_imputer;
    pub(super) mod knn_imputer;
    mod marked;
    pub(super) mod missing_indicator;
    mod neighbors;
    mod rounds;
    pub(super) mod simple_imputer;
}

/// Numbers as other numbers.
mod number {
    pub(super) mod binarizer;
    pub(super) mod function;
    pub(super) mod function_transformer;
    mod interpolate;
    mod minimize;
    pub(super) mod power;
    pub(super) mod power_transformer;
    pub(super) mod quantile_transformer;
    mod spline;
    pub(super) mod spline_transformer;
    pub(super) mod winsorizer;
}

/// Numbers as the bins that they fall into.
mod bins {
    pub(super) mod k_bins_discretizer;
    mod k_means;
}

/// Dates and times as numbers.
mod moment {
    pub(super) mod calendar;
    pub(super) mod cyclical_features;
    pub(super) mod datetime_features;
    pub(super) mod time_since;
    pub(super) mod zone;
}

/// Columns that are computed from others.
mod derived {
    pub(super) mod derived_columns;
}

/// Texts as numbers.
mod text {
    mod accents;
    pub(super) mod analysis;
    mod characters;
    pub(super) mod count_vectorizer;
    mod documents;
    pub(super) mod feature_hasher;
    pub(super) mod hashed_crossing;
    pub(super) mod hashing_vectorizer;
    mod murmur;
    pub(super) mod tfidf_vectorizer;
    pub(super) mod vocabulary;
}

/// Columns that are made of several.
mod expansion {
    pub(super) mod geo_distance_features;
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
    mod dependence;
    mod digamma;
    mod kept;
    mod line;
    pub(super) mod mutual_information;
    mod plane;
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
pub use self::encoder::categories::Categories;
pub use self::encoder::count_encoder::UnknownCount;
pub use self::encoder::embedding_lookup::Unknown;
pub use self::encoder::grouping::MinFrequency;
pub use self::encoder::james_stein_encoder::Shrinkage;
pub use self::encoder::numbers::Handling;
pub use self::encoder::one_hot_encoder::{Drop, HandleUnknown};
pub use self::encoder::target_encoder::{Smooth, TargetType};
pub use self::expansion::geo_distance_features::{GeoMethod, GeoUnit};
pub use self::fit::Fit;
pub use self::fitted::Transform;
pub(crate) use self::fitted::made_by;
pub use self::imputer::iterative_imputer::ImputationOrder;
pub use self::imputer::knn_imputer::{NeighborMetric, NeighborWeights};
pub use self::imputer::missing_indicator::IndicatedFeatures;
pub use self::imputer::simple_imputer::Strategy;
use self::list::other_part;
pub use self::moment::calendar::DatetimeFeature;
pub use self::moment::datetime_features::MissingValues;
pub use self::moment::time_since::OutputUnit;
pub use self::number::function::Function;
pub use self::number::function_transformer::FeatureNamesOut;
pub use self::number::power::PowerMethod;
pub use self::number::quantile_transformer::OutputDistribution;
pub use self::number::spline_transformer::{Extrapolation, HandleMissing, Knots};
pub use self::order::Order;
pub use self::parameters::{Parameter, Parameters};
pub use self::parts::PartialFit;
use self::parts::{Parts, Refusal, Seen};
pub use self::scaler::normalizer::Norm;
pub use self::selection::mutual_information::{DiscreteFeatures, MutualInformation};
pub use self::selection::select_k_best::ScoreFunction;
pub use self::text::analysis::{Analyzer, StripAccents};
pub use self::text::feature_hasher::InputType;
pub use self::text::hashed_crossing::OutputMode;
pub use self::text::vocabulary::DocumentFrequency;
pub use self::training::Training;
use crate::program::Lower;
use crate::program::builder::{Column, ProgramBuilder};

transformers! {
    imputer::simple_imputer: SimpleImputer => FittedSimpleImputer,
    scaler::standard_scaler: StandardScaler => FittedStandardScaler,
    scaler::min_max_scaler: MinMaxScaler => FittedMinMaxScaler,
    scaler::max_abs_scaler: MaxAbsScaler => FittedMaxAbsScaler,
    scaler::robust_scaler: RobustScaler => FittedRobustScaler,
    scaler::normalizer: Normalizer => FittedNormalizer,
    encoder::one_hot_encoder: OneHotEncoder => FittedOneHotEncoder,
    encoder::ordinal_encoder: OrdinalEncoder => FittedOrdinalEncoder,
    encoder::rare_label_encoder: RareLabelEncoder => FittedRareLabelEncoder,
    encoder::embedding_lookup: EmbeddingLookup => FittedEmbeddingLookup,
    encoder::target_encoder: TargetEncoder => FittedTargetEncoder,
    encoder::count_encoder: CountEncoder => FittedCountEncoder,
    encoder::woe_encoder: WOEEncoder => FittedWOEEncoder,
    encoder::james_stein_encoder: JamesSteinEncoder => FittedJamesSteinEncoder,
    encoder::leave_one_out_encoder: LeaveOneOutEncoder => FittedLeaveOneOutEncoder,
    bins::k_bins_discretizer: KBinsDiscretizer => FittedKBinsDiscretizer,
    number::binarizer: Binarizer => FittedBinarizer,
    number::power_transformer: PowerTransformer => FittedPowerTransformer,
    number::quantile_transformer: QuantileTransformer => FittedQuantileTransformer,
    number::spline_transformer: SplineTransformer => FittedSplineTransformer,
    number::function_transformer: FunctionTransformer => FittedFunctionTransformer,
    number::winsorizer: Winsorizer => FittedWinsorizer,
    text::hashing_vectorizer: HashingVectorizer => FittedHashingVectorizer,
    text::feature_hasher: FeatureHasher => FittedFeatureHasher,
    text::hashed_crossing: HashedCrossing => FittedHashedCrossing,
    text::count_vectorizer: CountVectorizer => FittedCountVectorizer,
    text::tfidf_vectorizer: TfidfVectorizer => FittedTfidfVectorizer,
    moment::datetime_features: DatetimeFeatures => FittedDatetimeFeatures,
    moment::cyclical_features: CyclicalFeatures => FittedCyclicalFeatures,
    moment::time_since: TimeSince => FittedTimeSince,
    imputer::missing_indicator: MissingIndicator => FittedMissingIndicator,
    imputer::knn_imputer: KNNImputer => FittedKNNImputer,
    imputer::iterative_imputer: IterativeImputer => FittedIterativeImputer,
    expansion::geo_distance_features: GeoDistanceFeatures => FittedGeoDistanceFeatures,
    expansion::polynomial_features: PolynomialFeatures => FittedPolynomialFeatures,
    selection::variance_threshold: VarianceThreshold => FittedVarianceThreshold,
    selection::select_k_best: SelectKBest => FittedSelectKBest,
    decomposition::pca: PCA => FittedPCA,
    decomposition::truncated_svd: TruncatedSVD => FittedTruncatedSVD,
    derived::derived_columns: DerivedColumns => FittedDerivedColumns,
}
