//! `extends` and `[[override]]`.

use crate::support::{Place, flat};

const EVIDENCE: &str = "$ ss -lntup\n\
Netid State  Recv-Q Send-Q Local Address:Port Peer Address:Port Process\n\
tcp   LISTEN 0      244          0.0.0.0:5432      0.0.0.0:*    users:((\"postgres\",pid=8,fd=5))\n\
tcp   LISTEN 0      244          0.0.0.0:23        0.0.0.0:*    users:((\"telnetd\",pid=9,fd=3))\n";

const COMMON: &str = "[policy]\nname = \"common\"\n\n[sets.ports]\ndb = [5432]\n\n[[rule]]\nid = \"db\"\n\
match = { port = \"@db\", transport = \"tcp\" }\nrequire = { bind = \"loopback\" }\n";

fn place(policy: &str) -> Place {
    Place::with(&[("p.toml", policy), ("common.toml", COMMON), ("h.txt", EVIDENCE)])
}

fn verdicts(policy: &str) -> Vec<(String, String)> {
    let report = place(policy).run(&["check", "-p", "p.toml", "h.txt", "-f", "json"]).json();
    let results = report["hosts"][0]["results"].as_array().unwrap().clone();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    results.iter().map(|result| (text(&result["rule"]), text(&result["verdict"]))).collect()
}

#[test]
fn inherited_rules_have_the_name_of_their_policy() {
    let found = verdicts("[policy]\nextends = [\"common.toml\"]\n");
    assert_eq!(found, [("common/db".to_owned(), "fail".to_owned())]);
    let found = verdicts("[policy]\nextends = [\"builtin:baseline\"]\n");
    assert!(found.contains(&("baseline/telnet".to_owned(), "fail".to_owned())), "{found:?}");
}

#[test]
fn sets_of_what_is_extended_are_known() {
    let found = verdicts(
        "[policy]\nextends = [\"common.toml\"]\n[[rule]]\nid = \"own\"\nmatch = { port = \"@db\" }\nallow = true\n",
    );
    assert_eq!(found.last(), Some(&("own".to_owned(), "pass".to_owned())));
}

#[test]
fn an_override_changes_severity_or_switches_off() {
    let milder = "[policy]\nextends = [\"common.toml\"]\n[[override]]\nrule = \"common/db\"\nseverity = \"note\"\n\
                  reason = \"print servers\"\n";
    place(milder).run(&["check", "-p", "p.toml", "h.txt"]).expect(0);
    let off = "[policy]\nextends = [\"common.toml\"]\nunlisted = \"note\"\n[[override]]\nrule = \"common/db\"\n\
               enabled = false\nreason = \"print servers\"\n";
    assert_eq!(verdicts(off), [("unlisted".to_owned(), "fail".to_owned())]);
}

#[test]
fn an_override_names_an_inherited_rule_and_says_why() {
    let broken = "[policy]\nextends = [\"common.toml\"]\n\
                  [[override]]\nrule = \"common/dbb\"\nseverity = \"note\"\nreason = \"x\"\n\
                  [[override]]\nrule = \"common/db\"\nseverity = \"note\"\n\
                  [[override]]\nrule = \"common/db\"\nreason = \"x\"\n";
    place(broken).run(&["check", "-p", "p.toml", "h.txt"]).expect(2).says(&[
        "there is no inherited rule `common/dbb`",
        "did you mean `common/db`?",
        "`reason` is missing",
        "an override changes nothing",
    ]);
}

#[test]
fn a_circle_is_shown_with_its_places() {
    let place = Place::with(&[
        ("p.toml", "[policy]\nextends = [\"a.toml\"]\n[[rule]]\nid = \"x\"\nforbid = true\n"),
        ("a.toml", "[policy]\nextends = [\"b.toml\"]\n"),
        ("b.toml", "[policy]\nextends = [\"a.toml\"]\n"),
        ("h.txt", EVIDENCE),
    ]);
    let outcome = place.run(&["check", "-p", "p.toml", "h.txt"]).expect(2);
    let said = flat(&outcome.err);
    assert!(said.contains("`a.toml` extends itself"), "{said}");
    assert!(said.contains("b.toml:2:12") && said.contains("a.toml:2:12"), "{said}");
}

