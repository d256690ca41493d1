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
