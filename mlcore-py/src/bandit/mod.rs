//! `mlcore.bandit`: arms that are shared out by what they earned.

mod arguments;
mod learner;
mod linear;

use pyo3::prelude::*;
use pyo3::types::PyDict;

pub(crate) use self::arguments::{Learning, policy, statistics};
use self::learner::Bandit;
use self::linear::LinearBandit;
use crate::error::entry;

#[pymodule(submodule, module = "mlcore", name = "bandit")]
pub(crate) mod native {
    #[pymodule_export]
    use super::from_state;
    #[pymodule_export]
    use super::learner::Bandit;
    #[pymodule_export]
    use super::linear::LinearBandit;
}

/// The bandit that ``save`` wrote down, where it stood.
///
/// Parameters
/// ----------
/// state : dict
///     What ``save`` answered, also after it went through JSON.
///
/// Returns
/// -------
/// Bandit or LinearBandit
///     Whichever saved it.
///
/// Raises
/// ------
/// CorruptError
///     For what no bandit has saved.
/// UnsupportedError
///     For another version of the layout.
///
/// Examples
/// --------
/// >>> import json
/// >>> from mlcore.bandit import Bandit, from_state
/// >>> bandit = Bandit(["blue", "green"])
/// >>> from_state(json.loads(json.dumps(bandit.save()))) == bandit
/// True
#[pyfunction]
fn from_state<'py>(py: Python<'py>, state: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    entry(py, |py| {
        let options = state.cast::<PyDict>().ok().and_then(|state| state.get_item("options").ok().flatten());
        let is_linear = options.is_some_and(|options| {
            options.cast::<PyDict>().is_ok_and(|options| options.contains("features").unwrap_or(false))
        });
        if is_linear {
            return Ok(Bound::new(py, LinearBandit::read(state)?)?.into_any());
        }
        Ok(Bound::new(py, Bandit::read(state)?)?.into_any())
    })
}
