use proptest::prelude::*;

use super::*;
use crate::capture::IssueKind;
use crate::capture::testing::{
    capture, captured_from, captures, check_places, coverage, issues, sockets, why,
};
use crate::snapshot::Family;

const TABLE: &str = "\n\
LocalAddress                        LocalPort RemoteAddress                       RemotePort State       AppliedSetting OwningProcess
------------                        --------- -------------                       ---------- -----       -------------- -------------
::                                  49668     ::                                  0          Listen                     660
fe80::1c5a:2c75:6ce3:9f0%12         139       ::                                  0          Listen                     4
10.0.2.15                           49701     203.0.113.9                         443        Established Internet       812
10.0.2.15                           49702     0.0.0.0                             0          Bound                      812
127.0.0.1                           5432      0.0.0.0                             0          Listen                     3344


";

#[test]
fn the_default_table_of_tcp() {
    let read = capture(TABLE);
    assert_eq!(
        sockets(&read),
        [
            "tcp [::]:49668 /660",
            "tcp [fe80::1c5a:2c75:6ce3:9f0]%12:139 /4",
            "tcp 127.0.0.1:5432 /3344"
        ]
    );
    assert_eq!(issues(&read), []);
    assert_eq!(coverage(&read), "tcp4p6p", "and nothing of UDP");
    assert_eq!(why(&read, Transport::Udp, Family::Ipv4), "transport-not-shown");
    check_places(&read);
}

#[test]
fn commands() {
    let with = |command| coverage(&captures(TABLE, Some(command)).remove(0));
    assert_eq!(with("Get-NetTCPConnection"), "tcp4P6P");
    assert_eq!(with("get-nettcpconnection -State Listen | Format-Table -AutoSize"), "tcp4P6P");
    assert_eq!(with("Get-NetTCPConnection -State Listen | Sort-Object LocalPort | ft"), "tcp4P6P");
    for command in [
        "Get-NetTCPConnection -LocalPort 443",
        "Get-NetTCPConnection -State Established",
        "Get-NetTCPConnection | Where-Object LocalPort -lt 1024",
        "Get-NetTCPConnection | Select-Object -First 5",
        "Get-NetTCPConnection | Format-Table | Select-String 80",
        "Get-NetTCPConnection | ? { $_.State -eq 'Listen' }",
    ] {
        assert_eq!(with(command), "", "{command}");
    }
    let typed = format!("PS C:\\> Get-NetTCPConnection -State Listen\n{TABLE}PS C:\\> \n");
    assert_eq!(coverage(&capture(&typed)), "tcp4P6P");
}

#[test]
fn udp_has_no_state() {
    let view = "\n\
LocalAddress                             LocalPort
------------                             ---------
fe80::4c9b:2cc1:d6ea:4a9b%16             1900
::                                       123
0.0.0.0                                  500

";
    let read = capture(view);
    assert_eq!(
        sockets(&read),
        [
            "udp [fe80::4c9b:2cc1:d6ea:4a9b]%16:1900 inferred",
            "udp [::]:123 inferred",
            "udp 0.0.0.0:500 inferred",
        ]
    );
    assert_eq!(coverage(&read), "udp4p6p");
    let read = captures(view, Some("Get-NetUDPEndpoint")).remove(0);
    assert_eq!(sockets(&read)[0], "udp [fe80::4c9b:2cc1:d6ea:4a9b]%16:1900");
    assert_eq!(coverage(&read), "udp4P6P");
    let read =
        captures(view, Some("Get-NetTCPConnection -State Listen | select LocalAddress,LocalPort"))
            .remove(0);
    assert_eq!(sockets(&read)[1], "tcp [::]:123");
    // Selected columns of either cmdlet look alike.
    let selected = "\n\
LocalAddress LocalPort OwningProcess
------------ --------- -------------
::               49668           660
0.0.0.0            135          1100
";
    let read = capture(selected);
    assert_eq!(sockets(&read), ["udp [::]:49668 untold /660", "udp 0.0.0.0:135 untold /1100"]);
    assert_eq!(coverage(&read), "");
    assert_eq!(issues(&read), []);
    check_places(&read);
}

