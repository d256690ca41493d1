use proptest::prelude::*;

use super::*;
use crate::capture::testing::{
    capture, captured_from, captures, check_places, coverage, issues, sockets, why,
};
use crate::capture::{IssueKind, Severity};

/// macOS 15: `netstat -an`.
const MACOS: &str = "\
Active Internet connections (including servers)
Proto Recv-Q Send-Q  Local Address          Foreign Address        (state)
tcp4       0      0  192.168.64.7.52814     203.0.113.9.443        ESTABLISHED
tcp46      0      0  *.7000                 *.*                    LISTEN
tcp4       0      0  127.0.0.1.631          *.*                    LISTEN
tcp6       0      0  ::1.631                *.*                    LISTEN
tcp6       0      0  *.22                   *.*                    LISTEN
tcp4       0      0  *.22                   *.*                    LISTEN
udp4       0      0  *.*                    *.*
udp6       0      0  fe80::1%lo0.123        *.*
udp46      0      0  *.5353                 *.*
icm6       0      0  *.*                    *.*
Active Multipath Internet connections
Proto/ID  Flags      Local Address          Foreign Address        (state)
icm6   0      0  unused
Active LOCAL (UNIX) domain sockets
Address          Type   Recv-Q Send-Q            Inode             Conn             Refs          Nextref Addr
 fae51ce6f1a3c2b stream      0      0                0  fae51ce6f1a3f4b                0                0 /var/run/mDNSResponder
Registered kernel control modules
id       flags    pcbcount rcvbuf   sndbuf   name
       1        9        0   131072   131072 com.apple.flow-divert
Active kernel event sockets
Proto Recv-Q Send-Q vendor  class  subcl
kevt       0      0      1      1     11
Active kernel control sockets
Proto Recv-Q Send-Q   unit     id name
kctl       0      0      1      8 com.apple.netsrc
";

#[test]
fn macos_names_families_and_other_sections_are_passed_over() {
    let read = capture(MACOS);
    assert_eq!(
        sockets(&read),
        [
            "tcp *:7000 dual",
            "tcp 127.0.0.1:631",
            "tcp [::1]:631",
            "tcp [::]:22 v6only",
            "tcp 0.0.0.0:22",
            "udp [fe80::1]%lo0:123",
            "udp *:5353 dual",
            "raw [::]:58",
        ]
    );
    assert_eq!(issues(&read), []);
    assert_eq!(coverage(&read), "tcp4p6p udp4p6p");
    assert_eq!(read.snapshot.origin.format, "netstat-bsd");
    check_places(&read);
}

#[test]
fn a_known_command_proves_what_it_selects() {
    let with = |command| captures(MACOS, Some(command)).remove(0);
    assert_eq!(coverage(&with("netstat -an")), "tcp4P6P udp4P6P");
    assert_eq!(coverage(&with("netstat -an | grep LISTEN")), "");
    assert_eq!(coverage(&with("netstat -anf inet")), "tcp4p6p udp4p6p", "IPv6 rows are not its");
    assert_eq!(why(&with("netstat -n"), Transport::Tcp, Family::Ipv4), "listeners-not-shown");
    for command in ["netstat -T99 -ln", "netstat -an -T 1", "netstat -anT 1", "netstat -j web -an"]
    {
        assert_eq!(why(&with(command), Transport::Tcp, Family::Ipv4), "filtered", "{command}");
    }
    let udp: String = MACOS
        .lines()
        .filter(|line| !line.starts_with("tcp"))
        .map(|line| format!("{line}\n"))
        .collect();
    let six: String = udp
        .lines()
        .filter(|line| !line.starts_with("udp4"))
        .map(|line| format!("{line}\n"))
        .collect();
    assert_eq!(why(&capture(&six), Transport::Udp, Family::Ipv4), "family-not-shown");
    assert_eq!(coverage(&captures(&udp, Some("netstat -an -p udp")).remove(0)), "udp4P6P");
    let typed = format!("ada@mini ~ % netstat -anp tcp\n{MACOS}");
    assert_eq!(coverage(&capture(&typed)), "tcp4p6p udp4p6p", "rows of UDP are not its");
}

