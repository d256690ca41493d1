//! The tree of a TOML text: tables as lists in the order of the file, each key and value with its bytes.
//!
//! [`Tree::parse`] takes any text and reports its faults. [`plain`] reads what most of a large policy is made of,
//! rules in plain words, at a fifth of the cost, and leaves everything else.

use std::borrow::Cow;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue, Error};
use toml::value::Datetime;

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

/// The deepest that values nest here; deeper ones are left to the other way.
const DEPTH: usize = 16;

/// More entries of one table than these are left to the other way: here each is compared with those before.
const MOST_ENTRIES: usize = 64;

/// How many entries and elements there is room for at first: what most rules have.
const USUAL: usize = 8;

/// Reads a text that is nothing but headers of list elements, each with plain keys and values: `[[rule]]`,
/// `id = "a"`. `None` where anything else stands in it, or anything that is at fault; what there is is the same
/// as from [`Tree::parse`], which then reports no fault.
///
/// Plain are bare keys, strings on one line without escapes and control characters, decimal integers, booleans,
/// lists, and inline tables on one line of these. Source: TOML 1.0, of which this is a part.
#[must_use]
pub fn plain(text: &str) -> Option<Tree<'_>> {
    Scanner { text, at: 0 }.lists()
}

/// A text and how far it is read.
struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scanner<'a> {
    fn lists(mut self) -> Option<Tree<'a>> {
        let mut tree = Tree::default();
        let mut current = None;
        loop {
            self.space();
            match self.peek() {
                None => return Some(tree),
                Some(b'[') => current = Some(self.header(&mut tree)?),
                Some(b'#' | b'\r' | b'\n') => {}
                Some(_) => {
                    let pair = self.pair(0)?;
                    let element = elements(&mut tree, current?)?.last_mut()?;
                    let Data::Table(pairs) = &mut element.data else { return None };
                    add(pairs, pair)?;
                }
            }
            self.end_of_line()?;
        }
    }

    /// A header, for which an element is added; says of which entry of the root.
    fn header(&mut self, tree: &mut Tree<'a>) -> Option<usize> {
        let start = self.at;
        self.expect("[[")?;
        self.space();
        let (name, key) = self.key()?;
        self.space();
        self.expect("]]")?;
        let range = start..self.at;
        let at = tree.root.iter().position(|pair| pair.name == name);
        let at = at.unwrap_or(tree.root.len());
        if at == tree.root.len() {
            let value = Node { range: range.clone(), data: Data::Array(Vec::new()) };
            add(&mut tree.root, Pair { name, key, value })?;
        }
        let data = Data::Table(Vec::with_capacity(USUAL));
        elements(tree, at)?.push(Node { range, data });
        Some(at)
    }

    fn pair(&mut self, depth: usize) -> Option<Pair<'a>> {
        let (name, key) = self.key()?;
        self.space();
        self.expect("=")?;
        self.space();
        Some(Pair { name, key, value: self.value(depth)? })
    }

    fn key(&mut self) -> Option<(Cow<'a, str>, Range<usize>)> {
        let is_bare = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        let start = self.at;
        let name = self.take_while(is_bare)?;
        (!name.is_empty()).then_some((Cow::Borrowed(name), start..self.at))
    }

    fn value(&mut self, depth: usize) -> Option<Node<'a>> {
        let start = self.at;
        let data = match self.peek()? {
            quote @ (b'"' | b'\'') => self.string(quote)?,
            b'0'..=b'9' => {
                let digits = self.take_while(|byte| byte.is_ascii_digit())?;
                let is_decimal = digits.len() == 1 || !digits.starts_with('0');
                (is_decimal && self.is_delimited()).then_some(())?;
                Data::Integer(Cow::Borrowed(digits), 10)
            }
            b't' | b'f' => {
                let boolean = match self.take_while(|byte| byte.is_ascii_alphabetic())? {
                    "true" => true,
                    "false" => false,
                    _ => return None,
                };
                self.is_delimited().then_some(Data::Boolean(boolean))?
            }
            b'[' if depth < DEPTH => self.array(depth + 1)?,
            b'{' if depth < DEPTH => self.table(depth + 1)?,
            _ => return None,
        };
        Some(Node { range: start..self.at, data })
    }

    fn string(&mut self, quote: u8) -> Option<Data<'a>> {
        self.at += 1;
        let is_plain =
            |byte| byte != quote && !is_control(byte) && (byte != b'\\' || quote == b'\'');
        let text = self.take_while(is_plain)?;
        (self.peek() == Some(quote)).then(|| self.at += 1)?;
        // Three quotes begin a string of several lines.
        let is_whole = !text.is_empty() || self.peek() != Some(quote);
        is_whole.then_some(Data::String(Cow::Borrowed(text)))
    }

    fn array(&mut self, depth: usize) -> Option<Data<'a>> {
        self.expect("[")?;
        let mut items = Vec::with_capacity(USUAL);
        loop {
            self.space_and_lines()?;
            if self.peek() == Some(b']') {
                break;
            }
            items.push(self.value(depth)?);
            self.space_and_lines()?;
            if self.peek() != Some(b',') {
                break;
            }
            self.at += 1;
        }
        self.expect("]")?;
        Some(Data::Array(items))
    }

    fn table(&mut self, depth: usize) -> Option<Data<'a>> {
        self.expect("{")?;
        let mut pairs = Vec::new();
        self.space();
        if self.peek() != Some(b'}') {
            loop {
                add(&mut pairs, self.pair(depth)?)?;
                self.space();
                if self.peek() != Some(b',') {
                    break;
                }
                self.at += 1;
                self.space();
            }
        }
        self.expect("}")?;
        Some(Data::Table(pairs))
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Goes past the bytes of a kind, of which none is part of a longer character, and gives them.
    fn take_while(&mut self, is_kind: impl Fn(u8) -> bool) -> Option<&'a str> {
        let rest = self.text.as_bytes().get(self.at..)?;
        let count = rest.iter().position(|&byte| !is_kind(byte)).unwrap_or(rest.len());
        let taken = self.text.get(self.at..self.at + count)?;
        self.at += count;
        Some(taken)
    }

    fn expect(&mut self, text: &str) -> Option<()> {
        let found = self.text.as_bytes().get(self.at..)?.starts_with(text.as_bytes());
        found.then(|| self.at += text.len())
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t')) {
            self.at += 1;
        }
    }

    /// Goes past the end of a line, before which only space and a comment may stand.
    fn end_of_line(&mut self) -> Option<()> {
        self.space();
        if self.peek() == Some(b'#') {
            self.take_while(|byte| !is_control(byte))?;
        }
        match self.peek() {
            None => Some(()),
            Some(b'\n') => self.expect("\n"),
            Some(_) => self.expect("\r\n"),
        }
    }

    fn space_and_lines(&mut self) -> Option<()> {
        self.space();
        while matches!(self.peek(), Some(b'#' | b'\r' | b'\n')) {
            self.end_of_line()?;
            self.space();
        }
        Some(())
    }

    /// Whether a number or a word ends here.
    fn is_delimited(&self) -> bool {
        let ends = |byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | b',' | b']' | b'}' | b'#');
        self.peek().is_none_or(ends)
    }
}

