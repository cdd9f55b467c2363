//! The messages that clients send: which fields each has, in the order in which MLflow checks them.

use super::fields::{Field, Message, boolean, double, int32, int64, many, one, text, texts, word};
use super::{logged_models, runs, search};

const TAG: Message = &[text("key"), text("value")];
const KEYED: Message = &[text("key").required(), text("value")];
pub(super) const EXPERIMENT: Message = &[text("experiment_id").required()];
pub(super) const EXPERIMENT_NAME: Message = &[text("experiment_name").required()];
pub(super) const CREATE_EXPERIMENT: Message =
    &[text("name").required(), text("artifact_location"), many("tags", TAG)];
pub(super) const UPDATE_EXPERIMENT: Message =
    &[text("experiment_id").required(), text("new_name").required()];
pub(super) const EXPERIMENT_TAG: Message =
    &[text("experiment_id").required(), text("key").required(), text("value")];
pub(super) const EXPERIMENT_TAG_KEY: Message = &[text("experiment_id").required(), text("key").required()];
pub(super) const SEARCH_EXPERIMENTS: Message = &[
    word("view_type", search::VIEWS),
    int64("max_results"),
    texts("order_by"),
    text("filter"),
    text("page_token"),
];
const RUN_UUID: Field = text("run_uuid");
pub(super) const ONE_RUN: Message = &[text("run_id").required()];
pub(super) const RUN: Message = &[text("run_id").required(), RUN_UUID];
pub(super) const CREATE_RUN: Message =
    &[text("experiment_id"), int64("start_time"), text("run_name"), text("user_id"), many("tags", TAG)];
pub(super) const UPDATE_RUN: Message = &[
    text("run_id").required(),
    int64("end_time"),
    word("status", runs::STATUSES),
    text("run_name"),
    RUN_UUID,
];
pub(super) const RUN_TAG: Message =
    &[text("run_id").required(), text("key").required(), text("value"), RUN_UUID];
pub(super) const RUN_TAG_KEY: Message = &[text("run_id").required(), text("key").required()];
pub(super) const SEARCH_RUNS: Message = &[
    texts("experiment_ids"),
    text("filter"),
    int32("max_results"),
    texts("order_by"),
    word("run_view_type", search::VIEWS),
    text("page_token"),
];
pub(super) const LOG_MODEL: Message = &[text("run_id").required(), text("model_json").required()];
pub(super) const LOG_METRIC: Message = &[
    text("run_id").required(),
    text("key").required(),
    double("value").required(),
    int64("timestamp").required(),
    int64("step"),
    text("model_id"),
    text("dataset_name"),
    text("dataset_digest"),
    RUN_UUID,
];
const BATCH_METRIC: Message = &[
    text("key").required(),
    double("value").required(),
    int64("timestamp").required(),
    int64("step"),
    text("model_id"),
    text("dataset_name"),
    text("dataset_digest"),
];
pub(super) const LOG_PARAM: Message =
    &[text("run_id").required(), text("key").required(), text("value"), RUN_UUID];
pub(super) const LOG_BATCH: Message =
    &[text("run_id").required(), many("metrics", BATCH_METRIC), many("params", KEYED), many("tags", KEYED)];
const DATASET: Message =
    &[text("name"), text("digest"), text("source_type"), text("source"), text("schema"), text("profile")];
pub(super) const LOG_INPUTS: Message = &[
    text("run_id").required(),
    many("datasets", &[many("tags", TAG), one("dataset", DATASET)]),
    many("models", &[text("model_id")]),
];
pub(super) const LOG_OUTPUTS: Message =
    &[text("run_id").required(), many("models", &[text("model_id"), int64("step")]).required()];
pub(super) const HISTORY: Message = &[
    text("run_id").required(),
    text("metric_key").required(),
    text("page_token"),
    int32("max_results"),
    RUN_UUID,
];
pub(super) const INTERVAL: Message = &[
    texts("run_ids").required(),
    text("metric_key").required(),
    int32("start_step"),
    int32("end_step"),
    int32("max_results"),
];
pub(super) const CREATE_MODEL: Message = &[
    text("experiment_id").required(),
    text("name"),
    text("model_type"),
    text("source_run_id"),
    many("params", TAG),
    many("tags", TAG),
];
pub(super) const FINALIZE_MODEL: Message =
    &[text("model_id").required(), word("status", logged_models::STATUSES).required()];
pub(super) const MODEL_TAGS: Message = &[many("tags", TAG)];
pub(super) const MODEL_PARAMS: Message = &[text("model_id").required(), many("params", TAG)];
pub(super) const SEARCH_MODELS: Message = &[
    texts("experiment_ids").required(),
    text("filter"),
    many("datasets", &[text("dataset_name"), text("dataset_digest")]),
    int32("max_results"),
    many(
        "order_by",
        &[text("field_name"), boolean("ascending"), text("dataset_name"), text("dataset_digest")],
    ),
    text("page_token"),
];
pub(super) const MODEL_ARTIFACTS: Message = &[text("artifact_directory_path")];
pub(super) const ARTIFACTS: Message =
    &[text("run_id").required(), text("path"), text("page_token"), RUN_UUID];
pub(super) const PRESIGNED_UPLOAD: Message =
    &[text("run_id"), text("model_id"), text("path").required(), int64("expiration")];
pub(super) const PRESIGNED_DOWNLOAD: Message =
    &[text("run_id").required(), text("path").required(), int64("expiration")];
/// An upload in parts.
pub(super) const PATH: Message = &[text("path").required()];
pub(super) const GRAPHQL: Message = &[text("operationName"), text("query")];
