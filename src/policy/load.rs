//! From texts to a [`Policy`]: files, what they extend, and what they change.

use std::cell::RefCell;
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::condition::Condition;
use super::error::{PolicyError, PolicyErrorKind, suggestion};
use super::index::PortIndex;
use super::layer::{self, Layer, Override};
use super::pieces::{self, Piece};
use super::value::{Globs, Reading, Sets, Table, Tree, plain};
use super::{Action, Policy, PolicyFile, Reach, Rule, packs};
use crate::source::{SourceFile, SourceId, SourceMap, Span};

/// What came of loading.
#[derive(Debug)]
pub struct Loaded {
    /// The policy; `None` when there is an error.
    pub policy: Option<Policy>,
    /// Everything that is wrong, warnings too, in the order of the files.
    pub errors: Vec<PolicyError>,
    /// The texts that the errors point into.
    pub sources: SourceMap,
}

/// Where the files come from that a policy extends: the loader itself does no I/O.
pub trait Library {
    /// The file `name` as `from` writes it (relative to it), and a key by which the same file is known
    /// again whatever it is called.
    ///
    /// # Errors
    ///
    /// Why it cannot be read, in one clause.
    fn file(&self, name: &str, from: &SourceFile) -> Result<(String, Arc<SourceFile>), String>;

    /// The key of a file that was named by the user.
    fn key(&self, file: &SourceFile) -> String {
        file.name().to_owned()
    }
}

/// The built-in packs and nothing else.
#[derive(Debug, Clone, Copy, Default)]
pub struct Packs;

impl Library for Packs {
    fn file(&self, name: &str, _: &SourceFile) -> Result<(String, Arc<SourceFile>), String> {
        match name.strip_prefix("builtin:") {
            Some(_) => builtin(name),
            None => Err("only built-in policies can be extended here".to_owned()),
        }
    }
}

/// The pack behind a `builtin:NAME`, with its key.
///
/// # Errors
///
/// When there is no such pack, with the nearest name.
pub fn builtin(name: &str) -> Result<(String, Arc<SourceFile>), String> {
    let bare = name.strip_prefix("builtin:").unwrap_or(name);
    let pack = packs::pack(bare).ok_or_else(|| {
        let known: Vec<&str> = packs::PACKS.iter().map(|pack| pack.name).collect();
        format!(
            "there is no built-in policy `{bare}`; {}",
            suggestion(bare, &known, "the built-in policies")
        )
    })?;
    let name = format!("builtin:{}", pack.name);
    Ok((name.clone(), Arc::new(SourceFile::new(name, pack.text))))
}

/// Compiles a policy from its files, in order, with the built-in packs as the only library.
#[must_use]
pub fn load(files: Vec<Arc<SourceFile>>) -> Loaded {
    load_with(files, &Packs)
}

/// Compiles a policy from its files, in order: what a file extends comes before it, sets of earlier
/// files are known in later ones, and a later `unlisted` wins. Ids of inherited rules begin with the
/// name of their policy: `baseline/telnet`.
#[must_use]
pub fn load_with(files: Vec<Arc<SourceFile>>, library: &dyn Library) -> Loaded {
    let library = Remembering { library, known: RefCell::default() };
    let by_rule = Loader::load(&files, &library, true);
    match by_rule.is_doubtful {
        true => Loader::load(&files, &library, false).finish(),
        false => by_rule.finish(),
    }
}

/// A library that is asked for each file once: a text that is read again is the same text.
struct Remembering<'a> {
    library: &'a dyn Library,
    /// What was asked for, by which file, and what came of it.
    known: RefCell<BTreeMap<(String, String), FileOfLibrary>>,
}

type FileOfLibrary = Result<(String, Arc<SourceFile>), String>;

impl Library for Remembering<'_> {
    fn file(&self, name: &str, from: &SourceFile) -> FileOfLibrary {
        let asked = (name.to_owned(), from.name().to_owned());
        let known = self.known.borrow().get(&asked).cloned();
        known.unwrap_or_else(|| {
            let found = self.library.file(name, from);
            self.known.borrow_mut().insert(asked, found.clone());
            found
        })
    }

    fn key(&self, file: &SourceFile) -> String {
        self.library.key(file)
    }
}

