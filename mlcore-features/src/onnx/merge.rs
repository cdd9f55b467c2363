//! A plan and a model as one graph. The model's bytes come from outside: they are walked in bounded depth, and whatever is not
//! understood is kept byte for byte.

use std::collections::HashSet;

use mlcore::wire::{Fields, put_bytes, put_number};
use mlcore::{Error, Result};

use super::rename::{self, Names};
use super::{
    DIGEST, FloatType, IR_VERSION, MACHINE_LEARNING_OPSET, MACHINE_LEARNING_OPSETS, OPERATION, OPSETS,
    OnnxExport, Parts, ROWS, metadata, parts, prefix,
};
use crate::graph::proto::{self, Dimension};
use crate::graph::{MACHINE_LEARNING, Opsets};
use crate::pipeline::Plan;

pub(super) fn merged(plan: &Plan, bytes: &[u8], export: &OnnxExport) -> Result<Vec<u8>> {
    let damaged = |problem: String| {
        Error::invalid_model(OPERATION, "model", format!("it is no ONNX model, or a damaged one: {problem}"))
            .remedy("check that the whole file arrived, and that it was exported as ONNX")
    };
    let model = Model::read(bytes).map_err(damaged)?;
    if model.trains {
        return Err(unsupported("it holds how it is trained").remedy("export it for inference"));
    }
    if model.has_plan {
        return Err(unsupported("it has a plan already").remedy("pass the model without a plan"));
    }
    let graph = Graph::read(model.graph).map_err(damaged)?;
    let input = graph.input(plan.width())?;
    let opsets = model.opsets()?;

    let columns: HashSet<&str> = plan.input().names().collect();
    if let Some(name) = graph.outputs.iter().find(|name| columns.contains(*name)) {
        return Err(Error::unsupported(
            OPERATION,
            *name,
            "a column and an output of the model have this name",
        )
        .remedy("rename the output, or the column"));
    }
    let known = || columns.iter().copied().chain(graph.names.iter().copied());
    let mut renamed = Names::new();
    for name in graph.names.iter().filter(|name| columns.contains(*name)) {
        let mut other = format!("model/{name}");
        while known().any(|name| name == other) {
            other.push('_');
        }
        renamed.insert(name, other);
    }
    let features = renamed.get(input.name).map_or(input.name, String::as_str).to_owned();
    let names: Vec<&str> = known().chain(renamed.values().map(String::as_str)).collect();
    let export = OnnxExport { features: input.float, output: features, ..export.clone() };
    let parts = parts(plan.program(), &export, prefix(&names), opsets)?;

    let rows = input.rows.filter(|rows| !rows.is_empty());
    let rows = rows.map_or_else(|| proto::dimension(ROWS), <[u8]>::to_vec);
    let whole = graph.with(&parts, &input, &rows, &renamed).map_err(damaged)?;
    let mut message = Vec::with_capacity(bytes.len() + whole.len());
    put_number(&mut message, 1, model.ir_version.max(IR_VERSION).cast_unsigned());
    for kept in &model.kept {
        message.extend_from_slice(kept);
    }
    put_bytes(&mut message, 7, &whole);
    if !model.imports(is_standard) {
        put_bytes(&mut message, 8, &proto::operator_set("", opsets.standard));
    }
    if parts.uses_machine_learning && !model.imports(|domain| domain == MACHINE_LEARNING) {
        put_bytes(&mut message, 8, &proto::operator_set(MACHINE_LEARNING, opsets.machine_learning));
    }
    metadata(plan, &mut message)?;
    Ok(message)
}

fn unsupported(problem: impl Into<String>) -> Error {
    Error::unsupported(OPERATION, "model", problem)
}

fn is_standard(domain: &str) -> bool {
    matches!(domain, "" | "ai.onnx")
}

/// ModelProto.
#[derive(Default)]
struct Model<'a> {
    ir_version: i64,
    graph: &'a [u8],
    imports: Vec<(&'a str, i64)>,
    /// Fields that stay as they are.
    kept: Vec<&'a [u8]>,
    trains: bool,
    has_plan: bool,
}

