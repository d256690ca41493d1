//! Every key of the vocabulary, on sockets of every spelling: true, false or unknown, and for want of
//! what. Source of the expectations: the definition of each key, and the scopes of `src/address.rs`.

use serde_json::{Value, json};

use crate::support::{policy, read, snapshot, verdicts};
use socklint::audit::Verdict;
use socklint::policy::Facts;
use socklint::snapshot::{Grade, Snapshot};
use socklint::truth::Truth;

/// `yes`, `no`, or `unknown` with the ids of the facts that are missing.
fn words(truth: Truth) -> String {
    match truth {
        Truth::Yes => "yes".to_owned(),
        Truth::No => "no".to_owned(),
        Truth::Unknown(missing) => {
            let ids: Vec<&str> = missing.iter().map(|kind| kind.id()).collect();
            format!("unknown {}", ids.join(" ")).trim_end().to_owned()
        }
    }
}

/// What a condition, as written behind `match =`, comes to on each socket; `sets` stand before it.
#[track_caller]
fn truths(sets: &str, condition: &str, snapshot: &Snapshot, grade: Grade) -> Vec<(usize, String)> {
    // As a requirement, since a `match` that can never be true is refused.
    let policy = policy(&format!("{sets}\n[[rule]]\nid = \"r\"\nrequire = {condition}\n"));
    let socklint::policy::Action::Require(compiled) = &policy.rules[0].action else { panic!() };
    let facts = Facts { snapshot, grade };
    let holds = |socket| (snapshot.line(socket), words(compiled.holds(socket, &facts)));
    snapshot.sockets().iter().map(holds).collect()
}

/// A capture with a mark under each row: `^^^ yes`, `^^^ no`, `^^^ unknown name-cut`. The mark stands
/// under what the row is judged by; nobody checks its column here.
#[track_caller]
fn check(condition: &str, marked: &str) {
    let mark = |line: &&str| line.trim_start().starts_with('^');
    let text: String = marked
        .trim_start_matches('\n')
        .lines()
        .filter(|line| !mark(line))
        .map(|line| format!("{line}\n"))
        .collect();
    let mut expected = Vec::new();
    let mut line = 0;
    for row in marked.trim_start_matches('\n').lines() {
        match mark(&row) {
            true => {
                expected.push((line, row.trim_start().trim_start_matches('^').trim().to_owned()))
            }
            false => line += 1,
        }
    }
    let capture = read(&text);
    assert!(!expected.is_empty());
    assert_eq!(
        truths("", condition, &capture.snapshot, Grade::Presumed),
        expected,
        "{condition} on\n{text}"
    );
}

/// A snapshot document of one socket: TCP on 127.0.0.1:80 unless `socket` says otherwise.
fn document(socket: &Value, host: &Value, interfaces: &Value) -> String {
    let mut whole = json!({"transport": "tcp", "address": "127.0.0.1", "port": 80, "interface": null, "processes": null, "line": 1});
    for (key, value) in socket.as_object().unwrap() {
        whole[key] = value.clone();
    }
    let document = json!({
        "schema": "socklint/snapshot/1", "host": host, "sockets": [whole], "interfaces": interfaces,
        "coverage": {"tcp/ipv4": "proven", "tcp/ipv6": "proven", "udp/ipv4": "proven", "udp/ipv6": "proven"},
    });
    document.to_string()
}

/// What conditions come to on one socket.
#[track_caller]
fn socket(socket: Value, expected: &[(&str, &str)]) {
    on(&socket, &json!({}), &Value::Null, Grade::Presumed, expected);
}

#[track_caller]
fn on(socket: &Value, host: &Value, interfaces: &Value, grade: Grade, expected: &[(&str, &str)]) {
    let snapshot = snapshot(&document(socket, host, interfaces));
    for (condition, truth) in expected {
        let found = truths("", condition, &snapshot, grade);
        assert_eq!(found, [(1, (*truth).to_owned())], "{condition} on {socket}");
    }
}

/// `bind` of one address against what it can be compared with.
#[track_caller]
fn bind(address: &Value, more: Value, expected: &[(&str, &str)]) {
    let mut row = json!({"address": address});
    for (key, value) in more.as_object().unwrap() {
        row[key] = value.clone();
    }
    let conditions: Vec<(String, &str)> =
        expected.iter().map(|(value, truth)| (format!("{{ bind = {value} }}"), *truth)).collect();
    let conditions: Vec<(&str, &str)> =
        conditions.iter().map(|(condition, truth)| (condition.as_str(), *truth)).collect();
    socket(row, &conditions);
}

const SCOPES: [&str; 8] =
    ["loopback", "link-local", "private", "shared", "multicast", "broadcast", "wildcard", "public"];

