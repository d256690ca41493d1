//! JSON (RFC 8259) into a [`Tree`].
//!
//! Linear in the text, without recursion, and one pass: what a key means is for the formats to say.

use std::ops::Range;

use super::tree::{DEEPEST, Kind, NONE, Tree};

/// A place where structured text is broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// The sign that does not fit; the last one when the text is cut off.
    pub at: Range<usize>,
    /// What is so, in one clause.
    pub message: String,
}

/// What may come next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Value,
    /// A value, or the end of the array that was just opened.
    ValueOrEnd,
    Key,
    /// A key, or the end of the object that was just opened.
    KeyOrEnd,
    Colon,
    CommaOrEnd,
}

/// Reads the value that begins at `start`, behind blanks. Gives its index in the tree and where it ends.
///
/// # Errors
///
/// Where the text is broken; the tree is then as it was.
pub(super) fn read(text: &str, start: usize, tree: &mut Tree) -> Result<(u32, usize), Broken> {
    let before = tree.nodes.len();
    let mut reader = Reader { text, bytes: text.as_bytes(), at: start, open: Vec::new(), tree };
    let read = reader.value();
    match read {
        Ok(end) => Ok((crate::source::to_u32(before), end)),
        Err(broken) => {
            tree.nodes.truncate(before);
            Err(broken)
        }
    }
}

struct Reader<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    /// Arrays and objects that are not closed yet.
    open: Vec<(u32, Kind)>,
    tree: &'a mut Tree,
}

