//! The YAML that MLflow keeps beside its files: one mapping, whose values are texts, numbers or mappings of texts.

use std::borrow::Cow;
use std::collections::BTreeMap;

use granit_parser::{Event, Parser, ScalarStyle};

/// Keys, and what is read of their values.
#[derive(Debug, Default)]
pub(super) struct Mapping(BTreeMap<String, Node>);

#[derive(Debug)]
enum Node {
    Null,
    Text(String),
    Mapping(BTreeMap<String, String>),
    /// A list, which no field is that we read.
    List,
}

type Parsed<T> = std::result::Result<T, String>;

impl Mapping {
    /// Reads a document; says what is wrong with it.
    pub(super) fn read(text: &str) -> Parsed<Self> {
        if text.trim().is_empty() {
            return Err("it is empty, as one that was half written".to_owned());
        }
        // PyYAML ends the last line, too.
        if !text.ends_with('\n') {
            return Err("its last line is cut, as of one that was half written".to_owned());
        }
        let mut events = Events(Parser::new_from_str(text));
        match events.next()? {
            Event::MappingStart(..) => {}
            _ => return Err("it is no mapping of names to values".to_owned()),
        }
        let mut fields = BTreeMap::new();
        while let Some(key) = events.key()? {
            let node = match events.next()? {
                Event::Scalar(text, style, ..) => scalar(text, style),
                Event::MappingStart(..) => Node::Mapping(events.texts()?),
                Event::SequenceStart(..) => events.skip_list()?,
                _ => return Err(format!("the value of {key} refers to another")),
            };
            if fields.insert(key.clone(), node).is_some() {
                return Err(format!("{key} is there twice"));
            }
        }
        match events.next()? {
            Event::StreamEnd => Ok(Self(fields)),
            _ => Err("more follows after its mapping".to_owned()),
        }
    }

    /// A text or number that must be there.
    pub(super) fn text(&self, key: &str) -> Parsed<&str> {
        self.text_if(key)?.ok_or_else(|| format!("it has no {key}, as one that was half written"))
    }

    /// A text or number; none where it is absent or null.
    pub(super) fn text_if(&self, key: &str) -> Parsed<Option<&str>> {
        match self.0.get(key) {
            None | Some(Node::Null) => Ok(None),
            Some(Node::Text(text)) => Ok(Some(text)),
            Some(Node::Mapping(_) | Node::List) => Err(format!("its {key} is no text")),
        }
    }

    pub(super) fn number_if(&self, key: &str) -> Parsed<Option<i64>> {
        let number = |text: &str| text.parse().map_err(|_| format!("its {key} is no whole number: {text:?}"));
        self.text_if(key)?.map(number).transpose()
    }

    /// A mapping of texts; an empty one where it is absent.
    pub(super) fn texts(&self, key: &str) -> Parsed<BTreeMap<String, String>> {
        match self.0.get(key) {
            None | Some(Node::Null) => Ok(BTreeMap::new()),
            Some(Node::Mapping(texts)) => Ok(texts.clone()),
            Some(Node::Text(_) | Node::List) => Err(format!("its {key} is no mapping")),
        }
    }
}

/// What is written without quotes may mean nothing.
fn scalar(text: Cow<'_, str>, style: ScalarStyle) -> Node {
    match &*text {
        "" | "~" | "null" | "Null" | "NULL" if style == ScalarStyle::Plain => Node::Null,
        _ => Node::Text(text.into_owned()),
    }
}

struct Events<'a>(Parser<'a, granit_parser::StrInput<'a>>);