#[test]
fn cut_values_and_joined_processes() {
    let text = "\
LocalAddress   LocalPort State  PID  ProcessName        Path
------------   --------- -----  ---  -----------        ----
fe80::1c5a:... 139       Listen 4    System
0.0.0.0        135       Listen 1100 svchost            C:\\Windows\\System32\\svchost.exe
127.0.0.1      9000      Lis... 3344 My Service Hos...  C:\\Program Files\\My\\svc.exe
::             8...      Listen 77   x\u{2026}
10.0.0.1       80        Est... 5    y
";
    let read = capture(text);
    assert_eq!(
        sockets(&read),
        [
            "tcp fe80::1c5a:...:139 address-cut System/4",
            "tcp 0.0.0.0:135 svchost/1100 C:\\Windows\\System32\\svchost.exe",
            "tcp 127.0.0.1:9000 My Service Hos~/3344 C:\\Program Files\\My\\svc.exe",
            "tcp [::]:8... port-cut x~/77",
        ]
    );
    assert_eq!(issues(&read), []);
    check_places(&read);
}

#[test]
fn numbers_flush_right_and_blanks_collapsed() {
    let right = "\
LocalAddress LocalPort RemoteAddress RemotePort  State OwningProcess
------------ --------- ------------- ----------  ----- -------------
::                 445 ::                     0 Listen             4
0.0.0.0          49664 0.0.0.0                0 Listen           800
";
    assert_eq!(sockets(&capture(right)), ["tcp [::]:445 /4", "tcp 0.0.0.0:49664 /800"]);
    let collapsed = "\
LocalAddress LocalPort RemoteAddress RemotePort State AppliedSetting OwningProcess
------------ --------- ------------- ---------- ----- -------------- -------------
:: 445 :: 0 Listen 4
0.0.0.0 49664 0.0.0.0 0 Listen 800
";
    assert_eq!(sockets(&capture(collapsed)), ["tcp [::]:445 /4", "tcp 0.0.0.0:49664 /800"]);
}

#[test]
fn lists() {
    let text = "\n\
LocalAddress   : ::
LocalPort      : 445
RemoteAddress  : ::
RemotePort     : 0
State          : Listen
AppliedSetting :
OwningProcess  : 4
CreationTime   : 1/2/2026 8:00:00 AM
OffloadState   : InHost

LocalAddress   : 10.0.0.5
LocalPort      : 50000
RemoteAddress  : 10.0.0.9
RemotePort     : 443
State          : Established
AppliedSetting : Internet
OwningProcess  : 812
CreationTime   : 1/2/2026 8:00:00 AM
OffloadState   : InHost

";
    let read = capture(text);
    assert_eq!(sockets(&read), ["tcp [::]:445 /4"]);
    assert_eq!(issues(&read), []);
    assert_eq!(coverage(&read), "tcp4p6p");
    check_places(&read);
    let udp = "\
Caption                   :
LocalAddress              : 0.0.0.0
LocalPort                 : 500
OwningProcess             : 300
CimClass                  : root/StandardCimv2:MSFT_NetUDPEndpoint
CimSystemProperties       : Microsoft.Management.Infrastructure.CimSystemProperti
                            es
";
    assert_eq!(sockets(&capture(udp)), ["udp 0.0.0.0:500 /300"]);
    let cut = text.get(..40).unwrap();
    let read = capture(cut);
    assert_eq!(coverage(&read), "");
}

#[test]
fn csv() {
    let text = "\
#TYPE Microsoft.Management.Infrastructure.CimInstance#root/standardcimv2/MSFT_NetTCPConnection
\"Caption\",\"LocalAddress\",\"LocalPort\",\"RemoteAddress\",\"RemotePort\",\"State\",\"OwningProcess\"
,\"::\",\"445\",\"::\",\"0\",\"Listen\",\"4\"
,\"10.0.0.5\",\"50000\",\"10.0.0.9\",\"443\",\"Established\",\"812\"
,\"127.0.0.1\",\"5432\",\"0.0.0.0\",\"0\",\"Listen\",\"3344\"
";
    let read = capture(text);
    assert_eq!(sockets(&read), ["tcp [::]:445 /4", "tcp 127.0.0.1:5432 /3344"]);
    assert_eq!(issues(&read), []);
    assert_eq!(coverage(&read), "tcp4p6p");
    check_places(&read);
    let udp = "\
#TYPE Microsoft.Management.Infrastructure.CimInstance#root/standardcimv2/MSFT_NetUDPEndpoint
\"LocalAddress\";\"LocalPort\";\"OwningProcess\"
\"0.0.0.0\";\"123\";\"900\"
";
    let read = capture(udp);
    assert_eq!(sockets(&read), ["udp 0.0.0.0:123 /900"]);
    assert_eq!(coverage(&read), "udp4p");
    let broken = text.replace("\"127.0.0.1\",", "\"127.0.0.1");
    let read = capture(&broken);
    assert_eq!(issues(&read), [(IssueKind::RowUnread, 5)]);
    assert_eq!(coverage(&read), "");
}

