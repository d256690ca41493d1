use std::collections::BTreeSet;
use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::capture::{Capture, Options, read};
use crate::snapshot::Cell;

const HEADER: &str = "\
Active Internet connections (only servers)
Proto Recv-Q Send-Q Local Address           Foreign Address         State       PID/Program name    
";

fn captures(text: &str, command: Option<&str>) -> Vec<Capture> {
    let options = Options { command: command.map(str::to_owned), ..Options::default() };
    read(Arc::new(SourceFile::new("test", text)), &options)
}

fn capture(text: &str) -> Capture {
    let mut all = captures(text, None);
    assert_eq!(all.len(), 1, "{text}");
    all.remove(0)
}

/// One line a socket: transport, address, port, what is missing, owners.
fn sockets(capture: &Capture) -> Vec<String> {
    let snapshot = &capture.snapshot;
    let line = |socket: &Socket| {
        let mut line = format!("{} {}", socket.transport.name(), snapshot.endpoint(socket));
        match socket.address {
            Address::Missing(why) => line += &format!(" {}", why.id()),
            Address::Ip(_) | Address::Dual | Address::Star | Address::Reached(_) => {}
        }
        if let Port::Missing(why) = socket.port {
            line += &format!(" {}", why.id());
        }
        if socket.port_resolved {
            line += " resolved";
        }
        let details = snapshot.details(socket);
        if let Some(uid) = details.uid {
            line += &format!(" uid={uid}");
        }
        if let Some(user) = details.user {
            line += &format!(" user={}", snapshot.text(user));
        }
        if let Some(inode) = details.inode {
            line += &format!(" inode={inode}");
        }
        for owner in snapshot.owners(socket) {
            let name = owner.name.map_or("?", |name| snapshot.text(name));
            let cut = if owner.kind == NameKind::ArgvCut { "~" } else { "" };
            line += &format!(" {:?}/{name:?}{cut}", owner.pid.unwrap_or_default());
        }
        if let Some(why) = socket.owners_missing {
            line += &format!(" {}", why.id());
        }
        line
    };
    snapshot.sockets().iter().map(line).collect()
}

fn issues(capture: &Capture) -> Vec<(IssueKind, usize)> {
    let source = &capture.snapshot.sources;
    capture
        .issues
        .iter()
        .map(|issue| {
            (
                issue.kind,
                issue.at.and_then(|at| source.place(at)).map_or(0, |(_, place)| place.line),
            )
        })
        .collect()
}

/// What is covered, a letter each: `P`roven, `p`resumed; `tcp46p` is TCP of both families, presumed.
fn coverage(capture: &Capture) -> String {
    let mut words = Vec::new();
    for transport in Transport::ALL {
        let mut word = String::new();
        for (family, digit) in [(Family::Ipv4, '4'), (Family::Ipv6, '6')] {
            match capture.snapshot.coverage.get(transport, family) {
                Cell::Proven => word.extend([digit, 'P']),
                Cell::Presumed => word.extend([digit, 'p']),
                Cell::Absent(_) => {}
            }
        }
        if !word.is_empty() {
            words.push(format!("{}{word}", transport.name()));
        }
    }
    words.join(" ")
}

fn why(capture: &Capture, transport: Transport, family: Family) -> Missing {
    match capture.snapshot.coverage.get(transport, family) {
        Cell::Absent(reason) => reason,
        cell @ (Cell::Proven | Cell::Presumed) => panic!("{cell:?}"),
    }
}

