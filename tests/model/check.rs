//! wip
use crate::consensus::Consensus;
use stateright::{Checker, Model};
use std::time::{Duration, Instant};

#[test]
fn explore() {
    let nodes = |name: &str, default: &str| -> Vec<u64> {
        std::env::var(name).unwrap_or(default.into()).split(',').map(|x| x.parse().unwrap()).collect()
    };
    let mut model = Consensus::of(&nodes("F", "1,2,3"));
    model.wanted = nodes("X", "1").into_iter().collect();
    for (k, v) in std::env::vars() {
        if let Some(k) = k.strip_prefix("M_") {
            model.set(k, v.parse().unwrap());
        }
    }
    let begin = Instant::now();
    let seconds: u64 = std::env::var("S").ok().and_then(|x| x.parse().ok()).unwrap_or(60);
    let checker = model
        .checker()
        .threads(2)
        .timeout(Duration::from_secs(seconds))
        .finish_when(stateright::HasDiscoveries::AnyFailures);
    if std::env::var("DFS").is_ok() {
        report(checker.spawn_dfs(), begin)
    } else {
        report(checker.spawn_bfs(), begin)
    };
}
fn report(checker: impl Checker<Consensus>, begin: Instant) {
    let checker = checker.join();
    let seconds = begin.elapsed();
    println!(
        "{} unique {} depth {} in {:?}",
        checker.state_count(),
        checker.unique_state_count(),
        checker.max_depth(),
        seconds
    );
    for property in checker.model().properties() {
        let found = checker.discovery(property.name);
        match (property.expectation, found) {
            (stateright::Expectation::Sometimes, None) => println!("    MISSING {}", property.name),
            (stateright::Expectation::Always, Some(path)) => {
                println!("    BROKEN {} {:#?}", property.name, path.into_actions())
            }
            _ => {}
        }
    }
    println!(
        "{}",
        std::fs::read_to_string("/proc/self/status")
            .unwrap()
            .lines()
            .find(|l| l.starts_with("VmHWM"))
            .unwrap()
    );
}
