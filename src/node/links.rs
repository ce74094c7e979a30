//! The links to all peers. What does not fit into a link's outbox is dropped: Raft recovers.
//!
//! Every member gets two: appends travel on a link of their own, so that heartbeats, votes and acknowledgements never
//! wait behind entries. Appends without entries are among them: they ask whether those before them have arrived. If one
//! overtook them, the leader would take for lost what is on its way, and send it again.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::sync::mpsc;
use tonic::Response;

use super::{config::Config, event::Event, refusals::Refusals, unreached::Unreached};
use crate::{
    env::{Environment, Knob, Moment, knob, sometimes},
    raft::{Body, Configuration, Index, Message, NodeId, Origin},
    rpc::{
        Channel, Expected, Target,
        link::{Link, LinkEvent, LinkOptions, MessageStream, Opening, Protocol},
        outbox::Outbox,
    },
    wire::{WithLimits, pb::v1},
};

/// Bytes of appends that may wait for a peer. One that lags further behind learns by probing anyway.
const APPENDS_BYTES_MAX: usize = 32 << 20;
/// Bytes of all other messages that may wait for a peer.
const CONTROL_BYTES_MAX: usize = 4 << 20;
/// Nodes that are no members, as far as this node knows, and have links, because they say where they are: former members, leaders that
/// it does not know yet, and, as long as it knows no configuration, all that dial whoever joins. Few of them are to be answered.
const STRANGERS_MAX: usize = 16;
/// Of those, one that has said nothing for so many election timeouts makes way for one that speaks. (A candidate asks again within two,
/// and leaders are heard more often.)
const QUIET_ELECTION_TIMEOUTS: u32 = 3;
/// What a message weighs besides its entries.
const MESSAGE_BYTES: usize = 64;

/// The links to all peers. Cheap to clone; all clones are one.
#[derive(Clone)]
pub(super) struct Links(Arc<Shared>);

struct Shared {
    config: Config,
    environment: Environment,
    peers: Mutex<BTreeMap<NodeId, PeerLinks>>,
    /// The index of the configuration that the links follow.
    followed: AtomicU64,
    /// What this node says of itself on every stream.
    introduction: Arc<Mutex<v1::Sender>>,
    unreached: Mutex<Unreached>,
    inbox: Inbox,
}

/// What was heard from another node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// It is there, and says who and where it is.
    Greeting,
    /// Raft messages, which may want an answer.
    Messages,
}

/// What leads to a peer.
struct PeerLinks {
    address: String,
    /// When Raft messages last came from there.
    heard_at: Option<Moment>,
    /// The peer is no member, and gets one connection.
    is_stranger: bool,
    control: Lane,
    appends: Lane,
    sequence: Sequence,
    /// The address is not that of the configuration in force, but the peer's own word, by a configuration of this index.
    by_word: Option<Index>,
    /// Another address that the peer says is its own.
    said: Option<String>,
}

impl Links {
    pub(super) fn new(
        config: &Config,
        environment: &Environment,
        events: &mpsc::Sender<Event>,
        refusals: &Refusals,
    ) -> Self {
        let introduction = v1::Sender { id: config.id, ..Default::default() };
        Self(Arc::new(Shared {
            config: config.clone(),
            environment: environment.clone(),
            peers: Mutex::default(),
            followed: AtomicU64::new(0),
            introduction: Arc::new(Mutex::new(introduction)),
            unreached: Mutex::default(),
            inbox: Inbox { events: events.clone(), refusals: refusals.clone() },
        }))
    }

    /// This node belongs to that cluster, as far as it knows.
    pub(super) fn belong_to(&self, origin: Origin) {
        self.0.introduction().origin = Some(origin.into());
    }

    /// This node was reached there, or says so in its log: that counts as long as no configuration says otherwise.
    pub(super) fn are_answered_at(&self, address: &str) {
        let mut introduction = self.0.introduction();
        if introduction.address.is_empty() {
            address.clone_into(&mut introduction.address);
        }
    }

