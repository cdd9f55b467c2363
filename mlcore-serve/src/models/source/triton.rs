//! Triton's description of a model, `config.pbtxt`: what of it has a meaning here.

use std::num::NonZeroUsize;
use std::time::Duration;

use mlcore::name::Version;
use mlcore::{Error, Result};

use self::text::{Message, Value};
use crate::batching::BatchOptions;

mod json;
mod text;

/// Which versions of a folder answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum VersionPolicy {
    /// So many of the highest.
    Latest(usize),
    All,
    Specific(Vec<Version>),
}

/// What a model's `config.pbtxt` says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct TritonConfig {
    pub(super) file_name: String,
    pub(super) version_policy: VersionPolicy,
    /// The sessions that requests spread over.
    pub(super) sessions: Option<NonZeroUsize>,
    /// How requests share runs.
    pub(super) batching: Option<BatchOptions>,
    /// The names of inputs and outputs that it describes.
    pub(super) inputs: Vec<String>,
    pub(super) outputs: Vec<String>,
}

impl Default for TritonConfig {
    fn default() -> Self {
        Self {
            file_name: "model.onnx".to_owned(),
            version_policy: VersionPolicy::Latest(1),
            sessions: None,
            batching: None,
            inputs: Vec::new(),
            outputs: Vec::new(),
        }
    }
}

impl TritonConfig {
    /// Reads the text of a `config.pbtxt` in the folder of this model.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] with the line of what cannot be read, and [`Error::Unsupported`] for what is not run here.
    pub(super) fn read(text: &str, model: &str) -> Result<Self> {
        Self::of(text::read(text), format!("config.pbtxt of {model}"), model)
    }

    /// Reads a configuration in JSON, as clients send it who load a model.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub(super) fn read_json(text: &str, model: &str) -> Result<Self> {
        Self::of(json::read(text), format!("config of {model}"), model)
    }

    fn of(read: Result<Message, String>, subject: String, model: &str) -> Result<Self> {
        let invalid = |problem: String| Error::invalid_input("read model folder", subject.as_str(), problem);
        let message = read.map_err(&invalid)?;
        let word = |name: &str| message.last(name).and_then(Value::as_text);
        if let Some(name) = word("name").filter(|name| !name.is_empty() && *name != model) {
            return Err(invalid(format!("it names the model {name:?}, and its folder is called {model:?}")));
        }
        let runs = [("platform", "onnxruntime_onnx"), ("backend", "onnxruntime")];
        for (field, known) in runs {
            if let Some(other) = word(field).filter(|value| !value.is_empty() && *value != known) {
                let problem = format!("its {field} is {other:?}, and ONNX models are run here ({known:?})");
                return Err(Error::unsupported("read model folder", subject, problem)
                    .remedy("export the model to ONNX"));
            }
        }
        let mut config = Self::default();
        if let Some(name) = word("default_model_filename").filter(|name| !name.is_empty()) {
            if name.contains(['/', '\\']) || name.starts_with('.') {
                return Err(invalid(format!(
                    "its default_model_filename {name:?} is not the name of a file"
                )));
            }
            name.clone_into(&mut config.file_name);
        }
        if let Some(policy) = message.last("version_policy") {
            let policy =
                policy.as_message().ok_or_else(|| invalid("its version_policy is no message".into()))?;
            config.version_policy = version_policy(policy).map_err(&invalid)?;
        }
        let names = |field: &str| -> Vec<String> {
            let described = message.all(field).filter_map(Value::as_message);
            described.filter_map(|one| one.last("name").and_then(Value::as_text).map(str::to_owned)).collect()
        };
        (config.inputs, config.outputs) = (names("input"), names("output"));
        let groups = message.all("instance_group").filter_map(Value::as_message);
        let count = groups.filter_map(|group| group.last("count").and_then(Value::as_number)).sum::<u64>();
        config.sessions = usize::try_from(count).ok().and_then(NonZeroUsize::new);
        let most = message.last("max_batch_size").map_or(Some(0), Value::as_number);
        let most = most.and_then(|rows| usize::try_from(rows).ok());
        let most = most.ok_or_else(|| invalid("its max_batch_size is no number of rows".into()))?;
        if let Some(batching) = message.last("dynamic_batching").filter(|_| most > 0) {
            let batching =
                batching.as_message().ok_or_else(|| invalid("its dynamic_batching is no message".into()))?;
            config.batching = Some(batch_options(batching, most).map_err(&invalid)?);
        }
        if message.last("model_operations").is_some() {
            let problem = "its model_operations name libraries of operators, and this server loads none";
            return Err(Error::unsupported("read model folder", subject, problem)
                .remedy("export the model with operators of ONNX"));
        }
        for field in message.names().filter(|name| !APPLIED.contains(name)) {
            tracing::warn!(model, field, "this field of config.pbtxt has no effect here");
        }
        Ok(config)
    }
}

