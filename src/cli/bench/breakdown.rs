//! Where the time of a put goes: means of what the proxy and the nodes measure of it, at each station on its way.

use std::{net::SocketAddr, time::Duration};

use anyhow::{Context, bail};
use tokio::time::{sleep_until, timeout};

use super::{
    super::{
        address::Address,
        scrape::{label, scrape, series},
    },
    window::Window,
};

/// Metrics are shown at once, or not at all.
const PATIENCE: Duration = Duration::from_secs(5);

/// A program that shows its metrics.
#[derive(Clone, Debug)]
pub(super) struct Program {
    name: String,
    address: SocketAddr,
}

/// What was measured of the puts within the window.
#[derive(Debug, PartialEq)]
pub(super) struct Breakdown {
    /// From the call to its answer, at the proxies.
    proxy: Times,
    /// From the proposal until it is committed, and from then until it is applied, at the leader.
    commit: Times,
    apply: Times,
    /// Durable writes of the log, at the leader and at each follower: both go on before a commit, side by side.
    leader_sync: Times,
    follower_syncs: Vec<Times>,
}

/// A station on the way of a put.
#[derive(Debug, PartialEq)]
pub(super) struct Station {
    pub(super) name: String,
    /// The mean time there; `None`: nothing was measured.
    pub(super) ms: Option<f64>,
    /// Whether it is a part of the station before it; all others add up to the whole.
    pub(super) is_part: bool,
}

/// How long things took together, and how many there were.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Times {
    seconds: f64,
    count: f64,
}

/// What a program shows at a moment.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Sample {
    is_proxy: bool,
    is_leader: bool,
    puts: Times,
    commit: Times,
    apply: Times,
    sync: Times,
}

/// Finds the programs at these addresses.
///
/// # Errors
/// One shows no metrics, or none of them is a proxy, or a node that leads.
pub(super) async fn find(addresses: &[Address]) -> anyhow::Result<Vec<Program>> {
    let mut programs = Vec::new();
    for address in addresses {
        programs.push(Program { name: address.to_string(), address: address.resolve()? });
    }
    let samples = look(&programs).await?;
    for (what, is_there) in [
        ("a proxy", samples.iter().any(|sample| sample.is_proxy)),
        ("the node that leads", samples.iter().any(|sample| sample.is_leader)),
    ] {
        if !programs.is_empty() && !is_there {
            bail!(
                "--breakdown: {what} is not among these; name the --metrics-listen of the proxy and of all nodes"
            );
        }
    }
    Ok(programs)
}

/// What the programs measure from the window's start to its end; `None` if there are none.
///
/// # Errors
/// One shows its metrics no more.
pub(super) async fn watch(programs: Vec<Program>, window: Window) -> anyhow::Result<Option<Breakdown>> {
    if programs.is_empty() {
        return Ok(None);
    }
    sleep_until(window.start).await;
    let before = look(&programs).await?;
    sleep_until(window.end).await;
    let after = look(&programs).await?;
    Ok(Some(Breakdown::between(&before, &after)))
}

async fn look(programs: &[Program]) -> anyhow::Result<Vec<Sample>> {
    let mut samples = Vec::new();
    for Program { name, address } in programs {
        let text = timeout(PATIENCE, scrape(*address))
            .await
            .unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()));
        samples.push(Sample::read(&text.with_context(|| format!("--breakdown: {name} shows no metrics"))?));
    }
    Ok(samples)
}

impl Sample {
    fn read(metrics: &str) -> Self {
        let mut sample = Self::default();
        for (series, value) in series(metrics) {
            let name = series.split('{').next().unwrap_or_default();
            match name {
                "conclave_proxy_has_leader" => sample.is_proxy = true,
                "conclave_raft_is_leader" => sample.is_leader = value > 0.0,
                _ => {}
            }
            let (times, what) = match name.rsplit_once('_') {
                Some(("conclave_proxy_call_duration_seconds", what))
                    if label(series, "method") == Some("Put") =>
                {
                    (&mut sample.puts, what)
                }
                Some(("conclave_raft_commit_duration_seconds", what)) => (&mut sample.commit, what),
                Some(("conclave_raft_apply_duration_seconds", what)) => (&mut sample.apply, what),
                Some(("conclave_storage_sync_duration_seconds", what)) => (&mut sample.sync, what),
                _ => continue,
            };
            match what {
                "sum" => times.seconds = value,
                "count" => times.count = value,
                _ => {}
            }
        }
        sample
    }

    fn since(&self, before: &Self) -> Self {
        Self {
            puts: self.puts.since(before.puts),
            commit: self.commit.since(before.commit),
            apply: self.apply.since(before.apply),
            sync: self.sync.since(before.sync),
            ..*self
        }
    }
}

impl Breakdown {
    fn between(before: &[Sample], after: &[Sample]) -> Self {
        let samples: Vec<Sample> =
            after.iter().zip(before).map(|(after, before)| after.since(before)).collect();
        let all = |times: fn(&Sample) -> Times| samples.iter().map(times).fold(Times::default(), Times::plus);
        let nodes = || samples.iter().filter(|sample| !sample.is_proxy);
        Self {
            proxy: all(|sample| sample.puts),
            commit: all(|sample| sample.commit),
            apply: all(|sample| sample.apply),
            leader_sync: nodes().find(|node| node.is_leader).map_or_else(Times::default, |node| node.sync),
            follower_syncs: nodes().filter(|node| !node.is_leader).map(|node| node.sync).collect(),
        }
    }