#[test]
fn rows_are_read_whatever_their_columns() {
    let plain = "others-not-shown";
    for (row, expected) in [
        (
            "tcp        0      0 127.0.0.1:5432          0.0.0.0:*               LISTEN      351/postgres        ",
            format!("tcp 127.0.0.1:5432 351/\"postgres\" {plain}"),
        ),
        (
            "tcp        0      0 0.0.0.0:22              0.0.0.0:*               LISTEN      600/sshd: /usr/sbin ",
            format!("tcp 0.0.0.0:22 600/\"sshd: /usr/sbin\"~ {plain}"),
        ),
        (
            "udp6       0      0 :::5353                 :::*                                442/avahi-daemon: r ",
            format!("udp [::]:5353 442/\"avahi-daemon: r\"~ {plain}"),
        ),
        (
            "tcp        0      0 127.0.0.1:53644         0.0.0.0:*               LISTEN      995        1154674    12387/Passenger Rac ",
            format!("tcp 127.0.0.1:53644 uid=995 inode=1154674 12387/\"Passenger Rac\"~ {plain}"),
        ),
        (
            "udp        0      0 0.0.0.0:5353            0.0.0.0:*                           avahi      21206      6410/avahi-daemon:  ",
            format!("udp 0.0.0.0:5353 user=avahi inode=21206 6410/\"avahi-daemon:\" {plain}"),
        ),
        (
            "udp        0      0 0.0.0.0:32768           0.0.0.0:*                           105        21207      -                   ",
            "udp 0.0.0.0:32768 uid=105 inode=21207 owner-hidden".to_owned(),
        ),
        (
            "udp        0      0 0.0.0.0:4789            0.0.0.0:*                           -                   ",
            "udp 0.0.0.0:4789 owner-hidden".to_owned(),
        ),
        (
            "raw6       0      0 :::58                   :::*                    7           867/systemd-network ",
            format!("raw [::]:58 867/\"systemd-network\"~ {plain}"),
        ),
        (
            "raw6       0      0 [::]:ipv6-icmp          [::]:*                  7           1/x                 ",
            format!("raw [::]:58 resolved 1/\"x\" {plain}"),
        ),
        (
            "raw        0      0 ::%6001648:58           ::%32:*                 58          ",
            "raw [::]:58 owner-hidden".to_owned(),
        ),
        (
            "udpl6      0      0 ::1:65084               :::*                                1/y                 ",
            format!("udplite [::1]:65084 1/\"y\" {plain}"),
        ),
        ("tcp 0 0 0.0.0.0:22 0.0.0.0:\\* LISTEN -", "tcp 0.0.0.0:22 owner-hidden".to_owned()),
        (
            "\ttcp6\t0\t0\t::1:631\t:::*\tOU\u{c7}A\t2901/cupsd",
            format!("tcp [::1]:631 2901/\"cupsd\" {plain}"),
        ),
        (
            "tcp6       0      0 127.0.0.1:8005          :::*                    LISTEN      8624/java           ",
            format!("tcp 127.0.0.1:8005 8624/\"java\" {plain}"),
        ),
        (
            "tcp        0      0 ::ffff:127.0.0.1:7403   :::*                    LISTEN      2647/java           ",
            format!("tcp [::ffff:127.0.0.1]:7403 2647/\"java\" {plain}"),
        ),
        (
            "tcp        0      0 localhost:ipp           0.0.0.0:*               LISTEN      -                   ",
            "tcp localhost:631 address-resolved resolved owner-hidden".to_owned(),
        ),
        (
            "tcp        0      0 0.0.0.0:zzz-none        0.0.0.0:*               LISTEN      -                   ",
            "tcp 0.0.0.0:zzz-none port-name owner-hidden".to_owned(),
        ),
        (
            "udp6       0      0 fe80::a00:27ff:fee8:546 :::*                                -                   ",
            "udp fe80::a00:27ff:fee8:546 address-cut owner-hidden".to_owned(),
        ),
        (
            "udp6       0      0 fe80::5054:ff:fe2b::123 :::*                                -                   ",
            "udp fe80::5054:ff:fe2b::123 address-cut owner-hidden".to_owned(),
        ),
        (
            "tcp        0      0 192.168.100.1:postgresq 0.0.0.0:*               LISTEN      -                   ",
            "tcp 192.168.100.1:postgresq address-cut port-name owner-hidden".to_owned(),
        ),
        (
            "tcp        0      0 0.0.0.0:9000            0.0.0.0:*               LISTEN      57224/a,b,pid=1,fd= ",
            format!("tcp 0.0.0.0:9000 57224/\"a,b,pid=1,fd=\"~ {plain}"),
        ),
        (
            "tcp        0      0 0.0.0.0:9000            0.0.0.0:*               LISTEN      31899/bin/mongod    ",
            format!("tcp 0.0.0.0:9000 31899/\"bin/mongod\" {plain}"),
        ),
        (
            "tcp        0      0 0.0.0.0:9000            0.0.0.0:*               LISTEN      7597/               ",
            format!("tcp 0.0.0.0:9000 7597/\"?\" {plain}"),
        ),
    ] {
        let read = capture(&format!("{HEADER}{row}\n"));
        assert_eq!(sockets(&read), [expected], "{row}");
        assert_eq!(issues(&read), [], "{row}");
    }
}

#[test]
fn what_has_a_peer_or_no_port_is_no_listener() {
    for row in [
        "tcp        0      0 127.0.0.1:62421         127.0.0.1:50640         ESTABLISHED -                   ",
        "tcp        0      1 10.0.0.1:49411          10.0.0.254:81           SYN_SENT    -                   ",
        "udp        0      0 10.0.0.1:68             10.0.0.254:67           ESTABLISHED 1/x                 ",
        "udp        0      0 10.0.0.1:68             10.0.0.254:67           VERBUNDEN   0          1 1/x    ",
        "udp        0      0 0.0.0.0:*               0.0.0.0:*                           -                   ",
        "raw        0      0 0.0.0.0:1               10.0.0.1:*              1           -                   ",
        "sctp       0      0 10.0.0.1:36412          10.0.0.2:36412          ESTABLISHED -                   ",
    ] {
        let read = capture(&format!("{HEADER}{row}\n"));
        assert_eq!(sockets(&read), [""; 0], "{row}");
        assert_eq!(issues(&read), [], "{row}");
    }
}

#[test]
fn timers_and_contexts_are_no_part_of_the_name() {
    let header = |more: &str| {
        format!(
            "Proto Recv-Q Send-Q Local Address           Foreign Address         State       PID/Program name    {more}\n"
        )
    };
    let row = "tcp        0      0 0.0.0.0:22              0.0.0.0:*               LISTEN      12/a (b/c) d         ";
    for (more, tail) in [
        (" Timer", "off (0.00/0/0)"),
        (" Timer", "\u{5173}\u{95ed} (0.00/0/0)"),
        (" Temporizador", "desligado (0.00/0/0)"),
        (" Taimer", "eik\u{e4}i ((0.00/0/0)"),
        (" Security Context", "system_u:system_r:sshd_t:s0-s0:c0.c1023          "),
        (" Security Context", "-"),
        (" Security Context Timer", "system_u:system_r:sshd_t:s0 off (0.00/0/0)"),
        ("", ""),
    ] {
        let read = capture(&format!("{}{row}{tail}\n", header(more)));
        assert_eq!(sockets(&read), ["tcp 0.0.0.0:22 12/\"a (b/c) d\" others-not-shown"], "{tail}");
        assert_eq!(issues(&read), []);
    }
    let old = "Proto Recv-Q Send-Q Local Address Foreign Address State User Inode Timer\n\
               tcp        0      0 ::1:5432                :::*                    LISTEN      26         14071      off (0.00/0/0)\n\
               udp        0      0 0.0.0.0:68              0.0.0.0:*                           off (0.00/0/0)\n";
    assert_eq!(
        sockets(&capture(old)),
        ["tcp [::1]:5432 uid=26 inode=14071 owner-not-shown", "udp 0.0.0.0:68 owner-not-shown"]
    );
}

