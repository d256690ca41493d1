//! The command line, as clap reads it.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Exposure policy auditor: which sockets may listen where, checked against evidence.
#[derive(Debug, Parser)]
#[command(name = "socklint", version, max_term_width = 100, arg_required_else_help = true)]
#[command(
    after_help = "Exit codes: 0 everything decided and nothing violated; 1 a violation; 2 no \
                        audit, or not a whole one; 3 a rule could not be decided."
)]
pub(super) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(super) command: Command,

    /// When to use colour.
    #[arg(long, global = true, value_enum, default_value_t = Colour::Auto, value_name = "WHEN")]
    pub(super) color: Colour,
}

/// The commands. The arguments of each are made when it is asked for.
#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub(super) enum Command {
    /// Check evidence against a policy.
    Check(CheckArgs),
    /// List the listeners that the evidence holds.
    List(ListArgs),
    /// Run the tests of a policy; say which rules no test covers.
    Test(TestArgs),
    /// The register of ports, protocols and services: every listener with the rules that speak of it.
    Inventory(InventoryArgs),
    /// Write this host's listeners as a JSON snapshot: the best evidence there is.
    Snapshot(SnapshotArgs),
    /// What the rules come to, by the controls of compliance frameworks that they name.
    Controls(ControlsArgs),
    /// Put reports of the parts of a fleet together: the report that one run over all of it would write.
    Merge(MergeArgs),
    /// Put evidence, policy and report of an audit into one archive that anyone can judge again.
    Bundle(BundleArgs),
    /// Judge a bundle again, and check every hash and signature in it.
    Verify(VerifyArgs),
    /// Draft a first policy from a known-good host: what listens now, and nothing else.
    Init(InitArgs),
    /// What a rule or a diagnostic code means, or what the policy says of an endpoint.
    Explain(ExplainArgs),
    /// List every output format with who reads it, and every format of evidence.
    Formats(FormatsArgs),
    /// Print a JSON Schema, for editors and for programs that read reports.
    Schema {
        /// Of what.
        #[arg(value_enum)]
        name: SchemaName,
    },
    /// The policies that are built in.
    #[command(subcommand)]
    Policy(PolicyCommand),
}

/// `socklint policy ...`.
#[derive(Debug, Subcommand)]
pub(super) enum PolicyCommand {
    /// List the built-in policies.
    List,
    /// Print the text of a built-in policy.
    Show {
        /// Its name, with or without `builtin:`.
        name: String,
    },
}

/// What the evidence is.
#[derive(Debug, Args)]
pub(super) struct InputArgs {
    /// Files, directories and archives of evidence, `-` for standard input, `live` for this host [default:
    /// standard input when something is piped, else live].
    #[arg(value_name = "INPUT")]
    pub(super) inputs: Vec<PathBuf>,

    /// The format of the evidence, when detection is not wanted.
    #[arg(long, value_name = "FORMAT")]
    pub(super) from: Option<String>,

    /// The command that made the capture, as evidence of what it covers: `--command 'ss -lntup'`.
    #[arg(long, value_name = "COMMAND")]
    pub(super) command: Option<String>,

    /// The name of the host, where the evidence does not say it.
    #[arg(long, value_name = "NAME")]
    pub(super) host: Option<String>,

    /// A label of the host (repeatable).
    #[arg(long, value_name = "KEY=VALUE")]
    pub(super) label: Vec<String>,

    /// Rows that cannot be read become warnings and leave the evidence incomplete.
    #[arg(long)]
    pub(super) lenient: bool,

    #[command(flatten)]
    pub(super) live: LiveArgs,
}

/// How the live host is read.
#[derive(Debug, Args)]
pub(super) struct LiveArgs {
    /// Of `live`, the network namespaces: all, current, a process id, or a name in /run/netns.
    #[arg(
        long,
        value_name = "WHICH",
        default_value = "current",
        hide_default_value = true,
        help_heading = "Live host"
    )]
    pub(super) netns: String,

    /// Of `live`, leave out which processes hold the sockets: faster, and needs no privilege.
    #[arg(long, help_heading = "Live host")]
    pub(super) no_processes: bool,

    /// Of `live`, read /proc/net instead of asking the kernel by netlink.
    #[arg(long, hide = true, help_heading = "Live host")]
    pub(super) no_netlink: bool,
}

