//! A report as JUnit's XML, which build servers read.

use super::Report;
use super::text::told;
use crate::validate::Severity;

impl Report {
    /// The report as JUnit's XML: a test case for each expectation. What was not met is a failure where it is of this severity or
    /// a higher one, what could not be answered an error, and what was not met of a lower severity says so in its output.
    #[must_use]
    pub fn to_junit(&self, severity: Severity) -> String {
        let counted = |is_error: bool| {
            let failures = self.failures().filter(|result| result.expectation.severity >= severity);
            failures.filter(|result| result.problem.is_some() == is_error).count()
        };
        let (failures, errors) = (counted(false), counted(true));
        let tests = self.results().len();
        let mut out = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\">\n  \
             <testsuite name=\"{}\" tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\" skipped=\"0\">\n",
            escaped(self.suite())
        );
        for result in self.results() {
            let expectation = &result.expectation;
            let class = format!("{}.{}", self.suite(), expectation.columns().join("+"));
            out.push_str(&format!(
                "    <testcase classname=\"{}\" name=\"{}\"",
                escaped(class.trim_end_matches('.')),
                escaped(&expectation.to_string())
            ));
            let (told, grade) = (escaped(&told(result)), expectation.severity);
            let element = if result.problem.is_some() { "error" } else { "failure" };
            if result.success {
                out.push_str("/>\n");
            } else if grade >= severity {
                out.push_str(&format!(
                    ">\n      <{element} type=\"{grade}\" message=\"{told}\"/>\n    </testcase>\n"
                ));
            } else {
                out.push_str(&format!(
                    ">\n      <system-out>{grade}: {told}</system-out>\n    </testcase>\n"
                ));
            }
        }
        out.push_str("  </testsuite>\n</testsuites>\n");
        out
    }
}

/// Text as XML and HTML take it, within quotes too. What XML forbids, such as control characters, is replaced.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\t' | '\n' | '\r' => out.push(' '),
            c if c.is_control()
                || matches!(c, '\u{fffe}' | '\u{ffff}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}') =>
            {
                out.push('\u{fffd}');
            }
            c => out.push(c),
        }
    }
    out
}
