use std::collections::{BTreeSet, HashMap, HashSet};
use std::mem;

use super::ModelInfo;
use super::functions::{Body, Functions, Operator};
use super::kernels::{Collected, Kernels};
use super::signature::{self, Interface, Slot, Slots};
use super::sniff::looks_like;
use super::trees::{self, Trees};
use super::wire::{Field, Fields};
use super::zip_map::ZipMap;
use crate::error::{Error, Result};
use crate::runner::ort::options::Limits;
use crate::schema::{Dim, Schema, Signature};

const OPERATION: &str = "load model";

/// Subgraphs inside subgraphs (If, Loop, Scan). Models nest a few levels; what nests more is made to break parsers.
const DEEPEST: usize = 32;

/// The most nodes of foreign domains that are remembered for the error message.
const FOREIGN_SHOWN: usize = 3;

/// A model that may be run.
#[derive(Clone, Debug)]
pub(in crate::runner::ort) struct Model {
    pub(in crate::runner::ort) info: ModelInfo,
    pub(in crate::runner::ort) inputs: Vec<Slot>,
    /// Inputs that have a default.
    pub(in crate::runner::ort) optional: Vec<Slot>,
    pub(in crate::runner::ort) outputs: Vec<Slot>,
    pub(in crate::runner::ort) zip_maps: Vec<ZipMap>,
    pub(in crate::runner::ort) kernels: Kernels,
    /// How many names first axes have.
    pub(in crate::runner::ort) row_axes: usize,
}

/// Reads the model in `bytes`; `name` is what errors call it.
///
/// # Errors
/// [`Error::InvalidModel`] when the bytes are no ONNX model, or one that must not be run; [`Error::Unsupported`] when
/// it takes or answers what no tensor can hold.
pub(in crate::runner::ort) fn read(bytes: &[u8], name: &str, limits: &Limits) -> Result<Model> {
    if bytes.len() as u64 > limits.max_model_bytes {
        return Err(invalid(
            name,
            format!("it has {} bytes, and at most {} are allowed", bytes.len(), limits.max_model_bytes),
        )
        .remedy("raise the limit max_model_bytes if you trust the model"));
    }
    let mut scan = Scan::new(limits);
    let outcome = scan.model(bytes);
    match outcome {
        Ok(()) => scan.finish(name),
        Err(problem) => Err(match looks_like(bytes) {
            Some(told) => invalid(name, format!("it is no ONNX model: it {told}")),
            None => invalid(name, format!("it is no ONNX model, or a damaged one: {problem}")),
        }
        .remedy("check that the whole file arrived, and that it was exported as ONNX")),
    }
}

fn invalid(name: &str, problem: impl Into<String>) -> Error {
    Error::invalid_model(OPERATION, name, problem)
}

struct Scan<'a> {
    limits: &'a Limits,
    ir_version: Option<i64>,
    opsets: Vec<(String, i64)>,
    producer: [String; 2],
    metadata: Vec<(String, String)>,
    has_graph: bool,
    interface: Interface<'a>,
    zip_maps: Vec<ZipMap>,
    nodes: usize,
    initializers: usize,
    foreign: BTreeSet<Operator<'a>>,
    functions: Functions<'a>,
    /// Of the graph, or of the function that is being read.
    body: Body<'a>,
    trees: Vec<Trees<'a>>,
    kernels: Collected<'a>,
    external: BTreeSet<&'a str>,
}

impl<'a> Scan<'a> {
    fn new(limits: &'a Limits) -> Self {
        Self {
            limits,
            ir_version: None,
            opsets: Vec::new(),
            producer: [String::new(), String::new()],
            metadata: Vec::new(),
            has_graph: false,
            interface: Interface::default(),
            zip_maps: Vec::new(),
            nodes: 0,
            initializers: 0,
            foreign: BTreeSet::new(),
            functions: Functions::default(),
            body: Body::default(),
            trees: Vec::new(),
            kernels: Collected::default(),
            external: BTreeSet::new(),
        }
    }

