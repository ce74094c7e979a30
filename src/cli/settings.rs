//! Where the settings of the long-running programs come from: the command line, else the environment, else a file, else the
//! default. An option of the command line is the one declaration of a setting. `--heartbeat-ms 50` is the same as
//! `CONCLAVE_HEARTBEAT_MS=50` and, in the file that `--config` names, `heartbeat-ms = 50`.

use std::{
    collections::BTreeMap,
    env,
    ffi::OsString,
    path::{Path, PathBuf},
};

use clap::{Arg, ArgAction, Command};
use toml_edit::{Document, Item, Value};

use super::usage::{self, UsageError};

/// Programs whose settings may come from elsewhere.
const PROGRAMS: [&str; 2] = ["node", "proxy"];
/// Options that are no settings.
const NO_SETTINGS: [&str; 4] = ["config", "help", "version", "exit-on-stdin-close"];
/// The option that names the file.
const CONFIG: &str = "config";

/// The program whose settings a command line is about, if there is one.
pub(super) fn program_of(arguments: &[OsString]) -> Option<&'static str> {
    let mut words = arguments.iter().skip(1).map(|word| word.to_string_lossy());
    let word = match words.next()? {
        // `config show --docs node`
        word if word == "config" => words.filter(|word| !word.starts_with('-')).nth(1)?,
        word => word,
    };
    PROGRAMS.into_iter().find(|program| *program == word)
}

/// The settings of a file.
#[derive(Debug, Default)]
pub(super) struct SettingsFile {
    path: PathBuf,
    settings: BTreeMap<String, Setting>,
}

#[derive(Debug)]
struct Setting {
    values: Vec<String>,
    /// It stands in brackets.
    is_list: bool,
    line: usize,
}

impl SettingsFile {
    /// The file that a command line or else the environment names, for a program that has one.
    ///
    /// # Errors
    /// It cannot be read, or is no list of settings.
    pub(super) fn of(arguments: &[OsString]) -> Result<Self, UsageError> {
        let words: Vec<_> = arguments.iter().map(|word| word.to_string_lossy()).collect();
        let option = format!("--{CONFIG}");
        let named = words.iter().enumerate().find_map(|(at, word)| match word.strip_prefix(&option)? {
            "" => arguments.get(at + 1).map(PathBuf::from),
            rest => rest.strip_prefix('=').map(PathBuf::from),
        });
        let path = named.or_else(|| env::var_os(variable(CONFIG)).map(PathBuf::from));
        path.filter(|_| program_of(arguments).is_some())
            .map_or_else(|| Ok(Self::default()), |path| Self::read(&path))
    }

    fn read(path: &Path) -> Result<Self, UsageError> {
        let refused = |reason: String| UsageError(format!("{}: {reason}", path.display()));
        let text = std::fs::read_to_string(path).map_err(|error| refused(error.to_string()))?;
        let line_at = |offset: usize| {
            let line = 1 + text.bytes().take(offset).filter(|&byte| byte == b'\n').count();
            line.min(text.lines().count().max(1))
        };
        let document = Document::parse(text.as_str()).map_err(|error| {
            let line = error.span().map_or(1, |span| line_at(span.start));
            UsageError(format!("{}:{line}: {}", path.display(), error.message().trim().replace('\n', "; ")))
        })?;
        let mut settings = BTreeMap::new();
        for (name, item) in document.iter() {
            let line =
                document.key(name).and_then(toml_edit::Key::span).map_or(1, |span| line_at(span.start));
            let values = values_of(item)
                .map_err(|reason| UsageError(format!("{}:{line}: {name} {reason}", path.display())))?;
            settings.insert(name.to_owned(), Setting { values, is_list: item.is_array(), line });
        }
        Ok(Self { path: path.to_owned(), settings })
    }

    /// Where the file has a setting, as FILE:LINE.
    pub(super) fn place_of(&self, name: &str) -> Option<String> {
        let setting = self.settings.get(name)?;
        Some(format!("{}:{}", self.path.display(), setting.line))
    }

    /// An error that names options, with the places of those that the file sets.
    pub(super) fn explain(&self, message: &str) -> String {
        let words = message.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'));
        let names: Vec<_> = words.filter_map(|word| word.strip_prefix("--")).collect();
        let places: Vec<_> = names
            .iter()
            .filter(|name| env::var_os(variable(name)).is_none())
            .filter_map(|name| Some(format!("{name} stands in {}", self.place_of(name)?)))
            .collect();
        if places.is_empty() { message.to_owned() } else { format!("{message} ({})", places.join(", ")) }
    }

