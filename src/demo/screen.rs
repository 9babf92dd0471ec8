//! Where the demo writes: a terminal whose lines are drawn over in place, or plain lines. It hides
//! the cursor while it draws and gives it back however the demo ends.

use std::io::{self, IsTerminal, Write};

use super::table::Style;

/// Columns where the terminal does not say.
const DEFAULT_WIDTH: usize = 100;

/// Standard output.
#[derive(Debug)]
pub struct Screen {
    live: bool,
    colour: bool,
    drawn: usize,
}

impl Screen {
    /// Looks at standard output and `NO_COLOR`.
    #[must_use]
    pub fn open() -> Self {
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let live = io::stdout().is_terminal() && !dumb;
        let no_colour = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self {
            live,
            colour: live && !no_colour,
            drawn: 0,
        }
    }

    /// Whether lines can be drawn over.
    #[must_use]
    pub const fn is_live(&self) -> bool {
        self.live
    }

    /// The terminal's width now; it may have changed.
    #[must_use]
    pub fn style(&self) -> Style {
        let width = terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
        Style {
            width: width.filter(|w| *w > 0).unwrap_or(DEFAULT_WIDTH),
            colour: self.colour,
        }
    }

    /// Writes lines that stay.
    ///
    /// # Errors
    /// When nobody reads any more.
    pub fn print(&mut self, lines: &[String]) -> io::Result<()> {
        let mut out = io::stdout().lock();
        for line in lines {
            writeln!(out, "{line}")?;
        }
        self.drawn = 0;
        out.flush()
    }

    /// Draws lines over the ones drawn last. Only as many as the terminal has room for.
    ///
    /// # Errors
    /// When nobody reads any more.
    pub fn draw(&mut self, lines: &[String]) -> io::Result<()> {
        let frame = frame(fitting(lines), self.drawn);
        self.drawn = fitting(lines).len();
        let mut out = io::stdout().lock();
        out.write_all(frame.as_bytes())?;
        out.flush()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        if self.live {
            // There is nobody left to tell that a terminal is gone.
            let _ = io::stdout().write_all(b"\x1b[?25h\x1b[0m");
        }
    }
}

/// Lines that would scroll can't be drawn over, so the last ones are left out.
fn fitting(lines: &[String]) -> &[String] {
    let height =
        terminal_size::terminal_size().map_or(usize::MAX, |(_, height)| usize::from(height.0));
    &lines[..lines.len().min(height.saturating_sub(1).max(1))]
}

/// The bytes that replace `drawn` lines by these.
fn frame(lines: &[String], drawn: usize) -> String {
    let up = if drawn > 0 {
        format!("\x1b[{drawn}A")
    } else {
        String::new()
    };
    let mut frame = format!("\x1b[?25l{up}");
    for line in lines {
        frame.extend(["\r\x1b[2K", line, "\n"]);
    }
    frame.push_str("\x1b[0J");
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_goes_back_up_and_clears_what_is_left() {
        let lines = ["a".to_owned(), "b".to_owned()];
        assert_eq!(frame(&lines, 0), "\x1b[?25l\r\x1b[2Ka\n\r\x1b[2Kb\n\x1b[0J");
        assert!(frame(&lines, 5).starts_with("\x1b[?25l\x1b[5A"));
    }
}
