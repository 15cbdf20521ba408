use std::io;
use std::panic::resume_unwind;
use std::thread;

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;
use tokio_util::task::AbortOnDropHandle;

/// Where the apps run that a forward is measured with: on a thread of their own, as another program would, so that the
/// forward has its own to itself. They end with this.
#[derive(Debug)]
pub(super) struct Clients {
    apps: Handle,
    /// Dropped, it ends the thread.
    _end: oneshot::Sender<()>,
}

impl Clients {
    /// # Errors
    /// The system has no thread to give.
    pub(super) fn start() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let apps = runtime.handle().clone();
        let (end, ended) = oneshot::channel::<()>();
        let thread = thread::Builder::new().name("bench clients".to_owned());
        thread.spawn(move || {
            // It is never sent; what is awaited is that its sender goes.
            let _ = runtime.block_on(ended);
        })?;
        Ok(Self { apps, _end: end })
    }

    /// Runs `work` there. It ends when it is not waited for any more.
    pub(super) async fn run<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> T {
        match AbortOnDropHandle::new(self.apps.spawn(work)).await {
            Ok(done) => done,
            Err(error) => resume_unwind(error.into_panic()),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that fails should panic")]

    use super::*;

    #[tokio::test]
    async fn work_is_done_on_another_thread() {
        let clients = Clients::start().unwrap();
        let here = thread::current().id();
        assert_ne!(clients.run(async { thread::current().id() }).await, here);
    }

    #[tokio::test]
    async fn work_that_is_not_waited_for_ends() {
        let clients = Clients::start().unwrap();
        let (alive, gone) = oneshot::channel::<()>();
        let work = clients.run(async move {
            let _alive = alive;
            std::future::pending::<()>().await;
        });
        assert!(futures_util::poll!(std::pin::pin!(work)).is_pending());
        assert!(gone.await.is_err());
    }
}
