use proptest::prelude::*;

use super::*;
use crate::capture::IssueKind;
use crate::capture::testing::{
    capture, captured_from, captures, check_places, coverage, issues, sockets, why,
};

/// Windows 11: `netstat -ano`.
const TABLE: &str = "\r
Active Connections\r
\r
  Proto  Local Address          Foreign Address        State           PID\r
  TCP    0.0.0.0:135            0.0.0.0:0              LISTENING       1100\r
  TCP    127.0.0.1:5432         0.0.0.0:0              LISTENING       3344\r
  TCP    10.0.2.15:49701        203.0.113.9:443        ESTABLISHED     812\r
  TCP    10.0.2.15:49702        203.0.113.9:80         TIME_WAIT       0\r
  TCP    [::]:135               [::]:0                 LISTENING       1100\r
  UDP    0.0.0.0:123            *:*                                    900\r
  UDP    [fe80::1c5a:2c75%12]:1900  *:*                                4808\r
";

#[test]
fn rows() {
    let read = capture(TABLE);
    assert_eq!(
        sockets(&read),
        [
            "tcp 0.0.0.0:135 /1100",
            "tcp 127.0.0.1:5432 /3344",
            "tcp [::]:135 /1100",
            "udp 0.0.0.0:123 /900",
            "udp fe80::1c5a:2c75%12:1900 address-resolved /4808",
        ]
        .map(|line| line
            .replace("fe80::1c5a:2c75%12:1900 address-resolved", "[fe80::1c5a:2c75]%12:1900"))
    );
    assert_eq!(issues(&read), []);
    assert_eq!(coverage(&read), "tcp4p6p udp4p6p");
    check_places(&read);
}

#[test]
fn commands() {
    let with = |command| coverage(&captures(TABLE, Some(command)).remove(0));
    assert_eq!(with("netstat -ano"), "tcp4P6P udp4P6P");
    assert_eq!(with("NETSTAT.EXE /a /n"), "tcp4P6P udp4P6P");
    assert_eq!(with("netstat -no"), "");
    assert_eq!(with("netstat -ano | findstr LISTENING"), "");
    assert_eq!(with("netstat -an -p tcp"), "tcp4p6p udp4p6p", "other rows are not its");
    let typed = format!(
        "Microsoft Windows [Version 10.0.26100.1]\r\n\r\nC:\\Users\\ada>netstat -ano\r\n{TABLE}\r\nC:\\Users\\ada>\r\n"
    );
    let read = capture(&typed);
    assert_eq!(coverage(&read), "tcp4P6P udp4P6P");
    assert_eq!(read.snapshot.origin.command.as_deref(), Some("netstat -ano"));
    let filtered = typed.replace("-ano\r", "-ano | findstr :135\r");
    assert_eq!(coverage(&capture(&filtered)), "");
    let shell = format!("PS C:\\Windows\\system32> netstat -anb\r\n{TABLE}");
    assert_eq!(coverage(&capture(&shell)), "tcp4P6P udp4P6P");
    let headless: String = TABLE.lines().skip(4).map(|line| format!("{line}\n")).collect();
    assert_eq!(why(&capture(&headless), Transport::Tcp, Family::Ipv4), "header-not-shown");
}