#[test]
fn a_star_is_ipv4_where_ipv6_rows_say_so() {
    let head = "Proto Recv-Q Send-Q Local Address           Foreign Address         State\n";
    let star = "tcp 0 0 *:ssh *:* LISTEN\n";
    assert_eq!(sockets(&capture(&format!("{head}{star}"))), ["tcp *:22 resolved owner-not-shown"]);
    assert_eq!(
        sockets(&capture(&format!("{head}{star}tcp6 0 0 *:ssh *:* LISTEN\n"))),
        ["tcp 0.0.0.0:22 resolved owner-not-shown", "tcp [::]:22 resolved owner-not-shown"]
    );
}

#[test]
fn nothing_is_cut_in_a_wide_table() {
    let row = "udp6       0      0 fe80::a00:27ff:fee8:546 :::*                                -\n";
    let whole = ["udp [fe80::a00:27ff:fee8]:546 owner-hidden"];
    assert_eq!(
        sockets(&captures(&format!("{HEADER}{row}"), Some("netstat -lnpW")).remove(0)),
        whole
    );
    let long =
        "udp        0      0 fd00:1ab:5:c0de::225d:8c04:15559 :::*                        -\n";
    let read = capture(&format!("{HEADER}{row}{long}"));
    assert_eq!(sockets(&read)[..1], whole);
    assert_eq!(read.snapshot.details(&read.snapshot.sockets()[0]), Details::default());
}

#[test]
fn headers_and_headings_are_read_in_every_language() {
    let row = "tcp        0      0 0.0.0.0:22              0.0.0.0:*               LISTEN\n";
    for (text, without) in [
        (
            "Active Internet connections (only servers)\nProto Recv-Q Send-Q Local Address           Foreign Address         State",
            false,
        ),
        (
            "Aktive Internetverbindungen (Nur Server)\nProto Recv-Q Send-Q Local Address           Foreign Address         State",
            false,
        ),
        (
            "Aktive Internetverbindungen (ohne Server)\nProto Recv-Q Send-Q Local Address           Foreign Address         State",
            true,
        ),
        (
            "Connexions Internet actives (sans serveurs)\nProto Recv-Q Send-Q Adresse locale          Adresse distante        Etat",
            true,
        ),
        (
            "Conex\u{f5}es Internet Ativas (sem os servidores)\nProto Recv-Q Send-Q Endere\u{e7}o Local          Endere\u{e7}o Remoto         Estado",
            false,
        ),
        (
            "Aktivn\u{ed} Internetov\u{e1} spojen\u{ed} (w/o servery)\nProto P\u{159}\u{ed}ch-F Odch-F M\u{ed}stn\u{ed} Adresa          Vzd\u{e1}len\u{e1} Adresa         Stav",
            true,
        ),
        (
            "Aktiivsed interneti\u{fc}hendused (ilma serveriteta)\nProto  VvJrk SaatJrk Kohalik aadress        V\u{e4}line aadress          Olek",
            true,
        ),
        (
            "\u{7a3c}\u{50cd}\u{4e2d}\u{306e}\u{30a4}\u{30f3}\u{30bf}\u{30fc}\u{30cd}\u{30c3}\u{30c8}\u{63a5}\u{7d9a} (w/o\u{30b5}\u{30fc}\u{30d0})\nProto \u{53d7}\u{4fe1}-Q \u{9001}\u{4fe1}-Q \u{5185}\u{90e8}\u{30a2}\u{30c9}\u{30ec}\u{30b9}            \u{5916}\u{90e8}",
            true,
        ),
        (
            "\u{6fc0}\u{6d3b}Internet\u{8fde}\u{63a5} (\u{4ec5}\u{670d}\u{52a1}\u{5668})\nProto Recv-Q Send-Q Local Address           Foreign Address         State",
            false,
        ),
        ("Kuku (kaka)\n\nProto Recv-Q Send-Q Lokal Foreign State", false),
    ] {
        let read = capture(&format!("{text}\n{row}"));
        assert_eq!(sockets(&read), ["tcp 0.0.0.0:22 owner-not-shown"], "{text}");
        assert_eq!(issues(&read), [], "{text}");
        match without {
            true => assert_eq!(
                why(&read, Transport::Tcp, Family::Ipv4),
                Missing::ListenersNotShown,
                "{text}"
            ),
            false => assert_eq!(coverage(&read), "tcp4p", "{text}"),
        }
    }
}

