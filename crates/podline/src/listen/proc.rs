//! Who listens on a port, as Linux tells it: the socket's inode from `/proc/net/tcp` and `/proc/net/tcp6`, the process
//! from the links in `/proc/PID/fd`.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

use podline_wire::Untrusted;

use super::Holder;

/// `st` of a listening socket: TCP_LISTEN of the kernel's `tcp_states.h`.
const LISTENING: &str = "0A";

/// The process that keeps `wanted` from being bound; `None` if it belongs to another user or is gone.
pub(super) fn holder(wanted: SocketAddr) -> Option<Holder> {
    let inode = ["/proc/net/tcp", "/proc/net/tcp6"]
        .into_iter()
        .filter_map(|path| File::open(path).ok())
        .flat_map(|table| BufReader::new(table).lines().map_while(Result::ok))
        .filter_map(|line| Listener::parse(&line))
        .filter(|listener| listener.is_in_the_way_of(wanted))
        .min_by_key(|listener| listener.socket != wanted)?
        .inode;
    let process = process_with(inode)?;
    let name = fs::read(format!("/proc/{process}/comm")).ok()?;
    Some(Holder {
        process,
        name: Untrusted::from_bytes(name.trim_ascii_end()),
    })
}

/// A line of `/proc/net/tcp` that is of a listening socket.
#[derive(Debug, Eq, PartialEq)]
struct Listener {
    socket: SocketAddr,
    inode: u64,
}

impl Listener {
    fn parse(line: &str) -> Option<Self> {
        let mut fields = line.split_ascii_whitespace();
        let local = fields.nth(1)?;
        if fields.nth(1)? != LISTENING {
            return None;
        }
        let (address, port) = local.split_once(':')?;
        Some(Self {
            socket: SocketAddr::new(parse_address(address)?, u16::from_str_radix(port, 16).ok()?),
            inode: fields.nth(5)?.parse().ok()?,
        })
    }

    fn is_in_the_way_of(&self, wanted: SocketAddr) -> bool {
        let same_family = self.socket.is_ipv4() == wanted.is_ipv4();
        // An IPv6 wildcard socket takes the IPv4 port too, unless it was made for IPv6 only; the table does not tell.
        let covers = self.socket.ip().is_unspecified() && (same_family || self.socket.is_ipv6());
        let covered = wanted.ip().is_unspecified() && same_family;
        self.socket.port() == wanted.port()
            && (self.socket.ip().to_canonical() == wanted.ip() || covers || covered)
    }
}

/// The kernel prints an address as 32-bit words of memory in its network order, read in the machine's order.
fn parse_address(text: &str) -> Option<IpAddr> {
    let word = |at: usize| -> Option<[u8; 4]> {
        Some(u32::from_str_radix(text.get(at..at + 8)?, 16).ok()?.to_ne_bytes())
    };
    match text.len() {
        8 => Some(Ipv4Addr::from(word(0)?).into()),
        32 => {
            let mut bytes = [0; 16];
            for (index, part) in bytes.chunks_exact_mut(4).enumerate() {
                part.copy_from_slice(&word(index * 8)?);
            }
            Some(Ipv6Addr::from(bytes).into())
        }
        _ => None,
    }
}

fn process_with(inode: u64) -> Option<u32> {
    let link = format!("socket:[{inode}]");
    fs::read_dir("/proc")
        .ok()?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .find(|process| has_open(*process, OsStr::new(&link)))
}

fn has_open(process: u32, link: &OsStr) -> bool {
    let Ok(files) = fs::read_dir(Path::new("/proc").join(process.to_string()).join("fd")) else {
        return false;
    };
    files
        .filter_map(Result::ok)
        .any(|file| fs::read_link(file.path()).is_ok_and(|target| target.as_os_str() == link))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that fails should panic")]

    use std::net::TcpListener;

    use super::*;

    #[cfg(target_endian = "little")]
    #[test]
    fn reads_the_lines_of_listening_sockets() {
        let v4 = "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 48213 1 \
                  0000000000000000 100 0 0 10 0";
        assert_eq!(
            Listener::parse(v4),
            Some(Listener {
                socket: "127.0.0.1:8080".parse().unwrap(),
                inode: 48213
            })
        );
        let v6 = "   1: 00000000000000000000000001000000:1F90 00000000000000000000000000000000:0000 0A \
                  00000000:00000000 00:00000000 00000000  1000        0 7 1 0000000000000000 100 0 0 10 0";
        assert_eq!(
            Listener::parse(v6),
            Some(Listener {
                socket: "[::1]:8080".parse().unwrap(),
                inode: 7
            })
        );
    }

    #[test]
    fn other_lines_are_passed_over() {
        let head = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode";
        let established =
            "   1: 0100007F:1F90 0100007F:C001 01 00000000:00000000 00:00000000 00000000  1000 0 9 1 0";
        for line in ["", "0:", "0: zz:1 x 0A a b c d e f", head, established] {
            assert_eq!(Listener::parse(line), None, "{line:?}");
        }
    }

    #[test]
    fn a_wildcard_is_in_the_way_of_every_address_of_its_port() {
        let at = |socket: &str| Listener {
            socket: socket.parse().unwrap(),
            inode: 1,
        };
        let wanted = "127.0.0.1:80".parse().unwrap();
        for held in ["127.0.0.1:80", "0.0.0.0:80", "[::]:80", "[::ffff:127.0.0.1]:80"] {
            assert!(at(held).is_in_the_way_of(wanted), "{held}");
        }
        for held in ["127.0.0.1:81", "127.0.0.2:80", "[::1]:80"] {
            assert!(!at(held).is_in_the_way_of(wanted), "{held}");
        }
        assert!(at("127.0.0.2:80").is_in_the_way_of("0.0.0.0:80".parse().unwrap()));
        assert!(!at("127.0.0.2:80").is_in_the_way_of("[::]:80".parse().unwrap()));
    }

    #[test]
    fn finds_the_process_that_listens() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let holder = holder(listener.local_addr().unwrap()).unwrap();
        assert_eq!(holder.process, std::process::id());
        assert_eq!(holder.to_string(), "this process");
    }
}
