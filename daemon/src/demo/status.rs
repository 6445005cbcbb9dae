//! The live status line.

use std::io::{IsTerminal, Write};

use super::tally::Tally;

/// One line that is written over itself; nothing when standard error is no terminal.
#[derive(Debug)]
pub(super) struct StatusLine {
    on: bool,
    last_requests: u64,
}

impl StatusLine {
    pub(super) fn new() -> Self {
        Self { on: std::io::stderr().is_terminal(), last_requests: 0 }
    }

    /// Shows the state a second later.
    pub(super) fn show(&mut self, tally: &Tally, plan: &str, out: &str) {
        let rate = tally.requests - self.last_requests;
        self.last_requests = tally.requests;
        if self.on {
            let down = if out.is_empty() { "all in service".to_owned() } else { format!("out of service: {out}") };
            let line = format!("{rate} requests/s, {} failed, plan {plan}, {down}", tally.failed);
            // A terminal that went away shows nothing any more; the demo goes on.
            drop(write!(std::io::stderr(), "\r\x1b[2K{line}"));
        }
    }

    /// Leaves the line.
    pub(super) fn end(&self) {
        if self.on {
            drop(writeln!(std::io::stderr()));
        }
    }
}
