use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};

use mlcore::name::ModelName;
use mlcore::{Error, Result};

use super::backup::BackupOptions;
use super::flags::Flags;
use super::retention::RetentionOptions;
use super::source::is_mlflow;
use super::spans::SpanOptions;
use super::webhooks::Hook;
use crate::log::LogOptions;
use crate::models::{MlflowCredentials, ModelOptions};

/// What the program is told, by all ways together.
#[derive(Clone, Debug, Default)]
pub(super) struct Settings {
    pub(super) flags: Flags,
    pub(super) models: BTreeMap<ModelName, ModelOptions>,
    /// How predictions are logged.
    pub(super) log: LogOptions,
    /// The file of the keys: that of the settings where they have keys.
    pub(super) keys: Option<PathBuf>,
    pub(super) mlflow: Mlflow,
    /// Where the spans of requests go.
    pub(super) spans: Option<SpanOptions>,
    /// Who is told what happens in the registry.
    pub(super) webhooks: Vec<Hook>,
    pub(super) backup: Option<BackupOptions>,
    pub(super) retention: Option<RetentionOptions>,
}

/// How an MLflow server is reached, by the variables of MLflow's own clients.
#[derive(Clone, Debug, Default)]
pub(super) struct Mlflow {
    pub(super) credentials: Option<MlflowCredentials>,
    pub(super) authorities: Option<PathBuf>,
}

