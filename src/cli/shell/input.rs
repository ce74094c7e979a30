//! Where the shell's lines come from: a person at a terminal, or a pipe.

use std::{
    env, fs,
    io::{self, BufRead, IsTerminal},
    path::PathBuf,
};

use anyhow::Context;
use rustyline::{DefaultEditor, error::ReadlineError};

const PROMPT: &str = "conclave> ";

/// What came in.
pub(super) enum Line {
    /// A line.
    Text(String),
    /// A line that is no text; says why.
    Unreadable(String),
    /// The input is over: Ctrl+D, or the end of the pipe.
    End,
    /// Ctrl+C at the prompt.
    Interrupt,
}

/// A source of lines.
pub(super) enum Input {
    /// Somebody types: with a prompt, editing and a history.
    Terminal(Box<Terminal>),
    /// A pipe or a file: lines as they are, nothing echoed.
    Pipe,
}

/// The line editor and its memory.
pub(super) struct Terminal {
    editor: DefaultEditor,
    history: Option<PathBuf>,
}

impl Input {
    /// Stdin, whatever it is.
    pub(super) fn open() -> anyhow::Result<Self> {
        if io::stdin().is_terminal() {
            Ok(Self::Terminal(Box::new(Terminal::open()?)))
        } else {
            Ok(Self::Pipe)
        }
    }

    /// Whether somebody sits in front of it.
    pub(super) fn is_interactive(&self) -> bool {
        matches!(self, Self::Terminal(_))
    }

    /// Waits for the next line.
    pub(super) fn next_line(&mut self) -> anyhow::Result<Line> {
        match self {
            Self::Terminal(terminal) => terminal.next_line(),
            Self::Pipe => read_piped(&mut io::stdin().lock()).context("cannot read stdin"),
        }
    }
}

impl Terminal {
    fn open() -> anyhow::Result<Self> {
        let mut editor = DefaultEditor::new().context("cannot use this terminal")?;
        let history = history_file();
        if let Some(history) = &history {
            // There is no history before the first session.
            let _ = editor.load_history(history);
        }
        Ok(Self { editor, history })
    }

    fn next_line(&mut self) -> anyhow::Result<Line> {
        match self.editor.readline(PROMPT) {
            Ok(text) => {
                self.remember(&text);
                Ok(Line::Text(text))
            }
            Err(ReadlineError::Eof) => Ok(Line::End),
            Err(ReadlineError::Interrupted) => Ok(Line::Interrupt),
            Err(error) => Err(error).context("cannot read from the terminal"),
        }
    }

    /// Adds a line to the history, in the file at once, because Ctrl+C leaves no time later. That it cannot be kept
    /// (a read-only home) is no reason to refuse work.
    fn remember(&mut self, text: &str) {
        let is_new = self.editor.add_history_entry(text).unwrap_or(false);
        if let (true, Some(history)) = (is_new, &self.history) {
            let _ = self.editor.append_history(history);
        }
    }
}

/// The next line of a pipe, without its end.
fn read_piped(pipe: &mut impl BufRead) -> io::Result<Line> {
    let mut bytes = Vec::new();
    if pipe.read_until(b'\n', &mut bytes)? == 0 {
        return Ok(Line::End);
    }
    Ok(match String::from_utf8(bytes) {
        Ok(text) => Line::Text(text.trim_end_matches(['\n', '\r']).to_owned()),
        Err(_) => Line::Unreadable("the line is not UTF-8 text".to_owned()),
    })
}

/// Where the history is kept, in a directory that exists; `None` if there is no home for it.
fn history_file() -> Option<PathBuf> {
    let state = absolute("XDG_STATE_HOME").or_else(|| Some(absolute("HOME")?.join(".local/state")))?;
    let directory = state.join("conclave");
    fs::create_dir_all(&directory).ok()?;
    Some(directory.join("history"))
}

/// The directory that an environment variable names. A relative one would scatter histories everywhere.
fn absolute(variable: &str) -> Option<PathBuf> {
    env::var_os(variable).map(PathBuf::from).filter(|path| path.is_absolute())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pipe_gives_line_after_line_and_survives_bytes_that_are_no_text() {
        let mut pipe: &[u8] = b"put a b\r\n\xff\xfe\n\nget a";
        assert!(matches!(read_piped(&mut pipe), Ok(Line::Text(text)) if text == "put a b"));
        assert!(matches!(read_piped(&mut pipe), Ok(Line::Unreadable(_))));
        assert!(matches!(read_piped(&mut pipe), Ok(Line::Text(text)) if text.is_empty()));
        assert!(matches!(read_piped(&mut pipe), Ok(Line::Text(text)) if text == "get a"));
        assert!(matches!(read_piped(&mut pipe), Ok(Line::End)));
    }
}