fn is_control(byte: u8) -> bool {
    byte < b' ' || byte == 0x7f
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

    /// Texts that are plain.
    const PLAIN: &[&str] = &[
        "",
        "# nothing\n",
        "[[rule]]\n",
        "[[ rule ]] # a\r\nid = 'a' # b\r\n_-0 = 10\n",
        "[[a]]\nx = [1, [2, {y = true, z = [],}\n[[b]]\n[[a]]\nx = 0",
        "[[rule]]\nid = \"a\"\nsummary = \"caf\u{e9} \u{1f600} # no\"\nmatch = { port = [22, '8000-8100'], not = {} }\n\
         forbid = true\n\n[[waiver]]\nlong = [ # one\n  1,\r\n\n  \"two\" ,\n]\n",
        "\t[[a]]\t\n\tx\t=\t'\\'\n\ty = \"\"\n\tz = false",
    ];

    /// What is put into them.
    const BITS: &[&str] = &[
        "[[a]]\n",
        "[[b.c]]\n",
        "[a]\n",
        "[",
        "]",
        "{",
        "}",
        ",",
        "=",
        ".",
        "#",
        "# c\n",
        "\n",
        "\r\n",
        "\r",
        "\t",
        " ",
        "x = ",
        "x = 1\n",
        "id = 2\n",
        "\"",
        "'",
        "\"\"",
        "''",
        "\"\"\"",
        "\'\'\'",
        "\\",
        "\\n",
        "\\u00e9",
        "0",
        "1",
        "_",
        "-",
        "+",
        "1_0",
        "0x1",
        "1.5",
        "inf",
        "1979-05-27",
        "07:32:00",
        "true",
        "false",
        "\u{e9}",
        "\u{7f}",
        "\0",
        "\u{1}",
        "\u{feff}",
    ];

    /// Whatever a text is: what is read plainly is the tree of a text without a fault. Says whether it is.
    fn check(text: &str) -> bool {
        let Some(tree) = plain(text) else { return false };
        let (whole, faults) = Tree::parse(text);
        assert!(faults.is_empty(), "{text:?}: {faults:?}");
        assert_eq!(tree, whole, "{text:?}");
        true
    }

    #[test]
    fn a_plain_tree_is_the_tree() {
        for (number, text) in PLAIN.iter().enumerate() {
            assert_eq!(check(text), number != 4, "{text:?}");
        }
        let mut state = 1_u64;
        let mut next = |end: usize| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(state >> 33).unwrap() % end
        };
        let mut plain = 0;
        for _ in 0..20_000 {
            let mut text: Vec<char> = PLAIN[next(PLAIN.len())].chars().collect();
            for _ in 0..=next(3) {
                let at = next(text.len() + 1);
                let end = (at + next(4).saturating_sub(1)).min(text.len());
                let bit = if next(4) == 0 { "" } else { BITS[next(BITS.len())] };
                text.splice(at..end, bit.chars());
            }
            plain += usize::from(check(&text.iter().collect::<String>()));
        }
        assert!((2_000..18_000).contains(&plain), "{plain}");
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
            assert_eq!(plain(text), None, "{text}");
        }
    }
}
