//! The project's own commands, run as `cargo xtask <command>`: whatever a continuous-integration job does, anyone can do.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line tool speaks through its output"
)]

mod azurite;
mod bench;
mod browser;
mod clients;
mod lint;
mod load;
mod mlflow_page;
mod onnxruntime;
mod packages;
mod process;
mod project;
mod promtool;
mod protocols;
mod python;
mod quickstart;
mod setup;
mod tally;
mod test;
mod wheel;

use std::process::ExitCode;

use process::Result;

/// A command: its name, what it does in one line, and the code that does it.
struct Command {
    name: &'static str,
    about: &'static str,
    run: fn() -> Result<ExitCode>,
}

const COMMANDS: [Command; 7] = [
    Command {
        name: "setup",
        about: "fetch ONNX Runtime and make the Python environment; done once, kept under target/ and the cache folder",
        run: setup::run,
    },
    Command {
        name: "quickstart",
        about: "show the whole loop on real data; writes target/quickstart/report.html",
        run: quickstart::run,
    },
    Command {
        name: "test",
        about: "everything that must pass: formatting, clippy, Rust and doc tests, docs, stock clients, wheel, pytest, stubs",
        run: test::run,
    },
    Command {
        name: "bench",
        about: "measure mlcore beside the libraries that its users know",
        run: bench::run,
    },
    Command {
        name: "load",
        about: "load the program mlcore-serve beside other model servers, in a closed and an open loop",
        run: load::run,
    },
    Command {
        name: "protocols",
        about: "make the Rust code of the protocols of gRPC anew, after a change to a .proto file",
        run: protocols::run,
    },
    Command { name: "lint", about: "formatting, clippy and, where installed, cargo-deny", run: lint::run },
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let wanted = match arguments.as_slice() {
        [] => None,
        [only] if matches!(only.as_str(), "help" | "--help" | "-h") => None,
        [only] => Some(only.as_str()),
        _ => Some("more than one argument"),
    };
    let Some(name) = wanted else {
        print!("{}", help());
        return ExitCode::SUCCESS;
    };
    let Some(command) = COMMANDS.iter().find(|command| command.name == name) else {
        eprintln!("error: `{name}` is no xtask command; run `cargo xtask` to list them");
        return ExitCode::from(2);
    };
    (command.run)().unwrap_or_else(|failure| {
        eprintln!("error: {failure}");
        ExitCode::FAILURE
    })
}

fn help() -> String {
    let mut text = String::from("Usage: cargo xtask <command>\n\n");
    for command in &COMMANDS {
        text.push_str(&format!("  {:<12}{}\n", command.name, command.about));
    }
    text
}
