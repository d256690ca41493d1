//! Evidence that is not where, or not of what, its names say: it counts, or the run says that it does not.

use serde_json::json;

use crate::support::{Outcome, Place, flat};

const POLICY: &str = "[[rule]]\nid = \"only-22\"\n\
                      match = { transport = [\"tcp\", \"udp\"], not = { port = 22 } }\n\
                      require = { bind = \"loopback\" }\n";

/// A listing of ss with the prompt `$ `, with a listener of the Docker API where it is bad.
fn ss(prompt: &str, bad: bool) -> String {
    let mut text = format!(
        "{prompt}\nNetid State  Recv-Q Send-Q Local Address:Port  Peer Address:PortProcess\n\
         tcp   LISTEN 0      128          0.0.0.0:22         0.0.0.0:*    users:((\"sshd\",pid=703,fd=3))\n\
         tcp   LISTEN 0      128             [::]:22            [::]:*    users:((\"sshd\",pid=703,fd=3))\n"
    );
    if bad {
        text.push_str(
            "tcp   LISTEN 0      128          0.0.0.0:2375       0.0.0.0:*    users:((\"d\",pid=7,fd=3))\n",
        );
    }
    text
}

fn good() -> String {
    ss("$ ss -lntup", false)
}

fn bad() -> String {
    ss("$ ss -lntup", true)
}

/// Checks one input that consists of these files, with options.
fn check(files: &[(&str, &str)], args: &[&str]) -> Outcome {
    let place = Place::with(files);
    place.write("policy/p.toml", POLICY);
    let mut all = vec!["check", "-p", "policy/p.toml"];
    all.extend(args);
    place.run(&all)
}

fn check_record(record: &serde_json::Value) -> Outcome {
    check(&[("s.ndjson", &format!("{record}\n"))], &["s.ndjson"])
}

#[test]
fn a_capture_under_the_name_of_another_format_counts() {
    for key in ["netstat", "proc-net", "lsof"] {
        let run = check_record(&json!({"host": "a", "ss": good(), key: bad()})).expect(1);
        assert!(flat(&run.out).contains("socklint::capture::misnamed"), "{key}: {}", run.out);
    }
    let alone = check_record(&json!({"host": "a", "netstat": bad()})).expect(1);
    assert!(flat(&alone.out).contains("this is called `netstat`, and it is `ss`"), "{}", alone.out);
}

#[test]
fn a_capture_of_a_record_that_cannot_be_read_is_an_error() {
    for text in ["garbage\n", "", " \n", "{\"host\": \"db1\"}\n", "a\0b\u{1}\0\0"] {
        let record = json!({"host": "a", "ss": good(), "lsof": text});
        let run = check_record(&record).expect(2);
        assert!(flat(&run.out).contains("socklint::capture::bad_record"), "{text}: {}", run.out);
        // In a folder the host is not passed over for it.
        let text = format!("{record}\n");
        check(&[("d/s.json", &text), ("d/t.txt", &good())], &["d"]).expect(2);
    }
    let none = json!({"host": "a", "ss": "garbage\n"});
    check(&[("d/s.json", &format!("{none}\n")), ("d/t.txt", &good())], &["d"]).expect(2);
    // That a tool is missing is no fault of the host, and is told.
    let text = "bash: lsof: command not found\n";
    let run = check_record(&json!({"host": "a", "ss": good(), "lsof": text})).expect(0);
    assert!(flat(&run.out).contains("socklint::capture::file_unread"), "{}", run.out);
}

#[test]
fn keys_of_a_record_that_are_meant_to_be_read_are_errors() {
    for (key, near) in [
        ("Netstat", "did you mean `netstat`?"),
        ("ss2", "did you mean `ss`?"),
        ("SS", "did you mean `ss`?"),
        ("proc_net", "did you mean `proc-net`?"),
        ("netsat", "did you mean `netstat`?"),
        ("listing", "stands a list of sockets: name it `ss`"),
    ] {
        let run = check_record(&json!({"host": "a", "ss": good(), key: bad()})).expect(2);
        assert!(flat(&run.out).contains(near), "{key}: {}", run.out);
    }
    let command = json!({"host": "a", "ss": good(), "Command": "ss -lntup | grep 22"});
    check_record(&command).expect(2);
    let twice = format!(
        "{{\"host\": \"a\", \"ss\": {}, \"command\": \"ss -ltn | grep 1\", \"command\": \"ss -lntup\"}}\n",
        json!(good())
    );
    let run = check(&[("s.ndjson", &twice)], &["s.ndjson"]).expect(2);
    assert!(flat(&run.out).contains("the key `command` stands twice"), "{}", run.out);
    // What else a collector says of the host does no harm.
    let more = json!({
        "host": "a", "ss": good(), "os": "Debian GNU/Linux 12", "site": "fra1", "comment": "a b", "hosts": 3,
        "uptime": " 09:00:01 up 3 days,  1:02,  1 user\n", "tags": ["a"], "snapshot_id": "7", "command": null,
        "facts": {"SS": 1}, "name": "a b",
    });
    check_record(&more).expect(0);
}

