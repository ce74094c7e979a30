//! What must be seen of rendered instances: they serve with TLS through the load balancer, refuse whoever has no
//! certificate, and go on when the leader's machine is gone.

use std::{
    io::{Read, Write},
    net::TcpStream,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use super::{instance::Instance, site::Site};
use crate::{lab::command::one_line, plan::Interrupted, story::Story};

/// How long a site may take to serve, or to go on.
const PATIENCE: Duration = Duration::from_secs(60);
/// Puts before the leader's machine dies, and after.
const PUTS: usize = 40;
/// The shell of a user who has logged in.
const LOGIN: &str = ". /etc/profile.d/conclave.sh;";

/// Boots what is rendered, and sees it serve. Each step is told; the first that fails ends the proof.
///
/// # Errors
/// What was not seen.
pub(crate) fn prove(rendered: &Path, binary: &Path, folder: &Path, stop: &AtomicBool) -> Result<()> {
    let mut site = Site::boot(rendered, binary, folder)?;
    Story::say(&format!(
        "ok: {} instances are booted, and have fetched their certificates",
        site.instances.len()
    ));
    site.start()?;
    let check = |stop: &AtomicBool| if stop.load(Ordering::Relaxed) { bail!(Interrupted) } else { Ok(()) };
    let began = Instant::now();
    while put(site.first("client"), 0).is_err() {
        check(stop)?;
        ensure!(
            began.elapsed() < PATIENCE,
            "no put succeeds: {:#}",
            put(site.first("client"), 0).unwrap_err()
        );
        thread::sleep(Duration::from_millis(100));
    }
    Story::say("ok: a put succeeds with TLS, through the load balancer's port");
    refuses_strangers(site.first("client"))?;
    answers_operators(site.first("client"))?;
    tells_health(&site)?;
    for number in 1..=PUTS {
        check(stop)?;
        put(site.first("client"), number)?;
    }
    let leader = leader(site.first("client"))?;
    site.kill(&format!("node-{leader}"))?;
    let killed = Instant::now();
    Story::say(&format!("ok: {PUTS} puts; the machine of node {leader}, the leader, is gone"));
    for number in PUTS + 1..=2 * PUTS {
        check(stop)?;
        put(site.first("client"), number)?;
        if number == PUTS + 1 {
            Story::say(&format!("ok: the next put succeeds {} ms later", killed.elapsed().as_millis()));
        }
    }
    for number in 0..=2 * PUTS {
        let found = site.first("client").shell(&format!("{LOGIN} conclave get key-{number}"))?;
        ensure!(found.contains(&format!("value-{number}")), "key-{number} reads as {found:?}");
    }
    backs_up(site.first("client"))?;
    let new = self::leader(site.first("client"))?;
    ensure!(new != leader, "node {new} still leads");
    Story::say(&format!("ok: {PUTS} more puts, all are read back; node {new} leads"));
    let lost = format!("node-{leader}");
    let dead = site
        .instances
        .iter_mut()
        .filter(|instance| !instance.config.is_a("client") && instance.config.hostname != lost);
    let dead: Vec<String> =
        dead.filter_map(|instance| (!instance.runs()).then(|| instance.config.hostname.clone())).collect();
    ensure!(dead.is_empty(), "these have ended: {dead:?}");
    Ok(())
}

fn put(client: &Instance, number: usize) -> Result<()> {
    client.shell(&format!("{LOGIN} conclave put key-{number} value-{number}")).map(drop)
}

/// Whoever has no certificate of the cluster's CA gets nowhere.
fn refuses_strangers(client: &Instance) -> Result<()> {
    let line =
        format!("{LOGIN} unset CONCLAVE_TLS_CERT CONCLAVE_TLS_KEY; conclave put stranger 1 --timeout 2s");
    let output = client.try_shell(&line)?;
    ensure!(!output.status.success(), "a client without a certificate has written");
    let line = format!(
        "{LOGIN} unset CONCLAVE_TLS_CA CONCLAVE_TLS_CERT CONCLAVE_TLS_KEY; conclave put stranger 1 --timeout 2s"
    );
    ensure!(!client.try_shell(&line)?.status.success(), "a client without TLS has written");
    Story::say("ok: a client without a certificate, and one without TLS, are refused");
    Ok(())
}

fn answers_operators(client: &Instance) -> Result<()> {
    let listed = client.shell("/usr/local/bin/conclave-operator member list")?;
    ensure!(listed.contains("node-1."), "the members are not told by their names: {listed}");
    let output = client.try_shell(&format!("{LOGIN} conclave transfer --to 1"))?;
    let told = one_line(&output.stderr);
    let is_refused = !output.status.success() && told.contains("operator");
    ensure!(is_refused, "a client that is no operator may hand leadership over, or was told {told:?}");
    Story::say("ok: the operator's certificate lists the members; a client's hands no leadership over");
    Ok(())
}

/// The script that a timer runs every night.
fn backs_up(client: &Instance) -> Result<()> {
    client.shell("exec /usr/local/sbin/conclave-backup")?;
    let told = client.shell("exec conclave snapshot status /bucket/*.snapshot")?;
    ensure!(!told.trim().is_empty(), "nothing is told of the backup");
    Story::say("ok: a backup is saved, stored, and found sound");
    Ok(())
}

/// `/readyz` of every server, before long.
fn tells_health(site: &Site) -> Result<()> {
    for instance in site.instances.iter().filter(|instance| !instance.config.is_a("client")) {
        let address = format!("{}:23901", site.address(&instance.config));
        let began = Instant::now();
        loop {
            let answer = readyz(&address).with_context(|| address.clone())?;
            if answer.starts_with("HTTP/1.1 200") {
                break;
            }
            ensure!(began.elapsed() < PATIENCE, "{} is not ready: {answer}", instance.config.hostname);
            thread::sleep(Duration::from_millis(100));
        }
    }
    Story::say("ok: every server says that it is ready");
    Ok(())
}

fn readyz(address: &str) -> Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.write_all(b"GET /readyz HTTP/1.1\r\nHost: metrics\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

fn leader(client: &Instance) -> Result<u64> {
    let status: Value = serde_json::from_str(&client.shell(&format!("{LOGIN} conclave status --json"))?)?;
    status["leader"].as_u64().context("nobody leads")
}
