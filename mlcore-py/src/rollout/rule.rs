//! Conditions over what requests say of themselves.

use mlcore::batch::OwnedValue;
use mlcore::name::UnitId;
use mlcore::rollout::{self, Operator, Verdict};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use super::asked::Said;
use super::pickle::{Reduced, reduced};
use crate::door::{Text, type_name};
use crate::error::{entry, invalid, raise, wrong_type};
use crate::plain::{json, plain};
use crate::value::{self, Place};

/// Which requests an experiment or a flag is for: a condition over the attributes of their context.
///
/// Rules combine by ``&``, ``|`` and ``~``. The operators are flagd's, with types: text equals text and not a number that looks
/// like it. A rule that needs an attribute which the request did not bring, or brought in another type, is undecided, and an
/// undecided rule selects nobody: ``~`` of one is undecided too, and ``|`` holds where its other rule does.
///
/// Examples
/// --------
/// >>> from mlcore.rollout import Rule
/// >>> rule = Rule.equals("country", "PT") & Rule.sem_ver("app", "^", "2.1")
/// >>> rule.holds("user-17", {"country": "PT", "app": "v2.7.0"}), rule.holds("user-17", {"country": "ES", "app": "1.0"})
/// (True, False)
/// >>> rule.holds("user-17") is None
/// True
/// >>> ~rule
/// ~(Rule.equals('country', 'PT') & Rule.sem_ver('app', '^', '2.1'))
#[pyclass(module = "mlcore.rollout", frozen, eq)]
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Rule {
    pub(super) rule: rollout::Rule,
}

#[pymethods]
#[expect(clippy::needless_pass_by_value, reason = "pyo3 hands over owned texts")]
impl Rule {
    /// Every request.
    #[staticmethod]
    fn always() -> Self {
        Self { rule: rollout::Rule::Always }
    }

    /// The attribute has this value; numbers are equal by what they count, whatever their type.
    #[staticmethod]
    fn equals(attribute: Text, value: &Bound<'_, PyAny>) -> PyResult<Self> {
        let value = read(&attribute, value)?;
        Ok(Self { rule: rollout::Rule::equals(attribute, value) })
    }

    /// The attribute has one of these values.
    #[staticmethod]
    fn is_in(attribute: Text, values: Vec<Bound<'_, PyAny>>) -> PyResult<Self> {
        let values: PyResult<Vec<OwnedValue>> = values.iter().map(|value| read(&attribute, value)).collect();
        Ok(Self { rule: rollout::Rule::is_in(attribute, values?) })
    }

    /// The text begins with ``text``.
    #[staticmethod]
    fn starts_with(attribute: Text, text: Text) -> Self {
        Self { rule: rollout::Rule::starts_with(attribute, text) }
    }

    /// The text ends with ``text``.
    #[staticmethod]
    fn ends_with(attribute: Text, text: Text) -> Self {
        Self { rule: rollout::Rule::ends_with(attribute, text) }
    }

    /// The text contains ``text``.
    #[staticmethod]
    fn contains(attribute: Text, text: Text) -> Self {
        Self { rule: rollout::Rule::contains(attribute, text) }
    }

    /// The number, date or time compares so with ``value``.
    ///
    /// Parameters
    /// ----------
    /// attribute : str
    /// operator : {"=", "!=", "<", "<=", ">", ">="}
    /// value : number, date or time
    ///
    /// Raises
    /// ------
    /// InvalidInputError
    ///     For another operator.
    #[staticmethod]
    fn compare(py: Python<'_>, attribute: Text, operator: Text, value: &Bound<'_, PyAny>) -> PyResult<Self> {
        let (operator, value) = (self::operator(py, &operator)?, read(&attribute, value)?);
        Ok(Self { rule: rollout::Rule::compare(attribute, operator, value) })
    }