    /// The command line of everything, where the programs' options take what the environment and this file say.
    pub(super) fn layer(&self, mut command: Command) -> Command {
        for path in [&[][..], &["config", "check"], &["config", "show"]] {
            for program in PROGRAMS {
                let is_shown = path.last() == Some(&"show");
                command = at(command, path, &|parent| {
                    parent.mut_subcommand(program, |program| self.layer_program(program, is_shown))
                });
            }
        }
        command
    }

    fn layer_program(&self, program: Command, is_shown: bool) -> Command {
        let is_setting =
            |arg: &&Arg| arg.get_long().is_some_and(|name| name == CONFIG || !NO_SETTINGS.contains(&name));
        let settings: Vec<Arg> = program.get_arguments().filter(is_setting).cloned().collect();
        let mut layered = program;
        for arg in settings {
            let name = arg.get_long().expect("a setting has a name").to_owned();
            let variable = arg.get_env().map_or_else(|| OsString::from(variable(&name)), ToOwned::to_owned);
            let given = self.settings.get(&name).filter(|_| name != CONFIG);
            layered = layered.mut_arg(arg.get_id().clone(), |arg| {
                let arg = arg.env(variable).hide_env(true);
                let arg = if is_shown { arg.required(false) } else { arg };
                match given {
                    Some(setting) => arg.required(false).default_values(setting.values.clone()),
                    None => arg,
                }
            });
        }
        layered
    }

    /// Looks at each value that does not stand on the command line by itself, so that what is wrong can be told by its place.
    ///
    /// # Errors
    /// An option would not take it, or there is none.
    pub(super) fn check(&self, program: &Command) -> Result<(), UsageError> {
        let settings: BTreeMap<&str, &Arg> = program
            .get_arguments()
            .filter_map(|arg| Some((arg.get_long()?, arg)))
            .filter(|(name, _)| !NO_SETTINGS.contains(name))
            .collect();
        for (name, setting) in &self.settings {
            let place = format!("{}:{}", self.path.display(), setting.line);
            let Some(arg) = settings.get(name.as_str()) else {
                return Err(UsageError(format!("{place}: {}", unknown(name, settings.keys()))));
            };
            if setting.is_list && arg.get_value_delimiter().is_none() {
                return Err(UsageError(format!("{place}: {name} is one value, not a list")));
            }
            check_alone(arg, &setting.values).map_err(|reason| UsageError(format!("{place}: {reason}")))?;
        }
        check_variables(env::vars_os().map(|(name, _)| name), settings.keys().map(|name| variable(name)))?;
        for (name, arg) in settings {
            let variable = variable(name);
            if let Some(value) = env::var_os(&variable) {
                let values = [value.to_string_lossy().into_owned()];
                check_alone(arg, &values).map_err(|reason| UsageError(format!("{variable}: {reason}")))?;
            }
        }
        Ok(())
    }
}

/// A variable that is nearly the name of a setting is one that is misspelt. (Others that begin alike are none of ours: Kubernetes
/// makes some for a service called `conclave`.)
fn check_variables(
    present: impl Iterator<Item = OsString>,
    settings: impl Iterator<Item = String>,
) -> Result<(), UsageError> {
    const TYPOS_MAX: usize = 2;
    /// Short names are near to everything.
    const LENGTH_MIN: usize = "CONCLAVE_".len() + 5;
    let known: Vec<String> = settings.collect();
    let present = present.filter_map(|name| name.into_string().ok());
    for name in present.filter(|name| name.starts_with("CONCLAVE_") && !known.contains(name)) {
        let is_near =
            |known: &&String| known.len() >= LENGTH_MIN && strsim::osa_distance(known, &name) <= TYPOS_MAX;
        if let Some(near) = known.iter().find(is_near) {
            return Err(UsageError(format!("{name} is no setting; a similar one exists: {near}")));
        }
    }
    Ok(())
}

/// Changes the command at the end of a path of subcommands.
fn at(command: Command, path: &[&str], change: &dyn Fn(Command) -> Command) -> Command {
    match path.split_first() {
        Some((first, rest)) => command.mut_subcommand(first, |child| at(child, rest, change)),
        None => change(command),
    }
}

