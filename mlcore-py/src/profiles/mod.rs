//! `mlcore.profiles`: what data looks like in bounded memory.

mod column;
mod profile;

use pyo3::pymodule;

pub(crate) use self::column::ColumnProfile;
pub(crate) use self::profile::Profile;

#[pymodule(submodule, module = "mlcore", name = "profiles")]
pub(crate) mod native {
    #[pymodule_export]
    use super::column::ColumnProfile;
    #[pymodule_export]
    use super::profile::{Profile, profiled};
}
