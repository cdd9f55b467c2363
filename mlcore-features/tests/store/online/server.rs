//! A Redis server of the test's own, from the system's packages.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use mlcore_features::store::online::{OnlineStore, RedisOptions, RedisStore};
use tempfile::TempDir;

/// A server in a temporary folder; it ends when it is dropped.
pub(crate) struct Server {
    folder: TempDir,
    port: u16,
    options: Vec<String>,
    process: Option<Child>,
}

impl Server {
    /// A running server that keeps nothing on the disk; none where Redis is not installed, which the test then says.
    pub(crate) fn start(options: &[&str]) -> Option<Self> {
        if Command::new("redis-server").arg("--version").output().is_err() {
            assert!(std::env::var_os("CI").is_none(), "Redis is not installed (Debian: redis-server)");
            println!("skipped: Redis is not installed (Debian: redis-server)");
            return None;
        }
        let mut server = Self {
            folder: tempfile::tempdir().unwrap(),
            port: free_port(),
            options: options.iter().map(|option| (*option).to_owned()).collect(),
            process: None,
        };
        server.run();
        Some(server)
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/0", self.port)
    }

    /// A store on it.
    pub(crate) fn store(&self) -> RedisStore {
        RedisStore::open(&self.url(), RedisOptions::default().with_timeout(Duration::from_millis(500)))
            .unwrap()
    }

    /// Starts it, and waits until it answers.
    pub(crate) fn run(&mut self) {
        let mut command = Command::new("redis-server");
        command.args(["--port", &self.port.to_string(), "--bind", "127.0.0.1", "--save", "", "--dir"]);
        command.arg(self.folder.path()).args(&self.options);
        self.process = Some(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
        let (store, end) = (self.store(), Instant::now() + Duration::from_secs(30));
        while let Err(error) = store.check() {
            assert!(Instant::now() < end, "the server did not start within half a minute: {error}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Ends it without any farewell.
    pub(crate) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    /// Sends it a signal, such as `STOP`.
    pub(crate) fn signal(&self, name: &str) {
        let process = self.process.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &process]).status().unwrap().success());
    }

    /// Asks it as somebody would who goes behind the store's back.
    pub(crate) fn ask<T: redis::FromRedisValue>(&self, command: &redis::Cmd) -> T {
        command.query(&mut redis::Client::open(self.url()).unwrap().get_connection().unwrap()).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A port that nobody listens on.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
