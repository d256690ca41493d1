use proptest::prelude::*;

use super::*;
use crate::capture::IssueKind;
use crate::capture::testing::{
    capture, captured_from, captures, check_places, coverage, issues, sockets, why,
};

/// FreeBSD 14: `sockstat -46l`.
const TABLE: &str = "\
USER     COMMAND    PID   FD  PROTO  LOCAL ADDRESS         FOREIGN ADDRESS
www      nginx       1052 6   tcp4   *:80                  *:*
root     nginx       1051 6   tcp4   *:80                  *:*
root     sshd         913 4   tcp6   *:22                  *:*
root     sshd         913 5   tcp4   *:22                  *:*
git      gitea: web  1200 9   tcp46  *:3000                *:*
postgres postgres     990 8   tcp4   127.0.0.1:5432        *:*
ntpd     ntpd         871 24  udp6   fe80::1%lo0:123       *:*
root     syslogd      642 7   udp4   *:514                 *:*
root     dhclient     500 5   udp4   *:*                   *:*
?        ?          ?     ?   tcp4   *:2049                *:*
";

#[test]
fn freebsd() {
    let read = capture(TABLE);
    assert_eq!(
        sockets(&read),
        [
            "tcp 0.0.0.0:80 nginx/1052@www",
            "tcp 0.0.0.0:80 nginx/1051@root",
            "tcp [::]:22 v6only sshd/913@root",
            "tcp 0.0.0.0:22 sshd/913@root",
            "tcp *:3000 dual gitea: web~/1200@git",
            "tcp 127.0.0.1:5432 postgres/990@postgres",
            "udp [fe80::1]%lo0:123 ntpd/871@ntpd",
            "udp 0.0.0.0:514 syslogd/642@root",
            "tcp 0.0.0.0:2049",
        ]
    );
    assert_eq!(issues(&read), []);
    assert_eq!(coverage(&read), "tcp4p6p udp4p6p");
    // One socket of two processes, or two: not told.
    let again: Vec<bool> = read.snapshot.sockets().iter().map(|socket| socket.again).collect();
    assert_eq!(again.iter().position(|again| *again), Some(1));
    assert_eq!(again.iter().filter(|again| **again).count(), 1);
    let missing = read.snapshot.sockets().iter().map(|socket| socket.owners_missing);
    let others = Some(Missing::OthersNotShown);
    assert_eq!(missing.take(3).collect::<Vec<_>>(), [others, others, None]);
    let kernel = read.snapshot.sockets().last().unwrap();
    assert_eq!(kernel.owners_missing, Some(Missing::OwnerHidden));
    check_places(&read);
}

#[test]
fn commands() {
    let with = |command| coverage(&captures(TABLE, Some(command)).remove(0));
    assert_eq!(with("sudo sockstat -46l"), "tcp4P6P udp4P6P");
    assert_eq!(with("sockstat -46l"), "tcp4p6p udp4p6p", "others may be hidden");
    assert_eq!(with("sudo sockstat -l -P tcp,udp"), "tcp4P6P udp4P6P");
    for command in
        ["sudo sockstat -c", "sudo sockstat -46lL", "sudo sockstat -l -p 80", "sudo sockstat -lj 3"]
    {
        assert_eq!(with(command), "", "{command}");
    }
    assert_eq!(with("sudo sockstat -4l"), "tcp4p6p udp4p6p", "rows of IPv6 are not its");
    let quiet: String = TABLE.lines().skip(1).map(|line| format!("{line}\n")).collect();
    assert_eq!(coverage(&capture(&quiet)), "");
    assert_eq!(why(&capture(&quiet), Transport::Tcp, Family::Ipv4), "header-not-shown");
    assert_eq!(
        coverage(&captures(&quiet, Some("sudo sockstat -46lq")).remove(0)),
        "tcp4P6P udp4P6P"
    );
    let prompt = format!("root@fb:~ # sockstat -46l\n{TABLE}");
    assert_eq!(coverage(&capture(&prompt)), "tcp4P6P udp4P6P");
}

