//! `socklint controls`: what rules come to, by the controls that they name.

use crate::support::{NETSTAT, Place, tcp_only};

const POLICY: &str = r#"
[[rule]]
id = "no-telnet"
match = { port = 23, transport = "tcp" }
forbid = true
controls = ["pci-dss-4.0.1:2.2.5", "nist-800-53r5:CM-7"]
[[rule]]
id = "no-snmp"
match = { port = 161, transport = "udp" }
forbid = true
controls = ["pci-dss-4.0.1:2.2.4"]
[[rule]]
id = "no-control"
match = { port = 22, transport = "tcp" }
forbid = true
"#;

fn place() -> Place {
    let clean: String = NETSTAT
        .lines()
        .filter(|line| !line.contains("inetd"))
        .map(|line| format!("{line}\n"))
        .collect();
    Place::with(&[
        ("all.txt", NETSTAT),
        ("tcp.txt", &tcp_only()),
        ("clean.txt", &clean),
        ("bad.txt", "tcp 0 0 nonsense\n"),
        ("policy.toml", POLICY),
    ])
}

#[test]
fn the_table_counts_verdicts_by_control_and_says_the_exit_code() {
    let place = place();
    let run = place.run(&[
        "controls",
        "-p",
        "policy.toml",
        "--framework",
        "pci-dss",
        "clean.txt",
        "tcp.txt",
    ]);
    insta::assert_snapshot!(run.expect(1).out, @"
    PCI DSS 4.0.1 (pci-dss-4.0.1)

    VERDICT         CONTROL  PASS  FAIL  UNKNOWN  WAIVED  N/A  ABOUT
    unknown         2.2.4       1     0        1       0    0  only services, protocols and functions that are needed are enabled
      unknown: no-snmp
    fail            2.2.5       1     1        0       0    0  insecure services are justified and secured
      fail: no-telnet

    2 controls on 2 hosts, policy policy: 1 fail, 1 unknown
    exit code 1
    ");
}

#[test]
fn a_framework_narrows_the_policy_and_the_exit_code() {
    let place = place();
    let run = |framework: &str, file: &str| {
        place.run(&["controls", "-f", "json", "-p", "policy.toml", "--framework", framework, file])
    };
    let json = run("nist-800-53", "clean.txt").expect(0).json();
    assert_eq!(json["schema"], "socklint/controls/1");
    let frameworks = json["frameworks"].as_array().unwrap();
    assert_eq!(frameworks.len(), 1);
    assert_eq!(frameworks[0]["framework"], "nist-800-53r5");
    assert_eq!(frameworks[0]["controls"][0]["verdict"], "pass");
    assert_eq!(frameworks[0]["controls"][0]["rules"][0]["rule"], "no-telnet");
    run("pci-dss", "tcp.txt").expect(1);
    run("pci-dss", "clean.txt").expect(0);
    let json = run("nist-800-53", "bad.txt").expect(2).json();
    assert_eq!(json["frameworks"][0]["controls"][0]["verdict"], "unknown", "nothing was judged");
}

#[test]
fn a_framework_that_no_rule_names_is_an_error_with_the_nearest_name() {
    let place = place();
    let run = place.run(&["controls", "-p", "policy.toml", "--framework", "pci-ds", "all.txt"]);
    run.expect(2).says(&["no rule of the policy", "`pci-ds`", "did you mean `pci-dss`?"]);
    place.write("none.toml", "[[rule]]\nid = \"a\"\nmatch = { port = 1 }\nforbid = true\n");
    let run = place.run(&["controls", "-p", "none.toml", "all.txt"]);
    run.expect(2).says(&["no rule of the policy `none` names a control"]);
    place
        .run(&["controls", "-p", "policy.toml", "-f", "jsn", "all.txt"])
        .expect(2)
        .says(&["`json`"]);
}

#[test]
fn a_control_that_is_not_known_is_a_warning_at_its_place() {
    let rule = |control: &str| {
        format!(
            "[[rule]]\nid = \"a\"\nmatch = {{ port = 1, transport = \"tcp\" }}\nforbid = true\ncontrols = [\"{control}\"]\n"
        )
    };
    let place = place();
    for (control, parts) in [
        ("CM-7", ["names no framework", "FRAMEWORK:ID"]),
        ("nist-800-53r4:CM-7", ["is not known", "did you mean `nist-800-53r5`?"]),
        ("nist-800-53r5:CM7", ["is none of NIST SP 800-53", "`nist-800-53r5:SC-7(5)`"]),
        ("pci-dss-4.0.1:1.2.9", ["has no control `pci-dss-4.0.1:1.2.9`", "look its id up"]),
    ] {
        place.write("p.toml", rule(control));
        let run = place.run(&["check", "-p", "p.toml", "tcp.txt"]).expect(0);
        for part in parts.into_iter().chain(["socklint::policy::unknown_control", "p.toml:5:"]) {
            assert!(crate::support::flat(&run.out).contains(part), "{part} is not in\n{}", run.out);
        }
        place.run(&["check", "-p", "p.toml", "--strict", "tcp.txt"]).expect(2);
    }
    place.write("p.toml", rule("x-acme:NET 4"));
    let run = place.run(&["check", "-p", "p.toml", "tcp.txt"]).expect(0);
    assert!(!run.out.contains("unknown_control"), "{}", run.out);
}

#[test]
fn the_json_report_has_the_table_too() {
    let place = place();
    let json = place.run(&["check", "-f", "json", "-p", "policy.toml", "tcp.txt"]).json();
    let ids: Vec<String> = json["controls"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|framework| framework["controls"].as_array().unwrap())
        .map(|control| format!("{} {}", control["id"].as_str().unwrap(), control["verdict"]))
        .collect();
    assert_eq!(ids, ["CM-7 \"fail\"", "2.2.4 \"unknown\"", "2.2.5 \"fail\""]);
}
