//! `mlcore-serve import` and `export`: what MLflow has stored, taken over by one command, and given back by another.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;
use mlcore::registry::{self, Change};
use mlcore::tracking::{SqliteOptions, mlflow};
use mlcore::{Error, Result, artifact, tracking};

use super::settings::Settings;
use super::source::{self, is_mlflow};
use super::tracking::{FILES, folder_of, tree};
use crate::endpoint::{Clock as _, SystemClock};
use crate::mlflow::{StoreImport, StoreReport};
use crate::models::{MirrorReport, SourceOptions};

/// What is taken over, and where to.
#[derive(Args, Debug)]
pub(super) struct Import {
    /// The store of MLflow: the SQLite file of a server, as a path or as sqlite:///path, or a folder mlruns; or a running server,
    /// as mlflow+http://host:port, of which the registered models with the ONNX flavor are taken
    source: String,
    /// Into this registry and the tracker beside it: sqlite:////absolute/path or postgresql://user@host/database
    #[arg(long, value_name = "URL")]
    registry: Option<String>,
    /// With these artifacts, as mlcore-serve is to be started with them: a folder, s3://bucket/prefix, gs:// or az://
    #[arg(long, value_name = "URL")]
    artifacts: Option<String>,
    /// Copy the files that MLflow's server handed out from this folder, its --artifacts-destination (mlartifacts, unless
    /// it names another)
    #[arg(long, value_name = "DIR")]
    artifacts_from: Option<PathBuf>,
}

impl Import {
    /// Lets what stands behind the word `import` count before the same flags in front of it.
    pub(super) fn add_to(&self, flags: &mut super::Flags) {
        for (own, other) in [(&self.registry, &mut flags.registry), (&self.artifacts, &mut flags.artifacts)] {
            if own.is_some() {
                other.clone_from(own);
            }
        }
    }

    /// Takes it over, and prints what there was; says how many things were left out.
    pub(super) fn run(&self, settings: &Settings) -> Result<usize> {
        let Some(url) = settings.flags.registry.as_deref().filter(|url| !is_mlflow(url)) else {
            let problem = "nothing says which registry is imported into";
            return Err(Error::invalid_input(IMPORT, "registry", problem)
                .remedy("give --registry sqlite:////absolute/path or postgresql://user@host/database"));
        };
        let artifacts = match &settings.flags.artifacts {
            Some(url) => url.clone(),
            None => registry::artifacts_url(url)?,
        };
        let (lines, left, left_out) = if is_mlflow(&self.source) {
            if self.artifacts_from.is_some() {
                let problem = "the files of a running server come from it";
                return Err(Error::invalid_input(IMPORT, "artifacts-from", problem).remedy("leave it out"));
            }
            let report = self.of_server(settings, url, &artifacts)?;
            (of_mirror(&report), report.left.clone(), report.left.len())
        } else {
            let report = self.of_store(url, &artifacts)?;
            let left_out = report.tracked.left_out + report.left_out;
            let left = report.tracked.left.iter().chain(&report.left).cloned().collect();
            (of_store(&report), left, usize::try_from(left_out).unwrap_or(usize::MAX))
        };
        print(&lines, &left, left_out)?;
        Ok(left_out)
    }

    fn of_server(&self, settings: &Settings, url: &str, artifacts: &str) -> Result<MirrorReport> {
        let source = source::server(settings, &self.source, SourceOptions::default())?;
        let (registry, artifacts) = (registry::open(url)?, artifact::open(artifacts)?);
        let change = Change::new("mlflow import", SystemClock::default().now())
            .with_reason(format!("imported from {}", self.source));
        source.mirror_all(&*registry, &*artifacts, &change)
    }

    fn of_store(&self, url: &str, artifacts: &str) -> Result<StoreReport> {
        let path = path_of(&self.source)?;
        if !path.exists() {
            return Err(Error::not_found(IMPORT, path.display().to_string(), "there is no such file"));
        }
        let tracker = tracking::open(&tracking::tracker_url(url)?)?;
        let (registry, store) = (registry::open(url)?, artifact::open(artifacts)?);
        let mut import = StoreImport::new(tracker, registry, store);
        let tree = tree(artifacts)?;
        if let Some(from) = &self.artifacts_from {
            check_apart(from, artifacts, tree.is_some())?;
            import = import.with_artifacts_from(from);
        }
        if let Some(tree) = tree {
            import = import.with_artifacts(tree);
        }
        import.run(path)
    }
}

/// What is given back, and where to.
#[derive(Args, Debug)]
pub(super) struct StoreExport {
    /// The SQLite file that is made, and must not exist yet; MLflow opens it as sqlite:///path
    destination: PathBuf,
    /// Of the tracker beside this registry: sqlite:////absolute/path or postgresql://user@host/database
    #[arg(long, value_name = "URL")]
    registry: Option<String>,
}

