//! Data flows one way: each module may use only those before it.

use std::path::{Path, PathBuf};

/// Modules with the layer that they are on; a module may use those of lower layers and its own. Two
/// modules of one layer must not use each other.
const LAYERS: &[(&str, usize)] = &[
    ("schema", 0),
    ("source", 0),
    ("safe", 1),
    ("style", 2),
    ("truth", 3),
    ("address", 4),
    ("snapshot", 5),
    ("services", 6),
    ("frameworks", 6),
    ("capture", 7),
    ("policy", 7),
    ("audit", 8),
    ("controls", 9),
    ("evidence", 8),
    ("live", 8),
    ("explain", 9),
    ("listing", 9),
    ("report", 10),
    ("inventory", 10),
    ("draft", 10),
    ("merge", 11),
    ("bundle", 9),
    ("suite", 11),
    ("cli", 12),
];

/// What only `cli` may touch: files, environment, processes, clock, terminal, network. `live` asks the
/// kernel, by `rustix` alone.
const EFFECTS: &[&str] = &[
    "std::fs",
    "std::env",
    "std::process",
    "std::net::Tcp",
    "std::net::Udp",
    "Instant",
    "SystemTime",
    "Timestamp::now",
    "Zoned::now",
    "io::stdin",
    "io::stdout",
    "io::stderr",
    "IsTerminal",
    "tempfile",
    "walkdir",
    "terminal_size",
    "rustix",
];

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Module name and text of every source file; comments, strings of one line and test modules at the
/// end of a file are left out, since tests may reach further.
fn sources() -> Vec<(String, PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    files(&root, &mut found);
    found.sort();
    let mut sources = Vec::new();
    for path in found {
        let inside = path.strip_prefix(&root).unwrap().to_owned();
        let first = inside.components().next().unwrap().as_os_str().to_string_lossy().into_owned();
        let module = first.trim_end_matches(".rs").to_owned();
        let tests = ["tests.rs", "arbitrary.rs", "differential.rs"];
        let tests = tests.iter().any(|name| inside.ends_with(name));
        if matches!(module.as_str(), "lib" | "main") || tests {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
        sources.push((module, inside, lines.collect::<Vec<_>>().join("\n")));
    }
    sources
}

/// The modules named behind each `crate::` of a text, in braces too.
fn used(code: &str) -> Vec<String> {
    let word = |text: &str| {
        text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>()
    };
    let mut modules = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        match rest.strip_prefix('{') {
            None => modules.push(word(rest)),
            Some(list) => {
                // Only the first path segments: what follows `::` or stands in inner braces is deeper.
                let mut depth = 0;
                let mut fresh = true;
                for (index, c) in list.char_indices() {
                    match c {
                        '{' => depth += 1,
                        '}' if depth == 0 => break,
                        '}' => depth -= 1,
                        ',' if depth == 0 => fresh = true,
                        c if fresh && depth == 0 && c.is_alphabetic() => {
                            modules.push(word(&list[index..]));
                            fresh = false;
                        }
                        _ => {}
                    }
                }
            }
        }
    }
    modules
}

fn layer(module: &str) -> Option<usize> {
    LAYERS.iter().find(|(name, _)| *name == module).map(|&(_, layer)| layer)
}

#[test]
fn every_module_uses_only_those_before_it() {
    let mut wrong = Vec::new();
    for (module, path, code) in sources() {
        let own = layer(&module).unwrap_or_else(|| panic!("{} has no layer", path.display()));
        for other in used(&code) {
            if other == module || other == "Style" {
                continue;
            }
            match layer(&other) {
                Some(layer) if layer < own => {}
                _ => wrong.push(format!("{} uses crate::{other}", path.display())),
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn only_the_command_line_touches_the_world() {
    let mut wrong = Vec::new();
    for (module, path, code) in sources() {
        if module == "cli" {
            continue;
        }
        for effect in EFFECTS.iter().filter(|effect| module != "live" || **effect != "rustix") {
            for line in code.lines().filter(|line| line.contains(effect)) {
                wrong.push(format!("{}: {}", path.display(), line.trim()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn uses_are_found() {
    assert_eq!(used("use crate::source::Span;"), ["source"]);
    assert_eq!(
        used("use crate::{audit::{a, b}, policy, safe::line};"),
        ["audit", "policy", "safe"]
    );
    assert_eq!(used("let x = crate::safe::line(y); crate::truth::Truth"), ["safe", "truth"]);
}
