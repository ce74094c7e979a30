//! All nodes come to one state, as 'conclave status --json' tells an operator.

use anyhow::{Context, Result};
use serde_json::Value;

use crate::cluster::Cluster;

/// Whether every node has applied as much as every other. That equal applied indexes come with equal states is a promise.
///
/// # Errors
/// It is broken.
pub(crate) fn has_converged(cluster: &Cluster) -> Result<bool> {
    let output = cluster.command("status --json").output().context("'conclave status' cannot be run")?;
    // Nobody answers yet.
    let Ok(status) = serde_json::from_slice::<Value>(&output.stdout) else { return Ok(false) };
    let empty = Vec::new();
    let nodes = status["nodes"].as_array().unwrap_or(&empty);
    let is_there = |node: &Value| node["reachable"] == true && node["applied"].is_u64();
    if nodes.len() as u64 != cluster.shape.node_count() || !nodes.iter().all(is_there) {
        return Ok(false);
    }
    if !nodes.iter().all(|node| node["applied"] == nodes[0]["applied"]) {
        return Ok(false);
    }
    let hashes: Vec<&Value> = nodes.iter().map(|node| &node["state_hash"]).collect();
    anyhow::ensure!(
        hashes.iter().all(|hash| *hash == hashes[0]),
        "at applied index {} the states differ: {hashes:?}",
        nodes[0]["applied"]
    );
    Ok(true)
}
