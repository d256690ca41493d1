//! Diagnostics for people: one shape for findings, policy errors, capture issues and usage, rendered
//! by miette.
//!
//! miette scans a text from its beginning for every snippet and panics on very long lines, and shows
//! escape sequences as they are. So a diagnostic carries an [`Excerpt`]: the one line that it is about,
//! made safe, with its true line and column.

use std::borrow::Cow;
use std::fmt;

use miette::{
    Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteError,
    MietteSpanContents, SourceCode, SourceSpan, SpanContents,
};
use unicode_width::UnicodeWidthStr as _;

use super::Style;
use crate::safe;
use crate::source::{SourceMap, Span};

/// Columns for text when there is no terminal.
const WIDTH: usize = 100;

/// The most columns that stand before a text of a diagnostic.
const INDENT: usize = 12;

/// One line of a text with a marked part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excerpt {
    name: String,
    text: String,
    /// Byte range of the marked part in `text`.
    mark: (usize, usize),
    /// 0-based line and column of the marked part in the text that the line is from.
    line: usize,
    column: usize,
}

impl Excerpt {
    /// The line on which a span begins; what does not fit `width` columns is cut around the span, and
    /// runs of blanks shrink first. `None` when the span is of no text in `sources`.
    #[must_use]
    pub fn new(sources: &SourceMap, span: Span, width: usize) -> Option<Self> {
        let file = sources.get(span.source)?;
        let place = file.place(span.range());
        let line = file.line_range(place.line);
        let start = span.range().start.clamp(line.start, line.end);
        let end = span.range().end.clamp(start, line.end);
        let text = file.slice(line.clone());
        let (text, mark) = shorten(text, (start - line.start, end - line.start), width);
        Some(Self {
            name: safe::line(file.name()).into_owned(),
            text,
            mark,
            line: place.line - 1,
            column: place.column - 1,
        })
    }
}

/// Makes a line safe and short; the marked part keeps marked.
fn shorten(text: &str, mark: (usize, usize), width: usize) -> (String, (usize, usize)) {
    let text = text.trim_end();
    let mark = (mark.0.min(text.len()), mark.1.min(text.len()));
    let safe = safe::same_length(text);
    let fits = |text: &str| unicode_width::UnicodeWidthStr::width(text) <= width;
    if text.len() < 10 * width && fits(&safe) {
        return (safe.into_owned(), mark);
    }
    let (text, mark) = squeeze(&safe, mark);
    if text.len() < 10 * width && fits(&text) {
        return (text, mark);
    }
    crop(&text, mark, width)
}

/// Shrinks runs of blanks to two.
fn squeeze(text: &str, mark: (usize, usize)) -> (String, (usize, usize)) {
    let mut short = String::with_capacity(text.len());
    let mut new_mark = mark;
    let mut blanks = 0;
    for (at, c) in text.char_indices() {
        if at == mark.0 {
            new_mark.0 = short.len();
        }
        if at == mark.1 {
            new_mark.1 = short.len();
        }
        blanks = if c == ' ' || c == '\t' { blanks + 1 } else { 0 };
        if blanks <= 2 {
            short.push(if c == '\t' { ' ' } else { c });
        }
    }
    if mark.0 >= text.len() {
        new_mark.0 = short.len();
    }
    if mark.1 >= text.len() {
        new_mark.1 = short.len();
    }
    (short, new_mark)
}

/// Keeps about `width` characters around the mark, with `…` where something is left out.
fn crop(text: &str, mark: (usize, usize), width: usize) -> (String, (usize, usize)) {
    let width = width.max(20);
    let chars: Vec<(usize, char)> = text.char_indices().collect();
    let position = |offset: usize| chars.partition_point(|&(at, _)| at < offset);
    let (first, last) = (position(mark.0), position(mark.1));
    let last = last.min(first + width);
    let spare = width.saturating_sub(last - first + 2);
    let from = match last + spare / 3 < width {
        true => 0,
        false => first.saturating_sub(spare - spare / 3),
    };
    let until = (from + width - 2).max(last).min(chars.len());
    let mut short = String::new();
    if from > 0 {
        short.push('…');
    }
    let (mut new_first, mut new_last) = (short.len(), short.len());
    for (index, &(_, c)) in chars.iter().enumerate().take(until).skip(from) {
        if index == first {
            new_first = short.len();
        }
        short.push(c);
        if index + 1 == last {
            new_last = short.len();
        }
    }
    if until < chars.len() {
        short.push('…');
    }
    (short, (new_first, new_last.max(new_first)))
}

/// With lines of context miette asks for the snippet, without for the place of the mark.
impl SourceCode for Excerpt {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        before: usize,
        _after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        if span.offset() + span.len() > self.text.len() {
            return Err(MietteError::OutOfBounds);
        }
        let column = if before == 0 { self.column } else { 0 };
        Ok(Box::new(MietteSpanContents::new_named(
            self.name.clone(),
            self.text.as_bytes(),
            (0, self.text.len()).into(),
            self.line,
            column,
            1,
        )))
    }
}

