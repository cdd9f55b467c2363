//! `mlcore.rollout`: which arm answers a unit, and may the canary grow?

mod asked;
mod bandit;
mod canary;
mod comparison;
mod comparison_report;
mod experiment;
mod experiments;
mod many;
mod pickle;
mod policies;
mod policy;
mod rule;
mod stepped;
mod told;

use mlcore::name::{Arm, UnitId};
use mlcore::rollout;
use pyo3::prelude::*;

pub(crate) use self::asked::{Said, moment};
pub(crate) use self::bandit::RewardRule;
pub(crate) use self::many::{batch, framed};
pub(crate) use self::policies::native;
pub(crate) use self::policy::policy;
use crate::door::Text;
use crate::error::{entry, raise};

/// Where a unit stands in ``[0, 1)``: the share of units below ``p`` is ``p``.
///
/// Equal salt and unit give an equal position in every process, in Rust and after every restart; different salts give
/// independent positions, so each experiment wants its own.
///
/// Parameters
/// ----------
/// salt : str
///     The name of the experiment.
/// unit : str
///     Who is assigned: a user, a session, a device.
///
/// Returns
/// -------
/// float
///
/// Raises
/// ------
/// InvalidInputError
///     For a unit that is empty, longer than 256 bytes, or holds control characters.
///
/// Examples
/// --------
/// >>> from mlcore.rollout import bucket
/// >>> bucket("", "user-17")
/// 0.8850456252045856
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "pyo3 hands over owned texts")]
pub(crate) fn bucket(py: Python<'_>, salt: Text, unit: Text) -> PyResult<f64> {
    entry(py, |py| {
        let unit = UnitId::new(&unit).map_err(|error| raise(py, &error))?;
        Ok(rollout::bucket(&salt, &unit))
    })
}

/// The arm of this name.
fn arm(py: Python<'_>, name: &str) -> PyResult<Arm> {
    Arm::new(name).map_err(|error| raise(py, &error))
}
