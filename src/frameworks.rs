//! Compliance frameworks whose control ids rules may name, as `controls = ["pci-dss-4.0.1:1.2.6"]`.
//!
//! A typo in a control id is found by nobody until an auditor asks for that control, so ids are
//! compared with what is known of their framework: its shape of ids, the sections whose members are
//! known to the last, and titles where the built-in policies need them. The titles of NIST are those
//! of the publication (public domain); all others are our own words for what the control is about.
//!
//! Sources, for ids and their numbers: NIST SP 800-53, revision 5, with releases 5.1.1 (IA-13) and
//! 5.2.0 (SA-24); NIST SP 800-171, revision 2; PCI DSS 4.0.1; NERC CIP-007-6; ISO/IEC 27001:2022, annex A;
//! the tables of contents of the CIS Benchmarks; the ids of DISA's STIGs.

/// A framework.
#[derive(Debug)]
pub struct Framework {
    /// The name in control ids: what stands before the colon.
    pub name: &'static str,
    /// Its name for people.
    pub title: &'static str,
    /// An id of it, to show how they look.
    pub example: &'static str,
    shape: Shape,
    /// Sections that are known to the last member: what ids begin with, and how many there are.
    sections: &'static [(&'static str, u16)],
    /// There are no other sections.
    whole: bool,
    /// Titles of controls.
    controls: &'static [(&'static str, &'static str)],
}

