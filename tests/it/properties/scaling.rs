//! No reader takes more than its share of time: four times the text costs about four times the time, of whatever
//! shape it is. `SOCKLINT_SCALE` makes the texts longer, and `SOCKLINT_SHAPE` names the shapes to look at.
#![cfg(target_os = "linux")]

use std::sync::Arc;

use socklint::capture::{self, Options};
use socklint::cli::evidence_in;
use socklint::evidence::{Gather, Member, read};
use socklint::source::SourceFile;

use super::agreement;

/// Four times as much may cost so many times as much: what is quadratic costs 16 times.
const MOST: f64 = 8.0;

/// What is done in less than this says nothing of how it grows, in seconds.
const LEAST: f64 = 0.004;

/// The time that this thread has been running, in seconds. Source: proc(5), `/proc/pid/schedstat`.
fn clock() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split(' ').next().unwrap().parse::<f64>().unwrap() / 1e9
}

fn time(work: &dyn Fn()) -> f64 {
    std::thread::yield_now();
    let start = clock();
    work();
    std::thread::yield_now();
    clock() - start
}

fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Whether reading grows as the text does; what is measured is measured again before it counts.
fn check(name: &str, sizes: (usize, usize), small: &dyn Fn(), large: &dyn Fn()) -> Option<String> {
    if environment("SOCKLINT_SHAPE").is_some_and(|wanted| !name.contains(&wanted)) {
        return None;
    }
    let grown = sizes.1 as f64 / sizes.0.max(1) as f64;
    let mut worst = String::new();
    for _ in 0..4 {
        let many = time(large);
        if many < LEAST {
            return None;
        }
        let few = (0..2).map(|_| time(small)).fold(f64::MAX, f64::min);
        let ratio = many / few.max(LEAST / 8.0) * 4.0 / grown;
        if ratio < MOST {
            return None;
        }
        worst = format!("{name}: {ratio:.1} times ({few:.4} s, {many:.4} s, {} bytes)", sizes.1);
    }
    Some(worst)
}

fn scale() -> usize {
    environment("SOCKLINT_SCALE").and_then(|text| text.parse().ok()).unwrap_or(1)
}

fn texts(name: &str, few: &str, many: &str) -> Option<String> {
    let work = |text: &str| {
        let source = Arc::new(SourceFile::new("capture.txt", text));
        std::hint::black_box(capture::read(source, &Options::default()));
    };
    check(name, (few.len(), many.len()), &|| work(few), &|| work(many))
}

#[test]
fn rows_cost_what_they_are() {
    let count = 120 * scale();
    let mut slow = Vec::new();
    for twins in [false, true] {
        let (few, many) = (agreement::large(count, twins), agreement::large(4 * count, twins));
        for ((name, few), (other, many)) in few.iter().zip(&many) {
            assert_eq!(name, other);
            slow.extend(texts(&format!("{name} (twins: {twins})"), few, many));
        }
    }
    assert!(slow.is_empty(), "{}", slow.join("\n"));
}

/// The first rows of each format, with a last one that goes on and on.
#[test]
#[ignore = "takes minutes"]
fn long_lines_cost_what_they_are() {
    const PIECES: [&str; 22] = [
        "a",
        " ",
        "\t",
        "\"",
        ":",
        "(",
        "[",
        "{\"a\":",
        "users:((\"a\",pid=1,fd=3),",
        "\",pid=1,fd=3),(",
        "/",
        "0",
        ",",
        "\u{1b}[m",
        "| ",
        "\u{e9}",
        "0.0.0.0:22 ",
        "->",
        "<a>",
        "- ",
        "&amp;",
        "'",
    ];
    let count = 1000 * scale();
    let mut slow = Vec::new();
    for (name, head) in agreement::large(3, false) {
        for piece in PIECES {
            let text = |count: usize| format!("{}{}", head.trim_end(), piece.repeat(count));
            slow.extend(texts(&format!("{name} + {piece:?}"), &text(count), &text(4 * count)));
            let text = |count: usize| format!("{}\n{}", head.trim_end(), piece.repeat(count));
            slow.extend(texts(&format!("{name} / {piece:?}"), &text(count), &text(4 * count)));
        }
    }
    assert!(slow.is_empty(), "{}", slow.join("\n"));
}

