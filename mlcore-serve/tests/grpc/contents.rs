//! Tensors as they come in: typed contents and raw ones, of every type, and what is refused of them.

use bytes::Bytes;
use half::f16;
use mlcore::Error;
use mlcore::batch::{Batch, Tensor};
use mlcore::schema::{Field, Schema};
use mlcore_serve::v2::{InferAnswer, InferLimits, InferRequest, Parameter};
use proptest::prelude::*;
use prost::Message;

use crate::protocol::inference::infer_parameter::ParameterChoice;
use crate::protocol::inference::model_infer_request::InferInputTensor;
use crate::protocol::inference::{InferTensorContents, ModelInferRequest, ModelInferResponse};
use crate::support::{input, map};

fn read(request: &ModelInferRequest) -> Result<InferRequest, Error> {
    InferRequest::read_protobuf(&request.encode_to_vec(), &InferLimits::default())
}

fn of(inputs: Vec<InferInputTensor>, raw_input_contents: Vec<Bytes>) -> ModelInferRequest {
    ModelInferRequest { inputs, raw_input_contents, ..ModelInferRequest::default() }
}

fn contents(change: impl FnOnce(&mut InferTensorContents)) -> InferTensorContents {
    let mut contents = InferTensorContents::default();
    change(&mut contents);
    contents
}

fn typed(datatype: &str, shape: &[i64], contents: InferTensorContents) -> Result<Tensor, Error> {
    let mut own = input("x", datatype, shape);
    own.contents = Some(contents);
    Ok(read(&of(vec![own], Vec::new()))?.inputs.tensor("x")?.clone())
}

fn raw(datatype: &str, shape: &[i64], bytes: &[u8]) -> Result<Tensor, Error> {
    Ok(read(&of(vec![input("x", datatype, shape)], vec![Bytes::copy_from_slice(bytes)]))?
        .inputs
        .tensor("x")?
        .clone())
}

#[test]
fn typed_contents_of_every_type_are_what_raw_ones_are() {
    let check = |datatype: &str, shape: &[i64], contents: InferTensorContents, bytes: &[u8]| {
        let expected = raw(datatype, shape, bytes).unwrap();
        assert_eq!(typed(datatype, shape, contents).unwrap(), expected, "{datatype}");
    };
    check("BOOL", &[2], contents(|own| own.bool_contents = vec![true, false]), &[1, 0]);
    let int = |values: &[i32]| contents(|own| own.int_contents = values.to_vec());
    check("INT8", &[3], int(&[-128, 0, 127]), &[0x80, 0, 0x7f]);
    check("INT16", &[2], int(&[-32768, 32767]), &[i16::MIN, i16::MAX].map(i16::to_le_bytes).concat());
    check("INT32", &[2], int(&[i32::MIN, i32::MAX]), &[i32::MIN, i32::MAX].map(i32::to_le_bytes).concat());
    let values = [i64::MIN, -1, i64::MAX];
    check(
        "INT64",
        &[3],
        contents(|own| own.int64_contents = values.to_vec()),
        &values.map(i64::to_le_bytes).concat(),
    );
    let uint = |values: &[u32]| contents(|own| own.uint_contents = values.to_vec());
    check("UINT8", &[2], uint(&[0, 255]), &[0, 255]);
    check("UINT16", &[2], uint(&[0, 65535]), &[0, 0, 255, 255]);
    check("UINT32", &[1], uint(&[u32::MAX]), &u32::MAX.to_le_bytes());
    check("UINT64", &[1], contents(|own| own.uint64_contents = vec![u64::MAX]), &u64::MAX.to_le_bytes());
    let values = [0.1_f32, f32::INFINITY, -0.0];
    check(
        "FP32",
        &[3, 1],
        contents(|own| own.fp32_contents = values.to_vec()),
        &values.map(f32::to_le_bytes).concat(),
    );
    let values = [0.1_f64, 5e-324];
    check(
        "FP64",
        &[1, 2],
        contents(|own| own.fp64_contents = values.to_vec()),
        &values.map(f64::to_le_bytes).concat(),
    );
    let texts = ["é", ""].map(|text| Bytes::copy_from_slice(text.as_bytes()));
    check(
        "BYTES",
        &[2],
        contents(|own| own.bytes_contents = texts.to_vec()),
        &[2, 0, 0, 0, 0xc3, 0xa9, 0, 0, 0, 0],
    );
    check("FP64", &[0, 7], InferTensorContents::default(), &[]);
    check("FP32", &[], contents(|own| own.fp32_contents = vec![0.5]), &0.5_f32.to_le_bytes());
    let halves = [f16::from_f32(0.5), f16::NEG_INFINITY];
    let bytes: Vec<u8> = halves.iter().flat_map(|half| half.to_le_bytes()).collect();
    assert_eq!(raw("FP16", &[2], &bytes).unwrap(), Tensor::column(halves.to_vec()));
}

