//! What all searches share: limits, views, and where pages begin.

use mlcore::tracking::{MOST_ROWS, PageToken, ViewType};

use super::refusal::{Refusal, Result};

/// Which lifecycle stages a search looks at, with MLflow's numbers.
pub(super) const VIEWS: &[(&str, i64)] = &[("ACTIVE_ONLY", 1), ("DELETED_ONLY", 2), ("ALL", 3)];

pub(super) fn view_of(number: Option<i64>) -> ViewType {
    match number {
        Some(2) => ViewType::DeletedOnly,
        Some(3) => ViewType::All,
        _ => ViewType::ActiveOnly,
    }
}

/// The rows of a page.
pub(super) fn limit_of(asked: i64) -> Result<usize> {
    let refuse = |problem: String| {
        let begin = format!("Invalid value {asked} for parameter 'max_results' supplied. It must be");
        Err(Refusal::invalid(format!("{begin} {problem}")))
    };
    match usize::try_from(asked) {
        Ok(0) | Err(_) => refuse("a positive integer".to_owned()),
        Ok(limit) if limit > MOST_ROWS => refuse(format!("at most {MOST_ROWS}")),
        Ok(limit) => Ok(limit),
    }
}

/// Where a page begins; an empty token is the first page.
pub(super) fn page_of(token: &str) -> Result<Option<PageToken>> {
    if token.is_empty() {
        return Ok(None);
    }
    let page = token.parse().map_err(|_| Refusal::invalid("Invalid page token, could not base64-decode"))?;
    Ok(Some(page))
}

pub(super) fn token_of(token: &PageToken) -> String {
    token.as_str().to_owned()
}
