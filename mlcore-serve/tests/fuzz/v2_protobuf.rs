//! Bytes as a `ModelInferRequest`: what is read is what the code made of the protocol's description reads, and comes back equal from
//! an answer that it reads as well.

use mlcore::batch::Batch;
use mlcore_serve::v2::{Address, InferAnswer, InferRequest};
use prost::Message as _;

use crate::again::{again, assert_same, limits, read, schema};
use crate::protocol::inference::model_infer_request::InferInputTensor;
use crate::protocol::inference::{ModelInferRequest, ModelInferResponse};
use crate::told::told;

/// Reads a request; says whether the bytes are one.
pub(crate) fn check(bytes: &[u8]) -> bool {
    let address = Address::read_protobuf(bytes);
    if let Err(error) = &address {
        told(error);
    }
    let Some(request) = read(InferRequest::read_protobuf(bytes, &limits())) else { return false };
    if let (Ok(address), Ok(message)) = (address, ModelInferRequest::decode(bytes)) {
        assert_eq!((address.model, address.version), (&*message.model_name, &*message.model_version));
        assert_eq!(request.id.as_deref().unwrap_or_default(), message.id);
        let names = message.inputs.iter().map(|input| input.name.as_str());
        assert!(names.eq(request.inputs.names()), "{message:?}");
        for (input, (_, tensor)) in message.inputs.iter().zip(request.inputs.iter()) {
            assert!(input.shape.iter().map(|axis| *axis as usize).eq(tensor.shape().iter().copied()));
        }
        let outputs = message.outputs.iter().map(|output| &output.name);
        assert!(outputs.eq(request.outputs.iter().map(|output| &output.name)), "{message:?}");
    }
    again(&request, false);
    back(&request.inputs);
    true
}

/// An answer that repeats tensors, read by the made code, is a request of the same tensors.
fn back(tensors: &Batch) {
    let asked = InferRequest::new(Batch::default());
    let answer = InferAnswer::new(&asked, "m", "1", tensors, &schema(tensors)).expect("all are asked for");
    let mut written = Vec::new();
    answer.write_protobuf(&mut written).expect("what was read is written");
    let message = ModelInferResponse::decode(&*written).expect("it is a message");
    let input =
        |(name, datatype, shape)| InferInputTensor { name, datatype, shape, ..InferInputTensor::default() };
    let inputs = message.outputs.into_iter().map(|output| (output.name, output.datatype, output.shape));
    let sent = ModelInferRequest {
        inputs: inputs.map(input).collect(),
        raw_input_contents: message.raw_output_contents,
        ..ModelInferRequest::default()
    };
    let again = InferRequest::read_protobuf(&sent.encode_to_vec(), &limits()).expect("it is a request");
    assert_same(&again.inputs, tensors, true);
}