struct Loader<'a> {
    library: &'a dyn Library,
    /// Texts are read rule by rule.
    by_rule: bool,
    /// A text cannot be read rule by rule: what was loaded may be wrong.
    is_doubtful: bool,
    sources: SourceMap,
    errors: Vec<PolicyError>,
    sets: Sets,
    layers: Vec<Layer>,
    rules: Vec<Rule>,
    ids: Vec<(String, Span)>,
    disabled: Vec<Rule>,
    /// What is told of the files, with their places in the load order.
    described: Vec<(usize, PolicyFile)>,
    /// Keys of the files that are loaded, with their places in the load order.
    loaded: Vec<(String, usize)>,
    /// For which hosts each file is, and what each extends, by places in the load order.
    reaches: Vec<Reach>,
    extended: Vec<Vec<usize>>,
    /// Keys of the files that are being loaded, with the place that asked for each.
    open: Vec<(String, Option<Span>)>,
    files: usize,
}

impl<'a> Loader<'a> {
    /// Loads files in order. What comes of it counts unless it is doubtful, which it is not where texts are
    /// read whole.
    fn load(files: &[Arc<SourceFile>], library: &'a dyn Library, by_rule: bool) -> Self {
        let mut loader = Self::new(library, by_rule);
        for file in files {
            loader.file(Arc::clone(file), library.key(file), false, &[]);
        }
        loader
    }

    fn new(library: &'a dyn Library, by_rule: bool) -> Self {
        Self {
            library,
            by_rule,
            is_doubtful: false,
            sources: SourceMap::default(),
            errors: Vec::new(),
            sets: Sets::default(),
            layers: Vec::new(),
            rules: Vec::new(),
            ids: Vec::new(),
            disabled: Vec::new(),
            described: Vec::new(),
            loaded: Vec::new(),
            reaches: Vec::new(),
            extended: Vec::new(),
            open: Vec::new(),
            files: 0,
        }
    }

    /// Loads a file with all that it extends, and says its place in the load order; `outer` are the
    /// hosts of those who extend it.
    fn file(
        &mut self,
        file: Arc<SourceFile>,
        key: String,
        inherited: bool,
        outer: &[Globs],
    ) -> usize {
        if let Some(&(_, number)) = self.loaded.iter().find(|(known, _)| *known == key) {
            self.reach(number, outer);
            return number;
        }
        let number = self.files;
        self.files += 1;
        self.reaches.push(Reach::default());
        self.extended.push(Vec::new());
        let source = self.sources.add(Arc::clone(&file));
        let mut reading = Reading::new(source);
        let mut pieces = pieces::cut(file.text(), self.by_rule).peekable();
        let first = pieces.next().unwrap_or_default();
        let (tree, faults) = Tree::parse(first.text);
        self.is_doubtful |= !faults.is_empty() && pieces.peek().is_some();
        if self.is_doubtful {
            return number;
        }
        let broken = tell_faults(&faults, &file, &mut reading);
        let opened = layer::open(&tree, &file, &mut reading);
        let mut hosts = outer.to_vec();
        hosts.extend(opened.layer.hosts.iter().map(|(globs, _)| globs.clone()));
        if self.open.is_empty() {
            self.open.push((key.clone(), None));
        }
        for (name, range) in opened.layer.extends.clone() {
            let found = self.extend(&name, Span::new(source, range), &file, &hosts);
            if let Some(extended) = self.extended.get_mut(number) {
                extended.extend(found);
            }
        }
        self.open.retain(|(open, at)| at.is_some() || *open != key);
        reading.sets = std::mem::take(&mut self.sets);
        let mut layer = opened.read(number, &mut reading);
        let is_whole = pieces.all(|piece| add(piece, &tree, &mut layer, number, &mut reading));
        self.is_doubtful |= !is_whole;
        if self.is_doubtful {
            return number;
        }
        self.sets = std::mem::take(&mut reading.sets);
        if !broken.is_empty() {
            reading.errors.retain(|error| is_sure(error, &file, &broken));
        }
        self.errors.extend(reading.errors);
        let name = layer.name.clone();
        let qualify = |id: &str| format!("{name}/{id}");
        self.apply_overrides(&layer.overrides);
        if inherited {
            layer.rules.iter_mut().for_each(|rule| rule.id = qualify(&rule.id));
            layer.ids.iter_mut().for_each(|(id, _)| *id = qualify(id));
        }
        append(&mut self.rules, std::mem::take(&mut layer.rules));
        append(&mut self.ids, std::mem::take(&mut layer.ids));
        let extended_at =
            self.open.iter().rev().find(|(open, _)| *open == key).and_then(|(_, at)| *at);
        if let Some(reach) = self.reaches.get_mut(number) {
            reach.add(hosts);
        }
        let hosts = layer.hosts.clone();
        self.described.push((number, PolicyFile { name, source, extended_at, hosts }));
        layer.number = number;
        layer.inherited = inherited;
        self.layers.push(layer);
        self.loaded.push((key, number));
        number
    }

