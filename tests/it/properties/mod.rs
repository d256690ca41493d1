//! What must hold of every input. `PROPTEST_CASES` raises the number of cases.

mod agreement;
mod bytes;
mod monotony;
mod naive;
mod reports;
mod scaling;
mod spans;

use proptest::test_runner::Config;

/// A number of cases that keeps the whole suite short; the environment wins.
fn cases(usual: u32) -> Config {
    let asked = std::env::var("PROPTEST_CASES").ok().and_then(|text| text.parse().ok());
    Config { cases: asked.unwrap_or(usual), failure_persistence: None, ..Config::default() }
}

/// Policies of every shape, for properties of captures.
const POLICIES: &[&str] = &[
    include_str!("../../../policies/baseline.toml"),
    include_str!("../../../examples/port-binding.toml"),
    r#"
[policy]
unlisted = "error"
[[rule]]
id = "ssh"
match = { port = 22, process = ["sshd", "systemd"] }
allow = true
[[rule]]
id = "web"
match = { port = [80, 443, "8000-9000"], transport = "tcp" }
allow = true
"#,
    r#"
[sets.ports]
database = [3306, 5432, 6379, 33060]
[[rule]]
id = "loopback"
match = { port = "@database" }
require = { bind = "loopback" }
[[rule]]
id = "held-by"
match = { port = 22, transport = "tcp" }
require = { process = "sshd" }
[[rule]]
id = "no-ipv6"
match = { family = "ipv6", transport = "tcp" }
forbid = true
[[rule]]
id = "no-ipv4-udp"
match = { family = "ipv4", transport = "udp" }
require = { bind = ["loopback", "private"] }
[[rule]]
id = "no-privileged-wildcard"
match = { port = "@privileged", bind = "wildcard" }
forbid = true
[[rule]]
id = "root-only"
match = { port = "@privileged", not = { bind = "loopback" } }
require = { any = [{ user = "root" }, { process = ["sshd", "nginx", "rpcbind"] }] }
[[rule]]
id = "device"
match = { port = [67, 546], transport = "udp" }
require = { interface = "eth*" }
[[rule]]
id = "one-ssh"
match = { port = 22, transport = "tcp" }
expect = { min = 1 }
[[rule]]
id = "few"
match = { port = "1-65535", transport = "tcp" }
expect = { min = 1, max = 4 }
[[rule]]
id = "at-most-none"
match = { bind = "public" }
expect = { max = 0 }
[[rule]]
id = "not-nested"
severity = "warning"
match = { not = { any = [{ bind = "loopback" }, { process = "nginx" }] } }
require = { not = { port = [111, 631] } }
[[rule]]
id = "raw"
match = { transport = "raw" }
forbid = true
"#,
];
