//! The file `MLmodel` of a model: which flavors it has, where its ONNX file lies, and what its signature names.
//!
//! It is YAML as MLflow writes it: mappings by indentation, whose values are plain, or in quotation marks that may go on over lines.

use mlcore::{Error, Result};
use serde::Deserialize;

/// What is read of the file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct MlModel {
    /// The path of the ONNX file, from the folder of `MLmodel`.
    pub(crate) data: String,
    /// The columns of the signature in their order, where all of its inputs are columns with names.
    pub(crate) columns: Option<Vec<String>>,
}

/// An input in a signature.
#[derive(Deserialize)]
struct Input {
    #[serde(default)]
    name: Option<String>,
    #[serde(rename = "type")]
    kind: serde_json::Value,
}

impl MlModel {
    /// Reads the file of this version of this model.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for a model without the ONNX flavor, which says how to log one.
    pub(crate) fn read(text: &str, model: &str, version: &str) -> Result<Self> {
        let lines: Vec<Line<'_>> = text.lines().filter_map(Line::read).collect();
        let flavors: Vec<&str> = keys(within(&lines, &["flavors"])).collect();
        let subject = || format!("{model} version {version}");
        if !flavors.contains(&"onnx") {
            let problem = match flavors.as_slice() {
                [] => "its file MLmodel names no flavor".to_owned(),
                flavors => format!("its flavors are {}, and onnx is none of them", flavors.join(" and ")),
            };
            return Err(Error::unsupported("load model", subject(), problem).remedy(format!(
                "convert the model, log it by mlflow.onnx.log_model(onnx_model, name=\"model\", \
                 registered_model_name=\"{model}\"), and serve that version"
            )));
        }
        let data = value(&lines, &["flavors", "onnx"], "data").ok_or_else(|| {
            Error::unsupported(
                "load model",
                subject(),
                "its file MLmodel does not say where its ONNX file lies",
            )
        })?;
        let columns = value(&lines, &["signature"], "inputs").and_then(|inputs| columns_of(&inputs));
        Ok(Self { data, columns })
    }
}

fn columns_of(inputs: &str) -> Option<Vec<String>> {
    let inputs: Vec<Input> = serde_json::from_str(inputs).ok()?;
    let columns: Option<Vec<String>> =
        inputs.into_iter().map(|input| input.name.filter(|_| input.kind != "tensor")).collect();
    columns.filter(|columns| !columns.is_empty())
}

/// A line that is neither empty nor a comment.
#[derive(Clone, Copy, Debug)]
struct Line<'t> {
    indent: usize,
    text: &'t str,
}

impl<'t> Line<'t> {
    fn read(line: &'t str) -> Option<Self> {
        let text = line.trim();
        let indent = line.len() - line.trim_start_matches(' ').len();
        (!text.is_empty() && !text.starts_with('#')).then_some(Self { indent, text })
    }

    /// The key of the line and what stands behind it.
    fn key(&self) -> Option<(&'t str, &'t str)> {
        let (key, value) = match self.text.split_once(": ") {
            Some((key, value)) => (key, value.trim()),
            None => (self.text.strip_suffix(':')?, ""),
        };
        (!key.starts_with('-')).then_some((key.trim_matches(['\'', '"']), value))
    }
}

/// The lines below this path of keys.
fn within<'l, 't>(mut lines: &'l [Line<'t>], path: &[&str]) -> &'l [Line<'t>] {
    for name in path {
        let outer = lines.first().map_or(0, |line| line.indent);
        let is_it = |line: &Line<'_>| line.indent == outer && line.key().is_some_and(|(key, _)| key == *name);
        let Some(place) = lines.iter().position(is_it) else { return &[] };
        let below = lines.get(place + 1..).unwrap_or_default();
        let count = below.iter().position(|line| line.indent <= outer).unwrap_or(below.len());
        lines = below.get(..count).unwrap_or_default();
    }
    lines
}

/// The keys of a mapping.
fn keys<'l, 't>(lines: &'l [Line<'t>]) -> impl Iterator<Item = &'t str> + 'l {
    let outer = lines.first().map_or(0, |line| line.indent);
    lines.iter().filter(move |line| line.indent == outer).filter_map(|line| line.key().map(|(key, _)| key))
}

