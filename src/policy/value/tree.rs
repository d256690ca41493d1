//! The tree of a TOML text: tables as lists in the order of the file, each key and value with its bytes.
//!
//! [`Tree::parse`] takes any text and reports its faults. [`Quick`] reads what most of a large policy is made of,
//! rules in plain words, at a third of the cost, and leaves everything else.

use std::borrow::Cow;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue, Error};
use toml::value::Datetime;
use toml_parser::decoder::ScalarKind;
use toml_parser::lexer::Token;
use toml_parser::parser::{Event, EventKind, RecursionGuard, ValidateWhitespace, parse_document};
use toml_parser::{ParseError, Source};

/// A key with its value.
#[derive(Debug, PartialEq)]
pub struct Pair<'a> {
    /// The key's name.
    pub name: Cow<'a, str>,
    /// The key's bytes.
    pub key: Range<usize>,
    /// The value.
    pub value: Node<'a>,
}

/// A value with its bytes: of a table its header or its braces.
#[derive(Debug, PartialEq)]
pub struct Node<'a> {
    /// From its first byte on.
    pub range: Range<usize>,
    /// The value itself.
    pub data: Data<'a>,
}

/// What a value is.
#[derive(Debug, PartialEq)]
pub enum Data<'a> {
    /// A string of any kind.
    String(Cow<'a, str>),
    /// An integer: its digits with a sign, without underscores and prefix, and their base.
    Integer(Cow<'a, str>, u32),
    /// A float: no key takes one.
    Float,
    /// A boolean.
    Boolean(bool),
    /// A date, a time or both.
    Datetime(Datetime),
    /// An array, or tables with one header each.
    Array(Vec<Node<'a>>),
    /// A table; its entries in the order of the file.
    Table(Vec<Pair<'a>>),
}

/// The tree of a whole text.
#[derive(Debug, Default, PartialEq)]
pub struct Tree<'a> {
    /// The entries of its root, in the order of the file.
    pub root: Vec<Pair<'a>>,
}

impl<'a> Tree<'a> {
    /// Reads a text; where it has faults, what could be read of it with them.
    #[must_use]
    pub fn parse(text: &'a str) -> (Self, Vec<Error>) {
        let (table, faults) = DeTable::parse_recoverable(text);
        (Self { root: pairs(table.into_inner()) }, faults)
    }

    /// The value of a key of the root.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Node<'a>> {
        self.root.iter().find(|pair| pair.name == name).map(|pair| &pair.value)
    }
}

fn pairs<'a>(table: DeTable<'a>) -> Vec<Pair<'a>> {
    let pair = |(key, value): (Spanned<Cow<'a, str>>, Spanned<DeValue<'a>>)| Pair {
        key: key.span(),
        name: key.into_inner(),
        value: node(value),
    };
    let mut pairs: Vec<Pair<'a>> = table.into_iter().map(pair).collect();
    pairs.sort_by_key(|pair| pair.key.start);
    pairs
}

fn node(value: Spanned<DeValue<'_>>) -> Node<'_> {
    let range = value.span();
    let data = match value.into_inner() {
        DeValue::String(text) => Data::String(text),
        DeValue::Integer(integer) => {
            Data::Integer(Cow::Owned(integer.as_str().to_owned()), integer.radix())
        }
        DeValue::Float(_) => Data::Float,
        DeValue::Boolean(boolean) => Data::Boolean(boolean),
        DeValue::Datetime(datetime) => Data::Datetime(datetime),
        DeValue::Array(array) => Data::Array(array.into_iter().map(node).collect()),
        DeValue::Table(table) => Data::Table(pairs(table)),
    };
    Node { range, data }
}

/// The deepest that values may nest, as the toml crate has it.
const DEPTH: u32 = 80;

/// More entries of one table than these are left to the other way: here each is compared with those before.
const MOST_ENTRIES: usize = 64;

/// How many entries and elements there is room for at first: what most rules have.
const USUAL: usize = 8;

/// Reads texts that are nothing but headers of list elements, each with plain keys: `[[rule]]`, `id = "a"`.
///
/// Tokens and events are those of the parser below the toml crate, and so are the values. What that parser
/// builds a tree for is not read here: dotted keys, other headers, keys before the first header, and
/// anything that is at fault.
#[derive(Debug, Default)]
pub struct Quick {
    tokens: Vec<Token>,
    events: Vec<Event>,
}

impl Quick {
    /// The tree of a text; `None` where it is another kind of text. What there is is the same as from
    /// [`Tree::parse`], which then reports no fault.
    pub fn parse<'a>(&mut self, text: &'a str) -> Option<Tree<'a>> {
        let source = Source::new(text);
        self.tokens.clear();
        self.tokens.extend(source.lex());
        self.events.clear();
        let mut error: Option<ParseError> = None;
        let mut events = ValidateWhitespace::new(&mut self.events, source);
        let mut events = RecursionGuard::new(&mut events, DEPTH);
        parse_document(&self.tokens, &mut events, &mut error);
        if error.is_some() {
            return None;
        }
        Builder { source, events: self.events.iter() }.lists()
    }
}

