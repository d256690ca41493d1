//! Policies that are built in.

/// One built-in policy.
#[derive(Debug, Clone, Copy)]
pub struct Pack {
    /// Its name behind `builtin:`.
    pub name: &'static str,
    /// What it is for, in a line.
    pub about: &'static str,
    /// Its text.
    pub text: &'static str,
}

/// All packs; the first one is used when no policy is named.
pub static PACKS: &[Pack] = &[Pack {
    name: "baseline",
    about: "services that should not be reachable from elsewhere on any host",
    text: include_str!("../../policies/baseline.toml"),
}];

/// The pack of this name.
#[must_use]
pub fn pack(name: &str) -> Option<&'static Pack> {
    PACKS.iter().find(|pack| pack.name == name)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::PACKS;
    use crate::policy::{Action, load};
    use crate::source::SourceFile;

    #[test]
    fn every_pack_loads_without_an_error_or_a_warning() {
        for pack in PACKS {
            let loaded = load(vec![Arc::new(SourceFile::new(pack.name, pack.text))]);
            assert_eq!(loaded.errors, [], "{}", pack.name);
            let policy = loaded.policy.expect("no error, so a policy");
            assert_eq!(policy.name, pack.name);
        }
    }

    #[test]
    fn every_rule_of_a_pack_says_what_why_and_how() {
        for pack in PACKS {
            let loaded = load(vec![Arc::new(SourceFile::new(pack.name, pack.text))]);
            for rule in loaded.policy.expect("loads").rules {
                let id = &rule.id;
                assert!(!rule.summary.is_empty(), "{id}: summary");
                assert!(rule.because.is_some(), "{id}: because");
                assert!(rule.help.is_some(), "{id}: help");
                assert!(!rule.tags.is_empty(), "{id}: tags");
                assert!(
                    rule.controls.iter().all(|control| control.contains(':')),
                    "{id}: controls"
                );
                assert!(
                    !rule.transports.is_empty(),
                    "{id}: a rule without a transport needs UDP evidence"
                );
                assert!(rule.matches.ports().is_some(), "{id}: port");
                assert!(matches!(rule.action, Action::Require(_) | Action::Forbid), "{id}: action");
            }
        }
    }
}
