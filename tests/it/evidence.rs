//! Trees of one host's files: sosreports, fetched trees, folders; what several captures come to together.

use socklint::capture::Options;
use socklint::evidence::{Gather, Member, read};

use crate::support::{Place, flat};

const HEAD: &str = "Netid State  Recv-Q Send-Q Local Address:Port Peer Address:PortProcess\n";
const SS: &str = "\
Netid State  Recv-Q Send-Q Local Address:Port Peer Address:PortProcess
udp   UNCONN 0      0            0.0.0.0:68        0.0.0.0:*    users:((\"dhclient\",pid=640,fd=6)) ino:10 sk:1 <->
tcp   LISTEN 0      244        127.0.0.1:5432      0.0.0.0:*    users:((\"postgres\",pid=812,fd=5)) uid:26 ino:11 sk:2 <->
tcp   LISTEN 0      128         10.0.0.5:8080      0.0.0.0:*    users:((\"java\",pid=900,fd=9)) ino:12 sk:3 <->
tcp   LISTEN 0      128                *:443             *:*    users:((\"nginx\",pid=700,fd=7)) ino:13 sk:4 v6only:0 <->
";
const IP: &str = "\
1: lo    inet 127.0.0.1/8 scope host lo\\       valid_lft forever preferred_lft forever
2: eth0    inet 10.0.0.5/24 brd 10.0.0.255 scope global eth0\\       valid_lft forever
";
const PASSWD: &str =
    "root:x:0:0:root:/root:/bin/bash\npostgres:x:26:26::/var/lib/pgsql:/bin/bash\n";
const PS: &str = "\
USER         PID %CPU %MEM    VSZ   RSS TTY      STAT START   TIME COMMAND
postgres     812  0.0  0.1 213536 27812 ?        Ss   09:29   0:00 /usr/bin/postgres -D /var/lib
tomcat       900  0.0  0.1 213536 27812 ?        Ssl  09:29   0:00 /usr/bin/java -jar x.jar
root         700  0.0  0.1 213536 27812 ?        Ss   09:29   0:00 python3 something else
";
const ROOT: &str = "sosreport-db1-2024-03-07-abcdefg";

/// A netstat table of these rows.
fn netstat(rows: &[&str]) -> String {
    let mut text = "Active Internet connections (servers and established)\n\
                    Proto Recv-Q Send-Q Local Address           Foreign Address         State       \
                    User       Inode      PID/Program name    \n"
        .to_owned();
    for row in rows {
        text.push_str(row);
        text.push('\n');
    }
    text
}

fn sos(files: &[(&str, &str)]) -> Place {
    let place = Place::new();
    for (path, text) in files {
        place.write(&format!("{ROOT}/{path}"), text);
    }
    place
}

/// The only host in it.
fn only(place: &Place, input: &str, code: i32) -> serde_json::Value {
    let run = place.run(&["list", "-f", "ndjson", input]).expect(code);
    assert_eq!(run.out.lines().count(), 1, "{}", run.out);
    serde_json::from_str(&run.out).unwrap()
}

fn socket(snapshot: &serde_json::Value, port: u16) -> &serde_json::Value {
    let sockets = snapshot["sockets"].as_array().unwrap();
    let mut found = sockets.iter().filter(|socket| socket["port"] == port);
    let first = found.next().unwrap_or_else(|| panic!("{port}: {snapshot:#}"));
    assert!(found.next().is_none(), "{port} stands twice: {snapshot:#}");
    first
}

#[test]
fn a_sosreport_is_one_host() {
    let place = sos(&[
        ("sos_commands/networking/ss_-peaonmi", SS),
        ("sos_commands/networking/ip_-o_addr", IP),
        ("sos_commands/networking/ss_-s", "Total: 5\n"),
        ("sos_commands/process/ps_auxwww", PS),
        ("etc/passwd", PASSWD),
        ("etc/ssh/sshd_config", "Port 22\n"),
        ("var/log/messages", "LISTEN 0 128 0.0.0.0:6666 0.0.0.0:*\n"),
    ]);
    let mut tar = tar::Builder::new(Vec::new());
    tar.append_dir_all(ROOT, place.path().join(ROOT)).unwrap();
    place.write("s.tar", tar.into_inner().unwrap());
    for input in [ROOT, "s.tar"] {
        let host = only(&place, input, 0);
        assert_eq!(host["host"]["name"], "db1", "{input}");
        assert_eq!(host["source"]["command"], "ss -peaonmi");
        assert_eq!(host["coverage"]["udp/ipv4"], "proven", "{host:#}");
        assert_eq!(host["sockets"].as_array().unwrap().len(), 4);
        let postgres = socket(&host, 5432);
        assert_eq!(postgres["user"], "postgres");
        assert_eq!(postgres["processes"][0]["cmdline"], "/usr/bin/postgres -D /var/lib");
        assert_eq!(socket(&host, 8080)["processes"][0]["user"], "tomcat");
        // The number was used again: ps shows another program.
        assert_eq!(socket(&host, 443)["processes"][0]["cmdline"], serde_json::Value::Null);
        assert_eq!(host["interfaces"][1]["name"], "eth0");
    }
    place.write(
        "p.toml",
        "[[rule]]\nid = \"java\"\nmatch = { port = 8080 }\nrequire = { interface = \"eth0\" }\n",
    );
    place.run(&["check", "-p", "p.toml", "--unknown", "allow", "s.tar"]).expect(0);
}

#[test]
fn versions_of_sosreport() {
    let rows = netstat(&[
        "tcp        0      0 0.0.0.0:22              0.0.0.0:*               LISTEN      0          101        605/sshd            ",
    ]);
    for (path, command) in [
        ("sos_commands/networking/netstat_-neopa", "netstat -neopa"),
        ("sos_commands/networking/netstat_-W_-neopa", "netstat -W -neopa"),
        ("sos_commands/networking/netstat_-T_-neopa", "netstat -T -neopa"),
    ] {
        // Without the kernel's modules newer versions leave ss out; an empty file is a failed command.
        let place = sos(&[(path, &rows), ("sos_commands/networking/ss_-peaonmi", "")]);
        let run = place.run(&["list", ROOT]).expect(0);
        assert!(flat(&run.err).contains("socklint::capture::file_unread"), "{}", run.err);
        let host = only(&place, ROOT, 0);
        assert_eq!(host["source"]["command"], command);
        socket(&host, 22);
    }
    let place = sos(&[("etc/passwd", PASSWD)]);
    place.run(&["list", ROOT]).expect(2).says(&["no list of sockets"]);
}

#[test]
fn namespaces_stay_apart() {
    let inside = format!("{HEAD}tcp   LISTEN 0      128          0.0.0.0:8443      0.0.0.0:*\n");
    let place = sos(&[
        ("sos_commands/networking/ss_-peaonmi", SS),
        ("sos_commands/networking/namespaces/red/ip_netns_exec_red_ss_-peaonmi", &inside),
    ]);
    let host = only(&place, ROOT, 0);
    assert_eq!(socket(&host, 8443)["netns"], "red");
    assert_eq!(socket(&host, 443)["netns"], serde_json::Value::Null);
    // A table of TCP alone in one namespace leaves UDP open for the host.
    let place = sos(&[
        ("sos_commands/networking/ss_-peaonmi", SS),
        (
            "sos_commands/networking/namespaces/red/ip_netns_exec_red_ss_-ltn",
            "State Recv-Q Send-Q Local Address:Port Peer Address:Port\n",
        ),
    ]);
    let host = only(&place, ROOT, 0);
    assert_eq!(host["coverage"]["udp/ipv4"], "absent", "{host:#}");
    assert_eq!(host["coverage"]["tcp/ipv4"], "proven");
}

#[test]
fn an_obfuscated_sosreport_proves_no_addresses() {
    let place = Place::new();
    let root = "sosreport-host0-2024-03-07-abcdefg-obfuscated";
    place.write(&format!("{root}/sos_commands/networking/ss_-peaonmi"), SS);
    let run = place.run(&["list", root]).expect(0);
    assert!(flat(&run.err).contains("cleaner has replaced"), "{}", run.err);
    let host = only(&place, root, 0);
    assert_eq!(socket(&host, 8080)["address"], serde_json::Value::Null);
    assert_eq!(socket(&host, 8080)["address_text"], "10.0.0.5");
    assert_eq!(socket(&host, 5432)["address"], "127.0.0.1");
    assert_eq!(socket(&host, 443)["address"], "*");
}

#[test]
fn a_socket_that_one_capture_hides_is_told_and_counts() {
    let rows = netstat(&[
        "tcp        0      0 127.0.0.1:5432          0.0.0.0:*               LISTEN      26         11         812/postgres        ",
        "tcp        0      0 10.0.0.5:8080           0.0.0.0:*               LISTEN      0          12         900/java            ",
        "tcp        0      0 0.0.0.0:31337           0.0.0.0:*               LISTEN      0          99         666/backdoor        ",
        "tcp6       0      0 :::443                  :::*                    LISTEN      0          13         700/nginx           ",
        "udp        0      0 0.0.0.0:68              0.0.0.0:*                           0          10         640/dhclient        ",
    ]);
    let place = sos(&[
        ("sos_commands/networking/ss_-peaonmi", SS),
        ("sos_commands/networking/netstat_-W_-neopa", &rows),
    ]);
    let run = place.run(&["list", ROOT]).expect(0);
    let err = flat(&run.err);
    assert_eq!(err.matches("socklint::capture::contradiction").count(), 1, "{err}");
    assert!(err.contains("tcp 0.0.0.0:31337 is here and not in"), "{err}");
    assert!(err.contains("netstat_-W_-neopa:5:1"), "{err}");
    let host = only(&place, ROOT, 0);
    assert_eq!(host["sockets"].as_array().unwrap().len(), 5, "{host:#}");
    assert_eq!(socket(&host, 31337)["processes"][0]["name"], "backdoor");
    assert_eq!(socket(&host, 443)["address"], "*");
    assert_eq!(socket(&host, 5432)["uid"], 26);
    assert_eq!(host["coverage"]["tcp/ipv4"], "presumed");
    assert_eq!(host["coverage"]["udp/ipv4"], "proven");
    place.write("p.toml", "[[rule]]\nid = \"x\"\nmatch = { port = 31337 }\nforbid = true\n");
    place.run(&["check", "-p", "p.toml", ROOT]).expect(1);
}

#[test]
fn folders_and_fetched_trees() {
    let place = Place::with(&[
        ("fetched/db1/tmp/ss-lntupe.txt", SS),
        ("fetched/db1/etc/passwd", PASSWD),
        ("fetched/db2/tmp/ss-lntupe.txt", SS),
        ("flat/web1.txt", SS),
        (
            "flat/facts.json",
            "[{\"ifindex\":2,\"ifname\":\"eth0\",\"flags\":[\"UP\"],\"addr_info\":[{\"family\":\"inet\",\"local\":\"10.0.0.5\",\"prefixlen\":24}]}]",
        ),
        ("mg/nodes/n1/ss.txt", SS),
        ("mg/nodes/n2/sys/ss.txt", SS),
    ]);
    let names = |inputs: &[&str]| {
        let mut args = vec!["list", "-f", "ndjson"];
        args.extend(inputs);
        let run = place.run(&args).expect(0);
        let values =
            run.out.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        values
            .map(|value| {
                let interfaces = value["interfaces"].as_array().map_or(0, Vec::len);
                let user = socket(&value, 5432)["user"].as_str().unwrap_or("?").to_owned();
                format!("{} {interfaces} {user}", value["host"]["name"].as_str().unwrap())
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(names(&["fetched"]), ["db1 0 postgres", "db2 0 ?"]);
    assert_eq!(names(&["flat"]), ["web1 1 ?"]);
    assert_eq!(names(&["flat/web1.txt", "flat/facts.json"]), ["web1 1 ?"]);
    assert_eq!(names(&["mg"]), ["n1 0 ?", "n2 0 ?"]);
}

#[test]
fn facts_that_do_not_fit_are_left_out() {
    let place = Place::with(&[
        ("d/ss.txt", SS),
        ("d/ip-addr.txt", "1: lo    inet 127.0.0.1/8 scope host lo\n"),
    ]);
    let run = place.run(&["list", "d"]).expect(0);
    assert!(
        flat(&run.err).contains("no interface has the address of 10.0.0.5:8080"),
        "{}",
        run.err
    );
    assert_eq!(only(&place, "d", 0)["interfaces"], serde_json::Value::Null);
    place.write("d/ip-addr.txt", "something else\n");
    let run = place.run(&["list", "d"]).expect(0);
    assert!(flat(&run.err).contains("this is no output of `ip addr`"), "{}", run.err);
}

#[test]
fn services_and_the_version_of_ss_decide_what_a_capture_leaves_open() {
    let old = "State Recv-Q Send-Q Local Address:Port Peer Address:Port\n\
               LISTEN 0      128                *:myapp            *:*    \n";
    let place = Place::with(&[
        ("d/ss-lt.txt", old),
        ("d/services", "myapp 7001/tcp\n"),
        ("d/ss-version.txt", "ss utility, iproute2-ss130716\n"),
    ]);
    let host = only(&place, "d", 0);
    assert_eq!(socket(&host, 7001)["address"], "0.0.0.0");
}

#[test]
fn folders_of_the_lab_are_one_host_each() {
    let Some(shared) = std::env::var_os("SOCKLINT_SHARED") else {
        println!("skipped: SOCKLINT_SHARED is not set");
        return;
    };
    let lab = std::path::Path::new(&shared).join("captures-lab");
    let mut seen = 0;
    for entry in std::fs::read_dir(lab).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if !name.starts_with("fw-") {
            continue;
        }
        let place = Place::new();
        let host = only(&place, &path.to_string_lossy(), 0);
        assert_eq!(host["host"]["name"], name.as_str());
        assert!(host["interfaces"].as_array().is_some_and(|all| all.len() > 1), "{name}");
        let run = place.run(&["list", &path.to_string_lossy()]).expect(0);
        assert!(!run.err.contains("contradiction"), "{name}: {}", run.err);
        seen += 1;
    }
    assert!(seen > 5);
}

/// Facts of a host and no list of sockets: what is said of it has a place in a text, or none.
#[test]
fn issues_of_a_host_without_texts_have_no_place() {
    for files in [&[("ps", "")][..], &[("db1/ps", ""), ("db1/ss.txt", "x")]] {
        let mut gather = Gather::new("fleet/", Some("fleet".to_owned()));
        let mut found = Vec::new();
        for (path, text) in files {
            let (path, bytes) = ((*path).to_owned(), text.as_bytes().to_vec());
            let member = Member { name: path.clone(), path, bytes, ..Member::default() };
            gather.add(member, &mut found).unwrap();
        }
        gather.finish(&mut found);
        for capture in found.into_iter().flat_map(|one| read(one, &Options::default())) {
            assert!(!capture.issues.is_empty());
            for at in capture.issues.iter().filter_map(|issue| issue.at) {
                let text = capture.snapshot.sources.get(at.source).unwrap().text();
                assert!(text.get(at.range()).is_some());
            }
        }
    }
}

/// `ss -ltnp` of these rows.
fn ss(rows: &[&str]) -> String {
    let head = "State  Recv-Q Send-Q Local Address:Port Peer Address:PortProcess\n";
    let rows: Vec<String> = rows.iter().map(|row| format!("LISTEN 0 128 {row}\n")).collect();
    format!("# ss -ltnp\n{head}{}", rows.concat())
}

/// What a folder of these files comes to by a policy of one rule, and each of the captures alone.
fn verdicts(rule: &str, files: &[(&str, &str)]) -> (i32, Vec<i32>) {
    let place = Place::with(&[("p.toml", &format!("[[rule]]\nid = \"r\"\n{rule}\n"))]);
    for (path, text) in files {
        place.write(&format!("d/{path}"), text);
    }
    let code = |input: &str| {
        let run = place.run(&["check", "-p", "p.toml", input]);
        run.code
    };
    let captures =
        files.iter().filter(|(path, _)| !path.starts_with("ip") && !path.contains("etc"));
    (code("d"), captures.map(|(path, _)| code(&format!("d/{path}"))).collect())
}

/// Two captures that show one endpoint and not the same of it: the folder does not pass where one of them fails.
#[test]
fn contradictions_of_one_endpoint_do_not_pass() {
    let loopback = "match = { port = 5432 }\nrequire = { bind = \"loopback\" }";
    let postgres = "match = { port = 5432 }\nrequire = { process = \"postgres\" }";
    let device = "match = { port = 5432 }\nrequire = { interface = \"lo\" }";
    let one = "match = { port = 5432 }\nexpect = { max = 1 }";
    let root = "match = { port = 5432, uid = 0 }\nforbid = true";
    let star =
        "State Recv-Q Send-Q Local Address:Port Peer Address:Port\nLISTEN 0 128 *:5432 *:*\n";
    let own = ss(&["127.0.0.1:5432 0.0.0.0:* users:((\"postgres\",pid=812,fd=5))"]);
    let evil = ss(&["127.0.0.1:5432 0.0.0.0:* users:((\"evil\",pid=913,fd=5))"]);
    let bare = ss(&["127.0.0.1:5432 0.0.0.0:*"]);
    let twice = ss(&["127.0.0.1:5432 0.0.0.0:*", "127.0.0.1:5432 0.0.0.0:*"]);
    let bound = ss(&["0.0.0.0%lo:5432 0.0.0.0:*"]);
    let free = ss(&["0.0.0.0:5432 0.0.0.0:*"]);
    let mine = netstat(&[
        "tcp        0      0 127.0.0.1:5432          0.0.0.0:*               LISTEN      26         101        -                   ",
    ]);
    let roots = netstat(&[
        "tcp        0      0 127.0.0.1:5432          0.0.0.0:*               LISTEN      0          102        -                   ",
    ]);
    for (rule, one, other) in [
        (loopback, own.as_str(), star),
        (postgres, &own, &evil),
        (device, &bound, &free),
        (one, &bare, &twice),
        (root, &mine, &roots),
    ] {
        for (first, second) in [(one, other), (other, one)] {
            let files = [("ss-a.txt", first), ("ss-b.txt", second)];
            let (folder, alone) = verdicts(rule, &files);
            assert!(alone.contains(&1), "{rule}: {alone:?}");
            assert_eq!(folder, 1, "{rule}\n{first}\n{second}");
        }
    }
}

/// The same where there is much to compare, and where one capture has the number of what the other has by name.
#[test]
fn contradictions_among_many_and_between_names_and_numbers_do_not_pass() {
    let nginx = "match = { port = 80 }\nrequire = { process = \"nginx\" }";
    let user = "match = { port = 80 }\nrequire = { user = \"www-data\" }";
    let held = |by: &[String]| ss(&[&format!("0.0.0.0:80 0.0.0.0:* users:({})", by.join(","))]);
    let mut owners: Vec<String> =
        (0..65).map(|pid| format!("(\"nginx\",pid={},fd=3)", pid + 10)).collect();
    let all = held(&owners);
    owners.push("(\"evil\",pid=9,fd=3)".to_owned());
    let more = held(&owners);
    let (folder, alone) = verdicts(nginx, &[("ss-a.txt", &all), ("ss-b.txt", &more)]);
    assert_eq!((folder, alone), (1, vec![3, 1]));

    let root = "# ss -lntue\nNetid State Recv-Q Send-Q Local Address:Port Peer Address:Port Process\n\
                tcp LISTEN 0 128 0.0.0.0:80 0.0.0.0:* ino:5 sk:1 <->\n";
    let name = netstat(&[
        "tcp        0      0 0.0.0.0:80              0.0.0.0:*               LISTEN      www-data   5          12/nginx            ",
    ]);
    let (folder, alone) = verdicts(user, &[("ss-a.txt", root), ("netstat-b.txt", &name)]);
    assert_eq!((folder, alone.first()), (1, Some(&1)));

    // Nine captures that tell nothing of owners, and two that contradict each other.
    let bare = ss(&["0.0.0.0:80 0.0.0.0:*"]).replace("-ltnp", "-ltn");
    let (good, evil) = (held(&owners[..1]), held(&owners[65..]));
    let names: Vec<String> = (0..20).map(|number| format!("ss-{number:02}.txt")).collect();
    for at in [0, 19] {
        let files: Vec<(&str, &str)> = names
            .iter()
            .enumerate()
            .map(|(number, name)| {
                let text = match number {
                    10 => &good,
                    number if number == at => &evil,
                    _ => &bare,
                };
                (name.as_str(), text.as_str())
            })
            .collect();
        assert_eq!(verdicts(nginx, &files).0, 1, "{at}");
    }
}

/// The path of a control group in one capture and the unit in another are of one process only where they agree.
#[test]
fn a_path_of_one_unit_and_the_name_of_another_do_not_pass() {
    let unit = "match = { port = 80 }\nrequire = { unit = \"nginx.service\" }";
    let snapshot = |fact: &str| {
        format!(
            "{{\"schema\": \"socklint/snapshot/1\", \"host\": {{\"name\": \"web1\", \"labels\": {{}}}}, \
             \"source\": {{\"kind\": \"observed\", \"format\": \"ss\", \"path\": \"x\", \"command\": null, \
             \"captured_at\": null, \"sha256\": null}}, \"coverage\": {{\"tcp/ipv4\": \"proven\", \
             \"tcp/ipv6\": \"proven\", \"udp/ipv4\": \"proven\", \"udp/ipv6\": \"proven\"}}, \
             \"sockets\": [{{\"transport\": \"tcp\", \"state\": \"listen\", \"address\": \"0.0.0.0\", \
             \"port\": 80, \"interface\": null, \"scope\": \"wildcard\", \"processes\": \
             [{{\"name\": \"nginx\", \"pid\": 1, \"fd\": 3}}], {fact}}}], \"interfaces\": null}}"
        )
    };
    let name = snapshot("\"unit\": \"nginx.service\"");
    for (slice, code) in [("evil.service", 1), ("nginx.service", 0)] {
        let path = snapshot(&format!("\"cgroup\": \"/system.slice/{slice}\""));
        let (folder, alone) = verdicts(unit, &[("ss-1.json", &path), ("ss-2.json", &name)]);
        assert_eq!((folder, alone), (code, vec![code, 0]), "{slice}");
    }
}

/// Facts beside the captures that are of another host, or contradict each other, decide nothing.
#[test]
fn facts_of_another_host_decide_nothing() {
    let rule = "match = { port = 5432, interface = \"eth0\" }\nforbid = true";
    let capture = ss(&["10.0.0.5:5432 0.0.0.0:*"]);
    let own = "2: eth0    inet 10.0.0.5/24 brd 10.0.0.255 scope global eth0\n";
    let other = "2: eth0    inet 10.0.0.7/24 brd 10.0.0.255 scope global eth0\n";
    assert_eq!(verdicts(rule, &[("ss.txt", &capture), ("ip-addr.txt", own)]).0, 1);
    // The neighbour's network holds the address, and no interface of it is the address.
    assert_eq!(verdicts(rule, &[("ss.txt", &capture), ("ip-addr.txt", other)]).0, 3);
    let place = Place::with(&[
        ("d/ss.txt", &format!("root@db1:~{capture}")),
        ("d/ip-addr.txt", own),
        ("d/hostname", "db2\n"),
    ]);
    let run = place.run(&["list", "d"]).expect(0);
    assert!(
        flat(&run.err).contains("the captures are of `db1`, the files beside them of `db2`"),
        "{}",
        run.err
    );
    assert_eq!(only(&place, "d", 0)["interfaces"], serde_json::Value::Null);
    // Two tables of users.
    let rule = "match = { port = 5432, transport = \"tcp\" }\nrequire = { user = \"postgres\" }";
    let capture = "# netstat -antpe\n".to_owned()
        + &netstat(&[
            "tcp        0      0 127.0.0.1:5432          0.0.0.0:*               LISTEN      26         101        -                   ",
        ]);
    let (one, other) = ("postgres:x:26:26::/:/bin/sh\n", "evil:x:26:26::/:/bin/sh\n");
    assert_eq!(verdicts(rule, &[("netstat.txt", &capture), ("etc-passwd", one)]).0, 0);
    let both = [("netstat.txt", capture.as_str()), ("etc-passwd", one), ("getent-passwd", other)];
    assert_eq!(verdicts(rule, &both).0, 3);
}

/// A number that a capture shows is not changed by what a name stands for on the host.
#[test]
fn a_port_that_is_shown_is_no_matter_of_services() {
    let names = "State Recv-Q Send-Q Local Address:Port Peer Address:Port\n\
                 LISTEN 0 128 127.0.0.1:postgresql 0.0.0.0:*\n";
    let place = Place::with(&[
        ("d/ss-lt.txt", names),
        ("d/ss-ltn.txt", &ss(&["127.0.0.1:5432 0.0.0.0:*"])),
        ("d/services", "postgresql 6543/tcp\n"),
    ]);
    assert_eq!(socket(&only(&place, "d", 0), 5432)["address"], "127.0.0.1");
}

/// A namespace whose capture is broken is not covered by those of others.
#[test]
fn a_namespace_that_cannot_be_read_is_not_covered() {
    let whole = "State  Recv-Q Send-Q Local Address:Port Peer Address:Port\nLISTEN 0 128 127.0.0.1:22 0.0.0.0:*\n";
    let place = sos(&[
        ("sos_commands/networking/ss_-ltn", whole),
        ("sos_commands/networking/namespaces/red/ip_netns_exec_red_ss_-ltn", ""),
    ]);
    let host = only(&place, ROOT, 0);
    assert_eq!(host["coverage"]["tcp/ipv4"], "absent", "{host:#}");
    assert_eq!(host["namespaces"][0]["name"], "red", "{host:#}");
}

/// What answers from outside and listens nowhere is behind a rule of NAT: it is told, and no rule passes for it.
#[test]
fn what_answers_from_outside_counts_where_nothing_listens() {
    let scan = "# Nmap 7.93 scan initiated Tue Nov 14 22:13:20 2023 as: nmap -oG - 10.0.0.5\n\
                Host: 10.0.0.5 ()\tStatus: Up\nHost: 10.0.0.5 ()\tPorts: 22/open/tcp/////, 23/open/tcp/////\n\
                # Nmap done at Tue Nov 14 22:13:21 2023 -- 1 IP address (1 host up) scanned in 0.50 seconds\n";
    let listeners = ss(&["0.0.0.0:22 0.0.0.0:*"]);
    let record = serde_json::json!({"host": "db1", "ss": listeners, "nmap": scan});
    let place = Place::with(&[
        ("s.ndjson", &format!("{record}\n")),
        (
            "p.toml",
            "[[rule]]\nid = \"telnet\"\nmatch = { port = 23, transport = \"tcp\" }\nforbid = true\n",
        ),
    ]);
    let run = place.run(&["check", "-p", "p.toml", "s.ndjson"]).expect(1);
    assert!(flat(&run.out).contains("is here and not in"), "{}", run.out);
    let host = only(&place, "s.ndjson", 0);
    assert_eq!(host["sockets"].as_array().unwrap().len(), 2, "{host:#}");
    assert_eq!(host["source"]["kind"], "observed");
}

/// What nmap says of one address, with these ports open.
fn scan_of(address: &str, name: &str, ports: &[u16]) -> String {
    let entries: Vec<String> = ports.iter().map(|port| format!("{port}/open/tcp/////")).collect();
    format!(
        "# Nmap 7.93 scan initiated Tue Nov 14 22:13:20 2023 as: nmap -oG - {address}\n\
         Host: {address} ({name})\tPorts: {}\n\
         # Nmap done at Tue Nov 14 22:13:21 2023 -- 1 IP address (1 host up) scanned in 0.50 seconds\n",
        entries.join(", ")
    )
}

/// Two scans of one host reached two of its addresses: what answered at one is no evidence of the other, neither
/// is lost, and the host keeps the name that the record gives it, so that the rules for it are asked.
#[test]
fn scans_of_two_addresses_of_a_host_are_kept_apart_and_judged_as_one() {
    let list =
        "#masscan\nopen tcp 22 192.0.2.9 1700000000\nopen tcp 80 192.0.2.9 1700000000\n# end\n";
    let record = serde_json::json!({"host": "db1", "nmap": scan_of("10.0.0.5", "", &[22, 23]), "masscan": list});
    let place = Place::with(&[
        ("s.ndjson", &format!("{record}\n")),
        (
            "p.toml",
            "[policy]\nname = \"p\"\nhosts = [\"db*\"]\n\
             [[rule]]\nid = \"telnet\"\nmatch = { port = 23 }\nforbid = true\n\
             [[rule]]\nid = \"web\"\nmatch = { port = 80 }\nforbid = true\n\
             [[rule]]\nid = \"mail\"\nmatch = { port = 25 }\nforbid = true\n\
             [[rule]]\nid = \"ssh\"\nmatch = { port = 22 }\nrequire = { bind = \"10.0.0.5\" }\n",
        ),
    ]);
    let host = only(&place, "s.ndjson", 0);
    assert_eq!(host["host"]["name"], "db1", "{host:#}");
    let mut ends: Vec<String> = host["sockets"]
        .as_array()
        .unwrap()
        .iter()
        .map(|socket| format!("{} {}", socket["address"], socket["port"]))
        .collect();
    let wanted = ["\"10.0.0.5\" 22", "\"10.0.0.5\" 23", "\"192.0.2.9\" 22", "\"192.0.2.9\" 80"];
    ends.sort_unstable();
    assert_eq!(ends, wanted);
    let report = place.run(&["check", "-f", "json", "-p", "p.toml", "s.ndjson"]).expect(1).json();
    let results = report["hosts"][0]["results"].as_array().unwrap();
    let verdicts: Vec<String> = results
        .iter()
        .map(|result| {
            format!("{}={}", result["rule"].as_str().unwrap(), result["verdict"].as_str().unwrap())
        })
        .collect();
    // Nothing that no scan found is known not to listen, nor what answers to be bound where it answers.
    assert_eq!(verdicts, ["telnet=fail", "web=fail", "mail=unknown", "ssh=unknown"]);
}

/// Beside a capture of the host itself both scans count, each for the address that it reached.
#[test]
fn scans_of_two_addresses_count_beside_a_capture_of_the_host() {
    let record = serde_json::json!({
        "host": "db1",
        "nmap": scan_of("10.0.0.5", "db1", &[22, 23]),
        "masscan": "Discovered open port 80/tcp on 192.0.2.9\n",
        "osquery": "pid|port|protocol|family|address\n605|5432|6|2|127.0.0.1\n",
    });
    let place = Place::with(&[("s.ndjson", &format!("{record}\n"))]);
    let host = only(&place, "s.ndjson", 0);
    let ports: Vec<u64> = host["sockets"]
        .as_array()
        .unwrap()
        .iter()
        .map(|socket| socket["port"].as_u64().unwrap())
        .collect();
    assert_eq!(ports, [5432, 22, 23, 80], "{host:#}");
    assert_eq!(host["host"]["name"], "db1");
}

/// The lines of a host's sockets are of several files: each names its own where it is not that of the host, and
/// nothing of it is lost when the documents are read again.
#[test]
fn sockets_of_several_files_name_theirs() {
    let place = Place::with(&[
        ("d/ss.txt", &ss(&["127.0.0.1:22 0.0.0.0:*"])),
        ("d/ss-b.txt", &ss(&["127.0.0.1:22 0.0.0.0:*", "127.0.0.1:23 0.0.0.0:*"])),
        ("p.toml", "[[rule]]\nid = \"telnet\"\nmatch = { port = 23 }\nforbid = true\n"),
    ]);
    let host = only(&place, "d", 0);
    let shown = |port| {
        let socket = socket(&host, port);
        (socket["path"].as_str().unwrap().to_owned(), socket["line"].as_u64().unwrap())
    };
    assert_eq!(host["source"]["path"], "d");
    assert_eq!(shown(23), ("d/ss-b.txt".to_owned(), 4));
    assert!(shown(22).0.starts_with("d/ss"));
    let report = place.run(&["check", "-f", "json", "-p", "p.toml", "d"]).expect(1).json();
    let violation = &report["hosts"][0]["results"][0]["violations"][0];
    assert_eq!(violation["socket"]["path"], "d/ss-b.txt");
    assert_eq!(violation["evidence"]["path"], "d/ss-b.txt");
    // One file: the path of the host is that of its sockets.
    let alone = only(&place, "d/ss-b.txt", 0);
    assert_eq!(socket(&alone, 23)["path"], serde_json::Value::Null);
    // Read again, and put together with others.
    place.write("host.json", serde_json::to_string(&host).unwrap());
    assert_eq!(only(&place, "host.json", 0), host);
    place.write("two/ss.json", serde_json::to_string(&host).unwrap());
    let renamed = serde_json::to_string(&alone).unwrap().replace("\"ss-b\"", "\"d\"");
    place.write("two/ss-all.json", renamed);
    let both = only(&place, "two", 0);
    assert_eq!(both["source"]["path"], "two");
    for socket in both["sockets"].as_array().unwrap() {
        assert!(socket["path"].as_str().unwrap().starts_with("d/ss"), "{both:#}");
    }
}
