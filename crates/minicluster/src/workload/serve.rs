use std::{io, sync::Arc, time::Duration};

use tokio::{net::TcpListener, task::JoinSet};
use tokio_rustls::TlsAcceptor;

use super::{Workload, connection, tls};

/// Connections of one listener served at a time; more of them wait in the kernel's backlog.
const CONNECTIONS: usize = 16 * 1024;

/// The pause after a failed accept (out of file descriptors), so that the failure does not take a whole core.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);

/// Serves `workload` on `listener` for ever; dropping the future closes the listener and all its connections, as the
/// end of a process does. `pod` is the name that the web application tells.
///
/// # Errors
///
/// The certificate of [`Workload::Https`] cannot be made.
pub fn serve(
    listener: TcpListener,
    workload: Workload,
    pod: Arc<str>,
) -> io::Result<impl Future<Output = ()> + Send> {
    let tls = (workload == Workload::Https).then(tls::acceptor).transpose()?;
    Ok(accept(listener, workload, pod, tls))
}

async fn accept(listener: TcpListener, workload: Workload, pod: Arc<str>, tls: Option<TlsAcceptor>) {
    if !workload.listens() || matches!(workload, Workload::Outside(_)) {
        drop(listener);
        return std::future::pending().await;
    }
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept(), if connections.len() < CONNECTIONS => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connection::serve(stream, workload, Arc::clone(&pod), tls.clone()));
                }
                Err(error) => {
                    tracing::debug!(%error, %workload, "accept failed");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            Some(ended) = connections.join_next(), if !connections.is_empty() => {
                if let Ok(Err(error)) = ended {
                    tracing::trace!(%error, %workload, "connection ended");
                }
            }
        }
    }
}
