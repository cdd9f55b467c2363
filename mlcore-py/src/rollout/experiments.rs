//! Experiments and feature flags as a policy of Python.

use std::sync::Arc;

use mlcore::arrow::array::{Float64Array, StringArray};
use mlcore::name::UnitId;
use mlcore::rollout::{self, ExperimentsOptions};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::arm;
use super::asked::Said;
use super::experiment::{Layer, Override};
use super::many::{Many, batch, framed};
use super::policy::{Policy, class_of};
use crate::door::Text;
use crate::error::{detached, entry, raise};
use crate::value::{self, Place};

/// Runs experiments with any number of arms, and feature flags, in layers.
///
/// The first layer decides which arm answers: its experiments' variants are arms, and whom they do not touch gets their default.
/// The other layers hold flags, whose values :meth:`evaluate` tells; it may be asked about the first layer, too. A flag is decided in
/// this order: one that is not enabled gives its default; an override gives the unit its variant; a unit that is held out gets the
/// default, and so does one whose place in the layer is another experiment's; the first target whose rule holds gives its
/// variant; where the audience's rule holds the variant is drawn; everyone else gets the default.
///
/// A unit keeps its variant whatever happens to other experiments, and shares that change move no unit from one variant to
/// another. The propensity is the probability over units of which the rules say the same. Nothing is learnt.
///
/// Parameters
/// ----------
/// salt : str
///     What makes the lines of this policy others than those of the next one.
/// layers : list of Layer
///     At least one.
/// hold_out : float, optional
///     The share of units that no experiment of any layer touches. Default 0.
/// overrides : list of Override, optional
///     Units that get a variant by name.
///
/// Raises
/// ------
/// InvalidInputError
///     For what cannot be meant, by the name of its layer, experiment and field: names that occur twice, shares outside of 0 to 1, rules
///     that are too long or that nothing can meet, variants and keys that are not there, and a unit with two overrides in one layer.
///
/// Examples
/// --------
/// >>> from mlcore.rollout import Experiment, Experiments, Layer, Override, Rule
/// >>> ranker = Experiment("ranker", "champion", ["champion", "challenger"], audience=Rule.equals("country", "PT"))
/// >>> explain = Experiment("explain", "off", {"on": 0.1}, values={"off": False, "on": True})
/// >>> policy = Experiments("shop", [Layer("models", [ranker]), Layer("page", [explain])], hold_out=0.05,
/// ...                      overrides=[Override("ana", "ranker", "challenger", "tests the new ranker")])
/// >>> policy.assign("ana").arm, policy.assign("user-17").arm
/// ('challenger', 'champion')
/// >>> round(policy.assign("user-17", context={"country": "PT"}).propensity, 3)
/// 0.475
/// >>> details = policy.evaluate("ranker", "ana")
/// >>> details.value, details.reason, details.flag_metadata["override_reason"]
/// ('challenger', 'TARGETING_MATCH', 'tests the new ranker')
#[pyclass(module = "mlcore.rollout", frozen, extends = Policy)]
#[derive(Debug)]
pub(crate) struct Experiments {
    policy: Arc<rollout::Experiments>,
}

class_of!(Experiments, rollout::Experiments);

