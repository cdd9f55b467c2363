//! Logged models in the order of a metric that was measured on one data set, as the page sorts a column. A tracker orders by metrics of
//! any data set, so that the order is made here.

use std::cmp::Ordering;

use mlcore::tracking::search::SortKey;
use mlcore::tracking::{LoggedModel, LoggedModelSearch, MOST_ROWS};
use xxhash_rust::xxh3::xxh3_64;

use super::call::{Call, Reply};
use super::logged_models::Column;
use super::refusal::{Refusal, Result};
use super::write::{ModelView, PageView};

/// The page of a search whose first columns are metrics on data sets; the others break ties.
pub(super) fn find(call: &Call<'_>, mut asked: LoggedModelSearch, columns: &[Column<'_>]) -> Result<Reply> {
    let limit = asked.limit;
    let (sorted, others): (Vec<_>, Vec<_>) = columns.iter().partition(|column| column.dataset.is_some());
    if !columns.iter().take(sorted.len()).all(|column| column.dataset.is_some()) {
        return Err(Refusal::invalid("a metric on one data set comes before the other columns of an order"));
    }
    asked.order_by = others.into_iter().map(|column| column.text.clone()).collect();
    let search = format!(
        "{asked:?}{:?}",
        columns.iter().map(|column| (&column.text, column.dataset)).collect::<Vec<_>>()
    );
    let begin = begin_of(call.text("page_token"), &search)?;
    asked.limit = MOST_ROWS;
    let mut models = call.server.tracker.search_logged_models(&asked)?;
    if models.next.is_some() {
        let message = format!(
            "more than {MOST_ROWS} models are found: give a filter to sort them by a metric on one data set"
        );
        return Err(Refusal::invalid(message));
    }
    // Equal ones stay in the order of the other columns.
    models.items.sort_by(|a, b| {
        let orders =
            sorted.iter().map(|column| key_of(a, column).compare(&key_of(b, column), column.is_descending));
        orders.fold(Ordering::Equal, Ordering::then)
    });
    let page = models.items.get(begin..).unwrap_or_default();
    let next = (page.len() > limit).then(|| token_of(begin + limit, &search));
    let page = page.get(..limit).unwrap_or(page);
    Reply::json(&PageView {
        name: "models",
        rows: page.iter().map(ModelView),
        is_empty: page.is_empty(),
        next,
    })
}

/// The latest value that counts.
fn key_of(model: &LoggedModel, column: &Column<'_>) -> SortKey {
    let Some((key, name, digest)) = column.dataset else { return SortKey::Missing };
    let counting = model.metrics.iter().map(|found| &found.metric).filter(|metric| {
        metric.key == key
            && metric.dataset_name.as_deref() == Some(name)
            && (digest.is_none() || metric.dataset_digest.as_deref() == digest)
    });
    match counting.max_by_key(|metric| (metric.timestamp_ms, metric.step)) {
        None => SortKey::Missing,
        Some(metric) if metric.value.is_nan() => SortKey::NotANumber,
        Some(metric) => SortKey::Number(metric.value),
    }
}

/// Where a page begins, and which search it belongs to.
fn token_of(begin: usize, search: &str) -> String {
    format!("{begin}-{:016x}", xxh3_64(search.as_bytes()))
}

fn begin_of(token: &str, search: &str) -> Result<usize> {
    if token.is_empty() {
        return Ok(0);
    }
    let begin = token.split_once('-').and_then(|(begin, _)| begin.parse().ok());
    match begin.filter(|begin| token_of(*begin, search) == token) {
        Some(begin) => Ok(begin),
        None => Err(Refusal::invalid(
            "the page token belongs to another search; repeat the search that gave it, unchanged",
        )),
    }
}