#[test]
fn states_sctp_and_unix_sockets() {
    let text = "\
USER     COMMAND    PID   FD  PROTO  LOCAL ADDRESS         FOREIGN ADDRESS       PATH STATE   CONN STATE
root     sshd         913 4   tcp4   *:22                  *:*                                LISTEN
root     tool         914 4   tcp4   *:1022                *:*                                CLOSED
root     sshd         915 4   tcp4   10.0.0.5:22           10.0.0.9:50111                     ESTABLISHED
root     gw           916 4   sctp4  10.0.0.5:2905                                            LISTEN
                                     10.1.0.5:2905
root     devd         400 5   stream /var/run/devd.pipe
root     dbus         401 5   stream (not connected)
root     dbus         402 5   dgram  -> [642 3]
root     gate         917 3   divert *:8668                *:*
";
    let read = capture(text);
    assert_eq!(
        sockets(&read),
        [
            "tcp 0.0.0.0:22 sshd/913@root",
            "sctp 10.0.0.5:2905 gw/916@root",
            "sctp 10.1.0.5:2905 gw/916@root",
        ]
    );
    assert_eq!(issues(&read), []);
}

#[test]
fn netbsd_joins_address_and_port_by_a_dot() {
    let text = "\
USER     COMMAND    PID   FD PROTO  LOCAL ADDRESS         FOREIGN ADDRESS
root     sshd       245    3 tcp6   *.ssh                 *.*
root     sshd       245    4 tcp    127.0.0.1.22          *.*
root     syslogd    150   12 udp    *.514                 *.*
root     dhcpcd     90     5 2/58   *.*                   *.*
root     dhcpcd     90     7 stream /var/run/dhcpcd.sock  -
";
    let read = capture(text);
    assert_eq!(
        sockets(&read),
        [
            "tcp [::]:22 resolved sshd/245@root",
            "tcp 127.0.0.1:22 sshd/245@root",
            "udp 0.0.0.0:514 syslogd/150@root",
        ]
    );
    assert_eq!(issues(&read), []);
}

/// FreeBSD 15: `sockstat -46`.
const FIFTEEN: &str = "\
USER COMMAND      PID FD PROTO LOCAL ADDRESS         FOREIGN ADDRESS      \u{20}
root sshd         913  4 tcp6  *:22                  *:*                  \u{20}
root sshd         913  5 tcp4  192.168.100.100:12345 *:*                  \u{20}
ntpd ntpd         871 24 udp6  fe80::1%lo0:123       *:*                  \u{20}
ntpd ntpd         871 25 udp6  fe80::5a9c:fcff:fe10: *:*                  \u{20}
ntpd ntpd         871 26 udp6  2001:db8:85a3::8a2e:3 *:*                  \u{20}
ntpd ntpd         871 27 udp6  fe80::5a9c:fcff%vtnet *:*                  \u{20}
java java        1871 28 tcp6  2001:db8:1:2::3:50001 *:*                  \u{20}
root sshd        1914  4 tcp6  2001:db8:85a3:1:2:3:4 2600:1f18:24e6:b900::\u{20}
??   ??            ?? ?? tcp4  *:2049                *:*                  \u{20}
??   ??            ?? ?? tcp4  10.0.0.5:22           10.0.0.9:51515       \u{20}
";

#[test]
fn freebsd_15_cuts_addresses_and_marks_sockets_that_nobody_holds() {
    let read = capture(FIFTEEN);
    assert_eq!(issues(&read), []);
    assert_eq!(
        sockets(&read),
        [
            "tcp [::]:22 v6only sshd/913@root",
            "tcp 192.168.100.100:12345 sshd/913@root",
            "udp [fe80::1]%lo0:123 ntpd/871@ntpd",
            "udp fe80::5a9c:fcff:fe10::? address-cut port-cut ntpd/871@ntpd",
            "udp 2001:db8:85a3::8a2e:3:? address-cut port-cut ntpd/871@ntpd",
            "udp fe80::5a9c:fcff%vtnet:? address-cut port-cut ntpd/871@ntpd",
            "tcp [2001:db8:1:2::3]:50001 java/1871@java",
            "tcp 0.0.0.0:2049",
        ]
    );
    assert_eq!(coverage(&read), "tcp4p6p udp4p6p");
    check_places(&read);
    // A wide table, and one of FreeBSD 14.
    let seen = "udp [2001:db8:85a3::8a2e]:3 ntpd/871@ntpd";
    let wide = FIFTEEN
        .replace("LOCAL ADDRESS         ", "LOCAL ADDRESS               ")
        .replace("fe80::1%lo0:123       ", "fe80::5a9c:fcff:fe10:1:123 ");
    assert!(sockets(&capture(&wide)).contains(&seen.to_owned()));
    let old = FIFTEEN.replace("FD PROTO", "FD  PROTO");
    assert!(sockets(&capture(&old)).contains(&seen.to_owned()));
}

