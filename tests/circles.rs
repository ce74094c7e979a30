//! No circle between files: what a file imports never leads back to it. A type may be split by topic over several files, and
//! then they are one.
//!
//! An import counts for the file that defines what is imported, however many others re-export it on the way.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// Crates by the name that others import them by, and their roots.
const CRATES: &[(&str, &str)] = &[
    ("conclave", "src/lib.rs"),
    ("conclave_checks", "sim/checks/src/lib.rs"),
    ("conclave_sim", "sim/src/lib.rs"),
    ("linearizability", "sim/linearizability/src/lib.rs"),
    ("", "chaos/src/main.rs"),
    ("", "tests/consensus/main.rs"),
    ("", "tests/model/main.rs"),
    ("", "benches/core/main.rs"),
];

/// Folder, type: its files that are part of the type, by an `impl` or by data that only the type has, may know each other.
const SPLIT_BY_TOPIC: &[(&str, &str)] = &[("src/raft", "Raft"), ("src/raft", "Role")];

#[test]
fn no_file_imports_what_leads_back_to_it() {
    let edges = imports();
    let reached: BTreeMap<&PathBuf, BTreeSet<&PathBuf>> =
        edges.keys().map(|file| (file, reachable(file, &edges))).collect();
    let mut circles = Vec::new();
    for (file, imported) in &edges {
        for (other, names) in imported {
            let leads_back = reached.get(other).is_some_and(|reached| reached.contains(file));
            if !leads_back || is_split(file) && is_split(other) {
                continue;
            }
            circles.push(format!("{} -> {}: {names:?}", file.display(), other.display()));
        }
    }
    assert!(circles.is_empty(), "circles between files:\n{}", circles.join("\n"));
}

/// A folder is one idea to those beside it: what its files import, taken together, never leads back to it.
#[test]
fn no_folder_imports_what_leads_back_to_it() {
    let mut edges = Imports::new();
    let in_core = |file: &Path| file.starts_with("src/raft");
    for (file, imported) in imports() {
        for (other, names) in imported.into_iter().filter(|(other, _)| !(in_core(&file) && in_core(other))) {
            let (module, other) = siblings(&file, &other);
            // (What goes on in `name/` and `name.rs` is their own.)
            if module != other {
                edges.entry(module).or_default().entry(other).or_default().extend(names);
            }
        }
    }
    let mut circles = Vec::new();
    for (module, imported) in &edges {
        for (other, names) in imported {
            if reachable(other, &edges).contains(module) {
                circles.push(format!("{} -> {}: {names:?}", module.display(), other.display()));
            }
        }
    }
    assert!(circles.is_empty(), "circles between modules:\n{}", circles.join("\n"));
}

/// The modules that hold two files, side by side in the innermost folder that holds both.
fn siblings(file: &Path, other: &Path) -> (PathBuf, PathBuf) {
    let shared = file.iter().zip(other).take_while(|(one, two)| one == two).count();
    let module = |file: &Path| file.iter().take(shared + 1).collect::<PathBuf>().with_extension("");
    (module(file), module(other))
}

/// The test itself must see what is there.
#[test]
fn imports_are_found_through_re_exports_and_braces() {
    let edges = imports();
    let imports = |file: &str, other: &str, name: &str| {
        let names = edges.get(Path::new(file)).and_then(|imported| imported.get(Path::new(other)));
        assert!(
            names.is_some_and(|names| names.contains(name)),
            "{file} imports {name} of {other}: {names:?}"
        );
    };
    imports("src/node/event_loop.rs", "src/node/applier/job.rs", "Job");
    imports("src/node/event_loop.rs", "src/raft/raft.rs", "Raft");
    imports("sim/checks/src/oracle.rs", "sim/checks/src/facts/mod.rs", "Facts");
    imports("sim/src/world/programs.rs", "sim/checks/src/oracle.rs", "Oracle");
    imports("src/cli/mod.rs", "src/cli/bench/args.rs", "Args");
}

type Imports = BTreeMap<PathBuf, BTreeMap<PathBuf, BTreeSet<String>>>;

