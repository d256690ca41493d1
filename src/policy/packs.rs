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