/// The text of a key of the mapping at this path; none where it is absent, or null.
fn value(lines: &[Line<'_>], path: &[&str], key: &str) -> Option<String> {
    let lines = within(lines, path);
    let outer = lines.first()?.indent;
    let is_it = |line: &Line<'_>| line.indent == outer && line.key().is_some_and(|(own, _)| own == key);
    let place = lines.iter().position(is_it)?;
    let mut text = lines.get(place)?.key()?.1.to_owned();
    for line in lines.get(place + 1..).unwrap_or_default().iter().take_while(|line| line.indent > outer) {
        // A line that ends in a backslash goes on without a blank, and its next one may begin with an escaped one.
        match text.strip_suffix('\\').map(str::len) {
            Some(end) if text.starts_with('"') => {
                text.truncate(end);
                text.push_str(line.text.strip_prefix("\\ ").map_or(line.text, |_| &line.text[1..]));
            }
            _ => {
                text.push(' ');
                text.push_str(line.text);
            }
        }
    }
    if let Some(quoted) = text.strip_prefix('\'').and_then(|text| text.strip_suffix('\'')) {
        return Some(quoted.replace("''", "'"));
    }
    if text.starts_with('"') {
        return serde_json::from_str(&text).ok();
    }
    (!["", "null", "~"].contains(&text.as_str())).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONNX: &str = "\
artifact_path: mlflow-artifacts:/0/models/m-1/artifacts
flavors:
  onnx:
    code: null
    data: model.onnx
    onnx_version: 1.23.2
    providers:
    - CUDAExecutionProvider
    - CPUExecutionProvider
  python_function:
    data: other.onnx
    env:
      conda: conda.yaml
    loader_module: mlflow.onnx
mlflow_version: 3.17.2
signature:
  inputs: '[{\"type\": \"double\", \"name\": \"age\", \"required\": true}, {\"type\": \"string\", \"name\":
    \"plan''s\", \"required\": true}]'
  outputs: '[{\"type\": \"tensor\", \"tensor-spec\": {\"dtype\": \"int64\", \"shape\": [-1]}}]'
  params: null
utc_time_created: '2026-11-27 10:07:02.049488'
";

    #[test]
    fn the_file_and_the_columns_are_found() {
        let read = MlModel::read(ONNX, "forest", "1").unwrap();
        assert_eq!(read.data, "model.onnx");
        assert_eq!(read.columns.unwrap(), ["age", "plan's"]);
        let double = ONNX.replace(
            "'[{\"type\": \"double\", \"name\": \"age\", \"required\": true}, {\"type\": \"string\", \"name\":\n    \"plan''s\", \
             \"required\": true}]'",
            "\"[{\\\"type\\\": \\\"double\\\", \\\"name\\\":\\\n    \\ \\\"gr\\u00f6\\xdfe\\\"}]\"",
        );
        // YAML's own escapes are none of JSON's: the columns are not known then.
        assert_eq!(MlModel::read(&double, "forest", "1").unwrap().columns, None);
        let double = double.replace("\\xdf", "\\u00df");
        assert_eq!(MlModel::read(&double, "forest", "1").unwrap().columns.unwrap(), ["gr\u{f6}\u{df}e"]);
        let tensor = ONNX.replace("\"type\": \"double\"", "\"type\": \"tensor\"");
        assert_eq!(MlModel::read(&tensor, "forest", "1").unwrap().columns, None);
        let unsigned = ONNX.split("signature:").next().unwrap();
        assert_eq!(MlModel::read(unsigned, "forest", "1").unwrap().columns, None);
        let quoted = ONNX.replace("data: model.onnx", "data: \"model #1.onnx\"").replace('\n', "\r\n");
        assert_eq!(MlModel::read(&quoted, "forest", "1").unwrap().data, "model #1.onnx");
    }

    #[test]
    fn a_model_without_onnx_says_how_to_log_one() {
        let sklearn = ONNX.replace("  onnx:\n", "  sklearn:\n");
        let error = MlModel::read(&sklearn, "forest", "2").unwrap_err().to_string();
        assert!(
            error.starts_with(
                "load model forest version 2: its flavors are sklearn and python_function, and onnx is none of them"
            ) && error.contains("mlflow.onnx.log_model(onnx_model, name=\"model\", registered_model_name=\"forest\")")
                && !error.contains('\n'),
            "{error}"
        );
        for (text, problem) in [
            ("", "names no flavor"),
            ("flavors:\nmlflow_version: 3\n", "names no flavor"),
            ("{\"flavors\": {\"onnx\": {\"data\": \"m\"}}}", "names no flavor"),
            ("flavors:\n  onnx:\n    data: null\n", "does not say where"),
            ("flavors:\n  onnx:\nmodel_id: m\n", "does not say where"),
        ] {
            let error = MlModel::read(text, "forest", "2").unwrap_err().to_string();
            assert!(error.contains(problem), "{text:?}: {error}");
        }
    }
}
