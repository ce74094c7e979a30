//! `conclave cert`: certificates for a cluster, from a CA of its own.

use std::{
    fs,
    io::{self, Write as _},
    net::IpAddr,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};
use time::{Duration, OffsetDateTime};
use tokio_rustls::rustls::pki_types::{CertificateDer, pem::PemObject};

use super::{daemon::CLUSTER, usage::UsageError};
use crate::rpc::{Identity, Role, identity_of};

const EXAMPLES: &str = "\
EXAMPLES
  conclave cert init --dir tls --nodes 1=node-1.internal,2=node-2.internal,3=node-3.internal \\
      --proxies a=proxy.internal+10.0.0.9 --clients app --operators ann
  conclave cert issue --dir tls --nodes 4=node-4.internal
  conclave cert show tls/node-4.crt

A certificate says who its holder is, as a SPIFFE ID like spiffe://conclave/node/2, and at which hosts it is found. 'init' makes \
the CA; 'issue' makes more certificates with it, or renews them: the programs take renewed files without a restart. Whoever \
has ca.key can be anybody: keep it off the machines of the cluster.";

/// What a CA is called, before the name of its cluster.
const CA_OF: &str = "CA of the cluster ";

/// Certificates for a cluster, from a CA of its own
#[derive(Debug, clap::Subcommand)]
#[command(after_help = EXAMPLES)]
pub(super) enum CertCommand {
    /// Make a CA, and certificates
    Init(Wanted),
    /// Make more certificates with the CA that 'init' made, or renew them
    Issue(Wanted),
    /// Show what a certificate says
    Show {
        /// A certificate in PEM
        file: PathBuf,
    },
}

/// Whose certificates are wanted.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Wanted {
    /// Where ca.crt and ca.key are, and everything else goes
    #[arg(long, value_name = "DIR", default_value = "tls")]
    pub(super) dir: PathBuf,
    /// Name of the cluster, as the programs are told it [default: conclave, and for 'issue' the name that 'init' was given]
    #[arg(long, value_name = "NAME")]
    pub(super) cluster: Option<String>,
    /// Nodes and the hosts at which others reach them; several hosts are joined by '+'
    #[arg(long, value_name = "N=HOST[+HOST],...", value_delimiter = ',')]
    pub(super) nodes: Vec<String>,
    /// Proxies and the hosts at which clients reach them: their own, and a load balancer's
    #[arg(long, value_name = "NAME=HOST[+HOST],...", value_delimiter = ',')]
    pub(super) proxies: Vec<String>,
    /// Clients, which read and write
    #[arg(long, value_name = "NAME,...", value_delimiter = ',')]
    pub(super) clients: Vec<String>,
    /// Operators, which also change members, clear alarms and take backups
    #[arg(long, value_name = "NAME,...", value_delimiter = ',')]
    pub(super) operators: Vec<String>,
    /// For how many days certificates are good; the CA for ten times as long
    #[arg(long, value_name = "N", default_value_t = 365, value_parser = clap::value_parser!(u32).range(1..=3650))]
    pub(super) days: u32,
}

/// Somebody to be certified.
struct Holder {
    identity: Identity,
    params: CertificateParams,
}

impl CertCommand {
    pub(super) fn run(&self) -> anyhow::Result<String> {
        match self {
            Self::Init(wanted) => wanted.init(),
            Self::Issue(wanted) => wanted.issue(),
            Self::Show { file } => show(file),
        }
    }
}

