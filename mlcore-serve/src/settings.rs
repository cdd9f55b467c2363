//! What clients of the protocol set while a server runs: what it traces of requests, and what it logs.
//!
//! Names, values and defaults are Triton's. Where traces and logs go is not set over the network, there as here.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use mlcore::{Error, Result};
use serde_json::{Map, Value, json};
use tracing::Level;

use crate::v2::shortened;

/// The settings of a server. Whoever owns the process asks them: its log by [`allows`](Self::allows), its traces by
/// [`is_traced`](Self::is_traced).
#[derive(Debug, Default)]
pub struct Settings {
    log: Mutex<Log>,
    traces: Mutex<Traces>,
    /// Whether anything is traced at all: what a request asks first.
    traces_something: AtomicBool,
    asked: AtomicU64,
}

/// What is logged.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Log {
    info: bool,
    warning: bool,
    error: bool,
    verbose_level: u32,
    is_iso8601: bool,
}

impl Default for Log {
    fn default() -> Self {
        Self { info: true, warning: true, error: true, verbose_level: 0, is_iso8601: false }
    }
}

#[derive(Debug, Default)]
struct Traces {
    server: Own,
    /// What a model has of its own; the rest is the server's.
    models: BTreeMap<String, Own>,
}

/// What is traced of requests.
struct Trace {
    level: TraceLevel,
    /// One request of so many.
    rate: u32,
    /// So many more; without end where it is negative.
    count: i64,
    log_frequency: u32,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct TraceLevel {
    timestamps: bool,
    tensors: bool,
}

/// The same of a model or of the server, where it is set.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct Own {
    level: Option<TraceLevel>,
    rate: Option<u32>,
    count: Option<i64>,
    log_frequency: Option<u32>,
}

impl Settings {
    /// Whether the log takes an event of this level. Verbose level 1 lets `DEBUG` through, 2 `TRACE`.
    #[must_use]
    pub fn allows(&self, level: Level) -> bool {
        let log = *lock(&self.log);
        match level {
            Level::ERROR => log.error,
            Level::WARN => log.warning,
            Level::INFO => log.info,
            Level::DEBUG => log.verbose_level > 0,
            _ => log.verbose_level > 1,
        }
    }

    /// Whether the times of the log are written as ISO 8601.
    #[must_use]
    pub fn has_iso8601_times(&self) -> bool {
        lock(&self.log).is_iso8601
    }

    /// Whether the next request of this model is traced; counts it.
    pub fn is_traced(&self, model: &str) -> bool {
        if !self.traces_something.load(Ordering::Relaxed) {
            return false;
        }
        let asked = self.asked.fetch_add(1, Ordering::Relaxed);
        let mut traces = lock(&self.traces);
        let trace = traces.of(model);
        if !trace.level.is_on() || trace.count == 0 || !asked.is_multiple_of(u64::from(trace.rate.max(1))) {
            return false;
        }
        if trace.count > 0 {
            let left = trace.count - 1;
            match traces.models.get_mut(model) {
                Some(own) if own.count.is_some() => own.count = Some(left),
                _ => traces.server.count = Some(left),
            }
        }
        true
    }

    /// The log settings, as the protocol writes them.
    #[must_use]
    pub fn log(&self) -> Value {
        let log = *lock(&self.log);
        json!({
            "log_file": "",
            "log_info": log.info,
            "log_warning": log.warning,
            "log_error": log.error,
            "log_verbose_level": log.verbose_level,
            "log_format": if log.is_iso8601 { "ISO8601" } else { "default" },
        })
    }

    /// Changes the log settings that `asked` names, all of them or none; answers them all.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for a setting that there is not, or a value that is none of its; [`Error::Unsupported`] for the log's
    /// file.
    pub fn set_log(&self, asked: &Map<String, Value>) -> Result<Value> {
        let mut log = lock(&self.log);
        let mut new = *log;
        for (name, value) in asked {
            match name.as_str() {
                "log_info" => new.info = boolean(name, value)?,
                "log_warning" => new.warning = boolean(name, value)?,
                "log_error" => new.error = boolean(name, value)?,
                "log_verbose_level" => new.verbose_level = whole(name, value)?,
                "log_format" => {
                    new.is_iso8601 = match value.as_str() {
                        Some("default") => false,
                        Some("ISO8601") => true,
                        _ => return Err(refused(name, value, "default or ISO8601")),
                    }
                }
                "log_file" => return Err(not_over_the_network(name)),
                _ => return Err(unknown(name)),
            }
        }
        *log = new;
        drop(log);
        Ok(self.log())
    }

