//! Names of violations that stay from run to run.

use std::collections::HashMap;
use std::fmt::Write as _;

use super::Violation;
use crate::snapshot::{Snapshot, Socket};
use crate::source::sha256_head;

/// How many bytes of the hash a fingerprint shows: 128 bits, as 32 hex digits.
const BYTES: usize = 16;

/// Gives each violation its fingerprint: SHA-256 over host, rule, transport, namespace and endpoint,
/// cut to 128 bits. No process, line or order enters, so it survives restarts and reordering. The
/// second of two violations with the same endpoint (SO_REUSEPORT) has its number in it too.
pub(super) fn number(violations: &mut [Violation], rule: &str, snapshot: &Snapshot) {
    if violations.is_empty() {
        return;
    }
    let mut seen: HashMap<String, u32> = HashMap::new();
    let is_alone = violations.len() == 1;
    let host = snapshot.host.name.as_deref().unwrap_or_default();
    // A host may have as many violations as listeners: all are written into one text.
    let mut text = format!("1\0{host}\0{rule}\0");
    let start = text.len();
    for violation in violations {
        text.truncate(start);
        if let Some(socket) = violation.socket.and_then(|index| snapshot.sockets().get(index)) {
            push_endpoint(&mut text, snapshot, socket);
        }
        let mut number = 0;
        if !is_alone {
            let endpoint = text.get(start..).unwrap_or_default();
            match seen.get_mut(endpoint) {
                Some(count) => {
                    number = *count;
                    *count += 1;
                }
                None => drop(seen.insert(endpoint.to_owned(), 1)),
            }
        }
        // Writing to a String cannot fail.
        let _ = write!(text, "\0{number}");
        violation.fingerprint = sha256_head(text.as_bytes(), BYTES);
    }
}

/// What a listener is, from run to run.
pub(super) fn endpoint(snapshot: &Snapshot, socket: &Socket) -> String {
    let mut text = String::new();
    push_endpoint(&mut text, snapshot, socket);
    text
}

fn push_endpoint(text: &mut String, snapshot: &Snapshot, socket: &Socket) {
    text.push_str(socket.transport.name());
    text.push('\0');
    if let Some(netns) = snapshot.details(socket).netns {
        text.push_str(snapshot.text(netns));
    }
    text.push('\0');
    snapshot.push_endpoint(socket, text);
}
