//! The examples of `docs/policy`.
