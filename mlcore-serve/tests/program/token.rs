//! Access tokens: issued and revoked by one command while a server runs.

use std::process::{Output, Stdio};

use crate::place::{Place, eventually};

fn token(place: &Place, arguments: &[&str]) -> Output {
    place.command(&[&["token"], arguments].concat()).stdout(Stdio::piped()).output().unwrap()
}

fn printed(place: &Place, arguments: &[&str]) -> String {
    let output = token(place, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[test]
fn tokens_are_issued_and_revoked_while_it_serves() {
    let place = Place::new();
    place.put("net/1", "mlp30.onnx");
    place.put("forest/1", "rf30.onnx");
    let file = ["--tokens", "tokens.json"];
    let first = printed(&place, &[&["issue", "reader", "--role", "predict"], &file[..]].concat());
    assert!(first.starts_with("mlc_") && first.len() == 68, "{first}");
    let running = place.again().serve(&["--model-repository", "models", "--tokens", "tokens.json"]);
    let status = |token: &str, path: &str| {
        running.ask(&format!("GET {path} HTTP/1.1\r\nAuthorization: Bearer {token}\r\n"), "").0
    };
    assert_eq!(running.get("/v2/models/net").0, 401, "nobody is let in without a token");
    assert_eq!((status(&first, "/v2/models/net"), status("mlc_0", "/v2/models/net")), (200, 401));
    let more = [
        "issue",
        "team",
        "--role",
        "predict",
        "--model",
        "net*",
        "--principal",
        "ana",
        "--days",
        "30",
        "--tokens",
        "tokens.json",
    ];
    let team = printed(&place, &more);
    running.signal("-HUP");
    eventually("the new one is known", || status(&team, "/v2/models/net") == 200);
    assert_eq!(status(&team, "/v2/models/forest"), 403, "it is for other models");
    assert_eq!(printed(&place, &["revoke", "reader", "--tokens", "tokens.json"]), "");
    running.signal("-HUP");
    eventually("the old one is known no longer", || status(&first, "/v2/models/net") == 401);
    let listed = printed(&place, &[&["list"], &file[..]].concat());
    let lines: Vec<&str> = listed.lines().collect();
    assert!(lines[0].starts_with("reader reader predict revoked "), "{listed}");
    assert!(lines[1].starts_with("team ana predict models=net* until "), "{listed}");
    let trainer = ["issue", "trainer", "--role", "write", "--experiment", "7", "--tokens", "tokens.json"];
    printed(&place, &trainer);
    let listed = printed(&place, &[&["list"], &file[..]].concat());
    assert!(listed.ends_with("trainer trainer write experiments=7"), "{listed}");
    let kept = std::fs::read_to_string(place.path("tokens.json")).unwrap();
    let log = running.log();
    for token in [&first, &team] {
        assert!(
            !kept.contains(token.as_str()) && !log.contains(token.as_str()),
            "the token itself is kept nowhere"
        );
    }
    assert_eq!(running.stop(), Some(0));
}

#[test]
fn what_is_wrong_with_tokens_is_one_line() {
    let place = Place::new();
    place.put("net/1", "mlp30.onnx");
    place.write_here("broken.json", "[{\"name\": \"secret-of-somebody\"");
    for (arguments, code, problem) in [
        (&["token", "list"][..], 2, "nothing says which file keeps them; give --tokens FILE"),
        (
            &["token", "list", "--tokens", "nowhere.json"],
            1,
            "there is no such file; mlcore-serve token issue",
        ),
        (&["token", "issue", "a", "--tokens", "t.json"], 2, "--role"),
        (&["token", "issue", "a b", "--role", "predict", "--tokens", "t.json"], 2, "visible ASCII"),
        (&["token", "revoke", "nobody", "--tokens", "broken.json"], 1, "it is no file of tokens"),
        (
            &["--model-repository", "models", "--tokens", "nowhere.json"],
            1,
            "nowhere.json: there is no such file",
        ),
        (&["--model-repository", "models", "--tokens", "broken.json"], 1, "it is no file of tokens"),
    ] {
        let (found, told) = place.again().fails(arguments);
        assert_eq!(found, Some(code), "{arguments:?}: {told}");
        assert!(told.contains(problem) && !told.contains("secret-of-somebody"), "{arguments:?}: {told}");
    }
    // The environment names the file as well.
    let place = place.with_variables(&[("MLCORE_TOKENS", "t.json")]);
    printed(&place, &["issue", "one", "--role", "admin"]);
    let twice = token(&place, &["issue", "one", "--role", "admin"]);
    assert!(String::from_utf8_lossy(&twice.stderr).contains("another token has its name"));
}
