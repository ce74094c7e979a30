//! `conclave config`.

use clap::{ArgMatches, Command, parser::ValueSource};

use super::{
    node, proxy,
    settings::{SettingsFile, variable},
    usage::squeeze,
};

const EXAMPLES: &str = "\
EXAMPLES
  conclave config show node --docs > node.toml     every setting, explained: a file to begin with
  conclave config check node --config node.toml
  conclave config show proxy --config proxy.toml   where each value comes from

A setting is an option of the program: '--heartbeat-ms 50' on the command line, or else CONCLAVE_HEARTBEAT_MS=50 in the \
environment, or else heartbeat-ms = 50 in the file that --config names.";

/// Check and show the settings of nodes and proxies
#[derive(Debug, clap::Subcommand)]
#[command(after_help = EXAMPLES)]
pub(super) enum ConfigCommand {
    /// Say whether a program would start with these settings
    #[command(subcommand)]
    Check(Program),
    /// Show every setting and where its value comes from, as a file that could be given to --config
    Show {
        #[command(subcommand)]
        program: Program,
        /// Explain each
        #[arg(long, global = true)]
        docs: bool,
    },
}

/// A program with settings.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Program {
    /// Those of a node
    Node(Box<node::Args>),
    /// Those of a proxy
    Proxy(Box<proxy::Args>),
}

impl Program {
    fn name(&self) -> &'static str {
        match self {
            Self::Node(_) => "node",
            Self::Proxy(_) => "proxy",
        }
    }

    /// All that is checked when the program starts, before it does anything.
    fn check(&self) -> anyhow::Result<()> {
        match self {
            Self::Node(args) => args.config().map(drop),
            Self::Proxy(args) => args.config().map(drop),
        }
    }
}

impl ConfigCommand {
    pub(super) fn run(&self) -> anyhow::Result<String> {
        match self {
            Self::Check(program) => {
                program.check()?;
                Ok(format!("the settings are good: 'conclave {}' would start with them\n", program.name()))
            }
            Self::Show { .. } => {
                unreachable!("it is answered before the settings are made into what a program is told")
            }
        }
    }
}

/// What 'config show' shows, if that is what is asked. It needs no setting, not even those without which no program starts.
pub(super) fn show(programs: &Command, matches: &ArgMatches, file: &SettingsFile) -> Option<String> {
    let shown = matches.subcommand_matches("config")?.subcommand_matches("show")?;
    let docs = shown.get_flag("docs");
    let (name, settings_given) = shown.subcommand()?;
    let program = programs.find_subcommand(name)?;
    let mut text = format!("# Settings of 'conclave {name}', and where their values come from.\n");
    for setting in settings(program) {
        if docs {
            let help = setting.get_long_help().or(setting.get_help()).map(ToString::to_string);
            text += &format!("\n# {}\n", squeeze(&help.unwrap_or_default()));
        }
        text += &line(&setting, settings_given, file);
    }
    Some(text)
}

/// One setting as it stands in a file.
fn line(setting: &clap::Arg, given: &ArgMatches, file: &SettingsFile) -> String {
    let long = setting.get_long().expect("a setting has a name");
    let id = setting.get_id().as_str();
    let source = match given.value_source(id) {
        Some(ValueSource::CommandLine) => format!("--{long}"),
        Some(ValueSource::EnvVariable) => variable(long),
        _ => file.place_of(long).unwrap_or_else(|| "default".to_owned()),
    };
    let values =
        given.get_raw(id).map(|values| values.map(|value| without_password(&value.to_string_lossy())));
    match values.map(Iterator::collect::<Vec<_>>) {
        Some(values) if setting.get_value_delimiter().is_some() => {
            let parts = values.iter().flat_map(|value| value.split(','));
            format!("{long} = [{}]  # {source}\n", parts.map(quoted).collect::<Vec<_>>().join(", "))
        }
        Some(values) => format!("{long} = {}  # {source}\n", literal(&values.join(","))),
        None => format!("# {long} is not set\n"),
    }
}

/// The options of a program that are settings.
fn settings(program: &Command) -> Vec<clap::Arg> {
    const OTHERS: [&str; 3] = ["config", "help", "version"];
    let is_setting =
        |arg: &&clap::Arg| arg.get_long().is_some_and(|name| !OTHERS.contains(&name)) && !arg.is_hide_set();
    program.get_arguments().filter(is_setting).cloned().collect()
}

/// A URL without its user and password: what is shown ends in logs and reports.
fn without_password(value: &str) -> String {
    match value.split_once("://").and_then(|(scheme, rest)| Some((scheme, rest.rsplit_once('@')?.1))) {
        Some((scheme, rest)) => format!("{scheme}://***@{rest}"),
        None => value.to_owned(),
    }
}

/// As TOML has it: true and false as they are, and numbers that stay the same when they are read back. (`007` is no number there,
/// and `+7` another text.)
fn literal(value: &str) -> String {
    match value {
        "true" | "false" => value.to_owned(),
        _ if value.parse::<i64>().is_ok_and(|number| number.to_string() == value) => value.to_owned(),
        _ => quoted(value),
    }
}

fn quoted(value: impl AsRef<str>) -> String {
    toml_edit::Value::from(value.as_ref()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_is_read_back_as_the_same_text() {
        for bare in ["0", "30", "-5", "true", "false"] {
            assert_eq!(literal(bare), bare);
        }
        for text in ["007", "+7", "-0", "0x1f", "1_000", "1.5", "10s", "", "True"] {
            assert_eq!(literal(text), format!("\"{text}\""));
        }
    }
}
