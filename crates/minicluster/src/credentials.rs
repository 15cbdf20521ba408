//! The cluster's certificate authority and what it issued: keys and tokens that are new for each run.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use sha2::{Digest, Sha256};
use time::{Duration, OffsetDateTime};

use crate::user::{Credential, User};

/// The names of the server: what its certificate covers, and what a Host header may say.
pub(crate) const SERVER_NAMES: [&str; 5] = [
    "localhost",
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
];

/// How long certificates are good for. They are as old as the run, so this only has to outlast it.
const VALIDITY: Duration = Duration::days(365);

/// How many users may have credentials.
const MAX_USERS: usize = 1000;

/// The name of the cluster, its context and its users' prefix in a kubeconfig.
const CONTEXT: &str = "podline-demo";

/// Issues credentials, and knows those that it issued.
pub(crate) struct Credentials {
    addresses: Vec<IpAddr>,
    authority: Mutex<Arc<Authority>>,
    provider: Arc<CryptoProvider>,
    issued: Mutex<BTreeMap<User, Issued>>,
}

/// Who signs, and what it signed for the server.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
    pem: String,
    server_key: KeyPair,
    server_certificate: Mutex<CertificateDer<'static>>,
}

struct Issued {
    certificate: CertificateDer<'static>,
    certificate_pem: String,
    key_pem: String,
    token: String,
    token_digest: [u8; 32],
}

impl Credentials {
    /// A new authority, and a certificate for a server at `addresses` besides the usual names.
    pub(crate) fn new(addresses: &[IpAddr]) -> Result<Self, CredentialError> {
        Ok(Self {
            addresses: addresses.to_vec(),
            authority: Mutex::new(Arc::new(Authority::new(addresses)?)),
            provider: Arc::new(ring::default_provider()),
            issued: Mutex::default(),
        })
    }

    /// Goes on with a new authority, and so with another certificate of the server. Tokens stay good, certificates of
    /// clients do not.
    pub(crate) fn renew_authority(&self) -> Result<(), CredentialError> {
        let new = Arc::new(Authority::new(&self.addresses)?);
        *self.authority.lock().unwrap_or_else(PoisonError::into_inner) = new;
        for (user, issued) in self.issued().iter_mut() {
            let token = (std::mem::take(&mut issued.token), issued.token_digest);
            *issued = self.issue(user)?;
            (issued.token, issued.token_digest) = token;
        }
        Ok(())
    }

    /// Goes on with a certificate of the server that has expired, by the same authority.
    pub(crate) fn expire_server_certificate(&self) -> Result<(), CredentialError> {
        let authority = self.authority();
        let past = OffsetDateTime::now_utc() - Duration::DAY;
        let expired = server_certificate(
            &authority.issuer,
            &authority.server_key,
            &self.addresses,
            Some(past),
        )?;
        *authority
            .server_certificate
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = expired;
        Ok(())
    }

    fn authority(&self) -> Arc<Authority> {
        Arc::clone(&self.authority.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The server's side of TLS: HTTP/1.1 only, since upgrades need it; client certificates are taken, not required.
    pub(crate) fn server_config(&self) -> Result<ServerConfig, CredentialError> {
        let authority = self.authority();
        let mut roots = RootCertStore::empty();
        roots.add(authority.certificate.clone())?;
        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&self.provider))
                .allow_unauthenticated()
                .build()?;
        let key = PrivatePkcs8KeyDer::from(authority.server_key.serialize_der());
        let mut config = ServerConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_safe_default_protocol_versions()?
            .with_client_cert_verifier(verifier)
            .with_single_cert(vec![authority.server_certificate()], key.into())?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        config.ticketer = ring::Ticketer::new()?;
        Ok(config)
    }

    /// The user that a client certificate was issued to.
    pub(crate) fn user_of_certificate(&self, certificate: &CertificateDer<'_>) -> Option<User> {
        let issued = self.issued();
        let mut known = issued
            .iter()
            .filter(|(_, issued)| issued.certificate == *certificate);
        known.next().map(|(user, _)| user.clone())
    }

    /// The user that a token was issued to. Digests are compared, so that time tells nothing of the tokens.
    pub(crate) fn user_of_token(&self, token: &str) -> Option<User> {
        let digest: [u8; 32] = Sha256::digest(token.as_bytes()).into();
        let issued = self.issued();
        let mut known = issued.iter().filter(|(_, issued)| issued.token_digest == digest);
        known.next().map(|(user, _)| user.clone())
    }