    /// Notes that a file that is loaded is part of the policy in one more way.
    fn reach(&mut self, number: usize, outer: &[Globs]) {
        let Some(reach) = self.reaches.get_mut(number) else { return };
        if reach.is_everywhere() {
            return;
        }
        let own = self.layers.iter().find(|layer| layer.number == number);
        let own = own.and_then(|layer| layer.hosts.as_ref()).map(|(globs, _)| globs.clone());
        let way: Vec<Globs> = outer.iter().cloned().chain(own).collect();
        reach.add(way.clone());
        for extended in self.extended.get(number).cloned().unwrap_or_default() {
            self.reach(extended, &way);
        }
    }

    /// Loads what a file extends, and says its place in the load order.
    fn extend(
        &mut self,
        name: &str,
        at: Span,
        from: &SourceFile,
        hosts: &[Globs],
    ) -> Option<usize> {
        let (key, file) = match self.library.file(name, from) {
            Ok(found) => found,
            Err(why) => {
                let kind = match name.starts_with("builtin:") {
                    true => PolicyErrorKind::UnknownPack,
                    false => PolicyErrorKind::Extends,
                };
                self.error(
                    kind,
                    at,
                    format!("`{name}` cannot be extended: {why}"),
                    "asked for here",
                    Vec::new(),
                );
                return None;
            }
        };
        if let Some(first) = self.open.iter().position(|(open, _)| *open == key) {
            let chain = self.open.iter().skip(first + 1).filter_map(|(_, at)| *at);
            let related = chain.map(|at| (at, "extended on the way here".to_owned())).collect();
            let message = format!("`{name}` extends itself");
            self.error(PolicyErrorKind::Extends, at, message, "closes the circle", related);
            return None;
        }
        self.open.push((key.clone(), Some(at)));
        let number = self.file(file, key, true, hosts);
        self.open.pop();
        Some(number)
    }

    fn error(
        &mut self,
        kind: PolicyErrorKind,
        at: Span,
        message: String,
        label: &str,
        related: Vec<(Span, String)>,
    ) {
        self.errors.push(PolicyError {
            kind,
            at: Some(at),
            message,
            label: label.to_owned(),
            help: None,
            related,
        });
    }

