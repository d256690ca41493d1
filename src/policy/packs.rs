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
pub static PACKS: &[Pack] =
    &[pack!("baseline", "services that should not be reachable from elsewhere on any host")];

/// The pack of this name.
#[must_use]
pub fn pack(name: &str) -> Option<&'static Pack> {
    PACKS.iter().find(|pack| pack.name == name)
}