#[test]
fn freebsd_15_prints_all_addresses_of_an_sctp_endpoint_in_one_line() {
    let text = "\
USER COMMAND     PID FD PROTO LOCAL ADDRESS         FOREIGN ADDRESS       PATH STATE CONN STATE
root sshd       1913  4 tcp6  *:22                  *:*                   ??         LISTEN    \u{20}
root sshd       1913  5 tcp4  *:9022                *:*                   ??         CLOSED    \u{20}
root syslogd     913  5 udp4  *:514                 *:*                   ??         ??        \u{20}
root gw          916  4 sctp4 10.0.0.5:2905         ??                    ??         LISTEN    ??   ??          ?? ?? 10.1.0.5:2905         ??                    ??        \u{20}
";
    let read = capture(text);
    assert_eq!(issues(&read), []);
    assert_eq!(
        sockets(&read),
        [
            "tcp [::]:22 v6only sshd/1913@root",
            "udp 0.0.0.0:514 syslogd/913@root",
            "sctp 10.0.0.5:2905 gw/916@root",
            "sctp 10.1.0.5:2905 gw/916@root",
        ]
    );
    assert_eq!(coverage(&read), "tcp4p6p udp4p6p");
}

#[test]
fn old_columns_run_together() {
    let text = "\
USER     COMMAND    PID   FD PROTO  LOCAL ADDRESS         FOREIGN ADDRESS     \u{20}
a-very-long-user spc in nam63210 3 tcp4 *:9000            *:*
a-very-long-user spc in nam63210 4 tcp4 192.0.2.5:9000192.0.2.21:49866
a-very-long-user really-lon62928 3 tcp4 192.0.2.5:8000*:*
storage9   daemonname10941 7 tcp4 6 *:3179                *:*
www      nginx      62982 7  tcp4 6 *:80                  *:*
ntpd     ntpd       871   24 udp6   2001:db8:1:2:3:4:5:6:123*:*
";
    let read = capture(text);
    assert_eq!(issues(&read), []);
    assert_eq!(
        sockets(&read),
        [
            "tcp 0.0.0.0:9000",
            "tcp 192.0.2.5:8000",
            "tcp *:3179 dual",
            "tcp *:80 dual nginx/62982@www",
            "udp [2001:db8:1:2:3:4:5:6]:123 ntpd/871@ntpd",
        ]
    );
    assert_eq!(
        read.snapshot.sockets()[0].owners_missing,
        Some(Missing::OwnerAmbiguous),
        "where the name ends is not told"
    );
}

#[test]
fn a_row_that_can_be_read_in_two_ways_is_not_read() {
    let text = format!("{TABLE}root     1 2 stream x 1 2 udp4 *:9  700 3   tcp4   *:31337  *:*\n");
    let read = capture(&text);
    assert_eq!(issues(&read), [(IssueKind::RowUnread, 12)]);
    assert_eq!(coverage(&read), "");
}

#[test]
fn numbers_for_users_and_a_missing_end() {
    let text = format!("{TABLE}1001     java      4000 80  tcp46  *:8080                *:*\n");
    assert_eq!(sockets(&capture(&text)).last().unwrap(), "tcp *:8080 dual java/4000@1001");
    for cut in [3, 30, 60] {
        let read = capture(text.get(..text.len() - cut).unwrap());
        assert_eq!(coverage(&read), "", "{cut}");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read(text in "(?s)(root |1 2 |tcp4 |udp46 |[0-9a-f:.*? \t\n]|\\PC){0,200}") {
        check_places(&captured_from(&text, "sockstat"));
        check_places(&captured_from(&format!("{TABLE}{text}"), "sockstat"));
        check_places(&captured_from(&format!("{FIFTEEN}{text}"), "sockstat"));
    }
}