/// The wire format lets numbers of a list lie packed, one by one, or both.
#[test]
fn lists_come_packed_or_not() {
    // contents { fp32 packed [1.0], fp32 2.0 }, and shape as two fields.
    let one = [&[0x32, 4][..], &1_f32.to_le_bytes(), &[0x35], &2_f32.to_le_bytes()].concat();
    let mut own =
        vec![0x0a, 1, b'x', 0x12, 4, b'F', b'P', b'3', b'2', 0x18, 1, 0x1a, 1, 2, 0x2a, one.len() as u8];
    own.extend_from_slice(&one);
    let message = [&[0x2a, own.len() as u8][..], &own].concat();
    let request = InferRequest::read_protobuf(&message, &InferLimits::default()).unwrap();
    assert_eq!(*request.inputs.tensor("x").unwrap(), Tensor::new([1, 2], vec![1_f32, 2.0]).unwrap());
}

#[test]
fn elements_that_their_type_does_not_hold_are_named() {
    let int = |values: &[i32]| contents(|own| own.int_contents = values.to_vec());
    let uint = |values: &[u32]| contents(|own| own.uint_contents = values.to_vec());
    let text = |bytes: &[u8]| contents(|own| own.bytes_contents = vec![Bytes::copy_from_slice(bytes)]);
    let fp32 = |values: &[f32]| contents(|own| own.fp32_contents = values.to_vec());
    for (datatype, shape, contents, words) in [
        ("INT8", &[2][..], int(&[1, 300]), "element 1: 300 is no int8"),
        ("INT8", &[1], int(&[-129]), "element 0: -129 is no int8"),
        ("INT16", &[1], int(&[40000]), "element 0: 40000 is no int16"),
        ("UINT8", &[1], uint(&[256]), "element 0: 256 is no uint8"),
        ("UINT16", &[1], uint(&[70000]), "element 0: 70000 is no uint16"),
        ("FP32", &[1], int(&[1]), "it has int_contents, and FP32 lies in fp32_contents"),
        ("BYTES", &[1], fp32(&[1.0]), "lies in bytes_contents"),
        ("FP16", &[1], fp32(&[1.0]), "no typed contents"),
        ("FP32", &[3], fp32(&[1.0]), "it has 1 elements, and 3 make [3]"),
        ("FP32", &[1], fp32(&[1.0, 2.0]), "more than the 1 elements"),
        ("FP32", &[0], fp32(&[1.0]), "more than the 0 elements"),
        ("FP32", &[1], InferTensorContents::default(), "it has no data"),
        ("FP32", &[-1], fp32(&[1.0]), "axis 0 of its shape is -1"),
        ("FP32", &[1 << 62, 8], fp32(&[1.0]), "more elements than there are numbers"),
        ("FP32", &[1 << 40], fp32(&[1.0]), "it has 1 elements"),
        ("BYTES", &[1], text(b"\xff"), "element 0 is not UTF-8 from byte 0 on"),
        ("FLOAT", &[1], fp32(&[1.0]), "no such datatype"),
    ] {
        let refused = typed(datatype, shape, contents).unwrap_err();
        assert!(refused.to_string().contains(words), "{datatype} {shape:?}: {refused}");
    }
    // A number that no encoder writes into a field of 32 bits.
    let own = [
        &[0x0a, 1, b'x', 0x12, 5][..],
        b"INT32",
        &[0x1a, 1, 1, 0x2a, 8, 0x12, 6, 0x80, 0x80, 0x80, 0x80, 0x80, 1],
    ]
    .concat();
    let message = [&[0x2a, own.len() as u8][..], &own].concat();
    let refused = InferRequest::read_protobuf(&message, &InferLimits::default()).unwrap_err();
    assert!(refused.to_string().contains("is no int32"), "{refused}");
}

