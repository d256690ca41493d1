//! Names matched by globs.

use std::sync::OnceLock;

use globset::{Glob, GlobBuilder, GlobMatcher};

use super::super::error::PolicyErrorKind;
use super::{Reading, Value};
use crate::source::to_u32;
use crate::truth::{Missing, Truth};

/// Patterns of names: globset's globs, anchored, case-sensitive; `*` also matches `/`.
#[derive(Debug, Clone)]
pub struct Globs {
    /// The patterns as written, one behind the other.
    text: Box<str>,
    patterns: Box<[Pattern]>,
}

#[derive(Debug, Clone)]
struct Pattern {
    /// Where it ends in the text; it begins where the one before it ends.
    end: u32,
    /// How many bytes of it stand before its first glob character.
    head: u32,
    /// `None` for plain text, and for plain text with one `*` behind it. What a glob compiles to takes some
    /// hundred times the memory of its text, and most patterns of a large policy are never asked: it is compiled
    /// when it is.
    glob: Option<Box<(Glob, OnceLock<GlobMatcher>)>>,
}

/// A pattern with its text.
#[derive(Clone, Copy)]
struct Written<'a> {
    text: &'a str,
    pattern: &'a Pattern,
}

/// A name that evidence shows.
#[derive(Debug, Clone, Copy)]
pub enum Name<'a> {
    /// All of it.
    Whole(&'a str),
    /// A beginning, or all of it.
    Beginning(&'a str),
}

impl Globs {
    /// Reads a string or a list of strings; every fault is recorded.
    pub fn read(value: Value<'_>, key: &str, reading: &mut Reading) -> Option<Self> {
        let texts = value.some_texts(reading, key)?;
        let before = reading.errors.len();
        let length = texts.iter().map(|(text, _)| text.len()).sum();
        let mut globs = Builder::with_capacity(texts.len(), length);
        for (text, range) in texts {
            if let Err(why) = globs.add(text) {
                let message = format!("`{text}` is no glob: {why}");
                let help = Some("globs know `*`, `?`, `[a-z]` and `{a,b}`".to_owned());
                reading.error(PolicyErrorKind::BadValue, range, message, "cannot be read", help);
            }
        }
        (reading.errors.len() == before).then(|| globs.finish())
    }

    /// Globs from texts, for the command line.
    ///
    /// # Errors
    ///
    /// What globset says of the first bad one.
    pub fn new<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<Self, String> {
        let mut globs = Builder::default();
        texts.into_iter().try_for_each(|text| globs.add(text))?;
        Ok(globs.finish())
    }

    fn each(&self) -> impl Iterator<Item = Written<'_>> {
        let mut start = 0;
        self.patterns.iter().map(move |pattern| {
            let end = pattern.end as usize;
            let text = self.text.get(start..end).unwrap_or_default();
            start = end;
            Written { text, pattern }
        })
    }

    /// Whether any pattern matches the whole name.
    #[must_use]
    pub fn is_match(&self, name: &str) -> bool {
        self.each().any(|pattern| pattern.is_match(name))
    }

    /// Whether any pattern matches; for a beginning that none matches, unknown where a longer name
    /// could match.
    #[must_use]
    pub fn holds(&self, name: Name<'_>) -> Truth {
        match name {
            Name::Whole(name) => self.is_match(name).into(),
            Name::Beginning(name) if self.is_match(name) => Truth::Yes,
            Name::Beginning(name) => {
                let possible = self.each().any(|pattern| pattern.could_extend(name));
                if possible { Truth::missing(Missing::NameCut) } else { Truth::No }
            }
        }
    }

    /// The patterns as written.
    #[must_use]
    pub fn words(&self) -> String {
        self.texts().collect::<Vec<&str>>().join(" or ")
    }

    /// Whether every name matches.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.texts().any(|text| text == "*")
    }

    /// The patterns as written, one by one.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.each().map(|pattern| pattern.text)
    }
}

/// Globs on their way.
#[derive(Default)]
struct Builder {
    text: String,
    patterns: Vec<Pattern>,
}

impl Builder {
    /// With room for so many patterns, and so many bytes of them together.
    fn with_capacity(count: usize, length: usize) -> Self {
        Self { text: String::with_capacity(length), patterns: Vec::with_capacity(count) }
    }

    fn add(&mut self, text: &str) -> Result<(), String> {
        let is_special = |byte: u8| matches!(byte, b'*' | b'?' | b'[' | b']' | b'{' | b'}' | b'\\');
        let head = text.bytes().position(is_special).unwrap_or(text.len());
        let glob = match text.get(head..) {
            None | Some("" | "*") => None,
            Some(_) => {
                let glob =
                    GlobBuilder::new(text).build().map_err(|error| error.kind().to_string())?;
                Some(Box::new((glob, OnceLock::new())))
            }
        };
        self.text.push_str(text);
        let end = to_u32(self.text.len());
        self.patterns.push(Pattern { end, head: to_u32(head), glob });
        Ok(())
    }

    fn finish(self) -> Globs {
        Globs { text: self.text.into_boxed_str(), patterns: self.patterns.into_boxed_slice() }
    }
}

impl Written<'_> {
    /// The beginning without any glob character.
    fn head(&self) -> &str {
        self.text.get(..self.pattern.head as usize).unwrap_or_default()
    }

    fn is_plain(&self) -> bool {
        self.pattern.head as usize == self.text.len()
    }

    fn is_match(&self, name: &str) -> bool {
        match &self.pattern.glob {
            Some(glob) => glob.1.get_or_init(|| glob.0.compile_matcher()).is_match(name),
            None if self.is_plain() => self.text == name,
            None => name.starts_with(self.head()),
        }
    }

    /// Whether some name that begins with `beginning` and is longer could match: a no is sure.
    fn could_extend(&self, beginning: &str) -> bool {
        let head = self.head().as_bytes();
        if self.is_plain() {
            return head.len() > beginning.len() && head.starts_with(beginning.as_bytes());
        }
        let common = head.len().min(beginning.len());
        head.get(..common) == beginning.as_bytes().get(..common)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cut_names_never_give_a_wrong_no() {
        let cut = Name::Beginning("systemd-resolve");
        let holds = |pattern: &str, name| Globs::new([pattern]).unwrap().holds(name);
        let unknown = Truth::missing(Missing::NameCut);
        for (pattern, truth) in [
            ("systemd-resolve", Truth::Yes),
            ("systemd-resolved", unknown),
            ("systemd-*", Truth::Yes),
            ("systemd-*d", unknown),
            ("*resolved", unknown),
            ("systemd-resolver*", unknown),
            ("systemd", Truth::No),
            ("sshd", Truth::No),
            ("sshd*", Truth::No),
        ] {
            assert_eq!(holds(pattern, cut), truth, "{pattern}");
        }
        assert_eq!(holds("systemd-resolved", Name::Whole("systemd-resolve")), Truth::No);
        assert_eq!(holds("*", Name::Whole("/usr/bin/x")), Truth::Yes);
        assert!(Globs::new(["[a"]).is_err());
    }

    #[test]
    fn a_beginning_matches_as_globset_has_it() {
        for pattern in ["*", "a*", "systemd-*", "/usr/*"] {
            let glob = GlobBuilder::new(pattern).build().unwrap().compile_matcher();
            let ours = Globs::new([pattern]).unwrap();
            for name in
                ["", "a", "ab", "A", "systemd", "systemd-", "systemd-x/y", "/usr/.z", "\n", "é"]
            {
                assert_eq!(ours.is_match(name), glob.is_match(name), "{pattern} {name:?}");
            }
        }
    }
}
