//! Diagnostic codes: sections of `docs/codes.md`.

/// The page, as the documentation shows it.
static TEXT: &str = include_str!("../../docs/codes.md");

/// The section of one code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// The code: `socklint::module::name`.
    pub code: &'static str,
    /// What it means and what to do, in Markdown, without the heading.
    pub text: &'static str,
}

/// Every section whose heading (of level two or deeper) is a code, in the order of the page.
pub fn pages() -> impl Iterator<Item = Page> {
    let mut rest = TEXT;
    std::iter::from_fn(move || {
        loop {
            let (_, heading) = next_heading(rest)?;
            let (title, body) = heading.split_once('\n').unwrap_or((heading, ""));
            rest = body;
            let code = title.trim().trim_matches('`');
            if code.starts_with("socklint::") {
                let text = next_heading(body).map_or(body, |(text, _)| text);
                return Some(Page { code, text: text.trim() });
            }
        }
    })
}

/// What stands before the next heading, and the text from that heading's title on.
fn next_heading(text: &'static str) -> Option<(&'static str, &'static str)> {
    let at = match text.starts_with("##") {
        true => 0,
        false => text.find("\n##")? + 1,
    };
    let (before, heading) = text.split_at_checked(at)?;
    Some((before, heading.trim_start_matches('#')))
}

/// The section of a code: the whole code, or its last parts where no other code ends in them.
#[must_use]
pub fn page(code: &str) -> Option<Page> {
    let code = code.to_lowercase();
    if let Some(page) = pages().find(|page| page.code == code) {
        return Some(page);
    }
    let ending = format!("::{code}");
    let mut ends = pages().filter(|page| page.code.ends_with(&ending));
    let first = ends.next()?;
    ends.next().is_none().then_some(first)
}
