//! The tests of the whole: what the program promises, on texts in and texts out.
#![expect(clippy::disallowed_methods, reason = "tests read fixtures and start the program")]
#![expect(clippy::string_slice, reason = "a test that slices wrongly should fail")]

#[cfg(test)]
mod archives;
#[cfg(test)]
mod auditors;
#[cfg(test)]
mod bad_input;
#[cfg(test)]
mod bundle;
#[cfg(test)]
mod conditions;
#[cfg(test)]
mod controls;
#[cfg(test)]
mod documents;
#[cfg(test)]
mod drafts;
#[cfg(test)]
mod evidence;
#[cfg(test)]
mod exit_codes;
#[cfg(test)]
mod fixtures;
#[cfg(test)]
mod fleet;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod inheritance;
#[cfg(test)]
mod layers;
#[cfg(test)]
#[cfg(target_os = "linux")]
mod live;
#[cfg(test)]
mod policy_tests;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod reports;
#[cfg(test)]
mod seeds;
#[cfg(test)]
mod support;
#[cfg(test)]
mod waivers;
#[cfg(test)]
mod wrong_place;