impl Reader<'_> {
    fn value(&mut self) -> Result<usize, Broken> {
        let mut next = Next::Value;
        loop {
            let sign = self.sign()?;
            let inside = self.open.last().map(|&(_, kind)| kind);
            next = match (next, sign) {
                (Next::ValueOrEnd, b']') | (Next::KeyOrEnd, b'}') => self.close(),
                (Next::CommaOrEnd, b']') if inside == Some(Kind::Array) => self.close(),
                (Next::CommaOrEnd, b'}') if inside == Some(Kind::Object) => self.close(),
                (Next::CommaOrEnd, b',') => {
                    self.at += 1;
                    if inside == Some(Kind::Object) { Next::Key } else { Next::Value }
                }
                (Next::Key | Next::KeyOrEnd, b'"') => {
                    self.string()?;
                    Next::Colon
                }
                (Next::Colon, b':') => {
                    self.at += 1;
                    Next::Value
                }
                (Next::Value | Next::ValueOrEnd, _) => self.begin(sign)?,
                (next, _) => return Err(self.unexpected(next)),
            };
            if next == Next::CommaOrEnd && self.open.is_empty() {
                return Ok(self.at);
            }
        }
    }

    /// The next sign that is no blank.
    fn sign(&mut self) -> Result<u8, Broken> {
        while let Some(&byte) = self.bytes.get(self.at) {
            if !matches!(byte, b' ' | b'\t' | b'\r' | b'\n') {
                return Ok(byte);
            }
            self.at += 1;
        }
        Err(self.cut())
    }

    /// Begins a value; scalars end with it.
    fn begin(&mut self, sign: u8) -> Result<Next, Broken> {
        let kind = match sign {
            b'{' => Kind::Object,
            b'[' => Kind::Array,
            b'"' => {
                self.string()?;
                return Ok(Next::CommaOrEnd);
            }
            b'-' | b'0'..=b'9' => return self.number(),
            b't' => return self.word("true", Kind::Bool),
            b'f' => return self.word("false", Kind::Bool),
            b'n' => return self.word("null", Kind::Null),
            _ => return Err(self.unexpected(Next::Value)),
        };
        if self.open.len() >= DEEPEST {
            return Err(self.broken(format!("values are nested deeper than {DEEPEST}")));
        }
        let index = self.tree.push(kind, self.at..self.at + 1, self.parent());
        self.open.push((index, kind));
        self.at += 1;
        Ok(if kind == Kind::Object { Next::KeyOrEnd } else { Next::ValueOrEnd })
    }

    fn close(&mut self) -> Next {
        self.at += 1;
        if let Some((index, _)) = self.open.pop() {
            self.tree.close(index, self.at);
        }
        Next::CommaOrEnd
    }

    fn parent(&self) -> u32 {
        self.open.last().map_or(NONE, |&(index, _)| index)
    }

    fn string(&mut self) -> Result<(), Broken> {
        let start = self.at + 1;
        let mut kind = Kind::String;
        self.at = start;
        loop {
            match self.bytes.get(self.at) {
                None => return Err(self.cut()),
                Some(b'"') => break,
                Some(b'\\') => {
                    kind = Kind::Escaped;
                    self.escape()?;
                }
                Some(0..0x20) => {
                    return Err(self.broken("a string is not closed on its line".to_owned()));
                }
                Some(_) => self.at += 1,
            }
        }
        self.tree.push(kind, start..self.at, self.parent());
        self.at += 1;
        Ok(())
    }

    fn escape(&mut self) -> Result<(), Broken> {
        let digits = match self.bytes.get(self.at + 1) {
            None => return Err(self.cut()),
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => 0,
            Some(b'u') => 4,
            Some(_) => return Err(self.broken("no such escape is known".to_owned())),
        };
        let found = self.bytes.get(self.at + 2..).unwrap_or_default().iter().take(digits);
        if found.clone().count() < digits {
            return Err(self.cut());
        }
        if !found.clone().all(u8::is_ascii_hexdigit) {
            return Err(self.broken("`\\u` needs four hexadecimal digits".to_owned()));
        }
        self.at += 2 + digits;
        Ok(())
    }

    /// Any run of the signs of numbers: what a number must be is checked where it is used.
    fn number(&mut self) -> Result<Next, Broken> {
        let start = self.at;
        let of_number = |byte: &&u8| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
        let rest = self.bytes.get(start..).unwrap_or_default();
        let len = rest.iter().take_while(of_number).count();
        let text = self.text.get(start..start + len).unwrap_or_default();
        if text.parse::<f64>().is_err() {
            return Err(self.broken("this is no number".to_owned()));
        }
        self.tree.push(Kind::Number, start..start + len, self.parent());
        self.at = start + len;
        Ok(Next::CommaOrEnd)
    }

    fn word(&mut self, word: &str, kind: Kind) -> Result<Next, Broken> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        if !rest.starts_with(word) {
            return Err(if word.starts_with(rest) {
                self.cut()
            } else {
                self.unexpected(Next::Value)
            });
        }
        self.tree.push(kind, self.at..self.at + word.len(), self.parent());
        self.at += word.len();
        Ok(Next::CommaOrEnd)
    }

    fn unexpected(&self, next: Next) -> Broken {
        let inside = self.open.last().map(|&(_, kind)| kind);
        let expected = match next {
            Next::Value => "expected value",
            Next::ValueOrEnd => "expected value or `]`",
            Next::Key | Next::KeyOrEnd => "key must be a string",
            Next::Colon => "expected `:`",
            Next::CommaOrEnd if inside == Some(Kind::Object) => "expected `,` or `}`",
            Next::CommaOrEnd => "expected `,` or `]`",
        };
        self.broken(expected.to_owned())
    }

    fn broken(&self, what: String) -> Broken {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let len = rest.chars().next().map_or(0, char::len_utf8);
        Broken {
            at: self.at..self.at + len,
            message: format!("the JSON document is broken: {what}"),
        }
    }

    fn cut(&self) -> Broken {
        let last = self.text.trim_end().char_indices().next_back();
        let at = last.map_or(0..0, |(at, sign)| at..at + sign.len_utf8());
        Broken { at, message: "the JSON document is cut off".to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Tree, Broken> {
        let mut tree = Tree::default();
        let (_, end) = read(text, 0, &mut tree)?;
        assert!(text.get(end..).is_some());
        Ok(tree)
    }

    #[test]
    fn every_key_and_value_has_its_place() {
        let text =
            r#" {"a": [1, -2.5e3, true, null, "x\ny\u00e9\ud83d\ude00"], "a": {}, "b":"é"} "#;
        let tree = parse(text).unwrap();
        let root = tree.value(text, 0);
        let keys: Vec<_> = root.entries().map(|(key, _)| key.raw()).collect();
        assert_eq!(keys, ["a", "a", "b"], "keys that stand twice are kept");
        let list = root.get(&["a"]).unwrap();
        let raw: Vec<_> = list.items().map(Value::raw).collect();
        assert_eq!(raw, ["1", "-2.5e3", "true", "null", r"x\ny\u00e9\ud83d\ude00"]);
        let last = list.items().last().unwrap();
        assert_eq!(last.string().unwrap(), "x\nyé😀");
        assert_eq!(last.parent(), Some(list));
        assert_eq!(list.key().unwrap().raw(), "a");
        assert_eq!(root.get(&["zz", "b"]).unwrap().string().unwrap(), "é");
        assert_eq!(root.all().filter(|value| value.kind() == Kind::Object).count(), 2);
        assert_eq!(list.raw(), r#"[1, -2.5e3, true, null, "x\ny\u00e9\ud83d\ude00"]"#);
    }

    #[test]
    fn what_is_broken_has_a_place() {
        for (text, at, words) in [
            (r#"{"a" 1}"#, 5, "expected `:`"),
            (r#"{"a": 1 "b"}"#, 8, "expected `,` or `}`"),
            ("[1 2]", 3, "expected `,` or `]`"),
            ("{a: 1}", 1, "key must be a string"),
            ("[1,]", 3, "expected value"),
            (r#"["\x"]"#, 2, "no such escape"),
            (r#"["\u12g4"]"#, 2, "four hexadecimal"),
            ("[\"a\nb\"]", 3, "not closed on its line"),
            ("[-]", 1, "no number"),
            ("[tru]", 1, "expected value"),
            (r#"{"a": [1, 2"#, 10, "cut off"),
            (r#"{"a": "b"#, 7, "cut off"),
            ("[tru", 3, "cut off"),
        ] {
            let broken = parse(text).map(|_| ()).unwrap_err();
            assert!(broken.message.contains(words), "{text}: {}", broken.message);
            assert_eq!(broken.at.start, at, "{text}");
        }
    }

    #[test]
    fn depth_ends() {
        let deep = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(parse(&deep(DEEPEST)).is_ok());
        let broken = parse(&deep(1_000_000)).map(|_| ()).unwrap_err();
        assert_eq!(broken.at, DEEPEST..DEEPEST + 1);
    }

    use super::super::tree::Value;
}
