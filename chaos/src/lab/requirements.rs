//! What this machine must have, or the run is skipped.

use super::command::{exists, run};

/// Why nothing can be run here; none: it can.
pub(crate) fn missing() -> Option<String> {
    if !nix::unistd::geteuid().is_root() {
        return Some("network namespaces and mounts need root".to_owned());
    }
    let packages = [("ip", "iproute2"), ("nft", "nftables"), ("mount", "mount"), ("cc", "gcc")];
    if let Some((program, package)) = packages.into_iter().find(|(program, _)| !exists(program)) {
        return Some(format!("there is no '{program}' here: install the package {package}"));
    }
    let name = format!("conclave-chaos-try-{}", std::process::id());
    let tried = run(&format!("ip netns add {name}"))
        .and_then(|_| run(&format!("ip netns exec {name} nft list ruleset")));
    let _ = run(&format!("ip netns del {name}"));
    tried.err().map(|error| format!("this machine makes no network namespaces: {error}"))
}
