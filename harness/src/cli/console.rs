//! Standard output and standard error: results on the one, talk on the other.

use std::io::{self, IsTerminal as _, Write};
use std::os::fd::AsFd;

use crate::cli::exit::Failure;
use crate::report::Style;

/// Where text goes, and what is there to read it.
pub struct Console<'w> {
    out: &'w mut dyn Write,
    err: &'w mut dyn Write,
    out_style: Style,
    err_style: Style,
    err_is_terminal: bool,
}

impl<'w> Console<'w> {
    /// Plain text into two buffers, or pipes.
    pub fn plain(out: &'w mut dyn Write, err: &'w mut dyn Write) -> Self {
        Self { out, err, out_style: Style::default(), err_style: Style::default(), err_is_terminal: false }
    }

    /// The process's own, adapted to what they are connected to.
    pub fn of_process(out: &'w mut io::Stdout, err: &'w mut io::Stderr) -> Self {
        let (out_style, err_style) = (style(&*out, out.is_terminal()), style(&*err, err.is_terminal()));
        let err_is_terminal = err.is_terminal();
        Self { out, err, out_style, err_style, err_is_terminal }
    }

    /// How results may look.
    #[must_use]
    pub fn style(&self) -> Style {
        self.out_style
    }

    /// How talk may look.
    #[must_use]
    pub fn talk_style(&self) -> Style {
        self.err_style
    }

    /// Whether somebody watches the talk.
    #[must_use]
    pub fn is_watched(&self) -> bool {
        self.err_is_terminal
    }

    /// A result.
    ///
    /// # Errors
    /// What the stream reports.
    pub fn print(&mut self, text: &str) -> io::Result<()> {
        self.out.write_all(text.as_bytes())?;
        self.out.flush()
    }

    /// Talk.
    ///
    /// # Errors
    /// What the stream reports.
    pub fn say(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.err, "{text}")
    }

    /// A failure in one line, and at a terminal the place in the plan.
    pub(super) fn fail(&mut self, failure: &Failure) {
        if matches!(failure, Failure::Output(error) if error.kind() == io::ErrorKind::BrokenPipe) {
            return;
        }
        let (red, plain) = if self.err_style.color { ("\u{1b}[1;31m", "\u{1b}[0m") } else { ("", "") };
        // A closed standard error leaves the exit code to tell.
        let _ = self.say(&format!("{red}error:{plain} {}", failure.to_string().replace('\n', " ")));
        if let Failure::Plan(error) = failure
            && self.err_is_terminal
            && let Some(snippet) = error.snippet()
        {
            let _ = self.say(&snippet);
        }
    }
}

/// No color where <https://no-color.org> or the terminal forbids it.
fn style(stream: &impl AsFd, is_terminal: bool) -> Style {
    if !is_terminal {
        return Style::default();
    }
    let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    let width = rustix::termios::tcgetwinsize(stream).ok().map(|size| usize::from(size.ws_col));
    Style { width: width.filter(|width| *width > 0), color: !set("NO_COLOR") && !is_dumb }
}
