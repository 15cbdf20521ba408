//! The file that tells scripts where the ports are.

use std::{fmt::Write as _, path::Path, process};

use podline::{LocalAddress, Target};

use super::own_file::{OwnFile, OwnFileError, Purpose};

/// What stands in a line, in this order: local address, local port, port inside the pod, target, number of the process.
const WORDS: usize = 5;

struct Ports;

impl Purpose for Ports {
    const WRITER: &'static str = "podline --ports-file";

    fn process_of(head: &str) -> Option<u32> {
        let words: Vec<&str> = head.lines().next()?.split(' ').collect();
        let [address, local, remote, _, process]: [&str; WORDS] = words.try_into().ok()?;
        address.parse::<std::net::IpAddr>().ok()?;
        local.parse::<u16>().ok()?;
        remote.parse::<u16>().ok()?;
        process.parse().ok()
    }
}

/// Writes a line for each address that is listened on.
pub(super) fn write<'a>(
    path: &Path,
    listening: impl IntoIterator<Item = (&'a Target, &'a LocalAddress)>,
) -> Result<OwnFile, OwnFileError> {
    OwnFile::write::<Ports>(path, content(listening))
}

fn content<'a>(listening: impl IntoIterator<Item = (&'a Target, &'a LocalAddress)>) -> String {
    let mut content = String::new();
    for (target, LocalAddress { socket, remote, .. }) in listening {
        let (ip, port, process) = (socket.ip(), socket.port(), process::id());
        let target = target.typed();
        // Writing to a String cannot fail.
        let _ = writeln!(content, "{ip} {port} {remote} {target} {process}");
    }
    content
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_address_has_a_line_and_the_first_tells_whose_file_it_is() {
        let target: Target = "db/svc/pg".parse().unwrap();
        let address = |socket: &str| LocalAddress {
            socket: socket.parse().unwrap(),
            remote: 5432,
        };
        let (one, other) = (address("127.0.0.1:40000"), address("[::1]:40000"));
        let content = content([(&target, &one), (&target, &other)]);
        let process = process::id();
        assert_eq!(
            content,
            format!("127.0.0.1 40000 5432 db/svc/pg {process}\n::1 40000 5432 db/svc/pg {process}\n")
        );
        assert_eq!(Ports::process_of(&content), Some(process));
    }

    #[test]
    fn what_looks_like_nothing_of_the_kind_is_somebody_elses() {
        for head in [
            "",
            "\n",
            "127.0.0.1 1 2 svc/x",
            "127.0.0.1 1 2 svc/x me",
            "here 1 2 svc/x 7",
            "127.0.0.1 1 2 svc/x 7 8",
        ] {
            assert_eq!(Ports::process_of(head), None, "{head}");
        }
    }
}