    /// The semantic version compares so with ``version``.
    ///
    /// Parameters
    /// ----------
    /// attribute : str
    /// operator : {"=", "!=", "<", "<=", ">", ">=", "^", "~"}
    ///     ``^`` asks for the same major version, ``~`` for the same minor one, too.
    /// version : str
    ///
    /// Raises
    /// ------
    /// InvalidInputError
    ///     For another operator.
    #[staticmethod]
    fn sem_ver(py: Python<'_>, attribute: Text, operator: Text, version: Text) -> PyResult<Self> {
        let operator = self::operator(py, &operator)?;
        Ok(Self { rule: rollout::Rule::sem_ver(attribute, operator, version) })
    }

    /// A share of the units, or of the values of an attribute, such as a tenth of the companies: those that stand below ``share`` on
    /// the line of ``seed``.
    #[staticmethod]
    #[pyo3(signature = (seed, share, *, attribute = None))]
    fn fractional(seed: Text, share: f64, attribute: Option<Text>) -> Self {
        let rule = match attribute {
            Some(attribute) => rollout::Rule::fractional_by(attribute, seed, share),
            None => rollout::Rule::fractional(seed, share),
        };
        Self { rule }
    }

    /// The rule that :meth:`to_dict` wrote.
    ///
    /// Raises
    /// ------
    /// InvalidInputError
    ///     For what is no rule.
    #[staticmethod]
    fn from_dict(rule: &Bound<'_, PyAny>) -> PyResult<Self> {
        let py = rule.py();
        entry(py, |py| {
            let text: String = py.import("json")?.call_method1("dumps", (rule,))?.extract()?;
            let read = serde_json::from_str(&text).map_err(|cause| {
                invalid(py, BUILD, "rule", cause.to_string(), "pass what to_dict() answered")
            })?;
            Ok(Self { rule: read })
        })
    }

    /// The rule as plain dicts and lists, as options and states hold it.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        plain(py, "write rule", &self.rule)
    }

    /// Whether it holds for a request of ``unit`` in ``context``; None where it is undecided.
    #[pyo3(signature = (unit, context = None))]
    fn holds(
        &self,
        py: Python<'_>,
        unit: Text,
        context: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Option<bool>> {
        entry(py, |py| {
            let said = Said::read(context, None, "ask rule")?;
            let unit = UnitId::new(&unit).map_err(|error| raise(py, &error))?;
            Ok(said.with(|context| match self.rule.verdict(&unit, &context) {
                Verdict::Met => Some(true),
                Verdict::Unmet => Some(false),
                _ => None,
            }))
        })
    }

    fn __and__(&self, py: Python<'_>, other: PyRef<'_, Self>) -> PyResult<Self> {
        let mut rules = match &self.rule {
            rollout::Rule::And(rules) => rules.clone(),
            rule => vec![rule.clone()],
        };
        rules.push(other.rule.clone());
        Self::nested(py, rollout::Rule::And(rules))
    }

    fn __or__(&self, py: Python<'_>, other: PyRef<'_, Self>) -> PyResult<Self> {
        let mut rules = match &self.rule {
            rollout::Rule::Or(rules) => rules.clone(),
            rule => vec![rule.clone()],
        };
        rules.push(other.rule.clone());
        Self::nested(py, rollout::Rule::Or(rules))
    }

    fn __invert__(&self, py: Python<'_>) -> PyResult<Self> {
        Self::nested(py, !self.rule.clone())
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<Reduced<'py>> {
        reduced(py, "rule", &self.rule)
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        shown(py, &self.rule)
    }
}

impl Rule {
    /// A rule made of rules: none so deep that the stack ends before it does.
    fn nested(py: Python<'_>, rule: rollout::Rule) -> PyResult<Self> {
        if depth(&rule) <= DEEPEST {
            return Ok(Self { rule });
        }
        let problem = format!("it is nested deeper than {DEEPEST} rules");
        Err(invalid(py, BUILD, "rule", problem, "say the same with fewer conditions inside each other"))
    }
}

fn depth(rule: &rollout::Rule) -> usize {
    match rule {
        rollout::Rule::And(rules) | rollout::Rule::Or(rules) => {
            1 + rules.iter().map(depth).max().unwrap_or(0)
        }
        rollout::Rule::Not(rule) => 1 + depth(rule),
        _ => 1,
    }
}

