//! Names of violations that stay from run to run.

use super::{Seen, Violation};
use crate::snapshot::{Snapshot, Socket};
use crate::source::sha256_hex;

/// How many hex digits a fingerprint has: 128 bits.
const DIGITS: usize = 32;

/// Gives each violation its fingerprint: SHA-256 over host, rule, transport, namespace and endpoint,
/// cut to 128 bits. No process, line or order enters, so it survives restarts and reordering. The
/// second of two violations with the same endpoint (SO_REUSEPORT) has its number in it too.
pub(super) fn number(violations: &mut [Violation], rule: &str, snapshot: &Snapshot) {
    let mut seen = Seen::new();
    let host = snapshot.host.name.as_deref().unwrap_or_default();
    for violation in violations {
        let socket = violation.socket.and_then(|index| snapshot.sockets().get(index));
        let endpoint = socket.map(|socket| endpoint(snapshot, socket)).unwrap_or_default();
        let count = seen.entry(endpoint.clone()).or_insert(0);
        let number = *count;
        *count += 1;
        let text = format!("1\0{host}\0{rule}\0{endpoint}\0{number}");
        violation.fingerprint =
            sha256_hex(text.as_bytes()).get(..DIGITS).unwrap_or_default().to_owned();
    }
}

/// What a listener is, from run to run.
pub(super) fn endpoint(snapshot: &Snapshot, socket: &Socket) -> String {
    let netns = snapshot.details(socket).netns.map_or("", |netns| snapshot.text(netns));
    format!("{}\0{netns}\0{}", socket.transport.name(), snapshot.endpoint(socket))
}