/// `socklint snapshot`.
#[derive(Debug, Args)]
#[command(
    after_help = "Run it as root to see every owner: `ssh host sudo socklint snapshot | socklint check -`."
)]
pub(super) struct SnapshotArgs {
    /// The file to write to, whole or not at all [default: standard output].
    #[arg(short, long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,

    #[command(flatten)]
    pub(super) live: LiveArgs,

    /// Hold the command lines of processes too. They may hold passwords.
    #[arg(long, conflicts_with = "redact")]
    pub(super) cmdline: bool,

    /// Leave out what tells of the host: its name, kernel, users, interfaces, containers, executables.
    #[arg(long)]
    pub(super) redact: bool,

    /// The name of the host, in place of its own.
    #[arg(long, value_name = "NAME")]
    pub(super) host: Option<String>,

    /// A label of the host (repeatable).
    #[arg(long, value_name = "KEY=VALUE")]
    pub(super) label: Vec<String>,
}

/// What evidence is judged by.
#[derive(Debug, Clone, Args)]
pub(super) struct AuditArgs {
    /// A policy file, a directory of them, or `builtin:NAME` (repeatable) [default: $SOCKLINT_POLICY,
    /// else the nearest socklint.toml up to the repository's root, else builtin:baseline].
    #[arg(short, long, value_name = "POLICY", help_heading = "Policy")]
    pub(super) policy: Vec<String>,

    /// Only rules whose id matches this glob (repeatable).
    #[arg(long, value_name = "GLOB", help_heading = "Policy")]
    pub(super) rule: Vec<String>,

    /// Leave out rules whose id matches this glob (repeatable).
    #[arg(long, value_name = "GLOB", help_heading = "Policy")]
    pub(super) skip: Vec<String>,

    /// Only rules with this tag (repeatable).
    #[arg(long, value_name = "TAG", help_heading = "Policy")]
    pub(super) tag: Vec<String>,

    /// Waivers do not count.
    #[arg(long, help_heading = "Policy")]
    pub(super) no_waivers: bool,

    /// The moment that waivers and reviews are judged by: a date or an RFC 3339 instant [default: now].
    #[arg(long, value_name = "WHEN", help_heading = "Policy")]
    pub(super) now: Option<String>,

    /// The mildest severity whose violations fail the run.
    #[arg(long, value_enum, default_value_t = FailOn::Error, value_name = "SEVERITY", help_heading = "Verdict")]
    pub(super) fail_on: FailOn,

    /// What rules that cannot be decided do to the run.
    #[arg(long, value_enum, default_value_t = Unknown::Fail, value_name = "WHAT", help_heading = "Verdict")]
    pub(super) unknown: Unknown,

    /// What counts as evidence that everything is shown.
    #[arg(long, value_enum, default_value_t = Evidence::Presumed, value_name = "GRADE", help_heading = "Verdict")]
    pub(super) evidence: Evidence,

    /// Warnings about the policy and the run are errors.
    #[arg(long, help_heading = "Verdict")]
    pub(super) strict: bool,
}

/// `socklint check`.
#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    #[command(flatten)]
    pub(super) input: InputArgs,

    #[command(flatten)]
    pub(super) audit: AuditArgs,

    /// How many threads judge [default: as many as the machine runs at once].
    #[arg(short, long, value_name = "N", help_heading = "Output")]
    pub(super) jobs: Option<usize>,

    /// The format on standard output; `socklint formats` lists them.
    #[arg(short, long, value_name = "FORMAT", default_value = "human", help_heading = "Output")]
    pub(super) format: String,

    /// A report to write to a file (repeatable).
    #[arg(short, long, value_name = "FORMAT=PATH", help_heading = "Output")]
    pub(super) output: Vec<String>,

    /// How many diagnostics people are shown; the summary always counts all.
    #[arg(long, value_name = "N", default_value_t = 100, help_heading = "Output")]
    pub(super) max_diagnostics: usize,

    /// Say less.
    #[arg(short, long, conflicts_with = "verbose", help_heading = "Output")]
    pub(super) quiet: bool,

    /// Say more: why a format was detected, what was ignored, which rules matched nothing.
    #[arg(short, long, help_heading = "Output")]
    pub(super) verbose: bool,
}

/// `socklint bundle`.
#[derive(Debug, Args)]
pub(super) struct BundleArgs {
    #[command(flatten)]
    pub(super) input: InputArgs,

    #[command(flatten)]
    pub(super) audit: AuditArgs,

    /// The archive to write, whole or not at all.
    #[arg(short, long, value_name = "FILE", help_heading = "Output")]
    pub(super) output: PathBuf,

