//! `mlcore-serve`: the models of a folder or a registry, behind the Open Inference Protocol.

use std::process::ExitCode;

/// Requests allocate much and keep little: a sixth of the processor time of a small one goes to the allocator of glibc, and a tenth
/// of that to this one.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    mlcore_serve::server::program::main(std::env::args_os())
}
