//! Keys: what is taken for one, and what is wrong with a file of them.

use std::fs;

use mlcore::artifact::Digest;
use mlcore_serve::auth::{Authenticator, Credentials, KeyOptions, Keys, Role, hash_key};

const KEY: &str = "a key of more than 24 bytes";

fn name_of(keys: &Keys, shown: &Credentials) -> Option<String> {
    keys.authenticate(shown).unwrap().map(|principal| principal.name().to_owned())
}

fn basic(user: &str, password: &str) -> Credentials {
    Credentials::Basic { user: user.to_owned(), password: password.as_bytes().to_vec() }
}

fn bearer(key: &str) -> Credentials {
    Credentials::Bearer(key.as_bytes().to_vec())
}

#[test]
fn a_key_is_sent_as_a_token_or_as_the_password_of_its_user() {
    let (first, second) = (hash_key(KEY.as_bytes()).unwrap(), hash_key(KEY.repeat(2).as_bytes()).unwrap());
    let certificate = Digest::of(b"a certificate");
    let keys = Keys::new([
        KeyOptions::of_token("ana", [Role::Predict], first),
        // While one key takes the place of another, both are taken.
        KeyOptions::of_token("ana", [Role::Predict], second),
        KeyOptions::of_certificate("gateway", [Role::Predict], certificate),
    ])
    .unwrap();
    let ana = Some("ana".to_owned());
    for shown in [bearer(KEY), bearer(&KEY.repeat(2)), basic("ana", KEY), basic("ana", &KEY.repeat(2))] {
        assert_eq!(name_of(&keys, &shown), ana);
    }
    assert_eq!(name_of(&keys, &Credentials::Certificate(certificate)), Some("gateway".to_owned()));
    for wrong in [
        bearer(""),
        bearer(&KEY[1..]),
        bearer(&first.to_hex()),
        basic("bob", KEY),
        basic("", KEY),
        basic("ana", ""),
        bearer("a certificate"),
        basic("gateway", "a certificate"),
        Credentials::Certificate(first),
    ] {
        assert_eq!(name_of(&keys, &wrong), None, "{wrong:?}");
    }
    assert!(!format!("{keys:?}").contains(&first.to_hex()[..8]), "{keys:?}");
}

#[test]
fn short_keys_are_no_keys() {
    assert!(hash_key(&[b'k'; 23]).unwrap_err().to_string().contains("less than 24 bytes"));
    assert_eq!(hash_key(&[b'k'; 24]).unwrap(), Digest::of([b'k'; 24]));
}

#[test]
fn what_is_wrong_with_a_file_is_said_without_its_keys() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.toml");
    let hash = hash_key(KEY.as_bytes()).unwrap().to_hex();
    let read = |text: &str| {
        fs::write(&path, text).unwrap();
        Keys::of_file(&path)
    };
    let good = format!(
        "[[auth.keys]]\nname = \"ana\"\nroles = [\"predict\", \"write\"]\ntoken_sha256 = \"{hash}\"\n"
    );
    assert_eq!(name_of(&read(&good).unwrap(), &bearer(KEY)), Some("ana".to_owned()));
    let with = |lines: &str| format!("[[auth.keys]]\n{lines}\n");
    for (text, problem) in [
        (String::new(), "there are no keys"),
        ("[auth".to_owned(), "line 1: "),
        (with(&format!("name = \"ana\"\nroles = [\"root\"]\ntoken_sha256 = \"{hash}\"")), "line 3: "),
        (with(&format!("name = \"ana\"\nroles = [\"admin\"]\ntoken = \"{KEY}\"")), "line 4: "),
        (with("name = \"ana\"\nroles = [\"admin\"]\ntoken_sha256 = 17"), "line 4: "),
        (with(&format!("name = \"ana\"\nroles = []\ntoken_sha256 = \"{hash}\"")), "key ana: it has no roles"),
        (with("name = \"ana\"\nroles = [\"admin\"]"), "not exactly one of"),
        (with(&format!("roles = [\"admin\"]\ntoken_sha256 = \"{hash}\"")), "its name is not 1 to 128"),
        (with(&format!("name = \"a:b\"\nroles = [\"admin\"]\ntoken_sha256 = \"{hash}\"")), "without a colon"),
        (
            with(&format!("name = \"a\\u001b[2J\"\nroles = [\"admin\"]\ntoken_sha256 = \"{hash}\"")),
            "visible ASCII",
        ),
        (
            with(&format!("name = \"ana\"\nroles = [\"admin\"]\ntoken_sha256 = \"{KEY}\"")),
            "its token_sha256 is not 64 hexadecimal digits",
        ),
        (
            with("name = \"ana\"\nroles = [\"admin\"]\ntoken_env = \"MLCORE_TEST_NO_SUCH_KEY\""),
            "the environment has no variable \"MLCORE_TEST_NO_SUCH_KEY\"",
        ),
        // Surely set, and no key.
        (
            with("name = \"ana\"\nroles = [\"admin\"]\ntoken_env = \"CARGO_PKG_VERSION_MAJOR\""),
            "less than 24 bytes",
        ),
        (format!("{good}{}", good.replace("ana", "bob")), "key bob: another key is the same"),
    ] {
        let error = read(&text).unwrap_err();
        let told = format!("{error} {error:?}");
        assert!(error.to_string().contains(problem), "{text}: {error}");
        assert!(error.to_string().contains("keys.toml"), "{error}");
        assert!(!told.contains(KEY) && !told.contains(&hash) && !told.contains('\u{1b}'), "{told}");
    }
}