    /// Changes the rules that are loaded so far: those that the file inherits.
    fn apply_overrides(&mut self, overrides: &[Override]) {
        // A policy that the user names too is not inherited by name: its rules are known by both ids.
        let names: BTreeMap<usize, &str> =
            self.described.iter().map(|(number, file)| (*number, file.name.as_str())).collect();
        let is_meant = |rule: &Rule, change: &Override| {
            rule.id == change.rule
                || names.get(&rule.layer).is_some_and(|name| {
                    change.rule.strip_prefix(name).and_then(|rest| rest.strip_prefix('/'))
                        == Some(&rule.local_id)
                })
        };
        for change in overrides {
            let Some(rule) = self.rules.iter_mut().find(|rule| is_meant(rule, change)) else {
                let known: Vec<&str> = self.rules.iter().map(|rule| rule.id.as_str()).collect();
                let near = super::nearest(&change.rule, known.iter().copied());
                let help = match near {
                    Some(near) => format!("did you mean `{near}`?"),
                    None if known.is_empty() => {
                        "the file inherits no rule: `extends` names what it builds on".to_owned()
                    }
                    None => "an override changes an inherited rule, such as `baseline/telnet`"
                        .to_owned(),
                };
                self.errors.push(PolicyError {
                    kind: PolicyErrorKind::OverrideOfNothing,
                    at: Some(change.at),
                    message: format!("there is no inherited rule `{}`", change.rule),
                    label: "changes nothing".to_owned(),
                    help: Some(help),
                    related: Vec::new(),
                });
                continue;
            };
            if let Some(severity) = change.severity {
                rule.severity = severity;
            }
            rule.overrides.push(change.clone());
        }
        for change in overrides.iter().filter(|change| change.enabled == Some(false)) {
            if let Some(at) = self.rules.iter().position(|rule| is_meant(rule, change)) {
                self.disabled.push(self.rules.remove(at));
            }
        }
    }

    fn finish(self) -> Loaded {
        let Self { sources, mut errors, layers, ids, reaches, mut described, .. } = self;
        let (mut rules, mut disabled) = (self.rules, self.disabled);
        let reach = |number: usize| reaches.get(number).cloned().unwrap_or_default();
        check_overrides(rules.iter().chain(&disabled), &described, &reach, &mut errors);
        for rule in rules.iter_mut().chain(&mut disabled) {
            rule.reach = reach(rule.layer);
        }
        described.sort_by_key(|(number, _)| *number);
        check_ids(&ids, &mut errors);
        check_repeats(&rules, &sources, &mut errors);
        let mut policy = Policy {
            name: String::new(),
            descriptions: Vec::new(),
            index: PortIndex::new(&rules),
            rules,
            unlisted: None,
            unlisted_reach: Reach::default(),
            waivers: Vec::new(),
            waiver_limits: super::WaiverLimits::default(),
            disabled,
            files: described.into_iter().map(|(_, file)| file).collect(),
            sources: sources.clone(),
        };
        let mut names: Vec<String> = Vec::new();
        for layer in layers {
            if let Some(unlisted) = layer.unlisted {
                policy.unlisted = unlisted;
                policy.unlisted_reach = reach(layer.number);
            }
            if let Some(limits) = layer.limits {
                policy.waiver_limits = limits;
            }
            policy.descriptions.extend(layer.description);
            policy.waivers.extend(layer.waivers);
            // A policy is known by the files that the user named, not by what they build on.
            if !layer.inherited && !names.contains(&layer.name) {
                names.push(layer.name);
            }
        }
        policy.name = names.join("+");
        if policy.is_empty() && errors.iter().all(|error| error.kind.is_warning()) {
            let at = sources
                .files()
                .first()
                .map(|file| Span::new(SourceId(0), 0..file.text().len().min(1)));
            errors.push(PolicyError {
                kind: PolicyErrorKind::NoRule,
                at,
                message: "the policy holds no rule, so nothing would be checked".to_owned(),
                label: "no `[[rule]]` in here".to_owned(),
                help: Some(
                    "write a `[[rule]]`, or `unlisted = \"error\"` in `[policy]`".to_owned(),
                ),
                related: Vec::new(),
            });
        }
        check_wildcards(&policy, &mut errors);
        errors.sort_by_key(|error| error.at.map(|at| (at.source, at.start)));
        let usable = errors.iter().all(|error| error.kind.is_warning());
        Loaded { policy: usable.then_some(policy), errors, sources }
    }
}

/// How many lines that are no TOML are told of one file. What has more is another file than was meant.
const FAULTS: usize = 20;

