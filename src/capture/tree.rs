//! Structured text as a tree whose every key and value knows its place: JSON, and YAML of the same shape.
//!
//! Nodes stand in one list in the order of the text, each with its parent and the node behind its
//! last child, so a tree costs one allocation, and walking it needs no recursion. Keys that stand
//! twice are both kept.

use std::borrow::Cow;
use std::ops::Range;
use std::str::FromStr;

use crate::snapshot::At;
use crate::source::to_u32;

/// How deep values may be nested.
pub(super) const DEEPEST: usize = 128;

/// How many keys [`Value::get_near`] looks at.
const NEAR: usize = 64;

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `null`, or nothing.
    Null,
    /// `true` or `false`.
    Bool,
    /// A number.
    Number,
    /// A string that stands in the text as it is.
    String,
    /// A string with escapes of JSON.
    Escaped,
    /// A string that the text writes in another way, by its number among those of the tree.
    Pooled(u32),
    /// An array.
    Array,
    /// An object; its children are keys and values in turn.
    Object,
}

/// One key or value.
#[derive(Debug, Clone, Copy)]
pub(super) struct Node {
    pub(super) kind: Kind,
    /// Byte range; of a string, what stands between its quotes.
    pub(super) start: u32,
    pub(super) end: u32,
    /// The node behind the last child.
    pub(super) next: u32,
    /// The array or object that it stands in; `u32::MAX` for none.
    pub(super) parent: u32,
}

/// No parent.
pub(super) const NONE: u32 = u32::MAX;

/// All values of one text.
#[derive(Debug, Default)]
pub struct Tree {
    pub(super) nodes: Vec<Node>,
    pub(super) pool: Vec<String>,
}

impl Tree {
    /// Adds a node without children.
    pub(super) fn push(&mut self, kind: Kind, range: Range<usize>, parent: u32) -> u32 {
        let index = to_u32(self.nodes.len());
        let (start, end) = (to_u32(range.start), to_u32(range.end));
        self.nodes.push(Node { kind, start, end, next: index + 1, parent });
        index
    }

    /// Ends an array or object: what was added since is inside.
    pub(super) fn close(&mut self, index: u32, end: usize) {
        let next = to_u32(self.nodes.len());
        if let Some(node) = self.nodes.get_mut(index as usize) {
            (node.end, node.next) = (to_u32(end), next);
        }
    }

    /// The value at an index, in the text that the tree was read from.
    pub(super) fn value<'a>(&'a self, text: &'a str, index: u32) -> Value<'a> {
        Value { tree: self, text, index }
    }
}

/// A key or value of a [`Tree`].
#[derive(Debug, Clone, Copy)]
pub struct Value<'a> {
    tree: &'a Tree,
    text: &'a str,
    index: u32,
}

impl PartialEq for Value<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.index == other.index
    }
}

impl<'a> Value<'a> {
    fn node(self) -> Node {
        let nothing = Node { kind: Kind::Null, start: 0, end: 0, next: 0, parent: NONE };
        self.tree.nodes.get(self.index as usize).copied().unwrap_or(nothing)
    }

    /// What it is.
    #[must_use]
    pub fn kind(self) -> Kind {
        self.node().kind
    }

    /// Byte range in the text; of a string, what stands between its quotes.
    #[must_use]
    pub fn range(self) -> Range<usize> {
        let node = self.node();
        node.start as usize..node.end as usize
    }

    /// The same as a place of the snapshot.
    #[must_use]
    pub fn at(self) -> At {
        At::new(self.range())
    }

