//! Reports of the parts of a fleet put together: the bytes that one run over all of it would have written.
//!
//! Hosts go from report to report as they are, one at a time, so that memory does not grow with them; counts
//! are added, and what follows from counts is said anew. A report in which anything is missing is refused: its
//! hosts would pass by not being there.

mod shard;

use std::io::{self, Read, Write};

use serde_json::value::RawValue;

use crate::audit::Summary;
use crate::controls::document::{self, FrameworkDocument};
use crate::report::closing::{Frame, Shape, SummaryDocument};
use crate::safe;

use shard::{Event, Part};

/// What a report says of its run, as it says it.
type Head = crate::report::closing::Head<Box<RawValue>, Box<RawValue>, Box<RawValue>>;

/// Why a report cannot be taken.
#[derive(Debug)]
pub enum Fault {
    /// It cannot be read.
    Unreadable(io::Error),
    /// The merged report cannot be written.
    Unwritable(io::Error),
    /// It is no report, or not a whole one.
    NotWhole(String),
    /// It is of another audit than those before.
    Differs(String),
    /// `json` begins with what `ndjson` ends with, and the report cannot be read twice.
    HeadIsLast,
}

/// One report out of many.
#[derive(Debug)]
pub struct Merge {
    shape: Shape,
    frame: Frame,
    begun: bool,
    /// Of the first report, with its name.
    head: Option<(String, Head)>,
    controls: Option<Vec<FrameworkDocument<'static>>>,
    summary: Summary,
}

impl Merge {
    /// Nothing yet, to be written in a shape.
    #[must_use]
    pub fn new(shape: Shape) -> Self {
        Self {
            shape,
            frame: Frame::new(shape),
            begun: false,
            head: None,
            controls: None,
            summary: Summary::default(),
        }
    }

    /// Whether the first report must be looked through before it is added: `json` begins with what `ndjson`
    /// ends with.
    #[must_use]
    pub fn wants_head(&self) -> bool {
        self.shape == Shape::Json && self.head.is_none()
    }

    /// Takes from a report what is said of its run, and no more.
    ///
    /// # Errors
    ///
    /// As for [`Merge::add`].
    pub fn look(&mut self, name: &str, report: &mut dyn Read) -> Result<(), Fault> {
        shard::read(report, &mut |event| {
            if let Event::Head(head) = event {
                self.head = Some((name.to_owned(), head));
                return Ok(false);
            }
            Ok(true)
        })
    }

    /// Adds a report, or several that follow one another; its hosts are written at once.
    ///
    /// # Errors
    ///
    /// When it is not whole, is of another audit, or cannot be read; what was written then is no report.
    pub fn add(
        &mut self,
        name: &str,
        report: &mut dyn Read,
        out: &mut dyn Write,
    ) -> Result<(), Fault> {
        let mut part = Part::default();
        shard::read(report, &mut |event| {
            match event {
                Event::Head(head) => self.agree(name, head)?,
                Event::Host(host) => {
                    part.host(&host)?;
                    self.begin(out)?;
                    self.host(&host, out).map_err(Fault::Unwritable)?;
                }
                Event::Closing { controls, summary } => {
                    part.close(&summary)?;
                    self.begin(out)?;
                    self.close(name, controls, &summary)?;
                }
            }
            Ok(true)
        })
        .map_err(|fault| part.placed(fault))?;
        part.ends()
    }

    /// Ends the report and says its exit code.
    ///
    /// # Errors
    ///
    /// What `out` says.
    pub fn finish(mut self, out: &mut dyn Write) -> io::Result<u8> {
        let summary = SummaryDocument::new(&self.summary);
        if let (Some((_, head)), Some(controls)) = (&self.head, &mut self.controls) {
            document::conclude(controls, summary.hosts > 0 && summary.broken == 0);
            self.frame.finish(head, controls, &summary, out)?;
        }
        Ok(summary.exit_code)
    }

    fn begin(&mut self, out: &mut dyn Write) -> Result<(), Fault> {
        if self.begun || self.shape == Shape::Ndjson {
            return Ok(());
        }
        let Some((_, head)) = &self.head else { return Err(Fault::HeadIsLast) };
        self.begun = true;
        self.frame.begin(head, out).map_err(Fault::Unwritable)
    }

    fn host(&mut self, host: &RawValue, out: &mut dyn Write) -> io::Result<()> {
        self.frame.before_host(out)?;
        out.write_all(host.get().as_bytes())?;
        self.frame.after_host(out)
    }

    fn close(
        &mut self,
        name: &str,
        controls: Vec<FrameworkDocument<'static>>,
        summary: &SummaryDocument,
    ) -> Result<(), Fault> {
        summary.add_to(&mut self.summary);
        match &mut self.controls {
            None => self.controls = Some(controls),
            Some(all) => {
                if !document::add(all, &controls) {
                    return Err(self.differs(name, "has other controls"));
                }
            }
        }
        Ok(())
    }

    /// Takes the head of the first report, and compares that of each other one with it.
    fn agree(&mut self, name: &str, head: Head) -> Result<(), Fault> {
        let all = [&head.tool, &head.policy, &head.settings];
        if !all.iter().all(|part| safe::is_safe_json(part.get())) {
            let message =
                "another program has written it again, with characters bare that socklint escapes";
            return Err(Fault::NotWhole(message.to_owned()));
        }
        let Some((_, first)) = &self.head else {
            self.head = Some((name.to_owned(), head));
            return Ok(());
        };
        for (ours, theirs, what) in [
            (&first.tool, &head.tool, "was written by another version of socklint"),
            (&first.policy, &head.policy, "was judged by another policy"),
            (&first.settings, &head.settings, "was judged with other settings"),
        ] {
            if ours.get() != theirs.get() {
                let keys = shard::keys_that_differ(ours, theirs);
                // The same, written otherwise.
                if keys.is_empty() {
                    continue;
                }
                return Err(self.differs(name, &format!("{what} ({})", keys.join(", "))));
            }
        }
        Ok(())
    }

    fn differs(&self, name: &str, what: &str) -> Fault {
        let first = self.head.as_ref().map_or("the first", |(first, _)| first.as_str());
        Fault::Differs(format!("`{name}` {what} than `{first}`"))
    }
}
