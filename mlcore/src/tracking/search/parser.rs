//! From text to comparisons: one pass, no recursion, and an error that tells the column.

use super::grammar::{DATASET_KEYS, Grammar};
use super::{Clause, Comparison, Entity, Field, Filter, MOST_BYTES, MOST_CLAUSES, MOST_LISTED, Order, Test};
use crate::error::{Error, Result};

pub(super) struct Parser<'a> {
    grammar: &'a Grammar,
    what: &'static str,
    text: &'a str,
    /// The byte that is read next: always at a character's border.
    place: usize,
}

impl<'a> Parser<'a> {
    pub(super) fn new(grammar: &'a Grammar, what: &'static str, text: &'a str) -> Result<Self> {
        if text.len() > MOST_BYTES {
            let problem = format!("it has {} bytes, and at most {MOST_BYTES} are read", text.len());
            return Err(Error::invalid_input("search", what, problem));
        }
        Ok(Self { grammar, what, text, place: 0 })
    }

    /// `clause AND clause ..`, or nothing.
    pub(super) fn filter(mut self) -> Result<Filter> {
        let mut filter = Filter::default();
        self.skip_blanks();
        if self.rest().is_empty() {
            return Ok(filter);
        }
        loop {
            if filter.clauses.len() == MOST_CLAUSES {
                return Err(self.refuse(self.place, format!("at most {MOST_CLAUSES} comparisons are taken")));
            }
            filter.clauses.push(self.clause()?);
            self.skip_blanks();
            if self.rest().is_empty() {
                return Ok(filter);
            }
            if !self.take_keyword("AND") {
                let error = self.refuse(self.place, "a comparison is followed by AND or by nothing");
                return Err(error.remedy("comparisons are joined by AND alone"));
            }
        }
    }

    /// `identifier`, `identifier ASC` or `identifier DESC`.
    pub(super) fn order(mut self) -> Result<Order> {
        self.skip_blanks();
        let start = self.place;
        let field = self.field()?;
        let is_orderable = match field.entity {
            Entity::Attribute => self.grammar.attribute(&field.key).is_some_and(|found| found.orders),
            entity => self.grammar.orders_by(entity),
        };
        if !is_orderable {
            return Err(self.refuse(start, format!("{field} is nothing to order by")));
        }
        self.skip_blanks();
        let descending = self.take_keyword("DESC");
        if !descending {
            self.take_keyword("ASC");
        }
        self.skip_blanks();
        if !self.rest().is_empty() {
            return Err(self.refuse(self.place, "a column is followed by ASC, DESC or nothing"));
        }
        Ok(Order { field, descending })
    }

    fn clause(&mut self) -> Result<Clause> {
        self.skip_blanks();
        let start = self.place;
        let field = self.field()?;
        if field.entity == Entity::Attribute
            && !self.grammar.attribute(&field.key).is_some_and(|found| found.filters)
        {
            return Err(self.refuse(start, format!("{} is nothing to filter by", field.key)));
        }
        self.skip_blanks();
        let test =
            if field.is_number(self.grammar) { self.number_test(&field)? } else { self.text_test(&field)? };
        Ok(Clause { field, test })
    }

    /// An attribute alone, or a kind, a point and a key.
    fn field(&mut self) -> Result<Field> {
        let start = self.place;
        let first = match self.quoted(&['`', '"'])? {
            Some(quoted) => quoted,
            None => self.word(false),
        };
        if first.is_empty() {
            return Err(self.refuse(start, "an identifier such as metrics.loss was due"));
        }
        let (entity, key) = if self.take(".") {
            let Some(entity) = Entity::of_word(&first).filter(|entity| self.grammar.has(*entity)) else {
                return Err(self
                    .refuse(start, format!("{first:?} is no kind of column"))
                    .remedy(self.kinds()));
            };
            let key = match self.quoted(&['`', '"'])? {
                Some(quoted) => quoted,
                None => self.word(true),
            };
            (entity, key)
        } else {
            (Entity::Attribute, first)
        };
        if key.is_empty() {
            return Err(self
                .refuse(self.place, "a key was due")
                .remedy("write it in backticks: metrics.`a key`"));
        }
        self.known(start, entity, key)
    }