    /// Keeps links to every member, and to nobody else, by the configuration in force as of this index.
    pub(super) fn follow(&self, configuration: &Configuration, index: Index) {
        let address = |id| self.0.config.address_of(id, configuration);
        let mut peers = self.peers();
        self.0.followed.store(index, Ordering::Relaxed);
        peers.retain(|&id, peer| {
            configuration.contains(id) && !peer.is_stranger && peer.stays_at(address(id), index)
        });
        for id in configuration.members().filter(|&id| id != self.0.config.id) {
            if let Some(address) = address(id) {
                peers.entry(id).or_insert_with(|| self.0.start(id, address, false));
            }
        }
        // Who is removed goes on saying where it is reached: or nobody could acknowledge its last entries, or tell it.
        if let Some(address) = self.0.config.own_address(configuration) {
            let mut introduction = self.0.introduction();
            introduction.address.clone_from(address);
            introduction.configuration = index;
        }
    }

    /// An operator who gave other addresses at the start hears which ones count.
    pub(super) fn warn_of_other_addresses(&self, configuration: &Configuration) {
        for (node, told) in &self.0.config.peers {
            let Some(used) = self.0.config.address_of(*node, configuration).filter(|used| *used != told)
            else {
                continue;
            };
            tracing::warn!(
                node,
                told,
                used,
                "the cluster knows this member by another address than --peers says, and uses that: 'conclave member move' changes it"
            );
        }
    }

    /// A node says where it is reached. One that is no member (as far as this node knows) gets links as well, as long
    /// as it is there: a leader that this node does not know yet, or a former member that was not told. False: it cannot be
    /// answered, for there are too many of those.
    pub(super) fn heard_from(&self, sender: &v1::Sender, heard: Heard) -> bool {
        if sender.id == self.0.config.id {
            return true;
        }
        let mut peers = self.peers();
        if !peers.get(&sender.id).is_some_and(PeerLinks::may_be_reached) {
            self.0.unreached().called(sender.id);
        }
        if sender.address.is_empty() {
            return true;
        }
        let heard_at = (heard == Heard::Messages).then(|| self.0.environment.clock.now());
        match peers.get_mut(&sender.id) {
            Some(peer) if !peer.is_gone() => {
                peer.heard_at = peer.heard_at.max(heard_at);
                if peer.address == sender.address || peer.is_open() {
                    return true;
                }
                let knows_the_cluster = is_certain(self.0.introduction().origin);
                let later = peer.by_word.is_some() || self.0.knows_less_than(sender);
                match knows_the_cluster {
                    true if later => {
                        sometimes!(PeerElsewhere);
                        let mut links = self.0.start(sender.id, &sender.address, false);
                        links.by_word = Some(sender.configuration);
                        peers.insert(sender.id, links);
                    }
                    true => peer.warn_of_address(sender),
                    false if self.0.believes(sender) => {
                        peers.insert(sender.id, self.0.start(sender.id, &sender.address, false));
                    }
                    false => {}
                }
            }
            _ => {
                peers.retain(|_, peer| !(peer.is_stranger && peer.is_gone()));
                if !self.0.make_room_for_stranger(&mut peers, heard_at) {
                    return heard == Heard::Greeting;
                }
                sometimes!(LinkToStranger);
                let links = self.0.start(sender.id, &sender.address, true);
                peers.insert(sender.id, PeerLinks { heard_at, ..links });
            }
        }
        true
    }

    /// Where a peer is reached.
    pub(super) fn address_of(&self, peer: NodeId) -> Option<String> {
        self.peers().get(&peer).map(|peer| peer.address.clone())
    }

    /// Sends each message to the peer it names, in order on each lane.
    pub(super) fn send(&self, messages: Vec<Message>) {
        let mut peers = self.peers();
        for message in messages {
            match peers.get_mut(&message.to) {
                Some(peer) if peer.may_be_reached() => peer.send(message),
                _ => self.0.unreached().keep(message),
            }
        }
    }

    /// What is to be said to a node on the stream that it has opened, for there is no other way to it.
    pub(super) fn word_for(&self, caller: NodeId) -> Option<Message> {
        self.0.unreached().take(caller)
    }

    fn peers(&self) -> MutexGuard<'_, BTreeMap<NodeId, PeerLinks>> {
        self.0.peers.lock().expect("nobody panics with it")
    }
}