impl<'a> Events<'a> {
    /// The next event but those that begin and end documents.
    fn next(&mut self) -> Parsed<Event<'a>> {
        loop {
            match self.0.next() {
                None => return Ok(Event::StreamEnd),
                Some(Err(cause)) => return Err(format!("it cannot be read: {cause}")),
                Some(Ok((Event::StreamStart | Event::DocumentStart(..) | Event::DocumentEnd, _))) => {}
                Some(Ok((event, _))) => return Ok(event),
            }
        }
    }

    /// The next key of a mapping; none at its end.
    fn key(&mut self) -> Parsed<Option<String>> {
        match self.next()? {
            Event::Scalar(text, ..) => Ok(Some(text.into_owned())),
            Event::MappingEnd => Ok(None),
            _ => Err("one of its keys is no text".to_owned()),
        }
    }

    /// The rest of a mapping of texts.
    fn texts(&mut self) -> Parsed<BTreeMap<String, String>> {
        let mut texts = BTreeMap::new();
        while let Some(key) = self.key()? {
            let value = match self.next()? {
                Event::Scalar(text, style, ..) => match scalar(text, style) {
                    Node::Text(text) => text,
                    _ => String::new(),
                },
                _ => return Err(format!("the value of {key} is no text")),
            };
            texts.insert(key, value);
        }
        Ok(texts)
    }

    /// The rest of a list, whose depth the parser bounds.
    fn skip_list(&mut self) -> Parsed<Node> {
        let mut depth = 1_usize;
        while depth > 0 {
            match self.next()? {
                Event::SequenceStart(..) | Event::MappingStart(..) => depth += 1,
                Event::SequenceEnd | Event::MappingEnd => depth -= 1,
                Event::StreamEnd => return Err("a list has no end".to_owned()),
                _ => {}
            }
        }
        Ok(Node::List)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_pyyaml_writes_is_read() {
        // As PyYAML dumps each: quoted where it would be something else, folded at 80 columns, escaped where it cannot be shown.
        let text = concat!(
            "a: plain text\nb: '123'\nc: 123\nd: null\ne: ''\nf: 'null'\ng: '{\"uri\": \"x.csv\"}'\n",
            "h: \"tab\\tnull\\0 \\N \\U0001F600\"\n",
            "i: 'Lines\n\n  of text'\n",
            "j: one two three four five six seven eight nine ten eleven twelve thirteen fourteen\n  fifteen sixteen\n",
            "k: \"\\0one two three four five six seven eight nine ten eleven twelve thirteen \\\n  \\ fourteen\"\n",
            "l: {}\nm: []\nn:\n  mlflow.data.context: train\n  o: '1'\n",
        );
        let found = Mapping::read(text).unwrap();
        let is = |key: &str, due: &str| assert_eq!(found.text(key).unwrap(), due, "{key}");
        is("a", "plain text");
        is("b", "123");
        assert_eq!(found.number_if("c").unwrap(), Some(123));
        assert_eq!(found.text_if("d").unwrap(), None);
        assert_eq!(found.text_if("absent").unwrap(), None);
        is("e", "");
        is("f", "null");
        is("g", r#"{"uri": "x.csv"}"#);
        is("h", "tab\tnull\0 \u{85} \u{1f600}");
        is("i", "Lines\nof text");
        is(
            "j",
            "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen",
        );
        is("k", "\0one two three four five six seven eight nine ten eleven twelve thirteen  fourteen");
        assert!(found.texts("l").unwrap().is_empty() && found.texts("absent").unwrap().is_empty());
        let due =
            [("mlflow.data.context", "train"), ("o", "1")].map(|(key, value)| (key.into(), value.into()));
        assert_eq!(found.texts("n").unwrap(), due.into());
    }

    #[test]
    fn what_is_cut_forged_or_deep_is_refused() {
        let deep = format!("a: {}\n", "[".repeat(100_000));
        for (text, due) in [
            ("", "half written"),
            (" \n", "half written"),
            ("a: 1\nb: 2", "half written"),
            ("just text\n", "no mapping"),
            ("- a\n- b\n", "no mapping"),
            ("a: 1\na: 2\n", "twice"),
            ("a: &x 1\nb: *x\n", "refers to another"),
            ("a: 'x\n", "cannot be read"),
            ("a: 1\n---\nb: 2\n", "more follows"),
            ("a: {b: {c: d}}\n", "no text"),
            ("a: {b: 'c\n", "cannot be read"),
            (&deep, "cannot be read"),
        ] {
            let problem = Mapping::read(text).unwrap_err();
            assert!(problem.contains(due), "{due:?} in {problem:?}");
        }
        let found = Mapping::read("a: [1, 2]\nb: {c: d}\ne: x\n").unwrap();
        assert!(found.text("a").is_err() && found.text("b").is_err() && found.texts("e").is_err());
        assert!(found.number_if("e").is_err() && found.text("z").unwrap_err().contains("no z"));
    }
}
