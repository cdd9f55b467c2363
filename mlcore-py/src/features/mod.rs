//! `mlcore.features`: fitting transformers and running their plans. The classes with scikit-learn's methods are Python,
//! `python/mlcore/features/`; what they learn and compute is here, which is to say in `mlcore_features`.

mod attributes;
mod custom;
mod diagram;
mod fitting;
mod plan;
mod specification;

use pyo3::pymodule;

pub(crate) use self::custom::functions;
pub(crate) use self::plan::{Plan, has_own_names};

#[pymodule(submodule, module = "mlcore", name = "features")]
pub(crate) mod native {
    #[pymodule_export]
    use super::diagram::_diagram;
    #[pymodule_export]
    use super::fitting::{fit, fit_transform};
    #[pymodule_export]
    use super::plan::Plan;
    #[pymodule_export]
    use super::specification::transformers;
    #[pymodule_export]
    use crate::table::{Table, read_table};
}