#[test]
fn a_header_of_a_language_pack_is_one() {
    let rows = "tcp        0      0 127.0.0.1:3306          0.0.0.0:*               ESCUCHAR    -                   apagado (0.00/0/0)\n\
                tcp6       0      0 :::80                   :::*                    ESCUCHAR    -                   apagado (0.00/0/0)\n";
    for header in [
        "Conexiones activas de Internet (solo servidores)\nProto  Recib Enviad Direcci\u{f3}n local         Direcci\u{f3}n remota       Estado       PID/Program name     Temporizador\n",
        "Conexiones activas de Internet (solo servidores)\nProtocolo Recv-Q Send-Q Direcci\u{f3}n Local Direcci\u{f3}n Externa Estado       PID/Program name Temporizador\n",
        "Connessioni Internet attive (server e stabiliti)\nProto CodaRic CodaInv Indirizzo locale        Indirizzo remoto       Stato       PID/Program name     Timer\n",
    ] {
        let read = capture(&format!("$ netstat -ltnpo\n{header}{rows}"));
        assert_eq!(
            sockets(&read),
            ["tcp 127.0.0.1:3306 owner-hidden", "tcp [::]:80 owner-hidden"],
            "{header}"
        );
        assert_eq!(coverage(&read), "tcp4P6P", "{header}");
        assert_eq!(issues(&read), []);
    }
}

#[test]
fn blanks_of_copied_pages_are_blanks() {
    let rows = "tcp        0      0 127.0.0.1:5432          0.0.0.0:*               LISTEN      351/postgres        \n\
                tcp6       0      0 :::22                   :::*                    LISTEN      703/sshd: /usr/sbin \n\
                udp        0      0 0.0.0.0:68              0.0.0.0:*                           12/dhclient         \n";
    let plain = capture(&format!("{HEADER}{rows}"));
    for text in [
        format!("{HEADER}{rows}").replace(' ', "\u{A0}"),
        format!("{HEADER}{rows}").replace("  ", " \u{A0}"),
        format!("{HEADER}{rows}").replace("  ", "\u{A0} "),
    ] {
        let read = capture(&text);
        assert_eq!(sockets(&read), sockets(&plain), "{text}");
        assert_eq!((coverage(&read), issues(&read)), (coverage(&plain), vec![]), "{text}");
    }
}

#[test]
fn what_is_written_below_a_table_is_no_row_of_it() {
    let row = "tcp        0      0 0.0.0.0:22              0.0.0.0:*               LISTEN      351/sshd            \n";
    for below in
        ["</pre>\n", "{noformat}\n", "[/code]\n", "\nAny idea?\n-- \nBob\n", "</details>\n"]
    {
        let read = capture(&format!("{HEADER}{row}{below}"));
        assert_eq!(coverage(&read), "tcp4p", "{below}");
        assert!(
            issues(&read).iter().all(|(kind, _)| *kind == IssueKind::Ignored),
            "{below} {:?}",
            issues(&read)
        );
        // Where the table goes on, nobody wrote below it.
        let read = capture(&format!("{HEADER}{row}{below}{row}"));
        assert_eq!(coverage(&read), "", "{below}");
        assert!(issues(&read).iter().any(|(kind, _)| *kind == IssueKind::RowUnread), "{below}");
    }
    // Nor is it the rest of the last name.
    let last = "tcp        0      0 0.0.0.0:23              0.0.0.0:*               LISTEN      35/telnetd\n";
    for below in ["</pre>\n", "{noformat}\n", "}}}\n", "[/code]\n"] {
        let read = capture(&format!("{HEADER}{row}{last}{below}"));
        assert_eq!(sockets(&read)[1], "tcp 0.0.0.0:23 35/\"telnetd\" others-not-shown", "{below}");
    }
    for piece in [
        "LISTEN\n",
        "0.0.0.0:* LISTEN\n",
        "tcp6\n",
        "0 0\n",
        "-\n",
        "1234/java x\n",
        "** 10.0.0.1:80 **\n",
        "tcp,0,0,0.0.0.0:80,0.0.0.0:*,LISTEN,351/sshd\n",
        "tcp|0|0|0.0.0.0:80|0.0.0.0:*|LISTEN|351/sshd\n",
        "TCP 0 0 any 80\n",
        "x.x.x.x:80 y\n",
    ] {
        let read = capture(&format!("{HEADER}{row}\n{piece}"));
        assert_eq!(coverage(&read), "", "{piece}");
        assert!(issues(&read).iter().any(|(kind, _)| *kind == IssueKind::RowUnread), "{piece}");
    }
}

#[test]
fn a_header_that_a_narrow_terminal_broke_is_put_together() {
    let read = capture(
        "$ netstat -ltnp\n\
         Active Internet connections (only servers)\n\
         Proto Recv-Q Send-Q Local Address           Foreign Address         State       \n\
         PID/Program name    \n\
         tcp        0      0 127.0.0.1:5432          0.0.0.0:*               LISTEN      \n\
         351/postgres        \n\
         tcp6       0      0 :::22                   :::*                    LISTEN      \n\
         703/sshd            \n",
    );
    assert_eq!(
        sockets(&read),
        [
            "tcp 127.0.0.1:5432 351/\"postgres\" others-not-shown",
            "tcp [::]:22 703/\"sshd\" others-not-shown"
        ]
    );
    assert_eq!((coverage(&read), issues(&read)), ("tcp4P6P".to_owned(), vec![]));
}

