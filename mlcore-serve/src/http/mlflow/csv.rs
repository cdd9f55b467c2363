//! CSV as RFC 4180 and pandas' `to_csv` write it: fields between commas, and in quotation marks where they hold commas, quotation
//! marks (doubled) or ends of lines.

use std::borrow::Cow;

use mlcore::{Error, Result};

use super::READ;
use super::frame::{Cell, Frame};

/// Reads a data frame whose first line names the columns. Empty lines are passed over.
pub(super) fn read(text: &str, most_rows: usize) -> Result<Frame<'_>> {
    let mut lines = Lines { rest: text.strip_prefix('\u{feff}').unwrap_or(text), line: 0 };
    let header = lines
        .next_row()?
        .ok_or_else(|| refused("it has no line with the names of the columns".to_owned()))?;
    // pandas names a column without a name by its place.
    let name = |(place, name): (usize, Cow<'_, str>)| match &*name {
        "" => format!("Unnamed: {place}"),
        _ => name.into_owned(),
    };
    let columns: Vec<String> = header.into_iter().enumerate().map(name).collect();
    let mut rows = Vec::new();
    while let Some(fields) = lines.next_row()? {
        if fields.len() != columns.len() {
            let (line, has, due) = (lines.line, fields.len(), columns.len());
            return Err(refused(format!(
                "line {line} has {has} fields, and the first line names {due} columns"
            )));
        }
        if rows.len() == most_rows {
            return Err(refused(format!("it has more than the {most_rows} rows that are taken")));
        }
        rows.push(fields.into_iter().map(Cell::Csv).collect());
    }
    Frame::new(columns, rows)
}

/// What is yet to be read.
struct Lines<'b> {
    rest: &'b str,
    line: usize,
}

impl<'b> Lines<'b> {
    /// The fields of the next line that is not empty.
    fn next_row(&mut self) -> Result<Option<Vec<Cow<'b, str>>>> {
        loop {
            if self.rest.is_empty() {
                return Ok(None);
            }
            self.line += 1;
            let mut fields = Vec::new();
            while self.next_field(&mut fields)? {}
            if !matches!(fields.as_slice(), [only] if only.is_empty()) {
                return Ok(Some(fields));
            }
        }
    }

    /// Reads one field; answers whether another one of the line follows.
    fn next_field(&mut self, fields: &mut Vec<Cow<'b, str>>) -> Result<bool> {
        let field = match self.rest.strip_prefix('"') {
            Some(quoted) => self.quoted(quoted)?,
            None => {
                let end = self.rest.find([',', '\n', '\r']).unwrap_or(self.rest.len());
                let (field, rest) = self.rest.split_at(end);
                self.rest = rest;
                Cow::Borrowed(field)
            }
        };
        fields.push(field);
        if let Some(rest) = self.rest.strip_prefix(',') {
            self.rest = rest;
            return Ok(true);
        }
        let ends = ["\r\n", "\n", "\r"];
        let after = ends.into_iter().find_map(|end| self.rest.strip_prefix(end));
        match after {
            Some(rest) => self.rest = rest,
            None if self.rest.is_empty() => {}
            None => {
                let line = self.line;
                return Err(refused(format!("line {line} goes on after a quotation mark that ends a field")));
            }
        }
        Ok(false)
    }

    /// What stands in quotation marks, of which the first is read.
    fn quoted(&mut self, mut text: &'b str) -> Result<Cow<'b, str>> {
        let mut field = Cow::Borrowed("");
        loop {
            let Some((part, rest)) = text.split_once('"') else {
                let line = self.line;
                return Err(refused(format!("a quotation mark of line {line} is never closed")));
            };
            match &mut field {
                Cow::Borrowed("") => field = Cow::Borrowed(part),
                field => field.to_mut().push_str(part),
            }
            self.line += part.matches('\n').count();
            match rest.strip_prefix('"') {
                Some(rest) => {
                    field.to_mut().push('"');
                    text = rest;
                }
                None => {
                    self.rest = rest;
                    return Ok(field);
                }
            }
        }
    }
}

fn refused(problem: String) -> Error {
    Error::invalid_input(READ, "CSV", problem).remedy("send what pandas.DataFrame.to_csv(index=False) writes")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(text: &str) -> Result<(Vec<String>, Vec<Vec<String>>)> {
        let frame = read(text, 3)?;
        let text = |cell: &Cell<'_>| match cell {
            Cell::Csv(text) => text.clone().into_owned(),
            Cell::Json(json) => (*json).to_owned(),
        };
        Ok((frame.columns, frame.rows.iter().map(|row| row.iter().map(text).collect()).collect()))
    }

    #[test]
    fn fields_are_read_as_they_were_written() {
        let (columns, rows) = cells("a,\"b, c\",\r\n1,\"x\"\"y\nz\",\r\n\r\n2,,3").unwrap();
        assert_eq!(columns, ["a", "b, c", "Unnamed: 2"]);
        assert_eq!(rows, [["1", "x\"y\nz", ""], ["2", "", "3"]]);
        assert_eq!(cells("a\n1\n2\n3\n").unwrap().1, [["1"], ["2"], ["3"]]);
        assert_eq!(cells("\u{feff}a,b\n\"\",\"\"\"\"").unwrap().1, [["", "\""]]);
        assert!(cells("a,b\n").unwrap().1.is_empty());
    }

    #[test]
    fn what_is_no_table_is_refused_with_its_line() {
        for (text, problem) in [
            ("", "no line with the names"),
            ("\n\n", "no line with the names"),
            ("a,b\n1,2\n3\n", "line 3 has 1 fields, and the first line names 2"),
            ("a\n\"1\n2\n", "a quotation mark of line 2 is never closed"),
            ("a\n\"1\"2\n", "line 2 goes on after"),
            ("a\n1\n2\n3\n4\n", "more than the 3 rows"),
            ("a,a\n1,2\n", "the column a twice"),
        ] {
            let error = cells(text).unwrap_err().to_string();
            assert!(error.contains(problem), "{text:?}: {error}");
        }
    }
}
