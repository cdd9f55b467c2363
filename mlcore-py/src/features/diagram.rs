//! Transformers as a notebook shows them: boxes in boxes.

use mlcore_drift::html::{Markup, Page, code, subheading};
use mlcore_features::pipeline::FittedStep;
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::error::entry;

/// A transformer and those inside it.
struct Step {
    kind: String,
    /// Its parameters, where they differ from the defaults.
    parameters: String,
    /// What stands above each inner step, and the step.
    inside: Vec<(String, Step)>,
}

impl<'py> FromPyObject<'_, 'py> for Step {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        type Inside<'py> = Vec<(Bound<'py, PyString>, Bound<'py, PyAny>)>;
        let (kind, parameters, inside) =
            object.extract::<(Bound<'py, PyString>, Bound<'py, PyString>, Inside<'py>)>()?;
        // A page shows what it can: half a pair of surrogates is a question mark.
        let text = |text: &Bound<'_, PyString>| text.to_string_lossy().into_owned();
        let inside = inside.iter().map(|(above, step)| Ok((text(above), step.extract()?)));
        Ok(Self {
            kind: text(&kind),
            parameters: text(&parameters),
            inside: inside.collect::<PyResult<_>>()?,
        })
    }
}

impl Step {
    /// A fitted step, as it stands in a plan.
    fn of(fitted: &FittedStep) -> Self {
        let mut step = Self { kind: String::new(), parameters: String::new(), inside: Vec::new() };
        match fitted {
            FittedStep::Transformer(fitted) => {
                let own = fitted.specification();
                own.name().clone_into(&mut step.kind);
                step.parameters = own.changed_parameters().unwrap_or_default().to_string();
            }
            FittedStep::Pipeline(steps) => {
                "Pipeline".clone_into(&mut step.kind);
                step.inside = steps.iter().map(|(name, inner)| (name.to_owned(), Self::of(inner))).collect();
            }
            FittedStep::ColumnTransformer(branches) => {
                "ColumnTransformer".clone_into(&mut step.kind);
                let inside = branches.iter();
                step.inside = inside
                    .map(|(name, inner, columns)| (format!("{name}: {}", shown(columns)), Self::of(inner)))
                    .collect();
            }
            FittedStep::FeatureUnion(union) => {
                "FeatureUnion".clone_into(&mut step.kind);
                let above = |name: &str, weight: Option<f64>| {
                    weight.map_or_else(|| name.to_owned(), |weight| format!("{name} * {weight}"))
                };
                let inside = union.iter();
                step.inside =
                    inside.map(|(name, inner, weight)| (above(name, weight), Self::of(inner))).collect();
            }
            FittedStep::Function(function) => {
                step.kind = format!("{} version {}", function.name(), function.version());
                step.parameters = function.parameters().to_string();
            }
            FittedStep::Drop => "drop".clone_into(&mut step.kind),
            _ => "passthrough".clone_into(&mut step.kind),
        }
        step
    }

    fn markup(&self, above: Option<&str>) -> Markup {
        let mut content = Markup::new();
        if let Some(above) = above {
            content.push(Markup::element("div", &[("class", "ml-name")], above));
        }
        content.push(subheading(&self.kind));
        if !self.parameters.is_empty() {
            content.push(code(&self.parameters));
        }
        if !self.inside.is_empty() {
            let inside: Markup = self.inside.iter().map(|(above, step)| step.markup(Some(above))).collect();
            content.push(Markup::element("div", &[("class", "ml-cards"), ("role", "list")], inside));
        }
        let attributes: &[(&str, &str)] = match above {
            Some(_) => &[("class", "ml-card"), ("role", "listitem")],
            None => &[("class", "ml-card")],
        };
        Markup::element("div", attributes, content)
    }
}

/// The first names of columns.
fn shown(columns: &[String]) -> String {
    let most = 10;
    let mut shown = columns.iter().take(most).map(String::as_str).collect::<Vec<_>>().join(", ");
    if columns.len() > most {
        shown.push_str(&format!(", {} more", columns.len() - most));
    }
    shown
}

/// The piece of a page that shows a plan.
pub(super) fn of_plan(title: &str, step: &FittedStep) -> String {
    Page::new(title).lead(Step::of(step).markup(None)).to_fragment()
}

/// The piece of a page that shows a transformer: its kind, its parameters, and a list of what stands above each step inside
/// and the step.
#[pyfunction]
pub(super) fn _diagram(
    py: Python<'_>,
    title: &Bound<'_, PyString>,
    step: &Bound<'_, PyAny>,
) -> PyResult<String> {
    entry(py, |_| {
        let step: Step = step.extract()?;
        Ok(Page::new(title.to_string_lossy()).lead(step.markup(None)).to_fragment())
    })
}
