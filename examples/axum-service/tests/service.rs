//! The service as its callers meet it, over a socket.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// The status of an answer, and its body.
async fn ask(address: std::net::SocketAddr, method: &str, path: &str, body: &str) -> (u16, Value) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, serde_json::from_str(body).unwrap_or(Value::Null))
}

#[tokio::test]
async fn answers_are_predictions_or_say_what_was_wrong() {
    let endpoint = axum_service::endpoint().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let service = axum::serve(listener, axum_service::service(endpoint.clone()));
    tokio::spawn(async move { service.await.unwrap() });
    let visit =
        |body: Value| async move { ask(address, "POST", "/members/7/visit", &body.to_string()).await };

    let aged = |age: Value| json!({"age": age, "plan": "free", "sex": "female", "self_rated_health": "good"});
    let (status, answer) = visit(aged(json!(31.5))).await;
    assert_eq!(status, 200, "{answer}");
    let probability = answer["probability"].as_f64().unwrap();
    assert!((0.0..=1.0).contains(&probability));
    // A whole number is a number, a truth value is 0 or 1 as in a table, and null is missing.
    for age in [json!(31), json!(true), json!(null)] {
        let (status, answer) = visit(aged(age)).await;
        assert_eq!(status, 200, "{answer}");
    }

    // What a column cannot hold is refused by its name, and never taken as missing.
    for wrong in [json!([31.5]), json!({"years": 31}), json!("31.5"), json!("unknown")] {
        let (status, answer) = visit(aged(wrong.clone())).await;
        assert_eq!((status, answer["error"]["code"].is_string()), (400, true), "{wrong}: {answer}");
        assert!(answer["error"]["message"].as_str().unwrap().contains("age"), "{wrong}: {answer}");
    }
    let (status, answer) = visit(json!({"agee": 31, "plan": "free"})).await;
    assert!(status == 400 && answer["error"]["message"].as_str().unwrap().contains("agee"), "{answer}");

    // So is what never reaches the model, in the same words.
    for (method, path, body, expected) in [
        ("POST", "/members/7/visit", "{\"age\": ", 400),
        ("POST", "/members/7/visit", "[1, 2]", 422),
        ("POST", "/outcomes/none", "true", 400),
        ("GET", "/members/7/visit", "", 405),
        ("GET", "/nowhere", "", 404),
    ] {
        let (status, answer) = ask(address, method, path, body).await;
        assert_eq!((status, answer["error"]["message"].is_string()), (expected, true), "{path}: {answer}");
    }
    endpoint.process();
    assert_eq!(endpoint.counts().records, 4, "only answers left a record");
}

#[tokio::test]
async fn the_routers_share_an_endpoint() {
    let endpoint = axum_service::endpoint().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let service = axum::serve(listener, axum_service::service(endpoint.clone()));
    tokio::spawn(async move { service.await.unwrap() });

    assert_eq!(ask(address, "GET", "/ml/v2/models/doctor-visit/ready", "").await.0, 200);
    let record = json!({"age": 31.5, "plan": "free", "sex": "female", "self_rated_health": "good"});
    let own = ask(address, "POST", "/members/7/visit", &record.to_string()).await.1;
    // The router wants every column named, also those without a value.
    let mut whole: Value = endpoint.columns().names().map(|name| (name, Value::Null)).collect();
    for (name, value) in record.as_object().unwrap() {
        whole[name] = value.clone();
    }
    let asked = json!({"records": [whole], "unit": "7"}).to_string();
    let (status, answer) = ask(address, "POST", "/ml/mlcore/models/doctor-visit/predict", &asked).await;
    assert_eq!((status, &answer["version"]), (200, &own["version"]), "{answer}");
    // Nobody may change the service through the router that it has mounted.
    let (status, answer) = ask(address, "POST", "/ml/v2/logging", "{}").await;
    assert!(status == 403 && answer["error"].is_string(), "{answer}");
    endpoint.process();
    assert_eq!(endpoint.counts().records, 2);
}
