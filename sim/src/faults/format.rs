//! How a fault is written in a file: a map of one entry, from the family's name to the fault's fields. A fault without fields may be
//! its name alone.

use std::fmt;

use serde::{
    Deserializer, Serialize, Serializer,
    de::{Error, MapAccess, Visitor},
};
use serde_json::{Map, Value};

use super::inject::Inject;

pub(super) fn is_named<F: Inject>(name: &str) -> bool {
    F::NAME == name || F::FORMER_NAMES.contains(&name)
}

pub(super) fn serialize<S: Serializer>(
    name: &'static str,
    fault: &impl Serialize,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let fields = serde_json::to_value(fault).map_err(serde::ser::Error::custom)?;
    match fields.as_object().is_some_and(Map::is_empty) {
        true => serializer.serialize_str(name),
        false => serializer.collect_map([(name, fields)]),
    }
}

/// Reads the fields of a fault, if a family has the name.
type Read<T> = fn(&str, Value) -> Option<serde_json::Result<T>>;

/// Reads a fault; `names` are those of all families.
pub(super) fn deserialize<'de, T, D: Deserializer<'de>>(
    deserializer: D,
    names: &'static [&'static str],
    read: Read<T>,
) -> Result<T, D::Error> {
    deserializer.deserialize_any(FaultVisitor { names, read })
}

struct FaultVisitor<T> {
    names: &'static [&'static str],
    read: Read<T>,
}

impl<T> FaultVisitor<T> {
    fn fault<E: Error>(self, name: &str, fields: Value) -> Result<T, E> {
        let unknown = || E::custom(format!("no fault is called {name}: there are {}", self.names.join(", ")));
        let fault = (self.read)(name, fields).ok_or_else(unknown)?;
        fault.map_err(|error| E::custom(format!("{name}: {error}")))
    }
}

impl<'de, T> Visitor<'de> for FaultVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, r#"a fault, as in {{"crash": {{"node": 1}}}}"#)
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<T, E> {
        self.fault(name, Value::Object(Map::new()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<T, A::Error> {
        let name: String = map.next_key()?.ok_or_else(|| A::Error::custom("a fault has a name"))?;
        let fields = map.next_value()?;
        match map.next_key::<String>()? {
            None => self.fault(&name, fields),
            Some(second) => {
                Err(A::Error::custom(format!("a fault has one name, and this one is {name} and {second}")))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::faults::{Fault, Target, crash::Crash, one_way_isolation::OneWayIsolation};

    fn read(text: &str) -> Result<Fault, String> {
        serde_json::from_str(text).map_err(|error| error.to_string())
    }

    #[test]
    fn a_fault_is_its_name_and_its_fields() {
        let crash = Fault::Crash(Crash { node: Target::Node(3) });
        assert_eq!(serde_json::to_string(&crash).expect("plain data"), r#"{"crash":{"node":3}}"#);
        assert_eq!(read(r#"{"crash":{"node":3}}"#), Ok(crash));
        assert_eq!(read(r#"{"crash":{"node":"leader"}}"#), Ok(Fault::Crash(Crash { node: Target::Leader })));
    }

    #[test]
    fn a_fault_without_fields_may_be_its_name_alone() {
        let blackout = read(r#""blackout""#).expect("as in the corpus");
        assert_eq!(serde_json::to_string(&blackout).expect("plain data"), r#""blackout""#);
        assert_eq!(read(r#"{"blackout":{}}"#), Ok(blackout));
    }

    #[test]
    fn a_former_name_is_understood() {
        let expected = OneWayIsolation { node: Target::Node(1), inbound: true };
        let read = read(r#"{"deaf":{"node":1,"inbound":true}}"#);
        assert_eq!(read, Ok(Fault::OneWayIsolation(expected)));
    }

    #[test]
    fn mistakes_are_named() {
        let mistake = |text: &str| read(text).expect_err(text);
        assert!(mistake(r#"{"crsh":{"node":3}}"#).contains("no fault is called crsh: there are crash, "));
        assert!(mistake(r#"{"crash":{}}"#).contains("crash: missing field `node`"));
        assert!(mistake(r#"{"crash":{"node":3,"nth":1}}"#).contains("crash: unknown field `nth`"));
        assert!(mistake(r#"{"crash":{"node":"boss"}}"#).contains("a target is a node's id"));
        assert!(mistake(r#"{"crash":{"node":3},"pause":{"node":1}}"#).contains("crash and pause"));
        assert!(mistake(r#""crash""#).contains("missing field `node`"));
    }
}
