//! Two ports of one command cannot listen on the same local port.

use podline::{LocalPort, PortSpec, RemotePort};

use super::TargetPlan;
use crate::output::Failure;

/// Refuses a local port that is asked for twice. What only the cluster knows, such as the number of a named port, is found
/// when it is bound.
pub(super) fn refuse(targets: &[TargetPlan]) -> Result<(), Failure> {
    let mut taken: Vec<(u16, String)> = Vec::new();
    for target in targets {
        for port in &target.ports {
            let Some(local) = local_number(port) else { continue };
            let what = format!("{} {port}", target.target);
            if let Some((_, other)) = taken.iter().find(|(number, _)| *number == local) {
                return Err(Failure::new(format!(
                    "local port {local} is asked for twice: {other} and {what}"
                ))
                .hinted([format!("`:{}` takes any free local port", port.remote)]));
            }
            taken.push((local, what));
        }
    }
    Ok(())
}

fn local_number(port: &PortSpec) -> Option<u16> {
    match (&port.local, &port.remote) {
        (LocalPort::Exact(number), _) | (LocalPort::Same, RemotePort::Number(number)) => Some(*number),
        (LocalPort::Any, _) | (LocalPort::Same, RemotePort::Name(_)) => None,
    }
}