#[test]
fn a_peer_that_cannot_be_read_is_none() {
    let udp = |peer: &str, state: &str| {
        let text = format!(
            "$ netstat -uan\n\
             Active Internet connections (servers and established)\n\
             Proto Recv-Q Send-Q Local Address           Foreign Address         State\n\
             udp        0      0 0.0.0.0:5353            {peer:23} {state}\n"
        );
        sockets(&capture(&text)).len()
    };
    for peer in ["x.x.x.x:*", "0,0,0,0:*", "\u{200B}0.0.0.0:*", "<redacted>:*", "0[.]0[.]0[.]0:*"] {
        assert_eq!(udp(peer, ""), 1, "{peer}");
    }
    for (peer, state) in [
        ("10.0.0.9:*", ""),
        ("10.0.0.9:*", "ESTABLISHED"),
        ("dns.example:*", "ESTABLISHED"),
        ("dns.example:53", "ESTABLISHED"),
    ] {
        assert_eq!(udp(peer, state), 0, "{peer}");
    }
}

#[test]
fn a_third_endpoint_is_not_taken_for_the_state() {
    let read = capture(
        "$ netstat -ltn\n\
         Active Internet connections (only servers)\n\
         Proto Recv-Q Send-Q Local Address           Foreign Address         State\n\
         tcp6       0      0 :::6379 :::6379                 :::*                    LISTEN\n",
    );
    assert_eq!(sockets(&read), <[&str; 0]>::default());
    assert_eq!((coverage(&read), issues(&read)), (String::new(), vec![(IssueKind::RowUnread, 4)]));
}

#[test]
fn a_command_says_what_is_covered() {
    let rows =
        "tcp        0      0 0.0.0.0:22              0.0.0.0:*               LISTEN      -\n";
    for (command, expected) in [
        ("netstat -tulpn", "tcp4P6P udp4P6P"),
        ("sudo netstat -tlnp", "tcp4P6P"),
        ("netstat -anp", "tcp4P6P udp4P6P raw4P6P"),
        ("netstat -lp4", "tcp4P udp4P raw4P"),
        ("netstat -lptA inet", "tcp4P"),
        ("netstat -p -l -t --inet --inet6", "tcp4P6P"),
        ("netstat --listening --tcp --udp --numeric --program", "tcp4P6P udp4P6P"),
        ("netstat --all --protocol=inet --programs", "tcp4P udp4P raw4P"),
        ("netstat -ltSUp", "tcp4P6P sctp4P6P udplite4P6P"),
        ("netstat -lxp4", "tcp4P udp4P raw4P"),
        ("ip -all netns exec netstat -tlp", ""),
        ("ip netns exec red netstat -tlp", ""),
        ("ssh db2 netstat -tlp", "tcp4P6P"),
        ("busybox netstat -tlp", "tcp4P6P"),
        // Nothing that listens is asked for, or not all of it is there.
        ("netstat -tnp", ""),
        ("netstat -tlnp | grep 22", ""),
        ("watch netstat -tlnp", ""),
        // Another command than the one that made the table.
        ("netstat -ulnp", "tcp4p"),
        ("netstat -tlnp6", "tcp4p"),
        ("netstat -tln", "tcp4p"),
        ("netstat -lxp", "tcp4p"),
        ("ss -tlnp", "tcp4p"),
    ] {
        let read = captures(&format!("{HEADER}{rows}"), Some(command)).remove(0);
        assert_eq!(coverage(&read), expected, "{command}");
        let typed = capture(&format!("root@db1:~# {command}\n{HEADER}{rows}root@db1:~# \n"));
        assert_eq!(coverage(&typed), expected, "{command}");
    }
    let read = captures(rows, Some("netstat -tlnp")).remove(0);
    assert_eq!(why(&read, Transport::Tcp, Family::Ipv4), Missing::HeaderNotShown);
}

#[test]
fn without_a_command_rows_say_what_is_covered() {
    let tcp = "tcp        0      0 0.0.0.0:22              0.0.0.0:*               LISTEN      -\n";
    let tcp6 =
        "tcp6       0      0 :::22                   :::*                    LISTEN      -\n";
    let udp = "udp        0      0 0.0.0.0:68              0.0.0.0:*                           -\n";
    let peer =
        "udp        0      0 10.0.0.1:68             10.0.0.254:67           ESTABLISHED -\n";
    let unix = "Active UNIX domain sockets (only servers)\nProto RefCnt Flags       Type       State         I-Node   Path\n\
                unix  2      [ ACC ]     STREAM     LISTENING     20812    /run/udev/control\n";
    for (rows, expected) in [
        (String::new(), ""),
        (tcp.to_owned(), "tcp4p"),
        (format!("{tcp}{tcp6}"), "tcp4p6p"),
        (format!("{tcp}{tcp6}{udp}"), "tcp4p6p udp4p6p"),
        (format!("{tcp}{peer}"), "tcp4p"),
        (format!("{tcp}{udp}{unix}"), "tcp4p udp4p"),
        (format!("{tcp}{unix}"), "tcp4p"),
    ] {
        let read = capture(&format!("{HEADER}{rows}"));
        assert_eq!(coverage(&read), expected, "{rows}");
        assert_eq!(issues(&read), [], "{rows}");
    }
    let read = capture(&format!("{tcp}{udp}"));
    assert_eq!(why(&read, Transport::Tcp, Family::Ipv4), Missing::HeaderNotShown);
    let read = capture(unix);
    assert_eq!((coverage(&read), issues(&read)), (String::new(), vec![]));
}