/// The first rows of each format, with lines behind them that are none of it.
#[test]
#[ignore = "takes minutes"]
fn strange_lines_cost_what_they_are() {
    const LINES: [&str; 30] = [
        "a\n",
        "\n",
        " a\n",
        "\ta\n",
        "\"\n",
        "users:((\"a\n",
        " users:((\"a\",pid=1,fd=3))\n",
        "[\n",
        "{\"a\": 1}\n",
        "{\n",
        "==> /proc/net/tcp <==\n",
        "::::::::::::::\n",
        "netns: a\n",
        "root@db-1:~# ss -lntup\n",
        "root@db-1:~# x\n",
        "h | SUCCESS => {\n",
        "<a>\n",
        "- a:\n",
        "a: b\n",
        "LISTEN 0 128\n",
        "0.0.0.0:22\n",
        "tcp LISTEN 0 128 0.0.0.0:22 0.0.0.0:* users:((\"\n",
        "tcp        0      0 0.0.0.0:22              0.0.0.0:*               LISTEN      1/\n",
        "Active Internet connections (only servers)\n",
        "State Recv-Q Send-Q Local Address:Port Peer Address:Port\n",
        " [a.exe]\n",
        "p1\n",
        "sshd 1 root 3u IPv4 1 0t0 TCP\n",
        "Host: 10.0.0.5 ()\tPorts: \n",
        "+---+---+\n",
    ];
    let count = 400 * scale();
    let mut slow = Vec::new();
    for (name, head) in agreement::large(3, false) {
        for line in LINES {
            let text = |count: usize| format!("{head}{}", line.repeat(count));
            slow.extend(texts(&format!("{name} + {line:?}"), &text(count), &text(4 * count)));
        }
    }
    assert!(slow.is_empty(), "{}", slow.join("\n"));
}

