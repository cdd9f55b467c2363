//! Loading and unloading in the messages of Triton's and of KServe's clients, and what is set.

use prost::Message;
use tonic::Code;

use crate::protocol::inference::log_settings_request::SettingValue as LogValue;
use crate::protocol::inference::log_settings_request::setting_value::ParameterChoice as LogChoice;
use crate::protocol::inference::log_settings_response::setting_value::ParameterChoice as Told;
use crate::protocol::inference::trace_setting_request::SettingValue;
use crate::protocol::inference::{
    LogSettingsRequest, RepositoryIndexRequest, RepositoryModelLoadRequest, RepositoryModelUnloadRequest,
    TraceSettingRequest,
};
use crate::support::{Asked, request};

fn load(repository_name: &str, model_name: &str) -> RepositoryModelLoadRequest {
    RepositoryModelLoadRequest {
        repository_name: repository_name.to_owned(),
        model_name: model_name.to_owned(),
        ..RepositoryModelLoadRequest::default()
    }
}

#[test]
fn both_kinds_of_clients_load_and_unload() {
    let asked = Asked::new();
    let mut client = asked.client();
    asked.run(async {
        // KServe's clients know one field, Triton's leave the first empty or name a repository in it.
        for message in [load("other", ""), load("", "other"), load("models", "other")] {
            let loaded = client.repository_model_load(message.clone()).await.unwrap().into_inner();
            assert_eq!((loaded.model_name.as_str(), loaded.is_loaded), ("other", true));
            let mut own = request(&[[0.5, 1.0]]);
            own.model_name = "other".to_owned();
            client.model_infer(own.clone()).await.unwrap();
            let RepositoryModelLoadRequest { repository_name, model_name, .. } = message;
            let message = RepositoryModelUnloadRequest { repository_name, model_name, ..Default::default() };
            let unloaded = client.repository_model_unload(message).await.unwrap().into_inner();
            assert_eq!((unloaded.model_name.as_str(), unloaded.is_unloaded), ("other", true));
            let refused = client.model_infer(own).await.unwrap_err();
            assert_eq!(refused.code(), Code::Unavailable);
            assert!(refused.message().contains("unloaded"), "{refused}");
        }
        for (name, code) in
            [("none", Code::NotFound), ("broken", Code::InvalidArgument), ("../m", Code::InvalidArgument)]
        {
            assert_eq!(
                client.repository_model_load(load("", name)).await.unwrap_err().code(),
                code,
                "{name}"
            );
        }
        let index = |ready| RepositoryIndexRequest { repository_name: String::new(), ready };
        let entry = |own: &crate::protocol::inference::repository_index_response::ModelIndex| {
            (own.name.clone(), own.version.clone(), own.state.clone())
        };
        let all = client.repository_index(index(false)).await.unwrap().into_inner().models;
        let expected = [
            ("broken", "", "UNAVAILABLE"),
            ("m", "1", "READY"),
            ("m", "2", "READY"),
            ("other", "", "UNAVAILABLE"),
        ];
        assert_eq!(
            all.iter().map(entry).collect::<Vec<_>>(),
            expected.map(|(name, version, state)| (name.to_owned(), version.to_owned(), state.to_owned()))
        );
        assert!(all[0].reason.contains("it is no model") && all[3].reason.contains("unloaded"), "{all:?}");
        assert_eq!(client.repository_index(index(true)).await.unwrap().into_inner().models.len(), 2);
    });
    // What KServe's clients read of the answer.
    let answer = crate::protocol::inference::RepositoryModelLoadResponse {
        model_name: "m".to_owned(),
        is_loaded: true,
    };
    assert_eq!(answer.encode_to_vec(), b"\x0a\x01m\x10\x01");
}

#[test]
fn log_settings_are_answered_and_changed() {
    let asked = Asked::new();
    let set = |entries: &[(&str, LogChoice)]| {
        let settings = entries.iter().cloned();
        let settings = settings
            .map(|(name, value)| (name.to_owned(), LogValue { parameter_choice: Some(value) }))
            .collect();
        let answer = asked.run(asked.client().log_settings(LogSettingsRequest { settings }));
        answer.map(|answer| answer.into_inner().settings)
    };
    let now = set(&[]).unwrap();
    assert_eq!(now["log_info"].parameter_choice, Some(Told::BoolParam(true)));
    assert_eq!(now["log_verbose_level"].parameter_choice, Some(Told::Uint32Param(0)));
    assert_eq!(now["log_format"].parameter_choice, Some(Told::StringParam("default".to_owned())));
    let now =
        set(&[("log_info", LogChoice::BoolParam(false)), ("log_verbose_level", LogChoice::Uint32Param(2))])
            .unwrap();
    assert_eq!(now["log_info"].parameter_choice, Some(Told::BoolParam(false)));
    assert!(
        asked.place.service.settings().allows(tracing::Level::TRACE),
        "both services have the same settings"
    );
    let file = set(&[("log_file", LogChoice::StringParam("/x".to_owned()))]).unwrap_err();
    assert_eq!(file.code(), Code::Unimplemented);
    assert_eq!(set(&[("other", LogChoice::BoolParam(true))]).unwrap_err().code(), Code::InvalidArgument);
}

#[test]
fn trace_settings_are_answered_changed_and_taken_away() {
    let asked = Asked::new();
    let set = |model: &str, entries: &[(&str, &[&str])]| {
        let value =
            |values: &[&str]| SettingValue { value: values.iter().map(|&value| value.to_owned()).collect() };
        let settings = entries.iter().map(|&(name, values)| (name.to_owned(), value(values))).collect();
        let message = TraceSettingRequest { settings, model_name: model.to_owned() };
        asked.run(asked.client().trace_setting(message)).map(|answer| answer.into_inner().settings)
    };
    assert_eq!(set("", &[]).unwrap()["trace_level"].value, ["OFF"]);
    let now = set("m", &[("trace_level", &["TIMESTAMPS", "TENSORS"]), ("trace_rate", &["5"])]).unwrap();
    assert_eq!(
        (&now["trace_level"].value[..], &now["trace_rate"].value[..]),
        (&["TIMESTAMPS".to_owned(), "TENSORS".to_owned()][..], &["5".to_owned()][..])
    );
    assert_eq!(set("", &[]).unwrap()["trace_rate"].value, ["1000"]);
    assert_eq!(set("m", &[("trace_rate", &[])]).unwrap()["trace_rate"].value, ["1000"]);
    assert_eq!(set("none", &[]).unwrap_err().code(), Code::NotFound);
    assert_eq!(set("", &[("trace_file", &["/x"])]).unwrap_err().code(), Code::Unimplemented);
}
