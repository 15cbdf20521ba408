use std::error::Error;

/// An error with its causes, in one line.
pub(crate) fn told(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;
    use crate::client::ConnectionError;

    #[test]
    fn causes_follow_what_they_caused() {
        let error = ConnectionError::Connect(io::Error::other("no route"));
        assert_eq!(told(&error), "connection could not be made: no route");
        assert_eq!(told(&ConnectionError::Reset), "connection was reset");
    }
}