impl<'a> Model<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self, String> {
        let mut model = Self::default();
        let (mut has_graph, mut has_version) = (false, false);
        for field in Fields::of(bytes) {
            let field = field?;
            match field.number {
                1 => {
                    model.ir_version = field.number()?;
                    has_version = true;
                    continue;
                }
                7 if has_graph => return Err("it holds two graphs".into()),
                7 => {
                    model.graph = field.bytes()?;
                    has_graph = true;
                    continue;
                }
                8 => model.imports.push(operator_set(field.bytes()?)?),
                14 => model.has_plan |= first_text(field.bytes()?, 1)? == Some(DIGEST),
                20 => model.trains = true,
                _ => {}
            }
            model.kept.push(field.raw);
        }
        match (has_graph, has_version) {
            (true, true) => Ok(model),
            (false, _) => Err("it holds no graph".into()),
            (true, false) => Err("it does not say its format's version".into()),
        }
    }

    fn imports(&self, is_asked: impl Fn(&str) -> bool) -> bool {
        self.imports.iter().any(|(domain, _)| is_asked(domain))
    }

    /// The versions in which the plan is written beside the model.
    fn opsets(&self) -> Result<Opsets> {
        let version = |is_asked: &dyn Fn(&str) -> bool, known: &std::ops::RangeInclusive<i64>, own| {
            let mut versions =
                self.imports.iter().filter(|(domain, _)| is_asked(domain)).map(|(_, version)| *version);
            let Some(version) = versions.next() else { return Ok(own) };
            if versions.any(|other| other != version) || !known.contains(&version) {
                let domain = self.imports.iter().find(|(domain, _)| is_asked(domain));
                let domain = domain.map_or("", |(domain, _)| domain);
                let domain = if domain.is_empty() { "ai.onnx" } else { domain };
                let problem = format!(
                    "it is written in version {version} of the operators of {domain}, and a plan in one of {} to {}",
                    known.start(),
                    known.end()
                );
                return Err(unsupported(problem).remedy("export the model in one of these versions"));
            }
            Ok(version)
        };
        Ok(Opsets {
            standard: version(&is_standard, &OPSETS, 17)?,
            machine_learning: version(
                &|domain| domain == MACHINE_LEARNING,
                &MACHINE_LEARNING_OPSETS,
                MACHINE_LEARNING_OPSET,
            )?,
        })
    }
}

/// OperatorSetIdProto.
fn operator_set(bytes: &[u8]) -> Result<(&str, i64), String> {
    let (mut domain, mut version) = ("", 0);
    for field in Fields::of(bytes) {
        let field = field?;
        match field.number {
            1 => domain = field.text()?,
            2 => version = field.number()?,
            _ => {}
        }
    }
    Ok((domain, version))
}

/// The text of a field, the last where there are several, as protocol buffers have it.
fn first_text(message: &[u8], number: u64) -> Result<Option<&str>, String> {
    let mut found = None;
    for field in Fields::of(message) {
        let field = field?;
        if field.number == number {
            found = Some(field.text()?);
        }
    }
    Ok(found)
}

/// The model's own graph.
#[derive(Default)]
struct Graph<'a> {
    message: &'a [u8],
    inputs: Vec<(&'a str, &'a [u8])>,
    outputs: Vec<&'a str>,
    initialised: HashSet<&'a str>,
    /// Names of values, in graphs inside of it too.
    names: HashSet<&'a str>,
}

/// The model's one input.
struct Input<'a> {
    name: &'a str,
    float: FloatType,
    /// Its first dimension, where it says its shape.
    rows: Option<&'a [u8]>,
}

impl<'a> Graph<'a> {
    fn read(message: &'a [u8]) -> Result<Self, String> {
        let mut graph = Self { message, ..Self::default() };
        for field in Fields::of(message) {
            let field = field?;
            match field.number {
                5 => {
                    graph.initialised.extend(first_text(field.bytes()?, 8)?);
                }
                11 => {
                    let declared = field.bytes()?;
                    graph.inputs.push((first_text(declared, 1)?.unwrap_or_default(), declared));
                }
                12 => graph.outputs.push(first_text(field.bytes()?, 1)?.unwrap_or_default()),
                15 => {
                    for part in Fields::of(field.bytes()?) {
                        let part = part?;
                        if part.number == 1 {
                            graph.initialised.extend(first_text(part.bytes()?, 8)?);
                        }
                    }
                }
                _ => {}
            }
        }
        let mut names = HashSet::new();
        rename::visit(message, 0, &mut |name| {
            names.insert(name);
        })?;
        graph.names = names;
        Ok(graph)
    }