#[test]
fn a_missing_file_shows_the_line_that_asks_for_it() {
    let broken = "[policy]\nextends = [\"nowhere.toml\", \"builtin:bseline\"]\n";
    place(broken).run(&["check", "-p", "p.toml", "h.txt"]).expect(2).says(&[
        "`nowhere.toml` cannot be extended",
        "p.toml:2:12",
        "there is no built-in policy `bseline`; did you mean `baseline`?",
    ]);
}

#[test]
fn a_file_that_is_extended_twice_counts_once() {
    let place = Place::with(&[
        ("p.toml", "[policy]\nextends = [\"a.toml\", \"./common.toml\"]\n"),
        ("a.toml", "[policy]\nextends = [\"common.toml\"]\n"),
        ("common.toml", COMMON),
        ("h.txt", EVIDENCE),
    ]);
    let report = place.run(&["check", "-p", "p.toml", "h.txt", "-f", "json"]).expect(1).json();
    assert_eq!(report["hosts"][0]["results"].as_array().unwrap().len(), 1);
}

#[test]
fn two_rules_of_one_id_show_both_places() {
    let broken = "[[rule]]\nid = \"a\"\nforbid = true\n[[rule]]\nid = \"a\"\nallow = true\n";
    place(broken).run(&["check", "-p", "p.toml", "h.txt"]).expect(2).says(&[
        "two rules have the id `a`",
        "p.toml:5:1",
        "p.toml:2:1",
    ]);
}

#[test]
fn hosts_of_a_rule_and_of_those_who_extend_it_must_match() {
    let place = Place::with(&[
        (
            "p.toml",
            "[policy]\nextends = [\"common.toml\"]\nhosts = [\"h*\"]\n\
                    [[rule]]\nid = \"own\"\nhosts = [\"db-*\"]\nforbid = true\n",
        ),
        ("common.toml", COMMON),
        ("h.txt", EVIDENCE),
    ]);
    let of = |host: &str| {
        let report =
            place.run(&["check", "-p", "p.toml", "h.txt", "-f", "json", "--host", host]).json();
        let results = report["hosts"][0]["results"].as_array().unwrap().clone();
        let verdicts: Vec<String> =
            results.iter().map(|result| result["verdict"].as_str().unwrap().to_owned()).collect();
        (verdicts.join(" "), report["summary"]["exit_code"].as_u64().unwrap())
    };
    assert_eq!(of("h1"), ("fail not-applicable".to_owned(), 1));
    assert_eq!(of("db-1"), ("not-applicable not-applicable".to_owned(), 2));
}

#[test]
fn an_override_finds_a_rule_of_a_policy_that_is_named_too() {
    let place = place(
        "[policy]\nextends = [\"common.toml\"]\n[[override]]\nrule = \"common/db\"\nseverity = \"note\"\nreason = \"x\"\n",
    );
    place.run(&["check", "-p", "common.toml", "-p", "p.toml", "h.txt"]).expect(0);
    place.run(&["check", "-p", "p.toml", "-p", "common.toml", "h.txt"]).expect(0);
    place.run(&["policy", "list"]).expect(0);
    for pack in ["database-host", "kubernetes-node"] {
        let policy = format!("builtin:{pack}");
        place.run(&["check", "-p", "builtin:baseline", "-p", &policy, "h.txt"]).expect(1);
    }
}

#[test]
fn an_override_does_not_reach_hosts_that_its_file_is_not_for() {
    let off = "[[override]]\nrule = \"common/db\"\nenabled = false\nreason = \"x\"\n";
    let db = format!("[policy]\nextends = [\"common.toml\"]\nhosts = [\"db-*\"]\n{off}");
    let web = "[policy]\nextends = [\"common.toml\"]\nhosts = [\"web-*\"]\n[[rule]]\nid = \"x\"\nallow = true\n";
    let place = Place::with(&[
        ("db.toml", &db),
        ("web.toml", web),
        ("common.toml", COMMON),
        ("web-1.txt", EVIDENCE),
    ]);
    place
        .run(&["check", "-p", "db.toml", "-p", "web.toml", "web-1.txt"])
        .expect(2)
        .says(&["would act on hosts that its file is not for", "db.toml:5:1"]);
    // Alone, the file changes what it inherits for its own hosts.
    place.run(&["check", "-p", "web.toml", "web-1.txt"]).expect(1);
    let own = format!("{db}[[rule]]\nid = \"x\"\nallow = true\n");
    place.write("db.toml", own);
    place.run(&["check", "-p", "db.toml", "web-1.txt", "--host", "db-1"]).expect(0);
}