#[test]
fn files_of_a_host_that_hold_something_else_are_shown_or_read() {
    for (name, text) in [("ss.txt", ""), ("netstat.txt", "{\"host\":\"db1\"}\n")] {
        let name = format!("d/db1/{name}");
        let run = check(&[("d/db1/ss-lntup.txt", &good()), (&name, text)], &["d"]).expect(0);
        assert!(flat(&run.out).contains("socklint::capture::file_unread"), "{name}: {}", run.out);
    }
    for name in ["ip-addr.txt", "ps.txt", "hostname.txt"] {
        let name = format!("d/db1/{name}");
        let run = check(&[("d/db1/ss-lntup.txt", &good()), (&name, &bad())], &["d"]).expect(1);
        assert!(flat(&run.out).contains("and it is `ss`"), "{name}: {}", run.out);
    }
}

/// The names of hosts in a JSON report, and its exit code.
fn judged(files: &[(&str, &str)], args: &[&str]) -> (Vec<String>, i32) {
    let run = check(files, &[args, &["-f", "json"]].concat());
    let report = run.json();
    let hosts = report["hosts"].as_array().unwrap().iter();
    (hosts.map(|host| host["host"].as_str().unwrap().to_owned()).collect(), run.code)
}

#[test]
fn what_ssh_shows_is_of_the_machine_that_it_leads_to() {
    for typed in [
        "root@bastion:~# ssh db9 ss -lntup",
        "root@bastion:~# ssh root@db9 sudo ss -lntup",
        "$ ssh -p 22 ssh://root@db9:22 'ss -lntup'",
        "root@bastion:~# ssh gate ssh db9 ss -lntup",
    ] {
        let text = ss(typed, false);
        assert_eq!(judged(&[("x.txt", &text)], &["x.txt"]), (vec!["db9".to_owned()], 0), "{typed}");
        let text = format!("{text}root@bastion:~# \n");
        assert_eq!(judged(&[("x.txt", &text)], &["x.txt"]), (vec!["db9".to_owned()], 0), "{typed}");
    }
    let two = ss("root@bastion:~# ssh db8 ss -lntup", false)
        + &ss("root@bastion:~# ssh db9 ss -lntup", true)
        + &ss("root@bastion:~# ss -lntup", false);
    let names = ["db8", "db9", "bastion"].map(str::to_owned).to_vec();
    assert_eq!(judged(&[("x.txt", &two)], &["x.txt"]), (names, 1));
}

#[test]
fn what_runs_in_a_container_or_namespace_decides_nothing_of_the_host() {
    for typed in [
        "docker exec web ss -lntup",
        "docker compose exec web ss -lntup",
        "podman exec -it web ss -lntup",
        "lxc exec web -- ss -lntup",
        "pct exec 101 -- ss -lntup",
        "kubectl exec -n prod web-0 -- ss -lntup",
        "ip netns exec red ss -lntup",
        "sudo nsenter -t 33 -n ss -lntup",
        "ss -lntup -N red",
        "ssh db1 docker exec web ss -lntup",
    ] {
        let text = ss(&format!("root@db1:~# {typed}"), false);
        let run = check(&[("x.txt", &text)], &["x.txt"]).expect(3);
        assert!(flat(&run.out).contains("not of the host's own sockets"), "{typed}: {}", run.out);
        // By `--command`, and in a record.
        let bare = text.split_once('\n').unwrap().1;
        check(&[("x.txt", bare)], &["--command", typed, "x.txt"]).expect(3);
        let record = json!({"host": "db1", "ss": bare, "command": typed}).to_string() + "\n";
        check(&[("s.ndjson", &record)], &["s.ndjson"]).expect(3);
        // A violation in it is one.
        let text = ss(&format!("root@db1:~# {typed}"), true);
        check(&[("x.txt", &text)], &["x.txt"]).expect(1);
        // Beside the host's own sockets all is there.
        let both = text_of_both(typed);
        check(&[("x.txt", &both)], &["x.txt"]).expect(0);
        let inside = ss(&format!("$ {typed}"), false);
        check(&[("d/db1/ss.txt", &good()), ("d/db1/ss-2.txt", &inside)], &["d"]).expect(0);
    }
    for typed in [
        "nsenter -t 1 -n ss -lntup",
        "sudo ss -lntup",
        "doas ss -lntup",
        "env LC_ALL=C timeout 5 ss -lntup",
    ] {
        let text = ss(&format!("root@db1:~# {typed}"), false);
        check(&[("x.txt", &text)], &["x.txt"]).expect(0);
    }
    // A container that is named as the host is the host.
    let text = ss("root@db1:~# docker exec web ss -lntup", false);
    check(&[("x.txt", &text)], &["--host", "web", "x.txt"]).expect(0);
    let text = ss("$ docker exec web ss -lntup", false);
    check(&[("web.txt", &text)], &["web.txt"]).expect(0);
    let record = json!({"host": "web", "ss": text}).to_string() + "\n";
    check(&[("s.ndjson", &record)], &["s.ndjson"]).expect(0);
}

