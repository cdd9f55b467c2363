//! What experiments are made of: variants and their shares, layers, and units that get a variant by name.

use mlcore::name::UnitId;
use mlcore::rollout;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyMapping, PyString};

use super::arm;
use super::pickle::{Reduced, reduced};
use super::rule::{self, Rule};
use crate::door::{Text, type_name};
use crate::error::{entry, raise, wrong_type};
use crate::plain::plain;

/// One experiment, or feature flag: its variants, who is eligible, and which share of its units each variant has.
///
/// A unit stands on a line of the experiment's own, and gets the variant that owns its position; where nobody owns it, the
/// default. In the first layer variants are arms.
///
/// Parameters
/// ----------
/// key : str
///     Its key, unlike that of any other: the flag key of OpenFeature. It is the salt of its line.
/// default : str
///     The variant of everyone whom the experiment does not touch.
/// variants : dict of str to float or list of str, optional
///     The share of the experiment's units that each variant has, in ``[0, 1]`` and held in millionths; of a list all have the
///     same one, together 1. The default may be among them, as the control that is drawn like the others. Default: nobody is drawn.
/// traffic : float, optional
///     The experiment's share of the units of its layer. Default 1.
/// audience : Rule, optional
///     Whom variants are drawn among. Default: everybody.
/// targets : list of tuple of Rule and str, optional
///     Rules that give a variant by name, undrawn: the first that holds.
/// values : dict, optional
///     The value of each variant: a bool, a number or text. Default: its name.
/// enabled : bool, optional
///     Where it is not, everyone gets the default.
/// metadata : dict, optional
///     What else evaluations tell of the flag, under ``own``.
///
/// Raises
/// ------
/// InvalidInputError
///     For names that are none, and shares that are none or more than 1 together.
///
/// Examples
/// --------
/// >>> from mlcore.rollout import Experiment, Rule
/// >>> checkout = Experiment(
/// ...     "new-checkout", "off", {"on": 0.25}, values={"off": False, "on": True}, audience=Rule.is_in("country", ["PT", "ES"]),
/// ... )
/// >>> checkout.shares
/// {'off': 0.0, 'on': 0.25}
#[pyclass(module = "mlcore.rollout", frozen, eq)]
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Experiment {
    pub(super) experiment: rollout::Experiment,
    /// The share of its layer.
    pub(super) traffic: f64,
}

#[pymethods]
impl Experiment {
    #[new]
    #[pyo3(
        signature = (
            key, default, variants = None, *, traffic = 1.0, audience = None, targets = Vec::new(), values = None,
            enabled = true, metadata = None
        ),
        text_signature = "(key, default, variants=None, *, traffic=1.0, audience=None, targets=(), values=None, \
            enabled=True, metadata=None)"
    )]
    #[expect(clippy::too_many_arguments, reason = "keyword-only options of a Python signature")]
    #[expect(clippy::needless_pass_by_value, reason = "pyo3 hands over owned texts")]
    fn new(
        py: Python<'_>,
        key: Text,
        default: Text,
        variants: Option<&Bound<'_, PyAny>>,
        traffic: f64,
        audience: Option<PyRef<'_, Rule>>,
        targets: Vec<(Bound<'_, PyAny>, Text)>,
        values: Option<&Bound<'_, PyDict>>,
        enabled: bool,
        metadata: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Self> {
        entry(py, |py| {
            let raised = |error: mlcore::Error| raise(py, &error);
            let mut experiment =
                rollout::Experiment::new(key.into_string(), arm(py, &default)?).with_enabled(enabled);
            if let Some(variants) = variants {
                experiment = drawn(experiment, variants)?;
            }
            if let Some(audience) = audience {
                experiment = experiment.with_audience(audience.rule.clone());
            }
            for (rule, variant) in &targets {
                let rule = rule::required(rule)?.rule.clone();
                experiment = experiment.with_target(rule, arm(py, variant)?);
            }
            for (name, value) in
                values.map(|given| rule::values(given, "values")).transpose()?.into_iter().flatten()
            {
                experiment = experiment.with_value(arm(py, &name)?, value);
            }
            for (name, value) in
                metadata.map(|given| rule::values(given, "metadata")).transpose()?.into_iter().flatten()
            {
                experiment = experiment.with_metadata(name, value);
            }
            // What is no share of a layer is found now, and not when the layer is built.
            rollout::Layer::new("layer").with_experiment(experiment.clone(), traffic).map_err(raised)?;
            Ok(Self { experiment, traffic })
        })
    }

    /// Its key.
    #[getter]
    fn key(&self) -> &str {
        &self.experiment.key
    }

    /// The share of the experiment's units that are drawn into each variant.
    #[getter]
    fn shares<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let shares = PyDict::new(py);
        for variant in &self.experiment.variants {
            shares.set_item(variant.name.as_str(), variant.stretches.share())?;
        }
        Ok(shares)
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<Reduced<'py>> {
        reduced(py, "experiment", &(&self.experiment, self.traffic))
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let rollout::Experiment { key, default, .. } = &self.experiment;
        Ok(format!("<mlcore.rollout.Experiment {key}: {}, else {default}>", self.shares(py)?.repr()?))
    }
}

