//! `mlcore.package`: models that travel, and what a deployment runs, fixed to the byte.

mod bundle;
mod lock;
mod model;

use pyo3::prelude::*;

pub(crate) use self::lock::Lock;

#[pymodule(submodule, module = "mlcore", name = "package")]
pub(crate) mod native {
    #[pymodule_export]
    use super::bundle::Bundle;
    #[pymodule_export]
    use super::lock::Lock;
    #[pymodule_export]
    use super::model::ModelPackage;
}
