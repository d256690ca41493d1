use proptest::prelude::*;

use super::*;
use crate::capture::IssueKind;
use crate::capture::testing::{
    capture, captured_from, captures, check_places, coverage, issues, sockets, why,
};
use crate::snapshot::Family;

const TABLE: &str = "\
LISTEN                          UNIT                            ACTIVATES
/run/dbus/socket                dbus.socket                     dbus.service
/run/x.socket                   x.socket                        x.service
@ISCSIADM_ABSTRACT_NAMESPACE    iscsid.socket                   iscsid.service
0.0.0.0:69                      tftp.socket                     tftp.service
127.0.0.1:631                   cups.socket                     cups.service
[::]:22                         ssh.socket                      ssh.service
[fe80::1]:5353%eth0             mdns.socket                     mdns.service, mdns@.service
audit 1                         systemd-journald-audit.socket   systemd-journald.service
kobject-uevent 1                systemd-udevd-kernel.socket     systemd-udevd.service
route 1361                      systemd-networkd.socket         -

9 sockets listed.
Pass --all to see loaded but inactive sockets, too.
";

#[test]
fn the_transport_is_not_told() {
    let read = capture(TABLE);
    assert_eq!(
        sockets(&read),
        [
            "tcp 0.0.0.0:69 untold unit=tftp.socket",
            "tcp 127.0.0.1:631 untold unit=cups.socket",
            "tcp [::]:22 untold unit=ssh.socket",
            "tcp [fe80::1]%eth0:5353 untold unit=mdns.socket",
        ]
    );
    assert_eq!(issues(&read), []);
    assert_eq!(coverage(&read), "");
    assert_eq!(why(&read, Transport::Tcp, Family::Ipv4), "partial-tool");
    assert_eq!(read.snapshot.origin.vantage, Vantage::Observed);
    check_places(&read);
}

#[test]
fn show_types_tells_it() {
    let text = "\
LISTEN           TYPE     UNIT                          ACTIVATES
/run/udev/control SequentialPacket systemd-udevd-control.socket systemd-udevd.service
0.0.0.0:69       Datagram tftp.socket                   tftp.service
[::]:22          Stream   ssh.socket                    ssh.service

2 sockets listed.
";
    let read = capture(text);
    assert_eq!(
        sockets(&read),
        ["udp 0.0.0.0:69 inferred unit=tftp.socket", "tcp [::]:22 inferred unit=ssh.socket"]
    );
    assert_eq!(issues(&read), []);
    assert_eq!(read.snapshot.origin.vantage, Vantage::Declared, "perhaps made with --all");
}

#[test]
fn all_lists_sockets_that_are_not_open() {
    let vantage =
        |text: &str, command| captures(text, Some(command)).remove(0).snapshot.origin.vantage;
    let all: String = TABLE.lines().take(11).map(|line| format!("{line}\n")).collect();
    assert_eq!(vantage(&all, "systemctl list-sockets"), Vantage::Observed);
    assert_eq!(vantage(&all, "systemctl list-sockets --all"), Vantage::Declared);
    assert_eq!(vantage(&all, "systemctl -a list-sockets"), Vantage::Declared);
    assert_eq!(capture(&all).snapshot.origin.vantage, Vantage::Declared);
    let typed = format!(
        "root@web1:~# systemctl list-sockets --no-legend\n{}",
        all.split_once('\n').unwrap().1
    );
    let read = capture(&typed);
    assert_eq!(read.snapshot.origin.vantage, Vantage::Observed);
    assert_eq!(sockets(&read).len(), 4);
    assert_eq!(read.snapshot.host.name.as_deref(), Some("web1"));
}

#[test]
fn json() {
    let text = r#"[{"listen":"/run/dbus/socket","unit":"dbus.socket","activates":"dbus.service"},
        {"listen":"[::]:22","type":"Stream","unit":"ssh.socket","activates":["ssh.service"]},
        {"listen":"0.0.0.0:69","unit":"tftp.socket","activates":null}]
"#;
    let read = capture(text);
    assert_eq!(
        sockets(&read),
        ["tcp [::]:22 inferred unit=ssh.socket", "tcp 0.0.0.0:69 untold unit=tftp.socket"]
    );
    assert_eq!(coverage(&read), "");
    assert_eq!(read.snapshot.origin.vantage, Vantage::Declared);
    check_places(&read);
}

#[test]
fn without_header_and_with_strange_lines() {
    let rows: String = TABLE.lines().skip(4).take(4).map(|line| format!("{line}\n")).collect();
    assert_eq!(sockets(&capture(&rows)).len(), 4);
    let text = TABLE.replace(
        "127.0.0.1:631                   cups.socket ",
        "127.0.0.1:631                   cups.sock ",
    );
    assert_eq!(issues(&capture(&text)), [(IssueKind::RowUnread, 6)]);
    let failed = "Failed to list sockets: Connection timed out\n";
    assert_eq!(issues(&capture(failed))[0].0, IssueKind::ToolError);
}

#[test]
fn cut_values_and_units_below_each_other() {
    let text = "\
LISTEN                     UNIT                 ACTIVATES
/run/systemd/journal/dev-\u{2026} systemd-journald-de\u{2026} systemd-journald.s\u{2026}
[::]:22                    sshd-unix-lo\u{2026}        sshd@0-10.0.0.5:22-10\u{2026}
                                                sshd@1-10.0.0.5:22-10.0.0.9:51001.service
[2001:db8:aaaa:bbbb:cccc:\u{2026} web.socket           web.servi\u{2026}
192.168.100.100:1\u{2026}         old.socket           n/a
0.0.0.0:69                 tftp.socket          -

6 sockets listed.
";
    let read = capture(text);
    assert_eq!(issues(&read), []);
    assert_eq!(
        sockets(&read),
        [
            "tcp [::]:22 untold",
            "tcp [2001:db8:aaaa:bbbb:cccc:\u{2026}:? address-cut port-cut untold unit=web.socket",
            "tcp 192.168.100.100:1\u{2026}:? address-cut port-cut untold unit=old.socket",
            "tcp 0.0.0.0:69 untold unit=tftp.socket",
        ]
    );
    check_places(&read);
    // A row of which nothing but the address can be found is not passed over.
    let text = text.replace("old.socket           n/a", "old");
    assert_eq!(issues(&capture(&text)), [(IssueKind::RowUnread, 6)]);
}

proptest! {
    #[test]
    fn any_bytes_are_read(text in "(?s)(LISTEN |x\\.socket |\\[::\\]:22 |Stream |[0-9:.%\\[\\] \t\n]|\\PC){0,200}") {
        check_places(&captured_from(&text, "systemctl"));
        check_places(&captured_from(&format!("{TABLE}{text}"), "systemctl"));
    }
}
