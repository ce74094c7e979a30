//! The certificates of a cluster that has some: who uses which.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use conclave::rpc::{Credentials, OwnFiles, Security, TlsFiles};

use crate::{
    lab::{Network, command::run},
    shape::{Machine, Shape},
};

/// A folder as 'conclave cert init' makes it.
pub(crate) struct Certificates {
    folder: PathBuf,
}

impl Certificates {
    /// Makes those of a cluster.
    pub(super) fn create(shape: &Shape, network: &Network, binary: &Path, folder: PathBuf) -> Result<Self> {
        let at = |machine: Machine| network.address(&machine.short());
        let nodes: Vec<String> =
            (1..=shape.node_count()).map(|id| format!("{id}={}", at(Machine::Node(id)))).collect();
        let proxies: Vec<String> =
            (0..shape.proxies).map(|number| format!("{number}={}", at(Machine::Proxy(number)))).collect();
        run(&format!(
            "{} cert init --dir {} --cluster conclave --nodes {} --proxies {} --clients chaos --operators chaos",
            binary.display(),
            folder.display(),
            nodes.join(","),
            proxies.join(",")
        ))?;
        Ok(Self { folder })
    }

    /// The options of a machine's program.
    pub(super) fn options(&self, machine: Machine) -> String {
        match machine {
            Machine::Node(id) => self.options_of(&format!("node-{id}")),
            Machine::Proxy(number) => {
                format!("{} --client-cert-required", self.options_of(&format!("proxy-{number}")))
            }
            Machine::Client(_) => self.options_of("client-chaos"),
        }
    }

    /// The options of an operator's commands.
    pub(super) fn operator(&self) -> String {
        self.options_of("operator-chaos")
    }

    /// What clients connect with.
    pub(super) fn client(&self) -> Result<Security> {
        self.security("client-chaos")
    }

    /// What may ask a node how it is: a proxy.
    pub(super) fn proxy(&self) -> Result<Security> {
        self.security("proxy-0")
    }

    fn options_of(&self, name: &str) -> String {
        let folder = self.folder.display();
        format!("--tls-ca {folder}/ca.crt --tls-cert {folder}/{name}.crt --tls-key {folder}/{name}.key")
    }

    fn security(&self, name: &str) -> Result<Security> {
        let file = |name: String| self.folder.join(name);
        let own = OwnFiles { certificate: file(format!("{name}.crt")), key: file(format!("{name}.key")) };
        let files = TlsFiles { ca: file("ca.crt".to_owned()), own: Some(own) };
        let credentials =
            Credentials::load(files, false).with_context(|| format!("the certificate of {name}"))?;
        Ok(Security::tls(credentials))
    }
}
