//! How a fault is stored: a map of one entry, from the family's name to the fault's fields. A fault without fields may be
//! its name alone.

use std::fmt;

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error, MapAccess, Visitor, value::MapDeserializer},
};

use super::{Fault, Inject};

pub(super) fn is_named<F: Inject>(name: &str) -> bool {
    F::NAME == name || F::FORMER_NAMES.contains(&name)
}

pub(super) fn serialize<S: Serializer>(
    name: &'static str,
    fault: &impl Serialize,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let fields = serde_json::to_value(fault).map_err(serde::ser::Error::custom)?;
    match fields.as_object().is_some_and(serde_json::Map::is_empty) {
        true => serializer.serialize_str(name),
        false => serializer.collect_map([(name, fields)]),
    }
}

impl<'de> Deserialize<'de> for Fault {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FaultVisitor)
    }
}

struct FaultVisitor;

impl<'de> Visitor<'de> for FaultVisitor {
    type Value = Fault;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, r#"a fault, as in {{"crash": {{"node": 1}}}}"#)
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Fault, E> {
        let no_fields = MapDeserializer::<_, E>::new(std::iter::empty::<(&str, u64)>());
        Fault::deserialize_named(name, no_fields).unwrap_or_else(|| Err(unknown(name)))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fault, A::Error> {
        let name: String = map.next_key()?.ok_or_else(|| A::Error::custom("a fault has a name"))?;
        let data: serde_json::Value = map.next_value()?;
        if let Some(second) = map.next_key::<String>()? {
            return Err(A::Error::custom(format!(
                "a fault has one name, and this one is {name} and {second}"
            )));
        }
        let fault = Fault::deserialize_named(&name, data).ok_or_else(|| unknown(&name))?;
        fault.map_err(|error| A::Error::custom(format!("{name}: {error}")))
    }
}

fn unknown<E: Error>(name: &str) -> E {
    E::custom(format!("no fault is called {name}: there are {}", Fault::NAMES.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faults::{Target, crash::Crash, one_way_isolation::OneWayIsolation};

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
        assert!(mistake(r#"{"crash":{"node":"boss"}}"#).contains("a node's id or \"leader\""));
        assert!(mistake(r#"{"crash":{"node":3},"pause":{"node":1}}"#).contains("crash and pause"));
        assert!(mistake(r#""crash""#).contains("missing field `node`"));
    }
}