/// Records the faults of a text, and says on which lines they are.
fn tell_faults(faults: &[toml::de::Error], file: &SourceFile, reading: &mut Reading) -> Vec<usize> {
    let mut broken = Vec::new();
    let other = match file.text().trim_start() {
        _ if faults.is_empty() => None,
        text if text.contains('\0') => Some("no TOML: this is no text"),
        text if text.starts_with(['{', '<']) => {
            Some("no TOML: this is a document of another format")
        }
        _ => None,
    };
    for fault in faults {
        let at = fault.span().unwrap_or_default();
        let line = file.line(at.start);
        // Where the parser starts anew it often stumbles again over the same line.
        if !broken.contains(&line) {
            broken.push(line);
            let message = match other {
                Some(other) => other.to_owned(),
                None => format!("no TOML: {}", fault.message().replace('\n', ", ")),
            };
            if broken.len() <= if other.is_some() { 1 } else { FAULTS } {
                reading.error(PolicyErrorKind::Syntax, at, message, "here", None);
            }
        }
    }
    if other.is_none() && broken.len() > FAULTS {
        let at = faults.last().and_then(toml::de::Error::span).unwrap_or_default();
        let message = format!("no TOML: {} more lines", broken.len() - FAULTS);
        reading.error(PolicyErrorKind::Syntax, at, message, "up to here", None);
    }
    broken
}

/// Adds what a piece behind the first one says; false where it may say something else as part of the text.
fn add(
    piece: Piece<'_>,
    first: &Tree<'_>,
    layer: &mut Layer,
    number: usize,
    reading: &mut Reading,
) -> bool {
    let (tree, faults) = match plain(piece.text) {
        Some(tree) => (tree, Vec::new()),
        None => Tree::parse(piece.text),
    };
    let is_sure = faults.is_empty() && pieces::only_adds(&tree, first);
    if is_sure {
        reading.base = piece.start;
        layer.add(&mut Table::root(&tree), number, reading);
    }
    is_sure
}

/// Adds elements to those that are there; to none without moving them, since they may be many.
fn append<T>(all: &mut Vec<T>, more: Vec<T>) {
    if all.is_empty() {
        *all = more;
    } else {
        all.extend(more);
    }
}

/// Whether an error is one beside faults of the TOML on these lines: what the parser made up for a
/// broken value is no second mistake, and a key that seems to be missing may stand in what it passed
/// over.
fn is_sure(error: &PolicyError, file: &SourceFile, broken: &[usize]) -> bool {
    let absence =
        [PolicyErrorKind::MissingKey, PolicyErrorKind::Action, PolicyErrorKind::NeverMatches];
    let beside = error.at.is_none_or(|at| !broken.contains(&file.line(at.range().start)));
    error.kind == PolicyErrorKind::Syntax || beside && !absence.contains(&error.kind)
}

/// An override acts on all hosts of its rule: it is refused where its own file is for some of them only.
fn check_overrides<'a>(
    rules: impl Iterator<Item = &'a Rule>,
    files: &[(usize, PolicyFile)],
    reach: &dyn Fn(usize) -> Reach,
    errors: &mut Vec<PolicyError>,
) {
    for rule in rules {
        let inherited = reach(rule.layer);
        let shared = inherited.is_everywhere() || inherited.ways().len() > 1;
        for change in rule.overrides.iter().filter(|_| shared) {
            let file = files.iter().find(|(_, file)| file.source == change.at.source);
            let Some(own) = file.map(|(number, _)| reach(*number)) else { continue };
            if own.is_everywhere() || own.ways().is_empty() {
                continue;
            }
            errors.push(PolicyError {
                kind: PolicyErrorKind::BadValue,
                at: Some(change.at),
                message: format!(
                    "the override of `{}` would act on hosts that its file is not for",
                    rule.id
                ),
                label: "the rule is inherited for other hosts too".to_owned(),
                help: Some(
                    "check the files in runs of their own, or override in a file for all hosts"
                        .to_owned(),
                ),
                related: vec![(rule.at, "the rule".to_owned())],
            });
        }
    }
}

