//! Reads the formats that `tests/histories/README.md` describes.

use std::collections::BTreeMap;

use linearizability::Operation;

use crate::models::{AppendCall, Change, RegisterCall, RegisterReturn};

type RegisterOperation = Operation<RegisterCall, RegisterReturn>;
type AppendOperation = Operation<AppendCall, Option<String>>;

pub(crate) fn register(text: &str) -> Vec<RegisterOperation> {
    let mut operations = Vec::new();
    let mut open: BTreeMap<&str, RegisterOperation> = BTreeMap::new();
    for (time, line) in text.lines().enumerate() {
        let Some((_, rest)) = line.split_once(" - ") else { continue };
        let fields: Vec<&str> = rest.split_whitespace().collect();
        let [process, kind, function, ..] = fields[..] else { continue };
        let argument = fields[3..].join(" ");
        match kind {
            ":invoke" => {
                let call = register_call(function, &argument);
                open.insert(process, Operation { called: time as u64, returned: None, call });
            }
            ":info" => operations.extend(open.remove(process)),
            _ => {
                let Some(mut operation) = open.remove(process) else { continue };
                if (kind, function) == (":fail", ":read") {
                    continue;
                }
                let answer = match (kind, function) {
                    (":fail", _) => RegisterReturn::Failed,
                    (_, ":read") => RegisterReturn::Value(argument.parse().ok()),
                    _ => RegisterReturn::Done,
                };
                operation.returned = Some((time as u64, answer));
                operations.push(operation);
            }
        }
    }
    operations.extend(open.into_values());
    operations
}

fn register_call(function: &str, argument: &str) -> RegisterCall {
    let numbers: Vec<i64> =
        argument.split(|c: char| !c.is_ascii_digit()).filter_map(|digits| digits.parse().ok()).collect();
    match (function, &numbers[..]) {
        (":read", _) => RegisterCall::Read,
        (":write", [value]) => RegisterCall::Write(*value),
        (":cas", [old, new]) => RegisterCall::CompareAndSet(*old, *new),
        other => panic!("an unknown call: {other:?}"),
    }
}

pub(crate) fn append_map(text: &str) -> Vec<AppendOperation> {
    let mut operations = Vec::new();
    let mut open: BTreeMap<String, AppendOperation> = BTreeMap::new();
    for (time, line) in text.lines().enumerate() {
        let field = |name: &str| {
            let rest = line.split_once(&format!("{name} ")).map_or("", |(_, rest)| rest);
            match rest.strip_prefix('"') {
                Some(quoted) => quoted.split('"').next().unwrap_or_default().to_owned(),
                None => rest.split([',', '}']).next().unwrap_or_default().to_owned(),
            }
        };
        let process = field(":process");
        if field(":type") == ":invoke" {
            let change = match field(":f").as_str() {
                ":get" => Change::Get,
                ":put" => Change::Put(field(":value")),
                _ => Change::Append(field(":value")),
            };
            let call = AppendCall { key: field(":key"), change };
            open.insert(process, Operation { called: time as u64, returned: None, call });
        } else {
            let mut operation = open.remove(&process).expect("a return follows its call");
            let answer = (operation.call.change == Change::Get).then(|| field(":value"));
            operation.returned = Some((time as u64, answer));
            operations.push(operation);
        }
    }
    operations
}