    /// The column, in its first spelling.
    fn known(&self, start: usize, entity: Entity, key: String) -> Result<Field> {
        let unknown = |names: Vec<&str>| {
            let error = self.refuse(start, format!("{key:?} is not known"));
            Err(error.remedy(format!("use one of {}, or write a kind before it", names.join(", "))))
        };
        match entity {
            Entity::Attribute => match self.grammar.attribute(&key) {
                Some(found) => Ok(Field::new(entity, found.name())),
                None => unknown(self.grammar.attributes().map(super::grammar::Attribute::name).collect()),
            },
            Entity::Dataset if !DATASET_KEYS.contains(&&*key) => unknown(DATASET_KEYS.to_vec()),
            Entity::Metric | Entity::Param | Entity::Tag | Entity::Dataset => Ok(Field { entity, key }),
        }
    }

    fn kinds(&self) -> String {
        let all = [Entity::Attribute, Entity::Metric, Entity::Param, Entity::Tag, Entity::Dataset];
        let kinds: Vec<_> =
            all.into_iter().filter(|kind| self.grammar.has(*kind)).map(Entity::plural).collect();
        format!("use one of {}", kinds.join(", "))
    }

    fn number_test(&mut self, field: &Field) -> Result<Test> {
        let start = self.place;
        let Some(comparison) = self.comparison() else {
            let error = self.refuse(start, format!("{field} is a number, and is not compared so"));
            return Err(error.remedy("use one of = != < <= > >="));
        };
        self.skip_blanks();
        let start = self.place;
        Ok(Test::Number(comparison, self.number().ok_or_else(|| self.refuse(start, "a number was due"))?))
    }

    fn text_test(&mut self, field: &Field) -> Result<Test> {
        let start = self.place;
        match self.comparison() {
            Some(Comparison::Equal) => return Ok(Test::Equal(self.text()?)),
            Some(Comparison::NotEqual) => return Ok(Test::NotEqual(self.text()?)),
            Some(other) => {
                let error =
                    self.refuse(start, format!("{field} is a text, and is not compared with {other}"));
                return Err(error.remedy("use one of = != LIKE ILIKE"));
            }
            None => {}
        }
        if self.take_keyword("LIKE") {
            return Ok(Test::Like(self.text()?));
        }
        if self.take_keyword("ILIKE") {
            return Ok(Test::ILike(self.text()?));
        }
        if self.take_keyword("IS") {
            return self.null_test(start, field);
        }
        let negated = self.take_keyword("NOT");
        if !self.take_keyword("IN") {
            let error = self.refuse(start, format!("{field} is not compared so"));
            return Err(error.remedy("use one of = != LIKE ILIKE"));
        }
        let takes_lists = match field.entity {
            Entity::Attribute => self.grammar.attribute(&field.key).is_some_and(|found| found.takes_lists),
            entity => self.grammar.lists(entity),
        };
        if !takes_lists {
            let error = self.refuse(start, format!("{} is not compared with a list", field.key));
            return Err(error.remedy("compare it with = or LIKE"));
        }
        let list = self.list()?;
        Ok(if negated { Test::NotIn(list) } else { Test::In(list) })
    }

    fn null_test(&mut self, start: usize, field: &Field) -> Result<Test> {
        let negated = self.take_keyword("NOT");
        if !self.take_keyword("NULL") {
            return Err(self.refuse(self.place, "IS is followed by NULL or NOT NULL"));
        }
        if !self.grammar.nulls(field.entity) {
            return Err(self.refuse(start, format!("{field} is not compared with NULL")));
        }
        Ok(if negated { Test::IsNotNull } else { Test::IsNull })
    }

