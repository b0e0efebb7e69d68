//! A calendar as it is written: plain data, from the policy into the database and back.
//!
//! A version of it never changes: another text is another version. What it means in
//! instants is the compiled [`super::Calendar`].

use std::{collections::BTreeMap, fmt, str::FromStr};

use chrono_tz::Tz;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use sha2::{Digest, Sha256};

use crate::domain::{time::Timestamp, wall::Date};

/// *Units*: minutes.
const DAY: u16 = 24 * 60;

/// A stretch of wall time in which somebody is there; written `09:00-17:30`.
///
/// *Shape*: from its opening on, up to its closing, which is no longer in it. `22:00-06:00` ends
/// on the next day and `24:00` is the day's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Window {
    opens: u16,
    closes: u16,
}

impl Window {
    /// The whole day.
    pub const ALL_DAY: Self = Self {
        opens: 0,
        closes: DAY,
    };

    /// Gives when it opens. *Units*: minutes from the start of its day, less than 1440.
    pub fn opens(self) -> u16 {
        self.opens
    }

    /// Gives when it closes, later than it opens. *Units*: minutes from the start of its day, less than 2880.
    pub fn closes(self) -> u16 {
        self.closes
    }
}

impl FromStr for Window {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let fault = || format!("`{text}` is no opening time; write it like `09:00-17:30`");
        let (from, to) = text.split_once('-').ok_or_else(fault)?;
        let opens = minute(from.trim()).ok_or_else(fault)?;
        let closes = minute(to.trim()).ok_or_else(fault)?;
        if opens == closes || opens == DAY {
            return Err(format!("`{text}` is empty; the whole day is `00:00-24:00`"));
        }
        let closes = if closes < opens { closes + DAY } else { closes };
        Ok(Self { opens, closes })
    }
}

/// Reads `HH:MM`, up to `24:00`.
fn minute(text: &str) -> Option<u16> {
    let (hours, minutes) = text.split_once(':')?;
    let digits = |text: &str| -> Option<u16> {
        let is_plain = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        is_plain.then(|| text.parse().ok()).flatten()
    };
    let (hours, minutes) = (digits(hours)?, digits(minutes)?);
    let total = hours * 60 + minutes;
    (minutes < 60 && total <= DAY).then_some(total)
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let closes = if self.closes > DAY {
            self.closes - DAY
        } else {
            self.closes
        };
        let (opens, hour, minute) = (self.opens, closes / 60, closes % 60);
        write!(
            f,
            "{:02}:{:02}-{hour:02}:{minute:02}",
            opens / 60,
            opens % 60
        )
    }
}

impl Serialize for Window {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Window {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

/// What holds on a date in place of its weekday's windows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Override {
    /// The windows that start on this date; empty: closed.
    pub windows: Vec<Window>,
    /// The holiday's name, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// A calendar as it is written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CalendarSpec {
    /// The name by which policies mention it.
    pub name: String,
    /// The IANA time zone's name.
    pub timezone: String,
    /// The windows that start on each weekday, Monday first.
    pub week: [Vec<Window>; 7],
    /// The dates on which it is otherwise. A night belongs to the date of its evening.
    #[serde(default)]
    pub overrides: BTreeMap<Date, Override>,
}

/// Why a calendar is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CalendarFault {
    /// Its time zone is none of the IANA database.
    #[error("`{0}` is not an IANA timezone")]
    Zone(String),
    /// No deadline on it would ever come.
    #[error("the calendar `{name}` has no open time in the 366 days from {since}")]
    NeverOpen {
        /// The calendar.
        name: String,
        /// When it was looked at.
        since: Timestamp,
    },
}

impl CalendarSpec {
    /// Gives a calendar that is always open.
    pub fn always_open(name: &str, timezone: &str) -> Self {
        Self {
            name: name.to_owned(),
            timezone: timezone.to_owned(),
            week: std::array::from_fn(|_| vec![Window::ALL_DAY]),
            overrides: BTreeMap::new(),
        }
    }

    /// Gives its version: the same for the same text, another for any other.
    pub fn version(&self) -> String {
        let text = serde_json::to_vec(self).unwrap_or_default();
        let mut head = [0; 8];
        head.copy_from_slice(&Sha256::digest(&text)[..8]);
        format!("{:016x}", u64::from_be_bytes(head))
    }

    /// Reads the time zone.
    pub(super) fn zone(&self) -> Result<Tz, CalendarFault> {
        let zone = self.timezone.parse();
        zone.map_err(|_| CalendarFault::Zone(self.timezone.clone()))
    }

    /// Gives the windows that start on the weekday of a date, whatever is overridden.
    pub(super) fn usual(&self, date: Date) -> &[Window] {
        use chrono::Datelike;
        &self.week[date.naive().weekday().num_days_from_monday() as usize]
    }

    /// Gives the windows that start on a date.
    pub(super) fn windows(&self, date: Date) -> &[Window] {
        match self.overrides.get(&date) {
            Some(other) => &other.windows,
            None => self.usual(date),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_written_as_they_are_read() {
        for text in ["09:00-17:30", "22:00-06:00", "00:00-24:00", "22:00-24:00"] {
            let window: Window = text.parse().expect("a window");
            assert_eq!(window.to_string(), text);
        }
        let night: Window = "22:00-06:00".parse().expect("a window");
        assert_eq!((night.opens(), night.closes()), (1320, 1800));
        for bad in [
            "9-17",
            "09:00",
            "09:00-09:00",
            "24:00-06:00",
            "09:60-10:00",
            "09:00-24:01",
            "+9:00-10:00",
            "",
        ] {
            assert!(bad.parse::<Window>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_version_goes_by_the_text() {
        let spec = CalendarSpec::always_open("a", "UTC");
        let json = serde_json::to_string(&spec).expect("plain data");
        let again: CalendarSpec = serde_json::from_str(&json).expect("reads back");
        assert_eq!(again.version(), spec.version());
        let mut other = spec.clone();
        let closed = Override::default();
        other
            .overrides
            .insert("2026-12-25".parse().expect("a date"), closed);
        assert_ne!(other.version(), spec.version());
    }
}