#[test]
fn what_is_typed_in_a_shell_of_another_namespace_decides_nothing_of_the_host() {
    let code = |text: &str| check(&[("x.txt", text)], &["x.txt"]).code;
    let at = |typed: &str| format!("root@db1:~# {typed}\n");
    let (own, bad) = (ss("root@db1:~# ss -lntup", false), ss("root@db1:~# ss -lntup", true));
    for enter in [
        "ip netns exec red bash",
        "sudo ip netns exec red bash -l",
        "nsenter -t 33 -n",
        "docker exec -it web sh",
        "lxc-attach -n web",
        "cd /tmp && docker exec -it web bash",
        "docker exec -it web bash; clear",
        "docker run -it --rm alpine sh",
        "ip netns exec red bash --rcfile /x",
        "ip netns exec red $SHELL",
    ] {
        let enter = at(enter);
        assert_eq!(code(&format!("{enter}{own}")), 3, "{enter}");
        assert_eq!(code(&format!("{enter}{bad}")), 1, "{enter}");
        // A shell within it, and one that is left again.
        assert_eq!(code(&format!("{enter}{}{own}", at("su - app"))), 3, "{enter}");
        let left = [at("su - app"), at("exit")].concat();
        assert_eq!(code(&format!("{enter}{left}{own}")), 3, "{enter}");
        // Back on the host.
        assert_eq!(code(&format!("{enter}{}{own}", at("exit"))), 0, "{enter}");
        assert_eq!(code(&format!("{enter}{own}{}{own}", at("exit"))), 0, "{enter}");
        assert_eq!(code(&format!("{enter}{left}{}{own}", at("logout"))), 0, "{enter}");
        // A prompt of its own between: what is back is the host, however it was left.
        let inner = ss("root@3f2c1a9b7e11:/# ss -lntup", false);
        let run = check(&[("x.txt", &format!("{enter}{inner}{own}"))], &["x.txt"]).expect(0);
        assert!(run.out.contains("2 hosts"), "{}", run.out);
    }
    // What only runs there, and shells of the host itself, change nothing.
    for typed in ["ip netns exec red ip addr", "sh -c true", "bash", "su -", "exit", "sudo -i"] {
        assert_eq!(code(&format!("{}{own}", at(typed))), 0, "{typed}");
    }
}

fn text_of_both(typed: &str) -> String {
    ss("root@db1:~# ss -lntup", false) + &ss(&format!("root@db1:~# {typed}"), false)
}

#[test]
fn a_name_that_contradicts_the_text_is_told() {
    let other = ss("root@db9:~# ss -lntup", false);
    let warned = |run: Outcome, is: bool| {
        let run = run.expect(0);
        assert_eq!(flat(&run.out).contains("socklint::capture::misnamed"), is, "{}", run.out);
    };
    warned(check_record(&json!({"host": "db1", "ss": other})), true);
    warned(check(&[("x.txt", &other)], &["--host", "web7", "x.txt"]), true);
    warned(check(&[("d/hosts/db2/ss-lntup.txt", &other)], &["d"]), true);
    warned(check(&[("x.txt", &good())], &["--host", "web7", "x.txt"]), false);
    warned(check(&[("db2.txt", &other)], &["db2.txt"]), false);
    for name in ["db9", "DB9.example.org"] {
        warned(check_record(&json!({"host": name, "ss": other})), false);
        warned(check(&[("x.txt", &other)], &["--host", name, "x.txt"]), false);
    }
    for host in ["localhost", "3f2a1b4c5d6e", "192.0.2.4"] {
        let text = ss(&format!("root@{host}:~# ss -lntup"), false);
        warned(check_record(&json!({"host": "db1", "ss": text})), false);
    }
}

