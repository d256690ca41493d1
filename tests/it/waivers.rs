//! Waivers: required, scoped, shown, and over at the same moment everywhere.

use crate::support::{Place, flat};

const EVIDENCE: &str = "$ ss -lntup\n\
Netid State  Recv-Q Send-Q Local Address:Port Peer Address:Port Process\n\
tcp   LISTEN 0      244          0.0.0.0:5432      0.0.0.0:*    users:((\"postgres\",pid=8,fd=5))\n\
tcp   LISTEN 0      244        127.0.0.1:22        0.0.0.0:*    users:((\"sshd\",pid=9,fd=3))\n";

const RULES: &str = "[policy]\nname = \"db\"\n\n[[rule]]\nid = \"pg\"\nmatch = { port = 5432, transport = \"tcp\" }\n\
require = { bind = \"loopback\" }\n";

fn waiver(rule: &str, matches: &str, expires: &str) -> String {
    format!(
        "{RULES}\n[[waiver]]\nrule = \"{rule}\"\nmatch = {matches}\nreason = \"migration\"\n\
         owner = \"dba@example.org\"\nexpires = {expires}\n"
    )
}

fn place(policy: &str) -> Place {
    Place::with(&[("p.toml", policy), ("db1.txt", EVIDENCE)])
}

const CHECK: [&str; 4] = ["check", "-p", "p.toml", "db1.txt"];

fn check(policy: &str, now: &str) -> crate::support::Outcome {
    let mut args = CHECK.to_vec();
    args.extend(["--now", now]);
    place(policy).run(&args)
}

#[test]
fn a_waived_violation_is_shown_and_does_not_fail_the_run() {
    let policy = waiver("pg", "{ port = 5432 }", "2027-01-31");
    let outcome = check(&policy, "2026-12-01").expect(0);
    let shown = flat(&outcome.out);
    assert!(shown.contains("waived: a listener must bind loopback only"), "{shown}");
    assert!(shown.contains("migration (dba@example.org)"), "{shown}");
    assert!(shown.contains("waived until 2027-01-31"), "{shown}");
    assert!(shown.contains("1 waived"), "{shown}");
    let mut args = CHECK.to_vec();
    args.extend(["--now", "2026-12-01", "-f", "json"]);
    let report = place(&policy).run(&args).expect(0).json();
    let result = &report["hosts"][0]["results"][0];
    assert_eq!(result["verdict"], "waived");
    assert_eq!(result["violations"][0]["waiver"]["owner"], "dba@example.org");
    assert_eq!(report["summary"]["waived"], 1);
    args.push("--no-waivers");
    assert_eq!(
        place(&policy).run(&args).expect(1).json()["hosts"][0]["results"][0]["verdict"],
        "fail"
    );
}

#[test]
fn a_date_ends_with_its_day_in_utc_under_every_time_zone() {
    let cases = [
        ("2027-01-31", "2027-01-31T23:59:59Z", 0),
        ("2027-01-31", "2027-02-01T00:00:00Z", 1),
        // The same moments, as clocks far east and far west show them.
        ("2027-01-31", "2027-02-01T13:59:59+14:00", 0),
        ("2027-01-31", "2027-02-01T14:00:00+14:00", 1),
        ("2027-01-31", "2027-01-31T12:59:59-11:00", 0),
        ("2027-01-31", "2027-01-31T13:00:00-11:00", 1),
        ("2027-01-31T18:00:00+02:00", "2027-01-31T15:59:59Z", 0),
        ("2027-01-31T18:00:00+02:00", "2027-01-31T16:00:00Z", 1),
        ("2027-01-31", "2027-01-31", 0),
        ("2027-01-31", "2027-02-01", 1),
    ];
    for (expires, now, code) in cases {
        let policy = waiver("pg", "{ port = 5432 }", expires);
        for zone in ["UTC", "Pacific/Kiritimati", "Pacific/Pago_Pago"] {
            let place = place(&policy);
            let mut args = CHECK.to_vec();
            args.extend(["--now", now]);
            let output = place.command(&args).env("TZ", zone).output().unwrap();
            assert_eq!(output.status.code(), Some(code), "{expires} at {now} under {zone}");
        }
    }
}

#[test]
fn an_expired_waiver_is_named_beside_the_violation() {
    let policy = waiver("pg", "{ port = 5432 }", "2027-01-31");
    let outcome = check(&policy, "2027-03-01").expect(1);
    let shown = flat(&outcome.out);
    assert!(shown.contains("the waiver expired on 2027-01-31"), "{shown}");
    assert!(
        shown.contains("the waiver of `pg` is expired, so its violations count again"),
        "{shown}"
    );
}

#[test]
fn a_waiver_is_warned_of_before_it_ends_and_when_it_is_too_long() {
    let policy = waiver("pg", "{ port = 5432 }", "2027-01-31");
    let soon = flat(&check(&policy, "2027-01-20").expect(0).out);
    assert!(soon.contains("expires within 14 days"), "{soon}");
    let early = flat(&check(&policy, "2027-01-01").expect(0).out);
    assert!(!early.contains("expires within"), "{early}");
    for limit in ["waiver_max_days = 30", "waiver_max_days = { error = 30, note = 300 }"] {
        let policy = policy.replace("name = \"db\"", &format!("name = \"db\"\n{limit}"));
        let long = flat(&check(&policy, "2026-12-01").expect(0).out);
        assert!(long.contains("runs longer than the 30 days"), "{long}");
        let strict = place(&policy);
        let mut args = CHECK.to_vec();
        args.extend(["--now", "2026-12-01", "--strict"]);
        strict.run(&args).expect(2);
    }
}

#[test]
fn a_waiver_covers_what_its_match_is_surely_true_of() {
    for (matches, code) in [
        ("{ port = 5432, host = \"db1\" }", 0),
        ("{ port = 5432, host = \"db2\" }", 1),
        ("{ port = 5433 }", 1),
        ("{ process = \"postgres\" }", 0),
        // Who the user is the evidence does not say: the violation counts.
        ("{ user = \"postgres\" }", 1),
        ("{ not = { user = \"root\" } }", 1),
        ("{}", 0),
    ] {
        check(&waiver("pg", matches, "2027-01-31"), "2026-12-01").expect(code);
    }
    check(&waiver("p*", "{}", "2027-01-31"), "2026-12-01").expect(0);
    check(&waiver("mysql*", "{}", "2027-01-31"), "2026-12-01").expect(1);
}

#[test]
fn a_waiver_that_matched_nothing_is_told() {
    let policy = waiver("pg", "{ port = 1 }", "2027-01-31");
    let mut args = CHECK.to_vec();
    args.extend(["--now", "2026-12-01", "--verbose"]);
    place(&policy).run(&args).expect(1).says(&["the waiver matched no violation in this run"]);
}

#[test]
fn a_waiver_needs_its_fields() {
    let broken = format!("{RULES}\n[[waiver]]\nrule = \"pg\"\nexpires = \"soon\"\n");
    check(&broken, "2026-12-01").expect(2).says(&[
        "`match` is missing",
        "`reason` is missing",
        "`owner` is missing",
        "`expires` takes a date, not a string",
    ]);
    let no_moment = waiver("pg", "{}", "2027-01-31T18:00:00");
    check(&no_moment, "2026-12-01").expect(2).says(&["no date, and no moment with an offset"]);
}
