//! `socklint explain`.

use super::args::ExplainArgs;
use super::error::{CliError, CliErrorKind};
use super::output::Screen;
use super::{input, policies, session};
use crate::explain::{self, Binder, Endpoint, Subject};
use crate::policy::{Policy, nearest, suggestion};
use crate::report::policy_error;
use crate::safe;

/// Runs the command and says its exit code.
pub(super) fn run(args: &ExplainArgs, screen: &Screen) -> u8 {
    match explain(args, screen) {
        Ok(text) => super::print(&text, screen),
        Err(error) => {
            if let Some(error) = error {
                screen.complain(&error);
            }
            2
        }
    }
}

/// The explanation; an error that was already shown is `None`.
fn explain(args: &ExplainArgs, screen: &Screen) -> Result<String, Option<CliError>> {
    let json = match args.format.as_str() {
        "human" => false,
        "json" => true,
        other => {
            let message = format!("`{other}` is no output format of `explain`");
            return Err(Some(usage(message, suggestion(other, &["human", "json"], "the formats"))));
        }
    };
    let subject = Subject::of(&args.subject);
    if !matches!(subject, Subject::Endpoint(_)) && says_of_endpoint(args) {
        let message =
            format!("`{}` is no endpoint, and an option says something of one", args.subject);
        return Err(Some(usage(message, "endpoints are written `tcp/0.0.0.0:5432`")));
    }
    let style = screen.style();
    let text = match subject {
        Subject::Code(code) => {
            let page = explain::page(code).ok_or_else(|| Some(no_code(code)))?;
            if json { explain::code_as_json(page) } else { explain::code_for_people(page, style) }
        }
        Subject::Rule(id) => {
            let now = session::now(args.now.as_deref())?;
            let policy = policy(args, screen)?;
            let rule = explain::rule(&policy, id, now).map_err(|help| {
                let message = format!(
                    "there is no rule `{}` in the policy `{}`",
                    safe::line(id),
                    policy.name
                );
                usage(message, help)
            })?;
            if json { explain::rule_as_json(&rule) } else { explain::rule_for_people(&rule, style) }
        }
        Subject::Endpoint(text) => {
            let endpoint =
                Endpoint::parse(text).map_err(|error| usage(error.message, error.help))?;
            let binder = binder(args, &endpoint)?;
            let now = session::now(args.now.as_deref())?;
            let policy = policy(args, screen)?;
            let judged = explain::judge(&policy, &endpoint, &binder, now);
            match json {
                true => explain::endpoint_as_json(&policy, &judged),
                false => {
                    explain::endpoint_for_people(&policy, &endpoint, &judged, args.verbose, style)
                }
            }
        }
    };
    Ok(text)
}

fn usage(message: impl Into<String>, help: impl Into<String>) -> CliError {
    CliError::new(CliErrorKind::Usage, message, help)
}

fn no_code(code: &str) -> CliError {
    let ends = explain::pages().filter_map(|page| page.code.rsplit("::").next());
    let end = code.rsplit("::").next().unwrap_or(code);
    let near = nearest(code, explain::pages().map(|page| page.code)).or_else(|| {
        let end = nearest(end, ends)?;
        explain::pages().map(|page| page.code).find(|code| code.ends_with(&format!("::{end}")))
    });
    let help = match near {
        Some(near) => format!("did you mean `{near}`?"),
        None => "diagnostics show their code in brackets: `error[socklint::policy::unknown_key]`"
            .to_owned(),
    };
    usage(format!("there is no diagnostic code `{code}`"), help)
}

/// The policy that the options ask for; its errors are shown.
fn policy(args: &ExplainArgs, screen: &Screen) -> Result<Policy, Option<CliError>> {
    let loaded = policies::find(&args.policy)?;
    loaded.policy.ok_or_else(|| {
        for error in &loaded.errors {
            screen.say(&policy_error(error, &loaded.sources, screen.style()));
        }
        None
    })
}

fn says_of_endpoint(args: &ExplainArgs) -> bool {
    !args.process.is_empty()
        || !args.user.is_empty()
        || !args.label.is_empty()
        || args.v6only
        || [&args.exe, &args.unit, &args.container, &args.interface, &args.host]
            .into_iter()
            .any(Option::is_some)
}

fn binder(args: &ExplainArgs, endpoint: &Endpoint) -> Result<Binder, CliError> {
    if let (Some(bound), Some(interface)) = (&endpoint.device, &args.interface)
        && bound != interface
    {
        let message =
            format!("the endpoint is bound to `{bound}`, and `--interface` says `{interface}`");
        return Err(usage(message, "say one of the two"));
    }
    let (numbers, names): (Vec<&String>, Vec<&String>) =
        args.user.iter().partition(|user| user.bytes().all(|byte| byte.is_ascii_digit()));
    if numbers.len() > 1 || names.len() > 1 {
        return Err(usage(
            "a socket belongs to one user",
            "say its name, its number, or one of each",
        ));
    }
    let uid =
        match numbers.first() {
            Some(number) => Some(number.parse().map_err(|_| {
                usage(format!("`{number}` is no user number"), "they have 32 bits")
            })?),
            None => None,
        };
    Ok(Binder {
        processes: args.process.clone(),
        exe: args.exe.clone(),
        user: names.first().map(|name| (*name).clone()),
        uid,
        unit: args.unit.clone(),
        container: args.container.clone(),
        interface: args.interface.clone(),
        v6only: args.v6only,
        host: args.host.clone(),
        labels: input::labels(&args.label)?,
    })
}
