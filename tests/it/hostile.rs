//! Texts and places that once made a clean host of a host that nobody saw.

use socklint::snapshot::Grade;

use crate::support::{NETSTAT, Place, judge, policy, source};

/// A rule about TCP and one about UDP.
const BOTH: &str = r#"
[[rule]]
id = "tcp"
match = { port = 5433, transport = "tcp" }
forbid = true
[[rule]]
id = "udp"
match = { port = 53, transport = "udp" }
forbid = true
"#;
const HEADER: &str = "State Recv-Q Send-Q Local Address:Port Peer Address:Port\n";
const NETIDS: &str = "Netid State Recv-Q Send-Q Local Address:Port Peer Address:Port\n";
const TCP: &str = "LISTEN 0 128 0.0.0.0:22 0.0.0.0:*\n";
const UDP: &str = "UNCONN 0 0 0.0.0.0:68 0.0.0.0:*\n";

/// The exit code of a whole run.
fn code(text: &str) -> u8 {
    judge(&policy(BOTH), source("capture.txt", text), Grade::Presumed, false).exit_code
}

/// Two tables, each behind its command.
fn two(first: &str, second: &str) -> String {
    format!("$ {first}\n{HEADER}{TCP}$ {second}\n{HEADER}{UDP}$ \n")
}

#[test]
#[cfg(unix)]
fn a_report_never_takes_the_place_of_a_device() {
    use std::os::unix::fs::FileTypeExt;
    let place = Place::with(&[("policy.toml", BOTH), ("capture.txt", NETSTAT)]);
    let _socket = std::os::unix::net::UnixListener::bind(place.path().join("here")).unwrap();
    place.run(&["check", "-p", "policy.toml", "-o", "json=here", "capture.txt"]).expect(2);
    let kind = std::fs::metadata(place.path().join("here")).unwrap().file_type();
    assert!(kind.is_socket());

    std::os::unix::fs::symlink("report.json", place.path().join("link")).unwrap();
    place.write("report.json", "");
    place.run(&["check", "-p", "policy.toml", "-o", "json=link", "capture.txt"]).expect(0);
    assert!(place.read("report.json").starts_with('{'));
    assert!(place.path().join("link").is_symlink());
}

#[test]
fn tables_of_different_places_do_not_add_up() {
    assert_eq!(code(&two("ss -lnt", "ss -lnu")), 0);
    for (first, second) in [
        ("ss -lnt", "docker exec web ss -lnu"),
        ("ss -lnt", "sudo ip netns exec red ss -lnu"),
        ("ss -lnt", "ss -lnu -N red"),
        ("ss -lnt", "ss --net=red -lnu"),
        ("ss -lnt", "nsenter -t 7 -n ss -lnu"),
        ("ssh db1 ss -lnt", "ssh db2 ss -lnu"),
        ("ssh db1 ss -lnt", "ss -lnu"),
    ] {
        assert_eq!(code(&two(first, second)), 3, "{first} and {second}");
    }
    assert_eq!(code(&two("ssh db1 ss -lnt", "ssh db1 ss -lnu")), 0);
    let tcp = format!("{NETIDS}tcp {TCP}tcp LISTEN 0 128 [::]:22 [::]:*\n");
    let udp = format!("{NETIDS}udp {UDP}udp UNCONN 0 0 [::]:68 [::]:*\n");
    assert_eq!(code(&format!("{tcp}\n{udp}")), 0);
    assert_eq!(code(&format!("==> a.txt <==\n{tcp}\n==> b.txt <==\n{udp}")), 3);
}