#[test]
fn two_tables_add_up_and_two_namespaces_do_not() {
    let tcp = "tcp        0      0 0.0.0.0:22              0.0.0.0:*               LISTEN      -\n";
    let udp = "udp        0      0 0.0.0.0:68              0.0.0.0:*                           -\n";
    let read = capture(&format!("$ netstat -tlp\n{HEADER}{tcp}\n$ netstat -ulp\n{HEADER}{udp}$ "));
    assert_eq!(coverage(&read), "tcp4P6P udp4P6P");
    assert_eq!(issues(&read), []);
    let read = capture(&format!("\nnetns: a\n{HEADER}{tcp}{udp}\nnetns: b\n{HEADER}{tcp}"));
    // The host's own sockets are not among them.
    assert_eq!(coverage(&read), "");
    let own = capture(&format!("{HEADER}{tcp}{udp}\nnetns: b\n{HEADER}{tcp}"));
    assert_eq!(coverage(&own), "tcp4p");
    let names: Vec<_> =
        read.snapshot.sockets().iter().map(|socket| read.snapshot.details(socket).netns).collect();
    let names: Vec<_> =
        names.into_iter().map(|name| name.map(|name| read.snapshot.text(name))).collect();
    assert_eq!(names, [Some("a"), Some("a"), Some("b")]);
}

#[test]
fn what_cannot_be_read_shrinks_the_coverage() {
    let tcp = "tcp        0      0 0.0.0.0:22              0.0.0.0:*               LISTEN      -\n";
    for (rows, expected, reason) in [
        (
            format!("{tcp}tcp        0      0 :::\n{tcp}"),
            vec![(IssueKind::RowUnread, 4)],
            Some(Missing::RowUnread),
        ),
        (
            format!("{tcp}tcp        0      0 0.0.0.0:99999 0.0.0.0:* LISTEN -\n"),
            vec![(IssueKind::RowUnread, 4)],
            Some(Missing::RowUnread),
        ),
        (
            format!("{tcp}what is this?\n{tcp}"),
            vec![(IssueKind::RowUnread, 4)],
            Some(Missing::RowUnread),
        ),
        (
            format!("{tcp}tcp        0      0 :::"),
            vec![(IssueKind::CutOff, 4)],
            Some(Missing::CutOff),
        ),
        (
            format!("{tcp}udp        0      0 0.0.0.0:68              0.0.0.0:"),
            vec![(IssueKind::CutOff, 4)],
            Some(Missing::CutOff),
        ),
        (tcp.trim_end().to_owned(), vec![], Some(Missing::CutOff)),
        (
            format!("{tcp}netstat: no support for `AF INET6 (tcp)' on this system.\n"),
            vec![(IssueKind::ToolError, 4)],
            Some(Missing::ToolError),
        ),
        (
            format!("{tcp}warning, got bogus tcp line.\n{tcp}"),
            vec![(IssueKind::ToolError, 4)],
            Some(Missing::ToolError),
        ),
        (format!("{tcp}$ "), vec![], None),
        (format!("{tcp}[root@h ~]# cat x\nhello\nworld\n"), vec![(IssueKind::Ignored, 5)], None),
    ] {
        let read = capture(&format!("{HEADER}{rows}"));
        assert_eq!(issues(&read), expected, "{rows}");
        match reason {
            Some(reason) => assert_eq!(why(&read, Transport::Tcp, Family::Ipv4), reason, "{rows}"),
            None => assert_eq!(coverage(&read), "tcp4p", "{rows}"),
        }
    }
}

#[test]
fn a_line_break_in_a_name_makes_no_row() {
    let good = "tcp        0      0 0.0.0.0:80              0.0.0.0:*               LISTEN      976/nginx           \n";
    let bad = "tcp        0      0 0.0.0.0:22              0.0.0.0:*               LISTEN      7/";
    for (name, kind) in [
        ("new\nline             ", IssueKind::AmbiguousOwner),
        ("\ntcp LISTEN 0      ", IssueKind::AmbiguousOwner),
        ("\ntcp 0 0 *:1 *:*  ", IssueKind::ForgedRow),
        ("\n$ netstat -an     ", IssueKind::AmbiguousOwner),
        ("\nIp:               ", IssueKind::AmbiguousOwner),
        ("\nProto RefCnt      ", IssueKind::AmbiguousOwner),
    ] {
        let read = capture(&format!("{HEADER}{good}{bad}{name}\n{good}"));
        let text = name.trim_end();
        assert_eq!(
            sockets(&read),
            [
                "tcp 0.0.0.0:80 976/\"nginx\" others-not-shown".to_owned(),
                format!("tcp 0.0.0.0:22 7/{text:?} owner-ambiguous"),
                "tcp 0.0.0.0:80 976/\"nginx\" others-not-shown".to_owned(),
            ],
            "{name}"
        );
        assert_eq!(issues(&read), [(kind, 5)], "{name}");
        assert_eq!(coverage(&read), "tcp4p", "{name}");
        // busybox pads nothing; what is no row is a part of the name there too.
        let trimmed = |text: &str| text.trim_end().to_owned() + "\n";
        let read = capture(&format!(
            "{HEADER}{}{}{}",
            trimmed(good),
            trimmed(&format!("{bad}{name}")),
            trimmed(good)
        ));
        assert_eq!(
            read.snapshot.sockets().len(),
            if name.contains("RefCnt") { 2 } else { 3 },
            "{name}"
        );
    }
}