    /// The trace settings of a model, or of the server, as the protocol writes them.
    #[must_use]
    pub fn trace(&self, model: Option<&str>) -> Value {
        let traces = lock(&self.traces);
        let trace = traces.of(model.unwrap_or_default());
        json!({
            "trace_level": trace.level.names(),
            "trace_rate": trace.rate.to_string(),
            "trace_count": trace.count.to_string(),
            "log_frequency": trace.log_frequency.to_string(),
            "trace_file": "",
            "trace_mode": "triton",
        })
    }

    /// Changes the trace settings that `asked` names, all of them or none; answers them all. A null takes a model's own setting
    /// away, and the server's back to its default.
    ///
    /// # Errors
    /// As [`set_log`](Self::set_log).
    pub fn set_trace(&self, model: Option<&str>, asked: &Map<String, Value>) -> Result<Value> {
        let mut traces = lock(&self.traces);
        let mut new = match model {
            Some(model) => traces.models.get(model).cloned().unwrap_or_default(),
            None => traces.server.clone(),
        };
        for (name, value) in asked {
            let value = Some(value).filter(|value| !value.is_null());
            match name.as_str() {
                "trace_level" => new.level = value.map(|value| TraceLevel::read(name, value)).transpose()?,
                "trace_rate" => new.rate = value.map(|value| whole(name, value)).transpose()?,
                "trace_count" => new.count = value.map(|value| count(name, value)).transpose()?,
                "log_frequency" => new.log_frequency = value.map(|value| whole(name, value)).transpose()?,
                "trace_file" | "trace_mode" => return Err(not_over_the_network(name)),
                _ => return Err(unknown(name)),
            }
        }
        match model {
            Some(model) => drop(traces.models.insert(model.to_owned(), new)),
            None => traces.server = new,
        }
        let of_models = traces.models.values().any(|own| own.level.is_some_and(TraceLevel::is_on));
        let of_server = traces.server.level.is_some_and(TraceLevel::is_on);
        self.traces_something.store(of_server || of_models, Ordering::Relaxed);
        drop(traces);
        Ok(self.trace(model))
    }
}

impl Traces {
    /// What holds for a model, or for the server by the name of none.
    fn of(&self, model: &str) -> Trace {
        let (own, server) = (self.models.get(model).cloned().unwrap_or_default(), &self.server);
        Trace {
            level: own.level.or(server.level).unwrap_or_default(),
            rate: own.rate.or(server.rate).unwrap_or(1000),
            count: own.count.or(server.count).unwrap_or(-1),
            log_frequency: own.log_frequency.or(server.log_frequency).unwrap_or(0),
        }
    }
}

impl TraceLevel {
    fn is_on(self) -> bool {
        self.timestamps || self.tensors
    }

    fn names(self) -> Vec<&'static str> {
        match self {
            Self { timestamps: false, tensors: false } => vec!["OFF"],
            Self { timestamps: true, tensors: false } => vec!["TIMESTAMPS"],
            Self { timestamps: false, tensors: true } => vec!["TENSORS"],
            Self { timestamps: true, tensors: true } => vec!["TIMESTAMPS", "TENSORS"],
        }
    }

    fn read(name: &str, value: &Value) -> Result<Self> {
        let expected = "OFF, TIMESTAMPS or TENSORS";
        let mut level = Self::default();
        let names = match value {
            Value::Array(names) => names.as_slice(),
            one => std::slice::from_ref(one),
        };
        for own in names {
            match own.as_str() {
                Some("OFF") => {}
                Some("TIMESTAMPS") => level.timestamps = true,
                Some("TENSORS") => level.tensors = true,
                _ => return Err(refused(name, value, expected)),
            }
        }
        Ok(level)
    }
}

/// A value, or the only one of a list: stock clients send either.
fn only(value: &Value) -> &Value {
    match value {
        Value::Array(values) if values.len() == 1 => values.first().unwrap_or(value),
        value => value,
    }
}