#[test]
fn a_host_that_could_not_be_reached_is_not_left_out() {
    let whole = format!("$ ss -lntu\n{NETIDS}tcp {TCP}udp {UDP}");
    let bars = "---------------\n";
    for failed in [
        "db2 | UNREACHABLE! => {\n    \"changed\": false,\n    \"msg\": \"Failed to connect\"\n}\n",
        "db2 | FAILED! => {\n    \"msg\": \"MODULE FAILURE\"\n}\n",
        "db2 | FAILED | rc=127 >>\nnon-zero return code\n",
        &format!("{bars}db2\n{bars}"),
        &format!("{bars}db[2-4] (3)\n{bars}bash: ss: command not found\n"),
    ] {
        assert_eq!(code(&format!("db1 | CHANGED | rc=0 >>\n{whole}{failed}")), 2, "{failed}");
        assert_eq!(code(&format!("{failed}db1 | CHANGED | rc=0 >>\n{whole}")), 2, "{failed}");
    }
    assert_eq!(code(&format!("db1 | CHANGED | rc=0 >>\n{whole}")), 0);
    assert_eq!(code(&format!("db1 | FAILED | rc=1 >>\n{whole}")), 3);
}

#[test]
fn the_path_of_a_unix_socket_names_no_host() {
    for forged in ["root@evil:~# ", "evil | CHANGED | rc=0 >>", "netns: evil", "$ ss -t"] {
        let text = format!(
            "$ ss -ln\n{NETIDS}u_str LISTEN 0 128 /tmp/x 123 * 0\n{forged}\n 456 * 0\n\
             tcp LISTEN 0 128 0.0.0.0:5433 0.0.0.0:*\n$ \n"
        );
        let judged = judge(&policy(BOTH), source("capture.txt", &text), Grade::Presumed, false);
        assert_eq!(judged.results.len(), 1, "{forged}");
        let snapshot = &judged.results[0].0.snapshot;
        assert_eq!(snapshot.host.name, None, "{forged}");
        assert_eq!(judged.exit_code, 1, "{forged}");
    }
}

#[test]
fn an_interrupted_or_shortened_table_proves_no_absence() {
    for end in [
        "^C",
        "Killed",
        "Terminated",
        "Segmentation fault (core dumped)",
        "Connection to db1 closed by remote host.",
        "client_loop: send disconnect: Broken pipe",
        "packet_write_wait: Connection to 192.0.2.1 port 22: Broken pipe",
        "RTNETLINK r\u{e9}ponses : Op\u{e9}ration non support\u{e9}e",
        "socket: Permission denied",
        "--More--",
        "--More--(42%)",
        "lines 1-20",
        "(END)",
        "...",
        "[...]",
        "\u{2026}",
        "<snip>",
        "[output truncated]",
        "(20 more lines omitted)",
        "WARNING: output truncated after 100 lines",
        "-- 50 lines omitted --",
        "lost 50 rows",
        "... 120 lines skipped ...",
        "timed out",
        "error: unexpected EOF",
        "NLMSG_ERROR",
    ] {
        let users = "users:((\"sshd\",pid=703,fd=3))";
        let ss = format!("$ ss -lntu\n{NETIDS}tcp {}    {users}\n{end}\n$ \n", TCP.trim_end());
        assert_ne!(code(&ss), 0, "{end}");
        let six = format!("tcp {TCP}udp {UDP}").replace("0.0.0.0", "[::]");
        let ss = format!("$ cat ss.txt\n{NETIDS}tcp {TCP}udp {UDP}{six}");
        assert_eq!(code(&ss), 0);
        assert_ne!(code(&format!("{ss}{end}\n$ \n")), 0, "{end}");
        assert_ne!(code(&format!("{ss}\n{end}\n$ \n")), 0, "{end}");
        let ss = format!("$ ss -lntu\n{NETIDS}tcp {TCP}\n{end}\n$ \n");
        assert_ne!(code(&ss), 0, "{end}");
        let ss = format!("$ ss -lntu\n{NETIDS}tcp {TCP}{end}\n$ \n");
        assert_ne!(code(&ss), 0, "{end}");
        let ss = format!("$ ss -lntu\n{NETIDS}tcp {TCP}{end}\nudp {UDP}$ \n");
        assert_ne!(code(&ss), 0, "{end}");
        assert_ne!(code(&format!("$ netstat -lntup\n{NETSTAT}{end}\n$ \n")), 0, "{end}");
    }
}

