//! The files of a policy, taken down while it is loaded, and given back when it is loaded again.

use std::cell::RefCell;
use std::sync::Arc;

use super::{ExtendPart, Members, PolicyFilePart, PolicyPart};
use crate::policy::Library;
use crate::source::SourceFile;

/// A library that takes down what it is asked for.
pub struct Recorder<'a> {
    inner: &'a dyn Library,
    seen: RefCell<Seen>,
}

#[derive(Default)]
struct Seen {
    /// Keys and files, each once.
    files: Vec<(String, Arc<SourceFile>)>,
    named: Vec<usize>,
    extends: Vec<ExtendPart>,
}

impl Seen {
    fn file(&mut self, key: &str, file: &Arc<SourceFile>) -> usize {
        let known = self.files.iter().position(|(known, _)| known == key);
        known.unwrap_or_else(|| {
            self.files.push((key.to_owned(), Arc::clone(file)));
            self.files.len() - 1
        })
    }
}

impl<'a> Recorder<'a> {
    /// Takes down what `inner` gives.
    #[must_use]
    pub fn new(inner: &'a dyn Library) -> Self {
        Self { inner, seen: RefCell::default() }
    }

    /// The user named this file.
    pub fn name(&self, file: &Arc<SourceFile>) {
        let key = self.inner.key(file);
        let mut seen = self.seen.borrow_mut();
        let index = seen.file(&key, file);
        seen.named.push(index);
    }

    /// What was taken down; the texts go to `members`. Keys, which may be paths of this machine, stay
    /// behind.
    #[must_use]
    pub fn finish(self, members: &mut Members) -> PolicyPart {
        let Seen { files, named, extends } = self.seen.into_inner();
        let mut parts = Vec::with_capacity(files.len());
        for (number, (_, file)) in (1..).zip(files) {
            let member = format!("policy/{number:03}.toml");
            members.insert(member.clone(), file.text().as_bytes().to_vec());
            parts.push(PolicyFilePart { member, name: file.name().to_owned() });
        }
        PolicyPart { files: parts, named, extends }
    }
}

impl Library for Recorder<'_> {
    fn file(&self, name: &str, from: &SourceFile) -> Result<(String, Arc<SourceFile>), String> {
        let (key, file) = self.inner.file(name, from)?;
        let mut seen = self.seen.borrow_mut();
        let index = seen.file(&key, &file);
        let part = ExtendPart { from: from.name().to_owned(), name: name.to_owned(), file: index };
        if !seen.extends.contains(&part) {
            seen.extends.push(part);
        }
        Ok((key, file))
    }

    fn key(&self, file: &SourceFile) -> String {
        self.inner.key(file)
    }
}

/// The files of a bundle as a library.
pub struct Replay<'a> {
    part: &'a PolicyPart,
    files: Vec<Arc<SourceFile>>,
}

impl<'a> Replay<'a> {
    /// The files of `part`, whose texts are among `members`.
    ///
    /// # Errors
    ///
    /// When one is not there or is no text, or an index leads nowhere.
    pub fn new(part: &'a PolicyPart, members: &Members) -> Result<Self, String> {
        let mut files = Vec::with_capacity(part.files.len());
        for PolicyFilePart { member, name } in &part.files {
            let bytes = members.get(member).ok_or_else(|| format!("`{member}` is not there"))?;
            let text =
                String::from_utf8(bytes.clone()).map_err(|_| format!("`{member}` is no text"))?;
            files.push(Arc::new(SourceFile::new(name.clone(), text)));
        }
        let indices = part.named.iter().chain(part.extends.iter().map(|extend| &extend.file));
        match indices.max() {
            Some(&index) if index >= files.len() => Err(format!("there is no policy file {index}")),
            _ => Ok(Self { part, files }),
        }
    }

    /// The files that the user named.
    #[must_use]
    pub fn named(&self) -> Vec<Arc<SourceFile>> {
        self.part.named.iter().filter_map(|&index| self.files.get(index).cloned()).collect()
    }
}

impl Library for Replay<'_> {
    fn file(&self, name: &str, from: &SourceFile) -> Result<(String, Arc<SourceFile>), String> {
        let part =
            self.part.extends.iter().find(|part| part.name == name && part.from == from.name());
        let found = part.and_then(|part| Some((part.file, self.files.get(part.file)?)));
        let (index, file) = found.ok_or_else(|| "the bundle does not hold it".to_owned())?;
        Ok((index.to_string(), Arc::clone(file)))
    }

    fn key(&self, file: &SourceFile) -> String {
        let known = self.files.iter().position(|known| std::ptr::eq(known.as_ref(), file));
        known.map_or_else(|| file.name().to_owned(), |index| index.to_string())
    }
}
