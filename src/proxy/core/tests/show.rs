//! How effects are written: short, and always in the same way.

use crate::{
    proxy::core::{
        call::{CallId, from_wire_id},
        effects::{Answer, Answered, Effects},
    },
    wire::{
        Happened,
        pb::v1::{self, command, reply, request},
    },
};

/// One line an effect.
pub(super) fn effects(effects: &Effects) -> String {
    let mut lines = Vec::new();
    lines.extend(effects.dial.iter().map(|(link, address)| format!("dial {address} as {link}")));
    lines.extend(effects.hang_up.iter().map(|link| format!("hang up {link}")));
    lines.extend(effects.send.iter().map(|(link, request)| format!("{link} ← {}", sent(request))));
    lines.extend(effects.answer.iter().map(|(call, answer)| format!("{call}: {}", answered(answer))));
    lines.concat_lines()
}

trait ConcatLines {
    fn concat_lines(self) -> String;
}

impl ConcatLines for Vec<String> {
    fn concat_lines(self) -> String {
        self.into_iter().map(|line| line + "\n").collect()
    }
}

fn sent(request: &v1::Request) -> String {
    let (call, attempt) = from_wire_id(request.id);
    let what = match &request.kind {
        Some(request::Kind::Read(range)) if range.serializable => {
            format!("get {} serializable", text(&range.key))
        }
        Some(request::Kind::Read(range)) => format!("get {}", text(&range.key)),
        Some(request::Kind::Write(command)) => {
            let operation = match &command.operation {
                Some(command::Operation::Put(put)) => format!("put {}", text(&put.key)),
                Some(command::Operation::DeleteRange(delete)) => format!("delete {}", text(&delete.key)),
                Some(command::Operation::Compact(compact)) => format!("compact {}", compact.revision),
                Some(command::Operation::Alarm(_)) => "alarm".to_owned(),
                Some(command::Operation::OpenSession(open)) => format!("open session {}", open.id),
                None => "nothing".to_owned(),
            };
            let stamp = command.stamp.map(|stamp| {
                format!(
                    ", number {} of session {}, acknowledged below {}",
                    stamp.sequence, stamp.session, stamp.acknowledged_below
                )
            });
            operation + &stamp.unwrap_or_default()
        }
        Some(request::Kind::Cancel(_)) => "never mind".to_owned(),
        None => "nothing".to_owned(),
    };
    format!("{}: {what}", attempt_name(call, attempt))
}

/// An attempt, as a story names it.
pub(super) fn attempt_name(call: CallId, attempt: u16) -> String {
    format!("{call}.{attempt}")
}

fn answered(answer: &Answer) -> String {
    match answer {
        Ok(Answered { outcome: reply::Outcome::Put(_), .. }) => "ok, put".to_owned(),
        Ok(Answered { outcome: reply::Outcome::DeleteRange(_), .. }) => "ok, deleted".to_owned(),
        Ok(Answered { outcome: reply::Outcome::Range(_), pieces }) if pieces.is_empty() => {
            "ok, range".to_owned()
        }
        Ok(Answered { outcome: reply::Outcome::Range(_), pieces }) => {
            format!("ok, range in {} pieces", pieces.len())
        }
        Ok(other) => format!("{other:?}"),
        Err(error) => {
            let happened = match error.happened {
                Happened::No => "did not happen",
                Happened::Unknown => "may have happened",
            };
            format!("{:?} ({happened}): {error}", error.code)
        }
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
