//! A capture of a GiB: what it costs, and whether every byte can be read back from it.

use std::{fs, io::Read as _, path::Path, process::Stdio, time::Duration};

use podline_minicluster::{Config, Minicluster, User, manifest, workload::pattern};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpStream,
    process::Command,
    time::timeout,
};

use crate::{process, program::Program};

/// What is carried.
const BYTES: u64 = 1 << 30;

/// How often it is carried with and without a capture, in turn: what the machine does besides meets both.
const ROUNDS: u32 = 3;

/// How long it may take to carry it, or to read it back.
const PATIENCE: Duration = Duration::from_secs(600);

/// The port of the pod that sends as many bytes as it is asked for.
const SOURCE: u16 = 20;

/// How much more processor time podline may take with a capture than without.
const DEARER: f64 = 2.0;

/// A memory file system, where Linux has one, so that the disk is not what is measured.
const MEMORY: &str = "/dev/shm";

/// Carries the bytes without a capture and with one, compares what that took, and has tshark read the capture.
pub(crate) async fn run() -> Result<(), String> {
    let config = Config::empty().with(manifest::tools());
    let minicluster = Minicluster::start(config)
        .await
        .map_err(|error| error.to_string())?;
    let folder = if Path::new(MEMORY).is_dir() {
        TempDir::new_in(MEMORY)
    } else {
        TempDir::new()
    };
    let folder = folder.map_err(|error| error.to_string())?;
    let kubeconfig = folder.path().join("config");
    fs::write(&kubeconfig, minicluster.kubeconfig(User::Admin)).map_err(|error| error.to_string())?;
    let capture = folder.path().join("capture.pcapng");
    let recorded = ["--pcap", text(&capture), "--pcap-limit=4GiB", "--pcap-overwrite"];
    warm_up(folder.path()).map_err(|error| error.to_string())?;
    let (mut without, mut with) = (Some(Duration::ZERO), Some(Duration::ZERO));
    for _ in 0..ROUNDS {
        without = sum(without, carry(folder.path(), &kubeconfig, &[]).await?);
        with = sum(with, carry(folder.path(), &kubeconfig, &recorded).await?);
    }
    let length = fs::metadata(&capture).map_err(|error| error.to_string())?.len();
    println!("  the capture of {BYTES} bytes has {length}");
    let read = timeout(PATIENCE, read_back(&capture)).await;
    let packets = read.map_err(|_| "tshark takes too long".to_owned())??;
    println!("  tshark read back every byte, from {packets} packets");
    if let (Some(without), Some(with)) = (without, with) {
        let ratio = with.as_secs_f64() / without.as_secs_f64();
        let (without, with) = (without / ROUNDS, with / ROUNDS);
        println!("  processor time of podline: {without:?} without it, {with:?} with it: {ratio:.2} times");
        if ratio > DEARER {
            return Err(format!("a capture may cost {DEARER} times as much"));
        }
    }
    Ok(())
}

/// Writes as much as a capture, and removes it. Memory that a virtual machine uses for the first time must first be given to it by its
/// host, which can take several times as long as writing there. That would be counted as podline's, and the capture would have gaps.
fn warm_up(folder: &Path) -> std::io::Result<()> {
    let path = folder.join("warm-up");
    let mut file = fs::File::create_new(&path)?;
    let most = BYTES + BYTES / 16;
    std::io::copy(&mut std::io::repeat(0).take(most), &mut file)?;
    fs::remove_file(path)
}

/// Takes the bytes through a podline with these flags besides, and says how much processor time it used.
async fn carry(home: &Path, kubeconfig: &Path, flags: &[&str]) -> Result<Option<Duration>, String> {
    let arguments = [&["--namespace=default", "tools", ":20"], flags].concat();
    let program = Program::start(home, kubeconfig, &arguments, 1, &[]).await?;
    let id = program.id().ok_or("it has ended")?;
    let before = process::processor_time(id);
    timeout(PATIENCE, take(&program))
        .await
        .map_err(|_| "the bytes do not come in time".to_owned())?
        .map_err(|error| error.to_string())?;
    let after = process::processor_time(id);
    let warnings = program.warnings();
    program.end().await?;
    if warnings > 0 {
        return Err("podline had something to warn of; PODLINE_SOAK_SHOW=1 shows it".to_owned());
    }
    Ok(before.zip(after).map(|(before, after)| after - before))
}

/// None where the system does not say what one of them is.
fn sum(one: Option<Duration>, other: Option<Duration>) -> Option<Duration> {
    one.zip(other).map(|(one, other)| one + other)
}

async fn take(program: &Program) -> std::io::Result<()> {
    let mut stream = TcpStream::connect(program.address(SOURCE)).await?;
    stream.write_all(format!("{BYTES}\n").as_bytes()).await?;
    let mut buffer = vec![0; 256 * 1024];
    let mut taken = 0;
    while taken < BYTES {
        match stream.read(&mut buffer).await? {
            0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
            length => taken += length as u64,
        }
    }
    Ok(())
}

/// Compares every byte that tshark finds in the capture, and says how many packets they were in.
async fn read_back(capture: &Path) -> Result<u64, String> {
    let mut tshark = Command::new("tshark")
        .args(["-n", "-r", text(capture)])
        // Each packet for itself: putting all of them together would take more memory than they have bytes.
        .args(["-o", "tcp.desegment_tcp_streams:FALSE"])
        .args(["-Y", "tcp.len > 0 && tcp.srcport == 20"])
        .args([
            "-T",
            "fields",
            "-E",
            "separator=|",
            "-e",
            "tcp.seq",
            "-e",
            "tcp.payload",
        ])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| format!("tshark: {error}"))?;
    let mut lines = BufReader::new(tshark.stdout.take().expect("it was asked for"));
    let (mut line, mut bytes) = (String::new(), Vec::new());
    let (mut offset, mut packets) = (0, 0);
    loop {
        line.clear();
        let length = lines.read_line(&mut line).await;
        if length.map_err(|error| error.to_string())? == 0 {
            break;
        }
        let (sequence, payload) = line.trim_end().split_once('|').ok_or("a line has no payload")?;
        // Relative numbers begin with the SYN.
        if sequence.parse() != Ok(offset + 1) {
            return Err(format!("sequence number {sequence} comes after {offset} bytes"));
        }
        decode(payload, &mut bytes)?;
        if let Some(wrong) = pattern::first_difference(offset, &bytes) {
            return Err(format!("byte {} is another", offset + wrong));
        }
        offset += bytes.len() as u64;
        packets += 1;
    }
    let status = tshark.wait().await.map_err(|error| error.to_string())?;
    match offset {
        BYTES if status.success() => Ok(packets),
        _ => Err(format!(
            "tshark ended with {status} after {offset} of {BYTES} bytes"
        )),
    }
}

fn decode(hex: &str, bytes: &mut Vec<u8>) -> Result<(), String> {
    bytes.clear();
    let (pairs, rest) = hex.as_bytes().as_chunks::<2>();
    let digit = |digit: u8| char::from(digit).to_digit(16).map(|digit| digit as u8);
    for [high, low] in pairs {
        let byte = digit(*high).zip(digit(*low)).map(|(high, low)| high << 4 | low);
        bytes.push(byte.ok_or("this is no hex")?);
    }
    if rest.is_empty() {
        Ok(())
    } else {
        Err("half a byte".to_owned())
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("temporary folders have plain names")
}