#[pymethods]
impl Experiments {
    #[new]
    #[pyo3(
        signature = (salt, layers, *, hold_out = 0.0, overrides = Vec::new()),
        text_signature = "(salt, layers, *, hold_out=0.0, overrides=())"
    )]
    #[expect(clippy::needless_pass_by_value, reason = "pyo3 hands over owned lists")]
    fn new(
        py: Python<'_>,
        salt: Text,
        layers: Vec<PyRef<'_, Layer>>,
        hold_out: f64,
        overrides: Vec<PyRef<'_, Override>>,
    ) -> PyResult<PyClassInitializer<Self>> {
        entry(py, |py| {
            let mut layers = layers.iter().map(|layer| layer.layer.clone());
            let mut options = match layers.next() {
                Some(arms) => ExperimentsOptions::new(salt.into_string(), arms),
                None => {
                    let problem = "there is none; the first decides which arm answers";
                    let error = mlcore::Error::invalid_input("build experiments", "layers", problem);
                    return Err(raise(py, &error.remedy("pass at least one layer")));
                }
            };
            for layer in layers {
                options = options.with_layer(layer);
            }
            options = options.with_hold_out(hold_out);
            for given in &overrides {
                options = options.with_override(given.given.clone());
            }
            Self::built(py, options)
        })
    }

    /// The keys of all experiments and flags, in order.
    #[getter]
    fn flags(&self) -> Vec<&str> {
        self.policy.flags().collect()
    }

    /// What a flag says to a unit, and why: OpenFeature's evaluation details.
    ///
    /// Parameters
    /// ----------
    /// flag : str
    ///     The key of an experiment or flag.
    /// unit : str
    ///     Who asks.
    /// context : dict, optional
    ///     As :meth:`assign` takes it.
    /// fallback : bool, float, str, optional
    ///     The value where the flag has none, or one of another type.
    ///
    /// Returns
    /// -------
    /// EvaluationDetails
    ///     For a flag that is not there, too: with the reason ``ERROR``.
    ///
    /// Raises
    /// ------
    /// InvalidInputError
    ///     For a unit that is none.
    #[pyo3(signature = (flag, unit, context = None, *, fallback = None))]
    #[expect(clippy::needless_pass_by_value, reason = "pyo3 hands over owned texts")]
    fn evaluate(
        &self,
        py: Python<'_>,
        flag: Text,
        unit: Text,
        context: Option<&Bound<'_, PyAny>>,
        fallback: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<EvaluationDetails> {
        const OPERATION: &str = "evaluate flag";
        entry(py, |py| {
            let said = Said::read(context, None, OPERATION)?;
            let unit = UnitId::new(&unit).map_err(|error| raise(py, &error))?;
            let fallback =
                fallback.map(|own| value::read(own, Place::single(OPERATION, "fallback"))).transpose()?;
            said.with(|context| {
                let details = self.policy.evaluate(&flag, &unit, &context);
                let details = match &fallback {
                    Some(fallback) => details.with_fallback(fallback.as_value()),
                    None => details,
                };
                EvaluationDetails::of(py, &details)
            })
        })
    }

    /// What a flag says to each of many units: :meth:`evaluate` for each row, at once.
    ///
    /// Parameters
    /// ----------
    /// flag : str
    /// units : array_like of str
    ///     Of shape ``(n,)``.
    /// context : frame, optional
    ///     A row for each unit, and a column for each attribute.
    /// library : {"pandas", "polars", "arrow"}, optional
    ///     As :meth:`assign_many` takes it.
    ///
    /// Returns
    /// -------
    /// frame
    ///     With the columns ``unit``, ``variant``, ``propensity`` and ``reason``, in the order of the units.
    ///
    /// Raises
    /// ------
    /// NotFoundError
    ///     For a flag that is not there.
    /// InvalidInputError
    ///     As :meth:`assign_many`.
    #[pyo3(signature = (flag, units, context = None, *, library = None))]
    fn evaluate_many<'py>(
        &self,
        py: Python<'py>,
        flag: Text,
        units: &Bound<'_, PyAny>,
        context: Option<&Bound<'_, PyAny>>,
        library: Option<&str>,
    ) -> PyResult<Bound<'py, PyAny>> {
        entry(py, |py| {
            let asked = Many::read(py, units, context, None)?;
            if !self.policy.flags().any(|key| key == &*flag) {
                let problem = "no layer has a flag with this key";
                let error = mlcore::Error::not_found("evaluate flag", flag.into_string(), problem);
                return Err(raise(py, &error.remedy("ask for one of flags")));
            }
            let table = detached(py, || {
                let (mut variants, mut propensities) = (Vec::new(), Vec::new());
                let mut reasons = Vec::new();
                asked.each(|unit, context| {
                    let details = self.policy.evaluate(&flag, unit, &context);
                    variants.push(details.variant.map(|variant| variant.as_str().to_owned()));
                    propensities.push(details.flag_metadata.propensity);
                    reasons.push(details.reason.to_string());
                })?;
                batch([
                    ("unit", asked.unit_column()),
                    ("variant", Arc::new(StringArray::from(variants))),
                    ("propensity", Arc::new(Float64Array::from(propensities))),
                    ("reason", Arc::new(StringArray::from(reasons))),
                ])
            })?;
            framed(py, &table, library)
        })
    }

    /// The policy in which a variant has another share of its experiment's units: no unit moves from one variant to another, and one that
    /// goes back gives the same units back.
    ///
    /// Raises
    /// ------
    /// NotFoundError
    ///     For a key that no layer has.
    /// InvalidInputError
    ///     For what is no share, and where the other variants leave less.
    ///
    /// Examples
    /// --------
    /// >>> from mlcore.rollout import Experiment, Experiments, Layer
    /// >>> policy = Experiments("shop", [Layer("models", [Experiment("ranker", "champion", {"challenger": 0.1})])])
    /// >>> policy.with_variant_share("ranker", "challenger", 0.3).assign("user-17").propensity
    /// 0.7
    #[expect(clippy::needless_pass_by_value, reason = "pyo3 hands over owned texts")]
    fn with_variant_share<'py>(
        &self,
        py: Python<'py>,
        key: Text,
        variant: Text,
        share: f64,
    ) -> PyResult<Bound<'py, Self>> {
        entry(py, |py| {
            let options = self.policy.options().clone();
            let options = options.with_variant_share(&key, &arm(py, &variant)?, share);
            Bound::new(py, Self::built(py, options.map_err(|error| raise(py, &error))?)?)
        })
    }

    /// The policy in which an experiment has another share of its layer's units: what it gains was nobody's.
    ///
    /// Raises
    /// ------
    /// NotFoundError, InvalidInputError
    ///     As :meth:`with_variant_share`.
    #[expect(clippy::needless_pass_by_value, reason = "pyo3 hands over owned texts")]
    fn with_experiment_share<'py>(
        &self,
        py: Python<'py>,
        key: Text,
        share: f64,
    ) -> PyResult<Bound<'py, Self>> {
        entry(py, |py| {
            let options = self.policy.options().clone().with_experiment_share(&key, share);
            Bound::new(py, Self::built(py, options.map_err(|error| raise(py, &error))?)?)
        })
    }

    fn __repr__(&self) -> String {
        let options = self.policy.options();
        let flags: Vec<&str> = self.policy.flags().collect();
        let layers = options.layers.len();
        format!("<mlcore.rollout.Experiments {}: {} in {layers} layers>", options.salt, flags.join(", "))
    }
}