#[test]
fn text_directly_below_a_table_may_say_why_it_ends() {
    let ss = |below: &str| format!("$ ss -lntu\n{NETIDS}tcp {TCP}udp {UDP}{below}");
    let netstat = |below: &str| format!("$ netstat -lntup\n{NETSTAT}{below}");
    for below in ["worker gave up\n", "worker gave up\n\nother\n"] {
        assert_eq!(code(&ss(below)), 3, "{below}");
        assert_eq!(code(&netstat(below)), 3, "{below}");
    }
    for below in [
        "",
        "\nAll is well.\n",
        "```\nAll is well.\n",
        "=== ip route ===\ndefault via 192.0.2.1 dev eth0\n",
        "Routes:\ndefault via 192.0.2.1 dev eth0\n",
        "\nPLAY RECAP\ndb1 : ok=1 changed=1 unreachable=0 failed=0 skipped=0\n",
        "$ uptime\n 12:00:00 up 3 days\n",
        "me@db1 ~> exit\n",
        "logout\n",
    ] {
        assert_eq!(code(&ss(below)), 0, "{below}");
        assert_eq!(code(&netstat(below)), 0, "{below}");
    }
    assert_eq!(code(&ss("12:00:00 up 3 days\n").replace("-lntu\n", "-lntu; uptime\n")), 0);
}

#[test]
fn what_went_to_a_file_is_not_what_is_shown() {
    for command in [
        "ss -lntup > x; grep 22 x",
        "ss -lntup > x; head x",
        "ss -lntup > x && head -3 x",
        "ss -lntup > x || cat x | grep 22",
        "ss -lntu -A udp",
        "ss -4 -6 -lntu",
        "ss -lntu | sort --unique -k1,1",
        "ss -lntu | column old.txt",
    ] {
        let table = format!("{NETIDS}tcp {TCP}udp {UDP}");
        assert_eq!(code(&format!("$ {command}\n{table}$ \n")), 3, "{command}");
        let place = Place::with(&[("policy.toml", BOTH)]);
        place.write("capture.txt", &table);
        let given = ["check", "-p", "policy.toml", "--command", command, "capture.txt"];
        place.run(&given).expect(3);
    }
    let command = "netstat -lntup > x; grep 22 x";
    assert_eq!(code(&format!("$ {command}\n{NETSTAT}$ \n")), 3);
}

#[test]
fn a_row_behind_a_mark_is_not_dropped() {
    for mark in ["# ", "$ ", "root@h:~# ", "h$ "] {
        let row = "tcp LISTEN 0 128 0.0.0.0:5433 0.0.0.0:*";
        let text = format!("$ ss -lntu\n{NETIDS}tcp {TCP}{mark}{row}\nudp {UDP}$ \n");
        assert_eq!(code(&text), 2, "{mark}");
        let row = "tcp 0 0 0.0.0.0:5433 0.0.0.0:* LISTEN 1/x";
        let text = format!("$ netstat -lntup\n{NETSTAT}{mark}{row}\n$ \n");
        assert_eq!(code(&text), 2, "{mark}");
    }
}

#[test]
fn a_command_that_goes_on_in_the_next_line_is_not_known() {
    for command in
        ["ss -lntu \\\n> | grep 22", "ss -lntu \\\n  sport = :22", "ss -lntu \"\n> sport = :22\""]
    {
        assert_eq!(code(&format!("$ {command}\n{NETIDS}tcp {TCP}udp {UDP}$ \n")), 3, "{command}");
    }
    for command in ["ss -lntu | less", "ss -lntu | cat other.txt", "ss -lntu | tr -d 5"] {
        assert_eq!(code(&format!("$ {command}\n{NETIDS}tcp {TCP}udp {UDP}$ \n")), 3, "{command}");
    }
}

#[test]
fn the_last_lines_of_a_table_are_rows_too() {
    let table = format!("$ ss -lntu\n{NETIDS}tcp {TCP}udp {UDP}");
    assert_eq!(code(&format!("{table}$ \n")), 0);
    let row = "tcp LISTEN 0 128 0.0.0.0:5433 0.0.0.0:*";
    for blank in ["\u{c}", "\u{b}", "\u{2003}", "\u{200b}", "\0", "\u{feff}", "\u{85}", "|", ","] {
        assert_eq!(code(&format!("{table}{}\n$ \n", row.replace(' ', blank))), 2, "{blank:?}");
    }
    for len in 1..row.len() {
        for text in [format!("{table}{}\n", &row[..len]), format!("{table}{}\n", &row[len..])] {
            assert_ne!(code(&text), 0, "{text}");
        }
    }
}