impl Wanted {
    /// Makes the CA, then all certificates.
    ///
    /// # Errors
    /// There is a CA already, a name is no name, or a file cannot be written.
    pub(super) fn init(&self) -> anyhow::Result<String> {
        let cluster = self.cluster.as_deref().unwrap_or(CLUSTER);
        let holders = self.holders(cluster)?;
        let (certificate_file, key_file) = (self.dir.join("ca.crt"), self.dir.join("ca.key"));
        if key_file.exists() && !certificate_file.exists() {
            bail!(
                "{0} is there and ca.crt is not: put that back, or remove {0} if making them broke off",
                key_file.display()
            );
        }
        if certificate_file.exists() {
            bail!(
                "{} has a CA already: 'conclave cert issue' makes certificates with it; another one needs another --dir",
                self.dir.display()
            );
        }
        fs::create_dir_all(&self.dir).with_context(|| format!("cannot make {}", self.dir.display()))?;
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, format!("{CA_OF}{cluster}"));
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        set_validity(&mut params, i64::from(self.days) * 10);
        let certificate = params.self_signed(&key)?;
        write_secret(&key_file, &key.serialize_pem())?;
        write(&certificate_file, &certificate.pem())?;
        let issuer = Issuer::new(params, key);
        Ok(format!("{} is the CA\n{}", certificate_file.display(), self.certify(&issuer, &holders)?))
    }

    /// Makes certificates with the CA that is there.
    ///
    /// # Errors
    /// There is none, a name is no name, or a file cannot be written.
    pub(super) fn issue(&self) -> anyhow::Result<String> {
        let Self { nodes, proxies, clients, operators, .. } = self;
        if [nodes, proxies, clients, operators].into_iter().all(Vec::is_empty) {
            return Err(UsageError(
                "nothing to issue: name --nodes, --proxies, --clients or --operators".into(),
            )
            .into());
        }
        let (certificate_file, key_file) = (self.dir.join("ca.crt"), self.dir.join("ca.key"));
        let read = |path: &Path| {
            fs::read_to_string(path)
                .with_context(|| format!("{} cannot be read: 'conclave cert init' makes it", path.display()))
        };
        let ca = read(&certificate_file)?;
        let holders = self.holders(&self.cluster_of(&certificate_file, &ca)?)?;
        let key = KeyPair::from_pem(&read(&key_file)?)
            .map_err(|_| anyhow::anyhow!("{} holds no key", key_file.display()))?;
        let issuer = Issuer::from_ca_cert_pem(&ca, key)
            .with_context(|| format!("{} holds no CA", certificate_file.display()))?;
        self.certify(&issuer, &holders)
    }

    /// The cluster that a CA was made for: certificates for another one would replace good ones, and be refused.
    fn cluster_of(&self, file: &Path, pem: &str) -> anyhow::Result<String> {
        let der = CertificateDer::from_pem_slice(pem.as_bytes())
            .with_context(|| format!("{} holds no CA", file.display()))?;
        let subject = x509_parser::parse_x509_certificate(&der).map(|(_, ca)| ca.subject().to_string());
        let named = subject.ok().and_then(|subject| Some(subject.split_once(CA_OF)?.1.to_owned()));
        match (&self.cluster, named) {
            (Some(wanted), Some(named)) if *wanted != named => {
                bail!(
                    "{} is the CA of the cluster {named}, not of {wanted}: give another --dir",
                    file.display()
                )
            }
            (Some(wanted), _) => Ok(wanted.clone()),
            (None, Some(named)) => Ok(named),
            (None, None) => Err(UsageError(format!(
                "{} does not say of which cluster it is: give --cluster",
                file.display()
            ))
            .into()),
        }
    }

    /// Everybody named, with names that can be told apart and read again.
    fn holders(&self, cluster: &str) -> anyhow::Result<Vec<Holder>> {
        let with_hosts = |role, list: &[String]| {
            let holders = list.iter().map(move |text| self.holder_with_hosts(cluster, role, text));
            holders.collect::<Result<Vec<_>, _>>()
        };
        let without = |role, list: &[String]| {
            let holders = list.iter().map(move |name| self.holder(cluster, role, name, Vec::new()));
            holders.collect::<Result<Vec<_>, _>>()
        };
        let lists = [
            with_hosts(Role::Node, &self.nodes)?,
            with_hosts(Role::Proxy, &self.proxies)?,
            without(Role::Client, &self.clients)?,
            without(Role::Operator, &self.operators)?,
        ];
        Ok(lists.into_iter().flatten().collect())
    }

    fn holder_with_hosts(&self, cluster: &str, role: Role, text: &str) -> anyhow::Result<Holder> {
        let Some((name, hosts)) = text.split_once('=') else {
            let advice = "write it as NAME=HOST, like 1=node-1.internal";
            return Err(UsageError(format!("'{text}' has no host: {advice}")).into());
        };
        let hosts = hosts.split('+').map(ToOwned::to_owned).collect();
        self.holder(cluster, role, name, hosts)
    }

    fn holder(&self, cluster: &str, role: Role, name: &str, hosts: Vec<String>) -> anyhow::Result<Holder> {
        let named = Identity { cluster: cluster.to_owned(), role, name: name.to_owned() };
        let identity: Identity = named.to_string().parse().map_err(UsageError)?;
        let params = params(&identity, &hosts, self.days)?;
        Ok(Holder { identity, params })
    }

    fn certify(&self, issuer: &Issuer<'_, KeyPair>, holders: &[Holder]) -> anyhow::Result<String> {
        let mut told = String::new();
        for holder in holders {
            let key = KeyPair::generate()?;
            let certificate = holder.params.signed_by(&key, issuer)?;
            let name = format!("{}-{}", holder.identity.role.name(), holder.identity.name);
            let file = self.dir.join(format!("{name}.crt"));
            // The key first: a program that reads both in between keeps those that it has.
            write_secret(&self.dir.join(format!("{name}.key")), &key.serialize_pem())?;
            write(&file, &certificate.pem())?;
            told += &format!("{} is {}\n", file.display(), holder.identity);
        }
        Ok(told)
    }
}