impl Experiments {
    fn built(py: Python<'_>, options: ExperimentsOptions) -> PyResult<PyClassInitializer<Self>> {
        rollout::Experiments::new(options).map(Self::of).map_err(|error| raise(py, &error))
    }
}

/// What a flag says to a unit, and why, by OpenFeature's names.
///
/// Attributes
/// ----------
/// flag_key : str
/// value : bool, float, str or None
/// variant : str or None
/// reason : str
///     ``STATIC``, ``DEFAULT``, ``TARGETING_MATCH``, ``SPLIT``, ``DISABLED`` or ``ERROR``.
/// error_code : str or None
///     ``FLAG_NOT_FOUND`` or ``TYPE_MISMATCH``.
/// error_message : str or None
/// flag_metadata : dict
///     As far as they are known: ``layer``; ``propensity``, the probability of this variant for a unit that the rules say the same of;
///     ``override_reason``; ``undecided``, why a rule could not be decided; and ``own``, what the options say of the flag.
///
/// Examples
/// --------
/// >>> from mlcore.rollout import Experiments, Layer
/// >>> details = Experiments("shop", [Layer("models")]).evaluate("gone", "user-17", fallback="blue")
/// >>> details.value, details.reason, details.error_code
/// ('blue', 'ERROR', 'FLAG_NOT_FOUND')
#[pyclass(module = "mlcore.rollout", frozen, get_all)]
#[derive(Debug)]
pub(crate) struct EvaluationDetails {
    flag_key: String,
    value: Py<PyAny>,
    variant: Option<String>,
    reason: String,
    error_code: Option<&'static str>,
    error_message: Option<&'static str>,
    flag_metadata: Py<PyDict>,
}

#[pymethods]
impl EvaluationDetails {
    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let value = self.value.bind(py).repr()?;
        Ok(format!(
            "EvaluationDetails(flag_key='{}', value={value}, reason='{}')",
            self.flag_key, self.reason
        ))
    }
}

impl EvaluationDetails {
    fn of(py: Python<'_>, details: &rollout::EvaluationDetails<'_>) -> PyResult<Self> {
        let known = &details.flag_metadata;
        let metadata = PyDict::new(py);
        let texts = [
            ("layer", known.layer.map(str::to_owned)),
            ("override_reason", known.override_reason.map(str::to_owned)),
            ("undecided", known.undecided.map(|undecided| undecided.to_string())),
        ];
        for (name, text) in texts {
            if let Some(text) = text {
                metadata.set_item(name, text)?;
            }
        }
        if let Some(propensity) = known.propensity {
            metadata.set_item("propensity", propensity)?;
        }
        if let Some(values) = known.own {
            let own = PyDict::new(py);
            for (name, value) in values {
                own.set_item(name, value::write(py, value)?)?;
            }
            metadata.set_item("own", own)?;
        }
        Ok(Self {
            flag_key: details.flag_key.to_owned(),
            value: value::write(py, &details.value.into_owned())?.unbind(),
            variant: details.variant.map(ToString::to_string),
            reason: details.reason.to_string(),
            error_code: details.error_code.map(|code| match code {
                rollout::ErrorCode::FlagNotFound => "FLAG_NOT_FOUND",
                rollout::ErrorCode::TypeMismatch => "TYPE_MISMATCH",
                // Newer than this binding; OpenFeature's word for what has no code of its own.
                _ => "GENERAL",
            }),
            error_message: details.error_message,
            flag_metadata: metadata.unbind(),
        })
    }
}
