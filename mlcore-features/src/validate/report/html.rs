//! A report as one page of HTML that needs nothing else.

use super::junit::escaped;
use super::text::{example, told};
use super::{ExpectationResult, Report};

/// Follows the reader's light or dark theme; words say what colours say.
const STYLE: &str = "\
:root{color-scheme:light dark;--line:#8885;--bad:#b00020;--good:#1b7f3b;--warn:#a15c00}\
@media(prefers-color-scheme:dark){:root{--bad:#ff8a80;--good:#7ddc9a;--warn:#ffc46b}}\
body{font:15px/1.5 system-ui,sans-serif;max-width:72rem;margin:2rem auto;padding:0 1rem}\
table{border-collapse:collapse;width:100%}th,td{text-align:left;vertical-align:top;padding:.4rem .6rem;border-bottom:1px solid var(--line)}\
.pass{color:var(--good)}.critical{color:var(--bad)}.warning,.info{color:var(--warn)}\
code{font-size:.9em;overflow-wrap:anywhere}td{overflow-wrap:anywhere}ul{margin:.2rem 0;padding-left:1.2rem}";

impl Report {
    /// The report as one page of HTML: no script, nothing loaded from anywhere, and every text from outside escaped.
    #[must_use]
    pub fn to_html(&self) -> String {
        let failed = self.failures().count();
        let (all, name) = (self.results().len(), escaped(self.suite()));
        let verdict = if failed == 0 { "met" } else { "not met" };
        let mut out = format!(
            "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
             <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\
             <meta name=\"viewport\" content=\"width=device-width\"><title>{name}: {verdict}</title><style>{STYLE}</style></head>\n\
             <body><h1>{name}: {verdict}</h1>\n<p>{} of {all} expectations hold of {} rows.</p>\n",
            all - failed,
            self.rows()
        );
        out.push_str(
            "<table><thead><tr><th>Result</th><th>Expectation</th><th>Found</th></tr></thead><tbody>\n",
        );
        let met = self.results().iter().filter(|result| result.success);
        self.failures().chain(met).for_each(|result| row(&mut out, result));
        out.push_str("</tbody></table></body></html>\n");
        out
    }
}

fn row(out: &mut String, result: &ExpectationResult) {
    let word = if result.success { "pass" } else { result.expectation.severity.name() };
    let expectation = escaped(&result.expectation.to_string());
    out.push_str(&format!("<tr><td class=\"{word}\">{word}</td><td><code>{expectation}</code>"));
    if let Some(notes) = &result.expectation.notes {
        out.push_str(&format!("<br>{}", escaped(notes)));
    }
    out.push_str(&format!("</td><td>{}", escaped(&told(result))));
    if result.unexpected.len() > 1 {
        out.push_str(&format!("<details><summary>{} examples</summary><ul>", result.unexpected.len()));
        for unexpected in &result.unexpected {
            out.push_str(&format!("<li>{}</li>", escaped(&example(unexpected))));
        }
        out.push_str("</ul></details>");
    }
    out.push_str("</td></tr>\n");
}
