//! A PostgreSQL server of the test's own, from the system's packages.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// A server in a temporary folder; it ends when it is dropped.
pub(crate) struct Server {
    programs: PathBuf,
    folder: TempDir,
    port: u16,
    /// More of its options, `-c name=value` each.
    options: Vec<String>,
    process: Option<Child>,
}

impl Server {
    /// A running server without TLS; none where PostgreSQL is not installed, which the test then says.
    pub(crate) fn start() -> Option<Self> {
        Self::start_with(Vec::new())
    }

    pub(crate) fn start_with(options: Vec<String>) -> Option<Self> {
        let Some(programs) = programs() else {
            assert!(std::env::var_os("CI").is_none(), "PostgreSQL is not installed (Debian: postgresql)");
            println!("skipped: PostgreSQL is not installed (Debian: postgresql)");
            return None;
        };
        let folder = folder();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut server = Self { programs, folder, port, options, process: None };
        let data = server.data();
        let made = server
            .program("initdb")
            .args(["--username=mlcore", "--auth=trust", "--encoding=UTF8", "--no-sync", "--pgdata"])
            .arg(&data)
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        server.run();
        Some(server)
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Where files may be put that the server reads.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The URL of its database `postgres`.
    pub(crate) fn url(&self) -> String {
        format!("postgresql://mlcore@127.0.0.1:{}/postgres", self.port)
    }

    /// Starts it, and waits until it answers. One that ends at once is started again: children of the one before may hold its
    /// memory for a moment, and another process the port.
    pub(crate) fn run(&mut self) {
        let end = Instant::now() + Duration::from_secs(60);
        let mut process = self.spawn();
        while !self.is_ready() {
            assert!(Instant::now() < end, "the server did not start within a minute");
            std::thread::sleep(Duration::from_millis(50));
            if process.try_wait().unwrap().is_some() {
                process = self.spawn();
            }
        }
        self.process = Some(process);
    }

    fn spawn(&self) -> Child {
        let mut command = self.program("postgres");
        command.arg("-D").arg(self.data()).args(["-p", &self.port.to_string(), "-k"]).arg(self.folder.path());
        command.args(["-c", "listen_addresses=127.0.0.1", "-c", "max_connections=60"]);
        for option in &self.options {
            command.args(["-c", option]);
        }
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    fn is_ready(&self) -> bool {
        let mut asked = self.program("pg_isready");
        asked.args(["-q", "-h", "127.0.0.1", "-p", &self.port.to_string()]);
        asked.status().is_ok_and(|status| status.success())
    }

    /// Ends it without any farewell, as a power cut does to its processes.
    pub(crate) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            // Its children end when it is gone, and its shared memory with them.
            process.kill().unwrap();
            process.wait().unwrap();
            let end = Instant::now() + Duration::from_secs(10);
            while self.is_ready() && Instant::now() < end {
                std::thread::sleep(Duration::from_millis(20));
            }
        }
    }

    /// Has a superuser run statements, as somebody would who goes behind the registry's back.
    pub(crate) fn sql(&self, statements: &str) {
        let mut psql = self.program("psql");
        psql.args(["-q", "-v", "ON_ERROR_STOP=1", "-d", &self.url(), "-c", statements]);
        let done = psql.output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }

    fn program(&self, name: &str) -> Command {
        let mut command = Command::new(self.programs.join(name));
        // Somewhere that its user may read.
        command.current_dir(self.folder.path());
        if is_root() {
            use std::os::unix::process::CommandExt;
            let (user, group) = user_of_postgres();
            command.uid(user).gid(group);
        }
        command
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A temporary folder that the server's user reaches, wherever this process keeps its own.
pub(crate) fn folder() -> TempDir {
    let place = if is_root() { PathBuf::from("/tmp") } else { std::env::temp_dir() };
    let folder = tempfile::tempdir_in(place).unwrap();
    give(folder.path());
    folder
}

/// The newest installed version's.
fn programs() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").ok()?;
    let mut found: Vec<(u32, PathBuf)> = versions
        .filter_map(|version| {
            let version = version.ok()?;
            let number = version.file_name().to_str()?.parse().ok()?;
            let programs = version.path().join("bin");
            programs.join("initdb").exists().then_some((number, programs))
        })
        .collect();
    found.sort();
    Some(found.pop()?.1)
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;

    // Its own folder belongs to the user that a process runs as.
    fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

/// PostgreSQL refuses to run as root: the user runs it that its package makes.
fn user_of_postgres() -> (u32, u32) {
    let users = fs::read_to_string("/etc/passwd").unwrap();
    let line = users.lines().find(|line| line.starts_with("postgres:")).unwrap();
    let mut fields = line.split(':').skip(2);
    let mut number = || fields.next().and_then(|field| field.parse().ok()).unwrap();
    (number(), number())
}

/// Gives a file or folder to the user that runs the server.
pub(crate) fn give(path: &Path) {
    if is_root() {
        let (user, group) = user_of_postgres();
        std::os::unix::fs::chown(path, Some(user), Some(group)).unwrap();
    }
}
