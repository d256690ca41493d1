//! Bundles: made, judged again, signed, and tampered with in every way that came to mind.

use std::process::{Command, Stdio};

use socklint::bundle::{
    ENVELOPE, MANIFEST, Manifest, MemberPart, Members, REPORT, STATEMENT, WAIVERS, dsse, json,
    pack, unpack,
};

use crate::support::{NETSTAT, Place};

const POLICY: &str = "\
[policy]
extends = [\"base.toml\"]
[[rule]]
id = \"no-telnet\"
match = { port = 23 }
forbid = true
[[rule]]
id = \"sshd\"
match = { port = 22, transport = \"tcp\" }
require = { process = \"sshd\" }
[[waiver]]
rule = \"no-telnet\"
match = { host = \"db2\" }
reason = \"moving\"
owner = \"ops\"
expires = 2027-01-01
";

const BASE: &str = "\
[[rule]]
id = \"postgres\"
match = { port = 5432, transport = \"tcp\" }
require = { bind = \"loopback\" }
";

const NOW: &str = "--now=2026-11-22";

fn place() -> Place {
    Place::with(&[
        ("policy.toml", POLICY),
        ("base.toml", BASE),
        ("fleet/db1.txt", NETSTAT),
        ("fleet/db2.txt", NETSTAT),
        ("fleet/notes.md", "nothing that anybody could read as sockets\n"),
    ])
}

fn members(place: &Place, name: &str) -> Members {
    unpack(std::fs::read(place.path().join(name)).unwrap().as_slice()).unwrap()
}

fn write(place: &Place, name: &str, members: &Members) {
    let mut bytes = Vec::new();
    pack(members, &mut bytes).unwrap();
    place.write(name, bytes);
}

/// Writes the hash of every member into the manifest, as a forger would.
fn with_hashes(mut members: Members) -> Members {
    let mut manifest: Manifest = serde_json::from_slice(&members[MANIFEST]).unwrap();
    for (name, part) in &mut manifest.members {
        *part = MemberPart::of(&members[name]);
    }
    members.insert(MANIFEST.to_owned(), json(&manifest).unwrap());
    members
}

fn change(members: &mut Members, name: &str, from: &str, to: &str) {
    let text = String::from_utf8(members[name].clone()).unwrap();
    assert!(text.contains(from), "{from} in {text}");
    members.insert(name.to_owned(), text.replacen(from, to, 1).into_bytes());
}

#[test]
fn what_is_bundled_is_judged_again_to_the_same_report() {
    let place = place();
    let made = place.run(&["bundle", "-p", "policy.toml", NOW, "-o", "audit.tar", "fleet"]);
    made.expect(1).says(&["audit.tar: 9 members, not signed", "exit code 1", "notes.md"]);
    let report = place.run(&["check", "-p", "policy.toml", NOW, "-f", "json", "fleet"]).expect(1);
    assert_eq!(
        String::from_utf8(members(&place, "audit.tar")[REPORT].clone()).unwrap(),
        report.out
    );
    let waivers = String::from_utf8(members(&place, "audit.tar")[WAIVERS].clone()).unwrap();
    let waivers: serde_json::Value = serde_json::from_str(&waivers).unwrap();
    assert_eq!(waivers[0]["accepted"].as_array().unwrap().len(), 1);
    // Elsewhere, where neither evidence nor policy is.
    let other = Place::new();
    other.write("audit.tar", std::fs::read(place.path().join("audit.tar")).unwrap());
    let out = other.run(&["verify", "audit.tar"]).expect(0).out;
    assert!(out.contains("the same report, exit code 1") && out.ends_with("verified\n"), "{out}");
}

#[test]
fn a_bundle_is_the_same_from_run_to_run() {
    let (first, second) = (place(), place());
    let args = ["bundle", "-p", "policy.toml", NOW, "-o", "audit.tar", "fleet"];
    first.run(&args).expect(1);
    let status = second
        .command(&args)
        .env("TZ", "Pacific/Kiritimati")
        .env("LC_ALL", "de_DE.UTF-8")
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert_eq!(status.code(), Some(1));
    assert_eq!(members(&first, "audit.tar"), members(&second, "audit.tar"));
    let bytes = |place: &Place| std::fs::read(place.path().join("audit.tar")).unwrap();
    assert_eq!(bytes(&first), bytes(&second));
}

#[test]
fn a_forger_who_mends_the_hashes_is_found_out() {
    let place = place();
    place.run(&["bundle", "-p", "policy.toml", NOW, "-o", "audit.tar", "fleet"]).expect(1);
    let good = members(&place, "audit.tar");
    for (name, from, to, said) in [
        (REPORT, "\"verdict\": \"fail\"", "\"verdict\": \"pass\"", "the report says \"pass\" of"),
        (REPORT, "db1", "db7", "report.json"),
        (WAIVERS, "moving", "staying", "waivers.json"),
        ("evidence/000001", "192.168.100.10:23", "127.0.0.1:23     ", "is not what follows"),
        ("policy/001.toml", "forbid = true", "allow = true ", "it is"),
        (MANIFEST, "\"exit_code\": 1", "\"exit_code\": 0", "exit code was 0"),
        (MANIFEST, "--fail-on=error", "--fail-on=warning", "statement.intoto.json"),
        (STATEMENT, "FAILED", "PASSED", "statement.intoto.json"),
    ] {
        let mut forged = good.clone();
        // Both spellings of JSON: with a blank behind the colon and without.
        let text = String::from_utf8_lossy(&forged[name]).into_owned();
        let (from, to) = match text.contains(from) {
            true => (from.to_owned(), to.to_owned()),
            false => (from.replace(": ", ":"), to.replace(": ", ":")),
        };
        change(&mut forged, name, &from, &to);
        write(&place, "forged.tar", &forged);
        let out = place.run(&["verify", "forged.tar"]).expect(1);
        assert!(out.out.ends_with("NOT verified\n"), "{}", out.out);
        write(&place, "forged.tar", &with_hashes(forged));
        place.run(&["verify", "forged.tar"]).expect(1).says(&[said]);
    }
    let mut less = good.clone();
    less.remove("evidence/000002");
    write(&place, "forged.tar", &less);
    place.run(&["verify", "forged.tar"]).expect(1).says(&["`evidence/000002` is not there"]);
}

/// Key files as openssl writes them; `None` where there is no openssl.
fn keys(place: &Place) -> Option<()> {
    for args in [
        ["genpkey", "-algorithm", "ed25519", "-out", "key.pem"].as_slice(),
        &["pkey", "-in", "key.pem", "-pubout", "-out", "pub.pem"],
        &["genpkey", "-algorithm", "ed25519", "-out", "other.pem"],
        &["pkey", "-in", "other.pem", "-pubout", "-out", "otherpub.pem"],
    ] {
        let run = Command::new("openssl").args(args).current_dir(place.path()).status();
        if !run.is_ok_and(|status| status.success()) {
            println!("skipped: there is no openssl that makes Ed25519 keys");
            return None;
        }
    }
    Some(())
}

#[test]
fn openssl_takes_a_signature_and_refuses_a_changed_byte() {
    let place = place();
    if keys(&place).is_none() {
        return;
    }
    let bundle =
        ["bundle", "-p", "policy.toml", NOW, "--sign", "key.pem", "-o", "audit.tar", "fleet"];
    place.run(&bundle).expect(1).says(&["10 members, signed"]);
    let good = members(&place, "audit.tar");
    let envelope: dsse::Envelope = serde_json::from_slice(&good[ENVELOPE]).unwrap();
    let payload = dsse::payload(&envelope).unwrap();
    assert_eq!(payload, good[STATEMENT]);
    let mut signed = dsse::pae(&payload);
    let signature = {
        use base64::Engine as _;
        base64::engine::general_purpose::STANDARD.decode(&envelope.signatures[0].sig).unwrap()
    };
    place.write("sig.bin", signature);
    let openssl = |signed: &[u8]| {
        place.write("pae.bin", signed);
        let args = "pkeyutl -verify -pubin -inkey pub.pem -rawin -in pae.bin -sigfile sig.bin";
        let mut command = Command::new("openssl");
        command.args(args.split(' ')).current_dir(place.path());
        command.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap().success()
    };
    assert!(openssl(&signed));
    *signed.last_mut().unwrap() ^= 1;
    assert!(!openssl(&signed));

    let out = place.run(&["verify", "audit.tar", "--key", "pub.pem"]).expect(0).out;
    assert!(out.contains("signed by the key that was given"), "{out}");
    let out = place.run(&["verify", "audit.tar"]).expect(0).out;
    assert!(out.contains("not checked"), "{out}");
    let wrong = place.run(&["verify", "audit.tar", "--key", "otherpub.pem"]);
    wrong.expect(1).says(&["no signature of the envelope is by this key"]);
    // The statement is signed, and another one lies beside it.
    let mut forged = good.clone();
    forged.remove(ENVELOPE);
    write(&place, "unsigned.tar", &forged);
    place.run(&["verify", "unsigned.tar"]).expect(0);
    place.run(&["verify", "unsigned.tar", "--key", "pub.pem"]).expect(1).says(&["not signed"]);
}

#[test]
fn bad_input_is_told() {
    let place = place();
    place.write("no.pem", "hello\n");
    let args = ["bundle", "-p", "policy.toml", "--sign", "no.pem", "-o", "audit.tar", "fleet"];
    place.run(&args).expect(2).says(&["cannot be signed", "openssl genpkey"]);
    assert!(!place.names().contains(&"audit.tar".to_owned()), "nothing half-written");
    place.run(&["bundle", "-o", "no/such/place.tar", "fleet"]).expect(2);
    place.run(&["bundle", "-o", "audit.tar", "not-there.txt"]).expect(2);
    place.run(&["verify", "audit.tar"]).expect(0);
    place.run(&["verify", "policy.toml"]).expect(2).says(&["no whole bundle"]);
    place.run(&["verify", "not-there.tar"]).expect(2);
    let bytes = std::fs::read(place.path().join("audit.tar")).unwrap();
    for cut in [0, 100, 600, bytes.len() / 2] {
        place.write("cut.tar", &bytes[..cut]);
        assert_ne!(place.run(&["verify", "cut.tar"]).code, 0, "{cut} bytes");
    }
}
