//! The server's end of a connection, as a real network leaves it: what arrives and what leaves passes the line, and so does
//! the news that the other side is gone.
//!
//! The simulator tells both sides of a connection at once that the other one is gone, even through a cut. Here an end travels
//! as a message does: whoever is behind a cut, or was on a machine whose power failed, does not say goodbye. What the
//! simulator must not see dropped is kept outside of the machines until its end has arrived.

use std::{
    io,
    sync::{Arc, Mutex},
};

use async_stream::stream;
use futures_util::{Stream, StreamExt};
use madsim::net::{Receiver, Sender};
use tokio::sync::{Semaphore, mpsc};

use super::{
    Payload,
    line::Line,
    network::Network,
    stray::{Straying, Strays},
    transit::{Broken, Transit},
};

/// What a server sends on a connection. The connection ends when it is dropped.
pub(super) struct Outward {
    network: Arc<Network>,
    /// From the caller to the server.
    there: Line,
    /// From the server to the caller.
    back: Line,
    tx: Option<Arc<Sender>>,
    /// Carries what is late; there is none while all was in time.
    carrier: Mutex<Option<mpsc::UnboundedSender<Payload>>>,
    /// Closed when the connection breaks on its way to the caller.
    unbroken: Arc<Semaphore>,
}

impl Outward {
    pub(super) fn new(network: Arc<Network>, there: Line, tx: Sender) -> Self {
        let (carrier, unbroken) = (Mutex::default(), Arc::new(Semaphore::new(0)));
        Self { network, there, back: there.back(), tx: Some(Arc::new(tx)), carrier, unbroken }
    }

    /// Sends a message. One to a caller that is gone, and has not been able to say so, is lost without a word.
    ///
    /// # Errors
    /// The caller went away.
    pub(super) async fn send(&self, payload: Payload) -> io::Result<()> {
        let tx = self.tx();
        if tx.is_closed() {
            return match self.network.conceals_end(self.there) {
                true => Ok(()),
                false => Err(io::ErrorKind::ConnectionReset.into()),
            };
        }
        let has_carrier = self.carrier.lock().expect("nobody panics with it").is_some();
        match has_carrier || !self.network.is_sound(self.back) {
            true => self.hand_over(payload),
            false => tx.send(payload).await,
        }
    }

    /// Completes when the caller went away and the news of it has arrived, or the connection is broken.
    pub(super) async fn closed(&self) {
        let gone = async {
            self.tx().closed().await;
            self.network.end_has_crossed(self.there).await;
        };
        tokio::select! { biased;
            () = gone => {}
            _ = self.unbroken.acquire() => {}
        }
    }

    /// Completes when the caller went away, whether anybody knows or not.
    pub(super) async fn caller_is_gone(&self) {
        self.tx().closed().await;
    }

    /// The line from the caller.
    pub(super) fn there(&self) -> Line {
        self.there
    }

    /// The line to the caller.
    pub(super) fn back(&self) -> Line {
        self.back
    }

    fn tx(&self) -> &Arc<Sender> {
        self.tx.as_ref().expect("it is there until it is dropped")
    }

    fn hand_over(&self, payload: Payload) -> io::Result<()> {
        let mut carrier = self.carrier.lock().expect("nobody panics with it");
        let carrier = carrier.get_or_insert_with(|| {
            let (queue, queued) = mpsc::unbounded_channel();
            let transit = Transit::new(self.network.clone(), self.back);
            let (tx, unbroken) = (self.tx().clone(), self.unbroken.clone());
            self.network.outside_of_machines(async move {
                if carry(queued, transit, &tx).await.is_err() {
                    unbroken.close();
                }
            });
            queue
        });
        carrier.send(payload).map_err(|_| io::ErrorKind::ConnectionReset.into())
    }
}

impl Drop for Outward {
    fn drop(&mut self) {
        if self.network.conceals_end(self.back)
            && let Some(tx) = self.tx.take()
        {
            self.network.linger(self.back, tx);
        }
    }
}

/// Carries messages to the caller, and then the end.
async fn carry(
    mut queued: mpsc::UnboundedReceiver<Payload>,
    mut transit: Transit,
    tx: &Sender,
) -> Result<(), Broken> {
    let mut has_ended = false;
    while !(has_ended && transit.is_empty()) {
        tokio::select! { biased;
            payload = queued.recv(), if !has_ended => match payload {
                Some(payload) => transit.push(payload),
                None => has_ended = true,
            },
            // Nobody may be left to take it.
            passed = transit.next() => drop(tx.send(passed?).await),
        }
    }
    Ok(())
}

/// What a caller sends on a connection, as it arrives.
pub(super) fn inward(
    network: Arc<Network>,
    straying: Arc<Straying>,
    line: Line,
    rx: Receiver,
) -> impl Stream<Item = Result<Payload, Broken>> + Send + 'static {
    let mut held = Inward { network: network.clone(), line, rx: Some(rx) };
    stream! {
        let mut transit = Transit::new(network.clone(), line);
        let mut strays = Strays::new(network.clone(), straying, line);
        let mut has_ended = false;
        while !(has_ended && transit.is_empty()) {
            let passed = tokio::select! { biased;
                received = held.receive(), if !has_ended => match received {
                    Some(payload) if transit.is_idle() => Ok(payload),
                    Some(payload) => {
                        transit.push(payload);
                        continue;
                    }
                    None => {
                        has_ended = true;
                        continue;
                    }
                },
                passed = transit.next() => passed,
                payload = strays.next() => {
                    yield Ok(payload);
                    continue;
                }
            };
            match passed {
                Ok(payload) => for payload in strays.sort(payload) {
                    yield Ok(payload);
                },
                Err(broken) => {
                    yield Err(broken);
                    return;
                }
            }
        }
        if !network.end_has_crossed(line).await {
            yield Err(Broken);
        }
    }
}

/// The caller's messages as the simulator delivers them. The connection ends when it is dropped.
struct Inward {
    network: Arc<Network>,
    line: Line,
    rx: Option<Receiver>,
}

impl Inward {
    /// `None`: there are no more.
    async fn receive(&mut self) -> Option<Payload> {
        self.rx.as_mut()?.next().await?.ok()
    }
}

impl Drop for Inward {
    fn drop(&mut self) {
        let back = self.line.back();
        if self.network.conceals_end(back)
            && let Some(rx) = self.rx.take()
        {
            self.network.linger(back, rx);
        }
    }
}
