//! Whom to trust, and the certificate to show.

use std::sync::Arc;
use std::time::SystemTime;

use podline_wire::Untrusted;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use secrecy::{ExposeSecret, SecretString};

use super::certificate;
use crate::kubeconfig::{ConfigError, Tls};

/// The one protocol that can be upgraded from.
const ALPN: &[u8] = b"http/1.1";

/// Whom to trust.
pub(crate) enum Trust {
    /// Whatever certificate the server shows.
    Anyone,
    Roots(Arc<RootCertStore>),
}

impl Trust {
    /// Takes the configured certificate authority, else the system's roots.
    pub(crate) fn new(tls: &Tls) -> Result<Self, ConfigError> {
        if tls.insecure {
            return Ok(Self::Anyone);
        }
        let mut roots = RootCertStore::empty();
        let Some(pem) = &tls.certificate_authority else {
            add_system_roots(&mut roots)?;
            return Ok(Self::Roots(Arc::new(roots)));
        };
        // One bad certificate among good ones is passed over.
        let certificates = CertificateDer::pem_slice_iter(pem).filter_map(Result::ok);
        let (added, _) = roots.add_parsable_certificates(certificates);
        if added == 0 {
            return Err(ConfigError::BadPem {
                field: "certificate-authority",
                name: Untrusted::new("the cluster"),
                problem: Untrusted::new("there is no certificate in it"),
            });
        }
        Ok(Self::Roots(Arc::new(roots)))
    }

    /// What to trust on the way to an HTTPS proxy: the system's roots beside the cluster's.
    pub(crate) fn for_proxy(&self) -> Result<Self, ConfigError> {
        match self {
            Self::Anyone => Ok(Self::Anyone),
            Self::Roots(roots) => {
                let mut roots = RootCertStore::clone(roots);
                add_system_roots(&mut roots)?;
                Ok(Self::Roots(Arc::new(roots)))
            }
        }
    }

    /// One configuration for all connections of one identity: they share TLS sessions to resume.
    pub(crate) fn config(&self, identity: Option<&Identity>) -> Result<Arc<ClientConfig>, rustls::Error> {
        let provider = Arc::new(ring::default_provider());
        let builder =
            ClientConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions()?;
        let builder = match self {
            Self::Anyone => builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(Unchecked { provider })),
            Self::Roots(roots) => builder.with_root_certificates(roots.clone()),
        };
        let mut config = match identity {
            Some(identity) => {
                builder.with_client_auth_cert(identity.chain.clone(), identity.key.clone_key())?
            }
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = vec![ALPN.to_vec()];
        Ok(Arc::new(config))
    }
}

/// How to speak TLS to a server whose certificate is not looked at, only whether it has the key to it: to see whether
/// it speaks TLS at all, not to tell it anything.
///
/// # Errors
/// Never, while the cryptography that this is built with supports TLS.
pub fn unverified_tls() -> Result<Arc<ClientConfig>, rustls::Error> {
    Trust::Anyone.config(None)
}

fn add_system_roots(roots: &mut RootCertStore) -> Result<(), ConfigError> {
    let system = rustls_native_certs::load_native_certs();
    let (added, _) = roots.add_parsable_certificates(system.certs);
    if added == 0 && roots.is_empty() {
        let problem = system
            .errors
            .first()
            .map_or_else(|| "there are none".to_owned(), ToString::to_string);
        return Err(ConfigError::NoRoots {
            problem: Untrusted::new(problem),
        });
    }
    Ok(())
}

/// A client certificate with its key.
pub(crate) struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl Identity {
    /// When the first certificate of the chain expires, which is the client's own.
    pub(crate) fn expiry(&self) -> Option<SystemTime> {
        certificate::expiry(self.chain.first()?)
    }

    /// Parses a chain and a key, both PEM. The error says what is wrong, and nothing of the key.
    pub(crate) fn parse(chain: &[u8], key: &SecretString) -> Result<Self, &'static str> {
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(chain).collect();
        let chain = chain.map_err(|_| "the certificate is not PEM")?;
        if chain.is_empty() {
            return Err("there is no certificate in it");
        }
        let key = PrivateKeyDer::from_pem_slice(key.expose_secret().as_bytes())
            .map_err(|_| "there is no private key in it that can be used")?;
        let identity = Self { chain, key };
        let loaded = ring::default_provider()
            .key_provider
            .load_private_key(identity.key.clone_key());
        let loaded = loaded.map_err(|_| "the private key is of an unsupported sort")?;
        let certified = rustls::sign::CertifiedKey::new(identity.chain.clone(), loaded);
        match certified.keys_match() {
            Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::KeyMismatch)) => {
                Err("the private key does not belong to the certificate")
            }
            Err(rustls::Error::InvalidCertificate(_)) => Err("the certificate cannot be understood"),
            _ => Ok(identity),
        }
    }
}

/// Takes any certificate, but checks that the server has its key.
#[derive(Debug)]
struct Unchecked {
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Unchecked {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(
            message,
            cert,
            dss,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(
            message,
            cert,
            dss,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