    /// The one input, which takes so many features.
    fn input(&self, width: usize) -> Result<Input<'a>> {
        let free: Vec<_> = self.inputs.iter().filter(|(name, _)| !self.initialised.contains(name)).collect();
        let [(name, declared)] = free[..] else {
            let problem = format!("it has {} inputs, and a plan makes one matrix", free.len());
            return Err(unsupported(problem).remedy("export the model with one input of floats"));
        };
        let (element, shape) = tensor_type(declared)
            .map_err(|problem| Error::invalid_model(OPERATION, "model", format!("{name:?}: {problem}")))?;
        let float = match element {
            1 => FloatType::Float32,
            11 => FloatType::Float64,
            other => {
                let problem = format!("its input {name:?} has the element type {other}, not float or double");
                return Err(unsupported(problem).remedy("export the model with one input of floats"));
            }
        };
        let rows = match shape.as_deref() {
            None => None,
            Some([rows, columns]) => {
                let taken = fixed_size(columns).map_err(|problem| {
                    Error::invalid_model(OPERATION, "model", format!("{name:?}: {problem}"))
                })?;
                if let Some(taken) = taken.filter(|taken| u64::try_from(*taken) != Ok(width as u64)) {
                    let problem = format!(
                        "the model's input {name:?} takes {taken} features, and the plan makes {width}"
                    );
                    return Err(Error::schema_mismatch(OPERATION, "model", problem)
                        .remedy("pass the model that was trained on this plan's features"));
                }
                Some(*rows)
            }
            Some(other) => {
                let problem =
                    format!("its input {name:?} has {} dimensions, and a plan makes a matrix", other.len());
                return Err(unsupported(problem).remedy("export the model with one input of floats"));
            }
        };
        Ok(Input { name, float, rows })
    }

    /// The graph with the plan's nodes before its own and the plan's inputs in the place of its own.
    fn with(
        &self,
        parts: &Parts,
        input: &Input<'_>,
        rows: &[u8],
        renamed: &Names<'_>,
    ) -> Result<Vec<u8>, String> {
        let mut whole = parts.nodes.clone();
        whole.extend_from_slice(&parts.initializers);
        let one = proto::dimension(Dimension::Fixed(1));
        for (name, element) in &parts.inputs {
            put_bytes(&mut whole, 11, &proto::declaration(name, *element, &[rows, &one]));
        }
        for field in Fields::of(self.message) {
            let field = field?;
            if field.number == 11 && first_text(field.bytes()?, 1)? == Some(input.name) {
                continue;
            }
            if renamed.is_empty() {
                whole.extend_from_slice(field.raw);
            } else {
                rename::rewrite(&field, 0, renamed, &mut whole)?;
            }
        }
        Ok(whole)
    }
}

/// The dimensions of a tensor as messages, where its shape is declared.
type Dimensions<'a> = Option<Vec<&'a [u8]>>;

/// The element type and the dimensions of a declaration (ValueInfoProto).
fn tensor_type(declared: &[u8]) -> Result<(i64, Dimensions<'_>), String> {
    let (mut element, mut shape) = (0, None);
    for kind in messages(declared, 2)? {
        for tensor in messages(kind, 1)? {
            for field in Fields::of(tensor) {
                let field = field?;
                match field.number {
                    1 => element = field.number()?,
                    2 => shape = Some(messages(field.bytes()?, 1)?),
                    _ => {}
                }
            }
        }
    }
    Ok((element, shape))
}

/// The messages in the fields of a number.
fn messages(message: &[u8], number: u64) -> Result<Vec<&[u8]>, String> {
    let mut found = Vec::new();
    for field in Fields::of(message) {
        let field = field?;
        if field.number == number {
            found.push(field.bytes()?);
        }
    }
    Ok(found)
}

/// The size of a dimension that is fixed.
fn fixed_size(dimension: &[u8]) -> Result<Option<i64>, String> {
    let mut size = None;
    for field in Fields::of(dimension) {
        let field = field?;
        if field.number == 1 {
            size = Some(field.number()?);
        }
    }
    Ok(size)
}
