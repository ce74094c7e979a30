//! The certificates of a process: read from files, and read again when these change, so that they are renewed without a
//! restart. Connections that exist stay as they are.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::{Duration, Instant, SystemTime},
};

use tokio_rustls::rustls::{
    CertificateError, ClientConfig, Error, RootCertStore, ServerConfig,
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, PrivateKeyDer, UnixTime, pem::PemObject},
    server::{NoServerSessionStorage, WebPkiClientVerifier},
    version::{TLS12, TLS13},
};
use x509_parser::{extensions::GeneralName, parse_x509_certificate};

use crate::{
    env::Clock,
    rpc::{Identity, metrics::CERTIFICATE_END},
};

/// Files are looked at again this often, when a connection is made.
const RELOAD_INTERVAL: Duration = Duration::from_secs(1);

/// ... and this often when none is.
const WATCH_INTERVAL: Duration = Duration::from_secs(60);

/// A certificate that expires within this is spoken of, so often.
const EXPIRES_SOON: Duration = Duration::from_secs(30 * 24 * 3600);
const EXPIRY_NOTE_INTERVAL: Duration = Duration::from_secs(24 * 3600);

/// What HTTP/2 is called within TLS.
const HTTP2: &[u8] = b"h2";

/// Where the certificates of a process lie, in PEM.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    /// Of the CA that has certified everybody of the cluster.
    pub ca: PathBuf,
    /// The process's own certificate, with those between it and the CA, and its key. `None`: a client that stays unknown.
    pub own: Option<OwnFiles>,
}

/// A certificate and its key.
#[derive(Clone, Debug)]
pub struct OwnFiles {
    /// The certificate.
    pub certificate: PathBuf,
    /// The key.
    pub key: PathBuf,
}

/// Why certificates cannot be used: one line that names the file.
#[derive(Debug, thiserror::Error)]
#[error("{}: {reason}", path.display())]
pub struct CredentialsError {
    /// The file.
    pub path: PathBuf,
    reason: String,
}

/// Certificates that are kept up to date.
#[derive(Debug)]
pub struct Credentials {
    files: TlsFiles,
    asks_clients: bool,
    /// Who this process is; it stays so whatever its files become.
    own: Option<Identity>,
    current: Mutex<Current>,
}

#[derive(Debug)]
struct Current {
    looked_at: Instant,
    modified: Vec<Option<SystemTime>>,
    /// When files changed that could not be used: said once.
    refused: Option<Vec<Option<SystemTime>>>,
    /// When it was last said that the certificate expires soon.
    warned_at: Option<Instant>,
    loaded: Loaded,
}

/// What connections are made with.
#[derive(Clone, Debug)]
pub(super) struct Loaded {
    /// Absent without a certificate of its own.
    pub(super) server: Option<Arc<ServerConfig>>,
    pub(super) client: Arc<ClientConfig>,
    /// The process's own certificate, or one that vouches for it, is not valid yet by this machine's clock.
    is_early: bool,
    /// When it expires.
    end: Option<i64>,
}

impl Credentials {
    /// Reads the files. A server with them takes only callers who prove who they are, if `asks_clients`.
    ///
    /// # Errors
    /// A file is missing or is not what it should be.
    pub fn load(files: TlsFiles, asks_clients: bool) -> Result<Self, CredentialsError> {
        let modified = files.modified();
        let (loaded, own) = read(&files, asks_clients)?;
        let current = Mutex::new(Current {
            looked_at: Instant::now(),
            modified,
            refused: None,
            warned_at: None,
            loaded,
        });
        Ok(Self { files, asks_clients, own, current })
    }

    /// Who its certificate says this process is.
    pub fn own(&self) -> Option<&Identity> {
        self.own.as_ref()
    }

    /// The CA's file, for messages.
    pub(super) fn ca(&self) -> &Path {
        &self.files.ca
    }

    pub(super) fn asks_clients(&self) -> bool {
        self.asks_clients
    }

    /// What new connections are made with. Files that cannot be used any more leave it as it was.
    pub(super) fn current(&self) -> Loaded {
        let mut current = self.current.lock().expect("nobody panics with it");
        if current.looked_at.elapsed() < RELOAD_INTERVAL {
            return current.loaded.clone();
        }
        current.looked_at = Instant::now();
        let modified = self.files.modified();
        if modified != current.modified {
            match self.reload() {
                Ok(loaded) => {
                    tracing::info!(ca = %self.files.ca.display(), "certificates have changed: new connections use them");
                    current.loaded = loaded;
                    (current.modified, current.refused) = (modified, None);
                }
                // They are tried again: who may read them can change, and their times do not.
                Err(error) if current.refused.as_ref() != Some(&modified) => {
                    tracing::warn!(%error, "certificates have changed and cannot be used: the old ones stay in use");
                    current.refused = Some(modified);
                }
                Err(_) => {}
            }
        }
        current.tell_end();
        current.loaded.clone()
    }