    /// The authority's certificate in PEM.
    pub(crate) fn authority_pem(&self) -> String {
        self.authority().pem.clone()
    }

    /// Whether the user has credentials that were not revoked.
    pub(crate) fn knows(&self, user: &User) -> bool {
        self.issued().contains_key(user)
    }

    /// Forgets what was issued to the user: it is refused from the next request on.
    pub(crate) fn revoke(&self, user: &User) {
        self.issued().remove(user);
    }

    /// The user's token.
    pub(crate) fn token(&self, user: User) -> Result<String, CredentialError> {
        self.with_issued(user, |issued| issued.token.clone())
    }

    /// A kubeconfig for the server at `url`, certificates and token in it.
    pub(crate) fn kubeconfig(
        &self,
        url: &str,
        user: User,
        credential: Credential,
    ) -> Result<String, CredentialError> {
        let authority = STANDARD.encode(&self.authority().pem);
        // A JSON string is a YAML one, so names and tokens need no other care.
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        let (url, name) = (quoted(url), quoted(&format!("{CONTEXT}-{user}")));
        let secret = self.with_issued(user, |issued| match credential {
            Credential::Certificate => format!(
                "client-certificate-data: {}\n    client-key-data: {}",
                STANDARD.encode(&issued.certificate_pem),
                STANDARD.encode(&issued.key_pem)
            ),
            Credential::Token => format!("token: {}", quoted(&issued.token)),
        })?;
        Ok(format!(
            "apiVersion: v1
kind: Config
clusters:
- name: {CONTEXT}
  cluster:
    server: {url}
    certificate-authority-data: {authority}
users:
- name: {name}
  user:
    {secret}
contexts:
- name: {CONTEXT}
  context:
    cluster: {CONTEXT}
    user: {name}
    namespace: default
current-context: {CONTEXT}
"
        ))
    }

    fn with_issued<T>(&self, user: User, read: impl FnOnce(&Issued) -> T) -> Result<T, CredentialError> {
        let mut issued = self.issued();
        let is_full = issued.len() >= MAX_USERS;
        match issued.entry(user) {
            Entry::Occupied(known) => Ok(read(known.get())),
            Entry::Vacant(_) if is_full => Err(CredentialError::TooManyUsers),
            Entry::Vacant(vacant) => {
                let new = self.issue(vacant.key())?;
                Ok(read(vacant.insert(new)))
            }
        }
    }

    fn issue(&self, user: &User) -> Result<Issued, CredentialError> {
        let key = KeyPair::generate()?;
        let mut params = end_entity_params(user.name(), ExtendedKeyUsagePurpose::ClientAuth)?;
        if *user == User::Admin {
            params
                .distinguished_name
                .push(DnType::OrganizationName, "system:masters");
        }
        let certificate = params.signed_by(&key, &self.authority().issuer)?;
        let mut secret = [0; 32];
        self.provider
            .secure_random
            .fill(&mut secret)
            .map_err(|_| CredentialError::NoRandomness)?;
        let token = URL_SAFE_NO_PAD.encode(secret);
        Ok(Issued {
            certificate_pem: certificate.pem(),
            certificate: certificate.der().clone(),
            key_pem: key.serialize_pem(),
            token_digest: Sha256::digest(token.as_bytes()).into(),
            token,
        })
    }

    fn issued(&self) -> MutexGuard<'_, BTreeMap<User, Issued>> {
        self.issued.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Authority {
    fn new(addresses: &[IpAddr]) -> Result<Self, CredentialError> {
        let authority_key = KeyPair::generate()?;
        let mut params = params("podline-minicluster-ca")?;
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyCertSign];
        let authority = params.self_signed(&authority_key)?;
        let issuer = Issuer::new(params, authority_key);

        let server_key = KeyPair::generate()?;
        let server_certificate = server_certificate(&issuer, &server_key, addresses, None)?;
        Ok(Self {
            issuer,
            pem: authority.pem(),
            certificate: authority.der().clone(),
            server_key,
            server_certificate: Mutex::new(server_certificate),
        })
    }

