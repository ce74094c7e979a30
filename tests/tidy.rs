//! Style that matters is a test: which room may enter which, what simulated code must not touch, how long a file and
//! a function may be.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

const FILE_LINES_MAX: usize = 600;
const FUNCTION_LINES_MAX: usize = 70;

/// Room -> the rooms that it may import. Everything else is a wall.
const DOORS: &[(&str, &[&str])] = &[
    ("raft", &[]),
    ("kv", &[]),
    ("storage", &["raft", "kv", "env"]),
    ("env", &["raft"]),
    ("rpc", &["env"]),
    ("wire", &["raft", "kv", "storage", "rpc"]),
    ("node", &["raft", "kv", "storage", "wire", "rpc", "env"]),
    ("proxy", &["wire", "rpc", "env"]),
    ("client", &["wire", "rpc", "env"]),
    ("fuzzing", &["raft", "kv", "storage", "wire", "proxy", "cli"]),
    ("cli", &["node", "proxy", "client", "wire", "rpc", "storage", "env"]),
];

/// The rooms of the simulated world, in order: a room may import those before it, and none behind it.
const ROOMS_OF_SIM: &[&str] = &[
    "trace", "probes", "workload", "world", "faults", "scenario", "verdict", "phases", "run", "shrink",
    "explain", "campaign",
];

/// Package of the testbed -> the rooms of `src` that it may import, and no others.
const DOORS_OF_PACKAGES: &[(&str, &[&str])] = &[("sim/checks", &["raft"]), ("sim/linearizability", &[])];

/// An object with more methods is several objects. The consensus core is one, split by topic.
const METHODS_MAX: usize = 20;

/// What would make a simulation differ from run to run, or from its replay.
const FORBIDDEN_IN_SIMULATION: &[&str] = &[
    "std::time::Instant",
    "std::time::SystemTime",
    "SystemTime::now",
    "std::thread",
    "std::fs",
    "std::net::Tcp",
    "std::net::Udp",
    "HashMap",
    "HashSet",
    "thread_rng",
    "rand::random",
    "rand::rng()",
    "getrandom",
    // tokio's watch channel wakes its receivers in an order drawn from a process-wide counter.
    ".changed()",
    ".wait_for(|",
    " static ",
    "thread_local!",
];

/// Every sleep, timeout and deadline of the programs goes through their machine's clock.
const CLOCKS_OF_OTHERS: &[&str] = &["tokio::time"];

