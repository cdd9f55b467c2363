//! The program with keys and certificates.

use std::io::Write;
use std::process::{Command, Stdio};

use mlcore_serve::auth::{Role, hash_key};
use serde_json::json;

use crate::place::{Place, eventually};
use crate::tls::Authority;
use crate::{bearer, key};

/// A folder with a model, and the lines of a file for the key of each role.
fn place() -> (Place, String) {
    let place = Place::new();
    place.put("net/1", "mlp30.onnx");
    let keys = Role::ALL.map(|role| {
        let hash = hash_key(key(Some(role)).as_bytes()).unwrap().to_hex();
        format!("[[auth.keys]]\nname = \"{role}\"\nroles = [\"{role}\"]\ntoken_sha256 = \"{hash}\"\n")
    });
    (place, keys.concat())
}

fn ask(place: &Place, method: &str, path: &str, authorization: &str) -> u16 {
    let authorization = match authorization {
        "" => String::new(),
        value => format!("Authorization: {value}\r\n"),
    };
    place.ask(&format!("{method} {path} HTTP/1.1\r\n{authorization}"), "").0
}

const EXPLICIT: [&str; 4] = ["--model-repository", "models", "--model-control-mode", "explicit"];

#[test]
fn keys_come_from_a_file_and_go_with_it() {
    let (place, keys) = place();
    place.write_here("keys.toml", &keys);
    let place = place.serve(&[&EXPLICIT[..], &["--auth-file", "keys.toml", "--load-model", "net"]].concat());
    let load = "/v2/repository/models/net/load";
    assert_eq!(ask(&place, "GET", "/v2/health/ready", ""), 200);
    assert_eq!(ask(&place, "GET", "/v2/models/net", ""), 401, "although it listens on the loopback");
    assert_eq!(ask(&place, "GET", "/v2/models/net", &bearer(Some(Role::Predict))), 200);
    assert_eq!(ask(&place, "POST", load, &bearer(Some(Role::Predict))), 403);
    assert_eq!(ask(&place, "POST", load, &bearer(Some(Role::Admin))), 200);
    eventually("the change is told", || place.log().contains("a change was asked for"));
    let log = place.log();
    let told = log.lines().find(|line| line.contains("mlcore_serve::audit: a change")).unwrap();
    assert!(
        told.contains("who=\"admin\" act=\"load\"") && told.contains(load) && told.contains("127.0.0.1"),
        "{told}"
    );
    let told = log.lines().find(|line| line.contains("requests were refused")).unwrap();
    assert!(told.contains("act=\"read\""), "{told}");
    for role in Role::ALL {
        let key = key(Some(role));
        let hash = hash_key(key.as_bytes()).unwrap().to_hex();
        assert!(!log.contains(&key) && !log.contains(&hash), "{log}");
    }
    // What cannot be read changes nothing; what can, does.
    place.write_here("keys.toml", "[[auth.keys]]\n");
    place.signal("-HUP");
    eventually("it is told", || place.log().contains("keys stay as they were"));
    assert_eq!(ask(&place, "GET", "/v2/models/net", &bearer(Some(Role::Predict))), 200);
    place.write_here(
        "keys.toml",
        keys.replace("name = \"predict\"", "name = \"reader\"").replace(
            &hash_key(key(Some(Role::Predict)).as_bytes()).unwrap().to_hex(),
            &hash_key(key(None).as_bytes()).unwrap().to_hex(),
        ),
    );
    // Without a signal it takes some seconds.
    eventually("the key is out of use", || {
        ask(&place, "GET", "/v2/models/net", &bearer(Some(Role::Predict))) == 401
    });
    assert_eq!(ask(&place, "GET", "/v2/models/net", &bearer(None)), 200);
    assert_eq!(place.stop(), Some(0));
}

/// What MLflow's clients send for a name and a password, and a key that a deployment keeps in a variable.
#[test]
fn settings_have_keys_and_variables_hold_them() {
    let (place, _) = place();
    let text = "model-repository = \"models\"\n[[auth.keys]]\nname = \"ana\"\nroles = [\"predict\"]\ntoken_env = \"ANAS_KEY\"\n";
    place.write_here("serve.toml", text);
    let (code, told) = place.fails(&["--config", "serve.toml"]);
    assert_eq!(code, Some(2));
    assert!(told.contains("serve.toml") && told.contains("no variable \"ANAS_KEY\""), "{told}");
    let secret = "c2VjcmV0LWtleS1mb3ItdGVzdHM=";
    let place = place.with_variables(&[("ANAS_KEY", secret)]).serve(&["--config", "serve.toml"]);
    // "ana:" and the key, in base 64.
    let basic = "Basic YW5hOmMyVmpjbVYwTFd0bGVTMW1iM0l0ZEdWemRITT0=";
    assert_eq!(ask(&place, "GET", "/v2/models/net", basic), 200);
    assert_eq!(ask(&place, "GET", "/v2/models/net", &format!("Bearer {secret}")), 200);
    assert_eq!(ask(&place, "GET", "/v2/models/net", "Basic YW5hOg=="), 401);
    assert_eq!(place.stop(), Some(0));
}