    /// An Ed25519 private key (PKCS#8 in PEM) to sign the bundle with.
    #[arg(long, value_name = "KEY.pem", help_heading = "Output")]
    pub(super) sign: Option<PathBuf>,
}

/// `socklint verify`.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 all of it holds; 1 something in it is not as it says; 2 it cannot be read."
)]
pub(super) struct VerifyArgs {
    /// The bundle.
    #[arg(value_name = "BUNDLE")]
    pub(super) bundle: PathBuf,

    /// The Ed25519 public key (PEM) that must have signed it.
    #[arg(long, value_name = "KEY.pem")]
    pub(super) key: Option<PathBuf>,
}

/// The options of an audit that a bundle keeps.
#[derive(Debug, Parser)]
#[command(no_binary_name = true)]
pub(super) struct KeptArgs {
    #[command(flatten)]
    pub(super) input: InputArgs,

    #[command(flatten)]
    pub(super) audit: AuditArgs,
}

/// `socklint controls`.
#[derive(Debug, Args)]
pub(super) struct ControlsArgs {
    /// The framework, by its name or how that begins: `pci-dss` [default: all that the policy's rules
    /// name].
    #[arg(long, value_name = "NAME")]
    pub(super) framework: Option<String>,

    #[command(flatten)]
    pub(super) check: CheckArgs,
}

/// `socklint list`.
#[derive(Debug, Args)]
pub(super) struct ListArgs {
    #[command(flatten)]
    pub(super) input: InputArgs,

    /// The format on standard output.
    #[arg(short, long, value_name = "FORMAT", default_value = "human", help_heading = "Output")]
    pub(super) format: String,

    /// Say why a format was detected, and what was ignored.
    #[arg(short, long, help_heading = "Output")]
    pub(super) verbose: bool,
}

/// `socklint test`.
#[derive(Debug, Args)]
pub(super) struct TestArgs {
    /// Policies whose tests to run: files with a NAME.test.toml beside NAME.toml, directories of them,
    /// or `builtin:NAME` [default: $SOCKLINT_POLICY, else the nearest socklint.toml up to the
    /// repository's root, else builtin:baseline].
    #[arg(value_name = "POLICY")]
    pub(super) policies: Vec<String>,

    /// Change each rule in turn, and name the changes that no test notices.
    #[arg(long)]
    pub(super) mutate: bool,

    /// Rules that no test makes fail, or none makes pass, and warnings about the policy are errors.
    #[arg(long)]
    pub(super) strict: bool,

    /// The format on standard output: human or json.
    #[arg(short, long, value_name = "FORMAT", default_value = "human", help_heading = "Output")]
    pub(super) format: String,

    /// Leave warnings out.
    #[arg(short, long, conflicts_with = "verbose", help_heading = "Output")]
    pub(super) quiet: bool,

    /// Name every test.
    #[arg(short, long, help_heading = "Output")]
    pub(super) verbose: bool,
}

/// `socklint inventory`.
#[derive(Debug, Args)]
pub(super) struct InventoryArgs {
    #[command(flatten)]
    pub(super) input: InputArgs,

    /// A policy file, a directory of them, or `builtin:NAME` (repeatable) [default: as for `check`].
    #[arg(short, long, value_name = "POLICY", help_heading = "Policy")]
    pub(super) policy: Vec<String>,

    /// The moment that waivers and reviews are judged by: a date or an RFC 3339 instant [default: now].
    #[arg(long, value_name = "WHEN", help_heading = "Policy")]
    pub(super) now: Option<String>,

    /// The format on standard output: human, markdown, csv or json.
    #[arg(short, long, value_name = "FORMAT", default_value = "human", help_heading = "Output")]
    pub(super) format: String,

    /// A register to write to a file (repeatable).
    #[arg(short, long, value_name = "FORMAT=PATH", help_heading = "Output")]
    pub(super) output: Vec<String>,
}

/// `socklint init`.
#[derive(Debug, Args)]
pub(super) struct InitArgs {
    #[command(flatten)]
    pub(super) input: InputArgs,

    /// The file to write the policy to, whole or not at all [default: standard output].
    #[arg(short, long, value_name = "FILE", help_heading = "Output")]
    pub(super) output: Option<PathBuf>,
}

