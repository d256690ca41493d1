//! The socket tables of the Linux kernel below `/proc/net`: `tcp`, `tcp6`, `udp`, `udp6`, `udplite`,
//! `udplite6`, `raw`, `raw6`, `icmp`, `icmp6` and `sctp/eps`; one file or several behind each other.
//!
//! ```text
//!   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
//!    0: 0100007F:1538 00000000:0000 0A 00000000:00000000 00:00000000 00000000   999        0 5022173 1 ...
//! ```
//!
//! The name of the file is the transport. It stands in marks (`==> /proc/net/tcp <==`, `::: udp6 :::`,
//! `/proc/net/tcp:` before each line), in the command, or in the name of the capture; else the state tells
//! TCP, and other transports are inferred. Addresses are 32-bit words in the byte order of the host, which
//! the rows together tell. Users and inodes are shown; processes, devices and `IPV6_V6ONLY` are not.
//! Source: proc_pid_net(5); Linux `net/ipv4/tcp_ipv4.c`, `udp.c`, `raw.c`, `ping.c`, `net/ipv6/*.c`,
//! `net/sctp/proc.c`.

mod file;
mod order;
mod reader;
mod row;
#[cfg(test)]
mod tests;

use self::file::File;
use super::command::Invocation;
use super::{CaptureFormat, Transcript};
use crate::truth::Missing;

/// The reader of the tables below `/proc/net`.
#[derive(Debug)]
pub struct ProcNet;

impl CaptureFormat for ProcNet {
    fn name(&self) -> &'static str {
        "proc-net"
    }

    fn about(&self) -> &'static str {
        "files of /proc/net: tcp, tcp6, udp, udp6, raw, ..."
    }

    fn header(&self, line: &str) -> Option<&'static str> {
        let (_, line) = file::prefix(line);
        match row::header(line)? {
            row::Header::Inet { .. } => {
                Some("`sl local_address` is the header of a table in /proc/net")
            }
            row::Header::Sctp => Some("`ENDPT SOCK` is the header of /proc/net/sctp/eps"),
            row::Header::Other => None,
        }
    }

    fn row(&self, line: &str) -> Option<&'static str> {
        let (_, line) = file::prefix(line);
        row::parse(line).map(|_| "a number and two endpoints in hexadecimal: a row of /proc/net")
    }

    fn claims(&self, call: &Invocation) -> bool {
        const READERS: &[&str] = &[
            "cat", "tail", "head", "grep", "egrep", "fgrep", "more", "less", "awk", "sed", "column",
        ];
        READERS.contains(&call.program.as_str()) && !files_of(call).is_empty()
    }

    fn echoes(&self, call: &Invocation) -> bool {
        call.args.iter().all(|arg| arg.starts_with(['-', '+', '/']) || arg.len() < 4)
    }

    fn cure(&self, missing: Missing) -> Option<&'static str> {
        #[expect(clippy::wildcard_enum_match_arm, reason = "the common cure fits")]
        match missing {
            Missing::TransportNotShown | Missing::TransportInferred => Some(
                "add the tables that are not there, with their names: \
                 `tail -n +1 /proc/net/{tcp,udp,raw,udplite}{,6}`, or capture with `ss -lntup`",
            ),
            Missing::FamilyNotShown => Some(
                "add the table of the other family: `tail -n +1 /proc/net/{tcp,udp}{,6}`; one that is \
                 not there at all is off in the kernel, which only the host can tell",
            ),
            Missing::HeaderNotShown | Missing::Filtered => {
                Some("capture whole files: `tail -n +1 /proc/net/{tcp,udp}{,6}`")
            }
            Missing::NotProven => Some(
                "keep the prompt line with the command, or name it: \
                 `--command 'tail -n +1 /proc/net/{tcp,udp}{,6}'`",
            ),
            Missing::AddressNotShown => Some(
                "the byte order of the host is not told: capture with a row that tells, such as one of \
                 127.0.0.1, or with `ss -lntup`",
            ),
            _ => None,
        }
    }

    fn read(&self, transcript: &mut Transcript) {
        reader::read(transcript);
    }
}

/// The files of `/proc/net` that a call names, in order.
fn files_of(call: &Invocation) -> Vec<File> {
    call.args
        .iter()
        .filter(|arg| !arg.starts_with('-'))
        .flat_map(|arg| file::of_argument(arg))
        .collect()
}
