//! The language of the stories.
//!
//! ```text
//! proxy ADDRESS ...                 a proxy that was told of these nodes
//! cluster N [session=S]             a proxy with open links to n1, ..., nN, of which n1 leads at term 1; and, if
//!                                   so, with this session open; the next ones are named by the numbers that follow
//! up LINK ... | down LINK ... [refused=WORDS]    streams open, or end
//! lead LINK term=T [node=N] [leader=N] [cluster=C] [members="1=ADDRESS ..."]     a node says who leads; as node it is
//!                                   the number of the link and one, unless it says another, and of cluster 1 (0: it does
//!                                   not know)
//! put KEY | get KEY [serializable=true]  [bytes=B] [within=MS]     a client asks, with that size and time
//! crowd COUNT [bytes=B]             many ask
//! cancel CALL                       a caller leaves
//! answer LINK ATTEMPT [session=S]   a node answers an attempt (0.1 is the first attempt of call 0; own0.1 of the core's
//!                                   first own request)
//! piece LINK ATTEMPT BYTES          a node sends a part of the answer to a read
//! refuse LINK ATTEMPT REASON [WORDS]
//! wait MS                           time passes; what is due is done then
//! status                            what is known, and when something is due
//! ```

use std::{error::Error, path::Path};

use goldenscript::{ArgumentConsumer, Command};

use super::show;
use crate::{
    proxy::core::{
        Call, CallId, DownReason, LinkId, Operation, Router,
        call::{from_wire_id, to_wire_id},
    },
    wire::{
        ClusterId, Leadership,
        pb::{
            etcdserverpb::{PutRequest, RangeRequest},
            v1::{self, command, refusal::Reason, reply},
        },
    },
};

type Outcome<T> = Result<T, Box<dyn Error>>;

struct Stage {
    router: Router,
    now_us: u64,
    calls: u64,
    /// What was asked, by call: an answer is of its kind.
    reads: Vec<bool>,
}

impl Default for Stage {
    fn default() -> Self {
        Self { router: router(&[], FIRST_SESSION), now_us: 0, calls: 0, reads: Vec::new() }
    }
}

/// A proxy that was told of these nodes, whose sessions are named by this number and those that follow.
fn router(addresses: &[String], first_session: u64) -> Router {
    let mut ids = first_session..;
    let session_ids = Box::new(move || ids.next().expect("they have no end"));
    Router::new(None, addresses.iter().map(String::as_str), ANSWERS_BYTES_MAX, session_ids)
}

/// The first session of a story that names none.
const FIRST_SESSION: u64 = 7;
/// What large answers may hold.
const ANSWERS_BYTES_MAX: usize = 1000;

/// Whose nodes all are, unless a story says otherwise.
const CLUSTER: ClusterId = 1;
/// Time of a call whose story does not say otherwise.
const PATIENCE_MS: u64 = 10_000;

impl goldenscript::Runner for Stage {
    fn run(&mut self, command: &Command) -> Outcome<String> {
        let mut args = command.consume_args();
        match command.name.as_str() {
            "proxy" => {
                let addresses: Vec<String> = rest(&mut args);
                self.router = router(&addresses, FIRST_SESSION);
            }
            "cluster" => self.new_cluster(&mut args)?,
            "up" => {
                for link in links(&mut args)? {
                    self.router.link_up(link);
                }
            }
            "down" => {
                let refused = args.lookup("refused").map(|words| words.value.clone());
                let reason = refused.map_or(DownReason::Lost, DownReason::Refused);
                for link in links(&mut args)? {
                    self.router.link_down(link, reason.clone());
                }
            }
            "lead" => self.lead(&mut args)?,
            "put" | "get" => self.ask(&command.name, &mut args)?,
            "crowd" => return self.crowd(&mut args),
            "cancel" => self.router.cancel(CallId::of_client(args.next_pos().ok_or("which call?")?.parse()?)),
            "answer" => self.answer(&mut args)?,
            "piece" => self.piece(&mut args)?,
            "refuse" => self.refuse(&mut args)?,
            "wait" => {
                self.now_us += args.next_pos().ok_or("how long?")?.parse::<u64>()? * 1000;
                self.router.set_time(self.now_us);
            }
            "status" => {
                let effects = show::effects(&self.router.effects());
                return Ok(effects + &self.status());
            }
            name => return Err(format!("no command {name}").into()),
        }
        args.reject_rest()?;
        Ok(show::effects(&self.router.effects()))
    }
}