fn batch_options(batching: &Message, most: usize) -> Result<BatchOptions, String> {
    let number = |message: &Message, name: &str| match message.last(name) {
        None => Ok(None),
        Some(value) => {
            let number = value.as_number().ok_or_else(|| format!("its dynamic_batching.{name} is no number"));
            number.map(Some)
        }
    };
    let count = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    let mut options = BatchOptions::default().with_max_batch_size(most);
    let preferred = batching.all("preferred_batch_size").map(|value| {
        value.as_number().map(count).ok_or("its dynamic_batching.preferred_batch_size is no number of rows")
    });
    options = options.with_preferred_batch_size(preferred.collect::<Result<Vec<_>, _>>()?);
    if let Some(micros) = number(batching, "max_queue_delay_microseconds")? {
        options = options.with_max_queue_delay(Duration::from_micros(micros));
    }
    if let Some(levels) = number(batching, "priority_levels")?.filter(|levels| *levels > 0) {
        let default = number(batching, "default_priority_level")?.unwrap_or(levels.div_ceil(2));
        let level = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        options = options.with_priority_levels(level(levels), level(default));
    }
    if let Some(policy) = batching.last("default_queue_policy").and_then(Value::as_message) {
        if let Some(micros) = number(policy, "default_timeout_microseconds")? {
            options = options.with_default_timeout(Duration::from_micros(micros));
        }
        if let Some(most) = number(policy, "max_queue_size")?.filter(|most| *most > 0) {
            options = options.with_max_queue_size(count(most));
        }
    }
    options.check().map_err(|error| error.to_string())?;
    Ok(options)
}

fn version_policy(policy: &Message) -> Result<VersionPolicy, String> {
    let mut chosen = None;
    for name in policy.names() {
        let value = policy.last(name).and_then(Value::as_message);
        let value = value.ok_or_else(|| format!("version_policy.{name} is no message"))?;
        let policy = match name {
            "all" => VersionPolicy::All,
            "latest" => {
                let number = value.last("num_versions").map_or(Some(1), Value::as_number);
                let number =
                    number.and_then(|number| usize::try_from(number).ok()).filter(|number| *number > 0);
                VersionPolicy::Latest(
                    number.ok_or("version_policy.latest.num_versions is no positive number")?,
                )
            }
            "specific" => {
                let versions = value.all("versions").map(|value| {
                    let number = value.as_number().and_then(|number| Version::new(number).ok());
                    number
                        .ok_or_else(|| "version_policy.specific.versions holds no version number".to_owned())
                });
                VersionPolicy::Specific(versions.collect::<Result<_, _>>()?)
            }
            other => return Err(format!("there is no version_policy called {other:?}")),
        };
        if chosen.replace(policy).is_some() {
            return Err("it has two policies for versions".into());
        }
    }
    Ok(chosen.unwrap_or(VersionPolicy::Latest(1)))
}