#[test]
fn raw_contents_are_as_many_as_inputs_and_as_long_as_their_shapes() {
    let mut both = input("x", "FP32", &[1]);
    both.contents = Some(contents(|own| own.fp32_contents = vec![1.0]));
    let four = || Bytes::from_static(&[0; 4]);
    let one = || input("x", "FP32", &[1]);
    for (request, words) in [
        (of(vec![both], vec![four()]), "it has contents, and the request raw_input_contents"),
        (of(vec![one()], vec![four(), four()]), "there are 2 of them for 1 inputs"),
        (of(vec![one(), input("z", "FP32", &[1])], vec![four()]), "there are 1 of them for 2 inputs"),
        (of(vec![one(), one()], vec![four(), four()]), "x"),
        (of(vec![one()], vec![Bytes::from_static(&[0; 5])]), "5 bytes are not the 1 elements"),
        (of(vec![input("x", "BOOL", &[1])], vec![Bytes::from_static(&[2])]), "element 0: 2 is no bool"),
        (
            of(vec![input("x", "BYTES", &[1])], vec![Bytes::from_static(&[9, 0, 0, 0, b'a'])]),
            "its bytes end before it does",
        ),
        (of(vec![input("x", "BYTES", &[1 << 40])], vec![four()]), "hold less than"),
        (of(vec![input("x", "FP32", &[1; 33])], vec![four()]), "more than 32 axes"),
        (of(vec![InferInputTensor::default(); 10_001], Vec::new()), "more than 10000 inputs"),
        (of(Vec::new(), vec![Bytes::new(); 10_001]), "more than 10000 raw_input_contents"),
    ] {
        let refused = read(&request).unwrap_err();
        assert!(refused.is_caller_fault() && refused.to_string().contains(words), "{refused}");
    }
}

#[test]
fn bytes_that_are_no_message_are_refused() {
    let mut whole = of(vec![input("x", "FP32", &[1])], vec![Bytes::from_static(&[0; 4])]);
    whole.parameters = map([("a", ParameterChoice::DoubleParam(0.5))]);
    let bytes = whole.encode_to_vec();
    read(&whole).unwrap();
    for end in 0..bytes.len() {
        // What is cut between two fields is a message of fewer; nothing else is.
        if let Err(refused) = InferRequest::read_protobuf(&bytes[..end], &InferLimits::default()) {
            assert!(refused.is_caller_fault(), "{refused}");
        }
    }
    for (message, words) in [
        (&b"\x1a\x02\xff\xff"[..], "its id is not UTF-8"),
        (b"\x18\x01", "its id is of another kind"),
        (b"\x0f", "wire type"),
        (b"\x2a\x7f", "ends in the middle"),
        (b"\x22\x0a\x0a\x01a\x12\x02\x08\x01\x22\x00", "ends in the middle"),
    ] {
        let refused = InferRequest::read_protobuf(message, &InferLimits::default()).unwrap_err();
        assert!(refused.to_string().contains(words), "{message:?}: {refused}");
    }
    // What is not known is passed over, as the format wants it.
    let newer = [&bytes[..], b"\xf8\x07\x01\xfa\x07\x01a\xfd\x07abcd\xf9\x07abcdefgh"].concat();
    InferRequest::read_protobuf(&newer, &InferLimits::default()).unwrap();
}

#[test]
fn parameters_occur_once_and_are_bounded() {
    let entry = b"\x22\x07\x0a\x01a\x12\x02\x08\x01";
    assert!(InferRequest::read_protobuf(entry, &InferLimits::default()).unwrap().parameters.len() == 1);
    let twice = InferRequest::read_protobuf(&entry.repeat(2), &InferLimits::default()).unwrap_err();
    assert!(twice.to_string().contains("parameter a: it occurs twice"), "{twice}");
    let mut many = ModelInferRequest::default();
    for number in 0..1025 {
        many.parameters.extend(map([(&*number.to_string(), ParameterChoice::Int64Param(number))]));
    }
    assert!(read(&many).unwrap_err().to_string().contains("more than 1024"));
}