    /// The text of it, as it stands there.
    #[must_use]
    pub fn raw(self) -> &'a str {
        self.text.get(self.range()).unwrap_or_default()
    }

    /// Keys and values of an object, in order; nothing for what is none.
    pub fn entries(self) -> impl Iterator<Item = (Value<'a>, Value<'a>)> {
        let mut children = self.children(Kind::Object);
        std::iter::from_fn(move || Some((children.next()?, children.next()?)))
    }

    /// The values of an array, in order; nothing for what is none.
    pub fn items(self) -> impl Iterator<Item = Value<'a>> {
        self.children(Kind::Array)
    }

    fn children(self, kind: Kind) -> impl Iterator<Item = Value<'a>> {
        let node = self.node();
        let end = if node.kind == kind { node.next } else { 0 };
        let mut index = self.index + 1;
        std::iter::from_fn(move || {
            let child = (index < end).then_some(Self { index, ..self })?;
            index = child.node().next.max(index + 1);
            Some(child)
        })
    }

    /// It and everything in it, keys too, in the order of the text.
    pub fn all(self) -> impl Iterator<Item = Value<'a>> {
        (self.index..self.node().next).map(move |index| Self { index, ..self })
    }

    /// The value of the first of these keys that is there and not `null`.
    #[must_use]
    pub fn get(self, keys: &[&str]) -> Option<Value<'a>> {
        let named = |key: &&str| {
            let mut found = self.entries().filter(|(name, _)| name.is(key));
            found.find(|(_, value)| value.kind() != Kind::Null).map(|(_, value)| value)
        };
        keys.iter().find_map(named)
    }

    /// As [`Value::get`], among the first keys of an object only: for what is asked of one object
    /// again and again.
    #[must_use]
    pub fn get_near(self, keys: &[&str]) -> Option<Value<'a>> {
        let near = || self.entries().take(NEAR).filter(|(_, value)| value.kind() != Kind::Null);
        keys.iter().find_map(|key| near().find(|(name, _)| name.is(key)).map(|(_, value)| value))
    }

    /// What tells it from every other value of its tree.
    #[must_use]
    pub fn id(self) -> u32 {
        self.index
    }

    /// Whether an object has a key, whatever its value.
    #[must_use]
    pub fn has(self, key: &str) -> bool {
        self.entries().any(|(name, _)| name.is(key))
    }

    /// Whether it is this string.
    #[must_use]
    pub fn is(self, text: &str) -> bool {
        match self.kind() {
            Kind::String | Kind::Number | Kind::Bool => self.raw() == text,
            Kind::Escaped | Kind::Pooled(_) => self.string().is_some_and(|own| own == text),
            Kind::Null | Kind::Array | Kind::Object => false,
        }
    }

    /// The array or object that it stands in.
    #[must_use]
    pub fn parent(self) -> Option<Value<'a>> {
        let index = self.node().parent;
        (index != NONE).then_some(Self { index, ..self })
    }

    /// The key that it is the value of.
    #[must_use]
    pub fn key(self) -> Option<Value<'a>> {
        let inside = self.parent()?.kind() == Kind::Object;
        inside.then(|| Self { index: self.index.saturating_sub(1), ..self })
    }

    /// A string; `None` for what is none.
    #[must_use]
    pub fn string(self) -> Option<Cow<'a, str>> {
        match self.kind() {
            Kind::String => Some(Cow::Borrowed(self.raw())),
            Kind::Escaped => Some(Cow::Owned(unescaped(self.raw()))),
            Kind::Pooled(index) => {
                self.tree.pool.get(index as usize).map(|text| Cow::Borrowed(text.as_str()))
            }
            Kind::Null | Kind::Bool | Kind::Number | Kind::Array | Kind::Object => None,
        }
    }

    /// A string, a number or a boolean as text: tools differ in which of them they write.
    #[must_use]
    pub fn scalar(self) -> Option<Cow<'a, str>> {
        match self.kind() {
            Kind::Bool | Kind::Number => Some(Cow::Borrowed(self.raw())),
            _ => self.string(),
        }
    }

    /// A number, written as one or as a string.
    #[must_use]
    pub fn number<T: FromStr>(self) -> Option<T> {
        self.scalar()?.trim().parse().ok()
    }
}

/// A string of JSON without its escapes. Half a surrogate pair becomes U+FFFD.
/// Source: RFC 8259 section 7.
fn unescaped(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = memchr::memchr(b'\\', rest.as_bytes()) {
        out.push_str(rest.get(..at).unwrap_or_default());
        rest = rest.get(at + 1..).unwrap_or_default();
        let mut chars = rest.chars();
        let sign = chars.next().unwrap_or_default();
        rest = chars.as_str();
        match sign {
            'n' => out.push('\n'),
            't' => out.push('\t'),
            'r' => out.push('\r'),
            'b' => out.push('\u{8}'),
            'f' => out.push('\u{c}'),
            'u' => {
                let mut unit = hex(rest);
                rest = rest.get(4..).unwrap_or_default();
                if (0xD800..0xDC00).contains(&unit)
                    && let Some(behind) = rest.strip_prefix("\\u")
                    && (0xDC00..0xE000).contains(&hex(behind))
                {
                    unit = 0x1_0000 + ((unit - 0xD800) << 10) + (hex(behind) - 0xDC00);
                    rest = behind.get(4..).unwrap_or_default();
                }
                out.push(char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            other => out.push(other),
        }
    }
    out.push_str(rest);
    out
}

/// The value of four hexadecimal digits; U+FFFD where there are none.
fn hex(text: &str) -> u32 {
    text.get(..4).and_then(|digits| u32::from_str_radix(digits, 16).ok()).unwrap_or(0xFFFD)
}