    /// `('a', 'b')`: one at least.
    fn list(&mut self) -> Result<Vec<String>> {
        self.skip_blanks();
        if !self.take("(") {
            return Err(self.refuse(self.place, "a list such as ('a', 'b') was due"));
        }
        let mut list = Vec::new();
        loop {
            if list.len() == MOST_LISTED {
                return Err(self.refuse(self.place, format!("a list has at most {MOST_LISTED} texts")));
            }
            list.push(self.text()?);
            self.skip_blanks();
            let goes_on = self.take(",");
            self.skip_blanks();
            // Python writes a list of one text with a comma at its end.
            if self.take(")") {
                return Ok(list);
            }
            if !goes_on {
                return Err(self.refuse(self.place, "a text of a list is followed by a comma or by )"));
            }
        }
    }

    fn text(&mut self) -> Result<String> {
        self.skip_blanks();
        let start = self.place;
        match self.quoted(&['\'', '"'])? {
            Some(text) => Ok(text),
            None => Err(self.refuse(start, "a text in quotes was due")),
        }
    }

    fn number(&mut self) -> Option<f64> {
        let rest = self.rest();
        let end =
            rest.find(|c: char| !matches!(c, '0'..='9' | '.' | '-' | '+' | 'e' | 'E')).unwrap_or(rest.len());
        let (digits, behind) = rest.split_at(end);
        if digits.starts_with(['+', 'e', 'E']) || behind.starts_with(is_word) {
            return None;
        }
        self.place += end;
        digits.parse().ok().filter(|number: &f64| number.is_finite())
    }

    fn comparison(&mut self) -> Option<Comparison> {
        // The longer ones first.
        let symbols = [
            Comparison::NotEqual,
            Comparison::AtMost,
            Comparison::AtLeast,
            Comparison::Equal,
            Comparison::Less,
            Comparison::Greater,
        ];
        symbols.into_iter().find(|comparison| self.take(comparison.name()))
    }

    /// A text in one of these quotes, which are written twice within; none where no quote stands here.
    fn quoted(&mut self, quotes: &[char]) -> Result<Option<String>> {
        let start = self.place;
        let Some(quote) = self.rest().chars().next().filter(|first| quotes.contains(first)) else {
            return Ok(None);
        };
        self.place += quote.len_utf8();
        let mut text = String::new();
        loop {
            let Some((piece, _)) = self.rest().split_once(quote) else {
                return Err(self.refuse(start, "the quote is not closed"));
            };
            text.push_str(piece);
            self.place += piece.len() + quote.len_utf8();
            if !self.rest().starts_with(quote) {
                return Ok(Some(text));
            }
            text.push(quote);
            self.place += quote.len_utf8();
        }
    }

    /// Letters, digits and underscores; with points in the key of a kind.
    fn word(&mut self, with_points: bool) -> String {
        let rest = self.rest();
        let ends = |c: char| !(is_word(c) || with_points && c == '.');
        let word = rest.split(ends).next().unwrap_or_default();
        self.place += word.len();
        word.to_owned()
    }

    /// Takes a keyword, large or small, and the blanks before it.
    fn take_keyword(&mut self, keyword: &str) -> bool {
        self.skip_blanks();
        let rest = self.rest();
        let Some((word, behind)) = rest.split_at_checked(keyword.len()) else { return false };
        if !word.eq_ignore_ascii_case(keyword) || behind.starts_with(is_word) {
            return false;
        }
        self.place += keyword.len();
        true
    }

    fn take(&mut self, symbol: &str) -> bool {
        let is_here = self.rest().starts_with(symbol);
        if is_here {
            self.place += symbol.len();
        }
        is_here
    }

    fn skip_blanks(&mut self) {
        let rest = self.rest();
        self.place += rest.len() - rest.trim_start().len();
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.place..).unwrap_or_default()
    }

    fn refuse(&self, place: usize, problem: impl Into<String>) -> Error {
        let column = self.text.get(..place).unwrap_or_default().chars().count() + 1;
        Error::invalid_input("search", format!("{}, column {column}", self.what), problem)
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}
