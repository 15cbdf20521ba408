use std::fmt;

use podline::Untrusted;

/// What a connection looks like.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Protocol {
    /// Nothing that is known here, or nothing any more.
    Bytes,
    /// HTTP/2 with gRPC calls.
    Grpc,
    /// HTTP/1.0 or HTTP/1.1.
    Http1,
    /// HTTP/2 without TLS.
    Http2,
    /// MySQL or MariaDB.
    Mysql,
    /// PostgreSQL; an app that begins with asking for encryption goes on encrypted if the server agrees.
    Postgres {
        /// Whether it asks for encryption.
        asks_for_encryption: bool,
    },
    /// Redis (RESP), or what speaks like it.
    Redis,
    /// SSH.
    Ssh,
    /// TLS.
    Tls {
        /// The server that the app wants, if it says.
        server_name: Option<Untrusted>,
        /// What it wants to speak inside, most wanted first, separated by commas, if it says.
        application_protocols: Option<Untrusted>,
    },
    /// WebSocket, after an HTTP/1.1 request for it.
    WebSocket,
}

impl Protocol {
    /// Whether what goes on is told by exchanges.
    pub fn has_exchanges(&self) -> bool {
        matches!(self, Self::Grpc | Self::Http1 | Self::Http2)
    }

    /// Its name in lower case, for programs.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Bytes => "bytes",
            Self::Grpc => "grpc",
            Self::Http1 => "http1",
            Self::Http2 => "http2",
            Self::Mysql => "mysql",
            Self::Postgres { .. } => "postgres",
            Self::Redis => "redis",
            Self::Ssh => "ssh",
            Self::Tls { .. } => "tls",
            Self::WebSocket => "websocket",
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes => f.write_str("bytes"),
            Self::Grpc => f.write_str("gRPC"),
            Self::Http1 => f.write_str("HTTP/1"),
            Self::Http2 => f.write_str("HTTP/2"),
            Self::Mysql => f.write_str("MySQL"),
            Self::Postgres {
                asks_for_encryption: false,
            } => f.write_str("PostgreSQL"),
            Self::Postgres {
                asks_for_encryption: true,
            } => f.write_str("PostgreSQL, asks for encryption"),
            Self::Redis => f.write_str("Redis"),
            Self::Ssh => f.write_str("SSH"),
            Self::Tls {
                server_name,
                application_protocols,
            } => {
                f.write_str("TLS")?;
                if let Some(name) = server_name {
                    write!(f, " to {name}")?;
                }
                if let Some(protocols) = application_protocols {
                    write!(f, " ({protocols})")?;
                }
                Ok(())
            }
            Self::WebSocket => f.write_str("WebSocket"),
        }
    }
}
