//! Exposure policy auditor: which sockets may listen where, checked against evidence.
//!
//! Data flows one way: bytes, capture reader, [`snapshot`], [`audit`] by a compiled [`policy`],
//! findings, [`report`], exit code. Only [`cli`] touches files, environment, clock or terminal, and
//! [`live`] reads the host;
//! everything else is a pure function of its arguments. `ARCHITECTURE.md` draws the map.
//!
//! The Rust API serves the binary, the tests and the fuzz targets and is not a stable interface;
//! the command line, the policy language, diagnostic codes, exit codes and JSON are.

pub mod address;
pub mod audit;
pub mod bundle;
pub mod capture;
pub mod cli;
pub mod controls;
pub mod draft;
pub mod evidence;
pub mod explain;
pub mod frameworks;
pub mod inventory;
pub mod listing;
pub mod live;
pub mod merge;
pub mod policy;
pub mod report;
pub mod safe;
pub mod schema;
pub mod services;
pub mod snapshot;
pub mod source;
pub mod style;
pub mod suite;
pub mod truth;
