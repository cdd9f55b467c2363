//! What a request is about, for those who may use some models and experiments only. Whatever is not known to be theirs is refused, in
//! always the same words: they do not tell what there is.

use super::artifacts;
use super::call::Call;
use super::fields::{Fields, Kind, Message};
use super::refusal::{Refusal, Result};
use super::{Inner, query, rules};
use crate::auth::{OTHERS, Resources};

/// What a route is about.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum About {
    /// The experiments, runs and logged models that its fields or its query name: at least one.
    Named,
    /// The logged model that its path names, and those that its fields name.
    Logged,
    /// The file that its path or the field `path` names: the first part of it is an experiment.
    Files,
    /// The models of the registry that its fields or its query name, with the runs and logged models that are named beside them.
    Registered,
    /// What everybody may know who is known at all: the version, the files of the page.
    Free,
    /// All there is.
    All,
}

/// Checks that a request is about nothing but what these resources have.
pub(super) fn check(call: &Call<'_>, about: About, message: Message, resources: &Resources) -> Result<()> {
    let mut scope = Scope { server: call.server, resources, named: 0 };
    match about {
        About::Free => return Ok(()),
        About::All => return Err(refused()),
        About::Named => {
            scope.fields(call.fields, message)?;
            scope.query(call.query, message)?;
        }
        About::Logged => {
            scope.logged(call.name(0))?;
            scope.fields(call.fields, message)?;
        }
        About::Files => {
            return scope.file(if call.names.is_empty() { call.text("path") } else { call.name(0) });
        }
        About::Registered => scope.registered(call, message)?,
    }
    if scope.named == 0 { Err(refused()) } else { Ok(()) }
}

/// Checks that a file belongs to an experiment of these resources.
pub(super) fn check_file(server: &Inner, path: &str, resources: &Resources) -> Result<()> {
    Scope { server, resources, named: 0 }.file(path)
}

fn refused() -> Refusal {
    Refusal::new(http::StatusCode::FORBIDDEN, "PERMISSION_DENIED", OTHERS)
}

/// What was looked at of a request so far.
struct Scope<'s> {
    server: &'s Inner,
    resources: &'s Resources,
    /// How much was named.
    named: usize,
}

impl Scope<'_> {
    /// Everything that fields name, in the messages within, too.
    fn fields(&mut self, fields: Fields<'_>, message: Message) -> Result<()> {
        for field in message {
            match (field.name, field.kind) {
                (_, Kind::One(inner)) => {
                    fields.one(field.name).map_or(Ok(()), |own| self.fields(own, inner))?;
                }
                (_, Kind::Many(inner)) => {
                    fields.many(field.name).try_for_each(|own| self.fields(own, inner))?;
                }
                (name, Kind::Texts) => {
                    fields.texts(name).try_for_each(|text| self.subject(name, text))?;
                }
                (name, Kind::Text) => {
                    fields.some(name).map_or(Ok(()), |text| self.subject(name, text))?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Everything that a query names which is not read as fields.
    fn query(&mut self, query: &str, message: Message) -> Result<()> {
        if !message.is_empty() {
            return Ok(());
        }
        query::entries(query).try_for_each(|(name, text)| match text.is_empty() {
            true => Ok(()),
            false => self.subject(&name, &text),
        })
    }

    /// What one field names, if it names anything.
    fn subject(&mut self, field: &str, text: &str) -> Result<()> {
        match field {
            "experiment_id" | "experiment_ids" => self.experiment(text),
            "experiment_name" => {
                let found = self.server.tracker.experiment_by_name(text).map_err(|_| refused())?;
                self.experiment(found.id.as_str())
            }
            "run_id" | "run_ids" | "run_uuid" | "source_run_id" => self.run(text),
            "model_id" => self.logged(text),
            _ => Ok(()),
        }
    }

    fn experiment(&mut self, text: &str) -> Result<()> {
        let id = rules::experiment_id(text).map_err(|_| refused())?;
        self.take(self.resources.has_experiment(id.as_str()))
    }

    fn run(&mut self, text: &str) -> Result<()> {
        let run = self.server.run(text).map_err(hidden)?;
        self.take(self.resources.has_experiment(run.info.experiment.as_str()))
    }

    fn logged(&mut self, text: &str) -> Result<()> {
        let model = self.server.model(text).map_err(hidden)?;
        self.take(self.resources.has_experiment(model.experiment.as_str()))
    }

    fn file(&self, sent: &str) -> Result<()> {
        let path = artifacts::safe(sent).map_err(|_| refused())?;
        let first = path.split('/').next().unwrap_or_default();
        if self.resources.has_experiment(first) { Ok(()) } else { Err(refused()) }
    }

    /// Models of the registry, and where a version comes from.
    fn registered(&mut self, call: &Call<'_>, message: Message) -> Result<()> {
        self.fields(call.fields, message)?;
        let runs = std::mem::take(&mut self.named);
        let asked = query::entries(call.query).filter(|_| message.is_empty());
        for (_, title) in asked.filter(|(name, _)| name == "name") {
            self.take(self.resources.has_model(&title))?;
        }
        for title in ["name", "new_name"].into_iter().filter_map(|field| call.some(field)) {
            self.take(self.resources.has_model(title))?;
        }
        let source = call.some("source").filter(|_| message.iter().any(|field| field.name == "source"));
        match source.and_then(|source| source.strip_prefix("models:")) {
            // A logged model, which is named beside it and was looked at, or a version of a model.
            Some(rest) => {
                let path = rest.split('?').next().unwrap_or_default().trim_start_matches('/');
                let is_logged = !path.contains(['/', '@']);
                let title = path.split('/').next().unwrap_or_default();
                let title = title.rsplit_once('@').map_or(title, |(title, _)| title);
                if is_logged && runs > 0 { Ok(()) } else { self.take(self.resources.has_model(title)) }
            }
            None => Ok(()),
        }
    }

    fn take(&mut self, is_own: bool) -> Result<()> {
        self.named += 1;
        if is_own { Ok(()) } else { Err(refused()) }
    }
}

/// What is not there is nobody's; what cannot be looked up is told as it is.
fn hidden(refusal: Refusal) -> Refusal {
    if refusal.status.is_client_error() { refused() } else { refusal }
}
