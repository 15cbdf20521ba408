//! New connections to the API server, by the way that the configuration says.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, SystemTime};

use podline_wire::Untrusted;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::task::JoinHandle;
use tokio::time::sleep;
use tokio_rustls::TlsConnector;

use super::dial::{dial, shown};
use super::gather::Gather;
use super::proxy::ProxyScheme;
use super::read_ahead::ReadAhead;
use super::stream::Way;
use super::{
    ConnectError, Identity, Journal, ProxyError, ProxyUrl, Step, StepFound, Stream, TlsFault, Trust, WayPart,
    deadline, http_connect, socks5,
};
use crate::environment::Environment;
use crate::kubeconfig::{ConfigError, ServerUrl, Tls};

/// What TLS may hold of what was written, in bytes. rustls's own 64 KiB make two system calls and a tiny record of each
/// larger write; the tunnel writes up to 320 KiB at once.
const TLS_BUFFER: usize = 384 << 10;

/// How long a connection that was made ahead is kept. Servers close idle ones much later.
const SPARE_AGE: Duration = Duration::from_secs(5);

/// The way to the API server, step by step.
#[derive(Debug)]
pub struct Trace {
    /// The steps that were made, in their order.
    pub steps: Vec<Step>,
    /// What failed behind them, if something did.
    pub failure: Option<WayFailure>,
}

/// A step of the way to the API server that could not be made.
#[derive(Debug)]
pub struct WayFailure {
    /// Which part of the way it is.
    pub part: WayPart,
    /// How long that took.
    pub took: Duration,
    /// Why.
    pub error: ConnectError,
}

/// Makes connections to one API server.
pub(crate) struct Connector {
    server: ServerUrl,
    /// What the server's certificate must be for.
    name: Option<ServerName<'static>>,
    proxy: Option<ProxyUrl>,
    trust: Trust,
    config: Mutex<Arc<ClientConfig>>,
    proxy_config: OnceLock<Arc<ClientConfig>>,
    /// Whether a certificate is configured, and when it expires.
    has_identity: bool,
    identity_expiry: Option<SystemTime>,
    /// The connection that is made ahead.
    spare: Mutex<Option<JoinHandle<Result<Stream, ConnectError>>>>,
}

impl Connector {
    pub(crate) fn new(
        server: ServerUrl,
        tls: &Tls,
        proxy: Option<ProxyUrl>,
        environment: &Environment,
    ) -> Result<Self, ConfigError> {
        let identity = tls
            .identity
            .as_ref()
            .map(|(chain, key)| Identity::parse(chain, key))
            .transpose();
        let bad_identity = |problem| ConfigError::BadPem {
            field: "client-certificate",
            name: Untrusted::new("the user"),
            problem: Untrusted::new(problem),
        };
        let identity = identity.map_err(bad_identity)?;
        let trust = if server.tls {
            Trust::new(tls)?
        } else {
            Trust::Anyone
        };
        let config = trust.config(identity.as_ref());
        let config = config.map_err(|_| bad_identity("it cannot be used"))?;
        let name = tls.server_name.as_deref().unwrap_or(&server.host);
        let name = if server.tls {
            let name = ServerName::try_from(name).map_err(|_| ConfigError::BadServerName {
                name: Untrusted::new(name),
            })?;
            Some(name.to_owned())
        } else {
            None
        };
        let proxy = match proxy {
            Some(proxy) => Some(proxy),
            None => ProxyUrl::from_environment(environment, server.tls, &server.host, server.port)?,
        };
        Ok(Self {
            server,
            name,
            proxy,
            trust,
            config: Mutex::new(config),
            proxy_config: OnceLock::new(),
            has_identity: identity.is_some(),
            identity_expiry: identity.as_ref().and_then(Identity::expiry),
            spare: Mutex::new(None),
        })
    }

    pub(crate) fn server(&self) -> &ServerUrl {
        &self.server
    }

    /// The proxy that leads there, without user and password.
    pub(crate) fn proxy(&self) -> Option<Untrusted> {
        self.proxy.as_ref().map(|proxy| Untrusted::new(proxy.to_string()))
    }

    /// Whether a client certificate is configured.
    pub(crate) fn has_identity(&self) -> bool {
        self.has_identity
    }

    /// When the configured client certificate expires, if there is one.
    pub(crate) fn identity_expiry(&self) -> Option<SystemTime> {
        self.identity_expiry
    }

    /// Makes a connection: TCP, proxy, TLS; or takes the one that is made ahead.
    pub(crate) async fn connect(&self) -> Result<Stream, ConnectError> {
        let spare = self.take_spare();
        match spare {
            Some(spare) => match spare.await {
                Ok(Ok(stream)) if stream.is_quiet() => Ok(stream),
                Ok(Err(error)) => Err(error),
                Ok(Ok(_)) | Err(_) => self.connect_anew().await,
            },
            None => self.connect_anew().await,
        }
    }

    /// Begins to make a connection ahead for the next [`Connector::connect`]. It is closed after a few seconds if
    /// nobody wants it.
    pub(crate) fn prepare(self: &Arc<Self>) {
        let connector = self.clone();
        let spare = tokio::spawn(async move { connector.connect_anew().await });
        *self.spare.lock().unwrap_or_else(PoisonError::into_inner) = Some(spare);
        let connector = Arc::downgrade(self);
        tokio::spawn(async move {
            sleep(SPARE_AGE).await;
            if let Some(connector) = connector.upgrade() {
                drop(connector.take_spare());
            }
        });
    }

