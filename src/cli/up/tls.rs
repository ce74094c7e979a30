//! The certificates of a cluster on this machine.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use super::super::{cert::Wanted, tls::TlsArgs};

/// This machine, as its programs call each other.
const HOSTS: &str = "127.0.0.1+localhost+[::1]";
/// Good for long: such a cluster is for trying things out.
const DAYS: u32 = 3650;

/// Certificates in a directory beside the data.
pub(super) struct Tls {
    dir: PathBuf,
}

impl Tls {
    /// Those in the directory; what is missing is made. `proxy_host` is where clients find the proxy.
    ///
    /// # Errors
    /// They cannot be made.
    pub(super) fn prepare(data_dir: &Path, nodes: usize, proxy_host: &str) -> anyhow::Result<Self> {
        let dir = data_dir.join("tls");
        let is_there = dir.join("ca.crt").exists();
        let mut wanted = Wanted {
            dir: dir.clone(),
            cluster: None,
            nodes: (1..=nodes).map(|id| format!("{id}={HOSTS}")).collect(),
            proxies: vec![format!("local={HOSTS}+{proxy_host}")],
            clients: vec!["local".to_owned()],
            operators: vec!["local".to_owned()],
            days: DAYS,
        };
        if is_there {
            let is_missing = |role: &str, holder: &String| {
                let name = holder.split('=').next().unwrap_or_default();
                !dir.join(format!("{role}-{name}.crt")).exists()
            };
            wanted.nodes.retain(|holder| is_missing("node", holder));
            // The proxy may be found elsewhere this time.
            wanted.clients.retain(|holder| is_missing("client", holder));
            wanted.operators.retain(|holder| is_missing("operator", holder));
            wanted.issue()?;
        } else {
            wanted.init()?;
        }
        Ok(Self { dir })
    }

    /// Where the certificate of a holder is, like "node-1".
    pub(super) fn files(&self, holder: &str) -> TlsArgs {
        TlsArgs {
            tls_ca: Some(self.dir.join("ca.crt")),
            tls_cert: Some(self.dir.join(format!("{holder}.crt"))),
            tls_key: Some(self.dir.join(format!("{holder}.key"))),
        }
    }

    /// The options of a program.
    pub(super) fn options(&self, holder: &str) -> Vec<OsString> {
        self.files(holder).options()
    }
}
