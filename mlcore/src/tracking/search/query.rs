use super::cursor::{Search, compare};
use super::{Filter, Grammar, Order, PageToken, Row, SortKey};
use crate::error::{Error, Result};
use crate::interrupt;
use crate::tracking::{
    DEFAULT_POINTS, ExperimentSearch, HistorySearch, LoggedModelSearch, MOST_ROWS, Page, RunSearch,
};

/// A search that was read: what passes, in which order, from where, and how many rows.
///
/// A backend either asks it for a [page](Self::page) of all rows, or turns its parts into a query of its own and asks it for
/// the [token](Self::token) of the last row.
///
/// ```
/// use mlcore::tracking::search::Query;
/// use mlcore::tracking::{Experiment, ExperimentSearch};
///
/// let query = Query::of_experiments(&ExperimentSearch::default().with_filter("name LIKE 'churn%'"))?;
/// assert_eq!(query.page(Vec::<Experiment>::new())?.items.len(), 0);
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Query {
    filter: Filter,
    orders: Vec<Order>,
    after: Option<Vec<SortKey>>,
    limit: usize,
    search: Search,
}

impl Query {
    /// Reads a search for experiments.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for a filter, order, limit or token that cannot be used.
    pub fn of_experiments(search: &ExperimentSearch) -> Result<Self> {
        let grammar = Grammar::EXPERIMENTS;
        let mut orders = grammar.order(&search.order_by)?;
        if orders.is_empty() {
            orders = vec![Order::attribute("creation_time", true), Order::attribute("experiment_id", false)];
        }
        Order::attribute("experiment_id", true).complete(&mut orders);
        let parts = ["experiments", search.view.name(), &search.filter];
        let of = Search::of(parts.into_iter().chain(search.order_by.iter().map(String::as_str)));
        let filter = grammar.filter(&search.filter)?;
        Self::new(filter, orders, of, search.limit, MOST_ROWS, search.page.as_ref())
    }

    /// Reads a search for runs.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for a filter, order, limit or token that cannot be used.
    pub fn of_runs(search: &RunSearch) -> Result<Self> {
        let grammar = Grammar::RUNS;
        let mut orders = grammar.order(&search.order_by)?;
        Order::attribute("start_time", true).complete(&mut orders);
        Order::attribute("run_id", false).complete(&mut orders);
        let parts = ["runs", search.view.name(), &search.filter];
        let experiments = search.experiments.iter().map(AsRef::as_ref);
        let columns = search.order_by.iter().map(String::as_str);
        // The empty text, which no id is, stands between the lists.
        let of = Search::of(parts.into_iter().chain(experiments).chain([""]).chain(columns));
        let filter = grammar.filter(&search.filter)?;
        Self::new(filter, orders, of, search.limit, MOST_ROWS, search.page.as_ref())
    }

    /// Reads a search for logged models.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for a filter, order, limit or token that cannot be used.
    pub fn of_logged_models(search: &LoggedModelSearch) -> Result<Self> {
        let grammar = Grammar::LOGGED_MODELS;
        let mut orders = grammar.order(&search.order_by)?;
        Order::attribute("creation_timestamp", true).complete(&mut orders);
        Order::attribute("model_id", false).complete(&mut orders);
        let experiments = search.experiments.iter().map(AsRef::as_ref);
        let columns = search.order_by.iter().map(String::as_str);
        let datasets = search.datasets.iter().flat_map(|(name, digest)| {
            [
                name.as_str(),
                if digest.is_some() { "of" } else { "any" },
                digest.as_deref().unwrap_or_default(),
            ]
        });
        let parts = ["logged models", &search.filter].into_iter().chain(experiments).chain([""]);
        let of = Search::of(parts.chain(columns).chain(["", ""]).chain(datasets));
        let filter = grammar.filter(&search.filter)?;
        Self::new(filter, orders, of, search.limit, MOST_ROWS, search.page.as_ref())
    }

    /// Reads the search for a history, whose rows are ordered by time, step and value.
    pub(in crate::tracking) fn of_history(search: &HistorySearch) -> Result<Self> {
        let orders = ["timestamp", "step", "value"].map(|column| Order::attribute(column, false)).to_vec();
        let of = Search::of(["history", search.run.as_str(), &search.key]);
        Self::new(Filter::default(), orders, of, search.limit, DEFAULT_POINTS, search.page.as_ref())
    }

    pub(crate) fn new(
        filter: Filter,
        orders: Vec<Order>,
        search: Search,
        limit: usize,
        most: usize,
        page: Option<&PageToken>,
    ) -> Result<Self> {
        if !(1..=most).contains(&limit) {
            let problem = format!("{limit} rows are asked for, and a page has 1 to {most}");
            return Err(Error::invalid_input("search", "limit", problem));
        }
        let after = page.map(|token| token.keys(search, orders.len())).transpose()?;
        Ok(Self { filter, orders, after, limit, search })
    }

    /// What a row must pass.
    #[must_use]
    pub fn filter(&self) -> &Filter {
        &self.filter
    }

    /// The columns that rows are ordered by, to the last tie.
    #[must_use]
    pub fn orders(&self) -> &[Order] {
        &self.orders
    }

    /// The columns of the row before the page; none for the first page.
    #[must_use]
    pub fn after(&self) -> Option<&[SortKey]> {
        self.after.as_deref()
    }

    /// The most rows of the page.
    #[must_use]
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// What a row is ordered by.
    pub fn keys(&self, row: &dyn Row) -> Vec<SortKey> {
        self.orders.iter().map(|order| row.find(&order.field).sort_key()).collect()
    }

    /// Where the page after this row begins.
    pub fn token(&self, row: &dyn Row) -> PageToken {
        PageToken::new(self.search, &self.keys(row))
    }

    /// The token of columns.
    pub(in crate::tracking) fn token_of(&self, keys: &[SortKey]) -> PageToken {
        PageToken::new(self.search, keys)
    }

    /// The page, of all rows that there are in any order.
    ///
    /// # Errors
    /// [`Error::Interrupted`] when the caller asked to stop.
    pub fn page<R: Row>(&self, rows: impl IntoIterator<Item = R>) -> Result<Page<R>> {
        let mut passing = Vec::new();
        for (count, row) in rows.into_iter().enumerate() {
            if count % ROWS_OF_A_CHECK == 0 {
                interrupt::check("search")?;
            }
            if !self.filter.passes(&row) {
                continue;
            }
            let keys = self.keys(&row);
            let is_later = |after: &[SortKey]| compare(&self.orders, &keys, after).is_gt();
            if self.after().is_none_or(is_later) {
                passing.push((keys, row));
            }
        }
        passing.sort_by(|(a, _), (b, _)| compare(&self.orders, a, b));
        let is_last = passing.len() <= self.limit;
        passing.truncate(self.limit);
        let last = passing.last().filter(|_| !is_last);
        let next = last.map(|(keys, _)| self.token_of(keys));
        Ok(Page::new(passing.into_iter().map(|(_, row)| row).collect(), next))
    }
}

const ROWS_OF_A_CHECK: usize = 1024;
