//! What policies are told of arms, time and replicas, and what they say of arms that do not answer.

use pyo3::prelude::*;
use pyo3::types::PyDict;

use mlcore::name::UnitId;
use mlcore::rollout::{Ask, Draw};

use super::asked::{Said, candidates, moment};
use super::policy::{Policy, read};
use crate::door::Text;
use crate::error::{detached, entry, raise};
use crate::plain::plain;

#[pymethods]
impl Policy {
    /// The probability with which each of the arms answers the unit: what off-policy evaluation needs of arms that did not.
    ///
    /// Parameters
    /// ----------
    /// unit, arms, draw, context, features
    ///     As :meth:`assign` takes them.
    ///
    /// Returns
    /// -------
    /// dict of str to float, or None
    ///     Their sum is 1; None where the policy cannot tell.
    ///
    /// Raises
    /// ------
    /// InvalidInputError, InvalidTypeError
    ///     As :meth:`assign`.
    #[pyo3(signature = (unit, arms = None, *, draw = 0, context = None, features = None))]
    #[expect(clippy::needless_pass_by_value, reason = "pyo3 hands over owned texts")]
    fn probabilities<'py>(
        &self,
        py: Python<'py>,
        unit: Text,
        arms: Option<&Bound<'_, PyAny>>,
        draw: u64,
        context: Option<&Bound<'_, PyAny>>,
        features: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Option<Bound<'py, PyDict>>> {
        const OPERATION: &str = "tell probabilities";
        entry(py, |py| {
            let said = Said::read(context, features, OPERATION)?;
            let candidates = candidates(py, self.asked(), arms, OPERATION)?;
            let unit = UnitId::new(&unit).map_err(|error| raise(py, &error))?;
            let told: Option<Vec<f64>> = said.with(|context| {
                let ask = Ask::new(&unit, &candidates, Draw::new(draw)).with_context(context);
                let all = 0..candidates.as_slice().len();
                all.map(|position| self.asked().probability(&ask, position)).collect()
            });
            let Some(told) = told else { return Ok(None) };
            let answer = PyDict::new(py);
            for (candidate, probability) in candidates.as_slice().iter().zip(told) {
                answer.set_item(candidate.arm.as_str(), probability)?;
            }
            Ok(Some(answer))
        })
    }

    /// Takes note of the arms that answer from now on, and of their versions. An endpoint does it by itself.
    ///
    /// Evidence belongs to versions: what was learnt about others is forgotten.
    ///
    /// Parameters
    /// ----------
    /// arms : dict of str to int or list of str
    ///     The version of each arm, the default first. Of a list all are the first version.
    ///
    /// Returns
    /// -------
    /// str or None
    ///     What was forgotten, in words.
    ///
    /// Raises
    /// ------
    /// InvalidInputError
    ///     As :meth:`assign`, and for a version below 1.
    fn follow(&self, py: Python<'_>, arms: &Bound<'_, PyAny>) -> PyResult<Option<String>> {
        entry(py, |py| {
            let candidates = candidates(py, self.asked(), Some(arms), "follow versions")?;
            detached(py, || Ok(self.asked().follow(&candidates)))
        })
    }

    /// Takes note of the time of the wall clock, for policies with a schedule. An endpoint does it by itself, before each decision.
    ///
    /// Parameters
    /// ----------
    /// now : datetime.datetime or str
    ///     With a time zone. It may be before the last one.
    ///
    /// Raises
    /// ------
    /// InvalidInputError
    ///     For one without a time zone.
    fn tell_time(&self, py: Python<'_>, now: &Bound<'_, PyAny>) -> PyResult<()> {
        entry(py, |py| {
            let now = moment(now, "tell time", "now")?;
            detached(py, || {
                self.asked().tell_time(now);
                Ok(())
            })
        })
    }

    /// Goes on from what replicas share, and adds what this one has learnt that is not in it yet.
    ///
    /// Each request counts once, however often replicas exchange states: what the policy knew of the shared state before is replaced.
    /// Store the answer where nobody has shared another state meanwhile, and call :meth:`reconciled` then. An endpoint does it
    /// by itself.
    ///
    /// Parameters
    /// ----------
    /// shared : dict, optional
    ///     What was shared last; None where nothing was.
    ///
    /// Returns
    /// -------
    /// dict or None
    ///     The two together, to be shared in its place; None where there is nothing to add, and of policies that share nothing.
    ///
    /// Raises
    /// ------
    /// InvalidInputError, CorruptError
    ///     As :meth:`restore`; nothing changes then.
    #[pyo3(signature = (shared = None))]
    fn reconcile<'py>(
        &self,
        py: Python<'py>,
        shared: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        entry(py, |py| {
            let shared = shared.map(read).transpose()?;
            let answer = detached(py, || self.asked().reconcile(shared.as_ref()))?;
            answer.map(|state| plain(py, "reconcile policy", &state)).transpose()
        })
    }

    /// Takes note that what :meth:`reconcile` last answered is shared now.
    fn reconciled(&self, py: Python<'_>) -> PyResult<()> {
        entry(py, |py| {
            detached(py, || {
                self.asked().reconciled();
                Ok(())
            })
        })
    }
}
