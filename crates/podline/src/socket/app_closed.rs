use tokio::net::TcpStream;

/// What an app that sends no more has done with its socket.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum AppSocket {
    /// It has closed it: nobody is there to read an answer.
    Closed,
    /// It still has it open, so it may read.
    Open,
    /// The system does not tell: the app is on another machine, or this is not Linux.
    Unknown,
}

/// What the app at the other end of `stream` has done with its socket. A FIN does not tell closing from half-closing;
/// a look at the app's own socket does.
pub(crate) fn app_socket(stream: &TcpStream) -> AppSocket {
    #[cfg(target_os = "linux")]
    return super::sock_diag::app_socket(stream).unwrap_or(AppSocket::Unknown);
    #[cfg(not(target_os = "linux"))]
    {
        let _ = stream;
        AppSocket::Unknown
    }
}
