//! Standard output belongs to one.

use std::fmt;

use crate::output::Failure;

/// Who writes to standard output.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum StdoutOwner {
    /// The command that is run while the ports are forwarded.
    Command,
    /// Events as JSON.
    Json,
    /// kubectl's lines.
    Lines,
    /// Packets.
    Pcap,
    /// The terminal view.
    Tui,
}

impl StdoutOwner {
    /// The one who claims standard output; where nobody does, kubectl's lines go there.
    ///
    /// # Errors
    ///
    /// Two claim it.
    pub fn only(claims: impl IntoIterator<Item = Self>) -> Result<Self, Failure> {
        let mut claims = claims.into_iter();
        match (claims.next(), claims.next()) {
            (None, _) => Ok(Self::Lines),
            (Some(owner), None) => Ok(owner),
            (Some(owner), Some(other)) => Err(Failure::new(format!(
                "standard output can belong to {owner} or to {other}, not to both"
            ))),
        }
    }
}

/// What is typed to get it.
impl fmt::Display for StdoutOwner {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Command => "the program behind `--`",
            Self::Json => "`--output json`",
            Self::Lines => "podline's lines",
            Self::Pcap => "`--pcap -`",
            Self::Tui => "`--tui`",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_has_it_and_two_are_refused() {
        use StdoutOwner::{Command, Json, Lines, Pcap};

        assert_eq!(StdoutOwner::only([]), Ok(Lines));
        assert_eq!(StdoutOwner::only([Pcap]), Ok(Pcap));
        let refused = StdoutOwner::only([Command, Json]).map_err(|failure| failure.sentence().to_owned());
        assert_eq!(
            refused,
            Err(
                "standard output can belong to the program behind `--` or to `--output json`, not to both"
                    .to_owned()
            )
        );
        assert!(StdoutOwner::only([Command, Json, Pcap]).is_err());
    }
}