proptest! {
    /// Whatever the bytes are, they are read or refused as the client's mistake.
    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        if let Err(refused) = InferRequest::read_protobuf(&bytes, &InferLimits::default()) {
            prop_assert!(refused.is_caller_fault() || matches!(refused, Error::Unsupported(_)), "{refused}");
        }
    }

    /// The same of a request in which some bytes were changed.
    #[test]
    fn a_damaged_request_is_read_or_refused(changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)) {
        let mut own = input("x", "BYTES", &[2]);
        own.contents = Some(contents(|own| own.bytes_contents = vec![Bytes::from_static(b"ab"), Bytes::new()]));
        own.parameters = map([("a", ParameterChoice::DoubleParam(0.5)), ("b", ParameterChoice::Uint64Param(7))]);
        let mut floats = input("z", "FP32", &[1, 2]);
        floats.contents = Some(contents(|own| own.fp32_contents = vec![1.0, 2.0]));
        let mut bytes = of(vec![own, floats], Vec::new()).encode_to_vec();
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        if let Err(refused) = InferRequest::read_protobuf(&bytes, &InferLimits::default()) {
            prop_assert!(refused.is_caller_fault() || matches!(refused, Error::Unsupported(_)), "{refused}");
        }
    }

    /// An answer is what a program's code reads of it.
    #[test]
    fn answers_are_written_as_the_messages_are(
        numbers in proptest::collection::vec(any::<f64>(), 0..5),
        texts in proptest::collection::vec(".{0,200}", 0..5),
        flags in proptest::collection::vec(any::<bool>(), 0..3),
        id in proptest::option::of("[a-z]{1,9}"),
    ) {
        let tensors = [
            ("numbers", Tensor::column(numbers.clone())),
            ("texts", Tensor::strings([texts.len(), 1], &texts).unwrap()),
            ("flags", Tensor::new([1, flags.len()], flags.clone()).unwrap()),
        ];
        let outputs = Batch::new(tensors).unwrap();
        let mut asked = InferRequest::default();
        asked.id = id.clone();
        let mut answer = InferAnswer::new(&asked, "m", "7", &outputs, &Schema::new(Vec::<Field>::new()).unwrap()).unwrap();
        let told = [
            ("bool", Parameter::Bool(true), ParameterChoice::BoolParam(true)),
            ("double", Parameter::Double(-0.5), ParameterChoice::DoubleParam(-0.5)),
            ("int", Parameter::Int(-1), ParameterChoice::Int64Param(-1)),
            ("text", Parameter::Text("é".to_owned()), ParameterChoice::StringParam("é".to_owned())),
            ("uint", Parameter::UInt(u64::MAX), ParameterChoice::Uint64Param(u64::MAX)),
        ];
        let (own, due): (Vec<_>, Vec<_>) = told.into_iter().map(|(name, own, due)| ((name.to_owned(), own), (name, due))).unzip();
        answer.parameters = own.into_iter().collect();
        let mut written = vec![1, 2, 3];
        answer.write_protobuf(&mut written).unwrap();
        let read = ModelInferResponse::decode(&written[3..]).unwrap();
        prop_assert_eq!(read.id, id.unwrap_or_default());
        prop_assert_eq!((read.model_name.as_str(), read.model_version.as_str()), ("m", "7"));
        prop_assert_eq!(read.parameters, map::<5>(due.try_into().unwrap()));
        let shapes: Vec<Vec<i64>> = read.outputs.iter().map(|output| output.shape.clone()).collect();
        let due = vec![vec![numbers.len() as i64], vec![texts.len() as i64, 1], vec![1, flags.len() as i64]];
        prop_assert_eq!(shapes, due);
        let expected: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        prop_assert_eq!(&read.raw_output_contents[0][..], &expected[..]);
        let raw = vec![read.raw_output_contents[1].clone()];
        let again = self::read(&of(vec![input("x", "BYTES", &[texts.len() as i64])], raw)).unwrap();
        prop_assert_eq!(again.inputs.tensor("x").unwrap().texts().unwrap().collect::<Vec<_>>(), texts);
        prop_assert_eq!(&read.raw_output_contents[2][..], &flags.iter().map(|flag| u8::from(*flag)).collect::<Vec<_>>()[..]);
    }
}