impl Settings {
    /// What flags and environment say, and the file where they say nothing; `variable` reads the environment.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] naming the file and the line of what cannot be read.
    pub(super) fn read(
        file: Option<&Path>,
        flags: Flags,
        variable: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self> {
        let mut settings = match file {
            Some(path) => Self::of_file(path)?,
            None => Self::default(),
        };
        settings.flags = flags.or(settings.flags);
        settings.of_mlflow(variable)?;
        settings.spans = SpanOptions::read(settings.flags.otlp_endpoint.as_deref(), variable)?;
        match (settings.keys.is_some(), settings.flags.auth_file.clone()) {
            (true, Some(_)) => {
                let problem = "both are given, and keys come from one of them";
                return Err(Error::invalid_input(READ, "auth-file and [[auth.keys]]", problem));
            }
            (false, file) => settings.keys = file,
            (true, None) => {}
        }
        settings.check_registry()?;
        if settings.flags.feature_project.is_some() && settings.flags.feature_store.is_none() {
            let problem = "it is given, and no feature store is, which it belongs to";
            return Err(Error::invalid_input(READ, "feature-project", problem)
                .remedy("give --feature-store DIR, too"));
        }
        if settings.flags.registry.is_some() && settings.flags.model_repository.is_some() {
            let problem = "both are given, and models come from one of them";
            return Err(Error::invalid_input(READ, "registry and model-repository", problem));
        }
        if settings.flags.bundle.is_some()
            && (settings.flags.registry.is_some() || settings.flags.model_repository.is_some())
        {
            let problem =
                "it is given beside a registry or a model repository, and models come from one of them";
            return Err(Error::invalid_input(READ, "bundle", problem));
        }
        Ok(settings)
    }

    /// Fails where something is given that belongs to a registry, and there is none of ours.
    fn check_registry(&self) -> Result<()> {
        let Flags { artifacts, snapshots, mlflow_page, webhook_cursor, registry, .. } = &self.flags;
        // Of these an MLflow server knows nothing.
        let of_ours = [
            ("webhooks", !self.webhooks.is_empty()),
            ("webhook-cursor", webhook_cursor.is_some()),
            ("backup", self.backup.is_some()),
            ("retention", self.retention.is_some()),
        ];
        let of_registry = [
            ("artifacts", artifacts.is_some()),
            ("snapshots", snapshots.is_some()),
            ("mlflow-page", mlflow_page.is_some()),
        ];
        let mut given = of_ours.iter().chain(&of_registry).filter(|(_, is_given)| *is_given);
        match (registry, given.next()) {
            (None, Some((name, _))) => {
                let problem = "it is given, and no registry is, which it belongs to";
                Err(Error::invalid_input(READ, *name, problem).remedy("give --registry URL, too"))
            }
            (Some(url), Some((name, _))) if is_mlflow(url) && of_ours.iter().any(|own| own.0 == *name) => {
                let problem = "it is given, and the registry is an MLflow server, which is only read";
                Err(Error::invalid_input(READ, *name, problem).remedy("leave it out"))
            }
            _ => Ok(()),
        }
    }

    fn of_file(path: &Path) -> Result<Self> {
        let subject = path.display().to_string();
        let text =
            std::fs::read_to_string(path).map_err(|cause| Error::from_io(READ, subject.as_str(), cause))?;
        let invalid = |cause: toml::de::Error| {
            let place = cause.span().map_or(String::new(), |span| {
                let before = text.get(..span.start).unwrap_or_default();
                format!("line {}: ", before.matches('\n').count() + 1)
            });
            let problem = format!("{place}{}", cause.message().trim_end());
            Error::invalid_input(READ, subject.as_str(), problem).caused_by(cause)
        };
        let mut flags: toml::Table = toml::from_str(&text).map_err(&invalid)?;
        // The keys themselves are read where they are used, and again when they change.
        let keys = flags.contains_key("auth").then(|| path.to_owned());
        flags.retain(|name, _| !TABLES.contains(&name));
        let flags: Flags = flags.try_into().map_err(&invalid)?;
        // Read from the text, so that an error can say its line.
        let OfFile { models, log, webhooks, backup, retention } = toml::from_str(&text).map_err(&invalid)?;
        Ok(Self { flags, models, log, keys, webhooks, backup, retention, ..Self::default() })
    }

    /// What deployments of MLflow's models set: a registry, a model and a version.
    fn of_mlflow(&mut self, variable: &dyn Fn(&str) -> Option<String>) -> Result<()> {
        let of = |name: &str| variable(name).filter(|value| !value.is_empty());
        self.mlflow.authorities = of("MLFLOW_TRACKING_SERVER_CERT_PATH").map(PathBuf::from);
        // As its clients do: a name and a password go before a token.
        self.mlflow.credentials = match (
            of("MLFLOW_TRACKING_USERNAME"),
            of("MLFLOW_TRACKING_PASSWORD"),
            of("MLFLOW_TRACKING_TOKEN"),
        ) {
            (Some(user), Some(password), _) => Some(MlflowCredentials::Basic { user, password }),
            (_, _, Some(token)) => Some(MlflowCredentials::Token(token)),
            _ => None,
        };
        let (tracking, model, version) = (of("MLFLOW_TRACKING_URI"), of("MODEL_NAME"), of("MODEL_VERSION"));
        let flags = &mut self.flags;
        if flags.model_repository.is_none() && flags.registry.is_none() && flags.bundle.is_none() {
            flags.registry = tracking.clone();
        }
        let Some(model) = model.filter(|_| flags.load_model.is_none()) else { return Ok(()) };
        let name = ModelName::new(&model)?;
        flags.load_model = Some(vec![model]);
        if let Some(version) = version {
            self.models.entry(name).or_default().version.get_or_insert(version);
        }
        // Such a container is reached from outside, on the port that its description names.
        if tracking.is_some() {
            if flags.http_port.is_none() {
                flags.host.get_or_insert(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
            }
            flags.http_port.get_or_insert(8080);
        }
        Ok(())
    }
}

/// The tables that only the file has, beside the flags.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct OfFile {
    models: BTreeMap<ModelName, ModelOptions>,
    log: LogOptions,
    webhooks: Vec<Hook>,
    backup: Option<BackupOptions>,
    retention: Option<RetentionOptions>,
}

/// Their names, and that of the keys, which are read by themselves.
const TABLES: [&str; 6] = ["models", "log", "auth", "webhooks", "backup", "retention"];
const READ: &str = "read settings";