    /// Looks at the files now and then, for ever: connections may last for longer than a certificate.
    pub(in crate::rpc) async fn watch(&self, clock: &Clock) {
        let mut pause = RELOAD_INTERVAL;
        loop {
            clock.sleep(pause).await;
            self.current();
            pause = WATCH_INTERVAL;
        }
    }

    /// Whether the certificate expires soon, in words.
    pub fn expires_soon(&self) -> Option<String> {
        self.current.lock().expect("nobody panics with it").loaded.expires_soon()
    }

    fn reload(&self) -> Result<Loaded, CredentialsError> {
        let (loaded, own) = read(&self.files, self.asks_clients)?;
        if let Some(files) = &self.files.own
            && loaded.is_early
        {
            return Err(refused(&files.certificate, "it is not valid yet"));
        }
        match (&self.own, own, &self.files.own) {
            (Some(before), Some(now), Some(files)) if *before != now => {
                Err(refused(&files.certificate, format!("it is for {now}, and this process is {before}")))
            }
            _ => Ok(loaded),
        }
    }
}

impl Current {
    /// Shows when the certificate expires, and says so in time.
    fn tell_end(&mut self) {
        if let Some(end) = self.loaded.end {
            CERTIFICATE_END.gauge(&[]).set(end as f64);
        }
        let was_told = self.warned_at.is_some_and(|at| at.elapsed() < EXPIRY_NOTE_INTERVAL);
        if let Some(soon) = self.loaded.expires_soon().filter(|_| !was_told) {
            self.warned_at = Some(Instant::now());
            tracing::warn!("{soon}");
        }
    }
}

impl Loaded {
    fn expires_soon(&self) -> Option<String> {
        let left = self.end?.saturating_sub(i64::try_from(UnixTime::now().as_secs()).ok()?);
        let is_soon = left < i64::try_from(EXPIRES_SOON.as_secs()).expect("some days");
        is_soon.then(|| {
            let days = left.max(0) / (24 * 3600);
            format!(
                "the certificate of this program expires in {days} days: renew it ('conclave cert issue')"
            )
        })
    }
}

impl TlsFiles {
    /// When each file was last written.
    fn modified(&self) -> Vec<Option<SystemTime>> {
        let own = self.own.iter().flat_map(|own| [&own.certificate, &own.key]);
        let files = [&self.ca].into_iter().chain(own);
        files.map(|path| path.metadata().and_then(|metadata| metadata.modified()).ok()).collect()
    }
}

fn refused(path: &Path, reason: impl ToString) -> CredentialsError {
    CredentialsError { path: path.to_owned(), reason: reason.to_string() }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

fn read(files: &TlsFiles, asks_clients: bool) -> Result<(Loaded, Option<Identity>), CredentialsError> {
    let roots = Arc::new(read_roots(&files.ca)?);
    let builder = ClientConfig::builder_with_provider(provider());
    let builder =
        builder.with_protocol_versions(&[&TLS13, &TLS12]).map_err(|error| refused(&files.ca, error))?;
    let builder = builder.with_root_certificates(roots.clone());
    let Some(own) = &files.own else {
        let client = with_http2(builder.with_no_client_auth(), |config| &mut config.alpn_protocols);
        return Ok((Loaded { server: None, client, is_early: false, end: None }, None));
    };
    let chain = read_certificates(&own.certificate)?;
    let identity = identity_of(&chain[0]).map_err(|reason| refused(&own.certificate, reason))?;
    let key = read_key(&own.key)?;
    let unfit = |error: tokio_rustls::rustls::Error| {
        refused(&own.key, format!("{error}: is it the key of {}?", own.certificate.display()))
    };
    let client = builder.with_client_auth_cert(chain.clone(), key.clone_key()).map_err(unfit)?;
    let (is_early, end) = check_own(&chain, roots.clone(), files, &own.certificate)?;
    let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider());
    let verifier = if asks_clients { verifier } else { verifier.allow_unauthenticated() };
    let verifier = verifier.build().map_err(|error| refused(&files.ca, error))?;
    let mut server = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13, &TLS12])
        .map_err(|error| refused(&own.certificate, error))?
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain, key)
        .map_err(unfit)?;
    // Who resumes a session shows no certificate again: it might have expired meanwhile.
    server.session_storage = Arc::new(NoServerSessionStorage {});
    server.send_tls13_tickets = 0;
    let loaded = Loaded {
        server: Some(with_http2(server, |config| &mut config.alpn_protocols)),
        client: with_http2(client, |config| &mut config.alpn_protocols),
        is_early,
        end: Some(end),
    };
    Ok((loaded, Some(identity)))
}