/// `socklint explain`.
#[derive(Debug, Args)]
#[command(
    after_help = "Endpoints: [TRANSPORT/]ADDRESS[%DEVICE]:PORT, such as tcp/0.0.0.0:5432, udp/[::1]:53, *:ssh. \
                        `*` is the dual-stack wildcard. No evidence is needed: what is not said is unknown."
)]
pub(super) struct ExplainArgs {
    /// The id of a rule, a diagnostic code, or an endpoint.
    #[arg(value_name = "RULE|CODE|ENDPOINT")]
    pub(super) subject: String,

    /// A policy file, a directory of them, or `builtin:NAME` (repeatable) [default: as for `check`].
    #[arg(short, long, value_name = "POLICY", help_heading = "Policy")]
    pub(super) policy: Vec<String>,

    /// The moment that waivers are judged by: a date or an RFC 3339 instant [default: now].
    #[arg(long, value_name = "WHEN", help_heading = "Policy")]
    pub(super) now: Option<String>,

    /// A process that holds the socket (repeatable).
    #[arg(long, value_name = "NAME", help_heading = "Endpoint")]
    pub(super) process: Vec<String>,

    /// The path of the executable that the process runs.
    #[arg(long, value_name = "PATH", help_heading = "Endpoint")]
    pub(super) exe: Option<String>,

    /// The user that the socket belongs to, by name or number (repeatable: one of each).
    #[arg(long, value_name = "NAME", help_heading = "Endpoint")]
    pub(super) user: Vec<String>,

    /// The systemd unit that the socket belongs to.
    #[arg(long, value_name = "NAME", help_heading = "Endpoint")]
    pub(super) unit: Option<String>,

    /// The container that the socket belongs to.
    #[arg(long, value_name = "NAME", help_heading = "Endpoint")]
    pub(super) container: Option<String>,

    /// The device that the socket is bound to, or that owns its address.
    #[arg(long, value_name = "DEVICE", help_heading = "Endpoint")]
    pub(super) interface: Option<String>,

    /// An IPv6 wildcard that accepts no IPv4 (IPV6_V6ONLY).
    #[arg(long, help_heading = "Endpoint")]
    pub(super) v6only: bool,

    /// The name of the host.
    #[arg(long, value_name = "NAME", help_heading = "Endpoint")]
    pub(super) host: Option<String>,

    /// A label of the host (repeatable).
    #[arg(long, value_name = "KEY=VALUE", help_heading = "Endpoint")]
    pub(super) label: Vec<String>,

    /// The format on standard output: `human` or `json`.
    #[arg(short, long, value_name = "FORMAT", default_value = "human", help_heading = "Output")]
    pub(super) format: String,

    /// Say also why rules are not about the endpoint.
    #[arg(short, long, help_heading = "Output")]
    pub(super) verbose: bool,
}

/// `socklint merge`.
#[derive(Debug, Args)]
#[command(
    after_help = "The order of the reports is that of the hosts. Exit codes: as for `check` over all of it."
)]
pub(super) struct MergeArgs {
    /// Reports that `check` wrote as json or ndjson by the same policy and options; `-` for standard input.
    #[arg(value_name = "REPORT", required = true)]
    pub(super) reports: Vec<PathBuf>,

    /// The format to write.
    #[arg(short, long, value_enum, default_value_t = MergeFormat::Json, value_name = "FORMAT")]
    pub(super) format: MergeFormat,

    /// The file to write to, whole or not at all [default: standard output].
    #[arg(short, long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
}

/// `merge --format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum MergeFormat {
    /// One object.
    Json,
    /// A host a line.
    Ndjson,
}

/// `socklint formats`.
#[derive(Debug, Args)]
pub(super) struct FormatsArgs {
    /// The format on standard output: `human` or `json`.
    #[arg(short, long, value_name = "FORMAT", default_value = "human", help_heading = "Output")]
    pub(super) format: String,
}

/// `socklint schema`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum SchemaName {
    /// Policy files.
    Policy,
    /// Snapshots, as `list -f json` prints them.
    Snapshot,
    /// Reports, as `check -f json` prints them.
    Report,
}

/// `--color`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Colour {
    /// On a terminal, unless NO_COLOR says otherwise.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// `--fail-on`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum FailOn {
    /// Errors.
    Error,
    /// Errors and warnings.
    Warning,
    /// Everything.
    Note,
}

/// `--unknown`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Unknown {
    /// The run does not pass: exit code 3.
    Fail,
    /// They are shown, and the run passes.
    Allow,
}

/// `--evidence`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Evidence {
    /// Only a known command, and facts that are printed as such.
    Proven,
    /// Rows and headers count as those of the command that prints them.
    Presumed,
}
