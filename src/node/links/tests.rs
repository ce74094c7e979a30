use std::time::Duration;

use super::*;
use crate::env::{Clock, Health, Nobody};

/// Who has said nothing for longer than this makes way.
fn links_where_quiet_is(patience: Duration) -> Links {
    let mut config = Config::plain(9);
    config.timing.election_timeout = patience / QUIET_ELECTION_TIMEOUTS;
    links_and_inbox_of(&config).0
}

fn links_and_inbox() -> (Links, mpsc::Receiver<Event>) {
    links_and_inbox_of(&Config::plain(9))
}

fn links_and_inbox_of(config: &Config) -> (Links, mpsc::Receiver<Event>) {
    let environment = Environment {
        clock: Clock::new(Duration::ZERO),
        seed: 1,
        observer: Arc::new(Nobody),
        health: Health::default(),
    };
    let (events, inbox) = mpsc::channel(8);
    (Links::new(config, &environment, &events, &Refusals::new(&environment.clock)), inbox)
}

fn links() -> Links {
    links_and_inbox().0
}

/// They are not reached where these say that they are.
fn hears(links: &Links, id: NodeId, heard: Heard) -> bool {
    let address = "127.0.0.1:1".to_owned();
    links.heard_from(&v1::Sender { id, address, ..v1::Sender::default() }, heard)
}

#[tokio::test]
async fn so_many_strangers_are_answered_and_no_more() {
    let links = links_where_quiet_is(Duration::from_secs(3_600));
    let strangers = 100..100 + STRANGERS_MAX as u64;
    assert!(strangers.clone().all(|id| hears(&links, id, Heard::Messages)));
    assert!(!hears(&links, 99, Heard::Messages), "it is one too many");
    assert!(hears(&links, 100, Heard::Messages), "it has its links");
    // None of them can be reached: their places are free again.
    while !links.peers().values().all(PeerLinks::is_gone) {
        tokio::task::yield_now().await;
    }
    assert!(hears(&links, 99, Heard::Messages));
}

/// All members of a large cluster dial a node that joins it, and one of them leads.
#[tokio::test]
async fn who_only_says_that_it_is_there_makes_way_for_who_speaks() {
    let links = links_where_quiet_is(Duration::from_secs(3_600));
    let has_links_to = |id| links.peers().contains_key(&id);
    let members = 100..200;
    assert!(members.clone().all(|id| hears(&links, id, Heard::Greeting)), "there is nothing to answer");
    assert_eq!(members.clone().filter(|id| has_links_to(*id)).count(), STRANGERS_MAX);
    assert!(hears(&links, 199, Heard::Messages) && has_links_to(199), "it leads");
    assert!(members.clone().all(|id| hears(&links, id, Heard::Greeting)) && has_links_to(199));
    assert!((100..99 + STRANGERS_MAX as u64).all(|id| hears(&links, id, Heard::Messages)));
    assert!(!hears(&links, 198, Heard::Messages), "all the others speak, too");
    assert_eq!(members.filter(|id| has_links_to(*id)).count(), STRANGERS_MAX);
}

#[tokio::test]
async fn who_has_been_quiet_for_longest_makes_way() {
    let links = links_where_quiet_is(Duration::ZERO);
    let strangers = 100..100 + STRANGERS_MAX as u64;
    assert!(strangers.clone().all(|id| hears(&links, id, Heard::Messages)));
    assert!(hears(&links, 100, Heard::Messages), "it speaks again");
    let clock = &links.0.environment.clock;
    let last_heard = clock.now();
    while clock.now() == last_heard {
        tokio::task::yield_now().await;
    }
    assert!(hears(&links, 99, Heard::Messages));
    assert!(!links.peers().contains_key(&101) && links.peers().contains_key(&100));
}