#[test]
fn programs_below_their_rows() {
    let text = "\
Active Connections

  Proto  Local Address          Foreign Address        State           PID
  TCP    0.0.0.0:22             0.0.0.0:0              LISTENING       2016
 [sshd.exe]
  TCP    0.0.0.0:135            0.0.0.0:0              LISTENING       924
  RpcSs
 [svchost.exe]
  TCP    0.0.0.0:445            0.0.0.0:0              LISTENING       4
 Can not obtain ownership information
  TCP    0.0.0.0:5040           0.0.0.0:0              LISTENING       4456
  CDPSvc
  C:\\WINDOWS\\System32\\WS2_32.dll
  -- unknown component(s) --
 [svchost.exe]
  TCP    10.0.2.15:50000        203.0.113.9:443        ESTABLISHED     77
 [browser.exe]
  UDP    0.0.0.0:500            *:*                                    300
  IKEEXT
 [svchost.exe]
";
    let read = capture(text);
    assert_eq!(
        sockets(&read),
        [
            "tcp 0.0.0.0:22 sshd.exe/2016",
            "tcp 0.0.0.0:135 svchost.exe/924",
            "tcp 0.0.0.0:445 /4",
            "tcp 0.0.0.0:5040 svchost.exe/4456",
            "udp 0.0.0.0:500 svchost.exe/300",
        ]
    );
    assert_eq!(issues(&read), []);
    check_places(&read);
    let alone = text.replace("           PID", "").replace("       2016", "");
    assert_eq!(sockets(&capture(&alone))[0], "tcp 0.0.0.0:22 sshd.exe/?");
    // The first row has no program, in whatever language that is said.
    let text = "\
Aktive Verbindungen

  Proto  Lokale Adresse         Remoteadresse          Status           PID
  TCP    0.0.0.0:445            0.0.0.0:0              ABH\u{fffd}REN         4
 Es konnten keine Besitzerinformationen abgerufen werden.
  TCP    0.0.0.0:22             0.0.0.0:0              ABH\u{fffd}REN         2016
 [sshd.exe]
";
    let read = capture(text);
    assert_eq!(sockets(&read), ["tcp 0.0.0.0:445 /4", "tcp 0.0.0.0:22 sshd.exe/2016"]);
    assert_eq!(issues(&read), []);
    // No program at all.
    let text = "\
  Proto  Local Address          Foreign Address        State           PID
  TCP    0.0.0.0:445            0.0.0.0:0              LISTENING       4
 Can not obtain ownership information
";
    let read = capture(text);
    assert_eq!((sockets(&read), issues(&read)), (vec!["tcp 0.0.0.0:445 /4".to_owned()], vec![]));
}

#[test]
fn a_page_may_take_away_the_blanks_that_lines_begin_with() {
    let text = "\
Active Connections

Proto  Local Address          Foreign Address        State           PID
TCP    0.0.0.0:445            0.0.0.0:0              LISTENING       4
Can not obtain ownership information
TCP    0.0.0.0:135            0.0.0.0:0              LISTENING       924
RpcSs
[svchost.exe]
TCP    0.0.0.0:1025           0.0.0.0:0              LISTENING       925
C:\\WINDOWS\\System32\\WS2_32.dll
-- unknown component(s) --
[Some Program.exe]
and a line of something else
";
    let read = capture(text);
    assert_eq!(
        sockets(&read),
        [
            "tcp 0.0.0.0:445 /4",
            "tcp 0.0.0.0:135 svchost.exe/924",
            "tcp 0.0.0.0:1025 Some Program.exe/925",
        ]
    );
    assert_eq!(issues(&read), [(IssueKind::RowUnread, 13)]);
}

#[test]
fn a_page_may_make_one_blank_of_several() {
    let text = "\
Active Connections
Proto Local Address Foreign Address State PID
TCP 0.0.0.0:135 0.0.0.0:0 LISTENING 748
UDP [::]:500 *:* 900
";
    let read = capture(text);
    assert_eq!(sockets(&read), ["tcp 0.0.0.0:135 /748", "udp [::]:500 /900"]);
    assert_eq!((issues(&read), coverage(&read)), (vec![], "tcp4p6p udp4p6p".to_owned()));
}

#[test]
fn a_header_in_a_code_page_that_was_lost_may_hold_brackets() {
    // Shift JIS: the second byte of the long vowel sign is that of a bracket.
    let lost = "\u{fffd}\u{fffd}";
    let text = format!(
        "{lost}A{lost}\n\n  {lost}v{lost}  {lost}[{lost} {lost}A        {lost}O{lost}[  {lost}           PID\n  \
         TCP         0.0.0.0:135            0.0.0.0:0              LISTENING       748\n"
    );
    let read = capture(&text);
    assert_eq!(coverage(&read), "tcp4p");
    assert_eq!(issues(&read), []);
}