/// File, token, reason: what is forbidden in general and right there.
const EXCEPTIONS: &[(&str, &str, &str)] = &[
    ("src/storage/file_disk.rs", "std::fs", "the production disk; not compiled in simulation"),
    ("src/rpc/real/connection.rs", ".changed()", "the real server; not compiled in simulation"),
    ("src/rpc/real/credentials.rs", "std::fs", "certificates; not compiled in simulation"),
    ("src/env/clock.rs", "tokio::time", "the clock itself"),
    ("src/env/hooks.rs", "thread_local!", "each simulation has a thread of its own, and sets what is there"),
    ("src/env/hooks.rs", " static ", "the same"),
    ("sim/src/campaign/execution.rs", "std::fs", "removes what was stored while it ran"),
    ("sim/src/campaign/execution.rs", "std::thread", "runs several simulations at a time, from the outside"),
    ("sim/src/run.rs", "std::thread", "gives each simulation a thread of its own, from the outside"),
    ("sim/src/shrink/search.rs", "std::thread", "runs several candidates at a time, from the outside"),
    ("sim/src/shrink/search.rs", "std::time::Instant", "real time, as the user of a search has it"),
    ("sim/src/campaign/plan.rs", "std::thread", "counts the cores, outside of any simulation"),
    ("sim/src/campaign/plan.rs", "rand::random", "draws the first seed of a campaign"),
    ("sim/src/campaign/progress.rs", "std::time::Instant", "real time, as the user of a campaign has it"),
    ("sim/src/campaign/refresh.rs", "std::time", "real time, as the user of a search has it"),
    ("sim/src/campaign/memory.rs", "std::fs", "asks the system how much memory the process took"),
    ("sim/src/campaign/check.rs", "std::fs", "reads a stored history, outside of any simulation"),
    ("sim/src/campaign/check.rs", "std::time", "real time, as the user of a search has it"),
    ("sim/src/campaign/failure.rs", "std::fs", "stores a scenario that failed, outside of any simulation"),
    ("sim/src/campaign/failure.rs", "std::time", "real time, as the user of a search has it"),
    ("sim/src/campaign/bugs/patch.rs", "std::fs", "reads a patch, outside of any simulation"),
    ("sim/src/campaign/bugs/tree.rs", "std::fs", "copies the sources, outside of any simulation"),
    ("sim/src/campaign/bugs/result.rs", "std::fs", "stores what was found, outside of any simulation"),
    ("sim/src/campaign/bugs/hunt.rs", "std::fs", "reads what processes took, outside of any simulation"),
    ("sim/src/campaign/bugs/hunt.rs", "std::time", "real time, as the user of a hunt has it"),
    ("sim/src/campaign/bugs/hunt.rs", "std::thread", "runs several processes at a time, from the outside"),
    ("sim/src/campaign/bugs/mod.rs", "std::time", "real time, as the user of a hunt has it"),
    ("sim/src/campaign/bench/mod.rs", "std::time", "real time is what it measures"),
    ("sim/src/main.rs", " static ", "the allocator: where memory lies is nothing that a run sees"),
    ("sim/src/campaign/output.rs", "std::fs", "makes folders for what is written, outside of any simulation"),
    ("sim/src/campaign/overview.rs", "std::fs", "writes the page of a campaign, outside of any simulation"),
    ("sim/src/campaign/results/writer.rs", "std::fs", "writes results, outside of any simulation"),
    ("sim/src/campaign/results/reader.rs", "std::fs", "reads results, outside of any simulation"),
    ("sim/src/campaign/results/line.rs", "std::time::SystemTime", "says when a campaign began"),
    ("sim/src/campaign/results/line.rs", "SystemTime::now", "the same"),
    ("sim/src/campaign/subject.rs", "std::fs", "reads a stored scenario, outside of any simulation"),
];

#[test]
fn rooms_are_entered_through_their_doors() {
    let mut broken = Vec::new();
    for (room, doors) in DOORS {
        for file in sources(&format!("src/{room}")).filter(|file| !is_test_file(file)) {
            for (number, line) in code_lines(&file) {
                for entered in named_rooms(&line) {
                    if entered != *room && !doors.contains(&entered.as_str()) && is_room(&entered) {
                        broken.push(format!("{}:{number}: {room} enters {entered}", file.display()));
                    }
                }
            }
        }
    }
    assert!(broken.is_empty(), "walls between rooms are broken:\n{}", broken.join("\n"));
}

#[test]
fn rooms_of_the_testbed_are_entered_through_their_doors() {
    let mut broken = Vec::new();
    for (position, room) in ROOMS_OF_SIM.iter().enumerate() {
        let file = PathBuf::from(format!("sim/src/{room}.rs"));
        let files = sources(&format!("sim/src/{room}")).chain(file.exists().then_some(file));
        for file in files.filter(|file| !is_test_file(file)) {
            for (number, line) in code_lines(&file) {
                let behind = &ROOMS_OF_SIM[position + 1..];
                let entered = named_rooms(&line).into_iter().filter(|name| behind.contains(&name.as_str()));
                broken
                    .extend(entered.map(|name| format!("{}:{number}: {room} enters {name}", file.display())));
            }
        }
    }
    for (package, doors) in DOORS_OF_PACKAGES {
        for file in sources(package) {
            for (number, line) in
                code_lines(&file).into_iter().filter(|(_, line)| line.contains("conclave::"))
            {
                let entered = named_rooms(&line).into_iter().filter(|name| is_room(name));
                let through_walls = entered.filter(|name| !doors.contains(&name.as_str()));
                broken.extend(
                    through_walls.map(|name| format!("{}:{number}: {package} enters {name}", file.display())),
                );
            }
        }
    }
    assert!(broken.is_empty(), "walls of the testbed are broken:\n{}", broken.join("\n"));
}

