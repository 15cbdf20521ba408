//! How long each step of the way may take.

use std::time::Duration;

use tokio::time::timeout;

use super::ConnectError;

/// Looking up a name and connecting TCP, to the API server or to a proxy.
pub(crate) const CONNECT: Duration = Duration::from_secs(10);
/// Getting through a proxy.
pub(crate) const PROXY: Duration = Duration::from_secs(10);
/// One TLS handshake.
pub(crate) const TLS: Duration = Duration::from_secs(10);
/// Reading the body of a refusal, once its head is there; what arrived until then is used.
pub(crate) const REFUSAL_BODY: Duration = Duration::from_secs(5);

/// Runs a step until its deadline.
pub(crate) async fn within<T>(
    deadline: Duration,
    step: &'static str,
    work: impl Future<Output = Result<T, ConnectError>>,
) -> Result<T, ConnectError> {
    timeout(deadline, work)
        .await
        .unwrap_or(Err(ConnectError::Timeout { step }))
}