/// The rule as an expression of Python.
fn shown(py: Python<'_>, rule: &rollout::Rule) -> PyResult<String> {
    let text = |text: &str| Ok::<_, PyErr>(PyString::new(py, text).repr()?.to_string());
    let value = |own: &OwnedValue| Ok::<_, PyErr>(value::write(py, own)?.repr()?.to_string());
    let sign = |operator: &Operator| Ok::<_, PyErr>(json(py, "show rule", operator)?.replace('"', "'"));
    let call = |name: &str, arguments: &[String]| format!("Rule.{name}({})", arguments.join(", "));
    let joined = |rules: &[rollout::Rule], sign: &str| {
        let parts: PyResult<Vec<String>> = rules.iter().map(|rule| shown(py, rule)).collect();
        Ok::<_, PyErr>(format!("({})", parts?.join(sign)))
    };
    Ok(match rule {
        rollout::Rule::Always => call("always", &[]),
        rollout::Rule::Equals { attribute, value: own } => call("equals", &[text(attribute)?, value(own)?]),
        rollout::Rule::In { attribute, values } => {
            let values: PyResult<Vec<String>> = values.iter().map(value).collect();
            call("is_in", &[text(attribute)?, format!("[{}]", values?.join(", "))])
        }
        rollout::Rule::StartsWith { attribute, text: own } => {
            call("starts_with", &[text(attribute)?, text(own)?])
        }
        rollout::Rule::EndsWith { attribute, text: own } => {
            call("ends_with", &[text(attribute)?, text(own)?])
        }
        rollout::Rule::Contains { attribute, text: own } => call("contains", &[text(attribute)?, text(own)?]),
        rollout::Rule::Compare { attribute, operator, value: own } => {
            call("compare", &[text(attribute)?, sign(operator)?, value(own)?])
        }
        rollout::Rule::SemVer { attribute, operator, version } => {
            call("sem_ver", &[text(attribute)?, sign(operator)?, text(version)?])
        }
        rollout::Rule::Fractional { seed, attribute, share } => {
            let mut arguments = vec![text(seed)?, format!("{share:?}")];
            if let Some(attribute) = attribute {
                arguments.push(format!("attribute={}", text(attribute)?));
            }
            call("fractional", &arguments)
        }
        rollout::Rule::And(rules) => joined(rules, " & ")?,
        rollout::Rule::Or(rules) => joined(rules, " | ")?,
        rollout::Rule::Not(rule) => format!("~{}", shown(py, rule)?),
        // Newer than this binding.
        other => format!("Rule.from_dict({})", json(py, "show rule", other)?),
    })
}

/// A value to compare with.
fn read(attribute: &str, value: &Bound<'_, PyAny>) -> PyResult<OwnedValue> {
    value::read(value, Place::single(BUILD, attribute))
}

fn operator(py: Python<'_>, sign: &str) -> PyResult<Operator> {
    serde_json::from_value(sign.into()).map_err(|_| {
        let remedy = "choose =, !=, <, <=, >, >=, and of versions ^ or ~";
        invalid(py, BUILD, "operator", format!("{sign:?} is none"), remedy)
    })
}

/// A rule that was handed in.
pub(super) fn required<'py>(object: &Bound<'py, PyAny>) -> PyResult<PyRef<'py, Rule>> {
    object.cast::<Rule>().map(|rule| rule.borrow()).map_err(|_| {
        let problem = format!("a rule is expected, and it is a {}", type_name(object));
        wrong_type(object.py(), BUILD, "rule", problem, "pass one such as Rule.equals(\"country\", \"PT\")")
    })
}

/// The attributes and values of a dict.
pub(super) fn values(given: &Bound<'_, PyDict>, subject: &str) -> PyResult<Vec<(String, OwnedValue)>> {
    let pair = |(name, own): (Bound<'_, PyAny>, Bound<'_, PyAny>)| {
        let name = name.extract::<Text>()?.into_string();
        let value = value::read(&own, Place::single(BUILD, subject))?;
        Ok((name, value))
    };
    given.iter().map(pair).collect()
}

const BUILD: &str = "build experiments";
/// An experiment takes rules of 16 levels; deeper ones are of no use.
const DEEPEST: usize = 32;
