//! Evidence, put into a bundle and taken out of it.

use super::{EvidencePart, Members, RolePart, TextPart};
use crate::evidence::context::CONTEXTS;
use crate::evidence::layout::{Layout, Role};
use crate::evidence::{Evidence, Raw};

const LAYOUTS: [(Layout, &str); 3] =
    [(Layout::Alone, "alone"), (Layout::Folder, "folder"), (Layout::Sos, "sos")];

/// Puts the texts of evidence into `members`, which holds texts of evidence only, and says what they
/// are.
pub fn keep(evidence: &Evidence, members: &mut Members) -> EvidencePart {
    let mut texts = Vec::with_capacity(evidence.texts.len());
    for text in &evidence.texts {
        let role = match &text.role {
            Role::Capture { command, netns } => {
                RolePart::Capture { command: command.clone(), netns: netns.clone() }
            }
            Role::Context { format, netns } => {
                RolePart::Context { format: format.name().to_owned(), netns: netns.clone() }
            }
            Role::Nothing => continue,
        };
        let number = members.len() + 1;
        let member = format!("evidence/{number:06}");
        members.insert(member.clone(), text.bytes.clone());
        texts.push(TextPart {
            member,
            name: text.name.clone(),
            lines_before: text.lines_before,
            role,
        });
    }
    let layout = LAYOUTS.iter().find(|(layout, _)| *layout == evidence.layout);
    EvidencePart {
        host: evidence.host.clone(),
        path: evidence.path.clone(),
        layout: layout.map_or_else(String::new, |(_, name)| (*name).to_owned()),
        found: evidence.found,
        captured_at: evidence.captured_at.clone(),
        obfuscated: evidence.obfuscated,
        texts,
    }
}

/// The evidence that [`keep`] put into `members`.
///
/// # Errors
///
/// When a member is not there, or a name in the part is not known.
pub fn restore(part: &EvidencePart, members: &Members) -> Result<Evidence, String> {
    let layout = LAYOUTS.iter().find(|(_, name)| *name == part.layout);
    let (layout, _) = layout.ok_or_else(|| format!("`{}` is no layout", part.layout))?;
    let mut texts = Vec::with_capacity(part.texts.len());
    for text in &part.texts {
        let bytes = members.get(&text.member);
        let bytes = bytes.ok_or_else(|| format!("`{}` is not there", text.member))?.clone();
        let role = match &text.role {
            RolePart::Capture { command, netns } => {
                Role::Capture { command: command.clone(), netns: netns.clone() }
            }
            RolePart::Context { format, netns } => {
                let known = CONTEXTS.iter().copied().find(|known| known.name() == format);
                let format = known.ok_or_else(|| format!("`{format}` is no format of facts"))?;
                Role::Context { format, netns: netns.clone() }
            }
        };
        texts.push(Raw { name: text.name.clone(), bytes, lines_before: text.lines_before, role });
    }
    Ok(Evidence {
        host: part.host.clone(),
        path: part.path.clone(),
        layout: *layout,
        found: part.found,
        captured_at: part.captured_at.clone(),
        obfuscated: part.obfuscated,
        texts,
    })
}