/// What a certificate says.
fn params(identity: &Identity, hosts: &[String], days: u32) -> anyhow::Result<CertificateParams> {
    let mut params = CertificateParams::default();
    let Identity { role, name, .. } = identity;
    params.distinguished_name.push(DnType::CommonName, format!("{} {name}", role.name()));
    params.subject_alt_names.push(SanType::URI(identity.to_string().try_into()?));
    for host in hosts {
        let unfit = || UsageError(format!("'{host}' is no host: write a name or an address, without a port"));
        params.subject_alt_names.push(match host.trim_matches(['[', ']']).parse::<IpAddr>() {
            Ok(address) => SanType::IpAddress(address),
            Err(_) if host.is_empty() || host.contains([':', '/', ' ', '=']) => {
                return Err(unfit().into());
            }
            Err(_) => SanType::DnsName(host.as_str().try_into().map_err(|_| unfit())?),
        });
    }
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    if matches!(role, Role::Node | Role::Proxy) {
        params.extended_key_usages.push(ExtendedKeyUsagePurpose::ServerAuth);
    }
    params.use_authority_key_identifier_extension = true;
    set_validity(&mut params, i64::from(days));
    Ok(params)
}

/// From a little ago, for clocks differ.
fn set_validity(params: &mut CertificateParams, days: i64) {
    let now = OffsetDateTime::now_utc();
    params.not_before = now - Duration::hours(1);
    params.not_after = now + Duration::days(days);
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    replace(path, text, 0o644)
}

/// A file that only its owner may read.
fn write_secret(path: &Path, text: &str) -> anyhow::Result<()> {
    replace(path, text, 0o600)
}

/// Whole or not at all: programs read it when it changes.
fn replace(path: &Path, text: &str, mode: u32) -> anyhow::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let beside = PathBuf::from(beside);
    let failed = || format!("cannot write {}", path.display());
    // What is left of an earlier attempt keeps the mode that it was made with: a mode is heeded for a new file only.
    match fs::remove_file(&beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error).with_context(failed),
        _ => {}
    }
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
    let mut file = options.open(&beside).with_context(failed)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).with_context(failed)?;
    fs::rename(&beside, path).with_context(failed)
}

