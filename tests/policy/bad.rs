//! `tests/fixtures/policies/bad`: each file has one kind of mistake, marked by the code at the end of
//! its line; its first line says whether the schema can see it.

use std::sync::Arc;

use socklint::policy::{PolicyErrorKind, load};
use socklint::source::SourceFile;

use crate::{files, json_of, schema, text_of};

/// `line code` of every mark, in order.
fn marks(text: &str) -> Vec<String> {
    let mut marks = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let codes = line.match_indices("# socklint::").map(|(at, _)| &line[at + 2..]);
        marks.extend(codes.map(|code| {
            let code = code.split_whitespace().next().unwrap_or_default();
            format!("{} {code}", number + 1)
        }));
    }
    marks
}

#[test]
fn the_loader_finds_every_mistake_at_its_line() {
    let fixtures = files("tests/fixtures/policies/bad", ".toml");
    assert!(fixtures.len() >= 30, "{}", fixtures.len());
    let mut codes = Vec::new();
    let mut wrong = Vec::new();
    for path in fixtures {
        let text = text_of(&path);
        let loaded = load(vec![Arc::new(SourceFile::new("policy.toml", text.as_str()))]);
        let errors = loaded.errors.iter().filter(|error| !error.kind.is_warning());
        let found: Vec<String> = errors
            .map(|error| {
                let place = error.at.and_then(|at| loaded.sources.place(at));
                let line = place.map_or(0, |(_, place)| place.line);
                codes.push(error.kind);
                assert!(!error.message.is_empty() && !error.message.contains('\n'), "{error:?}");
                format!("{line} {}", error.kind.code())
            })
            .collect();
        if found != marks(&text) || loaded.policy.is_some() {
            wrong.push(format!("{}: {found:#?} {:#?}", path.display(), marks(&text)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    for kind in PolicyErrorKind::ALL.into_iter().filter(|kind| !kind.is_warning()) {
        assert!(codes.contains(&kind), "no fixture for {}", kind.code());
    }
}

#[test]
fn the_schema_rejects_what_it_can_see() {
    let schema = schema::validator(socklint::schema::POLICY);
    let mut rejected = 0;
    for path in files("tests/fixtures/policies/bad", ".toml") {
        let text = text_of(&path);
        let first = text.lines().next().unwrap_or_default();
        match json_of(&text) {
            None => assert_eq!(first, "# No TOML.", "{}", path.display()),
            Some(value) => {
                let expected = first.starts_with("# The schema accepts: ");
                assert!(
                    expected || first == "# The schema rejects.",
                    "{}: {first}",
                    path.display()
                );
                assert_eq!(schema.is_valid(&value), expected, "{}", path.display());
                rejected += usize::from(!expected);
            }
        }
    }
    assert!(rejected >= 30, "{rejected}");
}
