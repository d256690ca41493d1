//! Values of the policy language that conditions, waivers and rules share.

mod addresses;
mod date;
mod globs;
mod ports;
mod toml;
mod tree;

pub use addresses::AddressSet;
pub use date::Deadline;
pub use globs::{Globs, Name};
pub use ports::PortSet;
pub use toml::{Entry, Reading, Sets, Table, Value};
pub use tree::{Data, Node, Pair, Tree, plain};
