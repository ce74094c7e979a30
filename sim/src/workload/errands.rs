//! What operators do beside changing the members: they take backups while everything goes on, give the past up, and end alarms. What
//! they are told is part of the history, as what clients are told: a backup is a read of all keys.

use std::{sync::Arc, time::Duration};

use conclave::{
    client::{Client, GetOptions},
    kv::{MemoryStore, RangeRequest, RangeScan, StepBudget, Write as _},
    storage::BackupReader,
};
use madsim::time::{sleep, timeout};
use tokio::sync::Semaphore;

use super::{Workload, client::ask_and_tell};
use crate::trace::{Answer, Call, Found, Recorder};

/// The number under which they ask: no client has it.
const OPERATOR: u64 = 998;
/// Between two attempts to end an alarm.
const PAUSE: Duration = Duration::from_millis(100);
/// What was asked for and not answered has happened by then, or never will.
const LATE_MAX: Duration = Duration::from_secs(12);
/// Until then it is undone so often.
const LATE_INTERVAL: Duration = Duration::from_millis(500);
/// A backup that is not whole by then is given up.
const BACKUP_PATIENCE: Duration = Duration::from_secs(10);

/// A backup is taken, and what it holds is told.
pub(super) async fn back_up(client: Client, recorder: Recorder) {
    let (from, to) = Workload::all_keys();
    let operation = recorder.called(OPERATOR, Call::Backup { from: from.clone(), to: to.clone() });
    let answer = match timeout(BACKUP_PATIENCE, Box::pin(receive(&client))).await {
        Ok(Ok(file)) => match read(&file, &from, &to) {
            Ok(answer) => answer,
            Err(why) => Answer::Broken(why),
        },
        Ok(Err(why)) => Answer::DidNotHappen(why),
        Err(_) => Answer::DidNotHappen("it took too long".to_owned()),
    };
    recorder.answered(OPERATOR, operation, answer);
}

/// All of a backup: `Err` if it broke off.
async fn receive(client: &Client) -> Result<Vec<u8>, String> {
    let mut pieces = client.backup().await.map_err(|error| error.to_string())?;
    let mut file = Vec::new();
    while let Some(piece) = pieces.message().await.map_err(|status| status.to_string())? {
        file.extend_from_slice(&piece.blob);
    }
    Ok(file)
}

/// The keys of a range, as a backup that arrived whole holds them; or what is wrong with it.
fn read(file: &[u8], from: &str, to: &str) -> Result<Answer, String> {
    let mut backup = BackupReader::open(file).map_err(|error| error.to_string())?;
    let mut store = MemoryStore::new();
    while let Some(records) = backup.records().map_err(|error| error.to_string())? {
        for record in records {
            store.insert(record.table, &record.key, &record.value).expect("memory does not fail");
        }
    }
    let told = backup.about().revision;
    backup.finish().map_err(|error| error.to_string())?;
    let request = RangeRequest { key: from.into(), range_end: to.into(), ..RangeRequest::default() };
    let everything = StepBudget { records: usize::MAX, bytes: usize::MAX };
    let scan = RangeScan::begin(&store, request).map_err(|error| error.to_string())?;
    let mut scan = scan.map_err(|rejection| format!("{rejection:?}"))?;
    let pairs = scan.step(&store, everything).map_err(|error| error.to_string())?;
    let pairs = pairs.map_err(|rejection| format!("{rejection:?}"))?;
    let revision = scan.summary().revision;
    if revision != told {
        return Err(format!("it says revision {told}, and is of {revision}"));
    }
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let found = pairs.into_iter().map(|pair| {
        let found = Found {
            value: text(&pair.value),
            mod_revision: pair.mod_revision,
            version: pair.version,
            create_revision: pair.create_revision,
        };
        (text(&pair.key), found)
    });
    Ok(Answer::Ranged { revision, found: found.collect() })
}

/// A member is out of space, which somebody tells the cluster; an operator makes room, and ends the alarm after so long, or when
/// everything is noticed.
pub(super) async fn run_out_of_space(
    client: Client,
    recorder: Recorder,
    member: u64,
    room_after: Duration,
    all_is_noticed: Arc<Semaphore>,
) {
    let raised = ask_and_tell(&client, &recorder, OPERATOR, Call::Alarm { member, raises: true }).await;
    let _ = timeout(room_after, all_is_noticed.acquire()).await;
    disarm(&client, &recorder, member).await;
    // It may be raised yet: what a proxy sent may wait on a line for longer than whoever asked.
    let may_come = if matches!(raised, Answer::Unknown(_)) { LATE_MAX } else { Duration::ZERO };
    for _ in 0..may_come.as_millis() / LATE_INTERVAL.as_millis() {
        sleep(LATE_INTERVAL).await;
        disarm(&client, &recorder, member).await;
    }
}

/// Asks until the alarm is over.
async fn disarm(client: &Client, recorder: &Recorder, member: u64) {
    let end = Call::Alarm { member, raises: false };
    while ask_and_tell(client, recorder, OPERATOR, end.clone()).await != Answer::Alarmed {
        sleep(PAUSE).await;
    }
}

/// All of the past is given up, as of now.
pub(super) async fn compact_everything(client: Client, recorder: Recorder) {
    let Ok(now) = client.get(Workload::key(0), GetOptions::default()).await else { return };
    let call = Call::Compact { revision: now.header.unwrap_or_default().revision };
    ask_and_tell(&client, &recorder, OPERATOR, call).await;
}
