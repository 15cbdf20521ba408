//! tshark, which knows captures better than anybody here.

use std::{
    env,
    ffi::OsStr,
    path::{Path, PathBuf},
};

use tokio::process::Command;

/// Something is wrong with a packet, or with what it says about others. Resets are no fault.
const FAULTS: &str = "_ws.malformed || tcp.analysis.flags || tcp.checksum.status == 0 || ip.checksum.status == 0 \
                      || _ws.expert.severity == 0x00800000";

/// Where tshark is, if it is on the PATH.
pub(crate) fn path() -> Option<PathBuf> {
    let name = format!("tshark{}", env::consts::EXE_SUFFIX);
    let path = env::var_os("PATH")?;
    env::split_paths(&path)
        .map(|folder| folder.join(&name))
        .find(|path| path.is_file())
}

/// What tshark says of a capture, line by line.
pub(crate) async fn read(capture: &Path, arguments: &[&str]) -> Vec<String> {
    let mut command = command();
    command.arg("-r").arg(capture).args(arguments);
    let said = command.output().await.unwrap();
    let errors = String::from_utf8_lossy(&said.stderr);
    assert!(said.status.success(), "{errors}");
    // What it says about a capture that is cut short.
    assert!(
        !errors.contains("cut short") && !errors.contains("damaged"),
        "{errors}"
    );
    String::from_utf8(said.stdout)
        .unwrap()
        .lines()
        .map(str::to_owned)
        .collect()
}

/// One line for each packet that fits a filter, with some fields of it.
pub(crate) async fn fields(capture: &Path, filter: &str, names: &[&str]) -> Vec<String> {
    let mut arguments = vec!["-Y", filter, "-T", "fields", "-E", "separator=|"];
    for name in names {
        arguments.extend(["-e", name]);
    }
    read(capture, &arguments).await
}

/// tshark finds nothing wrong with the capture, and sees this many connections.
pub(crate) async fn finds_no_fault(capture: &Path, connections: usize) {
    let faults = fields(
        capture,
        FAULTS,
        &["frame.number", "tcp.stream", "_ws.expert.message", "_ws.col.Info"],
    );
    assert_eq!(faults.await, [""; 0]);
    let opened = fields(
        capture,
        "tcp.flags.syn == 1 && tcp.flags.ack == 0",
        &["tcp.stream"],
    )
    .await;
    assert_eq!(opened.len(), connections, "{opened:?}");
}

/// What the two sides of a connection have said, app and pod, as tshark puts it together.
pub(crate) async fn follow(capture: &Path, stream: &str) -> (Vec<u8>, Vec<u8>) {
    let (mut app, mut pod) = (Vec::new(), Vec::new());
    let statistics = format!("follow,tcp,raw,{stream}");
    let lines = read(capture, &["-q", "-z", &statistics]).await;
    let nodes = lines
        .iter()
        .position(|line| line.starts_with("Node 1: "))
        .unwrap();
    for line in &lines[nodes + 1..lines.len() - 1] {
        match line.strip_prefix('\t') {
            Some(line) => pod.extend(bytes(line)),
            None => app.extend(bytes(line)),
        }
    }
    (app, pod)
}

/// A tshark that checks every checksum, takes 8080 for HTTP and nothing of somebody's own settings.
pub(crate) fn command() -> Command {
    let mut command = Command::new(path().unwrap_or_else(|| "tshark".into()));
    command
        .env("WIRESHARK_CONFIG_DIR", OsStr::new("/nonexistent"))
        .args([
            "-n",
            "-o",
            "tcp.check_checksum:TRUE",
            "-o",
            "ip.check_checksum:TRUE",
        ])
        .args(["-d", "tcp.port==8080,http"])
        .kill_on_drop(true);
    command
}

fn bytes(hex: &str) -> impl Iterator<Item = u8> {
    let digit = |digit: u8| char::from(digit).to_digit(16).unwrap() as u8;
    let (pairs, rest) = hex.as_bytes().as_chunks::<2>();
    assert!(rest.is_empty(), "{hex}");
    pairs
        .iter()
        .map(move |[high, low]| digit(*high) << 4 | digit(*low))
}