#[test]
fn every_language() {
    for (heading, header, state) in [
        (
            "Aktive Verbindungen",
            "Proto  Lokale Adresse         Remoteadresse          Status           PID",
            "ABH\u{d6}REN",
        ),
        (
            "Connexions actives",
            "Proto  Adresse locale         Adresse distante       \u{c9}tat",
            "LISTENING",
        ),
        (
            "Conexiones activas",
            "Proto  Direcci\u{f3}n local          Direcci\u{f3}n remota        Estado           PID",
            "LISTENING",
        ),
        (
            "Conex\u{f5}es ativas",
            "Proto  Endere\u{e7}o local          Endere\u{e7}o externo        Estado           PID",
            "A ESCUTAR",
        ),
        (
            "Connessioni attive",
            "Proto  Indirizzo locale          Indirizzo esterno        Stato",
            "LISTENING",
        ),
        (
            "Aktywne po\u{142}\u{105}czenia",
            "Protok\u{f3}\u{142}  Adres lokalny          Obcy adres        Stan",
            "NAS\u{141}UCHIWANIE",
        ),
        (
            "\u{410}\u{43a}\u{442}\u{438}\u{432}\u{43d}\u{44b}\u{435} \u{43f}\u{43e}\u{434}\u{43a}\u{43b}\u{44e}\u{447}\u{435}\u{43d}\u{438}\u{44f}",
            "\u{418}\u{43c}\u{44f}    \u{41b}\u{43e}\u{43a}\u{430}\u{43b}\u{44c}\u{43d}\u{44b}\u{439} \u{430}\u{434}\u{440}\u{435}\u{441}        \u{412}\u{43d}\u{435}\u{448}\u{43d}\u{438}\u{439} \u{430}\u{434}\u{440}\u{435}\u{441}          \u{421}\u{43e}\u{441}\u{442}\u{43e}\u{44f}\u{43d}\u{438}\u{435}       PID",
            "LISTENING",
        ),
        (
            "\u{30a2}\u{30af}\u{30c6}\u{30a3}\u{30d6}\u{306a}\u{63a5}\u{7d9a}",
            "\u{30d7}\u{30ed}\u{30c8}\u{30b3}\u{30eb}  \u{30ed}\u{30fc}\u{30ab}\u{30eb} \u{30a2}\u{30c9}\u{30ec}\u{30b9}          \u{5916}\u{90e8}\u{30a2}\u{30c9}\u{30ec}\u{30b9}        \u{72b6}\u{614b}            PID",
            "LISTENING",
        ),
        (
            "\u{6d3b}\u{52a8}\u{8fde}\u{63a5}",
            "\u{534f}\u{8bae}  \u{672c}\u{5730}\u{5730}\u{5740}          \u{5916}\u{90e8}\u{5730}\u{5740}        \u{72b6}\u{6001}           PID",
            "LISTENING",
        ),
        (
            "Actieve verbindingen",
            "Proto  Lokaal adres           Extern adres           Status",
            "LISTENING",
        ),
        (
            "\u{fffd}\u{fffd}\u{fffd}\u{fffd}",
            "\u{fffd}\u{fffd}\u{fffd}  \u{fffd}\u{fffd} \u{fffd}\u{fffd}        \u{fffd}\u{fffd}\u{fffd}          \u{fffd}\u{fffd}\u{fffd}       PID",
            "\u{fffd}\u{fffd}\u{fffd}",
        ),
    ] {
        let text = format!(
            "\n{heading}\n\n  {header}\n  TCP    0.0.0.0:135            0.0.0.0:0              {state}       1100\n  TCP    [::]:135               [::]:0                 {state}       1100\n  TCP    10.0.0.5:50000         10.0.0.9:443           X Y             7\n  UDP    0.0.0.0:123            *:*                                    900\n"
        );
        let read = capture(&text);
        assert_eq!(
            sockets(&read),
            ["tcp 0.0.0.0:135 /1100", "tcp [::]:135 /1100", "udp 0.0.0.0:123 /900"],
            "{header}"
        );
        assert_eq!(issues(&read), [], "{header}");
        assert_eq!(coverage(&read), "tcp4p6p udp4p6p", "{header}");
    }
}