/// Looks at a process's own certificate as the others will, and returns whether it, or one that vouches for it, is not valid yet, and when
/// it expires. What nobody will believe is refused at once; one that is not valid yet may be so by the clocks of the others.
fn check_own(
    chain: &[CertificateDer<'_>],
    roots: Arc<RootCertStore>,
    files: &TlsFiles,
    path: &Path,
) -> Result<(bool, i64), CredentialsError> {
    let (_, first) = parse_x509_certificate(&chain[0]).map_err(|error| refused(path, error))?;
    let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider()).build();
    let verifier = verifier.map_err(|error| refused(&files.ca, error))?;
    match verifier.verify_client_cert(&chain[0], &chain[1..], UnixTime::now()) {
        Err(Error::InvalidCertificate(
            CertificateError::Expired | CertificateError::ExpiredContext { .. },
        )) => {
            let until = first.validity().not_after;
            Err(refused(path, format!("it expired at {until}: renew it ('conclave cert issue')")))
        }
        Err(Error::InvalidCertificate(CertificateError::UnknownIssuer | CertificateError::BadSignature)) => {
            Err(refused(path, format!("it is not signed by the CA of {}", files.ca.display())))
        }
        Err(Error::InvalidCertificate(
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. },
        )) => Ok((true, first.validity().not_after.timestamp())),
        _ => Ok((false, first.validity().not_after.timestamp())),
    }
}

fn with_http2<C>(mut config: C, protocols: impl Fn(&mut C) -> &mut Vec<Vec<u8>>) -> Arc<C> {
    *protocols(&mut config) = vec![HTTP2.to_vec()];
    Arc::new(config)
}

fn read_roots(path: &Path) -> Result<RootCertStore, CredentialsError> {
    let mut roots = RootCertStore::empty();
    for certificate in read_certificates(path)? {
        roots.add(certificate).map_err(|error| refused(path, error))?;
    }
    Ok(roots)
}

/// At least one certificate.
fn read_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, CredentialsError> {
    let pem = std::fs::read(path).map_err(|error| refused(path, explain(&error)))?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let certificates =
        certificates.map_err(|error| refused(path, format!("it is no certificate in PEM: {error}")))?;
    if certificates.is_empty() {
        return Err(refused(path, "there is no certificate in PEM in it"));
    }
    Ok(certificates)
}

fn read_key(path: &Path) -> Result<PrivateKeyDer<'static>, CredentialsError> {
    let pem = std::fs::read(path).map_err(|error| refused(path, explain(&error)))?;
    // What a parser says of a key might quote it.
    PrivateKeyDer::from_pem_slice(&pem).map_err(|_| refused(path, "there is no private key in PEM in it"))
}

fn explain(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such file".to_owned(),
        io::ErrorKind::PermissionDenied => "this user may not read it".to_owned(),
        _ => error.to_string(),
    }
}

