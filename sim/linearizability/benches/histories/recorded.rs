//! The histories that other systems left, and their verdicts.

use std::{fs, path::Path};

use linearizability::{
    Operation, Verdict, check,
    recorded::{AppendCall, Register, RegisterCall, RegisterReturn, read_append_map, read_register},
};

pub(crate) type OfRegister = Vec<Operation<RegisterCall, RegisterReturn>>;
pub(crate) type OfMap = Vec<Operation<AppendCall, Option<String>>>;

fn read(file: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/histories");
    fs::read_to_string(folder.join(file)).expect("the histories are in the repository")
}

pub(crate) fn registers() -> Vec<OfRegister> {
    let files = (0..60).map(|number| format!("etcd_{number:03}.log"));
    files.map(|file| read_register(&read(&file)).expect("it is well formed")).collect()
}

pub(crate) fn is_linearizable(history: &OfRegister) -> bool {
    check::<Register>(history, usize::MAX) == Verdict::Linearizable
}

pub(crate) fn map(name: &str) -> OfMap {
    read_append_map(&read(&format!("kv_{name}.edn"))).expect("it is well formed")
}