/// The environment's name of a setting.
pub(super) fn variable(name: &str) -> String {
    // What is logged had its variable before it had an option.
    match name {
        "log-filter" => "CONCLAVE_LOG".to_owned(),
        _ => format!("CONCLAVE_{}", name.to_uppercase().replace('-', "_")),
    }
}

/// The texts that would stand on a command line.
fn values_of(item: &Item) -> Result<Vec<String>, &'static str> {
    const NO_TABLE: &str = "is a section: settings stand in none, like heartbeat-ms = 30";
    let one = |value: &Value| match value {
        Value::String(text) => Ok(text.value().clone()),
        Value::Integer(number) => Ok(number.value().to_string()),
        Value::Float(number) => Ok(number.value().to_string()),
        Value::Boolean(flag) => Ok(flag.value().to_string()),
        Value::Datetime(_) => Err("is a date: no setting is"),
        Value::Array(_) => Err("is a list of lists: no setting is"),
        Value::InlineTable(_) => Err(NO_TABLE),
    };
    match item {
        Item::Value(Value::Array(list)) => list.iter().map(one).collect(),
        Item::Value(value) => Ok(vec![one(value)?]),
        _ => Err(NO_TABLE),
    }
}

fn unknown<'a>(name: &str, known: impl Iterator<Item = &'a &'a str>) -> String {
    const SIMILAR_MIN: f64 = 0.8;
    let similarity = |known: &&&str| strsim::jaro_winkler(known, name);
    let similar = known.max_by(|a, b| similarity(a).total_cmp(&similarity(b)));
    match similar.filter(|similar| similarity(similar) >= SIMILAR_MIN) {
        Some(similar) => format!("there is no setting '{name}'; a similar one exists: '{similar}'"),
        None => format!("there is no setting '{name}'; 'conclave config show' lists all"),
    }
}