impl Stage {
    fn new_cluster(&mut self, args: &mut ArgumentConsumer<'_>) -> Outcome<()> {
        let nodes: u64 = args.next_pos().ok_or("how many nodes?")?.parse()?;
        let addresses: Vec<String> = (1..=nodes).map(|node| format!("n{node}")).collect();
        let session = args.lookup_parse("session")?;
        self.router = router(&addresses, session.unwrap_or(FIRST_SESSION));
        for node in 1..=nodes {
            self.router.link_up(LinkId(node - 1));
            let members = (1..=nodes).zip(addresses.clone()).collect();
            let news = Leadership {
                node,
                cluster: Some(CLUSTER),
                term: 1,
                leader: Some(1),
                members,
                voters: (1..=nodes).collect(),
                outgoing: Vec::new(),
            };
            self.router.leadership(LinkId(node - 1), news);
        }
        if let Some(session) = session {
            let put = command::Operation::Put(PutRequest::default());
            self.call(Operation::Write(put), 0, PATIENCE_MS);
            for answer in [reply::Outcome::SessionOpened(session), reply::Outcome::Put(Default::default())] {
                let sent = self.router.effects().send.pop().ok_or("nothing was sent")?;
                self.router.replies(LinkId(0), [v1::Reply { id: sent.1.id, outcome: Some(answer) }]);
            }
        }
        drop(self.router.effects());
        Ok(())
    }

    fn lead(&mut self, args: &mut ArgumentConsumer<'_>) -> Outcome<()> {
        let link = args.next_pos().ok_or("through which link?")?.parse()?;
        let term = args.lookup_parse("term")?.ok_or("of which term?")?;
        let node = args.lookup_parse("node")?.unwrap_or(link + 1);
        let leader = args.lookup_parse("leader")?;
        let cluster = Some(args.lookup_parse("cluster")?.unwrap_or(CLUSTER)).filter(|cluster| *cluster != 0);
        let mut members = std::collections::BTreeMap::new();
        for member in
            args.lookup("members").map(|list| list.value.clone()).unwrap_or_default().split_whitespace()
        {
            let (id, address) = member.split_once('=').ok_or("a member is ID=ADDRESS")?;
            members.insert(id.parse()?, address.to_owned());
        }
        let mut ids = |name| -> Outcome<Vec<u64>> {
            let list = args.lookup(name).map(|list| list.value.clone()).unwrap_or_default();
            Ok(list.split_whitespace().map(str::parse).collect::<Result<_, _>>()?)
        };
        let (voters, outgoing) = (ids("voters")?, ids("outgoing")?);
        let news = Leadership { node, cluster, term, leader, members, voters, outgoing };
        self.router.leadership(LinkId(link), news);
        Ok(())
    }

    fn ask(&mut self, verb: &str, args: &mut ArgumentConsumer<'_>) -> Outcome<()> {
        let key = args.next_pos().ok_or("which key?")?.value.clone();
        let bytes = args.lookup_parse("bytes")?.unwrap_or(100);
        let within_ms = args.lookup_parse("within")?.unwrap_or(PATIENCE_MS);
        let serializable = args.lookup_parse("serializable")?.unwrap_or(false);
        let key = key.into_bytes().into();
        let operation = match verb {
            "put" => Operation::Write(command::Operation::Put(PutRequest { key, ..PutRequest::default() })),
            _ => Operation::Read(RangeRequest { key, serializable, ..RangeRequest::default() }),
        };
        self.call(operation, bytes, within_ms);
        Ok(())
    }

    fn crowd(&mut self, args: &mut ArgumentConsumer<'_>) -> Outcome<String> {
        let count = args.next_pos().ok_or("how many calls?")?.parse()?;
        let bytes = args.lookup_parse("bytes")?.unwrap_or(100);
        for _ in 0..count {
            self.call(Operation::Read(RangeRequest::default()), bytes, PATIENCE_MS);
        }
        let refused = self.router.effects().answer.len();
        Ok(format!("{refused} of {count} are refused\n"))
    }

    fn call(&mut self, operation: Operation, bytes: usize, within_ms: u64) {
        self.reads.push(matches!(operation, Operation::Read(_)));
        let id = CallId::of_client(self.calls);
        self.calls += 1;
        self.router.call(Call { id, operation, deadline_us: self.now_us + within_ms * 1000, bytes });
    }

    fn answer(&mut self, args: &mut ArgumentConsumer<'_>) -> Outcome<()> {
        let (link, id) = attempt(args)?;
        let outcome = match args.lookup_parse("session")? {
            Some(session) => reply::Outcome::SessionOpened(session),
            None => {
                let read = (0..self.calls)
                    .any(|call| CallId::of_client(call) == from_wire_id(id).0 && self.reads[call as usize]);
                if read {
                    reply::Outcome::Range(Default::default())
                } else {
                    reply::Outcome::Put(Default::default())
                }
            }
        };
        self.router.replies(link, [v1::Reply { id, outcome: Some(outcome) }]);
        Ok(())
    }