    /// The way of a put for which a client waits so long, in order.
    pub(super) fn stations(&self, client_ms: f64) -> Vec<Station> {
        let [proxy, commit, apply] = [self.proxy, self.commit, self.apply].map(Times::mean_ms);
        let at_leader = commit.zip(apply).map(|(commit, apply)| commit + apply);
        let station = |name: &str, ms| Station { name: name.to_owned(), ms, is_part: false };
        let part = |name: String, times: Times| Station { name, ms: times.mean_ms(), is_part: true };
        let followers = (1..).zip(&self.follower_syncs);
        let followers =
            followers.map(|(number, sync)| part(format!("follower {number} writes its log"), *sync));
        let mut stations = vec![
            station("client and proxy, and the way between them", proxy.map(|proxy| client_ms - proxy)),
            station(
                "proxy and leader, and the way between them",
                proxy.zip(at_leader).map(|(proxy, at_leader)| proxy - at_leader),
            ),
            station("from the proposal until it is committed", commit),
            part("leader writes its log".to_owned(), self.leader_sync),
        ];
        stations.extend(followers);
        stations.push(station("from then until it is applied", apply));
        stations
    }
}

impl Times {
    fn plus(self, other: Self) -> Self {
        Self { seconds: self.seconds + other.seconds, count: self.count + other.count }
    }

    /// A program that was started anew in between counts from nothing.
    fn since(self, before: Self) -> Self {
        match self.count >= before.count {
            true => Self { seconds: self.seconds - before.seconds, count: self.count - before.count },
            false => self,
        }
    }

    fn mean_ms(self) -> Option<f64> {
        (self.count > 0.0).then(|| self.seconds / self.count * 1_000.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxy(seconds: f64, count: u32) -> Sample {
        Sample::read(&format!(
            "conclave_proxy_has_leader 1\n\
             conclave_proxy_call_duration_seconds_sum{{method=\"Range\"}} 99\n\
             conclave_proxy_call_duration_seconds_bucket{{method=\"Put\",le=\"0.1\"}} 77\n\
             conclave_proxy_call_duration_seconds_sum{{method=\"Put\"}} {seconds}\n\
             conclave_proxy_call_duration_seconds_count{{method=\"Put\"}} {count}\n"
        ))
    }

    fn node(leads: bool, sync: f64, commit: f64, apply: f64, count: u32) -> Sample {
        let mut text = format!("conclave_raft_is_leader {}\n", u8::from(leads));
        for (name, seconds) in [
            ("conclave_storage_sync_duration_seconds", sync),
            ("conclave_raft_commit_duration_seconds", commit),
            ("conclave_raft_apply_duration_seconds", apply),
        ] {
            let count = if seconds > 0.0 { count } else { 0 };
            text.push_str(&format!("{name}_sum {seconds}\n{name}_count {count}\n"));
        }
        Sample::read(&text)
    }

    #[test]
    fn the_stations_add_up_to_what_the_client_waits() {
        let before = [proxy(1.0, 100), node(true, 0.1, 0.5, 0.1, 100), node(false, 0.1, 0.0, 0.0, 100)];
        let after = [proxy(1.3, 200), node(true, 0.13, 0.6, 0.12, 200), node(false, 0.14, 0.0, 0.0, 200)];
        let stations = Breakdown::between(&before, &after).stations(3.5);
        let shown: Vec<_> =
            stations.iter().map(|station| station.ms.map(|ms| (ms * 100.0).round() / 100.0)).collect();
        let expected = [Some(0.5), Some(1.8), Some(1.0), Some(0.3), Some(0.4), Some(0.2)];
        assert_eq!(shown, expected, "{stations:?}");
        let whole: f64 =
            stations.iter().filter(|station| !station.is_part).filter_map(|station| station.ms).sum();
        assert!((whole - 3.5).abs() < 1e-9, "{stations:?}");
    }

    #[test]
    fn what_was_not_measured_is_not_claimed() {
        let samples = [proxy(1.0, 100), node(true, 0.0, 0.0, 0.0, 0)];
        let stations = Breakdown::between(&samples, &samples).stations(1.0);
        assert!(stations.iter().all(|station| station.ms.is_none()), "{stations:?}");
        let restarted = Breakdown::between(&[proxy(9.0, 900)], &[proxy(0.2, 100)]);
        assert_eq!(restarted.proxy.mean_ms(), Some(2.0));
    }

    #[tokio::test]
    async fn a_program_that_shows_nothing_is_named() {
        let nobody = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = nobody.local_addr().expect("it has one");
        drop(nobody);
        let address: Address = address.to_string().parse().expect("an address");
        let error = find(std::slice::from_ref(&address)).await.expect_err("nobody is there");
        assert!(
            format!("{error:#}").contains(&format!("--breakdown: {address} shows no metrics")),
            "{error:#}"
        );
        assert!(find(&[]).await.expect("nobody was asked").is_empty());
    }
}
