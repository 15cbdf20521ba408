mod originator;
mod peer;
mod sizes;

pub(crate) use originator::originate;
pub(crate) use peer::serve;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::CipherSuite;
use rustls::crypto::{CryptoProvider, ring};
use serde::{Deserialize, Serialize};

use crate::contender::Contender;
use crate::forwarder::Launch;
use crate::helper::Helper;
use crate::relay::Recording;

/// Bytes that the pipe reads at once from the app's socket, and plaintext that it takes at once from TLS.
const BUFFER: usize = 64 << 10;

/// The records of one transfer each way, as a contender's connection to the API server carried them.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Recorded {
    pub(crate) down: Recording,
    pub(crate) up: Recording,
}

impl fmt::Display for Recorded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mean = |recording: &Recording| {
            recording.sizes.iter().map(|&size| u64::from(size)).sum::<u64>()
                / recording.sizes.len().max(1) as u64
        };
        let suite = CipherSuite::from(self.down.suite);
        let (down, up) = (&self.down, &self.up);
        write!(
            f,
            "{suite:?} records as they were recorded: {} down of {} bytes on average, {} up of {}",
            down.sizes.len(),
            mean(down),
            up.sizes.len(),
            mean(up)
        )
    }
}

/// Where the peer of the pipe can be reached: its own address for each of the workload's ports that it serves.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct PeerAnswer {
    pub(crate) ports: BTreeMap<u16, SocketAddr>,
}

/// A TLS pipe that can be started like any other contender.
///
/// Its near end copies between a local socket and TLS, which no forwarder can do without; its far end serves the workload
/// behind TLS and sends the records that were recorded. Near end and forwarder use the same TLS library, and read and write
/// the local socket alike.
pub(crate) struct Pipe {
    pub(crate) launch: Launch,
    _helpers: Vec<Helper>,
}

impl Pipe {
    /// Starts the far end, behind relays where a delay is asked for.
    pub(crate) async fn start(
        recorded: Option<&Recorded>,
        rtt: Duration,
        directory: &Path,
    ) -> io::Result<Self> {
        let certificate = directory.join("peer.der");
        let mut common: Vec<OsString> = vec!["--certificate".into(), certificate.into()];
        if let Some(recorded) = recorded {
            let file = directory.join("recorded.json");
            fs::write(&file, serde_json::to_vec(recorded)?)?;
            common.extend(["--recorded".into(), file.into()]);
        }
        let arguments = [vec!["peer".into()], common.clone()].concat();
        let (peer, answer) = Helper::start::<PeerAnswer>(arguments).await?;
        let mut helpers = vec![peer];
        let mut arguments = [vec!["pipe".into()], common].concat();
        for (port, mut address) in answer.ports {
            if !rtt.is_zero() {
                let (relay, relayed) = crate::helper::relay(address, rtt).await?;
                helpers.push(relay);
                address = relayed;
            }
            arguments.extend(["--peer".into(), format!("{port}={address}").into()]);
        }
        let program = std::env::current_exe()?;
        let launch = Launch {
            contender: Contender::Pipe,
            program,
            arguments,
            environment: Vec::new(),
        };
        Ok(Self {
            launch,
            _helpers: helpers,
        })
    }
}

/// The recorded suite alone, so that both sides do the same cryptography as the connection that was recorded; all suites
/// where it is not known.
fn provider(recorded: Option<&Recorded>) -> Arc<CryptoProvider> {
    let mut provider = ring::default_provider();
    if let Some(recorded) = recorded {
        let suite = recorded.down.suite;
        if provider
            .cipher_suites
            .iter()
            .any(|offered| u16::from(offered.suite()) == suite)
        {
            provider
                .cipher_suites
                .retain(|offered| u16::from(offered.suite()) == suite);
        }
    }
    Arc::new(provider)
}

/// Reads the file that the bench wrote for both ends.
pub(crate) fn read_recorded(file: &Path) -> io::Result<Recorded> {
    Ok(serde_json::from_slice(&fs::read(file)?)?)
}