/// How ids of a framework look.
#[derive(Debug, Clone, Copy)]
enum Shape {
    /// `least` to `most` numbers joined by dots behind a prefix; the first number is at most `first`.
    Dotted { prefix: &'static str, first: u16, least: usize, most: usize },
    /// `1.2.6`, `A1.2.3`. Source: PCI DSS 4.0.1.
    Pci,
    /// `AC-17`, `SC-7(5)`. Source: NIST SP 800-53.
    Nist,
    /// `PR.IR-01`. Source: NIST CSWP 29.
    Csf,
    /// `RHEL-09-215040`, `V-242387`, `SV-257831`. Source: DISA STIGs.
    Stig,
    /// `CCI-000382`. Source: DISA's list of control correlation identifiers.
    Cci,
}

/// What is wrong with a control id.
#[derive(Debug, Clone, Copy)]
pub enum Doubt {
    /// There is no framework before a colon, or no id behind it.
    NoFramework,
    /// No framework of this name is known.
    UnknownFramework,
    /// Ids of the framework look otherwise.
    Shape(&'static Framework),
    /// The framework has no such control.
    NoControl(&'static Framework),
}

/// What the names of frameworks begin with that are somebody's own: `x-acme:NET-4`.
pub const OWN: &str = "x-";

/// Framework and id of a control; `None` where there is no colon, or nothing on a side of it.
#[must_use]
pub fn split(control: &str) -> Option<(&str, &str)> {
    let (framework, id) = control.split_once(':')?;
    (!framework.trim().is_empty() && !id.trim().is_empty()).then_some((framework, id))
}

/// The framework of this name.
#[must_use]
pub fn framework(name: &str) -> Option<&'static Framework> {
    FRAMEWORKS.iter().find(|framework| framework.name == name)
}

/// The title of a control, where known.
#[must_use]
pub fn title(control: &str) -> Option<&'static str> {
    let (name, id) = split(control)?;
    let known = framework(name)?.controls.iter().find(|(known, _)| *known == id);
    known.map(|&(_, title)| title)
}

/// What is wrong with a control id, if anything is known to be.
#[must_use]
pub fn doubt(control: &str) -> Option<Doubt> {
    let Some((name, id)) = split(control) else { return Some(Doubt::NoFramework) };
    if name.starts_with(OWN) {
        return None;
    }
    let Some(framework) = framework(name) else { return Some(Doubt::UnknownFramework) };
    match () {
        () if !framework.shape.fits(id) => Some(Doubt::Shape(framework)),
        () if !framework.has(id) => Some(Doubt::NoControl(framework)),
        () => None,
    }
}

impl Framework {
    /// Whether there may be such a control; `id` has the right shape.
    fn has(&self, id: &str) -> bool {
        let sections = || self.sections.iter().filter(|(section, _)| id.starts_with(section));
        if sections().next().is_none() {
            let section = |text: &str| text.trim_end_matches('.') == id;
            return !self.whole || self.sections.iter().any(|(text, _)| section(text));
        }
        sections().any(|&(section, count)| {
            let rest = id.strip_prefix(section).unwrap_or_default();
            let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
            let number = rest.get(..end).and_then(|digits| digits.parse::<u16>().ok());
            number.is_some_and(|number| (1..=count).contains(&number))
        })
    }
}

impl Shape {
    fn fits(self, id: &str) -> bool {
        match self {
            Self::Dotted { prefix, first, least, most } => {
                id.strip_prefix(prefix).is_some_and(|id| dotted(id, first, least, most))
            }
            Self::Pci => match id.strip_prefix('A') {
                Some(appendix) => dotted(appendix, 3, 2, 5),
                None => dotted(id, 12, 2, 5),
            },
            Self::Nist => nist(id),
            Self::Csf => csf(id),
            Self::Stig => stig(id),
            Self::Cci => id.strip_prefix("CCI-").is_some_and(|id| id.len() == 6 && is_digits(id)),
        }
    }
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// A number from 1 on without leading zeros.
fn number(text: &str) -> Option<u16> {
    (is_digits(text) && !text.starts_with('0')).then(|| text.parse().ok())?
}

fn dotted(id: &str, first: u16, least: usize, most: usize) -> bool {
    let numbers: Option<Vec<u16>> = id.split('.').map(number).collect();
    numbers.is_some_and(|numbers| {
        (least..=most).contains(&numbers.len()) && numbers.first().is_some_and(|&at| at <= first)
    })
}

fn nist(id: &str) -> bool {
    let (base, enhancement) = match id.split_once('(') {
        Some((base, rest)) => (base, rest.strip_suffix(')')),
        None => (id, Some("1")),
    };
    let family = base.split_once('-').is_some_and(|(family, of)| {
        family.len() == 2 && family.bytes().all(|b| b.is_ascii_uppercase()) && number(of).is_some()
    });
    family && enhancement.and_then(number).is_some()
}

fn csf(id: &str) -> bool {
    let Some((function, rest)) = id.split_once('.') else { return false };
    let functions = ["GV", "ID", "PR", "DE", "RS", "RC"];
    let (category, of) = rest.split_once('-').unwrap_or((rest, "01"));
    functions.contains(&function)
        && category.len() == 2
        && category.bytes().all(|byte| byte.is_ascii_uppercase())
        && of.len() == 2
        && is_digits(of)
}

fn stig(id: &str) -> bool {
    if let Some(number) = id.strip_prefix("V-").or_else(|| id.strip_prefix("SV-")) {
        let number = number.split('r').next().unwrap_or_default();
        return (4..=6).contains(&number.len()) && is_digits(number);
    }
    let mut parts = id.rsplit('-');
    let (Some(number), Some(version), Some(system), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    number.len() == 6
        && is_digits(number)
        && version.len() == 2
        && version.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && (2..=5).contains(&system.len())
        && system.bytes().all(|byte| byte.is_ascii_uppercase())
}

/// Every framework, by name.
pub static FRAMEWORKS: &[Framework] = &[
    Framework { name: "cci", title: "DISA CCI", example: "CCI-000382", shape: Shape::Cci, ..NONE },
    Framework {
        name: "cis-controls-8",
        title: "CIS Controls, version 8",
        example: "4.8",
        shape: Shape::Dotted { prefix: "", first: 18, least: 1, most: 2 },
        ..NONE
    },
    Framework {
        name: "cis-debian-12",
        title: "CIS Benchmark for Debian 12",
        sections: &[("2.1.", 22)],
        controls: CIS_DEBIAN_12,
        ..CIS
    },
    Framework {
        name: "cis-debian-13",
        title: "CIS Benchmark for Debian 13",
        sections: &[("2.1.", 23)],
        controls: &[
            ("2.1.16", "telnet servers are not used"),
            ("2.1.22", "mail servers of hosts that receive no mail listen on loopback only"),
            ("2.1.23", "only approved services listen"),
        ],
        ..CIS
    },
    Framework {
        name: "cis-docker-1.6",
        title: "CIS Benchmark for Docker, version 1.6",
        example: "2.7",
        shape: Shape::Dotted { prefix: "", first: 7, least: 2, most: 4 },
        controls: &[
            ("2.7", "the Docker API is reached over TLS with certificates only"),
            ("7.2", "services of a swarm bind chosen addresses"),
        ],
        ..NONE
    },
    Framework {
        name: "cis-kubernetes-1.12",
        title: "CIS Benchmark for Kubernetes, version 1.12",
        example: "4.2.4",
        shape: Shape::Dotted { prefix: "", first: 5, least: 2, most: 4 },
        controls: CIS_KUBERNETES,
        ..NONE
    },
    Framework {
        name: "cis-rhel-9",
        title: "CIS Benchmark for RHEL 9",
        sections: &[("2.1.", 22)],
        controls: CIS_RHEL_9,
        ..CIS
    },
    Framework {
        name: "cis-rhel-10",
        title: "CIS Benchmark for RHEL 10",
        sections: &[("2.1.", 22)],
        controls: &[
            ("2.1.3", "the web console (Cockpit) is not used"),
            ("2.1.22", "only approved services listen"),
        ],
        ..CIS
    },
    Framework { name: "cis-ubuntu-24.04", title: "CIS Benchmark for Ubuntu 24.04", ..CIS },
    Framework {
        name: "iso-27001-2022",
        title: "ISO/IEC 27001:2022, annex A",
        example: "A.8.20",
        shape: Shape::Dotted { prefix: "A.", first: 8, least: 2, most: 2 },
        sections: &[("A.5.", 37), ("A.6.", 8), ("A.7.", 14), ("A.8.", 34)],
        whole: true,
        ..NONE
    },
    Framework {
        name: "nerc-cip-007-6",
        title: "NERC CIP-007-6",
        example: "R1.1",
        shape: Shape::Dotted { prefix: "R", first: 5, least: 1, most: 2 },
        sections: &[("R1.", 2), ("R2.", 4), ("R3.", 3), ("R4.", 4), ("R5.", 7)],
        whole: true,
        controls: &[
            ("R1.1", "only logical network-accessible ports that are needed are enabled"),
            ("R1.2", "physical ports that are not needed are protected"),
        ],
    },
    Framework {
        name: "nist-800-171r2",
        title: "NIST SP 800-171, revision 2",
        example: "3.4.7",
        shape: Shape::Dotted { prefix: "", first: 3, least: 2, most: 3 },
        sections: &NIST_800_171,
        whole: true,
        ..NONE
    },
    Framework {
        name: "nist-800-53r5",
        title: "NIST SP 800-53, revision 5",
        example: "SC-7(5)",
        shape: Shape::Nist,
        sections: &NIST_800_53,
        whole: true,
        controls: NIST_TITLES,
    },
    Framework {
        name: "nist-csf-2.0",
        title: "NIST Cybersecurity Framework 2.0",
        example: "PR.IR-01",
        shape: Shape::Csf,
        ..NONE
    },
    Framework {
        name: "pci-dss-4.0.1",
        title: "PCI DSS 4.0.1",
        example: "1.2.6",
        shape: Shape::Pci,
        sections: &PCI_DSS,
        whole: true,
        controls: PCI_TITLES,
    },
    Framework {
        name: "stig",
        title: "DISA STIGs",
        example: "RHEL-09-215040",
        shape: Shape::Stig,
        controls: STIG_TITLES,
        ..NONE
    },
];

/// What a framework has where nothing is said.
const NONE: Framework = Framework {
    name: "",
    title: "",
    example: "",
    shape: Shape::Cci,
    sections: &[],
    whole: false,
    controls: &[],
};

/// A CIS Benchmark for a Linux distribution: seven chapters.
const CIS: Framework = Framework {
    example: "2.1.11",
    shape: Shape::Dotted { prefix: "", first: 7, least: 2, most: 6 },
    ..NONE
};

/// The families with the number of their controls; withdrawn ones are counted.
const NIST_800_53: [(&str, u16); 20] = [
    ("AC-", 25),
    ("AT-", 6),
    ("AU-", 16),
    ("CA-", 9),
    ("CM-", 14),
    ("CP-", 13),
    ("IA-", 13),
    ("IR-", 10),
    ("MA-", 7),
    ("MP-", 8),
    ("PE-", 23),
    ("PL-", 11),
    ("PM-", 32),
    ("PS-", 9),
    ("PT-", 8),
    ("RA-", 10),
    ("SA-", 24),
    ("SC-", 51),
    ("SI-", 23),
    ("SR-", 12),
];

const NIST_TITLES: &[(&str, &str)] = &[
    ("AC-3", "Access Enforcement"),
    ("AC-4", "Information Flow Enforcement"),
    ("AC-17", "Remote Access"),
    ("CM-2", "Baseline Configuration"),
    ("CM-6", "Configuration Settings"),
    ("CM-7", "Least Functionality"),
    ("CM-7(1)", "Least Functionality: Periodic Review"),
    ("CM-8", "System Component Inventory"),
    ("IA-2", "Identification and Authentication (Organizational Users)"),
    ("RA-5", "Vulnerability Monitoring and Scanning"),
    ("SC-7", "Boundary Protection"),
    ("SC-7(5)", "Boundary Protection: Deny by Default, Allow by Exception"),
    ("SC-8", "Transmission Confidentiality and Integrity"),
    ("SI-4", "System Monitoring"),
];

const NIST_800_171: [(&str, u16); 14] = [
    ("3.1.", 22),
    ("3.2.", 3),
    ("3.3.", 9),
    ("3.4.", 9),
    ("3.5.", 11),
    ("3.6.", 3),
    ("3.7.", 6),
    ("3.8.", 9),
    ("3.9.", 2),
    ("3.10.", 6),
    ("3.11.", 3),
    ("3.12.", 4),
    ("3.13.", 16),
    ("3.14.", 7),
];

#[rustfmt::skip]
const PCI_DSS: [(&str, u16); 71] = [
    ("1.1.", 2), ("1.2.", 8), ("1.3.", 3), ("1.4.", 5), ("1.5.", 1),
    ("2.1.", 2), ("2.2.", 7), ("2.3.", 2),
    ("3.1.", 2), ("3.2.", 1), ("3.3.", 3), ("3.4.", 2), ("3.5.", 1), ("3.6.", 1), ("3.7.", 9),
    ("4.1.", 2), ("4.2.", 2),
    ("5.1.", 2), ("5.2.", 3), ("5.3.", 5), ("5.4.", 1),
    ("6.1.", 2), ("6.2.", 4), ("6.3.", 3), ("6.4.", 3), ("6.5.", 6),
    ("7.1.", 2), ("7.2.", 6), ("7.3.", 3),
    ("8.1.", 2), ("8.2.", 8), ("8.3.", 11), ("8.4.", 3), ("8.5.", 1), ("8.6.", 3),
    ("9.1.", 2), ("9.2.", 4), ("9.3.", 4), ("9.4.", 7), ("9.5.", 1),
    ("10.1.", 2), ("10.2.", 2), ("10.3.", 4), ("10.4.", 3), ("10.5.", 1), ("10.6.", 3), ("10.7.", 3),
    ("11.1.", 2), ("11.2.", 2), ("11.3.", 2), ("11.4.", 7), ("11.5.", 2), ("11.6.", 1),
    ("12.1.", 4), ("12.2.", 1), ("12.3.", 4), ("12.4.", 2), ("12.5.", 3), ("12.6.", 3), ("12.7.", 1),
    ("12.8.", 5), ("12.9.", 2), ("12.10.", 7),
    ("A1.1.", 4), ("A1.2.", 3), ("A2.1.", 3),
    ("A3.1.", 4), ("A3.2.", 6), ("A3.3.", 3), ("A3.4.", 1), ("A3.5.", 1),
];

const PCI_TITLES: &[(&str, &str)] = &[
    ("1.2.5", "services, protocols and ports that are allowed are identified and approved"),
    ("1.2.6", "insecure services, protocols and ports in use have security features"),
    ("1.4.2", "traffic from untrusted networks goes to what is meant for it only"),
    ("1.4.4", "stored cardholder data cannot be reached from untrusted networks"),
    ("2.2.4", "only services, protocols and functions that are needed are enabled"),
    ("2.2.5", "insecure services are justified and secured"),
    ("2.2.7", "administration over the network is encrypted"),
];

const CIS_DEBIAN_12: &[(&str, &str)] = &[
    ("2.1.2", "mDNS (Avahi) is not used"),
    ("2.1.3", "DHCP servers are not used"),
    ("2.1.4", "DNS servers are not used"),
    ("2.1.5", "dnsmasq is not used"),
    ("2.1.6", "FTP servers are not used"),
    ("2.1.7", "LDAP servers are not used"),
    ("2.1.8", "servers of mailboxes are not used"),
    ("2.1.9", "NFS servers are not used"),
    ("2.1.11", "print servers are not used"),
    ("2.1.12", "rpcbind is not used"),
    ("2.1.13", "rsync servers are not used"),
    ("2.1.14", "Samba is not used"),
    ("2.1.15", "SNMP servers are not used"),
    ("2.1.16", "TFTP servers are not used"),
    ("2.1.17", "web proxies are not used"),
    ("2.1.18", "web servers are not used"),
    ("2.1.19", "xinetd is not used"),
    ("2.1.20", "X Window servers are not used"),
    ("2.1.21", "mail servers of hosts that receive no mail listen on loopback only"),
    ("2.1.22", "only approved services listen"),
    ("2.2.3", "talk is not used"),
    ("6.1.2.1.4", "journals of other hosts are not received"),
];

const CIS_RHEL_9: &[(&str, &str)] = &[
    ("2.1.2", "mDNS (Avahi) is not used"),
    ("2.1.3", "DHCP servers are not used"),
    ("2.1.4", "DNS servers are not used"),
    ("2.1.6", "Samba is not used"),
    ("2.1.7", "FTP servers are not used"),
    ("2.1.9", "NFS servers are not used"),
    ("2.1.11", "print servers are not used"),
    ("2.1.12", "rpcbind is not used"),
    ("2.1.13", "rsync servers are not used"),
    ("2.1.14", "SNMP servers are not used"),
    ("2.1.15", "telnet servers are not used"),
    ("2.1.16", "TFTP servers are not used"),
    ("2.1.17", "web proxies are not used"),
    ("2.1.18", "web servers are not used"),
    ("2.1.20", "X Window servers are not used"),
    ("2.1.21", "mail servers of hosts that receive no mail listen on loopback only"),
    ("2.1.22", "only approved services listen"),
    ("6.2.2.1.4", "journals of other hosts are not received"),
];

const CIS_KUBERNETES: &[(&str, &str)] = &[
    ("1.2.1", "the API server lets nobody in without a name"),
    ("1.3.7", "the controller manager listens on loopback only"),
    ("1.4.2", "the scheduler listens on loopback only"),
    ("2.2", "clients of etcd show a certificate"),
    ("2.5", "peers of etcd show a certificate"),
    ("4.2.1", "the kubelet lets nobody in without a name"),
    ("4.2.4", "the read-only port of the kubelet is off"),
];

const STIG_TITLES: &[(&str, &str)] = &[
    ("RHEL-09-211030", "no graphical display manager"),
    ("RHEL-09-215015", "no FTP server"),
    ("RHEL-09-215025", "no NFS utilities"),
    ("RHEL-09-215040", "no telnet server"),
    ("RHEL-09-215060", "no TFTP server"),
    ("RHEL-09-251035", "ports, protocols and services are limited to those that are registered"),
    ("RHEL-10-800010", "ports, protocols and services are limited to those that are registered"),
    ("UBTU-24-100030", "no telnet server"),
    ("UBTU-24-100040", "no rsh server"),
    ("UBTU-24-100050", "no NFS server"),
    ("UBTU-24-300041", "ports, protocols and services are limited to those that are registered"),
    ("V-242387", "the read-only port of the kubelet is off"),
    ("V-242410", "ports of the API server are those that are registered"),
    ("V-242411", "ports of the scheduler are those that are registered"),
    ("V-242412", "ports of the controllers are those that are registered"),
    ("V-242413", "ports of etcd are those that are registered"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_that_are_there_raise_no_doubt() {
        for control in [
            "nist-800-53r5:CM-7",
            "nist-800-53r5:SC-7(5)",
            "nist-800-53r5:IA-13",
            "pci-dss-4.0.1:1.2.6",
            "pci-dss-4.0.1:3.3.1.2",
            "pci-dss-4.0.1:12.10.7",
            "pci-dss-4.0.1:1.2",
            "pci-dss-4.0.1:A3.2.6",
            "cis-debian-12:2.1.22",
            "cis-debian-12:6.1.2.1.4",
            "stig:RHEL-09-215040",
            "stig:V-242387",
            "stig:SV-257831r925600",
            "nerc-cip-007-6:R1.1",
            "nerc-cip-007-6:R5",
            "nist-800-171r2:3.13.16",
            "iso-27001-2022:A.8.20",
            "nist-csf-2.0:PR.IR-01",
            "cis-controls-8:4.8",
            "cci:CCI-000382",
            "x-acme:whatever we like",
        ] {
            assert!(doubt(control).is_none(), "{control}: {:?}", doubt(control));
        }
    }

    #[test]
    fn ids_that_are_not_there_are_named() {
        let kind = |control| match doubt(control) {
            None => "none",
            Some(Doubt::NoFramework) => "no framework",
            Some(Doubt::UnknownFramework) => "unknown framework",
            Some(Doubt::Shape(_)) => "shape",
            Some(Doubt::NoControl(_)) => "no control",
        };
        for (control, expected) in [
            ("CM-7", "no framework"),
            (":CM-7", "no framework"),
            ("nist-800-53r5:", "no framework"),
            ("nist-800-53r4:CM-7", "unknown framework"),
            ("nist-800-53r5:CM7", "shape"),
            ("nist-800-53r5:cm-7", "shape"),
            ("nist-800-53r5:CM-07", "shape"),
            ("nist-800-53r5:SC-7(5", "shape"),
            ("nist-800-53r5:SC-7()", "shape"),
            ("nist-800-53r5:CM-15", "no control"),
            ("nist-800-53r5:ZZ-1", "no control"),
            ("pci-dss-4.0.1:1", "shape"),
            ("pci-dss-4.0.1:13.1.1", "shape"),
            ("pci-dss-4.0.1:1.2.9", "no control"),
            ("pci-dss-4.0.1:1.6.1", "no control"),
            ("cis-debian-12:2.1.23", "no control"),
            ("cis-debian-12:8.1", "shape"),
            ("stig:RHEL-9-215040", "shape"),
            ("stig:V-2", "shape"),
            ("nerc-cip-007-6:R6.1", "shape"),
            ("nerc-cip-007-6:R1.3", "no control"),
            ("iso-27001-2022:A.4.1", "no control"),
            ("nist-800-171r2:3.15.1", "no control"),
        ] {
            assert_eq!(kind(control), expected, "{control}");
        }
    }

    #[test]
    fn the_table_fits_itself() {
        for framework in FRAMEWORKS {
            let ids = framework.controls.iter().map(|(id, _)| *id);
            for id in ids.chain([framework.example]) {
                let control = format!("{}:{id}", framework.name);
                assert!(doubt(&control).is_none(), "{control}");
            }
            assert!(!framework.title.is_empty());
        }
    }

    #[test]
    fn titles_are_found() {
        assert_eq!(title("nist-800-53r5:CM-7"), Some("Least Functionality"));
        assert_eq!(title("nist-800-53r5:CM-99"), None);
        assert_eq!(title("nonsense"), None);
    }
}