#[test]
fn rows_among_unix_sockets_do_not_count() {
    let tcp = "tcp        0      0 0.0.0.0:22              0.0.0.0:*               LISTEN      -\n";
    let unix = "Active UNIX domain sockets (only servers)\nProto RefCnt Flags       Type       State         I-Node   Path\n\
                unix  2      [ ACC ]     STREAM     LISTENING     20812    /run/a\n";
    let read = capture(&format!("{HEADER}{tcp}{unix}udp 0 0 0.0.0.0:68 0.0.0.0:*\n"));
    assert_eq!(sockets(&read).len(), 1);
    assert_eq!(issues(&read), [(IssueKind::ForgedRow, 7)]);
    assert_eq!(coverage(&read), "");
    let forged = "Proto Recv-Q Send-Q Local Address Foreign Address State\n";
    let read = capture(&format!("{unix}{forged}{tcp}"));
    assert_eq!((sockets(&read).len(), coverage(&read)), (0, String::new()));
    // Another capture behind it counts.
    let read = capture(&format!("{HEADER}{tcp}{unix}{HEADER}{tcp}"));
    assert_eq!(
        (sockets(&read).len(), coverage(&read), issues(&read)),
        (2, "tcp4p".to_owned(), vec![])
    );
}

#[test]
fn an_sctp_endpoint_has_all_its_addresses() {
    let text = format!(
        "{HEADER}\
         sctp                10.0.0.1:36412                                  LISTEN     \n                    \
         10.0.0.2:36412                                              77/amf              \n\
         sctp                [::]:3868                                       LISTEN      78/hss              \n"
    );
    let read = capture(&text);
    assert_eq!(
        sockets(&read),
        [
            "sctp 10.0.0.1:36412 77/\"amf\" others-not-shown",
            "sctp 10.0.0.2:36412 77/\"amf\" others-not-shown",
            "sctp [::]:3868 78/\"hss\" others-not-shown",
        ]
    );
    assert_eq!((coverage(&read), issues(&read)), ("sctp4p6p".to_owned(), vec![]));
}

#[test]
fn further_addresses_of_sctp_have_its_port() {
    let endpoint =
        "sctp                10.0.0.1:36412                                  LISTEN     \n";
    let indent = " ".repeat(20);
    for (below, sockets, issues) in
        [("10.0.0.2:36412", 2, 0), ("10.0.0.2:", 1, 1), ("10.0.0.2:99", 1, 1), ("what", 1, 1)]
    {
        let read = capture(&format!("{HEADER}{endpoint}{indent}{below}    1/x\n"));
        assert_eq!(
            (read.snapshot.sockets().len(), read.issues.len()),
            (sockets, issues),
            "{below}"
        );
    }
    let association =
        "sctp       0      0 10.0.0.1:36412          10.0.0.9:40000          ESTABLISHED\n";
    let read =
        capture(&format!("{HEADER}{association}{indent}10.0.0.2                10.0.0.8    1/x\n"));
    assert_eq!((read.snapshot.sockets().len(), issues(&read)), (0, vec![]));
}

#[test]
fn an_owner_on_a_line_of_its_own_is_the_row_s() {
    let row = "tcp        0      0 0.0.0.0:22              0.0.0.0:*               LISTEN      \n";
    let read = capture(&format!("{HEADER}{row}976/sshd            \n{row}-\n"));
    assert_eq!(
        sockets(&read),
        ["tcp 0.0.0.0:22 976/\"sshd\" others-not-shown", "tcp 0.0.0.0:22 owner-hidden"]
    );
    assert_eq!(issues(&read), []);
}

#[test]
fn other_tables_are_refused() {
    for text in [
        "Kernel Interface table\nIface      MTU    RX-OK RX-ERR\nlo       65536       94      0\n",
        "Kernel IP routing table\nDestination     Gateway         Genmask         Flags   MSS Window  irtt Iface\n0.0.0.0         10.0.0.1        0.0.0.0         UG        0 0          0 eth0\n",
        "Ip:\n    3405107 total packets received\n",
        "IPv6/IPv4 Group Memberships\nInterface       RefCnt Group\n--------------- ------ ---------------------\nlo              1      all-systems.mcast.net\n",
    ] {
        let read = capture(text);
        assert_eq!(read.severity(true), Some(crate::capture::Severity::Error), "{text}");
    }
}

