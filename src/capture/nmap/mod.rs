//! Results of nmap: XML (`-oX`), greppable (`-oG`) and what it prints.
//!
//! ```xml
//! <host><status state="up"/><address addr="192.0.2.7" addrtype="ipv4"/><ports>
//! <port protocol="tcp" portid="22"><state state="open" reason="syn-ack"/></port></ports></host>
//! ```
//!
//! A scan shows what answers another machine, at one time and through whatever stands between. It
//! proves presence only: nothing that it does not find is known not to listen.
//! Source: nmap, docs/nmap.dtd; Nmap Network Scanning, chapter 13.

mod text;
mod xml;

use super::{Capture, CaptureFormat, Document};

/// The format `nmap`.
pub struct Nmap;

impl CaptureFormat for Nmap {
    fn name(&self) -> &'static str {
        "nmap"
    }

    fn about(&self) -> &'static str {
        "scans of nmap: XML, greppable, and as printed"
    }

    fn document(&self, document: &Document) -> Option<Vec<Capture>> {
        if document.holds("<nmaprun") {
            return xml::read(document);
        }
        text::read(document)
    }
}
