//! Lines that travel together.

use crate::domain::event::Event;

/// The most bytes of a batch; well under the default limit of a request.
const MOST_BYTES: usize = 512 * 1024;

/// A line of the file.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Line {
    /// Its number, from 1.
    pub(super) number: u64,
    /// The event as written.
    pub(super) text: String,
    /// The event as read.
    pub(super) event: Event,
}

/// Lines that travel together.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Batch {
    /// The lines, in order.
    pub(super) lines: Vec<Line>,
    bytes: usize,
}

impl Batch {
    /// Tells whether `line` must go into the next one.
    pub(super) fn is_full(&self, line: &Line, most: usize) -> bool {
        !self.is_empty() && (self.lines.len() >= most || self.bytes + line.text.len() > MOST_BYTES)
    }

    /// Tells whether there is nothing in it.
    pub(super) fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Adds a line.
    pub(super) fn push(&mut self, line: Line) {
        self.bytes += line.text.len();
        self.lines.push(line);
    }

    /// Takes one line out.
    pub(super) fn remove(&mut self, index: usize) -> Option<Line> {
        (index < self.lines.len()).then(|| self.lines.remove(index))
    }

    /// Cuts it into two halves.
    pub(super) fn halves(mut self) -> (Self, Self) {
        let later = self.lines.split_off(self.lines.len() / 2);
        let bytes = later.iter().map(|line| line.text.len()).sum();
        (
            self,
            Self {
                lines: later,
                bytes,
            },
        )
    }

    /// Writes it as a CloudEvents batch.
    pub(super) fn to_json(&self) -> String {
        let texts: Vec<&str> = self.lines.iter().map(|line| line.text.as_str()).collect();
        format!("[{}]", texts.join(","))
    }
}