/// `n` of something, as a text.
type Shape = (&'static str, fn(usize) -> String);

fn many(n: usize, one: impl Fn(usize) -> String) -> String {
    (0..n).map(one).collect()
}

const SHAPES: &[Shape] = &[
    ("arrays", |n| "[".repeat(n)),
    ("arrays, closed", |n| format!("{}{}", "[".repeat(n), "]".repeat(n))),
    ("objects", |n| "{\"ports\":".repeat(n)),
    ("objects, a line each", |n| "{\"ports\":\n".repeat(n)),
    ("objects, open lines", |n| "{\"host\": \"a\", \"ss\": \"\n".repeat(n)),
    ("yaml, flow", |n| format!("port:\n  tcp:22: {}\n", "[".repeat(n))),
    ("yaml, lists", |n| {
        format!("port:\n  tcp:22:\n    listening: true\n    ip: {}a\n", "- ".repeat(n))
    }),
    ("yaml, anchors", |n| {
        format!(
            "port:\n  tcp:22: &a\n    listening: true\n{}",
            many(n, |i| format!("  tcp:{i}: *a\n"))
        )
    }),
    ("yaml, keys", |n| {
        format!("port:\n{}", many(n, |i| format!("  tcp:{i}:\n    listening: true\n")))
    }),
    ("xml", |n| format!("<?xml version=\"1.0\"?>\n<nmaprun>{}", "<host>".repeat(n))),
    ("xml, attributes", |n| {
        format!("<?xml version=\"1.0\"?>\n<nmaprun {}>", many(n, |i| format!("a{i}=\"1\" ")))
    }),
    ("xml, entities", |n| {
        format!("<?xml version=\"1.0\"?>\n<nmaprun args=\"{}\">", "&amp;".repeat(n))
    }),
    ("xml, ports of one host", |n| {
        let port = |i: usize| {
            format!(
                "<port protocol=\"tcp\" portid=\"{}\"><state state=\"open\"/></port>\n",
                i % 65536
            )
        };
        format!(
            "<?xml version=\"1.0\"?>\n<nmaprun scanner=\"nmap\"><host><status state=\"up\"/><address addr=\"10.0.0.5\" addrtype=\"ipv4\"/><ports>{}</ports></host></nmaprun>\n",
            many(n, port)
        )
    }),
    ("xml, hosts", |n| {
        let host = |i: usize| {
            format!(
                "<host><status state=\"up\"/><address addr=\"10.{}.{}.5\" addrtype=\"ipv4\"/><ports><port protocol=\"tcp\" portid=\"22\"><state state=\"open\"/></port></ports></host>\n",
                i / 256 % 256,
                i % 256
            )
        };
        format!("<?xml version=\"1.0\"?>\n<nmaprun scanner=\"nmap\">{}</nmaprun>\n", many(n, host))
    }),
    ("greppable, ports of one host", |n| {
        format!(
            "# Nmap 7.93 scan\nHost: 10.0.0.5 ()\tPorts: {}\n",
            many(n, |i| format!("{}/open/tcp/////, ", i % 65536))
        )
    }),
    ("greppable, hosts", |n| {
        let host = |i: usize| {
            format!("Host: 10.{}.{}.5 ()\tPorts: 22/open/tcp/////\n", i / 256 % 256, i % 256)
        };
        format!("# Nmap 7.93 scan\n{}", many(n, host))
    }),
    ("masscan, hosts", |n| {
        format!(
            "#masscan\n{}",
            many(n, |i| format!("open tcp 80 10.{}.{}.5 1\n", i / 256 % 256, i % 256))
        )
    }),
    ("masscan, records", |n| {
        let record = |i: usize| {
            format!(
                "{{\"ip\": \"10.{}.{}.5\", \"ports\": [{{\"port\": 80, \"proto\": \"tcp\", \"status\": \"open\"}}]}},\n",
                i / 256 % 256,
                i % 256
            )
        };
        format!("[{}", many(n, record))
    }),
    ("ansible, hosts", |n| {
        many(n, |i| {
            format!(
                "h{i} | SUCCESS => {{\"ansible_facts\": {{\"tcp_listen\": [{{\"address\": \"0.0.0.0\", \"name\": \"sshd\", \"pid\": 605, \"port\": 22, \"protocol\": \"tcp\", \"user\": \"root\"}}], \"udp_listen\": []}}}}\n"
            )
        })
    }),
    ("ansible, hosts over lines", |n| {
        many(n, |i| {
            format!(
                "h{i} | SUCCESS => {{\n\"ansible_facts\": {{\n\"tcp_listen\": [],\n\"udp_listen\": []\n}}\n}}\n"
            )
        })
    }),
    ("ansible, hosts that failed", |n| {
        many(n, |i| format!("h{i} | UNREACHABLE! => {{\n\"tcp_listen\": \n"))
    }),
    ("ansible, host variables", |n| {
        format!(
            "{{\"hostvars\": {{{}\"x\": 1}}}}",
            many(n, |i| format!("\"h{i}\": {{\"tcp_listen\": [], \"udp_listen\": []}},\n"))
        )
    }),
    ("osquery, prompts of many hosts", |n| {
        many(n, |i| {
            format!(
                "root@h{i}:~# osqueryi --json 'select * from listening_ports'\n[{{\"pid\":\"1\",\"port\":\"22\",\
                 \"protocol\":\"6\",\"family\":\"2\",\"address\":\"127.0.0.1\"}}]\n"
            )
        })
    }),
    ("shells within shells", |n| {
        let shells = many(n, |i| format!("root@db1:~# ip netns exec b{i} bash\n"));
        format!(
            "{shells}root@db1:~# ss -ltn\nState Recv-Q Send-Q Local Address:Port Peer Address:Port\n"
        )
    }),
    ("osquery, log", |n| {
        many(n, |i| {
            format!(
                "{{\"name\":\"p\",\"hostIdentifier\":\"h{}\",\"unixTime\":{i},\"action\":\"{}\",\"columns\":{{\"address\":\"0.0.0.0\",\"family\":\"2\",\"pid\":\"7\",\"port\":\"{}\",\"protocol\":\"6\"}}}}\n",
                i % 97,
                if i % 2 == 0 { "added" } else { "removed" },
                i % 65536
            )
        })
    }),
    ("osquery, snapshots", |n| {
        many(n, |i| {
            format!(
                "{{\"name\":\"p\",\"hostIdentifier\":\"h{i}\",\"unixTime\":{i},\"action\":\"snapshot\",\"snapshot\":[{{\"address\":\"0.0.0.0\",\"family\":\"2\",\"pid\":\"7\",\"port\":\"22\",\"protocol\":\"6\"}}]}}\n"
            )
        })
    }),
    ("docker, containers", |n| {
        many(n, |i| {
            format!(
                "{{\"ID\":\"{i}\",\"Names\":\"c{i}\",\"Ports\":\"0.0.0.0:{}->80/tcp\"}}\n",
                i % 65536
            )
        })
    }),
    ("docker, rows", |n| {
        format!(
            "CONTAINER ID   IMAGE         COMMAND   CREATED       STATUS       PORTS                    NAMES\n{}",
            many(n, |i| format!(
                "{i:<15}postgres:16   \"x\"       2 weeks ago   Up 2 weeks   0.0.0.0:80->80/tcp       db\n"
            ))
        )
    }),
    ("lynis", |n| {
        format!(
            "# Lynis Report\n{}finish=true\n",
            many(n, |i| format!(
                "network_listen[]=raw,ss,v1|tcp|0.0.0.0:{}|{}|\n",
                i % 65536,
                "a,".repeat(i % 3)
            ))
        )
    }),
    ("lynis, names", |n| {
        format!(
            "# Lynis Report\nnetwork_listen[]=raw,ss,v1|tcp|0.0.0.0:22|{}|\nfinish=true\n",
            "a,".repeat(n)
        )
    }),
    ("goss, results", |n| {
        format!(
            "{{\"results\":[{}{{}}]}}",
            many(n, |i| format!(
                "{{\"found\":[\"true\"],\"property\":\"listening\",\"resource-id\":\"tcp:{}\",\"resource-type\":\"Port\"}},\n",
                i % 65536
            ))
        )
    }),
    ("inspec, tests of one port", |n| {
        format!(
            "{{\"profiles\":[{{\"controls\":[{{\"results\":[{}{{}}]}}]}}]}}",
            many(n, |i| format!(
                "{{\"status\":\"passed\",\"code_desc\":\"Port 22 {} is expected to include \\\"10.{}.{}.{}\\\"\"}},\n",
                if i % 2 == 0 { "addresses" } else { "processes" },
                i / 65536,
                i / 256 % 256,
                i % 256
            ))
        )
    }),
    ("ss, holders", |n| {
        format!(
            "State Recv-Q Send-Q Local Address:Port Peer Address:PortProcess\nLISTEN 0 128 0.0.0.0:22 0.0.0.0:* users:({})\n",
            many(n, |i| format!("(\"a\",pid={i},fd=3),"))
        )
    }),
    ("ss, holders of hostile names", |n| {
        format!(
            "State Recv-Q Send-Q Local Address:Port Peer Address:PortProcess\nLISTEN 0 128 0.0.0.0:22 0.0.0.0:* users:({})\n",
            "(\"a\",pid=1,fd=3),(\"b\",pid=1".repeat(n)
        )
    }),
    ("ss, a wrap in each row", |n| {
        format!(
            "State Recv-Q Send-Q Local Address:Port Peer Address:PortProcess\n{}",
            "LISTEN 0 128\n 0.0.0.0:22\n 0.0.0.0:*\n users:((\"a\",pid=1,\nfd=3))\n".repeat(n)
        )
    }),
    ("ss, continuation", |n| {
        format!(
            "State Recv-Q Send-Q Local Address:Port Peer Address:PortProcess\nLISTEN 0 128 0.0.0.0:22 0.0.0.0:*\n{}",
            "\t cubic rto:1000\n".repeat(n)
        )
    }),
    ("ss, hosts", |n| {
        many(n, |i| {
            format!(
                "root@h{i}:~# ss -ltn\nState Recv-Q Send-Q Local Address:Port Peer Address:Port\nLISTEN 0 128 0.0.0.0:22 0.0.0.0:*\n"
            )
        })
    }),
    ("ss, namespaces", |n| {
        many(n, |i| {
            format!(
                "netns: n{i}\nState Recv-Q Send-Q Local Address:Port Peer Address:Port\nLISTEN 0 128 0.0.0.0:22 0.0.0.0:*\n"
            )
        })
    }),
    ("ss, colours", |n| {
        format!(
            "State Recv-Q Send-Q Local Address:Port Peer Address:Port\n{}",
            "\u{1b}[1mLISTEN\u{1b}[m 0 128 0.0.0.0:22 0.0.0.0:*\n".repeat(n)
        )
    }),
    ("ss, a prefix on each line", |n| {
        format!(
            "web1: State Recv-Q Send-Q Local Address:Port Peer Address:Port\n{}",
            "web1: LISTEN 0 128 0.0.0.0:22 0.0.0.0:*\n".repeat(n)
        )
    }),
    ("netstat, hosts", |n| {
        many(n, |i| {
            format!(
                "root@h{i}:~# netstat -ltn\nActive Internet connections (only servers)\nProto Recv-Q Send-Q Local Address           Foreign Address         State      \ntcp        0      0 0.0.0.0:22              0.0.0.0:*               LISTEN     \n"
            )
        })
    }),
    ("netstat, forged names", |n| {
        format!("Active Internet connections (only servers)\nProto Recv-Q Send-Q Local Address           Foreign Address         State       PID/Program name    \n{}", "tcp        0      0 0.0.0.0:22              0.0.0.0:*               LISTEN      1/a\ntcp        0      0 \n".repeat(n))
    }),
    ("lsof, processes", |n| {
        format!(
            "COMMAND  PID     USER FD   TYPE             DEVICE SIZE/OFF NODE NAME\n{}",
            many(n, |i| format!("a    {i}     root 8u  IPv6 1      0t0  TCP *:22 (LISTEN)\n"))
        )
    }),
    ("lsof, files of one process", |n| {
        format!(
            "p1\nca\n{}",
            many(n, |i| format!("f{i}\ntIPv4\nd{i}\nPTCP\nn*:{}\nTST=LISTEN\n", i % 65536))
        )
    }),
    ("proc-net, files", |n| {
        many(n, |i| {
            format!(
                "==> /proc/{i}/net/tcp <==\n  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n   0: 0100007F:1538 00000000:0000 0A 00000000:00000000 00:00000000 00000000   999        0 22173 1 0000000000000000 100 0 0 10 0\n"
            )
        })
    }),
    ("windows, modules", |n| {
        format!(
            "\r\nActive Connections\r\n\r\n  Proto  Local Address          Foreign Address        State           PID\r\n{}",
            many(n, |i| format!(
                "  TCP    0.0.0.0:{}            0.0.0.0:0              LISTENING       4\r\n  RpcSs\r\n  x.dll\r\n",
                i % 65536
            ))
        )
    }),
    ("snapshots", |n| {
        many(n, |i| {
            format!(
                "{{\"schema\": \"socklint/snapshot/1\", \"host\": {{\"name\": \"h{i}\"}}, \"coverage\": {{}}, \"sockets\": []}}\n"
            )
        })
    }),
    ("snapshot with wrong sockets", |n| {
        format!(
            "{{\"schema\": \"socklint/snapshot/1\", \"coverage\": {{}}, \"sockets\": [{}{{}}]}}",
            "{\"transport\": \"x\", \"port\": \"y\", \"z\": 1},\n".repeat(n)
        )
    }),
    ("snapshot with processes", |n| {
        format!(
            "{{\"schema\": \"socklint/snapshot/1\", \"coverage\": {{}}, \"sockets\": [{{\"transport\": \"tcp\", \"port\": 1, \"address\": \"::\", \"processes\": [{}{{\"name\": \"a\"}}]}}]}}",
            many(n, |i| format!("{{\"name\": \"a\", \"pid\": {i}}},\n"))
        )
    }),
    ("snapshot with interfaces", |n| {
        format!(
            "{{\"schema\": \"socklint/snapshot/1\", \"coverage\": {{}}, \"sockets\": [], \"interfaces\": [{}{{\"name\": \"lo\", \"addresses\": []}}]}}",
            many(n, |i| format!("{{\"name\": \"e{i}\", \"addresses\": [\"10.0.0.5/24\"]}},\n"))
        )
    }),
    ("systemctl", |n| {
        format!(
            "LISTEN UNIT ACTIVATES\n{}\n1 sockets listed.\n",
            many(n, |i| format!("0.0.0.0:{} a.socket a.service\n", i % 65536))
        )
    }),
    ("powershell, lists", |n| {
        format!(
            "PS C:\\> Get-NetTCPConnection -State Listen | Format-List\n\n{}",
            many(n, |i| format!(
                "LocalAddress : ::\nLocalPort : {}\nState : Listen\n\n",
                i % 65536
            ))
        )
    }),
    ("powershell, wrapped values", |n| {
        format!(
            "PS C:\\> Get-NetTCPConnection -State Listen | Format-List\n\nLocalAddress : ::\n{}",
            "               x\n".repeat(n)
        )
    }),
    ("csv, one quote", |n| {
        format!("\"pid\",\"port\",\"protocol\",\"family\",\"address\"\n\"{}", "1\n".repeat(n))
    }),
    ("csv, open quotes", |n| {
        format!("\"pid\",\"port\",\"protocol\",\"family\",\"address\"\n{}", "\"1,\"\"2\n".repeat(n))
    }),
    ("sockstat, twins", |n| {
        format!(
            "USER     COMMAND    PID   FD PROTO  LOCAL ADDRESS         FOREIGN ADDRESS\n{}",
            many(n, |i| format!("www      nginx      {i} 6  tcp4   *:80                  *:*\n"))
        )
    }),
    ("tail, files", |n| {
        many(n, |i| format!("==> h{i}.txt <==\nLISTEN 0 128 0.0.0.0:22 0.0.0.0:*\n\n"))
    }),
];

#[test]
fn hostile_shapes_cost_what_they_are() {
    let count = 500 * scale();
    let mut slow = Vec::new();
    for (name, shape) in SHAPES {
        slow.extend(texts(name, &shape(count), &shape(4 * count)));
    }
    assert!(slow.is_empty(), "{}", slow.join("\n"));
}

/// The files of one host; `n` of something in them or of them.
type Files = (&'static str, fn(usize) -> Vec<(String, String)>);

const HEAD: &str = "State Recv-Q Send-Q Local Address:Port Peer Address:PortProcess\n";

fn rows(n: usize, row: impl Fn(usize) -> String) -> String {
    format!("# ss -ltnp\n{HEAD}{}", many(n, |i| format!("LISTEN 0 128 {}\n", row(i))))
}

fn pair(one: &str, first: String, other: &str, second: String) -> Vec<(String, String)> {
    vec![(format!("h/{one}"), first), (format!("h/{other}"), second)]
}

const FOLDERS: &[Files] = &[
    ("sockets in two captures", |n| {
        let row = |i: usize| format!("10.0.{}.{}:22 0.0.0.0:*", i / 256 % 256, i % 256);
        pair("ss-a.txt", rows(n, row), "ss-b.txt", rows(n, row))
    }),
    ("twins in two captures", |n| {
        let row = |i: usize| format!("10.0.0.5:22 0.0.0.0:* users:((\"a\",pid={i},fd=3))");
        pair("ss-a.txt", rows(n, row), "ss-b.txt", rows(n, row))
    }),
    ("twins that contradict each other", |n| {
        let row = |i: usize| format!("10.0.0.5:22 0.0.0.0:* users:((\"a{i}\",pid={i},fd=3))");
        let other = |i: usize| format!("10.0.0.5:22 0.0.0.0:* users:((\"b{i}\",pid={i},fd=3))");
        pair("ss-a.txt", rows(n, row), "ss-b.txt", rows(n, other))
    }),
    ("holders in two captures", |n| {
        let one = format!(
            "0.0.0.0:22 0.0.0.0:* users:({})",
            many(n, |i| format!("(\"a\",pid={i},fd=3),"))
        );
        pair("ss-a.txt", rows(1, |_| one.clone()), "ss-b.txt", rows(1, |_| one.clone()))
    }),
    ("vague twins", |n| {
        let row = |_| "*:http *:*".to_owned();
        let other = |i: usize| format!("10.0.{}.{}:80 0.0.0.0:*", i / 256 % 256, i % 256);
        pair("ss-a.txt", rows(n, row), "ss-b.txt", rows(n, other))
    }),
    ("captures", |n| {
        (0..n)
            .map(|i| {
                (format!("h/ss-a{i}.txt"), rows(1, |_| format!("0.0.0.0:{} 0.0.0.0:*", i % 65536)))
            })
            .collect()
    }),
    ("captures of one socket", |n| {
        (0..n)
            .map(|i| (format!("h/ss-a{i}.txt"), rows(1, |_| "0.0.0.0:22 0.0.0.0:*".to_owned())))
            .collect()
    }),
    ("interfaces", |n| {
        let lines = many(n, |i| {
            format!("{i}: e{i}    inet 10.0.{}.{}/24 scope global e{i}\n", i / 256 % 256, i % 256)
        });
        pair(
            "ss.txt",
            rows(n, |i| format!("10.0.{}.{}:22 0.0.0.0:*", i / 256 % 256, i % 256)),
            "ip-addr.txt",
            lines,
        )
    }),
    ("addresses of one interface", |n| {
        let lines = many(n, |i| {
            format!("2: eth0    inet 10.0.{}.{}/24 scope global eth0\n", i / 256 % 256, i % 256)
        });
        pair("ss.txt", rows(1, |_| "0.0.0.0:22 0.0.0.0:*".to_owned()), "ip-addr.txt", lines)
    }),
    ("processes", |n| {
        let lines = many(n, |i| format!("root {i} 0 0 0 0 ? Ss 09:29 0:00 /usr/bin/a -D\n"));
        let head = "USER PID %CPU %MEM VSZ RSS TTY STAT START TIME COMMAND\n";
        pair(
            "ss.txt",
            rows(n, |i| format!("0.0.0.0:{} 0.0.0.0:* users:((\"a\",pid={i},fd=3))", i % 65536)),
            "ps",
            format!("{head}{lines}"),
        )
    }),
    ("users", |n| {
        pair(
            "ss.txt",
            rows(1, |_| "0.0.0.0:22 0.0.0.0:*".to_owned()),
            "passwd",
            many(n, |i| format!("u{i}:x:{i}:{i}::/:/bin/sh\n")),
        )
    }),
    ("services", |n| {
        pair(
            "ss.txt",
            rows(n, |i| format!("0.0.0.0:s{i} 0.0.0.0:*")),
            "services",
            many(n, |i| format!("s{i} {}/tcp\n", i % 65536)),
        )
    }),
];

#[test]
fn archives_cost_what_they_are() {
    type Members = fn(usize) -> (String, String);
    let members: [(&str, Members); 5] = [
        ("empty files", |i| (format!("d/h{i}.txt"), String::new())),
        ("hosts", |i| (format!("h{i}.txt"), rows(1, |_| "0.0.0.0:22 0.0.0.0:*".to_owned()))),
        ("folders", |i| (format!("h{i}/ss.txt"), rows(1, |_| "0.0.0.0:22 0.0.0.0:*".to_owned()))),
        ("facts", |i| (format!("h/ps-{i}.txt"), "PID TTY TIME CMD\n".to_owned())),
        ("files of a sosreport", |i| {
            (format!("sosreport-a-2024-03-07-abc/proc/net/x{i}"), String::new())
        }),
    ];
    let packed = |member: Members, count: usize| {
        let mut builder = tar::Builder::new(Vec::new());
        for number in 0..count {
            let (path, text) = member(number);
            let mut header = tar::Header::new_gnu();
            header.set_size(text.len() as u64);
            builder.append_data(&mut header, path, text.as_bytes()).unwrap();
        }
        builder.into_inner().unwrap()
    };
    let work = |bytes: &[u8]| {
        for evidence in evidence_in("a.tar", bytes).0 {
            std::hint::black_box(read(evidence, &Options::default()));
        }
    };
    let count = 400 * scale();
    let mut slow = Vec::new();
    for (name, member) in members {
        let (few, many) = (packed(member, count), packed(member, 4 * count));
        slow.extend(check(name, (few.len(), many.len()), &|| work(&few), &|| work(&many)));
    }
    assert!(slow.is_empty(), "{}", slow.join("\n"));
}

#[test]
fn folders_cost_what_they_are() {
    let work = |files: &[(String, String)]| {
        let mut gather = Gather::new("", None);
        let mut found = Vec::new();
        for (path, text) in files {
            let (path, bytes) = (path.clone(), text.clone().into_bytes());
            let member = Member { name: path.clone(), path, bytes, ..Member::default() };
            gather.add(member, &mut found).unwrap();
        }
        gather.finish(&mut found);
        for evidence in found {
            std::hint::black_box(read(evidence, &Options::default()));
        }
    };
    let count = 400 * scale();
    let mut slow = Vec::new();
    for (name, files) in FOLDERS {
        let (few, many) = (files(count), files(4 * count));
        let size = |files: &[(String, String)]| files.iter().map(|(_, text)| text.len()).sum();
        slow.extend(check(name, (size(&few), size(&many)), &|| work(&few), &|| work(&many)));
    }
    assert!(slow.is_empty(), "{}", slow.join("\n"));
}