impl Shared {
    fn introduction(&self) -> MutexGuard<'_, v1::Sender> {
        self.introduction.lock().expect("nobody panics with it")
    }

    fn unreached(&self) -> MutexGuard<'_, Unreached> {
        self.unreached.lock().expect("nobody panics with it")
    }

    /// A member says that it is reached elsewhere than this node is told, and cannot be reached there. As long as this node knows
    /// of no configuration that is committed, and that member does, nothing stands against its word but `--peers`, which may be
    /// mistaken. (Among founders none has more to say than another: they would found a cluster whose members do not find each
    /// other.) Whoever was believed may have been of another cluster of this name: then the one that was meant says so.
    fn believes(&self, sender: &v1::Sender) -> bool {
        let is_told = self.config.peers.get(&sender.id) == Some(&sender.address);
        is_told || is_certain(sender.origin) && !self.config.peers_override
    }

    /// A member says where it is by a later configuration than this node has: members were moved, and this node has not got so far in
    /// the log. It would never get there if it answered its leader where that was before.
    fn knows_less_than(&self, sender: &v1::Sender) -> bool {
        let is_told = self.config.peers_override && self.config.peers.contains_key(&sender.id);
        let followed = self.followed.load(Ordering::Relaxed);
        !is_told && is_certain(sender.origin) && sender.configuration > followed
    }

    /// Whether there is room for links to one more stranger, who was heard just now, or only says that it is there. Who joins is
    /// dialled by all members, though the leader alone speaks: the one that has been quiet for longest makes way.
    fn make_room_for_stranger(
        &self,
        peers: &mut BTreeMap<NodeId, PeerLinks>,
        heard_at: Option<Moment>,
    ) -> bool {
        let strangers = || peers.iter().filter(|(_, peer)| peer.is_stranger);
        if strangers().count() < knob(Knob::Strangers, STRANGERS_MAX) {
            return true;
        }
        let patience = self.config.timing.election_timeout * QUIET_ELECTION_TIMEOUTS;
        let quietest = strangers().map(|(id, peer)| (peer.heard_at, *id)).min();
        match (heard_at, quietest) {
            (Some(now), Some((quiet_since, id)))
                if quiet_since.is_none_or(|since| now.since(since) > patience) =>
            {
                sometimes!(QuietStrangerMakesWay);
                peers.remove(&id);
                true
            }
            _ => false,
        }
    }

    fn start(&self, peer: NodeId, address: &str, is_stranger: bool) -> PeerLinks {
        let lane = |name: &str, outbox_bytes_max| {
            let protocol = Arc::new(PeerProtocol {
                cluster: self.config.cluster.clone(),
                peer,
                address: address.to_owned(),
                introduction: self.introduction.clone(),
                outbox: Mutex::default(),
                inbox: self.inbox.clone(),
            });
            let target = Target {
                address: address.to_owned(),
                expected: Expected::Node(peer),
                security: self.config.security.clone(),
            };
            let options = LinkOptions {
                target,
                outbox_bytes_max,
                reconnects: !is_stranger,
                clock: self.environment.clock.clone(),
                random: self.environment.random(&format!("{name} link to node {peer}")),
            };
            Lane { link: Link::start(protocol.clone(), options), protocol }
        };
        PeerLinks {
            address: address.to_owned(),
            heard_at: None,
            is_stranger,
            control: lane("control", knob(Knob::ControlOutboxBytes, CONTROL_BYTES_MAX)),
            appends: lane("entries", knob(Knob::EntriesOutboxBytes, APPENDS_BYTES_MAX)),
            sequence: Sequence::default(),
            by_word: None,
            said: None,
        }
    }
}

impl PeerLinks {
    fn send(&mut self, message: Message) {
        let lane = if let Body::AppendRequest { .. } = &message.body { &self.appends } else { &self.control };
        let outbox = lane.protocol.outbox.lock().expect("nobody panics with it");
        let Some(outbox) = &*outbox else { return };
        let mut bytes = MESSAGE_BYTES;
        if let Body::AppendRequest { previous, entries, .. } = &message.body {
            if !self.sequence.admits(previous.index, entries.len(), outbox.is_empty()) {
                sometimes!(AppendLeftOut);
                return;
            }
            bytes += entries.iter().map(|entry| entry.size_bytes()).sum::<usize>();
        }
        let _ = outbox.push(message, bytes);
    }

    /// Whether the links lead where they should while a configuration is in force that has the peer at this address. Its own word counts
    /// for longer if it has it from a later one.
    fn stays_at(&mut self, address: Option<&String>, index: Index) -> bool {
        if address == Some(&self.address) {
            self.by_word = None;
            return true;
        }
        self.by_word.is_some_and(|said| said > index)
    }