fn reachable<'a>(from: &PathBuf, edges: &'a Imports) -> BTreeSet<&'a PathBuf> {
    let mut reached = BTreeSet::new();
    let mut waiting = vec![from];
    while let Some(file) = waiting.pop() {
        for next in edges.get(file).into_iter().flat_map(BTreeMap::keys) {
            if reached.insert(next) {
                waiting.push(next);
            }
        }
    }
    reached
}

fn is_split(file: &Path) -> bool {
    let text = code(file);
    let has = |what: &str, name: &str| text.contains(&format!("{what} {name} {{"));
    SPLIT_BY_TOPIC
        .iter()
        .any(|&(folder, name)| file.starts_with(folder) && (has("impl", name) || has("enum", name)))
}

/// A place in a tree of modules: the crate's root, and the names that lead there.
type Place = (&'static str, Vec<String>);

#[derive(Default)]
struct Modules {
    files: BTreeMap<Place, PathBuf>,
    texts: BTreeMap<Place, String>,
    /// Paths as they are imported, and whether others may see them there.
    uses: BTreeMap<Place, Vec<(bool, Vec<String>)>>,
}

fn imports() -> Imports {
    let mut modules = Modules::default();
    for &(_, root) in CRATES {
        let folder = Path::new(root).parent().expect("a root is in a folder").to_owned();
        modules.load((root, Vec::new()), PathBuf::from(root), &folder);
    }
    let mut imports = Imports::new();
    for (place, file) in &modules.files {
        let own =
            modules.uses[place].iter().filter(|(is_public, _)| !is_public).map(|(_, path)| path.clone());
        for path in own.chain(paths(&modules.texts[place])) {
            let found = modules.resolve(place, &path, 0).or_else(|| modules.resolve_imported(place, &path));
            if let Some((other, Some(name))) = found
                && other != *file
            {
                imports.entry(file.clone()).or_default().entry(other).or_default().insert(name);
            }
        }
    }
    imports
}

impl Modules {
    fn load(&mut self, place: Place, file: PathBuf, folder: &Path) {
        let text = code(&file);
        let mut is_for_tests = false;
        for line in text.lines() {
            let declared = line.strip_suffix(';').and_then(|line| line.split_once("mod "));
            if let Some((before, name)) = declared
                && is_visibility(before)
                && !is_for_tests
            {
                let files = [folder.join(format!("{name}.rs")), folder.join(name).join("mod.rs")];
                if let Some(file) = files.into_iter().find(|file| file.exists()) {
                    let path = place.1.iter().cloned().chain([name.to_owned()]).collect();
                    self.load((place.0, path), file, &folder.join(name));
                }
            }
            is_for_tests = line.starts_with("#[cfg(") && line.contains("test");
        }
        let (uses, rest) = split_uses(&text);
        self.uses.insert(place.clone(), uses);
        self.texts.insert(place.clone(), rest);
        self.files.insert(place, file);
    }

    /// The file that defines what a path names, seen from a module, and its name there; none for a whole module.
    fn resolve(&self, from: &Place, path: &[String], depth: usize) -> Option<(PathBuf, Option<String>)> {
        let (mut place, mut rest) = self.begin(from, path)?;
        while let Some(name) = rest.first() {
            let inner = (place.0, [&place.1[..], std::slice::from_ref(name)].concat());
            if !self.files.contains_key(&inner) {
                break;
            }
            (place, rest) = (inner, &rest[1..]);
        }
        let file = self.files.get(&place)?.clone();
        let Some(name) = rest.first() else { return Some((file, None)) };
        let passed_on = self.uses[&place].iter().filter(|(_, path)| path.last() == Some(name) && depth < 8);
        let mut defined = passed_on.filter_map(|(_, path)| self.resolve(&place, path, depth + 1));
        defined.next().or_else(|| Some((file, Some(name.clone()))))
    }

    /// Where a path begins, and what of it is left.
    fn begin<'a>(&self, from: &Place, path: &'a [String]) -> Option<(Place, &'a [String])> {
        let first = path.first()?.as_str();
        let supers = path.iter().take_while(|name| *name == "super").count();
        let in_crate = CRATES.iter().find(|(name, _)| *name == first);
        match (first, in_crate) {
            ("crate", _) => Some(((from.0, Vec::new()), &path[1..])),
            ("self", _) => Some((from.clone(), &path[1..])),
            ("super", _) => {
                let kept = from.1.len().checked_sub(supers)?;
                Some(((from.0, from.1[..kept].to_vec()), &path[supers..]))
            }
            (_, Some((_, root))) => Some(((root, Vec::new()), &path[1..])),
            _ => {
                let inner = (from.0, [&from.1[..], std::slice::from_ref(&path[0])].concat());
                self.files.contains_key(&inner).then(|| (from.clone(), path))
            }
        }
    }

    /// A path that begins with a name that the module imports.
    fn resolve_imported(&self, from: &Place, path: &[String]) -> Option<(PathBuf, Option<String>)> {
        let imported = self.uses[from].iter().find(|(_, used)| used.last() == path.first())?;
        self.resolve(from, &[&imported.1[..], &path[1..]].concat(), 0)
    }
}