#[test]
fn without_keys_nobody_else_changes_it() {
    let (place, _) = place();
    let place = place.serve(&[&EXPLICIT[..], &["--host", "0.0.0.0"]].concat());
    let refused = place.post("/v2/repository/models/net/load", &json!({}));
    assert!(refused["error"].as_str().unwrap().contains("--auth-file"), "{refused}");
    assert_eq!(ask(&place, "GET", "/v2", ""), 200);
    assert!(place.log().contains("nobody may change it"), "{}", place.log());
    assert_eq!(place.stop(), Some(0));
}

#[test]
fn certificates_are_changed_while_it_runs() {
    let (place, _) = place();
    let authority = Authority::new();
    let (first, second) = (authority.sign(), authority.sign());
    first.put(&place.path(""));
    let tls = ["--tls-cert", "tls.crt", "--tls-key", "tls.key"];
    let place = place.serve(&[&["--model-repository", "models"], &tls[..]].concat());
    let request = "GET /v2/models/net HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let shown = || {
        let (answer, shown) = authority.ask(place.port(), None, request).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        shown
    };
    assert_eq!(shown(), first.der());
    second.put(&place.path(""));
    place.signal("-HUP");
    eventually("the new one is shown", || shown() == second.der());
    assert_eq!(place.stop(), Some(0));
}

#[test]
fn what_is_wrong_is_one_line() {
    let (place, keys) = place();
    Authority::new().sign().put(&place.path(""));
    place.write_here("keys.toml", &keys);
    place.write_here("both.toml", format!("auth-file = \"keys.toml\"\n{keys}"));
    place.write_here(
        "bad.toml",
        "[[auth.keys]]\nname = \"ana\"\nroles = [\"predict\"]\ntoken_sha256 = \"secret\"\n",
    );
    place.write_here("empty.pem", "");
    for (arguments, code, problem) in [
        (&["--auth-file", "none.toml"][..], 1, "none.toml"),
        (&["--auth-file", "bad.toml"], 2, "key ana: its token_sha256 is not 64 hexadecimal digits"),
        (&["--config", "both.toml"], 2, "both are given, and keys come from one of them"),
        (&["--tls-cert", "tls.crt"], 2, "--tls-key"),
        (&["--tls-client-ca", "tls.crt"], 2, "--tls-cert"),
        (
            &["--tls-cert", "empty.pem", "--tls-key", "tls.key"],
            2,
            "empty.pem: it holds no certificate in PEM",
        ),
        (&["--tls-cert", "none.pem", "--tls-key", "tls.key"], 1, "none.pem"),
    ] {
        let (found, told) = place.fails(&[&["--model-repository", "models"], arguments].concat());
        assert_eq!(found, Some(code), "{arguments:?}: {told}");
        assert!(told.contains(problem) && told.lines().count() == 1, "{arguments:?}: {told}");
        assert!(!told.contains("secret"), "{told}");
    }
}

/// What `mlcore-serve hash-key` prints for this input.
fn hashed(arguments: &[&str], input: &str) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mlcore-serve"));
    command
        .arg("hash-key")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    (output.status.code(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
}

#[test]
fn a_command_makes_hashes_and_keys() {
    let secret = "a key of more than 24 bytes";
    let expected = format!("token_sha256 = \"{}\"\n", hash_key(secret.as_bytes()).unwrap().to_hex());
    for ended in ["", "\n", "\r\n"] {
        assert_eq!(hashed(&[], &format!("{secret}{ended}")), (Some(0), expected.clone()));
    }
    let (code, told) = hashed(&[], "short\n");
    assert!(code == Some(2) && told.contains("less than 24 bytes") && !told.contains("short"), "{told}");
    let (code, first) = hashed(&["--generate"], "");
    let (_, second) = hashed(&["--generate"], "");
    assert!(code == Some(0) && first != second, "{first}");
    let made = first.split('"').nth(1).unwrap();
    assert!(first.contains(&hash_key(made.as_bytes()).unwrap().to_hex()), "{first}");
}