/// Fields that are read here, or need no effect: shapes and types are the model's own.
const APPLIED: [&str; 10] = [
    "name",
    "platform",
    "backend",
    "default_model_filename",
    "version_policy",
    "input",
    "output",
    "instance_group",
    "dynamic_batching",
    "max_batch_size",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_config_says_is_read() {
        let text = r#"
            # A comment.
            name: "churn" platform: 'onnxruntime_onnx'
            max_batch_size: 8,
            input [ { name: "x" data_type: TYPE_FP32 dims: [ 2, -1 ] }, { name: "y", dims: 1 } ];
            output { name: "p" "q" }
            version_policy: { specific: { versions: [1, 3], versions: 0x7 } }
            instance_group [ { count: 2 kind: KIND_CPU } { count: 1 } ]
            default_model_filename: "churn.onnx"
            dynamic_batching {
                preferred_batch_size: [ 4, 8 ] max_queue_delay_microseconds: 100
                default_queue_policy { max_queue_size: 64 }
            }
        "#;
        let config = TritonConfig::read(text, "churn").unwrap();
        assert_eq!((config.inputs, config.outputs), (vec!["x".into(), "y".into()], vec!["pq".into()]));
        let versions = [1, 3, 7].map(|number| Version::new(number).unwrap());
        assert_eq!(config.version_policy, VersionPolicy::Specific(versions.into()));
        assert_eq!(config.sessions, NonZeroUsize::new(3));
        assert_eq!(config.file_name, "churn.onnx");
        let batching = BatchOptions::default()
            .with_max_batch_size(8)
            .with_preferred_batch_size([4, 8])
            .with_max_queue_delay(Duration::from_micros(100))
            .with_max_queue_size(64);
        assert_eq!(config.batching, Some(batching));
        let unbatched = TritonConfig::read("max_batch_size: 0 dynamic_batching { }", "churn").unwrap();
        assert_eq!(unbatched.batching, None);

        assert_eq!(TritonConfig::read("", "churn").unwrap(), TritonConfig::default());
        let policy = |text: &str| TritonConfig::read(text, "churn").map(|config| config.version_policy);
        assert_eq!(policy("version_policy { all { } }").unwrap(), VersionPolicy::All);
        assert_eq!(
            policy("version_policy < latest: < num_versions: 2 > >").unwrap(),
            VersionPolicy::Latest(2)
        );
    }

    #[test]
    fn what_cannot_be_is_refused_by_name_and_line() {
        for (text, problem) in [
            ("name: \"other\"", "it names the model \"other\""),
            ("backend: \"python\"", "its backend is \"python\""),
            ("platform: \"tensorrt_plan\"", "its platform is \"tensorrt_plan\""),
            ("default_model_filename: \"../x\"", "is not the name of a file"),
            ("version_policy { newest { } }", "no version_policy called \"newest\""),
            ("version_policy { all { } latest { } }", "two policies"),
            ("version_policy { latest { num_versions: 0 } }", "no positive number"),
            ("version_policy { specific { versions: 0 } }", "no version number"),
            ("name: \"churn\"\ninput {\n", "line 3: it ends inside"),
            ("name \"churn\"", "line 1: "),
            ("name: \"churn", "line 1: its text does not end"),
            ("name: }", "line 1: "),
            ("\n\n}", "line 3: "),
            ("model_operations { op_library_filename: \"evil.so\" }", "this server loads none"),
            ("max_batch_size: -1", "max_batch_size is no number of rows"),
            ("max_batch_size: 4 dynamic_batching { preferred_batch_size: 9 }", "9"),
            ("name: \"\\q\"", "line 1: "),
        ] {
            let error = TritonConfig::read(text, "churn").unwrap_err().to_string();
            assert!(error.starts_with("read model folder config.pbtxt of churn: "), "{error}");
            assert!(error.contains(problem), "{text}: {error}");
        }
        let deep = "a {".repeat(10_000);
        let error = TritonConfig::read(&deep, "churn").unwrap_err().to_string();
        assert!(error.contains("nests deeper"), "{error}");
    }
}