    /// ModelProto.
    fn model(&mut self, bytes: &'a [u8]) -> Result<(), String> {
        for field in Fields::of(bytes) {
            let field = field?;
            match field.number {
                1 => self.ir_version = Some(field.number()?),
                2 => self.producer[0] = field.text()?.to_owned(),
                3 => self.producer[1] = field.text()?.to_owned(),
                // Protocol buffers would merge two graphs into one; no tool writes that.
                7 if self.has_graph => return Err("it holds two graphs".into()),
                7 => {
                    self.has_graph = true;
                    self.graph(field.bytes()?, 0)?;
                }
                8 => {
                    let (domain, version) = operator_set(field.bytes()?)?;
                    self.opsets.push((domain, version));
                }
                14 => {
                    let (key, value) = entry(field.bytes()?)?;
                    self.metadata.push((key.to_owned(), value.to_owned()));
                }
                20 => self.training(field.bytes()?)?,
                25 => self.function(field.bytes()?)?,
                _ => {}
            }
        }
        match (self.has_graph, self.ir_version) {
            (true, Some(_)) => Ok(()),
            (false, _) => Err("it holds no graph".into()),
            (true, None) => Err("it does not say its format's version".into()),
        }
    }

    /// GraphProto. The graph at depth 0 is the model's own, whose inputs and outputs are the model's.
    fn graph(&mut self, bytes: &'a [u8], depth: usize) -> Result<(), String> {
        if depth > DEEPEST {
            return Err(format!("its graphs are nested more than {DEEPEST} deep"));
        }
        for field in Fields::of(bytes) {
            let field = field?;
            match field.number {
                1 => self.node(field.bytes()?, depth)?,
                5 => {
                    self.initializers += 1;
                    let name = self.tensor(field.bytes()?)?;
                    if depth == 0 {
                        self.interface.initialised.insert(name);
                    }
                }
                11 if depth == 0 => self.interface.inputs.push(field.bytes()?),
                12 if depth == 0 => self.interface.outputs.push(field.bytes()?),
                15 => {
                    self.initializers += 1;
                    let name = self.sparse_tensor(field.bytes()?)?;
                    if depth == 0 {
                        self.interface.initialised.insert(name);
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// NodeProto.
    fn node(&mut self, bytes: &'a [u8], depth: usize) -> Result<(), String> {
        self.nodes += 1;
        let (mut domain, mut operator, mut overload) = ("", "", "");
        let (mut inputs, mut outputs) = (Vec::new(), Vec::new());
        for field in Fields::of(bytes) {
            let field = field?;
            match field.number {
                1 => inputs.push(field.text()?),
                2 => outputs.push(field.text()?),
                4 => operator = field.text()?,
                5 => self.attribute(field.bytes()?, depth)?,
                7 => domain = field.text()?,
                8 => overload = field.text()?,
                _ => {}
            }
        }
        self.initializers += usize::from(operator == "Constant");
        self.body.add((domain, operator, overload));
        self.kernels.add((domain, operator), &inputs, &outputs, depth > 0);
        if domain == "ai.onnx.ml" && trees::are_held_by(operator) {
            self.trees.push(trees::read(bytes, operator)?);
        }
        if !is_standard(domain) && !self.limits.domains.iter().any(|allowed| allowed == domain) {
            // Refused at the end: the functions that a model brings along stand behind its graph.
            self.foreign.insert((domain, operator, overload));
        }
        if depth == 0 && operator == "ZipMap" && domain == "ai.onnx.ml" {
            self.zip_maps.push(ZipMap::read(bytes)?);
        }
        Ok(())
    }

    /// AttributeProto: tensors may lie outside the file, graphs hold more nodes.
    fn attribute(&mut self, bytes: &'a [u8], depth: usize) -> Result<(), String> {
        for field in Fields::of(bytes) {
            let field = field?;
            // The attribute says of which type it is; all of its fields are looked at, because a parser may not believe it.
            match field.number {
                5 | 10 => self.tensor(field.bytes()?).map(drop)?,
                6 | 11 => self.graph(field.bytes()?, depth + 1)?,
                22 | 23 => self.sparse_tensor(field.bytes()?).map(drop)?,
                _ => {}
            }
        }
        Ok(())
    }

    /// TensorProto: its name; the place of its data is remembered where that is outside the file.
    fn tensor(&mut self, bytes: &'a [u8]) -> Result<&'a str, String> {
        let (mut name, mut outside, mut location) = ("", false, None);
        for field in Fields::of(bytes) {
            let field = field?;
            match field.number {
                8 => name = field.text()?,
                13 => {
                    let (key, value) = entry(field.bytes()?)?;
                    // Every one of several is checked: which of them ONNX Runtime would read is not promised.
                    if key == "location" {
                        location = Some(value);
                        self.external.insert(value);
                    }
                }
                14 => outside = field.number()? == 1,
                _ => {}
            }
        }
        if outside && location.is_none() {
            return Err(format!("the data of tensor {name:?} lies outside the file, and nothing says where"));
        }
        Ok(name)
    }

    /// SparseTensorProto: the name of its values is the name of the whole.
    fn sparse_tensor(&mut self, bytes: &'a [u8]) -> Result<&'a str, String> {
        let mut name = "";
        for field in Fields::of(bytes) {
            let field = field?;
            match field.number {
                1 => name = self.tensor(field.bytes()?)?,
                2 => self.tensor(field.bytes()?).map(drop)?,
                _ => {}
            }
        }
        Ok(name)
    }

    /// FunctionProto: an operator that the model brings along, made of others.
    fn function(&mut self, bytes: &'a [u8]) -> Result<(), String> {
        let (mut domain, mut name, mut overload) = ("", "", "");
        let outer = mem::take(&mut self.body);
        for field in Fields::of(bytes) {
            let field = field?;
            match field.number {
                1 => name = field.text()?,
                7 => self.node(field.bytes()?, 1)?,
                10 => domain = field.text()?,
                11 => self.attribute(field.bytes()?, 1)?,
                13 => overload = field.text()?,
                _ => {}
            }
        }
        let body = mem::replace(&mut self.body, outer);
        self.functions.add((domain, name, overload), body)
    }

    /// TrainingInfoProto, which nothing here runs: its tensors are checked like all others.
    fn training(&mut self, bytes: &'a [u8]) -> Result<(), String> {
        for field in Fields::of(bytes) {
            let field = field?;
            if matches!(field.number, 1 | 2) {
                self.graph(field.bytes()?, 1)?;
            }
        }
        Ok(())
    }

    /// Refuses a model that was read and may not be run.
    fn finish(self, name: &str) -> Result<Model> {
        let limits = self.limits;
        let written_out = self.functions.written_out(&self.body).map_err(|problem| invalid(name, problem))?;
        for (nodes, how) in [(self.nodes, ""), (written_out, " with its functions written out")] {
            if nodes > limits.max_nodes {
                let most = limits.max_nodes;
                let problem = format!("it has {nodes} nodes{how}, and at most {most} are allowed");
                return Err(invalid(name, problem).remedy("raise the limit max_nodes if you trust the model"));
            }
        }
        let (inputs, outputs) = (self.interface.inputs.len(), self.interface.outputs.len());
        for (count, most, what) in [
            (inputs, limits.max_inputs, "inputs"),
            (outputs, limits.max_outputs, "outputs"),
            (self.initializers, limits.max_initializers, "initializers"),
        ] {
            if count > most {
                let problem = format!("it has {count} {what}, and at most {most} are allowed");
                let remedy = format!("export it with fewer, larger tensors, or raise the limit max_{what}");
                return Err(invalid(name, problem).remedy(remedy));
            }
        }
        if self.opsets.is_empty() {
            return Err(invalid(name, "it does not say which operator sets it is written in"));
        }
        if let Some((domain, version)) = self.opsets.iter().find(|(_, version)| *version < 1) {
            return Err(invalid(name, format!("operator set {version} of {domain:?} does not exist")));
        }
        let foreign: Vec<String> = self
            .foreign
            .iter()
            .filter(|operator| !self.functions.explain(**operator))
            .take(FOREIGN_SHOWN)
            .map(|(domain, operator, _)| format!("{operator} of {domain:?}"))
            .collect();
        if !foreign.is_empty() {
            return Err(invalid(
                name,
                format!("it uses operators outside the ONNX standard: {}", foreign.join(", ")),
            )
            .remedy("export it with standard operators, or allow the domain in the options of loading"));
        }
        let external_data: Vec<String> = self.external.iter().map(|&location| location.to_owned()).collect();
        let ir_version = self.ir_version.unwrap_or_default();
        let Slots { inputs, optional, outputs, row_axes } =
            signature::read(name, &self.interface, &self.zip_maps, ir_version)?;
        let shapes: HashMap<&str, &[Dim]> =
            inputs.iter().map(|slot| (slot.field.name(), slot.field.shape())).collect();
        for Trees { input, features, .. } in &self.trees {
            if let Some([_, Dim::Fixed(width)]) = shapes.get(input)
                && features > width
            {
                let problem =
                    format!("a tree reads feature {} of {input:?}, which has {width}", features - 1);
                return Err(invalid(name, problem).remedy("export the model again"));
            }
        }
        // What a caller can pass instead is no constant.
        let passed: HashSet<&str> = inputs.iter().chain(&optional).map(|slot| slot.field.name()).collect();
        let is_held = |name: &str| self.interface.initialised.contains(name) && !passed.contains(name);
        let kernels = self.kernels.finish(is_held, &self.trees);
        let is_output = |zip_map: &ZipMap| outputs.iter().any(|slot| slot.field.name() == zip_map.output);
        let zip_maps = self.zip_maps.into_iter().filter(is_output).collect();
        let schema = |slots: &[Slot]| {
            Schema::new(slots.iter().map(|slot| slot.field.clone())).map_err(|twice| {
                invalid(name, format!("{:?}: {}", twice.context().subject(), twice.context().problem()))
            })
        };
        let signature = Signature::new(schema(&inputs)?, schema(&outputs)?).with_optional(schema(&optional)?);
        let producer = self.producer.join(" ").trim().to_owned();
        let info = ModelInfo {
            signature,
            ir_version,
            opsets: self.opsets,
            producer,
            metadata: self.metadata,
            nodes: self.nodes,
            external_data,
        };
        Ok(Model { info, inputs, optional, outputs, zip_maps, kernels, row_axes: row_axes.len() })
    }
}

fn is_standard(domain: &str) -> bool {
    matches!(domain, "" | "ai.onnx" | "ai.onnx.ml" | "ai.onnx.preview.training" | "ai.onnx.preview")
}

/// OperatorSetIdProto.
fn operator_set(bytes: &[u8]) -> Result<(String, i64), String> {
    let (mut domain, mut version) = (String::from("ai.onnx"), 0);
    for field in Fields::of(bytes) {
        let field = field?;
        match field.number {
            1 if field.text()?.is_empty() => {}
            1 => domain = field.text()?.to_owned(),
            2 => version = field.number()?,
            _ => {}
        }
    }
    Ok((domain, version))
}

/// StringStringEntryProto.
fn entry(bytes: &[u8]) -> Result<(&str, &str), String> {
    let (mut key, mut value) = ("", "");
    for field in Fields::of(bytes) {
        let field: Field<'_> = field?;
        match field.number {
            1 => key = field.text()?,
            2 => value = field.text()?,
            _ => {}
        }
    }
    Ok((key, value))
}