fn check_ids(ids: &[(String, Span)], errors: &mut Vec<PolicyError>) {
    let mut seen: HashMap<&str, Span> = HashMap::with_capacity(ids.len());
    for (id, at) in ids {
        match seen.entry(id) {
            Entry::Vacant(place) => drop(place.insert(*at)),
            Entry::Occupied(first) => errors.push(PolicyError {
                kind: PolicyErrorKind::DuplicateId,
                at: Some(*at),
                message: format!("two rules have the id `{id}`"),
                label: "the second one".to_owned(),
                help: Some("give each rule an id of its own".to_owned()),
                related: vec![(*first.get(), "the first one".to_owned())],
            }),
        }
    }
}

/// Warns of a rule whose `match` and action are written as those of an earlier one.
fn check_repeats(rules: &[Rule], sources: &SourceMap, errors: &mut Vec<PolicyError>) {
    let mut seen: HashMap<(&str, &str), &Rule> = HashMap::with_capacity(rules.len());
    for rule in rules {
        let key = (rule.match_at.map_or("", |at| sources.slice(at)), sources.slice(rule.action_at));
        let first = match seen.entry(key) {
            Entry::Vacant(place) => {
                place.insert(rule);
                continue;
            }
            Entry::Occupied(first) => *first.get(),
        };
        if first.id != rule.id && first.is_for_all() {
            errors.push(PolicyError {
                kind: PolicyErrorKind::Repeated,
                at: Some(rule.at),
                message: format!("the rule `{}` asks what `{}` asks", rule.id, first.id),
                label: "adds nothing".to_owned(),
                help: Some("remove one of the two".to_owned()),
                related: vec![(first.at, "asks the same".to_owned())],
            });
        }
    }
}

