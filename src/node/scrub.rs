//! Reads the whole state now and then, slowly, beside everything else: a node whose disk rots stops while the others
//! are whole, not when the last of them has died.

use std::{io, sync::Arc, time::Duration};

use tokio::{sync::mpsc, task::JoinHandle};

use super::report::{Report, Scrubbed};
use crate::{
    env::{Clock, Environment},
    storage::{self, Disk, Reader, STATE_FILE, Scrub, StorageError},
};

/// A node that starts is busy with other things.
const FIRST_AFTER: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_secs(60 * 60);
/// Read in one go, and then nothing for a moment: at most about 4 MiB a second, a few hundredths of a core.
const STEP_BYTES: usize = 256 << 10;
const STEP_PAUSE: Duration = Duration::from_millis(64);

pub(super) fn start(
    reader: Reader,
    environment: &Environment,
    disk: Arc<dyn Disk>,
    reports: mpsc::UnboundedSender<Report>,
) -> JoinHandle<()> {
    let clock = environment.clock.clone();
    tokio::spawn(async move {
        let mut pause = FIRST_AFTER;
        loop {
            clock.sleep(pause).await;
            pause = PAUSE;
            let report = match pass(Scrub::new(&reader), &clock, &disk).await {
                Ok(records) => {
                    tracing::info!(records, "read the whole state: it is sound");
                    Report::Scrubbed(Scrubbed { unix_ms: clock.unix_ms(), records })
                }
                Err(error) => Report::Failed(error.into()),
            };
            if reports.send(report).is_err() {
                return;
            }
        }
    })
}

/// Returns how many records there are. What the system has in memory says nothing of the disk.
async fn pass(mut scrub: Scrub, clock: &Clock, disk: &Arc<dyn Disk>) -> Result<u64, StorageError> {
    let mut forgetting = Some(disk.clone());
    loop {
        let forgetting = forgetting.take();
        let work = move || {
            let forgotten = forgetting.map_or(Ok(()), |disk| disk.forget(STATE_FILE));
            let forgotten = forgotten.map_err(|reason| failed(&reason));
            let result = forgotten.and_then(|()| scrub.step(STEP_BYTES));
            (scrub, result)
        };
        let (returned, result) = storage::run_on(&**disk, work).await;
        scrub = returned;
        if result? {
            return Ok(scrub.records);
        }
        clock.sleep(STEP_PAUSE).await;
    }
}

fn failed(reason: &io::Error) -> StorageError {
    StorageError::Disk { file: STATE_FILE, reason: reason.to_string() }
}