/// A file without comments and without its tests.
fn code(file: &Path) -> String {
    let text = fs::read_to_string(file).expect("a source file is text");
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    let tests = lines.windows(2).position(|pair| {
        pair[0].starts_with("#[cfg(")
            && pair[0].contains("test")
            && pair[1].starts_with("mod ")
            && pair[1].ends_with('{')
    });
    lines[..tests.unwrap_or(lines.len())].join("\n")
}

/// The imports of a text, and what is left of it.
fn split_uses(text: &str) -> (Vec<(bool, Vec<String>)>, String) {
    let mut uses = Vec::new();
    let mut rest = String::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let head = line.split_once("use ").filter(|(before, _)| is_visibility(before));
        let Some((before, tree)) = head else {
            rest += line;
            rest.push('\n');
            continue;
        };
        let mut tree = tree.to_owned();
        while !tree.ends_with(';') {
            tree += lines.next().expect("an import ends").trim();
        }
        let mut paths = Vec::new();
        expand(&[], tree.trim_end_matches(';'), &mut paths);
        uses.extend(paths.into_iter().map(|path| (before.starts_with("pub"), path)));
    }
    (uses, rest)
}

fn is_visibility(before: &str) -> bool {
    ["", "pub ", "pub(crate) ", "pub(super) "].contains(&before) || before.starts_with("pub(in ")
}

/// The paths of a tree of imports. A new name (`as`) is left out, and so is `self`, which is the path before it.
fn expand(before: &[String], tree: &str, paths: &mut Vec<Vec<String>>) {
    let (head, group) = tree.split_once('{').map_or((tree, None), |(head, group)| (head, Some(group)));
    let head = head.split(" as ").next().unwrap_or_default();
    let names = head.split("::").map(str::trim).filter(|name| !name.is_empty());
    let mut path: Vec<String> = before.iter().cloned().chain(names.map(str::to_owned)).collect();
    let Some(group) = group else {
        if path.len() > 1 && path.last().is_some_and(|last| last == "self") {
            path.pop();
        }
        return paths.push(path);
    };
    let group = &group[..group.rfind('}').unwrap_or(group.len())];
    let (mut depth, mut begin) = (0, 0);
    for (at, character) in group.char_indices().chain([(group.len(), ',')]) {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                let item = group[begin..at].trim();
                if !item.is_empty() {
                    expand(&path, item, paths);
                }
                begin = at + 1;
            }
            _ => {}
        }
    }
}

/// The paths of several names in a text that has no imports.
fn paths(text: &str) -> impl Iterator<Item = Vec<String>> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == ':'));
    let long = words.map(|word| word.split("::").map(str::to_owned).collect::<Vec<_>>());
    long.filter(|path| path.len() > 1 && path.iter().all(|name| !name.is_empty() && !name.contains(':')))
}