/// The experiment with these variants: shares by name, or names that share alike.
fn drawn(mut experiment: rollout::Experiment, variants: &Bound<'_, PyAny>) -> PyResult<rollout::Experiment> {
    let py = variants.py();
    let raised = |error: mlcore::Error| raise(py, &error);
    if let Ok(shares) = variants.cast::<PyMapping>() {
        for item in shares.items()?.iter() {
            let (name, share): (Text, f64) = item.extract()?;
            experiment = experiment.with_variant(arm(py, &name)?, share).map_err(raised)?;
        }
        return Ok(experiment);
    }
    if variants.is_instance_of::<PyString>() {
        let problem = "a dict of names and shares is expected, and it is a str";
        let remedy = "pass a dict such as {\"on\": 0.5}, or a list of names that share alike";
        return Err(wrong_type(py, "build experiments", "variants", problem, remedy));
    }
    let names = variants.extract::<Vec<Text>>().map_err(|_| {
        let problem = format!("a dict of names and shares is expected, and it is a {}", type_name(variants));
        let remedy = "pass a dict such as {\"on\": 0.5}, or a list of names that share alike";
        wrong_type(py, "build experiments", "variants", problem, remedy)
    })?;
    let names = names.iter().map(|name| arm(py, name)).collect::<PyResult<Vec<_>>>()?;
    experiment.with_equal_variants(names).map_err(raised)
}

/// Experiments that share the units: a unit is in at most one of them, whatever their rules say. Layers are independent of each
/// other.
///
/// Parameters
/// ----------
/// name : str
///     Part of its salt.
/// experiments : list of Experiment, optional
///     Each has the share of the units that its ``traffic`` says.
/// hold_out : float, optional
///     The share of units that no experiment of this layer touches, taken evenly from all of them. Default 0.
///
/// Raises
/// ------
/// InvalidInputError
///     Where the experiments want more than all units.
///
/// Examples
/// --------
/// >>> from mlcore.rollout import Experiment, Layer
/// >>> a, b = [Experiment(key, "champion", {"challenger": 0.5}, traffic=0.5) for key in "ab"]
/// >>> Layer("models", [a, b])
/// <mlcore.rollout.Layer models: a, b>
#[pyclass(module = "mlcore.rollout", frozen, eq)]
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Layer {
    pub(super) layer: rollout::Layer,
}

#[pymethods]
impl Layer {
    #[new]
    #[pyo3(
        signature = (name, experiments = Vec::new(), *, hold_out = 0.0),
        text_signature = "(name, experiments=(), *, hold_out=0.0)"
    )]
    #[expect(clippy::needless_pass_by_value, reason = "pyo3 hands over owned lists")]
    fn new(
        py: Python<'_>,
        name: Text,
        experiments: Vec<PyRef<'_, Experiment>>,
        hold_out: f64,
    ) -> PyResult<Self> {
        entry(py, |py| {
            let mut layer = rollout::Layer::new(name.into_string()).with_hold_out(hold_out);
            for own in &experiments {
                layer = layer
                    .with_experiment(own.experiment.clone(), own.traffic)
                    .map_err(|error| raise(py, &error))?;
            }
            Ok(Self { layer })
        })
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<Reduced<'py>> {
        reduced(py, "layer", &self.layer)
    }

    fn __repr__(&self) -> String {
        let keys: Vec<&str> =
            self.layer.experiments.iter().map(|experiment| experiment.key.as_str()).collect();
        format!("<mlcore.rollout.Layer {}: {}>", self.layer.name, keys.join(", "))
    }
}

/// A unit that gets a variant by name: a tester, a customer who asked for it.
///
/// Parameters
/// ----------
/// unit : str
/// flag : str
///     The key of the experiment or flag.
/// variant : str
/// reason : str
///     Why, in words.
///
/// Raises
/// ------
/// InvalidInputError
///     For a unit and a variant whose names are none.
///
/// Examples
/// --------
/// >>> from mlcore.rollout import Override
/// >>> Override("ana", "ranker", "challenger", "tests the new ranker")
/// Override('ana', 'ranker', 'challenger', 'tests the new ranker')
#[pyclass(module = "mlcore.rollout", frozen, eq)]
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Override {
    pub(super) given: rollout::Override,
}

#[pymethods]
impl Override {
    #[new]
    #[expect(clippy::needless_pass_by_value, reason = "pyo3 hands over owned texts")]
    fn new(py: Python<'_>, unit: Text, flag: Text, variant: Text, reason: Text) -> PyResult<Self> {
        entry(py, |py| {
            let unit = UnitId::new(&unit).map_err(|error| raise(py, &error))?;
            let variant = arm(py, &variant)?;
            Ok(Self {
                given: rollout::Override::new(unit, flag.into_string(), variant, reason.into_string()),
            })
        })
    }

    /// The attributes by name.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        plain(py, "write override", &self.given)
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<Reduced<'py>> {
        reduced(py, "override", &self.given)
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let rollout::Override { unit, flag, variant, reason, .. } = &self.given;
        let texts = [unit.as_str(), flag, variant.as_str(), reason];
        let shown = texts.into_iter().map(|text| Ok(PyString::new(py, text).repr()?.to_string()));
        Ok(format!("Override({})", shown.collect::<PyResult<Vec<String>>>()?.join(", ")))
    }
}
