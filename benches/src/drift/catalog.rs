//! Every drift test of the catalogue beside what scipy and numpy compute of the same columns.

use std::sync::Arc;

use mlcore::arrow::array::{ArrayRef, StringArray};
use mlcore_drift::catalog::{Catalog, TestOptions};
use mlcore_drift::sample::Sample;

use super::{power, timed};
use crate::Result;
use crate::data::Part;
use crate::peer::Peer;
use crate::table::{Goal, Table};

/// The goal at 1e5 rows, where scipy has the test.
const GOAL: f64 = 10.0;
const GOAL_ROWS: usize = 100_000;

/// What a test is given, and which of its numbers the peer computes.
struct Case {
    test: &'static str,
    options: &'static str,
    column: Column,
    answer: Answer,
    /// What the peer calls; empty where it has nothing.
    peer: &'static str,
}

#[derive(Clone, Copy)]
enum Column {
    Numbers,
    /// Twenty words.
    Words,
    /// Two words.
    Flags,
}

#[derive(Clone, Copy)]
enum Answer {
    Statistic,
    Pvalue,
}

use Answer::{Pvalue, Statistic};
use Column::{Flags, Numbers, Words};

const fn case(
    test: &'static str,
    options: &'static str,
    column: Column,
    answer: Answer,
    peer: &'static str,
) -> Case {
    Case { test, options, column, answer, peer }
}

const EVIDENTLY: &str = r#"{"recipe": "evidently"}"#;

/// The catalogue, test by test, with the options under which it computes the peer's number.
const CASES: [Case; 24] = [
    case("ks", "{}", Numbers, Pvalue, "ks_2samp"),
    case("cramer_von_mises", r#"{"method": "auto"}"#, Numbers, Statistic, "cramervonmises_2samp"),
    case("anderson", "{}", Numbers, Statistic, "anderson_ksamp"),
    case("mannw", "{}", Numbers, Pvalue, "mannwhitneyu"),
    case("t_test", "{}", Numbers, Pvalue, "ttest_ind"),
    case("welch_t_test", "{}", Numbers, Pvalue, "ttest_ind, equal_var=False"),
    case("es", r#"{"covariance": "separate"}"#, Numbers, Pvalue, "epps_singleton_2samp"),
    case("ed", "{}", Numbers, Statistic, "energy_distance"),
    case("wasserstein", "{}", Numbers, Statistic, "wasserstein_distance / std"),
    case("wasserstein_distance", "{}", Numbers, Statistic, "wasserstein_distance"),
    case("kuiper", "{}", Numbers, Statistic, ""),
    case("psi", EVIDENTLY, Numbers, Statistic, "numpy, Evidently's bins"),
    case("jensen_shannon", EVIDENTLY, Numbers, Statistic, "jensenshannon, Evidently's bins"),
    case("kullback_leibler", EVIDENTLY, Numbers, Statistic, "entropy, Evidently's bins"),
    case("hellinger", EVIDENTLY, Numbers, Statistic, "numpy, Evidently's bins: Hellinger"),
    case("bhattacharyya", "{}", Numbers, Statistic, ""),
    case("jensen_shannon", EVIDENTLY, Words, Statistic, "jensenshannon of value_counts"),
    case("chi_square", "{}", Words, Pvalue, "chi2_contingency of value_counts"),
    case("g_test", "{}", Words, Pvalue, "chi2_contingency, log-likelihood"),
    case("l_infinity", r#"{"recipe": "nannyml"}"#, Words, Statistic, "numpy of value_counts"),
    case("total_variation", "{}", Words, Statistic, ""),
    case("fisher", "{}", Flags, Pvalue, "fisher_exact of value_counts"),
    case("z", "{}", Flags, Pvalue, "z of value_counts"),
    case("missing_rate", "{}", Numbers, Pvalue, ""),
];

/// One table of all tests, for one size.
pub(super) fn table((reference, current): (&Part, &Part), scipy: &Peer) -> Result<Table> {
    let rows = reference.codes.len();
    let title = format!(
        "Every drift test, from Arrow columns of {} rows; peer: scipy, from numpy and pandas",
        power(rows)
    );
    let columns = ["test", "peer", "ours", "peer's", "faster", "goal", "", "relative difference"];
    let mut table = Table::new(title, &columns);
    let catalog = Catalog::default();
    if let Some(forgotten) = catalog.names().find(|name| CASES.iter().all(|case| case.test != *name)) {
        return Err(format!("no case measures {forgotten}").into());
    }
    for case in &CASES {
        let test = catalog.test(case.test, &serde_json::from_str::<TestOptions>(case.options)?)?;
        let (first, second) = (case.column.of(reference), case.column.of(current));
        let (seconds, answer) = timed(|| {
            let score = test.compare(&Sample::from_array(&first)?, &Sample::from_array(&second)?)?;
            Ok(match case.answer {
                Answer::Statistic => score.statistic,
                Answer::Pvalue => score.pvalue.unwrap_or(f64::NAN),
            })
        })?;
        let name = format!("{}/{rows}", case.peer);
        // Plain arithmetic of numpy is no test of scipy.
        let is_scipy =
            !case.peer.is_empty() && !["numpy", "z of"].iter().any(|own| case.peer.starts_with(own));
        let has_goal = rows == GOAL_ROWS && is_scipy;
        let goal = if has_goal { Goal::Times(GOAL) } else { Goal::None };
        let words =
            if matches!(case.column, Words) && case.test == "jensen_shannon" { " of text" } else { "" };
        table.line(
            [format!("{}{words}", case.test), case.peer.to_owned()]
                .into_iter()
                .chain(goal.judge(seconds, scipy.seconds(&name)))
                .chain([scipy.difference(&name, answer)]),
        );
    }
    Ok(table)
}

impl Column {
    fn of(self, part: &Part) -> ArrayRef {
        match self {
            Numbers => Arc::new(part.numbers.clone()),
            Words => Arc::new(part.words()),
            Flags => {
                let flag = |code: &u8| if code.is_multiple_of(4) { "yes" } else { "no" };
                Arc::new(StringArray::from_iter_values(part.codes.iter().map(flag)))
            }
        }
    }
}
