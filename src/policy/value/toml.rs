//! Walking a TOML tree so that one run reports every error, each at its key.
//!
//! `serde` stops at the first error and loses spans inside flattened and untagged shapes, so the
//! tree of the toml crate is walked by hand: [`Table::take`] hands out keys, and whatever nobody took
//! is an unknown key.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::super::error::{PolicyError, PolicyErrorKind, suggestion};
use super::{AddressSet, PortSet};
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
    value: &'a Spanned<DeValue<'a>>,
}

impl<'a> Value<'a> {
    /// Wraps a value of the tree.
    #[must_use]
    pub fn new(value: &'a Spanned<DeValue<'a>>) -> Self {
        Self { value }
    }

    /// The value itself.
    #[must_use]
    pub fn get(&self) -> &'a DeValue<'a> {
        self.value.get_ref()
    }

    /// Its bytes in the file.
    #[must_use]
    pub fn range(&self) -> Range<usize> {
        self.value.span()
    }

    /// What it is, for messages: `a string`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self.get() {
            DeValue::String(_) => "a string",
            DeValue::Integer(_) => "an integer",
            DeValue::Float(_) => "a float",
            DeValue::Boolean(_) => "a boolean",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
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
            DeValue::String(text) => Some(text),
            _ => {
                self.wrong_type(reading, key, "a string");
                None
            }
        }
    }

    /// The integer, if it is one of 64 bits.
    pub fn integer(&self) -> Option<i64> {
        match self.get() {
            DeValue::Integer(integer) => {
                i64::from_str_radix(integer.as_str(), integer.radix()).ok()
            }
            _ => None,
        }
    }

    /// The elements of a list, or the value itself as the only one.
    #[must_use]
    pub fn items(&self) -> Vec<Value<'a>> {
        match self.get() {
            DeValue::Array(array) => array.iter().map(Value::new).collect(),
            _ => vec![*self],
        }
    }

    /// The elements of a list; an empty one is an error, since no value can be in it.
    pub fn some_items(&self, reading: &mut Reading, key: &str) -> Option<Vec<Value<'a>>> {
        let items = self.items();
        if items.is_empty() {
            let message = format!("the list of `{key}` is empty, so nothing can match it");
            reading.error(PolicyErrorKind::BadValue, self.range(), message, "empty", None);
            return None;
        }
        Some(items)
    }

    /// The strings of a list, or the single string.
    pub fn texts(&self, reading: &mut Reading, key: &str) -> Option<Vec<(&'a str, Range<usize>)>> {
        let items = self.items();
        let texts: Vec<_> = items
            .iter()
            .filter_map(|item| Some((item.text(reading, key)?, item.range())))
            .collect();
        (texts.len() == items.len()).then_some(texts)
    }

    /// The table, if it is one.
    pub fn table(&self, reading: &mut Reading, key: &str) -> Option<Table<'a>> {
        match self.get() {
            DeValue::Table(table) => Some(Table::new(table, self.range())),
            _ => {
                self.wrong_type(reading, key, "a table");
                None
            }
        }
    }
}

/// A table whose keys are taken one by one.
#[derive(Debug)]
pub struct Table<'a> {
    table: &'a DeTable<'a>,
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

impl Entry<'_> {
    /// From the key to the end of the value.
    #[must_use]
    pub fn range(&self) -> Range<usize> {
        self.key.start..self.value.range().end.max(self.key.end)
    }
}

impl<'a> Table<'a> {
    /// A table whose header or braces are `range`.
    #[must_use]
    pub fn new(table: &'a DeTable<'a>, range: Range<usize>) -> Self {
        Self { table, range, taken: Vec::new() }
    }

    /// The header, or the braces with what is in them.
    #[must_use]
    pub fn range(&self) -> Range<usize> {
        self.range.clone()
    }

    /// All entries, in the order of the file.
    #[must_use]
    pub fn entries(&self) -> Vec<Entry<'a>> {
        let mut entries: Vec<Entry<'a>> = self
            .table
            .iter()
            .map(|(key, value)| Entry {
                name: key.get_ref().as_ref(),
                key: key.span(),
                value: Value::new(value),
            })
            .collect();
        entries.sort_by_key(|entry| entry.key.start);
        entries
    }

    /// Takes a key, if it is there.
    pub fn take(&mut self, name: &'static str) -> Option<Entry<'a>> {
        self.taken.push(name);
        let (key, value) = self.table.get_key_value(name)?;
        Some(Entry { name: key.get_ref().as_ref(), key: key.span(), value: Value::new(value) })
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
