//! The fields that requests to the registry have.

use crate::mlflow::fields::{Message, boolean, int64, many, text, texts};

const TAG: Message = &[text("key"), text("value")];
const NAME: crate::mlflow::fields::Field = text("name").required();
const VERSION: crate::mlflow::fields::Field = text("version").required();
const KEY: crate::mlflow::fields::Field = text("key").required();

pub(in crate::mlflow) const REGISTERED_MODEL: Message = &[NAME];
pub(in crate::mlflow) const CREATE_REGISTERED_MODEL: Message =
    &[NAME, many("tags", TAG), text("description")];
pub(in crate::mlflow) const UPDATE_REGISTERED_MODEL: Message = &[NAME, text("description")];
pub(in crate::mlflow) const RENAME_REGISTERED_MODEL: Message = &[NAME, text("new_name").required()];
pub(in crate::mlflow) const SEARCH_REGISTRY: Message =
    &[text("filter"), int64("max_results"), texts("order_by"), text("page_token")];
pub(in crate::mlflow) const LATEST_VERSIONS: Message = &[NAME, texts("stages")];
pub(in crate::mlflow) const REGISTERED_MODEL_TAG: Message = &[NAME, KEY, text("value")];
pub(in crate::mlflow) const REGISTERED_MODEL_TAG_KEY: Message = &[NAME, KEY];
pub(in crate::mlflow) const ALIAS: Message = &[NAME, text("alias").required()];
pub(in crate::mlflow) const SET_ALIAS: Message = &[NAME, text("alias").required(), VERSION];
pub(in crate::mlflow) const CREATE_VERSION: Message = &[
    NAME,
    text("source").required(),
    text("run_id"),
    many("tags", TAG),
    text("run_link"),
    text("description"),
    text("model_id"),
];
pub(in crate::mlflow) const VERSION_OF_MODEL: Message = &[NAME, VERSION];
pub(in crate::mlflow) const DOWNLOAD_URI: Message = &[NAME, text("version")];
pub(in crate::mlflow) const UPDATE_VERSION: Message = &[NAME, VERSION, text("description")];
pub(in crate::mlflow) const TRANSITION: Message =
    &[NAME, VERSION, text("stage").required(), boolean("archive_existing_versions")];
pub(in crate::mlflow) const VERSION_TAG: Message = &[NAME, VERSION, KEY, text("value")];
pub(in crate::mlflow) const VERSION_TAG_KEY: Message = &[NAME, VERSION, KEY];
