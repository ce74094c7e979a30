//! docs/dependencies.md tells of each dependency that a package of this workspace names, and of no other. Reads the files as they are,
//! without cargo and without a network.
#![cfg(not(madsim))]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// Lists of crates in a `Cargo.toml`; each may be one of `[target.'...'.*]`.
const LISTS: &[&str] = &["dependencies", "dev-dependencies", "build-dependencies"];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Crate -> the packages that name it.
fn named() -> BTreeMap<String, BTreeSet<String>> {
    let mut manifests = vec![root().join("Cargo.toml")];
    for directory in members() {
        manifests.push(root().join(directory).join("Cargo.toml"));
    }
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for manifest in manifests {
        let text = read(&manifest);
        let package =
            text.lines().find_map(|line| line.strip_prefix("name = ")).expect("a package has a name");
        for name in dependencies(&text) {
            found.entry(name).or_default().insert(package.trim_matches('"').to_owned());
        }
    }
    found
}

/// The packages of the workspace besides the root's, and a fuzzer's, which is a workspace of its own.
fn members() -> Vec<String> {
    let text = read(&root().join("Cargo.toml"));
    let line = text.lines().find(|line| line.starts_with("members = ")).expect("the workspace has members");
    let members = line.split('"').skip(1).step_by(2).filter(|member| *member != ".").map(str::to_owned);
    let apart = ["fuzz".to_owned()].into_iter().filter(|it| root().join(it).join("Cargo.toml").exists());
    members.chain(apart).collect()
}

fn dependencies(manifest: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut is_list = false;
    for line in manifest.lines().map(str::trim) {
        if let Some(header) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            let header = header.rsplit_once("'.").map_or(header, |(_, list)| list);
            is_list = LISTS.contains(&header);
        } else if is_list && !line.starts_with('#') {
            let name = line.split(['.', '=', ' ']).next().filter(|name| !name.is_empty());
            names.extend(name.map(str::to_owned));
        }
    }
    names
}

/// Crate -> its row: licence and reason.
fn listed(page: &str) -> BTreeMap<String, (String, String)> {
    let mut rows = BTreeMap::new();
    for line in page.lines().filter(|line| line.starts_with("| ")) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [name, licence, reason] = cells[..] else { panic!("a row has three cells: {line}") };
        let name = name.split(' ').next().unwrap_or_default();
        if !["crate", "---"].contains(&name) {
            let before = rows.insert(name.to_owned(), (licence.to_owned(), reason.to_owned()));
            assert!(before.is_none(), "{name} has two rows");
        }
    }
    rows
}

#[test]
fn each_dependency_has_a_row_with_a_reason_and_a_licence_and_no_row_is_stale() {
    let named = named();
    assert!(named.len() > 40, "all of them are found: {named:?}");
    let listed = listed(&read(&root().join("docs/dependencies.md")));
    for (name, packages) in &named {
        let (licence, reason) = listed.get(name).unwrap_or_else(|| {
            panic!("docs/dependencies.md has no row for {name}, which {packages:?} depends on")
        });
        assert!(!licence.is_empty() && reason.len() >= 5, "{name}: a licence and a reason");
    }
    let stale: Vec<_> = listed.keys().filter(|name| !named.contains_key(*name)).collect();
    assert!(stale.is_empty(), "no package depends on these, which docs/dependencies.md lists: {stale:?}");
}

/// A workspace dependency that no package uses is a leftover.
#[test]
fn each_dependency_of_the_workspace_is_used() {
    let text = read(&root().join("Cargo.toml"));
    let section = text.split("[workspace.dependencies]").nth(1).expect("it is there");
    let section = section.split("\n[").next().expect("it ends");
    let named = named();
    for line in section.lines().filter(|line| line.contains('=')) {
        let name = line.split(' ').next().expect("a line has a word");
        assert!(named.contains_key(name), "[workspace.dependencies] has {name}, and no package uses it");
    }
}

#[test]
fn lists_are_read_wherever_they_are() {
    let manifest = "[package]\nname = \"a\"\n[dependencies]\n# why\nx.workspace = true\ny = \"1\"\n\
                    [target.'cfg(not(madsim))'.dev-dependencies]\nz = { version = \"1\" }\n[lints]\nw = true\n";
    assert_eq!(dependencies(manifest), ["x", "y", "z"]);
}
