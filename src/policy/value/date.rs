//! Days and moments by which something ends.

use jiff::Timestamp;
use jiff::civil;
use jiff::tz::TimeZone;

use super::super::error::PolicyErrorKind;
use super::{Data, Reading, Value};

/// A date (its end in UTC) or a moment with an offset, the same under every time zone of the machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deadline {
    /// The first moment that is past it.
    pub ends: Timestamp,
    /// As written, for people.
    pub text: String,
}

impl Deadline {
    /// Whether `now` is past it.
    #[must_use]
    pub fn is_past(&self, now: Timestamp) -> bool {
        now >= self.ends
    }

    /// Reads a TOML date or offset date-time; a local date-time is an error, since it says no moment.
    pub fn read(value: Value<'_>, key: &str, reading: &mut Reading) -> Option<Self> {
        let Data::Datetime(datetime) = value.get() else {
            let message = format!("`{key}` takes a date, not {}", value.kind());
            let help = Some("a date is written without quotes: `2027-01-31`".to_owned());
            reading.error(PolicyErrorKind::WrongType, value.range(), message, "not a date", help);
            return None;
        };
        let text = datetime.to_string();
        let ends = match (datetime.date, datetime.time, datetime.offset) {
            (Some(_), None, None) => text.parse::<civil::Date>().ok().and_then(|date| {
                // The last day that there is never ends.
                let Ok(next) = date.tomorrow() else { return Some(Timestamp::MAX) };
                Some(next.to_zoned(TimeZone::UTC).ok()?.timestamp())
            }),
            (Some(_), Some(_), Some(_)) => text.parse::<Timestamp>().ok(),
            _ => None,
        };
        if ends.is_none() {
            let message = format!("`{text}` is no date, and no moment with an offset");
            let help =
                Some("write `2027-01-31` (its end in UTC) or `2027-01-31T18:00:00Z`".to_owned());
            reading.error(
                PolicyErrorKind::BadValue,
                value.range(),
                message,
                "says no moment",
                help,
            );
        }
        ends.map(|ends| Self { ends, text })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use crate::policy::load;
    use crate::source::SourceFile;

    #[test]
    fn the_last_day_is_a_day() {
        let text =
            "[[rule]]\nid = \"r\"\nmatch = { port = 1 }\nforbid = true\nreview_by = 9999-12-31\n";
        let loaded = load(vec![Arc::new(SourceFile::new("p.toml", text))]);
        assert_eq!(loaded.errors, []);
        let now = "2026-11-22T00:00:00Z".parse().unwrap();
        assert_eq!(loaded.policy.unwrap().reviews(now), []);
    }
}