/// Who a certificate says its holder is.
///
/// # Errors
/// It does not say, or nobody of a cluster.
pub fn identity_of(certificate: &CertificateDer<'_>) -> Result<Identity, String> {
    const NAMES_NOBODY: &str = "the certificate names nobody: it needs a URI like spiffe://conclave/node/2 among its alternative names";
    let (_, certificate) =
        parse_x509_certificate(certificate).map_err(|error| format!("it is no certificate: {error}"))?;
    let names = certificate.subject_alternative_name().map_err(|error| error.to_string())?;
    let mut uris = names.iter().flat_map(|names| &names.value.general_names).filter_map(|name| match name {
        GeneralName::URI(uri) => Some(*uri),
        _ => None,
    });
    uris.next().ok_or(NAMES_NOBODY)?.parse()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use rcgen::{
        BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, SanType,
    };
    use time::OffsetDateTime;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio_rustls::{
        TlsAcceptor, TlsConnector,
        rustls::{HandshakeKind, client::Resumption},
    };

    use super::*;

    const DAY: time::Duration = time::Duration::days(1);

    struct Ca(Issuer<'static, KeyPair>, String);

    fn ca() -> Ca {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(1));
        let key = KeyPair::generate().expect("a key");
        let pem = params.self_signed(&key).expect("a certificate").pem();
        Ca(Issuer::new(params, key), pem)
    }

    /// What comes of a certificate that this CA has made, and expires then, where that CA is believed.
    fn load(maker: &Ca, end: OffsetDateTime, believed: &Ca) -> Result<Credentials, String> {
        let folder = tempfile::tempdir().expect("a scratch directory");
        write(folder.path(), &maker.0, end, "", believed);
        let shown = format!("{}/", folder.path().display());
        Credentials::load(files(folder.path()), true).map_err(|error| error.to_string().replace(&shown, ""))
    }

    fn files(folder: &Path) -> TlsFiles {
        let own = OwnFiles { certificate: folder.join("own.crt"), key: folder.join("own.key") };
        TlsFiles { ca: folder.join("ca.crt"), own: Some(own) }
    }

    /// Writes the files of a process: its certificate, which expires then, and others that vouch for it.
    fn write(folder: &Path, maker: &Issuer<'_, KeyPair>, end: OffsetDateTime, others: &str, believed: &Ca) {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::default();
        let identity = "spiffe://conclave/node/1".try_into().expect("a URI");
        params.subject_alt_names.push(SanType::URI(identity));
        params.subject_alt_names.push(SanType::DnsName("localhost".try_into().expect("a host")));
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ClientAuth, ExtendedKeyUsagePurpose::ServerAuth];
        (params.not_before, params.not_after) = (end - 10 * DAY, end);
        let certificate = params.signed_by(&key, maker).expect("a certificate");
        let write = |name: &str, text: &str| fs::write(folder.join(name), text).expect("it can be written");
        write("ca.crt", &believed.1);
        write("own.crt", &(certificate.pem() + others));
        write("own.key", &key.serialize_pem());
    }

    #[test]
    fn what_nobody_would_believe_is_refused_at_once() {
        let (ours, other, now) = (ca(), ca(), OffsetDateTime::now_utc());
        let error = load(&ours, now - DAY, &ours).expect_err("it has expired");
        assert!(error.starts_with("own.crt: it expired at "), "{error}");
        let error = load(&other, now + DAY, &ours).expect_err("it is of another CA");
        assert_eq!(error, "own.crt: it is not signed by the CA of ca.crt");
        assert!(load(&ours, now + DAY, &ours).is_ok());
        // By the clocks of the others it may be valid already.
        assert!(load(&ours, now + 20 * DAY, &ours).is_ok());
    }

    #[test]
    fn what_is_not_valid_yet_takes_the_place_of_nothing_that_is() {
        let (ours, now) = (ca(), OffsetDateTime::now_utc());
        let folder = tempfile::tempdir().expect("a scratch directory");
        write(folder.path(), &ours.0, now + DAY, "", &ours);
        let credentials = Credentials::load(files(folder.path()), true).expect("good files");
        let reloaded = || credentials.reload().map(drop).map_err(|error| error.reason);
        assert_eq!(reloaded(), Ok(()));
        write(folder.path(), &ours.0, now + 20 * DAY, "", &ours);
        assert_eq!(reloaded(), Err("it is not valid yet".to_owned()));
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.not_before = now + DAY;
        let key = KeyPair::generate().expect("a key");
        let between = params.signed_by(&key, &ours.0).expect("a certificate").pem();
        write(folder.path(), &Issuer::new(params, key), now + 2 * DAY, &between, &ours);
        assert_eq!(reloaded(), Err("it is not valid yet".to_owned()), "whoever vouches for it is not");
    }

    #[tokio::test]
    async fn who_connects_again_shows_its_certificate_again() {
        let (ours, now) = (ca(), OffsetDateTime::now_utc());
        let loaded = load(&ours, now + DAY, &ours).expect("good files").current();
        let server = loaded.server.expect("it has a certificate");
        let mut client = ClientConfig::clone(&loaded.client);
        client.resumption = Resumption::in_memory_sessions(8);
        let client = Arc::new(client);
        for _ in 0..2 {
            let (near, far) = tokio::io::duplex(1 << 16);
            let name = "localhost".try_into().expect("a host");
            let connecting = TlsConnector::from(client.clone()).connect(name, near);
            let accepting = TlsAcceptor::from(server.clone()).accept(far);
            let (connected, accepted) = tokio::join!(connecting, accepting);
            let (mut connected, mut accepted) =
                (connected.expect("they agree"), accepted.expect("they agree"));
            // Before that byte it would read how to resume.
            accepted.write_all(b"x").await.expect("it is connected");
            connected.read_u8().await.expect("it is connected");
            assert_eq!(accepted.get_ref().1.handshake_kind(), Some(HandshakeKind::Full));
        }
    }

    #[test]
    fn what_expires_soon_is_spoken_of() {
        let (ours, now) = (ca(), OffsetDateTime::now_utc());
        let soon =
            |days: i32| load(&ours, now + DAY * days + DAY / 2, &ours).expect("good files").expires_soon();
        let expected = "the certificate of this program expires in 3 days: renew it ('conclave cert issue')";
        assert_eq!(soon(3).as_deref(), Some(expected));
        assert_eq!(soon(40), None);
    }
}
