//! One line of the shell: from text to a request.

use clap::{Parser, error::ErrorKind};

use crate::{
    cli::{compact, del, get, put, status, usage},
    client::Client,
};

const NOTES: &str = "\
Quote what has blanks: put greeting 'hello, world'
'help get' explains one command. Ctrl+D leaves, Ctrl+C ends the client at once.";

/// What the shell understands.
#[derive(Debug, Parser)]
#[command(
    multicall = true,
    disable_help_flag = false,
    subcommand_required = true,
    help_template = "{subcommands}\n\n{after-help}\n",
    after_help = NOTES
)]
struct Words {
    #[command(subcommand)]
    request: Request,
}

/// A request of the shell's user.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Request {
    /// Store a value under a key
    Put(put::Args),
    /// Read a key, a range of keys, or all keys with a prefix
    Get(get::Args),
    /// Delete a key, a range of keys, or all keys with a prefix
    #[command(visible_alias = "delete")]
    Del(del::Args),
    /// Give up the past before a revision
    Compact(compact::Args),
    /// Show how every node is and which one leads
    Status(status::Args),
    /// Leave the shell
    #[command(visible_alias = "quit")]
    Exit,
    /// Text to show as it is: what was asked for is help.
    #[command(skip)]
    Show(String),
}

/// Whether the shell goes on after a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It reads the next line.
    Stay,
    /// It ends.
    Leave,
}

impl Request {
    /// Carries the request out and returns what to print.
    pub(super) async fn run(self, client: &Client) -> anyhow::Result<(String, Outcome)> {
        let text = match self {
            Self::Put(args) => args.run(client).await?,
            Self::Get(args) => args.run(client).await?,
            Self::Del(args) => args.run(client).await?,
            Self::Compact(args) => args.run(client).await?,
            Self::Status(args) => args.run(client).await?,
            Self::Show(text) => text,
            Self::Exit => return Ok((String::new(), Outcome::Leave)),
        };
        Ok((text, Outcome::Stay))
    }
}

/// Understands a line; `None` if it is blank. The error says in one line what is wrong with it.
pub(super) fn parse(line: &str) -> Result<Option<Request>, String> {
    let words =
        shlex::split(line).ok_or("a quote or a backslash at the end is left open; close it or drop it")?;
    if words.is_empty() {
        return Ok(None);
    }
    match Words::try_parse_from(words) {
        Ok(words) => Ok(Some(words.request)),
        Err(help) if help.kind() == ErrorKind::DisplayHelp => {
            Ok(Some(Request::Show(help.render().to_string())))
        }
        Err(error) if error.kind() == ErrorKind::InvalidSubcommand => Err(unknown_command(&error)),
        Err(error) => Err(usage::one_line(&error)),
    }
}

fn unknown_command(error: &clap::Error) -> String {
    use clap::error::{ContextKind, ContextValue};
    let text_of = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        Some(ContextValue::Strings(texts)) => texts.first().cloned(),
        _ => None,
    };
    let command = text_of(ContextKind::InvalidSubcommand).unwrap_or_default();
    match text_of(ContextKind::SuggestedSubcommand) {
        Some(nearest) => format!("unknown command '{command}'; did you mean '{nearest}'?"),
        None => format!("unknown command '{command}'; 'help' lists the commands"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words_of_put(line: &str) -> String {
        match parse(line).expect("a good line") {
            Some(Request::Put(args)) => format!("{args:?}"),
            other => panic!("not a put: {other:?}"),
        }
    }

    fn complaint(line: &str) -> String {
        let message = parse(line).expect_err(line);
        assert!(!message.contains('\n'), "{message}");
        message
    }

    #[test]
    fn words_are_quoted_as_in_a_shell() {
        for line in ["put k 'a b'", "put k \"a b\"", "put k a\\ b", "  put   k  'a b'  "] {
            let put = words_of_put(line);
            assert!(put.contains(r#"key: "k""#) && put.contains(r#"value: "a b""#), "{put}");
        }
        assert!(words_of_put("put k ''").contains(r#"value: """#));
        assert!(words_of_put("put k -5").contains(r#"value: "-5""#));
        assert!(words_of_put("put -- -k -v").contains(r#"key: "-k""#));
    }

    #[test]
    fn blank_lines_and_comments_are_nothing() {
        for line in ["", "   ", "# a remark"] {
            assert!(parse(line).expect("nothing is not wrong").is_none());
        }
    }

    #[test]
    fn leaving_and_help_are_understood() {
        assert!(matches!(parse("exit"), Ok(Some(Request::Exit))));
        assert!(matches!(parse("quit"), Ok(Some(Request::Exit))));
        for line in ["help", "help get", "get --help"] {
            let Ok(Some(Request::Show(text))) = parse(line) else { panic!("no help for {line}") };
            assert!(text.contains("get") || text.contains("GET"), "{text}");
        }
    }

    #[test]
    fn a_wrong_line_gets_a_useful_answer() {
        assert_eq!(complaint("gett k"), "unknown command 'gett'; did you mean 'get'?");
        assert_eq!(complaint("stauts"), "unknown command 'stauts'; did you mean 'status'?");
        assert_eq!(complaint("frobnicate"), "unknown command 'frobnicate'; 'help' lists the commands");
        assert!(complaint("put 'k").contains("left open"));
        let missing = complaint("put k");
        assert!(missing.contains("<VALUE>") && missing.contains("usage: put <KEY> <VALUE>"), "{missing}");
        let surplus = complaint("put k v w");
        assert!(surplus.contains("'w'") && surplus.contains("usage: put"), "{surplus}");
        assert!(complaint("get k --limit many").contains("many"));
        assert!(complaint("get k --prefix --range-end z").contains("cannot be used with"));
        assert!(complaint("--foo").contains("--foo"));
    }
}
