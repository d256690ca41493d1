//! `explain` and `schema` as people run them.

use std::process::{Command, Stdio};

use crate::{project, text_of};

/// Exit code, standard output and standard error.
fn run(arguments: &[&str]) -> (i32, String, String) {
    #[expect(clippy::disallowed_methods, reason = "the program itself is under test")]
    let mut program = Command::new(env!("CARGO_BIN_EXE_socklint"));
    program.args(arguments).current_dir(project("examples")).stdin(Stdio::null());
    let output =
        program.env_remove("SOCKLINT_POLICY").env_remove("CLICOLOR_FORCE").output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// Runs `explain` under the policy of the examples.
fn explain(arguments: &[&str]) -> (i32, String, String) {
    let mut all = vec!["explain", "-p", "port-binding.toml"];
    all.extend(arguments);
    run(&all)
}

#[test]
fn schemas_are_printed_as_they_stand_in_the_project() {
    for name in ["policy", "snapshot", "report"] {
        let text = text_of(&project(&format!("schemas/{name}.schema.json")));
        assert_eq!(run(&["schema", name]), (0, text, String::new()), "{name}");
    }
    assert_eq!(run(&["schema", "polcy"]).0, 2);
}

#[test]
fn an_endpoint_is_explained_without_evidence() {
    let (code, out, err) = explain(&["tcp/0.0.0.0:5432"]);
    assert_eq!((code, err.as_str()), (0, ""));
    assert_eq!(
        out,
        "\
tcp/0.0.0.0:5432, under the policy `port-binding`

postgres-loopback (error): PostgreSQL must bind loopback only
  match    yes     port = 5432
           yes     transport = \"tcp\"
  require  no      bind = \"loopback\" (it is bound to `0.0.0.0`, every IPv4 address of the host)
  = violates it
    because: The database speaks to the local pooler only.
    help: set listen_addresses = 'localhost' in postgresql.conf and restart it

3 rules are not about it (`--verbose` says why).

A rule speaks of it, so `unlisted` does not catch it.
Result: rejected by `postgres-loopback`.
"
    );
    let (code, out, _) = explain(&["[::1]:postgresql", "-f", "json"]);
    let json: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, json["result"].as_str()), (0, Some("accepted")));
    assert_eq!(json["rules"][0]["outcome"], "satisfies");
    assert_eq!(json["rules"][0]["require"][0]["place"]["line"], 15);
}

#[test]
fn rules_and_codes_are_explained() {
    let (code, out, _) = explain(&["postgres-loopback"]);
    assert_eq!(code, 0);
    assert!(out.contains("must bind loopback only  (port-binding.toml:"), "{out}");
    assert!(out.contains("`ss -lnt`"), "{out}");
    let (code, out, _) = run(&["explain", "socklint::policy::unknown_key"]);
    assert_eq!(code, 0);
    assert!(out.starts_with("socklint::policy::unknown_key\n\nError."), "{out}");
}

#[test]
fn what_cannot_be_explained_is_said_with_help() {
    for (arguments, parts) in [
        (&["postgres-lopback"][..], &["did you mean `postgres-loopback`?"][..]),
        (&["socklint::policy::unknwn_key"], &["did you mean `socklint::policy::unknown_key`?"]),
        (&["tcp/localhost:80"], &["`localhost` is no address", "127.0.0.1:80"]),
        (&["tpc/0.0.0.0:80"], &["did you mean `tcp`?"]),
        (&["no-telnet", "--process", "telnetd"], &["no endpoint"]),
        (&["*%eth0:80", "--interface", "eth1"], &["`eth0`", "`eth1`"]),
        (&["*:80", "--user", "a", "--user", "b"], &["one user"]),
        (&["*:80", "--label", "env"], &["--label env=prod"]),
        (&["*:80", "--now", "tomorrow"], &["no moment"]),
        (&["*:80", "-f", "jsn"], &["did you mean `json`?"]),
        (&["*:80", "-p", "no-such.toml"], &["socklint::cli::unreadable"]),
    ] {
        let (code, out, err) = explain(arguments);
        assert_eq!((code, out.as_str()), (2, ""), "{arguments:?}: {err}");
        for part in parts {
            assert!(err.contains(part), "{arguments:?}: `{part}` is not in {err}");
        }
    }
}
