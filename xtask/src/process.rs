//! Running other programs, with errors of one sentence.

use std::ffi::OsStr;
use std::fmt;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::project;

/// The result of a step.
pub(crate) type Result<T> = std::result::Result<T, Failure>;

/// Why a command could not do its work: one sentence that names the remedy.
#[derive(Debug)]
pub(crate) struct Failure(String);

impl Failure {
    pub(crate) fn new(sentence: impl Into<String>) -> Self {
        Self(sentence.into())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Runs a program with our output and an empty input; `true` when it succeeded.
pub(crate) fn succeeds(command: &mut Command) -> Result<bool> {
    println!("$ {}", line(command));
    let status = command.stdin(Stdio::null()).status().map_err(|error| unstarted(command, &error))?;
    Ok(status.success())
}

/// Like [`succeeds`], and hands each line of standard output to `each` after printing it.
pub(crate) fn succeeds_with_lines(command: &mut Command, mut each: impl FnMut(&str)) -> Result<bool> {
    println!("$ {}", line(command));
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| unstarted(command, &error))?;
    if let Some(output) = child.stdout.take() {
        for bytes in BufReader::new(output).split(b'\n').map_while(std::result::Result::ok) {
            let text = String::from_utf8_lossy(&bytes);
            println!("{text}");
            each(&text);
        }
    }
    let status = child.wait().map_err(|error| unstarted(command, &error))?;
    Ok(status.success())
}

/// Runs a program with an empty input: whether it succeeded, and all that it printed.
pub(crate) fn told(command: &mut Command) -> Result<(bool, String)> {
    let output = command.stdin(Stdio::null()).output().map_err(|error| unstarted(command, &error))?;
    let printed = [output.stdout, output.stderr].concat();
    Ok((output.status.success(), String::from_utf8_lossy(&printed).into_owned()))
}

/// Prints a command that has been run.
pub(crate) fn show(command: &Command) {
    println!("$ {}", line(command));
}

/// The standard output of a program that is asked a question, or `None` when it is missing or fails; prints nothing.
pub(crate) fn answer(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Runs a program silently: `None` when it succeeded, else the last line of what it complained about.
pub(crate) fn complaint(command: &mut Command) -> Result<Option<String>> {
    let output = command.stdin(Stdio::null()).output().map_err(|error| unstarted(command, &error))?;
    let errors = String::from_utf8_lossy(&output.stderr);
    Ok((!output.status.success())
        .then(|| errors.trim().lines().last().unwrap_or("it said nothing").to_owned()))
}

/// The command as a person at the repository's root would type it.
fn line(command: &Command) -> String {
    let program = Path::new(command.get_program());
    // `cargo` hands down its full path; anything below the root is worth showing whole.
    let program = if program.starts_with(project::root()) {
        program
    } else {
        program.file_name().map_or(program, Path::new)
    };
    let words = std::iter::once(program.as_os_str()).chain(command.get_args());
    words.map(word).collect::<Vec<_>>().join(" ")
}

fn word(word: &OsStr) -> String {
    let path = Path::new(word);
    let text = path.strip_prefix(project::root()).unwrap_or(path).to_string_lossy();
    let plain = |c: char| c.is_alphanumeric() || "-_=+.,/:@[]\\".contains(c);
    if !text.is_empty() && text.chars().all(plain) { text.into_owned() } else { format!("'{text}'") }
}

fn unstarted(command: &Command, error: &std::io::Error) -> Failure {
    let program = command.get_program().to_string_lossy();
    Failure::new(format!(
        "`{program}` could not be started ({error}); check that it is installed and on the PATH"
    ))
}