    fn take_spare(&self) -> Option<JoinHandle<Result<Stream, ConnectError>>> {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// From now on shows another certificate.
    pub(crate) fn set_identity(&self, identity: &Identity) -> Result<(), rustls::Error> {
        // A new configuration: a resumed TLS session would still be the old certificate's.
        let config = self.trust.config(Some(identity))?;
        *self.config.lock().unwrap_or_else(PoisonError::into_inner) = config;
        drop(self.take_spare());
        Ok(())
    }

    /// Makes a connection, whether or not one was made ahead.
    pub(crate) async fn connect_anew(&self) -> Result<Stream, ConnectError> {
        self.connect_noting(&mut Journal::new()).await
    }

    /// Makes a connection only to see which steps it takes, and how long each of them.
    pub(crate) async fn trace(&self) -> Trace {
        let mut journal = Journal::new();
        let failure = match self.connect_noting(&mut journal).await {
            Ok(_) => None,
            Err(error) => Some(WayFailure {
                part: journal.failed_part(&error, self.proxy.is_some()),
                took: journal.since(),
                error,
            }),
        };
        Trace {
            steps: journal.steps,
            failure,
        }
    }

    async fn connect_noting(&self, journal: &mut Journal) -> Result<Stream, ConnectError> {
        let way = match &self.proxy {
            Some(proxy) => {
                let way = self.through(proxy, journal).await?;
                journal.note(StepFound::Proxy {
                    proxy: Untrusted::new(proxy.to_string()),
                });
                way
            }
            None => {
                let step = "connecting to the API server";
                let tcp = dial(&self.server.host, self.server.port, step, journal).await?;
                ReadAhead::new(Way::Tcp(Gather::new(tcp)), &[])
            }
        };
        let Some(name) = &self.name else {
            return Ok(Stream::Plain(way));
        };
        let config = self.config.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let tls = deadline::within(deadline::TLS, "the TLS handshake with the API server", async {
            let tls = TlsConnector::from(config).connect(name.clone(), way).await;
            tls.map_err(|error| ConnectError::Tls {
                server: Untrusted::new(self.server.to_string()),
                source: TlsFault::new(error),
            })
        });
        let mut tls = tls.await?;
        tls.get_mut().1.set_buffer_limit(Some(TLS_BUFFER));
        journal.note(StepFound::tls(
            tls.get_ref().1,
            matches!(self.trust, Trust::Roots(_)),
        ));
        Ok(Stream::Tls(Box::new(tls)))
    }

    async fn through(&self, proxy: &ProxyUrl, journal: &mut Journal) -> Result<ReadAhead<Way>, ConnectError> {
        let place = shown(&self.server.host, self.server.port);
        let failed = |source| ConnectError::Proxy {
            proxy: Untrusted::new(proxy.to_string()),
            server: Untrusted::new(&*place),
            source,
        };
        let dialled = dial(&proxy.host, proxy.port, "connecting to the proxy", journal).await;
        let mut tcp = dialled.map_err(|error| match error {
            ConnectError::Dns { source, .. } | ConnectError::Tcp { source, .. } => {
                failed(ProxyError::Unreachable { source })
            }
            error => error,
        })?;
        deadline::within(deadline::PROXY, "getting through the proxy", async {
            match proxy.scheme {
                ProxyScheme::Socks5 => {
                    let asked =
                        socks5::connect(&mut tcp, &self.server.host, self.server.port, proxy.user.as_ref());
                    asked.await.map_err(failed)?;
                    Ok(ReadAhead::new(Way::Tcp(Gather::new(tcp)), &[]))
                }
                ProxyScheme::Http => {
                    let asked = http_connect::connect(tcp, &place, proxy.authorization());
                    let (tcp, early) = asked.await.map_err(failed)?;
                    Ok(ReadAhead::new(Way::Tcp(Gather::new(tcp)), &early))
                }
                ProxyScheme::Https => {
                    let fault = |source| ConnectError::Tls {
                        server: Untrusted::new(proxy.to_string()),
                        source,
                    };
                    let name = ServerName::try_from(proxy.host.clone()).map_err(|_| {
                        fault(TlsFault::Protocol {
                            problem: Untrusted::new("its name cannot be in a certificate"),
                        })
                    })?;
                    let config = self.proxy_config().map_err(|problem| {
                        fault(TlsFault::Protocol {
                            problem: Untrusted::new(problem),
                        })
                    })?;
                    let tls = TlsConnector::from(config).connect(name, tcp).await;
                    let tls = tls.map_err(|error| fault(TlsFault::new(error)))?;
                    let asked = http_connect::connect(Box::new(tls), &place, proxy.authorization());
                    let (tls, early) = asked.await.map_err(failed)?;
                    Ok(ReadAhead::new(Way::Tls(tls), &early))
                }
            }
        })
        .await
    }

    fn proxy_config(&self) -> Result<Arc<ClientConfig>, String> {
        if let Some(config) = self.proxy_config.get() {
            return Ok(config.clone());
        }
        let trust = self.trust.for_proxy().map_err(|error| error.to_string())?;
        let config = trust.config(None).map_err(|error| error.to_string())?;
        Ok(self.proxy_config.get_or_init(|| config).clone())
    }
}