#[tokio::test]
async fn who_has_a_later_configuration_is_believed_where_it_is() {
    let links = links();
    let origin = Origin { cluster: 7, is_certain: true, ..Origin::default() };
    links.belong_to(origin);
    let follows = |address: &str, index| {
        let addresses = [(1, address.to_owned())].into();
        links.follow(&Configuration { addresses, ..Configuration::of([1, 9]) }, index);
        links.address_of(1).expect("a member")
    };
    let says = |address: &str, configuration| {
        let address = address.to_owned();
        let sender = v1::Sender { id: 1, address, configuration, origin: Some(origin.into()) };
        assert!(links.heard_from(&sender, Heard::Messages));
        links.address_of(1).expect("a member")
    };
    assert_eq!(follows("127.0.0.1:1", 10), "127.0.0.1:1");
    assert_eq!(says("127.0.0.1:2", 0), "127.0.0.1:1", "it does not say by which configuration");
    assert_eq!(says("127.0.0.1:2", 10), "127.0.0.1:1", "this node knows as much");
    assert_eq!(
        says("127.0.0.1:2", 11),
        "127.0.0.1:2",
        "it was moved by an entry that this node does not have"
    );
    assert_eq!(follows("127.0.0.1:1", 10), "127.0.0.1:2", "its word stays");
    assert_eq!(
        says("127.0.0.1:1", 9),
        "127.0.0.1:1",
        "what moved it was never committed, and it takes that back"
    );
    assert_eq!(says("127.0.0.1:3", 12), "127.0.0.1:3");
    assert_eq!(follows("127.0.0.1:4", 12), "127.0.0.1:4", "now this node has the entry");
}

#[test]
fn who_is_removed_goes_on_saying_where_it_is_reached() {
    let links = links();
    let says = |configuration: &Configuration| {
        links.follow(configuration, 1);
        links.0.introduction().address.clone()
    };
    assert_eq!(says(&Configuration::default()), "", "it joins, and was not told yet");
    let addresses = [(9, "here:1".to_owned())].into();
    let member = Configuration { addresses, ..Configuration::of([9]) };
    assert_eq!(says(&member), "here:1");
    let gone = [9].into();
    assert_eq!(says(&Configuration { gone, ..Configuration::default() }), "here:1");
}

#[test]
fn who_starts_with_a_configuration_without_it_says_where_it_was_reached() {
    let links = links();
    links.are_answered_at("here:1");
    links.follow(&Configuration { gone: [9].into(), ..Configuration::default() }, 1);
    assert_eq!(links.0.introduction().address, "here:1");
}

#[test]
fn an_append_that_steps_back_waits_until_those_before_it_have_left() {
    let mut sequence = Sequence::default();
    assert!(sequence.admits(0, 80, true));
    assert!(!sequence.admits(0, 80, false), "the same once more");
    assert!(!sequence.admits(79, 0, false), "a question about what is on its way");
    assert!(sequence.admits(80, 20, false));
    assert!(sequence.admits(100, 0, false), "a question about all that is on its way");
    assert!(sequence.admits(100, 1, false));
    assert!(sequence.admits(80, 1, true), "the leader took it back, and nothing waits");
    assert!(sequence.admits(81, 1, false));
}

#[tokio::test]
async fn who_was_removed_and_is_not_reached_is_told_on_the_stream_that_it_has_opened() {
    let (answering, _) = links_and_inbox();
    let (asking, mut inbox) = links_and_inbox();
    let calls = |address: &str| {
        let address = address.to_owned();
        let caller = v1::Sender { id: 3, address, ..v1::Sender::default() };
        assert!(answering.heard_from(&caller, Heard::Messages));
    };
    let configuration = Arc::new(Configuration { gone: [3].into(), ..Configuration::of([9]) });
    let body = Body::Removed { configuration };
    let word = || Message { from: 9, to: 3, origin: Origin::default(), term: 1, body: body.clone() };
    // It says where it is; there is nothing; and once it is started again it does not know where it is.
    for address in ["127.0.0.1:1", ""] {
        calls(address);
        answering.send(vec![word()]);
        assert_eq!(answering.word_for(3), Some(word()));
        assert_eq!(answering.word_for(3), None, "it is said once");
    }

    asking.0.inbox.take(8, word().into());
    assert!(inbox.try_recv().is_err(), "node 8 speaks for another one");
    asking.0.inbox.take(9, Message { body: Body::TimeoutNow, ..word() }.into());
    assert!(inbox.try_recv().is_err(), "nothing else is said so");
    asking.0.inbox.take(9, word().into());
    let Ok(Event::Messages(heard)) = inbox.try_recv() else { panic!("it is heard") };
    assert_eq!(heard, [word()]);
}
