//! What is wrong with a command line, in one line.

/// Arguments that are well-formed one by one and wrong together.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct UsageError(pub(super) String);

/// clap's explanation of a wrong command line, without its line breaks: what is wrong, tips, usage.
pub(super) fn one_line(error: &clap::Error) -> String {
    if error.kind() == clap::error::ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        return "no command given; usage: conclave <COMMAND>; see 'conclave --help'".to_owned();
    }
    let rendered = error.render().to_string();
    let paragraphs = rendered.split("\n\n").map(squeeze).filter(|paragraph| !paragraph.is_empty());
    let parts: Vec<String> = paragraphs
        .map(|paragraph| {
            let bare = paragraph.strip_prefix("error: ").unwrap_or(&paragraph);
            let bare = bare.strip_prefix("tip: ").unwrap_or(bare);
            let bare = bare.trim_end_matches('.');
            bare.strip_prefix("Usage: ").map_or_else(|| bare.to_owned(), |usage| format!("usage: {usage}"))
        })
        .filter(|part| !part.starts_with("For more information"))
        .collect();
    parts.join("; ")
}

/// The text with every run of white space, line breaks included, made one blank.
pub(super) fn squeeze(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