    fn server_certificate(&self) -> CertificateDer<'static> {
        self.server_certificate
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// A certificate for a server at `addresses` besides the usual names, which is good until `end` if one is given.
fn server_certificate(
    issuer: &Issuer<'static, KeyPair>,
    key: &KeyPair,
    addresses: &[IpAddr],
    end: Option<OffsetDateTime>,
) -> Result<CertificateDer<'static>, CredentialError> {
    let mut params = end_entity_params("podline-minicluster", ExtendedKeyUsagePurpose::ServerAuth)?;
    if let Some(end) = end {
        params.not_before = end - VALIDITY;
        params.not_after = end;
    }
    for name in SERVER_NAMES {
        params.subject_alt_names.push(SanType::DnsName(name.try_into()?));
    }
    params
        .subject_alt_names
        .extend(addresses.iter().map(|address| SanType::IpAddress(*address)));
    Ok(params.signed_by(key, issuer)?.der().clone())
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").finish_non_exhaustive()
    }
}

/// Why certificates could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialError {
    /// A certificate could not be signed.
    #[error("a certificate could not be made")]
    Certificate(#[from] rcgen::Error),
    /// The system has no randomness to give.
    #[error("the system gives no random bytes")]
    NoRandomness,
    /// The TLS library refused its configuration.
    #[error("the TLS configuration was refused")]
    Tls(#[from] rustls::Error),
    /// There are credentials for 1000 users already.
    #[error("more than {MAX_USERS} users")]
    TooManyUsers,
    /// The TLS library refused to verify client certificates.
    #[error("client certificates can't be verified")]
    Verifier(#[from] rustls::server::VerifierBuilderError),
}

fn params(common_name: &str) -> Result<CertificateParams, CredentialError> {
    let mut params = CertificateParams::new(Vec::new())?;
    // Clocks of clients may be behind.
    params.not_before = OffsetDateTime::now_utc() - Duration::HOUR;
    params.not_after = OffsetDateTime::now_utc() + VALIDITY;
    params.distinguished_name.push(DnType::CommonName, common_name);
    Ok(params)
}

fn end_entity_params(
    common_name: &str,
    usage: ExtendedKeyUsagePurpose,
) -> Result<CertificateParams, CredentialError> {
    let mut params = params(common_name)?;
    params.use_authority_key_identifier_extension = true;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![usage];
    Ok(params)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    #[test]
    fn each_user_is_known_by_his_own_credentials() {
        let credentials = Credentials::new(&[]).unwrap();
        let admin = credentials.token(User::Admin).unwrap();
        let forwarder = credentials.token(User::Forwarder).unwrap();
        assert_ne!(admin, forwarder);
        assert_eq!(credentials.user_of_token(&admin), Some(User::Admin));
        assert_eq!(credentials.user_of_token(&forwarder), Some(User::Forwarder));
        assert_eq!(credentials.user_of_token(""), None);
        let certificate = credentials.issued()[&User::Admin].certificate.clone();
        assert_eq!(credentials.user_of_certificate(&certificate), Some(User::Admin));
        credentials.revoke(&User::Admin);
        assert_eq!(credentials.user_of_token(&admin), None);
        assert_eq!(credentials.user_of_certificate(&certificate), None);
    }

    #[test]
    fn a_new_authority_leaves_tokens_good() {
        let credentials = Credentials::new(&[]).unwrap();
        let (token, authority) = (
            credentials.token(User::Admin).unwrap(),
            credentials.authority_pem(),
        );
        credentials.renew_authority().unwrap();
        assert_ne!(credentials.authority_pem(), authority);
        assert_eq!(credentials.token(User::Admin).unwrap(), token);
        assert_eq!(credentials.user_of_token(&token), Some(User::Admin));
    }

    #[test]
    fn no_two_runs_have_a_secret_in_common() {
        let token = || Credentials::new(&[]).unwrap().token(User::Admin).unwrap();
        let (one, two) = (token(), token());
        assert_ne!(one, two);
        assert_eq!(one.len(), 43);
    }

    #[test]
    fn a_kubeconfig_holds_one_kind_of_credential() {
        let credentials = Credentials::new(&[]).unwrap();
        let kubeconfig = |credential| {
            let user = User::Other("a: b".to_owned());
            credentials
                .kubeconfig("https://127.0.0.1:1", user, credential)
                .unwrap()
        };
        let token = kubeconfig(Credential::Token);
        assert!(token.contains("    token: \"") && !token.contains("client-key"));
        assert!(token.contains("user: \"podline-demo-a: b\""));
        let certificate = kubeconfig(Credential::Certificate);
        assert!(certificate.contains("client-key-data: ") && !certificate.contains("token:"));
    }
}
