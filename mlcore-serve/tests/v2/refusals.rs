//! What is wrong is refused before memory is taken for it, and told with the name of the input and the place of the element.

use mlcore::Error;
use mlcore_serve::v2::{InferLimits, InferRequest};

use crate::{binary_body, read, read_json, tensor};

fn problem_of(result: mlcore::Result<impl std::fmt::Debug>) -> String {
    let error = result.unwrap_err();
    assert!(matches!(error, Error::InvalidInput(_) | Error::Unsupported(_)), "{error}");
    error.to_string()
}

#[test]
fn shapes_that_lie() {
    for (shape, data, words) in [
        ("[-1]", "[1]", "axis 0 of its shape is -1"),
        ("[4611686018427387904,8]", "[1]", "has more elements than there are numbers"),
        ("[4611686018427387904]", "[1]", "it has 1 elements, and 4611686018427387904 make"),
        ("[1]", "[1,2]", "more than the 1 elements"),
        ("[1.5]", "[1]", "expected i64"),
        ("[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]", "[1]", "more than 32"),
        ("1", "[1]", "at most 32"),
    ] {
        let problem = problem_of(tensor("FP32", shape, data));
        assert!(problem.contains(words), "{shape}: {problem}");
    }
}

#[test]
fn elements_that_are_none_of_their_type() {
    for (datatype, data, words) in [
        ("FP32", r#"["a"]"#, "element 0: a text is no float32"),
        ("FP32", "[1e300]", "element 0: 1e300 is no float32"),
        ("FP32", "[16777217]", "element 0: 16777217 is no float32"),
        ("FP16", "[65520]", "element 0: 65520 is no float16"),
        ("INT8", "[300]", "element 0: 300 is no int8"),
        ("INT8", "[0.5]", "element 0: 0.5 is no int8"),
        ("INT64", "[9223372036854775808]", "element 0: 9223372036854775808 is no int64"),
        ("UINT64", "[-1]", "element 0: -1 is no uint64"),
        ("UINT64", "[18446744073709551616]", "is no uint64"),
        ("BOOL", "[2]", "element 0: 2 is no bool"),
        ("BYTES", "[1]", "element 0: 1 is no string"),
        ("BYTES", "[null]", "element 0: null is no string"),
        ("INT32", "[true]", "element 0: true is no int32"),
        ("FP32", "[{}]", "an element"),
        ("FP8", "[1]", "the protocol has no such datatype"),
        ("BF16", "[1]", "no model here takes bfloat16"),
    ] {
        let problem = problem_of(tensor(datatype, "[1]", data));
        assert!(problem.contains(words), "{datatype} {data}: {problem}");
    }
    let problem =
        problem_of(read_json(r#"{"inputs":[{"name":"x","datatype":"INT8","shape":[3],"data":[1,2,300]}]}"#));
    assert!(problem.contains("input x: element 2: 300"), "{problem}");
}

#[test]
fn bodies_that_are_no_request() {
    let deep = format!("{{\"inputs\":[{{\"name\":\"x\",\"own\":{}", "[".repeat(200_000));
    let digits = format!(
        r#"{{"inputs":[{{"name":"x","datatype":"INT64","shape":[1],"data":[{}]}}]}}"#,
        "9".repeat(100_000)
    );
    for (body, words) in [
        ("", "EOF"),
        ("[]", "expected a request"),
        ("{}", "there are no inputs"),
        ("\u{feff}{}", "expected value"),
        (r#"{"inputs":[{}]}"#, "an input has no name"),
        (r#"{"inputs":[{"name":"","datatype":"FP32","shape":[0],"data":[]}]}"#, "an input has no name"),
        (r#"{"inputs":[{"name":"x"}]}"#, "input x: it has no datatype"),
        (r#"{"inputs":[{"name":"x","datatype":"FP32"}]}"#, "input x: it has no shape"),
        (r#"{"inputs":[{"name":"x","datatype":"FP32","shape":[1]}]}"#, "input x: it has no data"),
        (r#"{"inputs":[{"name":"x","name":"y"}]}"#, "\"name\" occurs twice"),
        (r#"{"inputs":[],"inputs":[]}"#, "\"inputs\" occurs twice"),
        (r#"{"inputs":[],"parameters":{"a":1,"a":2}}"#, "a parameter occurs twice"),
        (r#"{"inputs":[],"parameters":{"a":{}}}"#, "true, false, a number or a text"),
        (r#"{"inputs":[],"id":"a\r\nb"}"#, "control characters"),
        (r#"{"inputs":[],"id":"\ud800"}"#, "hex escape"),
        (
            r#"{"inputs":[],"outputs":[{"name":"y","parameters":{"classification":"many"}}]}"#,
            "classification",
        ),
        (r#"{"inputs":[],"outputs":[{}]}"#, "an output has no name"),
        (r#"{"inputs":[]} {}"#, "trailing"),
        (r#"{"inputs":[{"name":"x","datatype":"FP64","shape":[1],"data":[1e400]}]}"#, "out of range"),
        (
            r#"{"inputs":[{"name":"x","datatype":"FP32","shape":[1],"parameters":{"shared_memory_region":"r"}}]}"#,
            "shares no memory",
        ),
        (deep.as_str(), "EOF"),
        (digits.as_str(), "out of range"),
    ] {
        let problem = problem_of(read_json(body));
        assert!(problem.contains(words), "{}: {problem}", body.chars().take(80).collect::<String>());
        assert!(problem.len() < 600, "a long body is not repeated");
    }
    let twice = r#"{"name":"x","datatype":"INT8","shape":[1],"data":[1]}"#;
    let problem = problem_of(read_json(&format!(r#"{{"inputs":[{twice},{twice}]}}"#)));
    assert!(problem.contains("input x: the name occurs twice"), "{problem}");
    let problem = problem_of(read(b"{\"inputs\":[],\"id\":\"\xff\"}", None));
    assert!(problem.contains("it is not UTF-8 from byte 19 on"), "{problem}");
}

#[test]
fn too_many_of_anything() {
    let mut limits = InferLimits::default();
    limits.tensors = 3;
    let input = r#"{"name":"x","datatype":"INT8","shape":[1],"data":[1]}"#;
    let many = [input; 4].join(",");
    for body in [
        format!(r#"{{"inputs":[{many}]}}"#),
        r#"{"inputs":[],"outputs":[{"name":"a"},{"name":"b"},{"name":"c"},{"name":"d"}]}"#.into(),
    ] {
        let problem = problem_of(InferRequest::read(body.as_bytes(), None, &limits));
        assert!(problem.contains("more than 3"), "{problem}");
    }
    let long = format!(r#"{{"inputs":[],"id":"{}"}}"#, "a".repeat(257));
    assert!(problem_of(read_json(&long)).contains("at most 256"));
    let parameters: Vec<String> = (0..2000).map(|number| format!("\"p{number}\":1")).collect();
    let body = format!(r#"{{"inputs":[],"parameters":{{{}}}}}"#, parameters.join(","));
    assert!(problem_of(read_json(&body)).contains("more than 1024"));
}

#[test]
fn bytes_that_do_not_fit() {
    let (body, head) = binary_body(&[("x", "FP32", &[2], &[0; 7])]);
    assert!(problem_of(read(&body, Some(head))).contains("input x: 7 bytes are not the 2 elements"));
    let (body, head) = binary_body(&[("x", "BOOL", &[1], &[2])]);
    assert!(problem_of(read(&body, Some(head))).contains("element 0: 2 is no bool"));
    for (bytes, shape, words) in [
        (&b"\x05\x00\x00\x00ab"[..], 1, "element 0: its bytes end before it does"),
        (b"\xff\xff\xff\xffab", 1, "element 0: its bytes end before it does"),
        (b"\x01\x00\x00\x00\xff", 1, "element 0 is not UTF-8 from byte 0 on"),
        (b"\x01\x00\x00\x00a\x00", 1, "1 bytes follow its 1 texts"),
        (b"\x01\x00\x00\x00a", i64::MAX as usize, "hold less than"),
    ] {
        let (body, head) = binary_body(&[("x", "BYTES", &[shape], bytes)]);
        let problem = problem_of(read(&body, Some(head)));
        assert!(problem.contains(words), "{bytes:?}: {problem}");
    }
    let sized = |size: &str| {
        format!(
            r#"{{"inputs":[{{"name":"x","datatype":"INT8","shape":[1],"parameters":{{"binary_data_size":{size}}}}}]}}"#
        )
    };
    for (size, words) in [
        ("-1", "it is a number of bytes"),
        ("18446744073709551615", "1 bytes are left"),
        ("2", "1 bytes are left"),
        ("\"a\"", "a number of bytes"),
    ] {
        let mut body = sized(size).into_bytes();
        let head = body.len();
        body.push(1);
        let problem = problem_of(read(&body, Some(head)));
        assert!(problem.contains(words), "{size}: {problem}");
    }
    let body = sized("1").into_bytes();
    assert!(problem_of(read(&body, Some(body.len() + 1))).contains("bytes are JSON"));
    let both = r#"{"inputs":[{"name":"x","datatype":"INT8","shape":[1],"data":[1],"parameters":{"binary_data_size":1}}]}"#;
    assert!(problem_of(read_json(both)).contains("it needs one"));
}