#[test]
fn every_specific_address_is_in_one_scope() {
    for (address, scope) in [
        ("127.0.0.1", "loopback"),
        ("127.5.6.7", "loopback"),
        ("127.255.255.255", "loopback"),
        ("::1", "loopback"),
        ("::ffff:127.0.0.1", "loopback"),
        ("::ffff:7f00:1", "loopback"),
        ("126.255.255.255", "public"),
        ("128.0.0.0", "public"),
        ("169.254.0.0", "link-local"),
        ("169.254.255.255", "link-local"),
        ("169.253.255.255", "public"),
        ("fe80::1", "link-local"),
        ("febf:ffff::1", "link-local"),
        ("fec0::1", "public"),
        ("::ffff:169.254.1.1", "link-local"),
        ("10.0.0.1", "private"),
        ("10.255.255.255", "private"),
        ("172.15.255.255", "public"),
        ("172.16.0.0", "private"),
        ("172.31.255.255", "private"),
        ("172.32.0.0", "public"),
        ("192.168.0.0", "private"),
        ("192.169.0.0", "public"),
        ("fc00::1", "private"),
        ("fdff::1", "private"),
        ("fe00::1", "public"),
        ("::ffff:10.0.0.1", "private"),
        ("100.64.0.0", "shared"),
        ("100.127.255.255", "shared"),
        ("100.63.255.255", "public"),
        ("100.128.0.0", "public"),
        ("224.0.0.251", "multicast"),
        ("239.255.255.255", "multicast"),
        ("240.0.0.1", "public"),
        ("ff02::fb", "multicast"),
        ("ff00::", "multicast"),
        ("255.255.255.255", "broadcast"),
        ("255.255.255.254", "public"),
        ("0.0.0.0", "wildcard"),
        ("::ffff:0.0.0.0", "wildcard"),
        ("0.0.0.1", "public"),
        ("192.0.2.1", "public"),
        ("198.18.0.1", "public"),
        ("203.0.113.9", "public"),
        ("3fff::1", "public"),
        ("5f00::1", "public"),
        ("2001:db8::1", "public"),
        ("2002:7f00:1::", "public"),
        ("64:ff9b::7f00:1", "public"),
        ("::127.0.0.1", "public"),
        ("::2", "public"),
        ("2606:4700::1", "public"),
    ] {
        let expected: Vec<(String, &str)> = SCOPES
            .iter()
            .map(|name| (format!("\"{name}\""), if *name == scope { "yes" } else { "no" }))
            .collect();
        let expected: Vec<(&str, &str)> =
            expected.iter().map(|(name, truth)| (name.as_str(), *truth)).collect();
        bind(&json!(address), json!({}), &expected);
    }
}