#[test]
fn objects_are_small() {
    let mut methods = BTreeMap::<(String, String), usize>::new();
    for file in ["src", "sim", "chaos"].into_iter().flat_map(sources).filter(|file| !is_test_file(file)) {
        if file.starts_with("src/raft") {
            continue;
        }
        let folder = file.parent().expect("a file is in a folder").display().to_string();
        for object in methods_of_objects(code_lines(&file).iter().map(|(_, line)| line.as_str())) {
            *methods.entry((folder.clone(), object)).or_default() += 1;
        }
    }
    let large = methods.iter().filter(|&(_, &count)| count > METHODS_MAX);
    let large: Vec<String> =
        large.map(|((folder, object), count)| format!("{folder}: {object} has {count} methods")).collect();
    assert!(large.is_empty(), "{METHODS_MAX} methods are enough for an object:\n{}", large.join("\n"));
}

/// The rule above must see every method there is.
#[test]
fn methods_are_counted_whatever_their_visibility_and_generics() {
    let code = "
struct Plain;
fn free() {}
impl Plain {
    fn one() {
        fn inner() {}
    }
    pub fn two(&self) {}
    pub(super) fn three(&self) {}
    pub(in crate::proxy) async fn four<'a, T: Fn(u8)>(&'a self) {}
    pub(crate) const fn five(self) {}
}
impl<'a, T: From<u8>> Generic<'a, T> {
    pub(crate) unsafe fn one(&self) {}
}
impl path::to::Named<T>
where
    T: Send,
{
    fn one() {}
}
impl<T> Display for Plain {
    fn fmt(&self) {}
}
#[cfg(test)]
impl Plain {
    fn six(&self) {}
}
impl Plain {
    #[cfg(test)]
    pub(crate) fn seven(&self) {}
    fn eight(&self) {}
}
";
    let found: Vec<String> = methods_of_objects(code.lines()).collect();
    assert_eq!(found, ["Plain", "Plain", "Plain", "Plain", "Plain", "Generic", "Named", "Plain"]);
}

/// For each method of an object in formatted code the object's name. What a trait asks for does not count, and nor does what
/// only tests have.
fn methods_of_objects<'a>(lines: impl Iterator<Item = &'a str>) -> impl Iterator<Item = String> {
    let (mut object, mut is_for_tests) = (None, false);
    lines.filter_map(move |line| {
        let was_for_tests = std::mem::replace(&mut is_for_tests, line.trim() == "#[cfg(test)]");
        if line.starts_with("impl") {
            object = object_of_impl(line).filter(|_| !was_for_tests);
        } else if line.starts_with('}') {
            object = None;
        }
        let is_method = line.strip_prefix("    ").is_some_and(is_function_head) && !was_for_tests;
        if is_method { object.clone() } else { None }
    })
}

/// `Name` of `impl<'a, T> path::Name<'a, T> {`; none if a trait is implemented.
fn object_of_impl(line: &str) -> Option<String> {
    let rest = line.strip_prefix("impl")?;
    let mut depth = 0;
    let mut end_of_generics = 0;
    if rest.starts_with('<') {
        for (at, character) in rest.char_indices() {
            match character {
                '<' => depth += 1,
                '>' if !rest[..at].ends_with('-') => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                end_of_generics = at + 1;
                break;
            }
        }
    }
    let rest = rest[end_of_generics..].trim_start();
    let path: String = rest.chars().take_while(|c| c.is_ascii_alphanumeric() || "_:".contains(*c)).collect();
    (!rest.contains(" for ")).then(|| path.rsplit("::").next().unwrap_or_default().to_owned())
}

/// Whether a line, from its indent on, is the head of a function, whatever its visibility.
fn is_function_head(line: &str) -> bool {
    let unrestricted = match line.strip_prefix("pub") {
        Some(rest) if rest.starts_with('(') => rest.split_once(')').map_or(rest, |(_, rest)| rest),
        Some(rest) => rest,
        None => line,
    };
    let mut words = unrestricted.trim_start().split(' ');
    !line.starts_with(' ')
        && words.find(|word| !["async", "const", "unsafe", "extern"].contains(word)) == Some("fn")
}