/// Whether an option takes these values.
fn check_alone(arg: &Arg, values: &[String]) -> Result<(), String> {
    let name = arg.get_long().expect("a setting has a name");
    let is_flag = matches!(arg.get_action(), ArgAction::SetTrue);
    if is_flag {
        let is_bool = matches!(values, [value] if value == "true" || value == "false");
        return if is_bool { Ok(()) } else { Err(format!("{name} must be true or false")) };
    }
    let arg = arg.clone().required(false).env(clap::builder::Resettable::Reset);
    let words = values.iter().map(|value| format!("--{name}={value}"));
    let command = Command::new("setting").no_binary_name(true).arg(arg.action(ArgAction::Append));
    command.try_get_matches_from(words).map(drop).map_err(|error| usage::one_line(&error))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use clap::{CommandFactory as _, Parser};

    use super::*;

    #[derive(Debug, Parser)]
    struct Programs {
        #[command(subcommand)]
        program: Program,
    }

    #[derive(Debug, clap::Subcommand)]
    enum Program {
        Node(Node),
    }

    #[derive(Debug, clap::Args)]
    struct Node {
        #[arg(long)]
        config: Option<PathBuf>,
        #[arg(long)]
        id: u64,
        #[arg(long, default_value_t = 30)]
        beat_ms: u64,
        #[arg(long, value_delimiter = ',')]
        peers: Vec<String>,
        #[arg(long)]
        lease_reads: bool,
    }

    /// The settings of a command line (`FILE` stands for a file with this text), or what is wrong.
    fn settings(text: &str, line: &str) -> Result<Node, String> {
        let mut file = tempfile::NamedTempFile::new().expect("a scratch file");
        file.write_all(text.as_bytes()).expect("it can be written");
        let path = file.path().display().to_string();
        let arguments: Vec<OsString> =
            line.split(' ').map(|word| word.replace("FILE", &path).into()).collect();
        let settings = SettingsFile::of(&arguments).map_err(|error| error.to_string());
        let parsed = settings.and_then(|settings| {
            let programs = Programs::command();
            let node = programs.find_subcommand("node").expect("it exists");
            settings.check(node).map_err(|error| error.to_string())?;
            let layered = programs.clone().mut_subcommand("node", |node| settings.layer_program(node, false));
            let matches =
                layered.try_get_matches_from(&arguments).map_err(|error| usage::one_line(&error))?;
            let parsed = <Programs as clap::FromArgMatches>::from_arg_matches(&matches);
            parsed.map_err(|error| usage::one_line(&error))
        });
        parsed
            .map(|Programs { program: Program::Node(node) }| node)
            .map_err(|error| error.replace(&path, "FILE"))
    }

    #[test]
    fn a_file_says_what_the_command_line_does_not() {
        let text = "id = 3\npeers = [\"a\", \"b\"]\nlease-reads = true\n";
        let node = settings(text, "conclave node --config FILE --beat-ms 50").expect("good settings");
        assert_eq!((node.id, node.beat_ms, node.lease_reads), (3, 50, true));
        assert_eq!(node.peers, ["a", "b"]);
        let node = settings(text, "conclave node --config=FILE --id 4").expect("good settings");
        assert_eq!((node.id, node.beat_ms), (4, 30));
    }

    #[test]
    fn a_program_is_known_by_its_name_wherever_options_stand() {
        let program = |line: &str| program_of(&line.split(' ').map(OsString::from).collect::<Vec<_>>());
        for line in ["conclave node --id 1", "conclave config show node", "conclave config show --docs node"]
        {
            assert_eq!(program(line), Some("node"), "{line}");
        }
        for line in ["conclave", "conclave put node v", "conclave config show", "conclave --help node"] {
            assert_eq!(program(line), None, "{line}");
        }
    }

    #[test]
    fn what_is_wrong_is_told_by_its_place() {
        for (text, expected) in [
            ("id = 1\nbeat-ms = \"soon\"\n", "FILE:2: invalid value 'soon' for '--beat-ms"),
            (
                "# a comment\nid = 1\nbeat_ms = 3\n",
                "FILE:3: there is no setting 'beat_ms'; a similar one exists: 'beat-ms'",
            ),
            ("id = 1\nconfig = \"x\"\n", "FILE:2: there is no setting 'config'"),
            ("id = [1, 2]\n", "FILE:1: id is one value, not a list"),
            ("beat-ms = [30]\n", "FILE:1: beat-ms is one value, not a list"),
            ("lease-reads = \"yes\"\nid = 1\n", "FILE:1: lease-reads must be true or false"),
            ("id = 1\n[tls]\nca = \"x\"\n", "FILE:2: tls is a section"),
            ("id = 1\npeers = [\n", "FILE:2: "),
            ("id = 1\nid = 2\n", "FILE:2: "),
            ("id = 1\ncluster = “x”\n", "FILE:2: "),
            ("“id” = 1\n", "FILE:1: "),
            ("beat-ms = 3\n", "required arguments were not provided: --id"),
        ] {
            let error = settings(text, "conclave node --config FILE").expect_err(text);
            assert!(error.starts_with(expected) || error.contains(expected), "{text}: {error}");
            assert!(!error.contains('\n'), "{error}");
        }
        let error = settings("", "conclave node --config nowhere.toml").expect_err("there is none");
        assert!(error.contains("nowhere.toml: No such file"), "{error}");
    }

    #[test]
    fn a_misspelt_variable_is_named_and_those_of_others_are_left() {
        let known =
            || ["CONCLAVE_HEARTBEAT_MS", "CONCLAVE_ID", "CONCLAVE_LISTEN"].map(String::from).into_iter();
        let check = |name: &str| check_variables([OsString::from(name)].into_iter(), known());
        let error = check("CONCLAVE_HARTBEAT_MS").expect_err("it is misspelt").to_string();
        assert_eq!(error, "CONCLAVE_HARTBEAT_MS is no setting; a similar one exists: CONCLAVE_HEARTBEAT_MS");
        for name in [
            "CONCLAVE_HEARTBEAT_MS",
            "CONCLAVE_PORT_2379_TCP",
            "CONCLAVE_SERVICE_HOST",
            "CONCLAVE_IP",
            "PATH",
        ] {
            assert!(check(name).is_ok(), "{name}");
        }
    }

    #[test]
    fn an_error_about_options_names_where_they_stand() {
        let settings = SettingsFile {
            path: "node.toml".into(),
            settings: [(
                "beat-ms".to_owned(),
                Setting { values: vec!["90".into()], is_list: false, line: 7 },
            )]
            .into(),
        };
        assert_eq!(
            settings.explain("--timeout-ms 9 must be more than --beat-ms (90)"),
            "--timeout-ms 9 must be more than --beat-ms (90) (beat-ms stands in node.toml:7)"
        );
    }
}