#[test]
fn without_a_listeners_are_left_out() {
    let text = MACOS.replace(" (including servers)", "");
    let read = capture(&text);
    assert_eq!(coverage(&read), "");
    assert_eq!(why(&read, Transport::Udp, Family::Ipv4), "listeners-not-shown");
    let headed: String = text
        .lines()
        .skip(1)
        .filter(|line| !line.contains("LISTEN"))
        .map(|line| format!("{line}\n"))
        .collect();
    assert_eq!(why(&capture(&headed), Transport::Udp, Family::Ipv4), "listeners-not-shown");
}

#[test]
fn macos_names_one_process_of_a_socket() {
    let old = "\
Active Internet connections (including servers)
Proto Recv-Q Send-Q  Local Address          Foreign Address        (state)     rhiwat  shiwat    pid   epid  state    options
tcp4       0      0  127.0.0.1.8790         *.*                    LISTEN      131072  131072    512      0 00100 00000006
udp4       0      0  *.5353                 *.*                                786896    9216    377      0 00100 00000000
udp4       0      0  *.137                  *.*                                786896    9216      0      0 00100 00000000
";
    let read = capture(old);
    assert_eq!(
        sockets(&read),
        ["tcp 127.0.0.1:8790 /512", "udp 0.0.0.0:5353 /377", "udp 0.0.0.0:137"]
    );
    let new = "\
Active Internet connections (including servers)
Proto Recv-Q Send-Q  Local Address          Foreign Address        (state)          rxbytes      txbytes  rhiwat  shiwat          process:pid    state  options           gencnt    flags   flags1 usecnt rtncnt fltrs
tcp46      0      0  *.3283                 *.*                    LISTEN                 0            0  131072  131072         ARDAgent:1039   00000 00000202 0000000000001319 00000040 00000800      2      0 000000
tcp4       0      0  *.8080                 *.*                    LISTEN                 0            0  131072  131072 Code Helper (Plu:84517  00100 00000106 000000001afbe209 00000001 00000800      1      0 000000
tcp4       0      0  *.9                    *.*                    LISTEN                 0            0  131072  131072  a:1 00000 000000:77     00100 00000106 000000001afbe209 00000001 00000800      1      0 000000
udp46      0      0  *.5353                 *.*                                       2170            0  786896    9216    mDNSResponder:377    00100 00000000 0000000000001f2c 00000000 00000800      1      0 000000
";
    let read = capture(new);
    assert_eq!(
        sockets(&read),
        [
            "tcp *:3283 dual ARDAgent/1039",
            "tcp 0.0.0.0:8080 Code Helper (Plu~/84517",
            "tcp 0.0.0.0:9 a:1 00000 000000~/77",
            "udp *:5353 dual mDNSResponder/377",
        ]
    );
    assert_eq!(issues(&read), []);
    check_places(&read);
}

#[test]
fn addresses_and_ports_that_fill_their_columns_may_be_cut() {
    let text = "\
Active Internet connections (including servers)
Proto Recv-Q Send-Q  Local Address          Foreign Address        (state)
tcp6       0      0  2600:1700:5610:3.50624 *.*                    LISTEN
tcp6       0      0  fd00::aede:48ff:.22    *.*                    LISTEN
tcp6       0      0  fd00::1.443            *.*                    LISTEN
udp6       0      0  fe80::aede:48ff:.5353  *.*
udp4       0      0  192.168.100.221.123    *.*
";
    let read = capture(text);
    assert_eq!(
        sockets(&read),
        [
            "tcp 2600:1700:5610:3:50624 address-cut",
            "tcp fd00::aede:48ff::22 address-cut",
            "tcp [fd00::1]:443",
            "udp fe80::aede:48ff::5353 address-cut",
            "udp 192.168.100.221:123",
        ]
    );
    let pcb = "\
Active Internet connections (including servers)
Tcpcb            Proto Recv-Q Send-Q Local Address      Foreign Address    (state)
fffff80003df43d0 tcp4       0      0 192.168.71.163.80  *.*                LISTEN
fffff80003df43d0 tcp4       0      0 192.168.71.163.844 *.*                LISTEN
fffff80003df43d0 tcp4       0      0 10.20.30.41.52001  *.*                LISTEN
fffff80003df47a0 tcp6       0      0 fe80::1%lo0.8443   *.*                LISTEN
fffff80003df47a0 tcp6       0      0 fe80::216:36ff:fef *.*                LISTEN
";
    assert_eq!(
        sockets(&capture(pcb)),
        [
            "tcp 192.168.71.163:80",
            "tcp 192.168.71.163:844 port-cut",
            "tcp 10.20.30.41:52001",
            "tcp [fe80::1]%lo0:8443",
            "tcp fe80::216:36ff:fef:? address-cut port-cut",
        ]
    );
    let hashes = "\
Active Internet connections (including servers)
Socket           Flowhash Proto Recv-Q Send-Q  Local Address      Foreign Address    (state)
 5b1a1f3a3d3f3c5        0 tcp4       0      0  127.0.0.1.631      *.*                LISTEN
 5b1a1f3a3d3f3c5 8fa31c02 udp4       0      0  *.5353             *.*
";
    assert_eq!(sockets(&capture(hashes)), ["tcp 127.0.0.1:631", "udp 0.0.0.0:5353"]);
    let wide = "\
Active Internet connections (including servers)
Proto Recv-Q Send-Q Local Address                                 Foreign Address                               (state)
tcp6       0      0 2001:db8::aa:bbb.22                           *.*                                           LISTEN
tcp6       0      0 2001:db8:1234:5678:90ab:cdef:1234:5678.22     *.*                                           LISTEN
";
    assert_eq!(
        sockets(&capture(wide)),
        ["tcp [2001:db8::aa:bbb]:22", "tcp [2001:db8:1234:5678:90ab:cdef:1234:5678]:22"]
    );
}

#[test]
fn a_wide_header_over_narrow_columns_is_no_sign_of_whole_addresses() {
    // macOS 26: `netstat -anv`.
    let text = "\
Active Internet connections (including servers)
Proto Recv-Q Send-Q  Local Address                                 Foreign Address                               (state)          rxbytes      txbytes  rhiwat  shiwat          process:pid    state  options           gencnt    flags   flags1 usecnt rtncnt fltrs
tcp6       0      0  fe80::c34:4384:6.49194 *.*                    LISTEN                0            0  131072  131072         rapportd:3000    00102 00000004 000000000033af39 00080083 01000800      2      0 000000
tcp6       0      0  ::1.631                *.*                    LISTEN                0            0  131072  131072            cupsd:300     00102 00000004 000000000033af39 00080083 01000800      2      0 000000
";
    let read = capture(text);
    assert_eq!(
        sockets(&read),
        ["tcp fe80::c34:4384:6:49194 address-cut rapportd/3000", "tcp [::1]:631 cupsd/300"]
    );
    assert_eq!(issues(&read), []);
    let wide = text
        .replace("49194 *.*   ", "49194                        *.*   ")
        .replace("::1.631                ", "::1.631                                       ");
    assert_eq!(sockets(&capture(&wide))[0], "tcp [fe80::c34:4384:6]:49194 rapportd/3000");
}

#[test]
fn names_of_services_may_be_cut() {
    // `kerberos-adm` is cut to `kerberos`.
    let text = "\
Active Internet connections (including servers)
Proto   Recv-Q Send-Q  Local Address          Foreign Address        TCP-State
tcp          0      0  *.kerberos             *.*                    LISTEN
tcp          0      0  *.microsof             *.*                    LISTEN
tcp          0      0  *.ssh                  *.*                    LISTEN
tcp          0      0  192.168.122.255.netbio *.*                    LISTEN
";
    assert_eq!(
        sockets(&capture(text)),
        [
            "tcp 0.0.0.0:kerberos port-cut",
            "tcp 0.0.0.0:microsof port-name",
            "tcp 0.0.0.0:22 resolved",
            "tcp 192.168.122.255:netbio port-cut",
        ]
    );
    let free = text.replace("tcp  ", "tcp4 ");
    assert_eq!(sockets(&capture(&free))[0], "tcp 0.0.0.0:88 resolved");
    let longest = free.replace("*.kerberos       ", "*.afs3-fileserver");
    assert_eq!(sockets(&capture(&longest))[0], "tcp 0.0.0.0:7000 resolved");
}

#[test]
fn openbsd_and_netbsd_name_tcp_without_a_family() {
    let open = "\
Active Internet connections (only servers)
Proto   Recv-Q Send-Q  Local Address          Foreign Address        TCP-State
tcp          0      0  *.22                   *.*                    LISTEN
tcp          0      0  127.0.0.1.25           *.*                    LISTEN
Active Internet connections (only servers)
Proto   Recv-Q Send-Q  Local Address          Foreign Address        TCP-State
tcp6         0      0  *.22                   *.*                    LISTEN
udp6         0      0  fe80:1::1.123          *.*
ip           0      0  *.*                    *.*                    112
";
    let read = capture(open);
    assert_eq!(
        sockets(&read),
        [
            "tcp 0.0.0.0:22",
            "tcp 127.0.0.1:25",
            "tcp [::]:22",
            "udp [fe80::1]%#1:123",
            "raw 0.0.0.0:112",
        ]
    );
    assert_eq!(issues(&read), []);
    let net = "\
$ netstat -an -f inet
Active Internet connections (including servers)
Proto Recv-Q Send-Q  Local Address          Foreign Address        State
tcp        0      0  *.22                   *.*                    LISTEN
udp        0      0  *.68                   *.*
";
    let read = capture(net);
    assert_eq!(sockets(&read), ["tcp 0.0.0.0:22", "udp 0.0.0.0:68"]);
    assert_eq!(coverage(&read), "tcp4P udp4P");
}

#[test]
fn openbsd_has_a_header_for_each_kind_of_socket() {
    let text = "\
gate# netstat -an
Active Internet connections (including servers)
Proto   Recv-Q Send-Q  Local Address          Foreign Address        TCP-State
tcp          0      0  10.0.0.5.22            10.0.0.9.50022         ESTABLISHED
tcp          0      0  *.22                   *.*                    LISTEN
Active Internet connections (including servers)
Proto   Recv-Q Send-Q  Local Address          Foreign Address       \u{20}
udp          0      0  *.514                  *.*                   \u{20}
udp          0      0  *.*                    *.*                   \u{20}
Active Internet connections (including servers)
Proto   Recv-Q Send-Q  Local Address          Foreign Address        IP-Proto
ip           0      0  *.*                    *.*                    89
Active Internet connections (including servers)
Proto   Recv-Q Send-Q  Local Address          Foreign Address
udp6         0      0  ::1.53                 *.*
Active UNIX domain sockets
Address            Type   Recv-Q Send-Q              Inode               Conn               Refs            Nextref  Addr
0x0                stream      0      0                0x0                0x0                0x0                0x0  /var/run/x
";
    let read = capture(text);
    assert_eq!(issues(&read), []);
    assert_eq!(
        sockets(&read),
        ["tcp 0.0.0.0:22", "udp 0.0.0.0:514", "raw 0.0.0.0:89", "udp [::1]:53"]
    );
    assert_eq!(coverage(&read), "tcp4P6P udp4P6P");
    // -B.
    let windows = "\
Active Internet connections (including servers)
Proto   Recv-Q Send-Q Recv-W Send-W Cgst-W  Local Address          Foreign Address        TCP-State
tcp          0      0  16384      0      0  *.22                   *.*                    LISTEN
tcp          0      0  16384  17376   4344  10.0.0.5.22            10.0.0.9.50022         ESTABLISHED
";
    let read = capture(windows);
    assert_eq!((issues(&read), sockets(&read)), (vec![], vec!["tcp 0.0.0.0:22".to_owned()]));
}

#[test]
fn a_wildcard_without_a_family_beside_those_with_one_may_be_of_either() {
    // AIX.
    let text = "\
Active Internet connections (including servers)
Proto Recv-Q Send-Q  Local Address          Foreign Address        (state)
tcp        0      0  *.8080                 *.*                    LISTEN
tcp        0      0  10.1.1.1.8443          *.*                    LISTEN
tcp4       0      0  *.22                   *.*                    LISTEN
tcp6       0      0  *.22                   *.*                    LISTEN
udp        0      0  *.514                  *.*
";
    assert_eq!(
        sockets(&capture(text)),
        ["tcp *:8080", "tcp 10.1.1.1:8443", "tcp 0.0.0.0:22", "tcp [::]:22 v6only", "udp *:514",]
    );
    let pcb = "\
Active Internet connections (including servers)
PCB/ADDR         Proto Recv-Q Send-Q  Local Address      Foreign Address    (state)
f1000e00032e13b8 tcp4       0      0  *.22               *.*                LISTEN
f1000e00032e13b9 tcp        0      0  *.8080             *.*                LISTEN
";
    let read = capture(pcb);
    assert_eq!(sockets(&read), ["tcp 0.0.0.0:22", "tcp *:8080"]);
    assert_eq!(coverage(&read), "tcp4p");
}

#[test]
fn a_row_behind_a_notice_is_not_passed_over() {
    let notice = "Some tcp sockets may have been created or deleted";
    let whole = MACOS.replace("udp6 ", &format!("{notice}.\nudp6 "));
    assert_eq!(issues(&capture(&whole)), []);
    let glued = MACOS.replace("udp6 ", &format!("{notice}udp6 "));
    let read = capture(&glued);
    assert_eq!(issues(&read), [(IssueKind::RowUnread, 10)]);
    assert_eq!(coverage(&read), "");
}

#[test]
fn freebsd_queues_columns_sctp_and_names() {
    let queues = "\
Current listen queue sizes (qlen/incqlen/maxqlen)
Proto Listen                           Local Address
tcp4  0/0/128                          *.22
tcp46 0/0/511                          *.443
unix  0/0/30                           /var/run/devd.pipe
";
    let read = capture(queues);
    assert!(read.issues.is_empty(), "{:?}", read.issues);
    assert_eq!(sockets(&read), ["tcp 0.0.0.0:22", "tcp *:443 dual"]);
    assert_eq!(why(&read, Transport::Tcp, Family::Ipv4), "partial-tool");
    let hashes = "\
Current listen queue sizes (qlen/incqlen/maxqlen)
Socket           Flowhash Listen         Local Address        \u{20}
f28c2482e4cb4419        0 0/0/128        *.8080               \u{20}
f28c2482ec478c09 8fa31c02 0/0/10         127.0.0.1.4301       \u{20}
";
    let read = capture(hashes);
    assert_eq!(
        (issues(&read), sockets(&read)),
        (vec![], vec!["tcp *:8080".to_owned(), "tcp 127.0.0.1:4301".to_owned()])
    );
    assert_eq!(coverage(&read), "");
    let wide = "\
root@fb:~ # netstat -aTn
Active Internet connections (including servers)
Proto Rexmit OOORcv 0-win  Local Address          Foreign Address
tcp4       0      0      0 *.22                   *.*
tcp4       0      0      0 10.0.0.5.22            10.0.0.1.51000
udp4                       *.514                  *.*
udp6                       *.514                  *.*
Active SCTP associations (including servers)
Proto Type  Local Address          Foreign Address        (state)
sctp4 1to1  *.2905                                        LISTEN
sctp4 1to1  10.0.0.5.9899          10.0.0.6.9899          ESTABLISHED
";
    let read = capture(wide);
    assert_eq!(
        sockets(&read),
        ["tcp 0.0.0.0:22", "udp 0.0.0.0:514", "udp [::]:514 v6only", "sctp 0.0.0.0:2905"]
    );
    assert_eq!(issues(&read), []);
    assert_eq!(coverage(&read), "tcp4P6P udp4P6P");
    let names = "\
Active Internet connections (including servers)
Proto Recv-Q Send-Q Local Address          Foreign Address        (state)
tcp4       0      0 localhost.smtp         *.*                    LISTEN
tcp4       0      0 *.ssh                  *.*                    LISTEN
tcp4       0      0 *.no-such-thing        *.*                    LISTEN
tcp4       0      0 *.1022                 *.*                    CLOSED
";
    assert_eq!(
        sockets(&capture(names)),
        [
            "tcp localhost:25 address-resolved resolved",
            "tcp 0.0.0.0:22 resolved",
            "tcp 0.0.0.0:no-such-thing port-name",
        ]
    );
}

#[test]
fn freebsd_may_hide_sockets_of_others_from_all_but_root() {
    let table = "\
Active Internet connections (including servers)
Proto Recv-Q Send-Q Local Address          Foreign Address        (state)
tcp4       0      0 *.22                   *.*                    LISTEN
";
    assert_eq!(coverage(&capture(&format!("$ netstat -an\n{table}"))), "tcp4p6p udp4p6p");
    assert_eq!(coverage(&capture(&format!("# netstat -an\n{table}"))), "tcp4P6P udp4P6P");
}

#[test]
fn what_stands_among_unix_sockets_is_no_row() {
    let text = format!(
        "{MACOS}tcp4       0      0  *.23                   *.*                    LISTEN\n"
    );
    let read = capture(&text);
    assert_eq!(issues(&read), [(IssueKind::ForgedRow, text.lines().count())]);
    assert_eq!(coverage(&read), "", "a row was there that should not be");
    assert!(!sockets(&read).iter().any(|socket| socket.contains(":23")));
    let text = format!(
        "{MACOS}Active Internet connections (including servers)\nProto Recv-Q Send-Q Local Address Foreign Address (state)\n"
    );
    assert_eq!(issues(&capture(&text)).len(), 2);
}

#[test]
fn cut_lines_and_rows_that_cannot_be_read() {
    let cut = MACOS.split_inclusive('\n').take(5).collect::<String>();
    let cut = cut.get(..cut.len() - 30).unwrap();
    let read = capture(cut);
    assert_eq!(coverage(&read), "");
    let broken = MACOS.replace("*.7000 ", "*.70000");
    let read = capture(&broken);
    assert_eq!(issues(&read), [(IssueKind::RowUnread, 4)]);
    assert_eq!(read.severity(false), Some(Severity::Error));
    assert_eq!(coverage(&read), "");
    let headless: String = MACOS.lines().skip(2).take(5).map(|line| format!("{line}\n")).collect();
    let read = capture(&headless);
    assert_eq!(sockets(&read).len(), 4);
    assert_eq!(why(&read, Transport::Tcp, Family::Ipv4), "header-not-shown");
}

#[test]
fn several_hosts_in_one_text() {
    let text = format!("[root@a ~]# netstat -an\n{MACOS}[root@b ~]# netstat -an\n{MACOS}");
    let all = captures(&text, None);
    let names: Vec<_> = all.iter().map(|read| read.snapshot.host.name.clone().unwrap()).collect();
    assert_eq!(names, ["a", "b"]);
    assert!(all.iter().all(|read| coverage(read) == "tcp4P6P udp4P6P"));
}

#[test]
fn the_netstat_of_linux_says_that_this_is_not_its() {
    let read = captured_from(MACOS, "netstat");
    assert_eq!(issues(&read), [(IssueKind::UnknownFormat, 1)]);
    assert!(read.issues[0].message.contains("netstat-bsd"), "{:?}", read.issues);
    let linux = "\
Active Internet connections (only servers)
Proto Recv-Q Send-Q Local Address           Foreign Address         State
tcp        0      0 0.0.0.0:22              0.0.0.0:*               LISTEN
";
    let read = captured_from(linux, "netstat-bsd");
    assert!(read.issues[0].message.contains("`netstat`"), "{:?}", read.issues);
    assert_eq!(capture(linux).snapshot.origin.format, "netstat");
}

proptest! {
    #[test]
    fn any_bytes_are_read(text in "(?s)(tcp46? |udp4 |[0-9a-f.:*% \t\n]|LISTEN|Active |\\PC){0,200}") {
        for read in [captured_from(&text, "netstat-bsd"), captured_from(&format!("{MACOS}{text}"), "netstat-bsd")] {
            check_places(&read);
        }
    }

    #[test]
    fn a_cut_text_never_covers_more(at in 0..MACOS.len()) {
        let text = MACOS.get(..at).unwrap();
        let read = captures(text, Some("netstat -an"));
        for read in read {
            check_places(&read);
            prop_assert!(text.ends_with('\n') || coverage(&read).is_empty());
        }
    }
}
