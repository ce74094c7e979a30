//! How records lie on the disk: a checksum over key and body, then the body. Integers are little-endian.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    kv::Header,
    raft::{Configuration, Entry, NodeId, Payload, Position, Vote},
};

const NOOP: u8 = 0;
const COMMAND: u8 = 1;
const CONFIGURATION: u8 = 2;

/// Seals a body under its key: a record that was moved or altered does not open.
pub(super) fn seal(key: &[u8], body: &[u8]) -> Vec<u8> {
    let mut record = checksum(key, body).to_le_bytes().to_vec();
    record.extend_from_slice(body);
    record
}

/// The body of a record, if it is what was sealed under this key.
pub(super) fn open<'a>(key: &[u8], record: &'a [u8]) -> Option<&'a [u8]> {
    let (sum, body) = record.split_first_chunk()?;
    (u32::from_le_bytes(*sum) == checksum(key, body)).then_some(body)
}

fn checksum(key: &[u8], body: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(key);
    hasher.update(body);
    hasher.finalize()
}

/// The last entry that a state has applied.
pub fn applied_position(header: &Header) -> Position {
    Position { term: header.applied_term, index: header.applied_index }
}

pub(super) fn encode_entry(entry: &Entry) -> Vec<u8> {
    let mut body = Vec::with_capacity(entry.size_bytes());
    append_entry(entry, &mut body);
    body
}

/// The same, behind what is there.
pub(super) fn append_entry(entry: &Entry, body: &mut Vec<u8>) {
    body.extend_from_slice(&entry.term.to_le_bytes());
    match &entry.payload {
        Payload::Noop => body.push(NOOP),
        Payload::Command(command) => {
            body.push(COMMAND);
            body.extend_from_slice(command);
        }
        Payload::Configuration(configuration) => {
            body.push(CONFIGURATION);
            encode_configuration(configuration, body);
        }
    }
}

pub(super) fn decode_entry(index: u64, body: &[u8]) -> Option<Entry> {
    let mut reader = Reader(body);
    let term = reader.number()?;
    let payload = match reader.byte()? {
        NOOP => Payload::Noop,
        COMMAND => Payload::Command(Arc::from(reader.rest())),
        CONFIGURATION => Payload::Configuration(reader.configuration()?.into()),
        _ => return None,
    };
    reader.is_empty().then_some(Entry { term, index, payload })
}

pub(super) fn encode_vote(vote: Vote) -> Vec<u8> {
    // Nobody has id 0, so it stands for no candidate.
    [vote.term, vote.candidate.unwrap_or(0)].iter().flat_map(|number| number.to_le_bytes()).collect()
}

pub(super) fn decode_vote(body: &[u8]) -> Option<Vote> {
    let mut reader = Reader(body);
    let (term, candidate) = (reader.number()?, reader.number()?);
    reader.is_empty().then_some(Vote { term, candidate: (candidate != 0).then_some(candidate) })
}

/// Where the log begins: the last compacted position, and the configuration as of it.
pub(super) fn encode_base(position: Position, configuration: &Configuration) -> Vec<u8> {
    let mut body = [position.term, position.index].iter().flat_map(|number| number.to_le_bytes()).collect();
    encode_configuration(configuration, &mut body);
    body
}

pub(super) fn decode_base(body: &[u8]) -> Option<(Position, Configuration)> {
    let mut reader = Reader(body);
    let position = Position { term: reader.number()?, index: reader.number()? };
    let configuration = reader.configuration()?;
    reader.is_empty().then_some((position, configuration))
}

fn encode_configuration(configuration: &Configuration, body: &mut Vec<u8>) {
    let Configuration { cluster, voters, outgoing, learners, wanted, addresses, gone, incarnations } =
        configuration;
    let number = |number: u64, body: &mut Vec<u8>| body.extend_from_slice(&number.to_le_bytes());
    number(*cluster, body);
    for members in [voters, outgoing, learners, wanted, gone] {
        number(members.len() as u64, body);
        members.iter().for_each(|&id| number(id, body));
    }
    number(addresses.len() as u64, body);
    for (&id, address) in addresses {
        number(id, body);
        number(address.len() as u64, body);
        body.extend_from_slice(address.as_bytes());
    }
    number(incarnations.len() as u64, body);
    for (&id, &incarnation) in incarnations {
        number(id, body);
        number(incarnation, body);
    }
}

/// A configuration as the state machine keeps it.
pub fn encode_members(configuration: &Configuration) -> Vec<u8> {
    let mut body = Vec::new();
    encode_configuration(configuration, &mut body);
    body
}

pub(super) fn decode_members(body: &[u8]) -> Option<Configuration> {
    let mut reader = Reader(body);
    let configuration = reader.configuration()?;
    reader.is_empty().then_some(configuration)
}

/// Takes a body apart; `None` as soon as it is too short.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn number(&mut self) -> Option<u64> {
        let (number, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u64::from_le_bytes(*number))
    }

    fn byte(&mut self) -> Option<u8> {
        let (&byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(byte)
    }

    fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.0)
    }

    fn configuration(&mut self) -> Option<Configuration> {
        Some(Configuration {
            cluster: self.number()?,
            voters: self.members()?,
            outgoing: self.members()?,
            learners: self.members()?,
            wanted: self.members()?,
            gone: self.members()?,
            addresses: self.addresses()?,
            incarnations: self.incarnations()?,
        })
    }

    fn members<C: FromIterator<NodeId>>(&mut self) -> Option<C> {
        let count = self.number()?;
        (0..count).map(|_| self.number()).collect()
    }

    fn addresses(&mut self) -> Option<BTreeMap<NodeId, String>> {
        let count = self.number()?;
        (0..count).map(|_| Some((self.number()?, self.text()?))).collect()
    }

    fn incarnations(&mut self) -> Option<BTreeMap<NodeId, u64>> {
        let count = self.number()?;
        (0..count).map(|_| Some((self.number()?, self.number()?))).collect()
    }

    fn text(&mut self) -> Option<String> {
        let length = usize::try_from(self.number()?).ok()?;
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        String::from_utf8(text.to_vec()).ok()
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