fn boolean(name: &str, value: &Value) -> Result<bool> {
    let value = only(value);
    let parsed = value.as_bool().or_else(|| value.as_str().and_then(|text| text.parse().ok()));
    parsed.ok_or_else(|| refused(name, value, "true or false"))
}

fn whole(name: &str, value: &Value) -> Result<u32> {
    let value = only(value);
    let number = value.as_u64().or_else(|| value.as_str().and_then(|text| text.parse().ok()));
    number
        .and_then(|number| u32::try_from(number).ok())
        .ok_or_else(|| refused(name, value, "a whole number from 0"))
}

fn count(name: &str, value: &Value) -> Result<i64> {
    let value = only(value);
    let number = value.as_i64().or_else(|| value.as_str().and_then(|text| text.parse().ok()));
    number.filter(|number| *number >= -1).ok_or_else(|| refused(name, value, "a whole number from -1"))
}

fn refused(name: &str, value: &Value, expected: &str) -> Error {
    let problem = format!("it is {}, and {expected} is taken", shortened(&value.to_string()));
    Error::invalid_input("change settings", name.to_owned(), problem)
}

fn unknown(name: &str) -> Error {
    Error::invalid_input("change settings", shortened(name), "there is no such setting")
        .remedy("ask for the settings, which lists their names")
}

fn not_over_the_network(name: &str) -> Error {
    Error::unsupported(
        "change settings",
        name.to_owned(),
        "where traces and logs go is not set over the network",
    )
    .remedy("set it where the server is started")
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(value: &Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap()
    }

    #[test]
    fn the_log_lets_through_what_was_set() {
        let settings = Settings::default();
        assert!(settings.allows(Level::INFO) && !settings.allows(Level::DEBUG));
        let set = settings
            .set_log(&map(&json!({"log_info": false, "log_verbose_level": [1], "log_format": "ISO8601"})));
        assert_eq!(set.unwrap()["log_info"], false);
        assert!(
            !settings.allows(Level::INFO) && settings.allows(Level::DEBUG) && !settings.allows(Level::TRACE)
        );
        assert!(settings.has_iso8601_times());
        let before = settings.log();
        for wrong in [
            json!({"log_info": true, "log_error": 3}),
            json!({"log_info": true, "log_file": "/etc/passwd"}),
            json!({"log_info": true, "other": 1}),
            json!({"log_info": true, "log_format": "xml"}),
            json!({"log_info": true, "log_verbose_level": -1}),
        ] {
            assert!(settings.set_log(&map(&wrong)).is_err(), "{wrong}");
            assert_eq!(settings.log(), before, "all of it or nothing");
        }
    }

    #[test]
    fn one_request_of_so_many_is_traced_until_the_count_is_used_up() {
        let settings = Settings::default();
        let traced =
            |model: &str, requests: usize| (0..requests).filter(|_| settings.is_traced(model)).count();
        assert_eq!(traced("m", 5000), 0);
        settings.set_trace(None, &map(&json!({"trace_level": ["TIMESTAMPS"], "trace_rate": "10"}))).unwrap();
        assert_eq!(traced("m", 1000), 100);
        settings.set_trace(Some("m"), &map(&json!({"trace_rate": 5, "trace_count": "7"}))).unwrap();
        assert_eq!(settings.trace(Some("m"))["trace_rate"], "5");
        assert_eq!((traced("m", 1000), traced("other", 1000)), (7, 100));
        assert_eq!(settings.trace(Some("m"))["trace_count"], "0");
        settings.set_trace(Some("m"), &map(&json!({"trace_rate": null, "trace_count": null}))).unwrap();
        assert_eq!((settings.trace(Some("m")), traced("m", 1000)), (settings.trace(None), 100));
        settings.set_trace(None, &map(&json!({"trace_level": null}))).unwrap();
        assert_eq!((&settings.trace(None)["trace_level"], traced("m", 1000)), (&json!(["OFF"]), 0));
        for wrong in [
            json!({"trace_level": "LOUD"}),
            json!({"trace_file": "/x"}),
            json!({"trace_count": -2}),
            json!({"other": null}),
        ] {
            assert!(settings.set_trace(None, &map(&wrong)).is_err(), "{wrong}");
        }
    }
}
