//! How connections are secured: the options of all programs that make some.

use std::path::PathBuf;

use super::usage::UsageError;
use crate::rpc::{Credentials, OwnFiles, Security, TlsFiles};

/// Certificates, in PEM, as 'conclave cert' makes them.
#[derive(Clone, Debug, Default, clap::Args)]
pub(super) struct TlsArgs {
    /// Certificate of the CA of the cluster: connections are secured, and those who answer must have a certificate of it
    #[arg(long, value_name = "FILE", env = "CONCLAVE_TLS_CA")]
    pub(super) tls_ca: Option<PathBuf>,
    /// Certificate of this program
    #[arg(long, value_name = "FILE", env = "CONCLAVE_TLS_CERT")]
    pub(super) tls_cert: Option<PathBuf>,
    /// Key of --tls-cert
    #[arg(long, value_name = "FILE", env = "CONCLAVE_TLS_KEY")]
    pub(super) tls_key: Option<PathBuf>,
}

impl TlsArgs {
    /// Of a client, which may stay unknown.
    ///
    /// # Errors
    /// The options do not fit together, or a file cannot be used.
    pub(super) fn of_client(&self) -> anyhow::Result<Security> {
        let Self { tls_ca, tls_cert, tls_key } = self;
        let own = match (tls_cert, tls_key) {
            (Some(certificate), Some(key)) => {
                Some(OwnFiles { certificate: certificate.clone(), key: key.clone() })
            }
            (None, None) => None,
            (Some(_), None) => return Err(missing("--tls-key", "--tls-cert")),
            (None, Some(_)) => return Err(missing("--tls-cert", "--tls-key")),
        };
        match (tls_ca, own) {
            (Some(ca), own) => Ok(Security::tls(self.load(TlsFiles { ca: ca.clone(), own }, false)?)),
            (None, Some(_)) => Err(missing("--tls-ca", "--tls-cert")),
            (None, None) => Ok(Security::default()),
        }
    }

    /// Of a server, which has a certificate of its own, for the role and the cluster that `is_it` accepts, and asks its callers for
    /// theirs if `asks_clients`.
    ///
    /// # Errors
    /// The options do not fit together, or a file cannot be used.
    pub(super) fn of_server(
        &self,
        asks_clients: bool,
        check: impl FnOnce(&crate::rpc::Identity) -> Result<(), String>,
    ) -> anyhow::Result<Security> {
        let Self { tls_ca, tls_cert, tls_key } = self;
        let files = match (tls_ca, tls_cert, tls_key) {
            (Some(ca), Some(certificate), Some(key)) => TlsFiles {
                ca: ca.clone(),
                own: Some(OwnFiles { certificate: certificate.clone(), key: key.clone() }),
            },
            (None, None, None) => return Ok(Security::default()),
            (None, ..) => return Err(missing("--tls-ca", "--tls-cert or --tls-key")),
            (_, None, _) => return Err(missing("--tls-cert", "--tls-ca")),
            (_, _, None) => return Err(missing("--tls-key", "--tls-cert")),
        };
        let credentials = self.load(files, asks_clients)?;
        let own = credentials.own().expect("a server has a certificate of its own");
        check(own).map_err(|why| UsageError(format!("--tls-cert is for {own}: {why}")))?;
        Ok(Security::tls(credentials))
    }

    /// An error names the option whose file it is about: it may stand in a file of settings.
    fn load(&self, files: TlsFiles, asks_clients: bool) -> Result<Credentials, UsageError> {
        Credentials::load(files, asks_clients).map_err(|error| {
            let option = match Some(&error.path) {
                path if path == self.tls_ca.as_ref() => "--tls-ca ",
                path if path == self.tls_cert.as_ref() => "--tls-cert ",
                path if path == self.tls_key.as_ref() => "--tls-key ",
                _ => "",
            };
            UsageError(format!("{option}{error}"))
        })
    }

    /// As a program is told them.
    pub(super) fn options(&self) -> Vec<std::ffi::OsString> {
        let options =
            [("--tls-ca", &self.tls_ca), ("--tls-cert", &self.tls_cert), ("--tls-key", &self.tls_key)];
        let given = options.into_iter().filter_map(|(option, file)| Some((option, file.as_ref()?)));
        given.flat_map(|(option, file)| [option.into(), file.into()]).collect()
    }
}

fn missing(option: &str, given: &str) -> anyhow::Error {
    UsageError(format!("{option} is missing: it goes with {given}")).into()
}
