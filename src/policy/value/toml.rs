//! Walking a TOML tree so that one run reports every error, each at its key.
//!
//! `serde` stops at the first error and loses spans inside flattened and untagged shapes, so the
//! tree of the text is walked by hand: [`Table::take`] hands out keys, and whatever nobody took
//! is an unknown key.

use std::collections::BTreeMap;
use std::ops::Range;

use super::super::error::{PolicyError, PolicyErrorKind, suggestion};
use super::{AddressSet, Data, Node, Pair, PortSet, Tree};
use crate::source::{SourceId, Span};

/// Named sets of one policy file, with the places of their names.
#[derive(Debug, Clone, Default)]
pub struct Sets {
    /// `[sets.ports]`.
    pub ports: BTreeMap<String, PortSet>,
    /// `[sets.addresses]`.
    pub addresses: BTreeMap<String, AddressSet>,
}

/// The state of reading one policy file: errors so far, and what names mean.
#[derive(Debug)]
pub struct Reading {
    /// The file.
    pub source: SourceId,
    /// Where in the file the text begins whose tree is read, in bytes: ranges count from there.
    pub base: usize,
    /// What is wrong so far.
    pub errors: Vec<PolicyError>,
    /// The sets that values may name.
    pub sets: Sets,
}

impl Reading {
    /// Starts reading a file.
    #[must_use]
    pub fn new(source: SourceId) -> Self {
        Self { source, base: 0, errors: Vec::new(), sets: Sets::default() }
    }

    /// The span of a range in the tree that is read.
    #[must_use]
    pub fn span(&self, range: Range<usize>) -> Span {
        Span::new(self.source, self.base + range.start..self.base + range.end)
    }

    /// Records an error.
    pub fn error(
        &mut self,
        kind: PolicyErrorKind,
        at: Range<usize>,
        message: impl Into<String>,
        label: impl Into<String>,
        help: impl Into<Option<String>>,
    ) -> &mut PolicyError {
        let at = Some(self.span(at));
        self.errors.push(PolicyError {
            kind,
            at,
            message: message.into(),
            label: label.into(),
            help: help.into(),
            related: Vec::new(),
        });
        let last = self.errors.len() - 1;
        // The element was pushed just above.
        #[expect(clippy::indexing_slicing, reason = "pushed in the line before")]
        &mut self.errors[last]
    }
}

/// A value with its place.
#[derive(Debug, Clone, Copy)]
pub struct Value<'a> {
    node: &'a Node<'a>,
}

impl<'a> Value<'a> {
    /// Wraps a value of the tree.
    #[must_use]
    pub fn new(node: &'a Node<'a>) -> Self {
        Self { node }
    }

    /// The value itself.
    #[must_use]
    pub fn get(&self) -> &'a Data<'a> {
        &self.node.data
    }

    /// Its bytes in the file.
    #[must_use]
    pub fn range(&self) -> Range<usize> {
        self.node.range.clone()
    }

    /// What it is, for messages: `a string`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self.get() {
            Data::String(_) => "a string",
            Data::Integer(..) => "an integer",
            Data::Float => "a float",
            Data::Boolean(_) => "a boolean",
            Data::Datetime(_) => "a date",
            Data::Array(_) => "a list",
            Data::Table(_) => "a table",
        }
    }

    /// Records that another type was wanted.
    pub fn wrong_type(&self, reading: &mut Reading, key: &str, wanted: &str) {
        let message = format!("`{key}` takes {wanted}, not {}", self.kind());
        let label = format!("{} is given", self.kind());
        reading.error(PolicyErrorKind::WrongType, self.range(), message, label, None);
    }

    /// The text, if it is a string.
    pub fn text(&self, reading: &mut Reading, key: &str) -> Option<&'a str> {
        match self.get() {
            Data::String(text) => Some(text),
            _ => {
                self.wrong_type(reading, key, "a string");
                None
            }
        }
    }

    /// The integer, if it is one of 64 bits.
    pub fn integer(&self) -> Option<i64> {
        match self.get() {
            Data::Integer(digits, radix) => i64::from_str_radix(digits, *radix).ok(),
            _ => None,
        }
    }

    /// The elements of a list, or the value itself as the only one.
    #[must_use]
    pub fn items(&self) -> impl ExactSizeIterator<Item = Value<'a>> + use<'a> {
        let nodes = match self.get() {
            Data::Array(nodes) => nodes.as_slice(),
            _ => std::slice::from_ref(self.node),
        };
        nodes.iter().map(Value::new)
    }

    /// The elements of a list; an empty one is an error, since no value can be in it.
    pub fn some_items(
        &self,
        reading: &mut Reading,
        key: &str,
    ) -> Option<impl ExactSizeIterator<Item = Value<'a>> + use<'a>> {
        let items = self.items();
        if items.len() == 0 {
            let message = format!("the list of `{key}` is empty, so nothing can match it");
            reading.error(PolicyErrorKind::BadValue, self.range(), message, "empty", None);
            return None;
        }
        Some(items)
    }

    /// The strings of a list, or the single string.
    pub fn texts(&self, reading: &mut Reading, key: &str) -> Option<Vec<(&'a str, Range<usize>)>> {
        texts(self.items(), reading, key)
    }

    /// The strings of a list that is not empty, or the single string.
    pub fn some_texts(
        &self,
        reading: &mut Reading,
        key: &str,
    ) -> Option<Vec<(&'a str, Range<usize>)>> {
        let items = self.some_items(reading, key)?;
        texts(items, reading, key)
    }

    /// The table, if it is one.
    pub fn table(&self, reading: &mut Reading, key: &str) -> Option<Table<'a>> {
        match self.get() {
            Data::Table(pairs) => Some(Table { pairs, range: self.range(), taken: Vec::new() }),
            _ => {
                self.wrong_type(reading, key, "a table");
                None
            }
        }
    }
}

