//! `mlcore.features`: fitting transformers and running their plans. The classes with scikit-learn's methods are Python,
//! `python/mlcore/features/`; what they learn and compute is here, which is to say in `mlcore_features`.

mod answers;
mod attributes;
mod custom;
mod diagram;
mod fitting;
mod nested;
mod onnx;
mod parts;
mod plan;
mod row;
mod specification;
mod steps;
mod stored;
mod window;

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
    use super::nested::flatten_table;
    #[pymodule_export]
    use super::parts::{Learner, fit_batches, fit_parquet, parquet_columns, partial_fit};
    #[pymodule_export]
    use super::plan::Plan;
    #[pymodule_export]
    use super::specification::transformers;
    #[pymodule_export]
    use super::stored::{_stored_fields, _stored_parameters};
    #[pymodule_export]
    use super::window::window_columns;
    #[pymodule_export]
    use crate::table::{Table, Tables, read_table, tables};
}
