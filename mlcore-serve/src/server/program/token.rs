//! `mlcore-serve token`: the file of access tokens, which a server that runs reads again when it changes.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, Subcommand, ValueEnum};
use mlcore::time::{TimeUnit, Timestamp};
use mlcore::{Error, Result};

use super::security::random;
use crate::auth::{NewToken, Resources, Role, TokenFile, TokenRecord, Tokens};
use crate::endpoint::{Clock as _, SystemClock};

/// What is done to the file.
#[derive(Args, Debug)]
pub(super) struct TokenCommand {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Issue a token, and print it: this once
    Issue {
        /// Its name, which no other token has
        name: String,
        /// The file of tokens, which is made where there is none
        #[arg(long, value_name = "FILE")]
        tokens: Option<PathBuf>,
        /// What it may do; may be given several times
        #[arg(long, required = true, value_name = "ROLE")]
        role: Vec<TokenRole>,
        /// Who uses it, as logs name them [default: its name]
        #[arg(long, value_name = "NAME")]
        principal: Option<String>,
        /// The models that it is for, by name or by the beginning of names and *; all where neither models nor experiments are given. May be
        /// given several times
        #[arg(long, value_name = "PATTERN")]
        model: Vec<String>,
        /// The experiments that it is for, by id or by the beginning of ids and *; none where there are models only. May be given several
        /// times
        #[arg(long, value_name = "PATTERN")]
        experiment: Vec<String>,
        /// Take it for so many days from now on
        #[arg(long, value_name = "DAYS")]
        days: Option<u32>,
    },
    /// Take a token out of use, for ever
    Revoke {
        /// Its name
        name: String,
        /// The file of tokens
        #[arg(long, value_name = "FILE")]
        tokens: Option<PathBuf>,
    },
    /// Print the names of the tokens, who uses them and until when
    List {
        /// The file of tokens
        #[arg(long, value_name = "FILE")]
        tokens: Option<PathBuf>,
    },
}

/// A role, as a flag names it.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum TokenRole {
    Predict,
    Write,
    Admin,
}

impl From<TokenRole> for Role {
    fn from(role: TokenRole) -> Self {
        match role {
            TokenRole::Predict => Self::Predict,
            TokenRole::Write => Self::Write,
            TokenRole::Admin => Self::Admin,
        }
    }
}

impl TokenCommand {
    /// Does it; `file` is named in front of the word `token`, or by the environment.
    pub(super) fn run(&self, file: Option<&Path>) -> Result<()> {
        let mut out = std::io::stdout().lock();
        let failed = |cause| Error::from_io("print tokens", "standard output", cause);
        match &self.command {
            Command::Issue { name, tokens, role, principal, model, experiment, days } => {
                let tokens = open(named(tokens.as_deref(), file)?)?;
                let principal = principal.as_ref().unwrap_or(name);
                let mut new = NewToken::new(name, principal, role.iter().copied().map(Role::from));
                if !model.is_empty() || !experiment.is_empty() {
                    let of = |all: Resources, pattern: &String| all.with_model(pattern);
                    let models = model.iter().fold(Resources::default(), of);
                    let of = |all: Resources, pattern: &String| all.with_experiment(pattern);
                    new = new.with_resources(experiment.iter().fold(models, of));
                }
                if let Some(days) = days {
                    let micros = i64::from(*days) * 24 * 3600 * 1_000_000;
                    new = new.until(Timestamp::from_micros(now().as_micros().saturating_add(micros)));
                }
                writeln!(out, "{}", tokens.issue(new, random()?)?).map_err(failed)
            }
            Command::Revoke { name, tokens } => existing(named(tokens.as_deref(), file)?)?.revoke(name),
            Command::List { tokens } => {
                let tokens = existing(named(tokens.as_deref(), file)?)?;
                tokens.list().iter().try_for_each(|record| writeln!(out, "{}", line(record))).map_err(failed)
            }
        }
    }
}

/// A token in one line, without its hash.
fn line(record: &TokenRecord) -> String {
    let roles: Vec<&str> = record.roles.iter().map(|role| role.name()).collect();
    let mut line = format!("{} {} {}", record.name, record.principal, roles.join(","));
    if let Some(resources) = &record.resources {
        for (what, patterns) in [("models", &resources.models), ("experiments", &resources.experiments)] {
            if !patterns.is_empty() {
                line.push_str(&format!(" {what}={}", patterns.join(",")));
            }
        }
    }
    let moment = |micros: i64| Timestamp::new(micros.div_euclid(1_000_000), TimeUnit::Second);
    match (record.revoked_at, record.expires_at) {
        (Some(at), _) => line.push_str(&format!(" revoked {}", moment(at))),
        (None, Some(at)) if at <= now().as_micros() => line.push_str(&format!(" expired {}", moment(at))),
        (None, Some(at)) => line.push_str(&format!(" until {}", moment(at))),
        (None, None) => {}
    }
    line
}

fn named<'p>(own: Option<&'p Path>, file: Option<&'p Path>) -> Result<&'p Path> {
    own.or(file).ok_or_else(|| {
        Error::invalid_input("read tokens", "tokens", "nothing says which file keeps them")
            .remedy("give --tokens FILE")
    })
}

/// The tokens of a file, which need not be there yet.
fn open(path: &Path) -> Result<Tokens> {
    Tokens::open(Arc::new(TokenFile::new(path)), now)
}

/// The tokens of a file that must be there.
pub(super) fn existing(path: &Path) -> Result<Tokens> {
    if !path.exists() {
        return Err(Error::not_found("read tokens", path.display().to_string(), "there is no such file")
            .remedy("mlcore-serve token issue NAME --role ROLE --tokens FILE makes it"));
    }
    open(path)
}

fn now() -> Timestamp {
    SystemClock::default().now()
}