fn show(path: &Path) -> anyhow::Result<String> {
    let not_one = || format!("{} is no certificate in PEM", path.display());
    let pem = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let der = CertificateDer::from_pem_slice(&pem).with_context(not_one)?;
    let (_, certificate) = x509_parser::parse_x509_certificate(&der).with_context(not_one)?;
    let identity = match identity_of(&der) {
        Ok(identity) => identity.to_string(),
        Err(_) if certificate.is_ca() => "nobody: it is a CA".to_owned(),
        Err(reason) => format!("nobody: {reason}"),
    };
    let names = certificate.subject_alternative_name().ok().flatten();
    let hosts: Vec<String> =
        names.iter().flat_map(|names| &names.value.general_names).filter_map(host).collect();
    let validity = certificate.validity();
    let is_over = validity.not_after.timestamp() < OffsetDateTime::now_utc().unix_timestamp();
    Ok(format!(
        "identity  {identity}\nhosts     {}\nsubject   {}\nissuer    {}\nfrom      {}\nuntil     {}{}\n",
        if hosts.is_empty() { "none".to_owned() } else { hosts.join(", ") },
        certificate.subject(),
        certificate.issuer(),
        validity.not_before,
        validity.not_after,
        if is_over { "  EXPIRED: renew it with 'conclave cert issue'" } else { "" },
    ))
}

fn host(name: &x509_parser::extensions::GeneralName<'_>) -> Option<String> {
    use x509_parser::extensions::GeneralName;
    match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => match bytes.len() {
            4 => <[u8; 4]>::try_from(*bytes).ok().map(|octets| IpAddr::from(octets).to_string()),
            _ => <[u8; 16]>::try_from(*bytes).ok().map(|octets| IpAddr::from(octets).to_string()),
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(subcommand)]
        command: CertCommand,
    }

    fn run(dir: &Path, line: &str) -> Result<String, String> {
        let words = ["cert"].into_iter().chain(line.split(' ')).map(ToOwned::to_owned);
        let words = words.chain([format!("--dir={}", dir.display())]);
        Line::try_parse_from(words).expect("a good line").command.run().map_err(|error| error.to_string())
    }

    #[test]
    #[cfg(unix)]
    fn a_key_is_its_owners_alone_whatever_an_earlier_attempt_has_left() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().expect("a scratch directory");
        let dir = folder.path().join("tls");
        run(&dir, "init --nodes 1=a").expect("a new CA");
        fs::remove_file(dir.join("node-1.key")).expect("it is there");
        for left in ["node-1.new", "node-1.key.new"] {
            fs::write(dir.join(left), "left").expect("it can be written");
            fs::set_permissions(dir.join(left), fs::Permissions::from_mode(0o644)).expect("it is ours");
        }
        run(&dir, "issue --nodes 1=a").expect("it is made again");
        let mode = fs::metadata(dir.join("node-1.key")).expect("it is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn more_certificates_are_for_the_cluster_of_the_ca() {
        let folder = tempfile::tempdir().expect("a scratch directory");
        let dir = folder.path().join("tls");
        run(&dir, "init --cluster prod --nodes 1=a").expect("a new CA");
        let told = run(&dir, "issue --nodes 2=b").expect("one more");
        assert!(told.contains("is spiffe://prod/node/2"), "{told}");
        let before = fs::read(dir.join("node-1.crt")).expect("it is there");
        let error = run(&dir, "issue --cluster conclave --nodes 1=a").expect_err("of another cluster");
        assert!(error.contains("is the CA of the cluster prod, not of conclave"), "{error}");
        assert_eq!(fs::read(dir.join("node-1.crt")).expect("it is there"), before);
    }

    #[test]
    fn a_key_without_its_certificate_is_never_replaced() {
        let folder = tempfile::tempdir().expect("a scratch directory");
        let dir = folder.path().join("tls");
        run(&dir, "init --nodes 1=a").expect("a new CA");
        fs::remove_file(dir.join("ca.crt")).expect("it is there");
        let error = run(&dir, "init --nodes 1=a").expect_err("its key is there");
        assert!(error.contains("ca.key is there and ca.crt is not"), "{error}");
    }
}