#[test]
fn json() {
    let text = r#"[
  {"LocalAddress": "::", "LocalPort": 445, "RemoteAddress": "::", "RemotePort": 0, "State": 2,
   "OwningProcess": 4, "ProcessName": "System"},
  {"LocalAddress": "10.0.0.5", "LocalPort": 50000, "RemotePort": 443, "State": 5, "OwningProcess": 812},
  {"LocalAddress": "127.0.0.1", "LocalPort": 8000, "RemotePort": 0, "State": 100, "OwningProcess": 5},
  {"LocalAddress": "fe80::1%12", "LocalPort": 139, "State": "Listen", "OwningProcess": 0}
]
"#;
    let read = capture(text);
    assert_eq!(sockets(&read), ["tcp [::]:445 System/4", "tcp [fe80::1]%12:139"]);
    assert_eq!(issues(&read), []);
    assert_eq!(coverage(&read), "tcp4p6p");
    check_places(&read);
    let udp = r#"{"value": [{"LocalAddress": "0.0.0.0", "LocalPort": 123, "OwningProcess": 9,
        "CimClass": "root/StandardCimv2:MSFT_NetUDPEndpoint"},
        {"LocalAddress": "0.0.0.0", "LocalPort": 500}], "Count": 2}"#;
    assert_eq!(sockets(&capture(udp)), ["udp 0.0.0.0:123 /9", "udp 0.0.0.0:500 untold"]);
    let odd = text.replace("445", "99999").replace("50000", "null");
    let read = capture(&odd);
    assert_eq!(issues(&read).len(), 2);
    assert_eq!(coverage(&read), "");
}

#[test]
fn both_cmdlets_in_one_text_cover_both() {
    let text = format!(
        "PS C:\\> Get-NetTCPConnection -State Listen\n{TABLE}PS C:\\> Get-NetUDPEndpoint\n\nLocalAddress LocalPort\n------------ ---------\n0.0.0.0      500\n\nPS C:\\> \n"
    );
    let read = capture(&text);
    assert_eq!(coverage(&read), "tcp4P6P udp4P6P");
    assert_eq!(sockets(&read).len(), 4);
}

#[test]
fn objects_of_both_cmdlets_in_one_table() {
    let told = "\
Proto LocalAddress LocalPort State       OwningProcess
----- ------------ --------- -----       -------------
TCP   0.0.0.0            135 Listen                900
TCP   10.0.0.5         50001 Established           901
UDP   0.0.0.0            123                       902
";
    let read = capture(told);
    assert_eq!(sockets(&read), ["tcp 0.0.0.0:135 /900", "udp 0.0.0.0:123 /902"]);
    assert_eq!(issues(&read), []);
    assert_eq!(coverage(&read), "tcp4p udp4p");
    // Nothing but the empty state tells.
    let untold = "\
\"LocalAddress\",\"LocalPort\",\"State\",\"ProcessName\"
\"0.0.0.0\",\"135\",\"Listen\",\"svchost\"
\"10.0.0.5\",\"50001\",\"Established\",\"app\"
\"0.0.0.0\",\"123\",\"\",\"svchost\"
\"::\",\"500\",,\"svchost\"
";
    let read = capture(untold);
    assert_eq!(
        sockets(&read),
        [
            "tcp 0.0.0.0:135 svchost/?",
            "udp 0.0.0.0:123 untold svchost/?",
            "udp [::]:500 untold svchost/?",
        ]
    );
    let text = r#"[{"Protocol":"TCP","LocalAddress":"0.0.0.0","LocalPort":135,"State":2},
        {"Protocol":"UDP","LocalAddress":"0.0.0.0","LocalPort":123,"State":null},
        {"LocalAddress":"0.0.0.0","LocalPort":500,"State":""}]
"#;
    assert_eq!(
        sockets(&capture(text)),
        ["tcp 0.0.0.0:135", "udp 0.0.0.0:123", "udp 0.0.0.0:500 untold"]
    );
}

#[test]
fn errors_of_the_cmdlets_and_strange_rows() {
    let text = format!("{TABLE}Get-NetTCPConnection : Access is denied.\n");
    assert_eq!(coverage(&capture(&text)), "");
    let text = format!("{}what is this\n", TABLE.trim_end_matches('\n').to_owned() + "\n");
    assert_eq!(issues(&capture(&text)), [(IssueKind::RowUnread, 9)]);
}

proptest! {
    #[test]
    fn any_bytes_are_read(text in "(?s)(LocalAddress |LocalPort |: |Listen |\"|,|[0-9:.* \t\n]|\\PC){0,200}") {
        check_places(&captured_from(&text, "powershell"));
        check_places(&captured_from(&format!("{TABLE}{text}"), "powershell"));
    }
}