#[test]
fn bound_sockets_offload_and_names() {
    let text = "\
  Proto  Local Address          Foreign Address        State           PID    Offload State
  TCP    0.0.0.0:135            0.0.0.0:0              LISTENING       924    InHost
  TCP    0.0.0.0:50321          0.0.0.0:0              BOUND           924    InHost
  TCP    127.0.0.1:9001         WEB1:0                 LISTENING
  TCP    WEB1:epmap             WEB1:0                 LISTENING
  TCP    10.0.0.5:139           WEB1:0                 LISTENING       70000
  TCP    0.0.0.0:99999          0.0.0.0:0              LISTENING       1
  TCP    0.0.0.0:123456         0.0.0.0:0              LISTENING       1
";
    let read = capture(text);
    assert_eq!(
        sockets(&read),
        [
            "tcp 0.0.0.0:135 /924",
            "tcp 127.0.0.1:9001",
            "tcp WEB1:135 address-resolved resolved",
            "tcp 10.0.0.5:139 /70000",
        ]
    );
    assert_eq!(issues(&read), [(IssueKind::RowUnread, 7), (IssueKind::RowUnread, 8)]);
}

#[test]
fn cut_texts_and_other_lines() {
    let cut = TABLE.get(..TABLE.len() - 20).unwrap();
    assert_eq!(coverage(&capture(cut)), "");
    let paged = format!("{TABLE}-- More  --\r\n");
    let read = capture(&paged);
    assert_eq!(issues(&read), [(IssueKind::ToolError, 12)]);
    assert_eq!(coverage(&read), "");
    let strange = TABLE.replace("  UDP    0.0.0.0:123", "something else\r\n  UDP    0.0.0.0:123");
    assert_eq!(issues(&capture(&strange)), [(IssueKind::RowUnread, 10)]);
    let read = captured_from(TABLE, "netstat");
    assert!(read.issues[0].message.contains("netstat-windows"), "{:?}", read.issues);
}

#[test]
fn utf_16_as_powershell_writes_it() {
    let bytes: Vec<u8> = std::iter::once(0xFEFF_u16)
        .chain(TABLE.encode_utf16())
        .flat_map(u16::to_le_bytes)
        .collect();
    let source = std::sync::Arc::new(crate::source::SourceFile::decode("test", bytes).unwrap());
    let all = crate::capture::read(source, &crate::capture::Options::default());
    assert_eq!(sockets(&all[0]).len(), 5);
    check_places(&all[0]);
}

#[test]
fn several_hosts() {
    let text = format!(
        "ada@WEB1 C:\\Users\\ada>netstat -ano\n{TABLE}ada@WEB2 C:\\Users\\ada>netstat -ano\n{TABLE}"
    );
    let all = captures(&text, None);
    let names: Vec<_> = all.iter().map(|read| read.snapshot.host.name.clone().unwrap()).collect();
    assert_eq!(names, ["WEB1", "WEB2"]);
    assert!(all.iter().all(|read| coverage(read) == "tcp4P6P udp4P6P"));
}

proptest! {
    #[test]
    fn any_bytes_are_read(text in "(?s)(  TCP  |  UDP |0\\.0\\.0\\.0:0 |\\[::\\]:1|[0-9:.*%\\[\\] \t\r\n]|\\PC){0,200}") {
        check_places(&captured_from(&text, "netstat-windows"));
        check_places(&captured_from(&format!("{TABLE}{text}"), "netstat-windows"));
    }
}