#[test]
fn the_core_and_the_state_machine_need_nothing_but_the_standard_library() {
    let mut broken = Vec::new();
    for room in ["raft", "kv"] {
        for file in sources(&format!("src/{room}")).filter(|file| !is_test_file(file)) {
            for (number, line) in code_lines(&file) {
                let imported =
                    line.trim().strip_prefix("use ").map(|path| path.split([':', ';', ' ']).next());
                if let Some(Some(root)) = imported
                    && !["std", "crate", "super", "self"].contains(&root)
                    && !root.starts_with(char::is_uppercase)
                {
                    broken.push(format!("{}:{number}: {}", file.display(), line.trim()));
                }
            }
        }
    }
    assert!(broken.is_empty(), "pure rooms import crates:\n{}", broken.join("\n"));
}

#[test]
fn simulated_code_is_deterministic() {
    let mut broken = Vec::new();
    let simulated = ["raft", "kv", "storage", "env", "wire", "rpc", "node", "proxy", "client"];
    let files = simulated
        .iter()
        .flat_map(|room| sources(&format!("src/{room}")))
        .chain(sources("sim/src"))
        .chain(sources("sim/checks/src"));
    for file in files.filter(|file| !is_test_file(file)) {
        for (number, line) in code_lines(&file) {
            let clocks = if file.starts_with("src") { CLOCKS_OF_OTHERS } else { &[] };
            for token in FORBIDDEN_IN_SIMULATION.iter().chain(clocks) {
                if format!(" {line}").contains(token) && !is_excepted(&file, token) {
                    broken.push(format!("{}:{number}: {token}: {}", file.display(), line.trim()));
                }
            }
        }
    }
    assert!(broken.is_empty(), "not deterministic:\n{}", broken.join("\n"));
}

#[test]
fn every_select_is_biased() {
    let mut broken = Vec::new();
    for file in all_sources() {
        let lines = code_lines(&file);
        for (position, (number, line)) in lines.iter().enumerate() {
            if line.contains("select! {") && !line.contains('"') {
                let opening = format!("{line} {}", lines.get(position + 1).map_or("", |(_, next)| next));
                if !opening.contains("biased;") {
                    broken.push(format!("{}:{number}: {}", file.display(), line.trim()));
                }
            }
        }
    }
    assert!(
        broken.is_empty(),
        "select! draws from a process-wide counter unless it is biased:\n{}",
        broken.join("\n")
    );
}

#[test]
fn files_and_functions_fit_the_eye() {
    let mut broken = Vec::new();
    for file in all_sources() {
        let text = fs::read_to_string(&file).expect("a source file is text");
        let length = text.lines().count();
        if length > FILE_LINES_MAX {
            broken.push(format!("{}: {length} lines, {FILE_LINES_MAX} allowed", file.display()));
        }
        for (name, start, length) in functions(&text) {
            if length > FUNCTION_LINES_MAX {
                let file = file.display();
                broken
                    .push(format!("{file}:{start}: {name} has {length} lines, {FUNCTION_LINES_MAX} allowed"));
            }
        }
    }
    assert!(broken.is_empty(), "too long:\n{}", broken.join("\n"));
}

#[test]
fn nothing_is_left_half_done() {
    let mut broken = Vec::new();
    for file in all_sources() {
        for (number, line) in fs::read_to_string(&file).expect("a source file is text").lines().enumerate() {
            for token in ["TODO", "FIXME", "XXX", "unimplemented!(", "todo!("] {
                if line.contains(token) && !file.ends_with("tidy.rs") {
                    broken.push(format!("{}:{}: {}", file.display(), number + 1, line.trim()));
                }
            }
        }
    }
    assert!(broken.is_empty(), "left half done:\n{}", broken.join("\n"));
}

/// A file or a story that a document names is there.
#[test]
fn documents_are_true_to_the_files() {
    let files: Vec<String> = all_sources().map(|file| file.display().to_string()).collect();
    let stories: BTreeSet<String> = fs::read_dir("tests/consensus/scripts")
        .expect("the folder of the stories")
        .map(|file| file.expect("a file").file_name().into_string().expect("a plain name"))
        .collect();
    let kinds: BTreeSet<&str> = stories.iter().filter_map(|story| story.split('_').next()).collect();
    let exists = |name: &str| match name.split_once('_') {
        _ if name.contains(['*', ' ']) => true,
        // What is built is there or not, by what was built before.
        _ if name.starts_with("target/") => true,
        _ if name.ends_with(".rs") => files.iter().any(|file| file.ends_with(name.trim_start_matches("../"))),
        _ if name.contains('/') => Path::new(name).exists(),
        Some((kind, _)) if kinds.contains(kind) => stories.contains(name),
        _ => true,
    };
    let mut missing = Vec::new();
    for document in [
        "README.md",
        "docs/architecture.md",
        "docs/consensus.md",
        "docs/simulation.md",
        "docs/testing.md",
        "docs/performance.md",
    ] {
        let text = fs::read_to_string(document).expect("a document");
        let named = text.lines().flat_map(|line| line.split('`').skip(1).step_by(2));
        missing.extend(named.filter(|name| !exists(name)).map(|name| format!("{document}: {name}")));
    }
    assert!(missing.is_empty(), "no such file or story:\n{}", missing.join("\n"));
}