impl StoreExport {
    /// Gives it back, and prints what there was; says how many things were left out.
    pub(super) fn run(&self, registry: Option<&str>) -> Result<usize> {
        let Some(url) = self.registry.as_deref().or(registry).filter(|url| !is_mlflow(url)) else {
            let problem = "nothing says which registry's runs are exported";
            return Err(Error::invalid_input(EXPORT, "registry", problem)
                .remedy("give --registry sqlite:////absolute/path or postgresql://user@host/database"));
        };
        let url = tracking::tracker_url(url)?;
        if url.starts_with("sqlite:") {
            let file = SqliteOptions::from_url(&url)?.path;
            if !file.exists() {
                let problem = "there is no such file: nothing was tracked beside this registry";
                return Err(Error::not_found(EXPORT, file.display().to_string(), problem));
            }
        }
        let exported = mlflow::export_database(&*tracking::open(&url)?, &self.destination)?;
        let counted = [
            ("experiments", exported.experiments),
            ("runs", exported.runs),
            ("points of metrics", exported.points),
            ("parameters", exported.params),
            ("tags", exported.tags),
            ("datasets", exported.datasets),
            ("logged models", exported.models),
        ];
        let left_out = usize::try_from(exported.left_out).unwrap_or(usize::MAX);
        print(&counted.map(|(what, count)| (what, count.to_string())), &exported.left, left_out)?;
        Ok(left_out)
    }
}

/// Files are copied from a folder that has nothing to do with the one that they are copied into.
fn check_apart(from: &Path, artifacts: &str, is_kept: bool) -> Result<()> {
    let subject = || from.display().to_string();
    let refused = |problem: &str| {
        Err(Error::invalid_input(IMPORT, subject(), problem.to_owned())
            .remedy("name the folder of MLflow's --artifacts-destination"))
    };
    if !from.is_dir() {
        return refused("there is no such folder");
    }
    if !is_kept {
        let problem = "files are copied into a folder or a bucket, and --artifacts names neither";
        return Err(Error::unsupported(IMPORT, subject(), problem)
            .remedy("give --artifacts DIR, or leave --artifacts-from out and the files where they lie"));
    }
    let Some(tree) = folder_of(artifacts).map(|folder| folder.join(FILES)) else { return Ok(()) };
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let (from, tree) = (real(from), real(&tree));
    if from.starts_with(&tree) || tree.starts_with(&from) {
        return refused("it is where the files of this server lie, or one of the two lies in the other");
    }
    Ok(())
}

/// The path that a source names, as a path or as MLflow's --backend-store-uri.
fn path_of(source: &str) -> Result<PathBuf> {
    if let Some(rest) = source.strip_prefix("sqlite:///") {
        return Ok(rest.split('?').next().unwrap_or_default().into());
    }
    if let Some(rest) = source.strip_prefix("file://") {
        return Ok(rest.into());
    }
    match source.split_once("://") {
        None => Ok(source.into()),
        Some((scheme, _)) => {
            let problem = format!("stores of MLflow are read from SQLite, and its scheme is {scheme}");
            Err(Error::unsupported(IMPORT, scheme, problem).remedy(
                "name the server that runs on it, mlflow+http://host:port, for its registered models",
            ))
        }
    }
}

fn of_store(report: &StoreReport) -> Vec<(&'static str, String)> {
    let tracked = &report.tracked;
    let counted = [
        ("experiments", tracked.experiments),
        ("runs", tracked.runs),
        ("points of metrics", tracked.points),
        ("parameters", tracked.params),
        ("tags", tracked.tags),
        ("datasets", tracked.datasets),
        ("logged models", tracked.models),
        ("registered models", report.models),
        ("versions", report.versions),
        ("versions that can be served", report.served),
        ("aliases", report.aliases),
        ("files", report.files),
        ("bytes copied", report.bytes),
    ];
    counted.map(|(what, count)| (what, count.to_string())).to_vec()
}

fn of_mirror(report: &MirrorReport) -> Vec<(&'static str, String)> {
    let counted = [
        ("registered models", report.models),
        ("versions", report.versions),
        ("versions that are new", report.new),
        ("aliases", report.aliases),
    ];
    counted.map(|(what, count)| (what, count.to_string())).to_vec()
}

fn print(lines: &[(&str, String)], left: &[String], left_out: usize) -> Result<()> {
    let mut out = std::io::stdout().lock();
    let mut write = || {
        for (what, count) in lines {
            writeln!(out, "{what}: {count}")?;
        }
        writeln!(out, "left out: {left_out}")?;
        left.iter().try_for_each(|left| writeln!(out, "- {}", left.replace(char::is_control, " ")))?;
        match left_out.saturating_sub(left.len()) {
            0 => Ok(()),
            more => writeln!(out, "- and {more} more"),
        }
    };
    write().map_err(|cause| Error::from_io("print", "standard output", cause))
}

const IMPORT: &str = "import";
const EXPORT: &str = "export";