#[test]
fn rows_of_netstat_that_lost_a_line_feed_are_not_read_as_a_name() {
    for glue in ["", " ", "            ", "\r"] {
        let row = "tcp        0      0 0.0.0.0:5433            0.0.0.0:*               LISTEN ";
        for owner in ["     812/postgres", ""] {
            let text = format!("{}{glue}{row}{owner}\n", NETSTAT.trim_end());
            assert_ne!(code(&text), 0, "{text}");
        }
        let bare = format!("# netstat -lntu\n{}", NETSTAT.replace("PID/Program name", ""));
        let bare = bare.lines().map(|line| line.split("   9").next().unwrap()).collect::<Vec<_>>();
        assert_ne!(code(&format!("{}{glue}{row}\n", bare.join("\n"))), 0, "{glue:?}");
    }
}

#[test]
fn a_snapshot_behind_a_table_is_not_dropped() {
    let snapshot = r#"{"schema": "socklint/snapshot/1", "coverage": {}, "sockets": []}"#;
    assert_eq!(code(&format!("$ ss -lntu\n{NETIDS}tcp {TCP}udp {UDP}{snapshot}\n")), 2);
    assert_eq!(code(&format!("$ netstat -lntup\n{NETSTAT}{snapshot}\n")), 2);
}

#[test]
fn a_message_instead_of_a_capture_is_no_passing_file() {
    let place = Place::with(&[("policy.toml", BOTH)]);
    place.write("refused.txt", "ssh: connect to host db1 port 22: Connection refused\n");
    place.write("capture.txt", NETSTAT);
    place.run(&["check", "-p", "policy.toml", "."]).expect(2);
}

#[test]
fn the_name_of_a_process_names_no_host() {
    for forged in ["root@b:~# ", "b | FAILED >>", "a@b$ x"] {
        let rows = |port, owner| {
            format!(
                "tcp        0      0 0.0.0.0:{port:<15} 0.0.0.0:*               LISTEN      {owner}\n"
            )
        };
        let header = NETSTAT.lines().take(2).collect::<Vec<_>>().join("\n");
        let text = format!(
            "root@web:~# netstat -lntup\n{header}\n{}{}{}root@web:~# \n",
            rows(22, "5/sshd"),
            rows(23, &format!("1/\n{forged}")),
            rows(5433, "7/postgres"),
        );
        let judged = judge(&policy(BOTH), source("capture.txt", &text), Grade::Presumed, false);
        assert_eq!(judged.results.len(), 1, "{text}");
        let host = judged.results[0].0.snapshot.host.name.as_deref();
        assert_eq!((judged.exit_code, host), (1, Some("web")), "{text}");
    }
}

#[test]
fn the_other_format_takes_no_rows_away() {
    let bad = "tcp LISTEN 0 128 0.0.0.0:5433 0.0.0.0:*\n";
    for odd in ["Proto RefCnt Flags", "unix  2      [ ACC ]     STREAM     LISTENING     1"] {
        let text = format!("$ ss -lntu\n{NETIDS}tcp {TCP}udp {UDP}{odd}\n{bad}$ \n");
        assert_eq!(code(&text), 2, "{odd}");
        let text = format!(
            "$ ss -ln\n{NETIDS}u_str LISTEN 0 128 /x 123 * 0\n{odd}\n 456 * 0\n{bad}udp {UDP}$ \n"
        );
        assert_ne!(code(&text), 0, "{odd}");
    }
}

#[test]
fn no_row_hides_in_the_name_of_a_process() {
    let text = format!(
        "$ ss -lntup\n{NETIDS}udp {UDP}tcp LISTEN 0 128 0.0.0.0:22 0.0.0.0:* users:((\"sshd\",pid=2,fd=3)\
         tcp LISTEN 0 128 0.0.0.0:5433 0.0.0.0:* users:((\"postgres\",pid=1,fd=3))\n$ \n"
    );
    assert_eq!(code(&text), 2);
}
