//! `init` and `inventory` from end to end: files, exit codes, and drafts that hold.

use crate::support::{NETSTAT, Place, tcp_only};

fn place() -> Place {
    Place::with(&[("capture.txt", NETSTAT), ("tcp.txt", &tcp_only())])
}

#[test]
fn evidence_passes_its_own_draft() {
    for capture in ["capture.txt", "tcp.txt"] {
        let place = place();
        let draft = place.run(&["init", capture]).expect(0);
        place.run(&["init", capture, "-o", "draft.toml"]).expect(0);
        assert_eq!(place.read("draft.toml"), draft.out);
        place.run(&["check", "-p", "draft.toml", capture]).expect(0);
    }
    // Where TCP and UDP are covered, each rule matches something.
    let place = place();
    place.run(&["init", "capture.txt", "-o", "draft.toml"]).expect(0);
    place.run(&["check", "--strict", "-p", "draft.toml", "capture.txt"]).expect(0);
}

#[test]
fn what_cannot_be_read_is_not_drafted() {
    let place = place();
    place.write("odd.txt", "no capture at all\n");
    let outcome = place.run(&["init", "capture.txt", "odd.txt", "-o", "draft.toml"]).expect(2);
    assert_eq!(outcome.out, "");
    assert!(!place.names().contains(&"draft.toml".to_owned()));
}

#[test]
fn a_register_is_no_judgement() {
    let place = place();
    place.write(
        "policy.toml",
        "rule = [{ id = \"nothing\", match = { port = \"1-65535\" }, forbid = true }]\n",
    );
    for format in ["human", "markdown", "csv", "json"] {
        let file = format!("{format}=register.txt");
        let args = [
            "inventory",
            "-p",
            "policy.toml",
            "--now",
            "2027-01-01",
            "-f",
            format,
            "-o",
            &file,
            "capture.txt",
        ];
        let outcome = place.run(&args).expect(0);
        assert_eq!(place.read("register.txt"), outcome.out, "{format}");
    }
    place.run(&["inventory", "-p", "policy.toml", "-f", "xml", "capture.txt"]).expect(2);
    place.run(&["inventory", "-p", "missing.toml", "capture.txt"]).expect(2);
    place.run(&["inventory", "-p", "policy.toml", "missing.txt"]).expect(2);
}