    fn piece(&mut self, args: &mut ArgumentConsumer<'_>) -> Outcome<()> {
        let (link, id) = attempt(args)?;
        let bytes = args.next_pos().ok_or("how many bytes?")?.parse()?;
        let outcome = Some(reply::Outcome::Piece(vec![0; bytes].into()));
        self.router.replies(link, [v1::Reply { id, outcome }]);
        Ok(())
    }

    fn refuse(&mut self, args: &mut ArgumentConsumer<'_>) -> Outcome<()> {
        let (link, id) = attempt(args)?;
        let reason = &args.next_pos().ok_or("why?")?.value;
        let reason = Reason::from_str_name(reason).ok_or("no such reason")?.into();
        let message = args.next_pos().map(|words| words.value.clone()).unwrap_or_default();
        let outcome = reply::Outcome::Refusal(v1::Refusal { reason, message });
        self.router.replies(link, [v1::Reply { id, outcome: Some(outcome) }]);
        Ok(())
    }

    fn status(&mut self) -> String {
        let leader = match self.router.leader() {
            Some((leader, Some(address))) => {
                format!("node {} leads term {}, at {address}", leader.node, leader.term)
            }
            Some((leader, None)) => {
                format!("node {} leads term {}, and there is no link to it", leader.node, leader.term)
            }
            None => "no leader".to_owned(),
        };
        let nodes = self.router.nodes().into_iter().map(|node| match node.id {
            Some(id) => format!("{id}={}", node.address),
            None => node.address,
        });
        let nodes: Vec<String> = nodes.collect();
        let due = self.router.effects().wake_at_us.map_or("nothing is due".to_owned(), |at_us| {
            format!("something is due in {} ms", at_us.saturating_sub(self.now_us).div_ceil(1000))
        });
        format!(
            "{leader}; nodes {}; session {}; {} calls wait; {due}\n",
            nodes.join(" "),
            self.router.session(),
            self.router.outstanding()
        )
    }
}

fn attempt(args: &mut ArgumentConsumer<'_>) -> Outcome<(LinkId, u64)> {
    let link = LinkId(args.next_pos().ok_or("through which link?")?.parse()?);
    let name = args.next_pos().ok_or("to which attempt?")?.value.clone();
    let (call, number) = name.split_once('.').ok_or("an attempt is CALL.NUMBER")?;
    let call = match call.strip_prefix("own") {
        Some(own) => CallId::own(own.parse()?),
        None => CallId::of_client(call.parse()?),
    };
    Ok((link, to_wire_id(call, number.parse()?)))
}

fn links(args: &mut ArgumentConsumer<'_>) -> Outcome<Vec<LinkId>> {
    args.rest_pos().iter().map(|arg| Ok(LinkId(arg.parse()?))).collect()
}

fn rest(args: &mut ArgumentConsumer<'_>) -> Vec<String> {
    args.rest_pos().iter().map(|arg| arg.value.clone()).collect()
}

fn run(story: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/proxy/core/tests/stories").join(story);
    goldenscript::run(&mut Stage::default(), path).expect("the story runs");
}

/// One test for each story, and one that no story is forgotten.
macro_rules! stories {
    ($($name:ident)*) => {
        $(#[test] fn $name() { run(stringify!($name)); })*

        #[test]
        fn every_story_is_told() {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/proxy/core/tests/stories");
            let files = std::fs::read_dir(folder).expect("the folder of the stories");
            let mut found: Vec<_> =
                files.map(|file| file.expect("a file").file_name().into_string().expect("a plain name")).collect();
            found.sort();
            let mut told = vec![$(stringify!($name)),*];
            told.sort_unstable();
            assert_eq!(found, told);
        }
    };
}

stories! {
    attempts_crossed_links
    attempts_late_answer
    attempts_late_refusal
    budget_calls
    budget_in_flight
    budget_large_calls
    cancel_abandoned_elsewhere
    cancel_before_sending
    cancel_while_under_way
    cluster_few_answer
    cluster_foreign_node_first
    cluster_founded_anew
    cluster_joint
    cluster_unknown_yet
    deadline_after_sending
    deadline_before_sending
    deadline_of_refused
    large_answer
    large_answer_beyond_the_limit
    large_answer_interrupted
    large_answer_of_who_left
    links_all_replaced
    links_ended_stays_ended
    links_foreign_node
    links_learned_double
    links_lost_leader
    links_moved_member
    links_new_leader
    links_wrong_cluster
    reads_serializable
    refused_for_good
    refused_overloaded
    refused_until_another_leads
    session_expired_first_attempt
    session_expired_retried
    session_lost_while_opening
    session_overloaded_while_opening
}