/// Builds the tree from the events of a text without a fault.
struct Builder<'a, 'e> {
    source: Source<'a>,
    events: std::slice::Iter<'e, Event>,
}

impl<'a, 'e> Builder<'a, 'e> {
    /// The next event that is more than space or a comment.
    fn next(&mut self) -> Option<&'e Event> {
        let is_space = |event: &&Event| {
            matches!(event.kind(), EventKind::Whitespace | EventKind::Comment | EventKind::Newline)
        };
        self.events.find(|event| !is_space(event))
    }

    fn expect(&mut self, kind: EventKind) -> Option<&'e Event> {
        self.next().filter(|event| event.kind() == kind)
    }

    fn lists(mut self) -> Option<Tree<'a>> {
        let mut tree = Tree::default();
        let mut current = None;
        while let Some(event) = self.next() {
            match event.kind() {
                EventKind::ArrayTableOpen => {
                    let open = self.expect(EventKind::SimpleKey)?;
                    let (name, key) = self.key(open)?;
                    let close = self.expect(EventKind::ArrayTableClose)?;
                    let range = event.span().start()..close.span().end();
                    let at = tree.root.iter().position(|pair| pair.name == name);
                    if at.is_none() {
                        let value = Node { range: range.clone(), data: Data::Array(Vec::new()) };
                        add(&mut tree.root, Pair { name, key, value })?;
                    }
                    let at = at.unwrap_or(tree.root.len() - 1);
                    let pairs = Vec::with_capacity(USUAL);
                    elements(&mut tree, at)?.push(Node { range, data: Data::Table(pairs) });
                    current = Some(at);
                }
                EventKind::SimpleKey => {
                    let pair = self.pair(event)?;
                    let table = elements(&mut tree, current?)?.last_mut()?;
                    let Data::Table(pairs) = &mut table.data else { return None };
                    add(pairs, pair)?;
                }
                _ => return None,
            }
        }
        Some(tree)
    }

    /// The key that an event is of.
    fn key(&self, event: &Event) -> Option<(Cow<'a, str>, Range<usize>)> {
        let mut name = Cow::Borrowed("");
        let mut error: Option<ParseError> = None;
        self.source.get(event)?.decode_key(&mut name, &mut error);
        error.is_none().then(|| (name, event.span().start()..event.span().end()))
    }

    /// The pair that begins with this key.
    fn pair(&mut self, event: &Event) -> Option<Pair<'a>> {
        let (name, key) = self.key(event)?;
        self.expect(EventKind::KeyValSep)?;
        let first = self.next()?;
        Some(Pair { name, key, value: self.value(first)? })
    }

    /// The value that begins with this event.
    fn value(&mut self, first: &Event) -> Option<Node<'a>> {
        let mut range = first.span().start()..first.span().end();
        let data = match first.kind() {
            EventKind::Scalar => self.scalar(first)?,
            EventKind::ArrayOpen => {
                let mut items = Vec::with_capacity(USUAL);
                loop {
                    let event = self.next()?;
                    match event.kind() {
                        EventKind::ArrayClose => {
                            range.end = event.span().end();
                            break Data::Array(items);
                        }
                        EventKind::ValueSep => {}
                        _ => items.push(self.value(event)?),
                    }
                }
            }
            EventKind::InlineTableOpen => {
                let mut pairs = Vec::new();
                loop {
                    let event = self.next()?;
                    match event.kind() {
                        EventKind::InlineTableClose => {
                            range.end = event.span().end();
                            break Data::Table(pairs);
                        }
                        EventKind::ValueSep => {}
                        EventKind::SimpleKey => add(&mut pairs, self.pair(event)?)?,
                        _ => return None,
                    }
                }
            }
            _ => return None,
        };
        Some(Node { range, data })
    }

    fn scalar(&self, event: &Event) -> Option<Data<'a>> {
        let mut text = Cow::Borrowed("");
        let mut error: Option<ParseError> = None;
        let data = match self.source.get(event)?.decode_scalar(&mut text, &mut error) {
            ScalarKind::String => Data::String(text),
            ScalarKind::Boolean(boolean) => Data::Boolean(boolean),
            ScalarKind::DateTime => Data::Datetime(text.parse().ok()?),
            ScalarKind::Float => Data::Float,
            ScalarKind::Integer(radix) => Data::Integer(text, radix.value()),
        };
        error.is_none().then_some(data)
    }
}