/// Compares with the captures of a folder outside the project, where there is one.
#[test]
fn coverage_is_what_the_command_says() {
    #[expect(clippy::disallowed_methods, reason = "a test asks for its fixtures")]
    let Some(folder) = std::env::var_os("SOCKLINT_SHARED") else {
        eprintln!("SOCKLINT_SHARED is not set: real captures are not compared");
        return;
    };
    let folder = std::path::Path::new(&folder).join("captures");
    let entries = std::fs::read_dir(&folder).unwrap();
    let mut seen = 0;
    for path in entries.map(|entry| entry.unwrap().path()) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let Some(stem) = name.strip_suffix(".expected.json") else { continue };
        #[expect(clippy::disallowed_methods, reason = "a test reads its fixtures")]
        let bytes = std::fs::read(&path).unwrap();
        let expected: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        let format = expected["format"].as_str().unwrap_or_default();
        if !matches!(format, "netstat-linux" | "netstat-busybox" | "netstat-toybox") {
            continue;
        }
        let words = |key: &str| -> BTreeSet<String> {
            let list = expected[key].as_array().unwrap();
            list.iter().map(|word| word.as_str().unwrap().to_owned()).collect()
        };
        let (transports, families) =
            (words("covers_if_command_believed"), words("families_if_command_believed"));
        let command = expected["command"].as_str().unwrap().split(" (").next().unwrap();
        let command = command.rsplit(" ; ").next().unwrap();
        #[expect(clippy::disallowed_methods, reason = "a test reads its fixtures")]
        let bytes = std::fs::read(folder.join(format!("{stem}.txt"))).unwrap();
        let source = SourceFile::decode(stem, bytes).unwrap();
        let options = Options { command: Some(command.to_owned()), ..Options::default() };
        let read = read(Arc::new(source), &options).remove(0);
        for (transport, family, cell) in read.snapshot.coverage.iter() {
            let asked = transports.contains(transport.name()) && families.contains(family.name());
            let covered = !matches!(cell, Cell::Absent(_));
            // Less is covered where the text may be cut, or was shown through watch.
            let less = matches!(cell, Cell::Absent(Missing::CutOff | Missing::Filtered));
            assert!(asked == covered || asked && less, "{stem}: {transport:?} {family:?} {cell:?}");
        }
        seen += 1;
    }
    assert!(seen > 20, "{seen}");
}

fn sample() -> String {
    format!(
        "$ sudo netstat -anpeo\n\
         Active Internet connections (servers and established)\n\
         Proto Recv-Q Send-Q Local Address           Foreign Address         State       User       Inode      PID/Program name     Timer\n\
         tcp        0      0 127.0.0.1:53644         0.0.0.0:*               LISTEN      995        1154674    12387/Passenger Rac  off (0.00/0/0)\n\
         tcp        0      0 10.24.1.245:80          10.24.36.145:32790      SYN_RECV    0          0          -                    on (0.79/0/0)\n\
         udp6       0      0 fe80::a00:27ff:fee8:546 :::*                                0          1          867/systemd-network  off (0.00/0/0)\n\
         sctp                10.0.0.1:36412                                  LISTEN     \n                    \
         10.0.0.2:36412                                             0          1          77/a\nb                off (0.00/0/0)\n\
         Active UNIX domain sockets (servers and established)\n\
         Proto RefCnt Flags       Type       State         I-Node   Path\n\
         unix  2      [ ACC ]     STREAM     LISTENING     535      /run/x\n\
         netns: red\n{HEADER}\
         raw6       0      0 [::]:ipv6-icmp          [::]:*                  7           867/systemd-network \n"
    )
}

/// Spans lie in the text, and no reading panics.
fn check(text: &str) -> Result<(), TestCaseError> {
    for command in [None, Some("netstat -anp")] {
        for capture in captures(text, command) {
            for socket in capture.snapshot.sockets() {
                let sources = &capture.snapshot.sources;
                prop_assert!(!sources.slice(socket.span()).is_empty());
                let endpoint = sources.slice(socket.endpoint_span());
                prop_assert!(endpoint.contains(':'), "{endpoint:?} in {text}");
                for owner in capture.snapshot.owners(socket) {
                    let shown = owner.name.map_or("", |name| capture.snapshot.text(name));
                    prop_assert!(shown.is_empty() || shown.len() <= TOYBOX_NAME * 3 + 64);
                }
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_panics(edits in prop::collection::vec((any::<prop::sample::Index>(), "[ -~\n\t*:/é\u{FFFD}]{0,4}", 0_usize..9), 0..8)) {
        let mut text: Vec<char> = sample().chars().collect();
        for (at, insert, remove) in edits {
            let at = at.index(text.len() + 1);
            let end = (at + remove).min(text.len());
            text.splice(at..end, insert.chars());
        }
        let text: String = text.into_iter().collect();
        check(&text)?;
    }

    #[test]
    fn a_prefix_of_a_capture_covers_nothing_that_it_lost(at in any::<prop::sample::Index>()) {
        let rows: String = (0..5).map(|port| format!(
            "tcp        0      0 0.0.0.0:{:<16}0.0.0.0:*               LISTEN      976/nginx           \n", 8000 + port)).collect();
        let text = format!("$ netstat -tlnp\n{HEADER}{rows}");
        let at = at.index(text.len());
        let whole = text.len() - rows.len();
        let text = text.get(..at).unwrap();
        let read = captures(text, None);
        if !text.ends_with('\n') && at > whole {
            prop_assert!(read[0].snapshot.coverage.is_absent());
        }
        check(text)?;
    }
}

#[test]
fn a_name_does_not_go_on_behind_a_line_that_is_not_its_own() {
    for message in
        ["Cannot open netlink socket: Protocol not supported", "[sudo] password for joe:"]
    {
        let text = format!(
            "Active Internet connections (only servers)\n\
             Proto Recv-Q Send-Q Local Address           Foreign Address         State       PID/Program Name\n\
             tcp        0      0 127.0.0.1:5432          0.0.0.0:*               LISTEN      812/postgres\n\
             {message}\n     0 127.0.0.1:6247  0.0.0.0:*   LISTEN  9/mysqld\n"
        );
        let capture = capture(&text);
        let [socket] = capture.snapshot.sockets() else { panic!("{message}") };
        let [owner] = capture.snapshot.owners(socket) else { panic!("{message}") };
        assert_eq!(
            owner.name.map(|name| capture.snapshot.text(name)),
            Some("postgres"),
            "{message}"
        );
        assert!(capture.snapshot.coverage.is_absent());
    }
}
