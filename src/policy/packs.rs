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
    /// The text of its tests.
    pub tests: &'static str,
}

/// A pack with its text and its tests, which stand in `policies/`.
macro_rules! pack {
    ($name:literal, $about:literal) => {
        Pack {
            name: $name,
            about: $about,
            text: include_str!(concat!("../../policies/", $name, ".toml")),
            tests: include_str!(concat!("../../policies/", $name, ".test.toml")),
        }
    };
}

/// All packs; the first one is used when no policy is named.
pub static PACKS: &[Pack] = &[
    pack!("baseline", "services that should not be reachable from elsewhere on any host"),
    pack!("workstation", "a desktop or laptop: what its programs offer is for its own user"),
    pack!("database-host", "a host that serves a database to an inner network"),
    pack!("web-host", "a host that serves web pages, with application servers behind"),
    pack!("mail-local", "a host whose mail transfer agent serves this host alone"),
    pack!("docker-host", "a host that runs containers with Docker"),
    pack!("kubernetes-node", "a node of a Kubernetes cluster, control plane or worker"),
    pack!("cis-linux", "server services that the CIS Benchmarks for Debian and RHEL ask to be off"),
    pack!("pci-dss", "what listeners show of PCI DSS 4.0.1, requirements 1 and 2"),
    pack!("nist-800-53", "what listeners show of NIST SP 800-53, revision 5"),
    pack!("stig", "what listeners show of STIGs for RHEL, Ubuntu and Kubernetes"),
    pack!("nerc-cip-007", "logical ports of a cyber asset by NERC CIP-007-6, R1.1"),
];

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
                assert!(
                    rule.controls.iter().all(|control| control.contains(':')),
                    "{id}: controls"
                );
                assert!(!rule.controls.is_empty() || !rule.tags.is_empty(), "{id}: tags");
                if matches!(rule.action, Action::Allow) {
                    continue;
                }
                assert!(rule.help.is_some(), "{id}: help");
                assert!(
                    !rule.transports.is_empty(),
                    "{id}: a rule without a transport needs UDP evidence"
                );
                let by_owner = pack.name == "docker-host" && id == "docker-published";
                assert!(rule.matches.ports().is_some() || by_owner, "{id}: port");
            }
        }
    }

    /// Packs are used together: `-p builtin:web-host -p builtin:pci-dss`.
    #[test]
    fn no_two_packs_have_a_rule_of_one_id() {
        let mut ids: Vec<String> = Vec::new();
        for pack in PACKS {
            let loaded = load(vec![Arc::new(SourceFile::new(pack.name, pack.text))]);
            let rules = loaded.policy.expect("loads").rules;
            ids.extend(
                rules.into_iter().filter(|rule| rule.id == rule.local_id).map(|rule| rule.id),
            );
        }
        let count = ids.len();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), count);
    }
}
