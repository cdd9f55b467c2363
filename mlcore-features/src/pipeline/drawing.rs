//! A plan as a drawing.

use std::fmt::Write as _;

use mlcore::mermaid::quoted;

use super::diff::kind;
use super::{FittedStep, Plan};

impl Plan {
    /// The plan as text for Mermaid, which GitHub and notebooks draw: a flow chart from the columns to the features. No name in it
    /// can be markup.
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// use mlcore::arrow::array::{Float64Array, RecordBatch};
    /// use mlcore_features::pipeline::ColumnTransformer;
    /// use mlcore_features::transform::MinMaxScaler;
    ///
    /// let ages = Arc::new(Float64Array::from(vec![20.0, 60.0]));
    /// let table = RecordBatch::try_from_iter([("age", ages as _)]).unwrap();
    /// let plan = ColumnTransformer::new().with("num", MinMaxScaler::default().clip(true), ["age"]).fit(&table)?;
    /// let drawn = plan.to_mermaid();
    /// assert!(drawn.starts_with("flowchart LR\n"));
    /// assert!(drawn.contains(r#"["age"]"#) && drawn.contains(r#"["num#58; MinMaxScaler<br>clip#61;True"]"#), "{drawn}");
    /// # Ok::<(), mlcore::Error>(())
    /// ```
    #[must_use]
    pub fn to_mermaid(&self) -> String {
        let mut drawing = Drawing { text: "flowchart LR\n".to_owned(), nodes: 0 };
        let input = drawing.node(&counted(self.input().len(), "column"), "");
        let mut ends = Vec::new();
        let columns: Vec<&str> = self.input().names().collect();
        match self.step() {
            FittedStep::ColumnTransformer(_) => drawing.step("", self.step(), input, &mut ends),
            step => {
                let from = drawing.columns(&columns, input);
                drawing.step("", step, from, &mut ends);
            }
        }
        let output = drawing.node(&counted(self.width(), "feature"), "");
        ends.into_iter().for_each(|end| drawing.edge(end, output));
        drawing.text
    }
}

/// How many columns of a step are named.
const MOST_NAMES: usize = 5;

fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

struct Drawing {
    text: String,
    nodes: usize,
}

impl Drawing {
    /// A box with a line, and another below unless it is empty.
    fn node(&mut self, line: &str, below: &str) -> usize {
        let node = self.nodes;
        self.nodes += 1;
        let line_break = if below.is_empty() { "" } else { "<br>" };
        // Writing to a string cannot fail.
        let _ = writeln!(self.text, "  n{node}[\"{}{line_break}{}\"]", quoted(line), quoted(below));
        node
    }

    fn edge(&mut self, from: usize, to: usize) {
        let _ = writeln!(self.text, "  n{from} --> n{to}");
    }

    /// A box with the names of columns.
    fn columns(&mut self, names: &[impl AsRef<str>], from: usize) -> usize {
        let mut line: Vec<&str> = names.iter().take(MOST_NAMES).map(AsRef::as_ref).collect();
        let more = format!("{} more", names.len().saturating_sub(MOST_NAMES));
        if names.len() > MOST_NAMES {
            line.push(&more);
        }
        let node = self.node(&line.join(" - "), "");
        self.edge(from, node);
        node
    }

    /// Draws a step behind `from`; the boxes at its end are put into `ends`.
    fn step(&mut self, name: &str, step: &FittedStep, from: usize, ends: &mut Vec<usize>) {
        let titled = |kind: &str| if name.is_empty() { kind.to_owned() } else { format!("{name}: {kind}") };
        match step {
            FittedStep::Passthrough(_) | FittedStep::Drop => {
                let node = self.node(&titled(&kind(step)), "");
                self.edge(from, node);
                if !matches!(step, FittedStep::Drop) {
                    ends.push(node);
                }
            }
            FittedStep::Transformer(fitted) => {
                let node = self.node(
                    &titled(&kind(step)),
                    &fitted.specification().changed_parameters().unwrap_or_default().to_string(),
                );
                self.edge(from, node);
                ends.push(node);
            }
            FittedStep::Function(function) => {
                let node = self.node(&titled(&kind(step)), &function.parameters().to_string());
                self.edge(from, node);
                ends.push(node);
            }
            FittedStep::Pipeline(pipeline) => {
                let mut from = vec![from];
                for (inner, step) in pipeline.iter() {
                    let inner = if name.is_empty() { inner.to_owned() } else { format!("{name} {inner}") };
                    let start = self.joined(&from);
                    from.clear();
                    self.step(&inner, step, start, &mut from);
                }
                ends.append(&mut from);
            }
            FittedStep::ColumnTransformer(columns) => {
                for (inner, step, names) in columns.iter() {
                    // An empty list of columns leaves the transformer out.
                    if !names.is_empty() {
                        let start = self.columns(names, from);
                        let inner =
                            if name.is_empty() { inner.to_owned() } else { format!("{name} {inner}") };
                        self.step(&inner, step, start, ends);
                    }
                }
            }
            FittedStep::FeatureUnion(union) => {
                for (inner, step, weight) in union.iter() {
                    let inner = if name.is_empty() { inner.to_owned() } else { format!("{name} {inner}") };
                    let inner = weight.map_or(inner.clone(), |weight| format!("{inner} * {weight}"));
                    self.step(&inner, step, from, ends);
                }
            }
        }
    }

    /// One box for all of these.
    fn joined(&mut self, from: &[usize]) -> usize {
        match from {
            [one] => *one,
            several => {
                let node = self.node("joined", "");
                several.iter().for_each(|one| self.edge(*one, node));
                node
            }
        }
    }
}
