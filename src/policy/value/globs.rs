//! Names matched by globs.

use std::sync::OnceLock;

use globset::{Glob, GlobBuilder, GlobMatcher};

use super::super::error::PolicyErrorKind;
use super::{Reading, Value};
use crate::truth::{Missing, Truth};

/// Patterns of names: globset's globs, anchored, case-sensitive; `*` also matches `/`.
#[derive(Debug, Clone)]
pub struct Globs {
    patterns: Vec<Pattern>,
}

#[derive(Debug, Clone)]
struct Pattern {
    text: String,
    /// The beginning without any glob character.
    head: usize,
    kind: Kind,
}

#[derive(Debug, Clone)]
enum Kind {
    /// Plain text.
    Plain,
    /// Plain text with one `*` behind it.
    Prefix,
    /// Anything else. What it compiles to takes some hundred times the memory of its text, and most
    /// patterns of a large policy are never asked: it is compiled when it is.
    Glob(Box<(Glob, OnceLock<GlobMatcher>)>),
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
        let mut patterns = Vec::new();
        for (text, range) in texts {
            match Pattern::new(text) {
                Ok(pattern) => patterns.push(pattern),
                Err(why) => {
                    let message = format!("`{text}` is no glob: {why}");
                    let help = Some("globs know `*`, `?`, `[a-z]` and `{a,b}`".to_owned());
                    reading.error(
                        PolicyErrorKind::BadValue,
                        range,
                        message,
                        "cannot be read",
                        help,
                    );
                }
            }
        }
        (reading.errors.len() == before).then_some(Self { patterns })
    }

    /// Globs from texts, for the command line.
    ///
    /// # Errors
    ///
    /// What globset says of the first bad one.
    pub fn new<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<Self, String> {
        let patterns = texts.into_iter().map(Pattern::new).collect::<Result<_, _>>()?;
        Ok(Self { patterns })
    }

    /// Whether any pattern matches the whole name.
    #[must_use]
    pub fn is_match(&self, name: &str) -> bool {
        self.patterns.iter().any(|pattern| pattern.is_match(name))
    }

    /// Whether any pattern matches; for a beginning that none matches, unknown where a longer name
    /// could match.
    #[must_use]
    pub fn holds(&self, name: Name<'_>) -> Truth {
        match name {
            Name::Whole(name) => self.is_match(name).into(),
            Name::Beginning(name) if self.is_match(name) => Truth::Yes,
            Name::Beginning(name) => {
                let possible = self.patterns.iter().any(|pattern| pattern.could_extend(name));
                if possible { Truth::missing(Missing::NameCut) } else { Truth::No }
            }
        }
    }

    /// The patterns as written.
    #[must_use]
    pub fn words(&self) -> String {
        let texts: Vec<&str> = self.patterns.iter().map(|pattern| pattern.text.as_str()).collect();
        texts.join(" or ")
    }

    /// Whether every name matches.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.patterns.iter().any(|pattern| pattern.text == "*")
    }

    /// The patterns as written, one by one.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.patterns.iter().map(|pattern| pattern.text.as_str())
    }
}

impl Pattern {
    fn new(text: &str) -> Result<Self, String> {
        let head = text.find(['*', '?', '[', ']', '{', '}', '\\']).unwrap_or(text.len());
        let kind = match text.get(head..) {
            None | Some("") => Kind::Plain,
            Some("*") => Kind::Prefix,
            Some(_) => {
                let glob =
                    GlobBuilder::new(text).build().map_err(|error| error.kind().to_string())?;
                Kind::Glob(Box::new((glob, OnceLock::new())))
            }
        };
        Ok(Self { text: text.to_owned(), head, kind })
    }

    /// The beginning without any glob character.
    fn head(&self) -> &str {
        self.text.get(..self.head).unwrap_or_default()
    }

    fn is_match(&self, name: &str) -> bool {
        match &self.kind {
            Kind::Plain => self.text == name,
            Kind::Prefix => name.starts_with(self.head()),
            Kind::Glob(both) => both.1.get_or_init(|| both.0.compile_matcher()).is_match(name),
        }
    }

    /// Whether some name that begins with `beginning` and is longer could match: a no is sure.
    fn could_extend(&self, beginning: &str) -> bool {
        let head = self.head().as_bytes();
        match self.kind {
            Kind::Plain => head.len() > beginning.len() && head.starts_with(beginning.as_bytes()),
            Kind::Prefix | Kind::Glob(_) => {
                let common = head.len().min(beginning.len());
                head.get(..common) == beginning.as_bytes().get(..common)
            }
        }
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
