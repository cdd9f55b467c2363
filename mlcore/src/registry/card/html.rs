use std::fmt::Write as _;

use super::markdown::is_invisible;
use super::sections::{Block, Section};

pub(super) fn render(title: &str, sections: &[Section]) -> String {
    let title = escaped(title);
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{title}</title>\n\
         <style>{STYLE}</style>\n</head>\n<body>\n<main>\n<h1>{title}</h1>\n"
    );
    // Writing to a string cannot fail.
    for section in sections {
        let _ = writeln!(page, "<section>\n<h2>{}</h2>", section.title);
        for block in &section.blocks {
            match block {
                Block::Words(words) => {
                    let _ = writeln!(page, "<p class=\"words\">{}</p>", escaped(words.trim()));
                }
                Block::Table(head, rows) => table(&mut page, head, rows),
            }
        }
        page.push_str("</section>\n");
    }
    page.push_str("</main>\n</body>\n</html>\n");
    page
}

fn table(page: &mut String, head: &[&str], rows: &[Vec<String>]) {
    page.push_str("<table>\n<thead><tr>");
    for name in head {
        let _ = write!(page, "<th scope=\"col\">{name}</th>");
    }
    page.push_str("</tr></thead>\n<tbody>\n");
    for row in rows {
        page.push_str("<tr>");
        for cell in row {
            let _ = write!(page, "<td>{}</td>", escaped(cell));
        }
        page.push_str("</tr>\n");
    }
    page.push_str("</tbody>\n</table>\n");
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' => out.push('\n'),
            odd if odd.is_control() || is_invisible(odd) => out.push(' '),
            other => out.push(other),
        }
    }
    out
}

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:60rem;padding:0 1rem;\
color-scheme:light dark}table{border-collapse:collapse;margin:1rem 0;width:100%}td,th{border:1px solid #8888;\
padding:.3rem .5rem;text-align:left;vertical-align:top;overflow-wrap:anywhere}.words{white-space:pre-wrap}";
