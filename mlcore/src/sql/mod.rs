//! One SQLite file and the connections to it: what the registry, the tracker and mlcore's own crates share. No part of the public
//! interface.
//!
//! An operation is named by a verb and what the file holds, `change registry`: errors say `registry` by its last word.

mod connect;
mod error;
#[cfg(unix)]
mod files;
/// Elsewhere a file cannot be deleted while it is open.
#[cfg(not(unix))]
mod files {
    use crate::error::{Error, Result};

    #[derive(Debug)]
    pub struct Files;

    impl Files {
        pub fn new(_path: &std::path::Path, _change: &'static str) -> Self {
            Self
        }

        pub fn check(&self) -> Result<()> {
            Ok(())
        }

        pub fn check_written(&mut self) -> Result<()> {
            Ok(())
        }
    }
}
#[cfg(all(
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64")
))]
mod locks;
/// Elsewhere the file is locked as SQLite does.
#[cfg(not(all(
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64")
)))]
mod locks {
    #[derive(Debug)]
    pub struct Protected;

    impl Protected {
        pub fn new(_path: &std::path::Path) -> Self {
            Self
        }
    }
}
mod options;
mod partial;
mod place;
mod schema;

pub use self::connect::{MOST_IDLE_READERS, STEPS_OF_A_CHECK, Target, begin, uri};
pub use self::error::{commit_meaning, damaged, meaning};
pub use self::files::Files;
pub use self::locks::Protected;
pub use self::options::SqliteOptions;
pub use self::partial::Partial;
pub use self::place::SqliteAccess;
pub use self::schema::Schema;

/// What the file of an operation holds: its last word.
fn holds(operation: &str) -> &str {
    operation.rsplit(' ').next().unwrap_or(operation)
}