#[test]
fn bind_of_specific_addresses_and_prefixes() {
    let all = r#"["loopback", "link-local", "private", "shared", "multicast", "broadcast", "wildcard", "public"]"#;
    bind(
        &json!("127.0.0.1"),
        json!({}),
        &[
            (r#""127.0.0.1""#, "yes"),
            (r#""::ffff:127.0.0.1""#, "yes"),
            (r#""127.0.0.2""#, "no"),
            (r#""127.0.0.0/8""#, "yes"),
            (r#""::ffff:127.0.0.0/104""#, "yes"),
            (r#""0.0.0.0/0""#, "yes"),
            (r#""::ffff:0.0.0.0/96""#, "yes"),
            (r#""::/0""#, "no"),
            (r#""::1""#, "no"),
            (r#"["::1", "127.0.0.1"]"#, "yes"),
            (r#"["loopback", "private"]"#, "yes"),
            (all, "yes"),
        ],
    );
    bind(
        &json!("::ffff:10.0.0.5"),
        json!({}),
        &[
            (r#""10.0.0.5""#, "yes"),
            (r#""10.0.0.0/8""#, "yes"),
            (r#""::ffff:10.0.0.5""#, "yes"),
            (r#""0.0.0.0/0""#, "yes"),
            (r#""::/0""#, "no"),
        ],
    );
    bind(
        &json!("::1"),
        json!({}),
        &[
            (r#""::1""#, "yes"),
            (r#""::/0""#, "yes"),
            (r#""::/127""#, "yes"),
            (r#""0.0.0.0/0""#, "no"),
            (r#""127.0.0.0/8""#, "no"),
        ],
    );
    bind(
        &json!("192.168.100.10"),
        json!({}),
        &[
            (r#""192.168.100.0/24""#, "yes"),
            (r#""192.168.100.10/32""#, "yes"),
            (r#""192.168.100.8/30""#, "yes"),
            (r#""192.168.100.12/30""#, "no"),
            (r#""192.168.101.0/24""#, "no"),
            (r#"["10.0.0.0/8", "192.168.0.0/16"]"#, "yes"),
        ],
    );
}

#[test]
fn bind_of_the_ipv4_wildcard() {
    for address in ["0.0.0.0", "::ffff:0.0.0.0", "::ffff:0:0"] {
        bind(
            &json!(address),
            json!({}),
            &[
                (r#""wildcard""#, "yes"),
                (r#""0.0.0.0""#, "yes"),
                (r#""0.0.0.0/0""#, "yes"),
                (r#""::/0""#, "no"),
                (r#""0.0.0.0/1""#, "no"),
                (r#""0.0.0.0/8""#, "no"),
                (r#""loopback""#, "no"),
                (r#""public""#, "no"),
                (r#"["0.0.0.0/1", "128.0.0.0/1"]"#, "no"),
                (r#"["loopback", "wildcard"]"#, "yes"),
            ],
        );
    }
    // A device does not change what a socket is bound to.
    bind(
        &json!("0.0.0.0"),
        json!({"interface": "lo"}),
        &[(r#""loopback""#, "no"), (r#""wildcard""#, "yes")],
    );
}

#[test]
fn bind_of_ipv6_wildcards() {
    let (v6, both) = (r#""::/0""#, r#"["0.0.0.0/0", "::/0"]"#);
    let always = [
        (r#""wildcard""#, "yes"),
        (both, "yes"),
        (r#""0.0.0.0/0""#, "no"),
        (r#""loopback""#, "no"),
        (r#""fe80::/10""#, "no"),
    ];
    bind(
        &json!("::"),
        json!({"v6only": true}),
        &[&always[..], &[(v6, "yes"), (r#""::""#, "yes")]].concat(),
    );
    bind(
        &json!("::"),
        json!({"v6only": false}),
        &[&always[..], &[(v6, "no"), (r#""::""#, "yes")]].concat(),
    );
    bind(
        &json!("::"),
        json!({}),
        &[&always[..], &[(v6, "unknown dual-stack"), (r#""::""#, "yes")]].concat(),
    );
    bind(&json!("*"), json!({}), &[&always[..], &[(v6, "no")]].concat());
    bind(&json!("*"), json!({"v6only": true}), &[&always[..], &[(v6, "yes")]].concat());
    bind(&json!("*"), json!({"v6only": false}), &[&always[..], &[(v6, "no")]].concat());
}

/// `*` of an ss of unknown age: the IPv4 wildcard, or a dual-stack one.
#[test]
fn bind_of_a_star_that_says_too_little() {
    bind(
        &json!("*"),
        json!({"missing": {"address": "address-star"}}),
        &[
            (r#""wildcard""#, "yes"),
            (r#"["0.0.0.0/0", "::/0"]"#, "yes"),
            (r#""0.0.0.0/0""#, "unknown address-star"),
            (r#""::/0""#, "no"),
            (r#""loopback""#, "no"),
        ],
    );
}

#[test]
fn bind_of_an_address_that_is_not_known() {
    for reason in ["address-cut", "address-resolved", "address-not-shown"] {
        let unknown = format!("unknown {reason}");
        bind(
            &Value::Null,
            json!({"address_text": "localhost", "missing": {"address": reason}}),
            &[
                (r#""loopback""#, &unknown),
                (r#""wildcard""#, &unknown),
                (r#""127.0.0.1""#, &unknown),
                (r#""0.0.0.0/0""#, &unknown),
                (r#"["0.0.0.0/0", "::/0"]"#, "yes"),
                (
                    r#"["loopback", "link-local", "private", "shared", "multicast", "broadcast", "wildcard", "public"]"#,
                    "yes",
                ),
            ],
        );
    }
}

#[test]
fn bind_of_named_sets() {
    let sets = "[sets.addresses]\nadmin = [\"10.0.0.0/8\", \"loopback\"]\n";
    for (address, truth) in
        [("10.1.2.3", "yes"), ("127.0.0.1", "yes"), ("192.168.1.1", "no"), ("0.0.0.0", "no")]
    {
        let snapshot = snapshot(&document(&json!({"address": address}), &json!({}), &Value::Null));
        assert_eq!(
            truths(sets, r#"{ bind = "@admin" }"#, &snapshot, Grade::Presumed)[0].1,
            truth,
            "{address}"
        );
    }
}

#[test]
fn a_directed_broadcast_is_one_when_interfaces_are_known() {
    let interfaces = json!([{"name": "eth0", "addresses": ["10.0.1.5/24", "10.7.7.7/31"]}]);
    let row = |address: &str| json!({"transport": "udp", "address": address});
    let host = json!({});
    for (address, broadcast, private) in
        [("10.0.1.255", "yes", "no"), ("10.0.1.254", "no", "yes"), ("10.7.7.7", "no", "yes")]
    {
        let expected =
            [(r#"{ bind = "broadcast" }"#, broadcast), (r#"{ bind = "private" }"#, private)];
        on(&row(address), &host, &interfaces, Grade::Presumed, &expected);
    }
    on(
        &row("10.0.1.255"),
        &host,
        &Value::Null,
        Grade::Presumed,
        &[(r#"{ bind = "private" }"#, "yes")],
    );
}

#[test]
fn family_is_what_a_socket_accepts() {
    let (v4, v6, either) =
        (r#"{ family = "ipv4" }"#, r#"{ family = "ipv6" }"#, r#"{ family = ["ipv4", "ipv6"] }"#);
    for (row, v4_truth, v6_truth) in [
        (json!({"address": "10.0.0.1"}), "yes", "no"),
        (json!({"address": "0.0.0.0"}), "yes", "no"),
        (json!({"address": "::ffff:10.0.0.1"}), "yes", "no"),
        (json!({"address": "::ffff:0.0.0.0"}), "yes", "no"),
        (json!({"address": "::1"}), "no", "yes"),
        (json!({"address": "fe80::1"}), "no", "yes"),
        (json!({"address": "::", "v6only": true}), "no", "yes"),
        (json!({"address": "::", "v6only": false}), "yes", "yes"),
        (json!({"address": "::"}), "unknown dual-stack", "yes"),
        (json!({"address": "*"}), "yes", "yes"),
        (json!({"address": "*", "v6only": true}), "no", "yes"),
        (
            json!({"address": "*", "missing": {"address": "address-star"}}),
            "yes",
            "unknown address-star",
        ),
    ] {
        socket(row, &[(v4, v4_truth), (v6, v6_truth), (either, "yes")]);
    }
    let cut = json!({"address": null, "address_text": "fe80::1234:", "missing": {"address": "address-cut"}});
    socket(cut, &[(v4, "unknown address-cut"), (v6, "unknown address-cut")]);
    // What `*` of a new ss shows is presumed: its kernel may hide the flag.
    let star = json!({"address": "*"});
    on(&star, &json!({}), &Value::Null, Grade::Proven, &[(v4, "unknown dual-stack"), (v6, "yes")]);
}

#[test]
fn port_is_the_local_port() {
    socket(
        json!({"port": 80}),
        &[
            ("{ port = 80 }", "yes"),
            ("{ port = 81 }", "no"),
            (r#"{ port = "80" }"#, "yes"),
            (r#"{ port = "79-81" }"#, "yes"),
            (r#"{ port = "81-90" }"#, "no"),
            (r#"{ port = "http" }"#, "yes"),
            (r#"{ port = "@privileged" }"#, "yes"),
            (r#"{ port = "@ephemeral" }"#, "no"),
            (r#"{ port = [22, "70-90", "https"] }"#, "yes"),
            (r#"{ port = "1-65535" }"#, "yes"),
        ],
    );
    for (port, privileged, ephemeral) in [
        (1, "yes", "no"),
        (1023, "yes", "no"),
        (1024, "no", "no"),
        (32768, "no", "yes"),
        (60999, "no", "yes"),
        (61000, "no", "no"),
        (65535, "no", "no"),
    ] {
        socket(
            json!({"port": port}),
            &[
                (r#"{ port = "@privileged" }"#, privileged),
                (r#"{ port = "@ephemeral" }"#, ephemeral),
            ],
        );
    }
    let named = json!({"port": null, "port_text": "zabbix", "missing": {"port": "port-name"}});
    socket(
        named,
        &[
            ("{ port = 80 }", "unknown port-name"),
            ("{ not = { port = 80 } }", "unknown port-name"),
            (r#"{ port = "1-65535" }"#, "yes"),
        ],
    );
}

#[test]
fn a_port_read_from_a_name_is_presumed() {
    let row = json!({"port": 80, "presumed": ["port"]});
    socket(row.clone(), &[("{ port = 80 }", "yes"), ("{ port = 22 }", "no")]);
    let expected =
        [("{ port = 80 }", "unknown port-resolved"), ("{ port = 22 }", "unknown port-resolved")];
    on(&row, &json!({}), &Value::Null, Grade::Proven, &expected);
}

#[test]
fn raw_sockets_have_no_port() {
    socket(
        json!({"transport": "raw", "address": "0.0.0.0", "port": 58}),
        &[
            ("{ port = 58 }", "no"),
            (r#"{ port = "1-65535" }"#, "no"),
            ("{ not = { port = 58 } }", "yes"),
            (r#"{ transport = "raw" }"#, "yes"),
            (r#"{ bind = "wildcard" }"#, "yes"),
        ],
    );
}

#[test]
fn transport_is_one_of_them() {
    for name in ["tcp", "udp", "sctp", "dccp", "udplite", "raw"] {
        let own = format!("{{ transport = \"{name}\" }}");
        socket(
            json!({"transport": name}),
            &[
                (own.as_str(), "yes"),
                (r#"{ transport = ["tcp", "udp", "sctp", "dccp", "udplite", "raw"] }"#, "yes"),
                (r#"{ transport = "tcp" }"#, if name == "tcp" { "yes" } else { "no" }),
            ],
        );
    }
    socket(json!({"transport": "mptcp"}), &[(r#"{ transport = "tcp" }"#, "yes")]);
    let told_by_layout = json!({"presumed": ["transport"]});
    socket(
        told_by_layout.clone(),
        &[(r#"{ transport = "tcp" }"#, "yes"), (r#"{ transport = "udp" }"#, "no")],
    );
    let expected = [(r#"{ transport = "tcp" }"#, "unknown transport-inferred")];
    on(&told_by_layout, &json!({}), &Value::Null, Grade::Proven, &expected);
}

#[test]
fn interface_is_the_device_or_the_owner_of_the_address() {
    let eth = r#"{ interface = "eth*" }"#;
    let lo = r#"{ interface = "lo" }"#;
    let any = r#"{ interface = "*" }"#;
    socket(
        json!({"address": "0.0.0.0", "interface": "eth0"}),
        &[(eth, "yes"), (lo, "no"), (any, "yes")],
    );
    socket(json!({"address": "127.0.0.53", "interface": "lo"}), &[(eth, "no"), (lo, "yes")]);
    socket(json!({"address": "127.0.0.1"}), &[(eth, "no"), (lo, "yes"), (any, "yes")]);
    socket(json!({"address": "::1"}), &[(eth, "no"), (lo, "yes")]);
    // On every interface, and so on none in particular.
    for wildcard in [json!("0.0.0.0"), json!("::"), json!("*")] {
        socket(json!({"address": wildcard}), &[(eth, "no"), (lo, "no"), (any, "no")]);
    }
    socket(json!({"address": "10.0.0.5"}), &[(eth, "unknown interface-addresses"), (any, "yes")]);
    let unknown = json!({"address": "0.0.0.0", "missing": {"interface": "device-not-shown"}});
    socket(unknown, &[(eth, "unknown device-not-shown"), (any, "unknown device-not-shown")]);
    // A zone may be the number of an interface.
    socket(
        json!({"address": "fe80::1", "interface": "2"}),
        &[(eth, "unknown device-not-shown"), (r#"{ interface = "2" }"#, "yes")],
    );
    let interfaces = json!([{"name": "eth0", "addresses": ["10.0.0.5/24"]}, {"name": "wg0", "addresses": ["10.9.0.1/32"]}]);
    let with = |address: &str, expected: &[(&str, &str)]| {
        on(&json!({"address": address}), &json!({}), &interfaces, Grade::Presumed, expected);
    };
    with("10.0.0.5", &[(eth, "yes"), (lo, "no")]);
    with("::ffff:10.0.0.5", &[(eth, "yes")]);
    with("10.9.0.1", &[(eth, "no"), (r#"{ interface = "wg0" }"#, "yes")]);
    with("10.0.0.6", &[(eth, "no"), (any, "no")]);
    with("127.0.0.53", &[(lo, "yes")]);
}

#[test]
fn process_is_every_holder() {
    let held = |names: &[&str]| {
        let processes: Vec<Value> =
            names.iter().map(|name| json!({"name": name, "pid": 1, "fd": 3})).collect();
        json!({"processes": processes})
    };
    let nginx = r#"{ process = "nginx" }"#;
    socket(
        held(&["nginx"]),
        &[
            (nginx, "yes"),
            (r#"{ process = "ngin" }"#, "no"),
            (r#"{ process = "ngin?" }"#, "yes"),
            (r#"{ process = ["caddy", "n*"] }"#, "yes"),
            (r#"{ process = "NGINX" }"#, "no"),
        ],
    );
    socket(held(&["nginx", "nginx"]), &[(nginx, "yes")]);
    socket(
        held(&["nginx", "systemd"]),
        &[
            (nginx, "no"),
            (r#"{ process = ["nginx", "systemd"] }"#, "yes"),
            (r#"{ not = { process = "nginx" } }"#, "yes"),
        ],
    );
    // Known to be held by none: no pattern matches, not even `*`.
    socket(held(&[]), &[(nginx, "no"), (r#"{ process = "*" }"#, "no")]);
    socket(
        json!({"processes": null}),
        &[
            (nginx, "unknown owner-not-shown"),
            (r#"{ not = { process = "nginx" } }"#, "unknown owner-not-shown"),
        ],
    );
    socket(
        json!({"processes": null, "missing": {"processes": "owner-hidden"}}),
        &[(nginx, "unknown owner-hidden")],
    );
    let one = json!({"processes": [{"name": "sshd", "pid": 1, "fd": 3}], "missing": {"processes": "others-not-shown"}});
    socket(one, &[(nginx, "no"), (r#"{ process = "sshd" }"#, "unknown others-not-shown")]);
    let forged = json!({"processes": [{"name": "sshd", "pid": 1, "fd": 3}], "missing": {"processes": "owner-ambiguous"}});
    socket(
        forged,
        &[
            (nginx, "unknown owner-ambiguous"),
            (r#"{ process = "sshd" }"#, "unknown owner-ambiguous"),
        ],
    );
    let nameless = json!({"processes": [{"name": null, "pid": 5, "fd": null}]});
    socket(nameless, &[(nginx, "unknown owner-hidden")]);
}

#[test]
fn a_name_of_15_bytes_may_be_cut() {
    check(
        r#"{ process = "systemd-resolved" }"#,
        r#"
Netid State  Recv-Q Send-Q Local Address:Port Peer Address:Port Process
udp   UNCONN 0      0      127.0.0.53%lo:53   0.0.0.0:*         users:(("systemd-resolve",pid=629,fd=6))
                                                                         ^^^^^^^^^^^^^^^ unknown name-cut
tcp   LISTEN 0      128    127.0.0.1:22       0.0.0.0:*         users:(("systemd-resolv",pid=605,fd=7))
                                                                         ^^^^^^^^^^^^^^ no
tcp   LISTEN 0      128    127.0.0.1:23       0.0.0.0:*         users:(("sshd",pid=605,fd=7))
                                                                         ^^^^ no
"#,
    );
    check(
        r#"{ process = "systemd-resolve*" }"#,
        r#"
Netid State  Recv-Q Send-Q Local Address:Port Peer Address:Port Process
udp   UNCONN 0      0      127.0.0.53%lo:53   0.0.0.0:*         users:(("systemd-resolve",pid=629,fd=6))
                                                                         ^^^^^^^^^^^^^^^ yes
"#,
    );
    check(
        r#"{ process = "systemd-resolve" }"#,
        r#"
Netid State  Recv-Q Send-Q Local Address:Port Peer Address:Port Process
udp   UNCONN 0      0      127.0.0.53%lo:53   0.0.0.0:*         users:(("systemd-resolve",pid=629,fd=6))
                                                                         ^^^^^^^^^^^^^^^ yes
"#,
    );
}

/// netstat shows the first argument of one process: it can decide a no, never a yes.
#[test]
fn netstat_shows_one_process_and_what_it_calls_itself() {
    let header = "Proto Recv-Q Send-Q Local Address           Foreign Address         State       PID/Program name    ";
    let rows = [
        ("812/postgres        ", "unknown others-not-shown", "no"),
        ("605/sshd: /usr/sbin ", "no", "unknown others-not-shown"),
        ("700/nginx: master pr", "no", "no"),
        ("701/./collection_mgr", "no", "no"),
        ("-                   ", "unknown owner-hidden", "unknown owner-hidden"),
    ];
    for (owner, postgres, sshd) in rows {
        let text = format!(
            "Active Internet connections (only servers)\n{header}\ntcp        0      0 127.0.0.1:80            0.0.0.0:*               LISTEN      {owner}\n"
        );
        let capture = read(&text);
        for (name, expected) in [("postgres", postgres), ("sshd", sshd)] {
            let truth = &truths(
                "",
                &format!("{{ process = \"{name}\" }}"),
                &capture.snapshot,
                Grade::Presumed,
            )[0]
            .1;
            assert_ne!(truth, "yes", "{owner}");
            // A decorated or cut first argument may be no name: unknown is right where no is hoped for.
            let careful = expected == "no" && truth.starts_with("unknown");
            assert!(
                truth == expected || careful,
                "process {name} on {owner}: {truth}, not {expected}"
            );
        }
    }
}

#[test]
fn netstat_shows_no_device_and_no_v6only() {
    let text = r#"
Active Internet connections (only servers)
Proto Recv-Q Send-Q Local Address           Foreign Address         State
tcp        0      0 0.0.0.0:80              0.0.0.0:*               LISTEN
                    ^^^^^^^ $v4
tcp6       0      0 :::80                   :::*                    LISTEN
                    ^^ $v6
tcp6       0      0 ::1:25                  :::*                    LISTEN
                    ^^^ $local
udp6       0      0 fe80::a00:27ff:fee8:546 :::*
                    ^^^^^^^^^^^^^^^^^^^ $cut
"#;
    let check = |condition: &str, v4: &str, v6: &str, local: &str, cut: &str| {
        let text = text
            .replace("$v4", v4)
            .replace("$v6", v6)
            .replace("$local", local)
            .replace("$cut", cut);
        check(condition, &text);
    };
    let dual = "unknown dual-stack";
    let device = "unknown device-not-shown";
    check(r#"{ family = "ipv4" }"#, "yes", dual, "no", "unknown address-cut");
    check(r#"{ bind = "wildcard" }"#, "yes", "yes", "no", "unknown address-cut");
    check(r#"{ bind = "::/0" }"#, "no", dual, "yes", "unknown address-cut");
    check(r#"{ bind = "loopback" }"#, "no", "no", "yes", "unknown address-cut");
    check(r#"{ interface = "eth0" }"#, device, device, device, device);
    check(
        r#"{ process = "nginx" }"#,
        "unknown owner-not-shown",
        "unknown owner-not-shown",
        "unknown owner-not-shown",
        "unknown owner-not-shown",
    );
    check(
        r#"{ user = "root" }"#,
        "unknown user-not-shown",
        "unknown user-not-shown",
        "unknown user-not-shown",
        "unknown user-not-shown",
    );
    check("{ port = 546 }", "no", "no", "no", "yes");
}

/// The spellings of a new ss; a wildcard is `*` when it takes both families.
#[test]
fn ss_shows_devices_and_dual_stack() {
    let text = r#"
Netid State  Recv-Q Send-Q Local Address:Port Peer Address:Port
tcp   LISTEN 0 128 0.0.0.0:22 0.0.0.0:*
                   ^^^^^^^ $0
tcp   LISTEN 0 128 [::]:22 [::]:*
                   ^^^^ $1
tcp   LISTEN 0 128 *:80 *:*
                   ^ $2
tcp   LISTEN 0 128 [::ffff:127.0.0.1]:8005 *:*
                   ^^^^^^^^^^^^^^^^^^ $3
udp   UNCONN 0 0 [fe80::10]%eth0:546 [::]:*
                   ^^^^^^^^^^^^^^^ $4
udp   UNCONN 0 0 127.0.0.53%lo:53 0.0.0.0:*
                   ^^^^^^^^^^^^^ $5
"#;
    let check = |condition: &str, expected: [&str; 6]| {
        let mut text = text.to_owned();
        for (index, truth) in expected.iter().enumerate() {
            text = text.replace(&format!("${index}"), truth);
        }
        check(condition, &text);
    };
    check(r#"{ bind = "wildcard" }"#, ["yes", "yes", "yes", "no", "no", "no"]);
    check(r#"{ bind = "loopback" }"#, ["no", "no", "no", "yes", "no", "yes"]);
    check(r#"{ bind = "link-local" }"#, ["no", "no", "no", "no", "yes", "no"]);
    check(r#"{ family = "ipv6" }"#, ["no", "yes", "yes", "no", "yes", "no"]);
    check(r#"{ interface = "lo" }"#, ["no", "no", "no", "yes", "no", "yes"]);
    check(r#"{ interface = "eth0" }"#, ["no", "no", "no", "no", "yes", "no"]);
    check(r#"{ transport = "udp" }"#, ["no", "no", "no", "no", "yes", "yes"]);
    check(r#"{ port = [22, "domain"] }"#, ["yes", "yes", "no", "no", "no", "yes"]);
}

#[test]
fn user_by_name_and_by_number() {
    socket(
        json!({"uid": 26, "user": "postgres"}),
        &[
            (r#"{ user = "postgres" }"#, "yes"),
            (r#"{ user = "26" }"#, "yes"),
            (r#"{ user = "root" }"#, "no"),
            (r#"{ user = "2?" }"#, "yes"),
        ],
    );
    socket(
        json!({"uid": 26}),
        &[
            (r#"{ user = "26" }"#, "yes"),
            (r#"{ user = "27" }"#, "no"),
            (r#"{ user = "postgres" }"#, "unknown user-name"),
            (r#"{ user = ["postgres", "26"] }"#, "yes"),
            (r#"{ user = ["postgres", "27"] }"#, "unknown user-name"),
        ],
    );
    socket(
        json!({"user": "postgres"}),
        &[
            (r#"{ user = "postgres" }"#, "yes"),
            (r#"{ user = "www" }"#, "no"),
            (r#"{ user = "26" }"#, "unknown user-name"),
            (r#"{ user = ["www", "26"] }"#, "unknown user-name"),
        ],
    );
    socket(
        json!({"uid": 0}),
        &[
            (r#"{ user = "root" }"#, "yes"),
            (r#"{ user = "0" }"#, "yes"),
            (r#"{ user = "postgres" }"#, "no"),
        ],
    );
    socket(json!({"user": "root"}), &[(r#"{ user = "0" }"#, "yes"), (r#"{ user = "26" }"#, "no")]);
    socket(
        json!({}),
        &[
            (r#"{ user = "root" }"#, "unknown user-not-shown"),
            (r#"{ not = { user = "root" } }"#, "unknown user-not-shown"),
        ],
    );
}

/// One half of an identity that matches no pattern does not rule out the other half.
#[test]
fn a_user_pattern_that_could_match_the_other_half_stays_unknown() {
    for pattern in ["r*", "?oot", "[pq]*", "{postgres,mysql}", "*"] {
        let condition = format!("{{ user = \"{pattern}\" }}");
        let snapshot = snapshot(&document(&json!({"uid": 26}), &json!({}), &Value::Null));
        let truth = &truths("", &condition, &snapshot, Grade::Presumed)[0].1;
        assert_ne!(truth, "no", "{pattern} on uid 26");
    }
    for pattern in ["2*", "?6", "[0-9]*", "{26,27}", "\\\\26"] {
        let condition = format!("{{ user = \"{pattern}\" }}");
        let snapshot = snapshot(&document(&json!({"user": "postgres"}), &json!({}), &Value::Null));
        let truth = &truths("", &condition, &snapshot, Grade::Presumed)[0].1;
        assert_ne!(truth, "no", "{pattern} on user postgres");
    }
}

#[test]
fn host_and_labels() {
    let named = json!({"name": "db-1", "labels": {"env": "prod"}});
    on(
        &json!({}),
        &named,
        &Value::Null,
        Grade::Presumed,
        &[
            (r#"{ host = "db-*" }"#, "yes"),
            (r#"{ host = "web-*" }"#, "no"),
            (r#"{ host = ["web-*", "db-1"] }"#, "yes"),
            (r#"{ label.env = "prod" }"#, "yes"),
            (r#"{ label.env = ["test", "dev"] }"#, "no"),
            (r#"{ label.tier = "db" }"#, "unknown label"),
            (r#"{ label.env = "prod", label.tier = "db" }"#, "unknown label"),
            (r#"{ label.env = "dev", label.tier = "db" }"#, "no"),
            (r#"{ label = { env = "prod" } }"#, "yes"),
            (r#"{ not = { label.env = "dev" } }"#, "yes"),
        ],
    );
    on(
        &json!({}),
        &json!({"name": null}),
        &Value::Null,
        Grade::Presumed,
        &[
            (r#"{ host = "db-*" }"#, "unknown host-name"),
            (r#"{ host = "*" }"#, "yes"),
            (r#"{ not = { host = "db-*" } }"#, "unknown host-name"),
            (r#"{ label.env = "prod" }"#, "unknown label"),
        ],
    );
}

#[test]
fn not_and_any_follow_kleene() {
    // Of this socket the port is known, and the process is not.
    let (yes, no, unknown) = ("port = 80", "port = 81", r#"process = "x""#);
    let owner = "unknown owner-not-shown";
    let mut table = Vec::new();
    for (a, b, and, or) in [
        (yes, yes, "yes", "yes"),
        (yes, no, "no", "yes"),
        (no, no, "no", "no"),
        (yes, unknown, owner, "yes"),
        (no, unknown, "no", owner),
        (unknown, unknown, owner, owner),
    ] {
        for (a, b) in [(a, b), (b, a)] {
            table.push((format!("{{ any = [{{ {a} }}, {{ {b} }}] }}"), or));
            table.push((
                format!("{{ not = {{ any = [{{ not = {{ {a} }} }}, {{ not = {{ {b} }} }}] }} }}"),
                and,
            ));
            table.push((format!("{{ any = [{{ {a} }}], not = {{ not = {{ {b} }} }} }}"), and));
            table.push((format!("{{ not = {{ not = {{ any = [{{ {a} }}, {{ {b} }}] }} }} }}"), or));
        }
    }
    table.push((format!("{{ {yes}, {unknown} }}"), owner));
    table.push((format!("{{ {no}, {unknown} }}"), "no"));
    table.push((format!("{{ not = {{ {yes}, {unknown} }} }}"), owner));
    table.push((format!("{{ not = {{ {no}, {unknown} }} }}"), "yes"));
    table.push((
        format!("{{ any = [{{ {no} }}, {{ {yes}, {unknown} }}, {{ not = {{ {no} }} }}] }}"),
        "yes",
    ));
    table.push((
        format!("{{ {yes}, not = {{ any = [{{ {no} }}, {{ {unknown}, {no} }}] }} }}"),
        "yes",
    ));
    table.push(("{ not = {} }".to_owned(), "no"));
    let table: Vec<(&str, &str)> =
        table.iter().map(|(condition, truth)| (condition.as_str(), *truth)).collect();
    socket(json!({"processes": null}), &table);
}

#[test]
fn unknowns_name_every_fact_that_would_decide() {
    let row = json!({"address": "::", "processes": null});
    let either = r#"{ any = [{ family = "ipv4", process = "x" }, { user = "www" }] }"#;
    socket(row, &[(either, "unknown owner-not-shown dual-stack user-not-shown")]);
}

#[test]
fn uid_by_number_and_range() {
    socket(
        json!({"uid": 26}),
        &[
            ("{ uid = 26 }", "yes"),
            (r#"{ uid = "20-30" }"#, "yes"),
            (r#"{ uid = [1, "25-26"] }"#, "yes"),
            ("{ uid = 0 }", "no"),
            (r#"{ uid = "27-30" }"#, "no"),
            ("{ not = { uid = 26 } }", "no"),
        ],
    );
    socket(json!({"user": "root"}), &[("{ uid = 0 }", "yes"), ("{ uid = 26 }", "no")]);
    socket(json!({"user": "postgres"}), &[("{ uid = 26 }", "unknown user-number")]);
    socket(json!({}), &[("{ uid = 26 }", "unknown user-not-shown")]);
}

#[test]
fn exe_of_every_holder() {
    let process = |exe: &str| json!({"name": "x", "pid": 1, "fd": 3, "exe": exe});
    socket(
        json!({"processes": [process("/usr/sbin/nginx")]}),
        &[
            (r#"{ exe = "/usr/sbin/nginx" }"#, "yes"),
            (r#"{ exe = "/usr/*" }"#, "yes"),
            (r#"{ exe = "/opt/*" }"#, "no"),
        ],
    );
    socket(
        json!({"processes": [process("/usr/sbin/nginx"), process("/opt/nginx")]}),
        &[(r#"{ exe = "/usr/*" }"#, "no"), (r#"{ exe = ["/usr/*", "/opt/*"] }"#, "yes")],
    );
    socket(
        json!({"processes": [{"name": "nginx", "pid": 1, "fd": 3}]}),
        &[(r#"{ exe = "/usr/*" }"#, "unknown exe-not-shown")],
    );
    socket(json!({"processes": []}), &[(r#"{ exe = "/usr/*" }"#, "no")]);
    let hidden = json!({"missing": {"processes": "owner-hidden"}});
    socket(hidden, &[(r#"{ exe = "/usr/*" }"#, "unknown owner-hidden")]);
}

#[test]
fn cgroup_unit_and_container() {
    let id = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    socket(
        json!({"cgroup": "/system.slice/ssh.service"}),
        &[
            (r#"{ cgroup = "/system.slice/*" }"#, "yes"),
            (r#"{ cgroup = "/user.slice/*" }"#, "no"),
            (r#"{ unit = "ssh.service" }"#, "yes"),
            (r#"{ unit = "sshd*" }"#, "no"),
            (r#"{ container = "*" }"#, "no"),
        ],
    );
    socket(
        json!({"cgroup": format!("/system.slice/docker-{id}.scope")}),
        &[(r#"{ container = "0123*" }"#, "yes"), (r#"{ container = "ffff*" }"#, "no")],
    );
    socket(
        json!({"unit": "db.service", "container": "web"}),
        &[
            (r#"{ unit = "db.service" }"#, "yes"),
            (r#"{ container = "web" }"#, "yes"),
            (r#"{ container = "db" }"#, "no"),
            (r#"{ cgroup = "/*" }"#, "unknown cgroup-not-shown"),
        ],
    );
    for key in ["cgroup", "unit", "container"] {
        socket(json!({}), &[(&format!("{{ {key} = \"x\" }}"), "unknown cgroup-not-shown")]);
    }
}

/// What answers a scan is bound to that address or to a wildcard, or to any other behind a translation; none of it
/// is shown.
#[test]
fn an_address_that_was_reached_from_outside() {
    let outside = "unknown seen-from-outside";
    let reached =
        |address: &str| json!({"address": address, "missing": {"address": "seen-from-outside"}});
    socket(
        reached("192.168.7.9"),
        &[
            ("{ bind = \"private\" }", outside),
            ("{ bind = \"192.168.7.9\" }", outside),
            ("{ bind = [\"private\", \"wildcard\"] }", outside),
            ("{ bind = \"loopback\" }", outside),
            ("{ bind = \"10.0.0.0/8\" }", outside),
            ("{ bind = [\"0.0.0.0/0\", \"::/0\"] }", "yes"),
            ("{ not = { bind = \"loopback\" } }", outside),
            ("{ not = { bind = \"10.0.0.0/8\" } }", outside),
            ("{ family = \"ipv4\" }", "yes"),
            ("{ family = \"ipv6\" }", outside),
            ("{ interface = \"eth0\" }", outside),
            ("{ not = { interface = \"eth0\" } }", outside),
            ("{ port = 80 }", "yes"),
        ],
    );
    socket(
        reached("2001:db8::9"),
        &[
            ("{ bind = \"public\" }", outside),
            ("{ bind = \"private\" }", outside),
            ("{ family = \"ipv4\" }", outside),
            ("{ family = \"ipv6\" }", "yes"),
        ],
    );
    // Reached over loopback, which a wildcard answers too.
    socket(
        reached("127.0.0.1"),
        &[
            ("{ bind = \"loopback\" }", outside),
            ("{ bind = \"private\" }", outside),
            ("{ interface = \"lo\" }", outside),
        ],
    );
}

/// A first argument that programs of any name can have says nothing of the kernel's name: `init` is systemd on
/// most hosts, and a script runs under its interpreter.
#[test]
fn a_first_argument_of_many_programs() {
    for name in ["init", "python3.11", "sh", "busybox"] {
        let cut = "unknown name-cut";
        socket(
            json!({"processes": [{"name": name, "name_kind": "argv"}]}),
            &[
                ("{ process = \"systemd\" }", cut),
                ("{ not = { process = \"gunicorn\" } }", cut),
                (&format!("{{ process = \"{name}\" }}"), "yes"),
            ],
        );
    }
    let named = json!({"processes": [{"name": "nginx", "name_kind": "argv"}]});
    socket(named, &[("{ process = \"systemd\" }", "no")]);
}

/// Rows of one endpoint and several processes are one socket or several.
#[test]
fn what_may_be_an_earlier_socket_again_is_counted_as_possible() {
    let text = "\
root@fb:~ # sockstat -46l
USER     COMMAND    PID   FD  PROTO  LOCAL ADDRESS         FOREIGN ADDRESS
www      nginx       1052 6   tcp4   *:80                  *:*
root     nginx       1051 6   tcp4   *:80                  *:*
";
    let direct = snapshot(text);
    let mut json = Vec::new();
    let document = socklint::snapshot::document::SnapshotDocument::new(&direct);
    socklint::safe::json(&mut json, &document, false).unwrap();
    let again = snapshot(&String::from_utf8(json).unwrap());
    for (expect, verdict) in [
        ("min = 1", Verdict::Pass),
        ("min = 2", Verdict::Unknown),
        ("min = 3", Verdict::Fail),
        ("max = 0", Verdict::Fail),
        ("max = 1", Verdict::Unknown),
        ("max = 2", Verdict::Pass),
    ] {
        let text = format!(
            "[[rule]]\nid = \"web\"\nmatch = {{ port = 80, transport = \"tcp\", family = \"ipv4\" }}\nexpect = {{ {expect} }}\n"
        );
        for snapshot in [&direct, &again] {
            let came = verdicts(&policy(&text), snapshot, Grade::Presumed);
            assert_eq!(came, [("web".to_owned(), verdict)], "{expect}");
        }
    }
}
