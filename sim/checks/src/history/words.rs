//! Calls and answers in words.

use std::fmt;

use super::{Answer, Call, Found, Order, Page, Paged, RevisionBounds, Shown};

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Put { key, value } => write!(f, "put {key} = {value}"),
            Self::Get { key } => write!(f, "get {key}"),
            Self::Delete { key } => write!(f, "delete {key}"),
            Self::GetPast { key, revision } => write!(f, "get {key} as of revision {revision}"),
            Self::Compact { revision } => write!(f, "compact up to revision {revision}"),
            Self::Alarm { member, raises: true } => {
                write!(f, "raise the alarm that node {member} is out of space")
            }
            Self::Alarm { member, raises: false } => write!(f, "end the alarm of node {member}"),
            Self::Replace { key, value } => write!(f, "put {key} = {value}, and what was there"),
            Self::Range { from, to, revision: 0 } => write!(f, "range {from} to {to}"),
            Self::Range { from, to, revision } => write!(f, "range {from} to {to} as of revision {revision}"),
            Self::RangeOfAny { from, to } => write!(f, "range {from} to {to} of any node"),
            Self::Page { from, to, revision: 0, page } => write!(f, "{page} of {from} to {to}"),
            Self::Page { from, to, revision, page } => {
                write!(f, "{page} of {from} to {to} as of revision {revision}")
            }
            Self::Backup { from, to } => write!(f, "backup, and {from} to {to} in it"),
            Self::DeleteRange { from, to, previous } => {
                let what_was_there = if *previous { ", and what was there" } else { "" };
                write!(f, "delete {from} to {to}{what_was_there}")
            }
        }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Put { revision } => write!(f, "done, revision {revision}"),
            Self::Got { revision, found: None } => write!(f, "nothing, at revision {revision}"),
            Self::Got { revision, found: Some(found) } => write!(f, "{found}, at revision {revision}"),
            Self::Deleted { revision, count } => write!(f, "{count} deleted, revision {revision}"),
            Self::Replaced { revision, previous } => {
                let previous = previous.as_ref().map_or("nothing", |found| &found.value);
                write!(f, "done, revision {revision}; {previous} was there")
            }
            Self::Ranged { revision, found } => write!(f, "{}, at revision {revision}", pairs(found)),
            Self::Paged { revision, paged: Paged { found, count, more } } => {
                let more = if *more { " and more" } else { "" };
                write!(f, "{}{more}, of {count}, at revision {revision}", pairs(found))
            }
            Self::RangeDeleted { revision, count, previous } => {
                let previous =
                    previous.as_ref().map_or(String::new(), |found| format!("; {} were there", pairs(found)));
                write!(f, "{count} deleted, revision {revision}{previous}")
            }
            Self::Broken(why) => write!(f, "not sound: {why}"),
            Self::Compacted | Self::Alarmed => f.write_str("done"),
            Self::Gone => f.write_str("compacted already"),
            Self::DidNotHappen(why) => write!(f, "did not happen: {why}"),
            Self::Unknown(why) => write!(f, "may have happened: {why}"),
        }
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (revision {}, version {})", self.value, self.mod_revision, self.version)
    }
}

impl fmt::Display for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { limit, order, descending, shown, mod_revisions, create_revisions, of_any_node } = self;
        f.write_str(match shown {
            Shown::Pairs => "page",
            Shown::Keys => "page of keys",
            Shown::Count => "count",
        })?;
        if *limit > 0 {
            write!(f, ", {limit} at most")?;
        }
        let direction = if *descending { "falling" } else { "rising" };
        match order {
            Order::Key if !descending => {}
            Order::Key => write!(f, ", by {direction} key")?,
            Order::Version => write!(f, ", by {direction} version")?,
            Order::Creation => write!(f, ", by {direction} create revision")?,
            Order::Modification => write!(f, ", by {direction} mod revision")?,
            Order::Value => write!(f, ", by {direction} value")?,
        }
        for (what, RevisionBounds { low, high }) in [("mod", mod_revisions), ("create", create_revisions)] {
            if (*low, *high) != (0, 0) {
                write!(f, ", {what} revisions {low} to {high}")?;
            }
        }
        if *of_any_node { f.write_str(", by any node") } else { Ok(()) }
    }
}

fn pairs(found: &[(String, Found)]) -> String {
    let each: Vec<String> = found.iter().map(|(key, found)| format!("{key} = {found}")).collect();
    if each.is_empty() { "nothing".to_owned() } else { each.join(", ") }
}