/// How bad it is, which decides the sign and the colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// An error.
    Error,
    /// A warning.
    Warning,
    /// A note, or the second end of a diagnostic.
    Note,
}

/// One diagnostic, ready to be shown. All texts are made safe when it is rendered.
#[derive(Debug, Clone)]
pub struct Shown {
    /// How bad it is.
    pub level: Level,
    /// Code or rule id.
    pub code: Option<String>,
    /// What is so.
    pub message: String,
    /// The line that it is about.
    pub excerpt: Option<Excerpt>,
    /// What the marked part is.
    pub label: String,
    /// What to do.
    pub help: Option<String>,
    /// Where to read more.
    pub url: Option<String>,
    /// The other end, and further places.
    pub related: Vec<Self>,
}

impl Shown {
    /// A diagnostic without a place.
    #[must_use]
    pub fn new(level: Level, message: impl Into<String>) -> Self {
        Self {
            level,
            code: None,
            message: message.into(),
            excerpt: None,
            label: String::new(),
            help: None,
            url: None,
            related: Vec::new(),
        }
    }

    /// With a code.
    #[must_use]
    pub fn code(mut self, code: impl Into<String>) -> Self {
        self.code = Some(code.into());
        self
    }

    /// With what to do.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// With the place that it is about.
    #[must_use]
    pub fn at(
        mut self,
        sources: &SourceMap,
        span: Option<Span>,
        label: impl Into<String>,
        style: Style,
    ) -> Self {
        let width = style.width.unwrap_or(WIDTH).saturating_sub(14);
        self.excerpt = span.and_then(|span| Excerpt::new(sources, span, width));
        self.label = label.into();
        self
    }

    /// The diagnostic as text, with a line end.
    #[must_use]
    pub fn render(mut self, style: Style) -> String {
        self.make_safe();
        let theme = match style.colour {
            true => GraphicalTheme::unicode(),
            false => GraphicalTheme::unicode_nocolor(),
        };
        let handler = GraphicalReportHandler::new_themed(theme)
            .with_width(style.width.unwrap_or(WIDTH).max(30))
            .with_links(false)
            .with_wrap_lines(!self.fits(style.width.unwrap_or(WIDTH).max(30)))
            .with_context_lines(1)
            .with_show_related_as_nested(true);
        let mut text = String::new();
        // Writing to a String cannot fail; miette can only where a mark lies outside its excerpt.
        if handler.render_report(&mut text, &self).is_err() {
            text = format!("{self}\n");
        }
        let mut clean = String::with_capacity(text.len());
        for line in safe::wrapped(&text).lines() {
            clean.push_str(line.trim_end());
            clean.push('\n');
        }
        clean
    }

    /// Whether no text is wider than a screen of `width` columns: then nothing needs to be broken into
    /// lines, which takes most of the time of a diagnostic.
    fn fits(&self, width: usize) -> bool {
        let room = width.saturating_sub(INDENT);
        let short = |text: &str| text.lines().all(|line| line.width() <= room);
        let others = [&self.code, &self.help, &self.url];
        short(&self.message)
            && short(&self.label)
            && others.into_iter().flatten().all(|text| short(text))
            && self.related.iter().all(|other| other.fits(room))
    }

    fn make_safe(&mut self) {
        let safe = |text: &mut String| {
            if let Cow::Owned(safe) = safe::lines(text) {
                *text = safe;
            }
        };
        safe(&mut self.message);
        safe(&mut self.label);
        [&mut self.code, &mut self.help, &mut self.url].into_iter().flatten().for_each(safe);
        self.related.iter_mut().for_each(Self::make_safe);
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Shown {}

impl Diagnostic for Shown {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        let word = match self.level {
            Level::Error => "error",
            Level::Warning => "warning",
            Level::Note => "note",
        };
        self.code.as_ref().map(|code| Box::new(format!("{word}[{code}]")) as Box<dyn fmt::Display>)
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.level {
            Level::Error => miette::Severity::Error,
            Level::Warning => miette::Severity::Warning,
            Level::Note => miette::Severity::Advice,
        })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn url<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.url.as_ref().map(|url| Box::new(url) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.excerpt.as_ref().map(|excerpt| excerpt as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let (start, end) = self.excerpt.as_ref()?.mark;
        let label = (!self.label.is_empty()).then(|| self.label.clone());
        let label = LabeledSpan::new_primary_with_span(label, (start, end - start));
        Some(Box::new(std::iter::once(label)))
    }

    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn Diagnostic> + 'a>> {
        match self.related.is_empty() {
            true => None,
            false => Some(Box::new(self.related.iter().map(|other| other as &dyn Diagnostic))),
        }
    }
}