/// Warns of a rule that speaks of listeners on outside addresses and so leaves out those on a wildcard, which
/// are reached at the same addresses. Not where another rule names the wildcard or holds every listener to
/// narrower addresses, nor where a listener that no rule lists is a violation.
fn check_wildcards(policy: &Policy, errors: &mut Vec<PolicyError>) {
    let missed = policy.rules.iter().filter_map(|rule| {
        let required = match &rule.action {
            Action::Require(required) => Some(required),
            Action::Forbid | Action::Expect { max: Some(0), .. } => None,
            Action::Expect { .. } | Action::Allow => return None,
        };
        let at = rule.matches.misses_wildcard();
        Some((rule, at.or_else(|| required.and_then(Condition::lets_wildcard_pass))?))
    });
    let mut missed = missed.peekable();
    if missed.peek().is_none() || policy.unlisted.is_some() {
        return;
    }
    let narrows = |rule: &Rule| match &rule.action {
        Action::Require(required) => {
            let asks = required.asks(&["bind"]) && !required.names_wildcard();
            asks && required.lets_wildcard_pass().is_none()
        }
        Action::Forbid => true,
        Action::Expect { .. } | Action::Allow => false,
    };
    let is_caught = policy
        .rules
        .iter()
        .any(|rule| rule.matches.names_wildcard() || rule.matches.is_of_many() && narrows(rule));
    if is_caught {
        return;
    }
    errors.extend(missed.map(|(rule, at)| PolicyError {
        kind: PolicyErrorKind::WildcardMissed,
        at: Some(at),
        message: format!("`{}` says nothing of a listener on every address", rule.id),
        label: "a listener on 0.0.0.0 or :: is reached there, and is not of these".to_owned(),
        help: Some(
            "put `wildcard` into the list of `bind`; or say where listeners may be: `require = { bind = \
             \"loopback\" }`"
                .to_owned(),
        ),
        related: Vec::new(),
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes of a text, in every detail, read rule by rule and whole; the first is `None` where it is
    /// doubtful.
    fn both(text: &str) -> (Option<String>, String) {
        let files = [Arc::new(SourceFile::new("policies/p.toml", text))];
        let by_rule = Loader::load(&files, &Packs, true);
        let by_rule = (!by_rule.is_doubtful).then(|| format!("{:?}", by_rule.finish()));
        (by_rule, format!("{:?}", Loader::load(&files, &Packs, false).finish()))
    }

    /// Policies of the project, with faults and without, and some in other ways of writing.
    fn policies() -> Vec<String> {
        let mut texts: Vec<String> = packs::PACKS.iter().map(|pack| pack.text.to_owned()).collect();
        for folder in ["examples", "tests/fixtures/policies/bad", "benches", "tests/reports"] {
            let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
            let mut paths: Vec<_> =
                std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
            paths.sort();
            paths.retain(|path| path.extension().is_some_and(|ending| ending == "toml"));
            #[expect(clippy::disallowed_methods, reason = "fixtures")]
            texts.extend(paths.iter().map(|path| std::fs::read_to_string(path).unwrap()));
        }
        texts.extend(
            [
                "[policy]\nextends = \"builtin:baseline\"\n[[rule]]\nid = \"a\"\nforbid = true\n\
                 [[override]]\nrule = \"baseline/telnet\"\nseverity = \"note\"\nreason = \"r\"\n\
                 [[rule]]\nid = \"b\"\nforbid = true\n[rule.match]\nport = 1\n[[rule.match.any]]\nuid = 0\n",
                "version = 1\r\n[sets.ports]\r\nweb = [80, 443]\r\n[[rule]]\r\nid = 'a'\r\n\
                 match.port = '@web'\r\nrequire.bind = [\r\n  'loopback', # here\r\n]\r\n[[rule]]\r\n\
                 id = 'b'\r\nhelp = '''\r\n[[rule]]\r\n'''\r\nforbid = true\r\n",
                "rule = []\n[[waiver]]\nrule = \"*\"\nmatch = { port = 1 }\nreason = \"r\"\nowner = \"o\"\n\
                 expires = 2030-01-01\n[[rule]]\nid = \"\u{e9}\"\nsummary = \"\u{e9}\"\nforbid = true\n\
                 [[rule]]\nid = \"b\"\nsummary = \"\u{1f600}\"\nexpect = { min = 1,\n max = 2 }\n\
                 [[rule]]\nid = \"b\"\nallow = true\n[sets]\nports.x = [1]\n",
            ]
            .map(str::to_owned),
        );
        texts
    }

    /// Lines that change what stands before or behind them.
    const LINES: [&str; 24] = [
        "[[rule]]",
        "[[rule]]",
        "[[rule]] # again",
        " [[rule]]",
        "[[ rule ]]",
        "[[rule]",
        "[rule]",
        "[rule.match]",
        "[[rule.match.any]]",
        "[[override]]",
        "[[waiver]]",
        "[waiver.match]",
        "[policy]",
        "[sets.ports]",
        "[sets]",
        "help = \"\"\"",
        "\"\"\"",
        "'''",
        "tags = [",
        "]",
        "match = {",
        "}",
        "id = \"again\"",
        "waiver = []",
    ];

    /// A number below `end`, and another one each time.
    fn next(state: &mut u64, end: usize) -> usize {
        *state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(*state >> 33).unwrap() % end.max(1)
    }

    /// The text with one to three lines changed: left out, doubled, moved, put in, cut, or with a character
    /// more or less.
    fn changed(text: &str, state: &mut u64) -> String {
        let mut lines: Vec<String> = text.split_inclusive('\n').map(str::to_owned).collect();
        for _ in 0..=next(state, 3) {
            let at = next(state, lines.len());
            let Some(line) = lines.get(at).cloned() else { break };
            match next(state, 9) {
                0 => drop(lines.remove(at)),
                1 => lines.insert(at, line),
                2 => {
                    let other = next(state, lines.len());
                    lines.swap(at, other);
                }
                3 | 4 => lines.insert(at, format!("{}\n", LINES[next(state, LINES.len())])),
                5 => lines[at] = LINES[next(state, LINES.len())].to_owned(),
                6 => lines[at] = line.chars().take(next(state, line.len())).collect(),
                7 => {
                    let quote = ["\"", "'", "[", "]", "{", "=", "#", "\\", "\r", "\n", "\0"];
                    let (place, _) =
                        line.char_indices().nth(next(state, line.len())).unwrap_or((0, ' '));
                    lines[at].insert_str(place, quote[next(state, quote.len())]);
                }
                _ => lines[at] = line.replacen(['"', ']', '}', '\n'], "", 1),
            }
        }
        lines.concat()
    }

    #[test]
    fn rule_by_rule_a_policy_is_what_it_is_whole() {
        let (mut state, mut sure, mut all) = (1, 0, 0);
        for text in policies() {
            // Long policies take long, and differ in more of the same.
            let rounds = 6_000 / (text.len() + 400);
            for round in 0..=rounds {
                let text = if round == 0 { text.clone() } else { changed(&text, &mut state) };
                let (by_rule, whole) = both(&text);
                all += 1;
                let Some(by_rule) = by_rule else { continue };
                sure += 1;
                assert!(by_rule == whole, "{text}\n--- by rule\n{by_rule}\n--- whole\n{whole}");
            }
        }
        assert!(sure * 3 > all, "only {sure} of {all} texts could be read rule by rule");
        assert!(sure < all);
    }

    /// A library whose one file can be read once.
    struct Once(RefCell<Option<String>>);

    impl Library for Once {
        fn file(&self, name: &str, _: &SourceFile) -> FileOfLibrary {
            let text = self.0.borrow_mut().take().ok_or("it is gone")?;
            Ok((name.to_owned(), Arc::new(SourceFile::new(name, text))))
        }
    }

    #[test]
    fn a_doubtful_file_of_several_is_read_whole_and_asked_for_once() {
        let own = "[policy]\nextends = \"base.toml\"\n[[rule]]\nid = \"b\"\nforbid = true\n";
        let base = "[[rule]]\nid = \"a\"\nmatch = { port = \"@web\" }\nforbid = true\n";
        let sets = "[sets.ports]\nweb = 80\n";
        for (own, base) in [
            (format!("{own}{sets}"), format!("{sets}{base}")),
            (own.to_owned(), format!("{base}{sets}")),
            (own.to_owned(), format!("{sets}{base}")),
        ] {
            let library = Once(RefCell::new(Some(base)));
            let loaded = load_with(vec![Arc::new(SourceFile::new("p.toml", own))], &library);
            assert_eq!(loaded.errors, []);
            let rules = loaded.policy.unwrap().rules;
            let ids: Vec<&str> = rules.iter().map(|rule| rule.id.as_str()).collect();
            assert_eq!(ids, ["base/a", "b"]);
        }
    }

    #[test]
    fn what_the_cutter_cannot_know_is_doubtful() {
        let rule = "[[rule]]\nid = \"a\"\nforbid = true\n";
        for (text, is_doubtful) in [
            (format!("{rule}{rule}"), false),
            (format!("[policy]\nname = \"n\"\n{rule}[[waiver]]\n{rule}[[waiver]]\n"), false),
            (format!("{rule}[rule.match]\nport = 1\n{rule}"), false),
            (format!("[policy]\ndescription = '''\n{rule}'''\n{rule}"), true),
            (format!("{rule}tags = [\n{rule}]\n"), true),
            (format!("rule = []\n{rule}"), true),
            (format!("waiver = []\n{rule}[[waiver]]\n"), true),
            (format!("{rule}[waiver]\n{rule}[waiver]\n"), true),
            (format!("{rule}[[waiver]]\n{rule}[waiver.match]\nport = 1\n"), true),
            (format!("{rule}[policy]\nname = \"n\"\n"), true),
            (format!("{rule}[sets.ports]\nx = 1\n"), true),
            (format!("{rule}x = \n"), true),
        ] {
            assert_eq!(both(&text).0.is_none(), is_doubtful, "{text}");
        }
    }
}