    /// Once the cluster is known its configuration counts, which is the same for all: an operator has to change it, and hears so
    /// once of each address.
    fn warn_of_address(&mut self, sender: &v1::Sender) {
        let (node, known, says) = (sender.id, &self.address, &sender.address);
        if self.said.as_ref() != Some(says) {
            tracing::warn!(
                node,
                known,
                says,
                "the cluster knows this member by an address at which it is not reached, and it says another one: 'conclave member move {node}={says}' changes it"
            );
            self.said = Some(says.clone());
        }
    }

    /// A member's links are made again whenever they are lost; those of others are there, or not.
    fn may_be_reached(&self) -> bool {
        !self.is_stranger || self.is_open()
    }

    fn is_open(&self) -> bool {
        self.control.protocol.outbox.lock().expect("nobody panics with it").is_some()
    }

    fn is_gone(&self) -> bool {
        self.control.link.is_finished()
    }
}

/// What waits for a peer is a sequence of appends, each of which goes on where those before it end. One that steps back is
/// left out until they have left: the leader has not heard of them yet, and asks again with every sign of life. Else a
/// peer behind a slow line would be sent the same entries again and again, and nothing after them.
#[derive(Debug, Default)]
struct Sequence {
    /// The last index that was left for the peer.
    end: Index,
}

impl Sequence {
    fn admits(&mut self, previous: Index, entries: usize, nothing_waits: bool) -> bool {
        let goes_on = previous >= self.end;
        if goes_on || nothing_waits {
            self.end = previous + entries as Index;
        }
        goes_on || nothing_waits
    }
}

/// A configuration that names the cluster is committed, as far as the node knows that says so.
fn is_certain(origin: Option<v1::Origin>) -> bool {
    origin.is_some_and(|origin| origin.certain)
}

/// One of the links to a peer.
struct Lane {
    protocol: Arc<PeerProtocol>,
    link: Link,
}

/// Raft messages in envelopes.
struct PeerProtocol {
    cluster: String,
    peer: NodeId,
    address: String,
    introduction: Arc<Mutex<v1::Sender>>,
    /// Present while the stream is open.
    outbox: Mutex<Option<Outbox<Message>>>,
    inbox: Inbox,
}

/// Takes what a peer says on a stream of this node's.
#[derive(Clone)]
struct Inbox {
    events: mpsc::Sender<Event>,
    refusals: Refusals,
}

impl Inbox {
    /// A peer says that this node was removed. What does not fit is dropped: who asks again is told again.
    fn take(&self, peer: NodeId, removed: v1::RaftMessage) {
        if let Ok(message) = self.refusals.decode(peer, removed)
            && matches!(message.body, Body::Removed { .. })
        {
            let _ = self.events.try_send(Event::Messages(vec![message]));
        }
    }
}

impl Protocol for PeerProtocol {
    type Item = Message;
    type Outgoing = v1::Envelope;
    type Incoming = v1::Alive;

    fn open(channel: Channel, outgoing: MessageStream<v1::Envelope>) -> Opening<v1::Alive> {
        let mut client = v1::peer_client::PeerClient::new(channel).with_limits();
        Box::pin(async move { client.send(outgoing).await.map(Response::into_inner) })
    }

    /// Who sends: again and again, for a node may learn where it is reached and to which cluster it belongs when the link is
    /// up already.
    fn greeting(&self) -> v1::Envelope {
        let sender = Some(self.introduction.lock().expect("nobody panics with it").clone());
        v1::Envelope {
            cluster: self.cluster.clone(),
            messages: Vec::new(),
            sender,
            to: self.peer,
            to_address: self.address.clone(),
        }
    }

    fn batch(&self, messages: Vec<Message>) -> v1::Envelope {
        let messages = messages.into_iter().map(Into::into).collect();
        let cluster = self.cluster.clone();
        v1::Envelope { cluster, messages, to: self.peer, ..v1::Envelope::default() }
    }

    fn on_event(&self, event: LinkEvent<Message, v1::Alive>) -> bool {
        let outbox = || self.outbox.lock().expect("nobody panics with it");
        match event {
            LinkEvent::Up(opened) => *outbox() = Some(opened),
            LinkEvent::Received(v1::Alive { removed }) => {
                removed.into_iter().for_each(|removed| self.inbox.take(self.peer, removed));
            }
            LinkEvent::Down(_) => *outbox() = None,
        }
        true
    }
}

#[cfg(all(test, not(madsim)))]
mod tests;
