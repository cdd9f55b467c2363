//! Azure's emulator, Azurite, which xtask installs under `target/`.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use mlcore::artifact::{ArtifactStoreExt, Credentials, ObjectStore, ObjectStoreOptions};

/// The account and the key that every Azurite has; its documentation shows them.
const ACCOUNT: &str = "devstoreaccount1";
const KEY: &str = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

struct Azurite {
    process: Child,
    port: u16,
    _folder: tempfile::TempDir,
}

impl Azurite {
    /// None where it is not installed, which the test then says.
    fn start() -> Option<Self> {
        let target = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target");
        let script = target.join("azurite/node_modules/azurite/dist/src/blob/main.js");
        if !script.exists() {
            let problem = "Azurite is not installed (cargo xtask setup, which wants npm)";
            assert!(std::env::var_os("CI").is_none(), "{problem}");
            println!("skipped: {problem}");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let process = Command::new("node")
            .arg(&script)
            .args([
                "--skipApiVersionCheck",
                "--silent",
                "--disableTelemetry",
                "--blobHost",
                "127.0.0.1",
                "--blobPort",
            ])
            .arg(port.to_string())
            .arg("--location")
            .arg(folder.path())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let azurite = Self { process, port, _folder: folder };
        let started = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(started.elapsed() < Duration::from_secs(60), "Azurite does not listen");
            std::thread::sleep(Duration::from_millis(50));
        }
        Some(azurite)
    }

    fn options(&self, prefix: &str, spool: &Path) -> ObjectStoreOptions {
        let url = format!(
            "az://models/{prefix}?account={ACCOUNT}&endpoint=http://127.0.0.1:{}/{ACCOUNT}",
            self.port
        );
        ObjectStoreOptions::from_url(&url)
            .unwrap()
            .with_credentials(Credentials::azure_key(KEY))
            .with_spool(spool)
            .with_part_bytes(crate::PART as u64)
    }
}

impl Drop for Azurite {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// Makes the container, which no artifact store does: its owner decides where it lies.
fn make_container(azurite: &Azurite) {
    let script = format!(
        "const {{createHmac}} = require('crypto');\
         const date = new Date().toUTCString();\
         const text = 'PUT\\n\\n\\n\\n\\n\\n\\n\\n\\n\\n\\n\\nx-ms-date:' + date + '\\nx-ms-version:2021-12-02\\n/{ACCOUNT}/{ACCOUNT}/models\\nrestype:container';\
         const sign = createHmac('sha256', Buffer.from('{KEY}', 'base64')).update(text).digest('base64');\
         fetch('http://127.0.0.1:{port}/{ACCOUNT}/models?restype=container', {{method: 'PUT', headers: {{'x-ms-date': date, 'x-ms-version': '2021-12-02', Authorization: 'SharedKey {ACCOUNT}:' + sign}}}})\
         .then(async answer => {{ if (answer.status !== 201) {{ console.error(answer.status, await answer.text()); process.exit(1); }} }});",
        port = azurite.port
    );
    assert!(Command::new("node").arg("-e").arg(script).status().unwrap().success());
}

#[cfg(feature = "conformance")]
#[test]
fn it_keeps_the_contract_on_azure() {
    use mlcore::conformance::{self, Persistence};

    let Some(azurite) = Azurite::start() else { return };
    make_container(&azurite);
    let spool = tempfile::tempdir().unwrap();
    conformance::artifact_store(Persistence::Shared, |place| {
        Box::new(ObjectStore::open_with(&azurite.options(&format!("place-{place}"), spool.path())).unwrap())
    });

    let store = ObjectStore::open_with(&azurite.options("large", spool.path())).unwrap();
    let bytes = crate::content(3 * crate::PART + 1);
    let digest = store.put_bytes(&bytes).unwrap();
    assert!(store.read(&digest).unwrap() == bytes, "in parts");

    let wrong = azurite.options("x", spool.path()).with_credentials(Credentials::azure_key("c2VjcmV0"));
    let error = ObjectStore::open_with(&wrong).unwrap().put_bytes(b"a model").unwrap_err();
    assert_eq!(error.kind(), "permission_denied", "{error}");
    assert!(!error.to_string().contains("c2VjcmV0") && error.to_string().contains("request id"), "{error}");
}
