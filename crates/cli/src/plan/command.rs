//! What is run while the ports are forwarded.

use std::{ffi::OsString, net::SocketAddr};

use super::{TargetPlan, template::Template};
use crate::output::Failure;

/// A program and its arguments, in which addresses are still to be filled.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CommandPlan {
    words: Vec<Template>,
}

impl CommandPlan {
    /// What was typed behind `--`, if anything was.
    ///
    /// # Errors
    ///
    /// Says which placeholder stands for a port that these targets cannot have.
    pub(super) fn new(words: &[OsString], targets: &[TargetPlan]) -> Result<Option<Self>, Failure> {
        let words: Vec<Template> = words.iter().map(|word| Template::new(word)).collect();
        if words.is_empty() {
            return Ok(None);
        }
        let command = Self { words };
        // How many ports a target declares, the cluster alone knows.
        if targets.iter().all(|target| !target.all_ports) {
            command.check(targets.iter().map(|target| target.ports.len()).sum())?;
        }
        Ok(Some(command))
    }

    /// The program and its arguments, with the address of each forwarded port in its place.
    ///
    /// # Errors
    ///
    /// Says which placeholder stands for a port that is not there.
    pub fn fill(&self, addresses: &[SocketAddr]) -> Result<Vec<OsString>, Failure> {
        self.check(addresses.len())?;
        Ok(self.words.iter().map(|word| word.fill(addresses)).collect())
    }

    fn check(&self, ports: usize) -> Result<(), Failure> {
        let Some(missing) = self.words.iter().find_map(|word| word.missing(ports)) else {
            return Ok(());
        };
        let forwarded = match ports {
            1 => "one port is forwarded".to_owned(),
            ports => format!("{ports} ports are forwarded"),
        };
        Err(
            Failure::new(format!("no port belongs to `{missing}`: {forwarded}")).hinted([
                "they are numbered from 1 in the order in which they are listed; `{{` is a brace".to_owned(),
            ]),
        )
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at what it did not expect")]

    use super::*;

    fn target(ports: &[&str], all_ports: bool) -> TargetPlan {
        TargetPlan {
            all_ports,
            ports: ports.iter().map(|port| port.parse().unwrap()).collect(),
            target: "svc/web".parse().unwrap(),
        }
    }

    fn words(words: &[&str]) -> Vec<OsString> {
        words.iter().map(OsString::from).collect()
    }

    #[test]
    fn nothing_behind_the_dashes_is_no_command() {
        assert_eq!(CommandPlan::new(&[], &[target(&["80"], false)]), Ok(None));
    }

    #[test]
    fn a_placeholder_for_a_port_that_cannot_be_is_refused_before_anything_is_done() {
        let typed = words(&["run", "--to={addr3}"]);
        let refused = CommandPlan::new(&typed, &[target(&["80"], false), target(&["81"], false)]);
        assert_eq!(
            refused.unwrap_err().sentence(),
            "no port belongs to `{addr3}`: 2 ports are forwarded"
        );
        let zero = CommandPlan::new(&words(&["run", "{port0}"]), &[target(&["80"], false)]);
        assert_eq!(
            zero.unwrap_err().sentence(),
            "no port belongs to `{port0}`: one port is forwarded"
        );
        // With ports that the cluster knows, it is refused when they are known.
        let command = CommandPlan::new(&typed, &[target(&["80"], true)])
            .unwrap()
            .unwrap();
        let addresses: Vec<SocketAddr> = (1..=3).map(|port| ([127, 0, 0, 1], port).into()).collect();
        assert!(command.fill(&addresses[..2]).is_err());
        assert_eq!(
            command.fill(&addresses).unwrap(),
            words(&["run", "--to=127.0.0.1:3"])
        );
    }
}
