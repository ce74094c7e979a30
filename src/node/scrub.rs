//! Reads the whole state now and then, slowly, beside everything else: a node whose disk rots stops while the others
//! are whole, not when the last of them has died.

use std::{io, sync::Arc, time::Duration};

use tokio::{sync::mpsc, task::JoinHandle};

use super::report::{Report, Scrubbed};
use crate::{
    env::{Clock, Environment, Knob, knob, knob_ms},
    storage::{self, Disk, Reader, STATE_FILE, Scrub, StorageError},
};

/// A node that starts is busy with other things.
const FIRST_AFTER: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_secs(60 * 60);
/// Read in one go, and then nothing for a moment: at most about 4 MiB a second, a few hundredths of a core, if the state is not large.
const STEP_BYTES: usize = 256 << 10;
const STEP_PAUSE: Duration = Duration::from_millis(64);
/// A pass lasts about so long at most, as far as the disk allows, however large the state is: it reads what one commit left, and the
/// engine uses no page again meanwhile that later commits freed.
const PASS_MAX: Duration = Duration::from_secs(60);

pub(super) fn start(
    reader: Reader,
    environment: &Environment,
    disk: Arc<dyn Disk>,
    reports: mpsc::UnboundedSender<Report>,
) -> JoinHandle<()> {
    let clock = environment.clock.clone();
    tokio::spawn(async move {
        let between = knob_ms(Knob::ScrubPauseMs, PAUSE);
        let mut pause = FIRST_AFTER.min(between);
        loop {
            clock.sleep(pause).await;
            pause = between;
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
    let step_bytes = knob(Knob::ScrubStepBytes, STEP_BYTES);
    let pass_began = clock.now();
    loop {
        let step_began = clock.now();
        let forgetting = forgetting.take();
        let work = move || {
            let forgotten = forgetting.map_or(Ok(()), |disk| disk.forget(STATE_FILE));
            let forgotten = forgotten.map_err(|reason| failed(&reason));
            let result = forgotten.and_then(|()| scrub.step(step_bytes));
            (scrub, result)
        };
        let (returned, result) = storage::run_on(&**disk, work).await;
        scrub = returned;
        if result? {
            return Ok(scrub.records);
        }
        let now = clock.now();
        let pause = pause_after(now.since(step_began), now.since(pass_began), step_bytes, scrub.state_bytes);
        clock.sleep(pause).await;
    }
}

/// How long nothing is read after a step that took so long, in a pass that has taken so long, of a state that weighs so much.
fn pause_after(step_took: Duration, pass_took: Duration, step_bytes: usize, state_bytes: u64) -> Duration {
    if pass_took >= PASS_MAX {
        return Duration::ZERO;
    }
    let step_bytes = step_bytes as f64;
    let step_share = PASS_MAX.mul_f64(step_bytes / step_bytes.max(state_bytes as f64));
    step_share.saturating_sub(step_took).min(STEP_PAUSE)
}

fn failed(reason: &io::Error) -> StorageError {
    StorageError::Disk { file: STATE_FILE, reason: reason.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How long a pass takes over so many bytes, of which the header counts `state_bytes`, at so much for each step.
    fn pass_of(file_bytes: u64, state_bytes: u64, step: Duration) -> Duration {
        let (mut took, mut read) = (Duration::ZERO, 0);
        while read < file_bytes {
            read += STEP_BYTES as u64;
            took += step;
            took += pause_after(step, took, STEP_BYTES, state_bytes);
        }
        took
    }

    #[test]
    fn a_pass_ends_within_a_minute_however_large_the_state_is() {
        for step_us in [0, 300, 900] {
            let step = Duration::from_micros(step_us);
            for bytes in [200 << 20, 2 << 30, 16 << 30_u64] {
                let took = pass_of(bytes, bytes, step);
                assert!(took < PASS_MAX + Duration::from_secs(2), "{bytes} bytes: {took:?}");
            }
        }
    }

    #[test]
    fn a_small_state_is_read_slowly() {
        for bytes in [1 << 20, 10 << 20, 100 << 20_u64] {
            let rate = bytes as f64 / pass_of(bytes, bytes, Duration::from_millis(1)).as_secs_f64();
            assert!(rate < 4.1 * f64::from(1 << 20), "{bytes} bytes at {rate}/s");
        }
    }

    /// Their records lie in the file until they are removed, and the header does not count them.
    #[test]
    fn what_is_compacted_and_not_yet_removed_does_not_make_a_pass_longer() {
        let took = pass_of(2 << 30, 100 << 20, Duration::from_micros(300));
        assert!(took < PASS_MAX + Duration::from_secs(5), "{took:?}");
    }

    #[test]
    fn a_disk_that_cannot_read_it_in_time_is_given_no_pauses_and_an_empty_state_needs_none() {
        assert_eq!(
            pause_after(Duration::from_secs(1), Duration::from_secs(1), STEP_BYTES, 2 << 30),
            Duration::ZERO
        );
        assert_eq!(pause_after(Duration::ZERO, Duration::ZERO, STEP_BYTES, 0), STEP_PAUSE);
    }
}
