//! `mlcore.features`: fitting transformers and running their plans. The classes with scikit-learn's methods are Python,
//! `python/mlcore/features/`; what they learn and compute is here, which is to say in `mlcore_features`.

mod attributes;
mod plan;
mod specification;

pub(crate) use self::plan::{Plan, fit, has_own_names};