/// The strings among items, if all are strings.
fn texts<'a>(
    items: impl ExactSizeIterator<Item = Value<'a>>,
    reading: &mut Reading,
    key: &str,
) -> Option<Vec<(&'a str, Range<usize>)>> {
    let count = items.len();
    let mut texts = Vec::with_capacity(count);
    texts.extend(items.filter_map(|item| Some((item.text(reading, key)?, item.range()))));
    (texts.len() == count).then_some(texts)
}

/// A table whose keys are taken one by one.
#[derive(Debug)]
pub struct Table<'a> {
    pairs: &'a [Pair<'a>],
    range: Range<usize>,
    taken: Vec<&'a str>,
}

/// A key with its value.
#[derive(Debug, Clone)]
pub struct Entry<'a> {
    /// The key's name.
    pub name: &'a str,
    /// The key's bytes.
    pub key: Range<usize>,
    /// The value.
    pub value: Value<'a>,
}

impl<'a> Entry<'a> {
    fn new(pair: &'a Pair<'a>) -> Self {
        Self { name: &pair.name, key: pair.key.clone(), value: Value::new(&pair.value) }
    }

    /// From the key to the end of the value.
    #[must_use]
    pub fn range(&self) -> Range<usize> {
        self.key.start..self.value.range().end.max(self.key.end)
    }
}

impl<'a> Table<'a> {
    /// The root of a text, which has no bytes of its own.
    #[must_use]
    pub fn root(tree: &'a Tree<'a>) -> Self {
        Self { pairs: &tree.root, range: 0..0, taken: Vec::new() }
    }

    /// The header, or the braces with what is in them.
    #[must_use]
    pub fn range(&self) -> Range<usize> {
        self.range.clone()
    }

    /// All entries, in the order of the file.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = Entry<'a>> + use<'a> {
        self.pairs.iter().map(Entry::new)
    }

    /// Takes a key, if it is there.
    pub fn take(&mut self, name: &'static str) -> Option<Entry<'a>> {
        self.taken.push(name);
        self.pairs.iter().find(|pair| pair.name == name).map(Entry::new)
    }

    /// Takes a key that holds a string.
    pub fn take_text(&mut self, name: &'static str, reading: &mut Reading) -> Option<String> {
        let entry = self.take(name)?;
        entry.value.text(reading, name).map(str::to_owned)
    }

    /// Takes a key that holds a string or a list of strings.
    pub fn take_texts(&mut self, name: &'static str, reading: &mut Reading) -> Vec<String> {
        let Some(entry) = self.take(name) else { return Vec::new() };
        let texts = entry.value.texts(reading, name).unwrap_or_default();
        texts.into_iter().map(|(text, _)| text.to_owned()).collect()
    }

    /// Reports every key that nobody took.
    pub fn finish(self, reading: &mut Reading, place: &str) {
        for entry in self.entries() {
            if !self.taken.contains(&entry.name) {
                let message = format!("unknown key `{}` in {place}", entry.name);
                let mut known = self.taken.clone();
                known.sort_unstable();
                let help = match (entry.name, known.contains(&"summary")) {
                    ("description" | "title" | "desc", true) => {
                        "did you mean `summary`?".to_owned()
                    }
                    ("level" | "priority", true) => "did you mean `severity`?".to_owned(),
                    ("reason" | "rationale" | "why", true) => "did you mean `because`?".to_owned(),
                    ("fix" | "remediation", true) => "did you mean `help`?".to_owned(),
                    _ => suggestion(entry.name, &known, "the keys here"),
                };
                reading.error(PolicyErrorKind::UnknownKey, entry.key, message, "unknown", help);
            }
        }
    }
}
