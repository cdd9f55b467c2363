//! A report as a page of HTML that needs nothing else.

use super::junit::escaped;
use super::text::{example, told};
use super::{ExpectationResult, Report};
use crate::validate::Severity;

/// Follows the reader's light or dark theme; words say what colours say. It holds within its own element, so that a notebook stays as
/// it is.
const STYLE: &str = include_str!("style.css");

impl Report {
    /// The report as one page of HTML: no script, nothing loaded from anywhere, and every text from outside escaped.
    #[must_use]
    pub fn to_html(&self) -> String {
        let title = escaped(&format!("{}: {}", self.suite(), self.verdict()));
        format!(
            "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
             <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><meta name=\"color-scheme\" content=\"light dark\">\
             <title>{title}</title><style>html{{color-scheme:light dark}}body{{margin:0}}</style></head>\n<body>{}</body></html>\n",
            self.to_fragment()
        )
    }

    /// The report as a piece of a page, for notebooks: as [`to_html`](Self::to_html), without the page around it.
    #[must_use]
    pub fn to_fragment(&self) -> String {
        let (failed, all) = (self.failures().count(), self.results().len());
        let mut out = format!(
            "<div class=\"mlcore-validation\"><style>{STYLE}</style>\n<h1>{}: {}</h1>\n<dl class=\"figures\">",
            escaped(self.suite()),
            self.verdict()
        );
        figure(&mut out, "rows", self.rows(), "");
        figure(&mut out, "expectations", all as u64, "");
        figure(&mut out, "met", (all - failed) as u64, "pass");
        for severity in Severity::ALL.iter().rev() {
            let count =
                self.failures().filter(|result| result.expectation.severity == *severity).count() as u64;
            let word = format!("{severity} not met");
            figure(&mut out, &word, count, if count > 0 { severity.name() } else { "" });
        }
        out.push_str(
            "</dl>\n<table><thead><tr><th>Result</th><th>Expectation</th><th>Found</th></tr></thead><tbody>\n",
        );
        let mut failures: Vec<&ExpectationResult> = self.failures().collect();
        failures.sort_by_key(|result| std::cmp::Reverse(result.expectation.severity));
        let met = self.results().iter().filter(|result| result.success);
        failures.into_iter().chain(met).for_each(|result| row(&mut out, result));
        out.push_str("</tbody></table></div>\n");
        out
    }

    fn verdict(&self) -> &'static str {
        if self.success() { "met" } else { "not met" }
    }
}

fn figure(out: &mut String, word: &str, count: u64, class: &str) {
    out.push_str(&format!("<div><dt>{word}</dt><dd class=\"{class}\">{}</dd></div>", grouped(count)));
}

/// A number with its thousands apart.
fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push('\u{202f}');
        }
        out.push(digit);
    }
    out
}

fn row(out: &mut String, result: &ExpectationResult) {
    let word = if result.success { "pass" } else { result.expectation.severity.name() };
    let expectation = escaped(&result.expectation.to_string());
    out.push_str(&format!(
        "<tr><td><span class=\"pill {word}\">{word}</span></td><td><code>{expectation}</code>"
    ));
    if let Some(notes) = &result.expectation.notes {
        out.push_str(&format!("<p class=\"notes\">{}</p>", escaped(notes)));
    }
    out.push_str(&format!("</td><td>{}", escaped(&told(result))));
    if let Some(share) = result.unexpected_percent().filter(|share| *share > 0.0) {
        out.push_str(&format!(
            "<div class=\"bar {word}\" role=\"presentation\"><i style=\"width:{:.2}%\"></i></div>",
            share.clamp(0.5, 100.0)
        ));
    }
    if result.unexpected.len() > 1 {
        out.push_str(&format!("<details><summary>{} examples</summary><ul>", result.unexpected.len()));
        for unexpected in &result.unexpected {
            out.push_str(&format!("<li>{}</li>", escaped(&example(unexpected))));
        }
        out.push_str("</ul></details>");
    }
    out.push_str("</td></tr>\n");
}