#[test]
fn hosts_that_no_rule_is_for_are_named() {
    let policy = format!("[policy]\nname = \"p\"\nhosts = [\"db*\"]\n{POLICY}");
    let place = Place::with(&[("p.toml", &policy), ("d/db1.txt", &good()), ("d/bd2.txt", &bad())]);
    for format in ["human", "json", "sarif", "github"] {
        let run = place.run(&["check", "-p", "p.toml", "-f", format, "d"]).expect(0);
        run.says(&["no rule of the policy is for 1 host, not judged: bd2"]);
    }
    for number in 0..7 {
        place.write(&format!("d/x{number}.txt"), good());
    }
    let run = place.run(&["check", "-p", "p.toml", "d"]).expect(0);
    run.says(&["is for 8 hosts, not judged: bd2, x0, x1, x2, x3 and 3 more"]);
    place.run(&["check", "-p", "p.toml", "-q", "d"]).expect(0);
}

#[test]
fn own_reports_beside_the_evidence_are_passed_over() {
    let place = Place::with(&[("p.toml", POLICY), ("ev/db1.txt", &good())]);
    let args = ["check", "-p", "p.toml", "-o", "json=ev/report.json", "ev"];
    place.run(&args).expect(0);
    place.run(&args).expect(0).says(&["ev/report.json is a report of socklint"]);
    place.run(&["check", "-p", "p.toml", "ev/report.json"]).expect(2);
    // A report with evidence behind it is more than a report.
    let report = place.read("ev/report.json");
    place.write("ev/report.json", format!("{report}\n{}", bad()));
    assert_ne!(place.run(&["check", "-p", "p.toml", "ev"]).code, 0);
    place.write(
        "ev/report.json",
        format!("{{\"schema\":\"socklint/report/1\",\"x\":1}}\n{}", bad()),
    );
    assert_ne!(place.run(&["check", "-p", "p.toml", "ev"]).code, 0);
}

/// What says in some way that rows are gone keeps a table from proving anything, in every format.
#[test]
fn gaps_below_a_table_are_told() {
    let netstat = "Active Internet connections (only servers)\nProto Recv-Q Send-Q Local Address           \
         Foreign Address         State       PID/Program name    \n\
         tcp        0      0 0.0.0.0:22              0.0.0.0:*               LISTEN      605/sshd            \n\
         udp        0      0 127.0.0.1:323           0.0.0.0:*                           901/chronyd         \n";
    let file = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
         \x20  0: 0100007F:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 100 1\n";
    let proc_net = ["tcp", "tcp6", "udp", "udp6"]
        .map(|name| match name {
            "tcp" => format!("==> /proc/net/tcp <==\n{file}"),
            _ => format!("==> /proc/net/{name} <==\n{}\n", file.lines().next().unwrap()),
        })
        .concat();
    let texts = [
        format!("root@h1:~# netstat -lntup\n{netstat}"),
        proc_net,
        ss("root@h1:~# ss -lntup", false),
    ];
    for text in &texts {
        check(&[("x.txt", text)], &["x.txt"]).expect(0);
        for gap in [
            "... and 3 more listeners",
            "... 3 more",
            "-- snip --",
            "-- 1 row removed --",
            "* rest removed for brevity",
            "--- rest removed ---",
            "=== 2375 hidden ===",
            "[[ 3 lines hidden ]]",
            "output limited to 50 lines",
            "50 lines omitted",
        ] {
            for between in ["", "\n"] {
                let run = check(&[("x.txt", &format!("{text}{between}{gap}\n"))], &["x.txt"]);
                assert_ne!(run.code, 0, "{text}{between}{gap}");
            }
        }
    }
    for below in [
        "You have new mail in /var/spool/mail/root\n",
        "real\t0m0.012s\nuser\t0m0.004s\nsys\t0m0.008s\n",
        "Job succeeded\n",
        "Script finished at 12:00\n",
    ] {
        let text = &texts[2];
        check(&[("x.txt", &format!("{text}{below}"))], &["x.txt"]).expect(0);
    }
}

#[test]
fn snapshots_that_contradict_themselves_prove_nothing() {
    let snapshot = |more: &str, kind: &str| {
        format!(
            "{{\"schema\":\"socklint/snapshot/1\",\"host\":{{\"name\":\"a\"}},\
             \"source\":{{\"kind\":\"{kind}\",\"format\":\"live\"}},\
             \"coverage\":{{\"tcp/ipv4\":\"proven\",\"tcp/ipv6\":\"proven\",\"udp/ipv4\":\"proven\",\
             \"udp/ipv6\":\"proven\"}},\"sockets\":[]{more}}}\n"
        )
    };
    let missing = |reason: &str| {
        format!(",\"namespaces\":[{{\"name\":\"x\",\"inode\":5,\"missing\":{reason}}}]")
    };
    for (more, kind, code) in [
        (String::new(), "observed", 0),
        (missing("null"), "observed", 0),
        (missing("\"namespace-not-entered\""), "observed", 3),
        (String::new(), "declared", 3),
    ] {
        check(&[("s.json", &snapshot(&more, kind))], &["s.json"]).expect(code);
    }
}