/// The elements of a list of the root.
fn elements<'t, 'a>(tree: &'t mut Tree<'a>, at: usize) -> Option<&'t mut Vec<Node<'a>>> {
    match &mut tree.root.get_mut(at)?.value.data {
        Data::Array(elements) => Some(elements),
        _ => None,
    }
}

/// Adds a pair to a table that does not have its key, and not too many others.
fn add<'a>(pairs: &mut Vec<Pair<'a>>, pair: Pair<'a>) -> Option<()> {
    let known = pairs.iter().any(|known| known.name == pair.name);
    (!known && pairs.len() < MOST_ENTRIES).then(|| pairs.push(pair))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quick_tree_is_the_tree() {
        for text in [
            "",
            "# nothing\n",
            "[[rule]]\n",
            "[[ rule ]] # a\r\nid = 'a' # b\r\n\"\\u0062\" = 0x1F\nc = +1_000\n",
            "[[a]]\nx = [1, [2, {y = true, \"z\" = [],}], \"\"\"\n\\u00e9\\\n  d\"\"\",]\n[[b]]\n[[a]]\nx = 1.5\n",
            "[[a]]\nd = 2027-01-31\nt = 2027-01-31T18:00:00+01:00\nm = { a = {\n}, b = 07:32:00 }\n",
            "\t[[a]]\t\n\t'' = -inf\n",
        ] {
            let (tree, faults) = Tree::parse(text);
            assert_eq!(faults.len(), 0, "{text}");
            assert_eq!(Quick::default().parse(text), Some(tree), "{text}");
        }
    }

    #[test]
    fn what_is_not_plain_is_left() {
        let wide = (0..100).map(|key| format!("k{key} = 1\n")).collect::<String>();
        let deep = format!("[[a]]\nx = {}{}\n", "[".repeat(90), "]".repeat(90));
        for text in [
            "a = 1\n",
            "[[a.b]]\n",
            "[a]\n",
            "[[a]]\n[a.b]\n",
            "[[a]]\nb.c = 1\n",
            "[[a]]\nb = { c.d = 1 }\n",
            "[[a]]\nb = 1\nb = 2\n",
            "[[a]]\nb = 1\n'b' = 2\n",
            "[[a]]\nb = { c = 1, c = 1 }\n",
            "[[a]]\nb = 2027-02-31\n",
            "[[a]]\nb = 01\n",
            "[[a]]\nb = \"\\x\"\n",
            "[[a]]\nb = \n",
            "[[a]]\nb = [1\n",
            "[[a]]\nb = \"\"\"x\n",
            "[[a]\n",
            "[[a]]\nb = 1 c = 2\n",
            "[[a]]\rb = 1\n",
            &format!("[[a]]\n{wide}"),
            &deep,
        ] {
            assert_eq!(Quick::default().parse(text), None, "{text}");
        }
    }
}
