//! What a client sends: the bodies of Feast's requests, and columns of values in them.

mod columns;
mod fitted;
mod moments;
mod table;

use serde::Deserialize;
use serde_json::value::RawValue;

pub(super) use self::columns::{Columns, Sent};
pub(super) use self::moments::moment;
pub(super) use self::table::{Types, table};
use super::FeastLimits;
use super::refusal::{Refusal, Result};

/// `POST /get-online-features`.
#[derive(Deserialize)]
pub(super) struct ReadBody<'b> {
    #[serde(borrow)]
    pub(super) entities: &'b RawValue,
    pub(super) feature_service: Option<String>,
    #[serde(default)]
    pub(super) features: Vec<String>,
    #[serde(default)]
    pub(super) full_feature_names: bool,
    #[serde(default)]
    pub(super) include_feature_view_version_metadata: bool,
}

/// `POST /push`.
#[derive(Deserialize)]
pub(super) struct PushBody<'b> {
    pub(super) push_source_name: String,
    #[serde(borrow)]
    pub(super) df: &'b RawValue,
    #[serde(default = "online")]
    pub(super) to: String,
}

fn online() -> String {
    "online".to_owned()
}

/// `POST /write-to-online-store`.
#[derive(Deserialize)]
pub(super) struct WriteBody<'b> {
    pub(super) feature_view_name: String,
    #[serde(borrow)]
    pub(super) df: &'b RawValue,
}

/// `POST /materialize` and `/materialize-incremental`.
#[derive(Deserialize)]
pub(super) struct MaterialiseBody {
    pub(super) start_ts: Option<String>,
    pub(super) end_ts: Option<String>,
    pub(super) feature_views: Option<Vec<String>>,
    #[serde(default)]
    pub(super) disable_event_timestamp: bool,
    pub(super) version: Option<String>,
}

/// The text of a body, in which bare words such as `NaN`, which Python writes, are texts behind [`BARE`].
pub(super) fn text(body: &[u8]) -> Result<std::borrow::Cow<'_, str>> {
    let text = crate::v2::json_text(body)?;
    Ok(crate::v2::marked(text, BARE).map_or(text.into(), Into::into))
}

/// What a body says.
pub(super) fn parsed<'b, T: Deserialize<'b>>(text: &'b str) -> Result<T> {
    // A list of the fields' values would be read, too.
    if !text.trim_start().starts_with('{') {
        return Err(Refusal::invalid("read request: the body is no JSON object; send one"));
    }
    serde_json::from_str(text).map_err(|cause| Refusal::invalid(format!("read request: {cause}")))
}

/// Reads the bytes as a body of each request, as the server does before it asks the store: for tests that throw any bytes at it. Says
/// whether they are one.
#[doc(hidden)]
#[must_use]
pub fn check(bytes: &[u8]) -> bool {
    let limits = FeastLimits { sent_values: 500, ..FeastLimits::default() };
    let Ok(text) = text(bytes) else { return false };
    let read = parsed::<ReadBody<'_>>(&text)
        .and_then(|body| Columns::read("entities", body.entities, &limits))
        .is_ok();
    let frame = |df: &RawValue| {
        Columns::read("df", df, &limits).and_then(|columns| table(&columns, &Types::default())).is_ok()
    };
    let push = parsed::<PushBody<'_>>(&text).is_ok_and(|body| frame(body.df));
    let write = parsed::<WriteBody<'_>>(&text).is_ok_and(|body| frame(body.df));
    let span = parsed::<MaterialiseBody>(&text)
        .is_ok_and(|body| [body.start_ts, body.end_ts].iter().flatten().all(|text| moment(text).is_some()));
    read || push || write || span
}

/// What marks a bare word.
const BARE: char = '\u{1}';
