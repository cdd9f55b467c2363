//! Reads an ONNX model before ONNX Runtime sees it: what it takes and answers, and whether it may be run at all.
//!
//! A model comes from outside, and the library that runs it is written in C++. So its bytes are walked here first, in
//! bounded memory and depth, by a reader that borrows and cannot run anything. The format is `onnx.proto`
//! (<https://github.com/onnx/onnx/blob/main/onnx/onnx.proto>); numbers in this folder are its field numbers.

mod axes;
mod functions;
mod kernels;
mod scan;
mod signature;
mod sniff;
mod trees;
mod zip_map;

pub(super) use self::axes::with_named_axes;
pub(super) use self::scan::{Model, read};
pub(super) use self::signature::Slot;
pub(super) use self::zip_map::without_zip_maps;
use crate::schema::Signature;
use crate::wire;

/// What an ONNX file says about itself.
#[non_exhaustive]
#[derive(Clone, PartialEq, Debug)]
pub struct ModelInfo {
    /// Its inputs and outputs. Named dimensions are [`Dynamic`](crate::schema::Dim::Dynamic).
    pub signature: Signature,
    /// The version of the file format.
    pub ir_version: i64,
    /// The operator sets it is written in: domain (`ai.onnx` for the standard one) and version.
    pub opsets: Vec<(String, i64)>,
    /// The tool that wrote it, with its version.
    pub producer: String,
    /// Further properties, in the file's order.
    pub metadata: Vec<(String, String)>,
    /// The number of nodes, those of subgraphs and functions included.
    pub nodes: usize,
    /// The files beside the model that hold weights, as the model names them.
    pub external_data: Vec<String>,
}
