//! `mlcore-serve`: the models of a folder or a registry, behind the Open Inference Protocol.

use std::process::ExitCode;

fn main() -> ExitCode {
    mlcore_serve::server::program::main(std::env::args_os())
}
