//! `socklint controls`.

use super::args::ControlsArgs;
use super::check;
use super::error::{CliError, CliErrorKind};
use super::output::Screen;
use crate::frameworks;
use crate::policy::{Policy, suggestion};
use crate::report::TABLES;

/// Runs the command and says its exit code, which is that of `check` with the rules of the framework.
pub(super) fn run(args: &ControlsArgs, screen: &Screen) -> u8 {
    let narrow = |policy: &mut Policy| narrow(policy, args.framework.as_deref());
    check::run_with(&args.check, screen, TABLES, &narrow)
}

/// Keeps the rules that name a control of a framework, which is called by its name or by how that
/// begins: `pci-dss` for `pci-dss-4.0.1`.
fn narrow(policy: &mut Policy, framework: Option<&str>) -> Result<(), CliError> {
    let known: Vec<String> = {
        let controls = policy.rules.iter().flat_map(|rule| &rule.controls);
        let names = controls.filter_map(|control| frameworks::split(control));
        let mut names: Vec<String> = names.map(|(name, _)| name.to_owned()).collect();
        names.sort();
        names.dedup();
        names
    };
    let is_meant = |name: &str| framework.is_none_or(|framework| is_called(name, framework));
    if !known.iter().any(|name| is_meant(name)) {
        let policy = &policy.name;
        let (message, help) = match framework {
            Some(framework) if !known.is_empty() => {
                // A misspelt name without its version is far from the whole name.
                let bare = |name: &str| {
                    let bare = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
                    bare.trim_end_matches(['-', 'r']).to_owned()
                };
                let mut names: Vec<String> = known.iter().map(|name| bare(name)).collect();
                names.retain(|name| !known.contains(name));
                names.dedup();
                let known: Vec<&str> = known.iter().chain(&names).map(String::as_str).collect();
                (
                    format!("no rule of the policy `{policy}` names a control of `{framework}`"),
                    suggestion(framework, &known, "what its rules name"),
                )
            }
            _ => (
                format!("no rule of the policy `{policy}` names a control"),
                "rules name controls by `controls = [\"FRAMEWORK:ID\"]`; `--policy builtin:pci-dss` has some"
                    .to_owned(),
            ),
        };
        return Err(CliError::new(CliErrorKind::NoRule, message, help));
    }
    policy.retain_controls(|control| {
        frameworks::split(control).is_some_and(|(name, _)| is_meant(name))
    });
    Ok(())
}

/// Whether `name` is `called`, or begins so and goes on with a version: `nist-800-53r5`.
fn is_called(name: &str, called: &str) -> bool {
    match name.strip_prefix(called.trim_end_matches('-')) {
        Some("") => true,
        Some(rest) => !called.is_empty() && rest.starts_with(['-', 'r', '.']),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::is_called;

    #[test]
    fn a_framework_is_called_by_its_name_or_without_its_version() {
        for (name, called) in [
            ("pci-dss-4.0.1", "pci-dss-4.0.1"),
            ("pci-dss-4.0.1", "pci-dss"),
            ("nist-800-53r5", "nist-800-53"),
            ("cis-debian-12", "cis"),
            ("stig", "stig"),
        ] {
            assert!(is_called(name, called), "{called}");
        }
        for (name, called) in [("pci-dss-4.0.1", "pci-d"), ("stig", "sti"), ("stig", "")] {
            assert!(!is_called(name, called), "{called}");
        }
    }
}