/// The rooms of `src` that a line names after `crate::` or `conclave::`, also inside braces.
fn named_rooms(line: &str) -> Vec<String> {
    let mut rooms = Vec::new();
    for prefix in ["crate::", "conclave::"] {
        for rest in line.split(prefix).skip(1) {
            let room: String = rest.chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect();
            rooms.push(room);
        }
    }
    // Formatted imports put each room of `use crate::{...}` on a line of its own, four spaces in.
    let nested = line
        .strip_prefix("    ")
        .filter(|rest| !rest.starts_with(' '))
        .and_then(|rest| rest.split_once("::"));
    if let Some((room, _)) = nested
        && line.trim_end().ends_with(['{', ','])
    {
        rooms.push(room.to_owned());
    }
    rooms
}

fn is_room(name: &str) -> bool {
    DOORS.iter().any(|(room, _)| *room == name)
}

fn is_excepted(file: &Path, token: &str) -> bool {
    EXCEPTIONS.iter().any(|(excepted, allowed, _)| file == Path::new(excepted) && *allowed == token)
}

fn is_test_file(file: &Path) -> bool {
    let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    name.contains("test")
        || file.components().any(|part| ["conformance", "tests"].iter().any(|test| part.as_os_str() == *test))
        || name == "conformance.rs"
}

/// The lines of a file that are code of the product: no comments, nothing from `#[cfg(test)] mod` on.
fn code_lines(file: &Path) -> Vec<(usize, String)> {
    let text = fs::read_to_string(file).expect("a source file is text");
    let mut lines = Vec::new();
    let mut tests_follow = false;
    for (number, line) in text.lines().enumerate() {
        if tests_follow && line.trim_start().starts_with("mod ") && line.trim_end().ends_with('{') {
            break;
        }
        tests_follow = line.trim() == "#[cfg(test)]";
        if !line.trim_start().starts_with("//") {
            lines.push((number + 1, line.to_owned()));
        }
    }
    lines
}

/// The functions of a file: name, line, length. Formatted code closes a function at the indent of its opening.
fn functions(text: &str) -> Vec<(String, usize, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (start, line) in lines.iter().enumerate() {
        let indent = line.len() - line.trim_start().len();
        let Some((before, after)) = line.split_once("fn ") else { continue };
        let is_head = before.trim().split(' ').all(|word| {
            word.is_empty()
                || word.starts_with("pub")
                || ["async", "const", "in"].contains(&word)
                || word.ends_with(')')
        });
        if !is_head || line.trim_end().ends_with(';') || line.trim_end().ends_with('}') {
            continue;
        }
        let closing = format!("{}}}", " ".repeat(indent));
        let end = lines[start..].iter().position(|line| *line == closing);
        let name = after.split(['(', '<']).next().unwrap_or_default().to_owned();
        found.push((name, start + 1, end.map_or(0, |end| end + 1)));
    }
    found
}

fn all_sources() -> impl Iterator<Item = PathBuf> {
    ["src", "sim", "chaos", "tests", "benches"].into_iter().flat_map(sources)
}

fn sources(folder: &str) -> impl Iterator<Item = PathBuf> + use<> {
    let mut files = BTreeSet::new();
    let mut folders = vec![PathBuf::from(folder)];
    while let Some(folder) = folders.pop() {
        for item in fs::read_dir(&folder).into_iter().flatten().flatten().map(|item| item.path()) {
            if item.is_dir() {
                folders.push(item);
            } else if item.extension().is_some_and(|extension| extension == "rs") {
                files.insert(item);
            }
        }
    }
    files.into_iter()
}
