use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::BytesMut;
use podline_wire::websocket::{Opcode, head, mask_into};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{Bench, client::read_head};

const KEY: [u8; 4] = [9, 8, 7, 6];

async fn connect(bench: &Bench, query: &str, protocol: &str) -> TcpStream {
    let mut stream = TcpStream::connect(bench.address).await.unwrap();
    let request = format!(
        "GET /api/v1/namespaces/default/pods/web-0/portforward{query} HTTP/1.1\r\nHost: node\r\n\
         Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: {protocol}\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let head = read_head(&mut stream).await;
    assert!(head.starts_with("HTTP/1.1 101"), "{head}");
    stream
}

/// One frame: its first byte and its payload.
async fn frame(stream: &mut TcpStream) -> (u8, Vec<u8>) {
    let first = stream.read_u8().await.unwrap();
    let length = match stream.read_u8().await.unwrap() {
        126 => usize::from(stream.read_u16().await.unwrap()),
        127 => stream.read_u64().await.unwrap() as usize,
        length => usize::from(length),
    };
    let mut payload = vec![0; length];
    stream.read_exact(&mut payload).await.unwrap();
    (first, payload)
}

async fn send(stream: &mut TcpStream, payload: &[u8]) {
    let mut out = BytesMut::from(head(Opcode::Binary, true, payload.len() as u64, Some(KEY)).as_bytes());
    mask_into(&mut out, payload, KEY, 0);
    stream.write_all(&out).await.unwrap();
}

#[tokio::test]
async fn each_port_has_two_channels_and_the_server_names_it_first() {
    let bench = Bench::new().await;
    let mut stream = connect(&bench, "?ports=7,83", "v5.channel.k8s.io, v4.channel.k8s.io").await;
    let (mut greetings, mut text) = (Vec::new(), String::new());
    while greetings.len() < 4 || text.is_empty() {
        match frame(&mut stream).await {
            (0x82, payload) if payload.len() == 3 => greetings.push(payload),
            (0x82, payload) => {
                assert_eq!(payload[0], 3, "the error channel of the second port");
                text = String::from_utf8(payload[1..].to_vec()).unwrap();
            }
            other => panic!("{other:?}"),
        }
    }
    greetings.sort();
    assert_eq!(greetings, [[0, 7, 0], [1, 7, 0], [2, 83, 0], [3, 83, 0]]);
    assert!(
        text.contains("127.0.0.1:83: connect: connection refused"),
        "{text}"
    );

    send(&mut stream, b"\0hello").await;
    assert_eq!(frame(&mut stream).await, (0x82, b"\0hello".to_vec()));
}

#[tokio::test]
async fn the_end_of_all_ports_is_a_close_frame() {
    let bench = Bench::new().await;
    let mut stream = connect(&bench, "?ports=83", "v4.channel.k8s.io").await;
    for _ in 0..3 {
        assert_eq!(frame(&mut stream).await.0, 0x82);
    }
    assert_eq!(frame(&mut stream).await, (0x88, vec![0x03, 0xe8]));
}

#[tokio::test]
async fn the_text_protocol_is_base64_with_a_digit() {
    let bench = Bench::new().await;
    let mut stream = connect(&bench, "?ports=7", "v4.base64.channel.k8s.io").await;
    for channel in ["0", "1"] {
        let expected = format!("{channel}{}", STANDARD.encode([7, 0]));
        assert_eq!(frame(&mut stream).await, (0x81, expected.into_bytes()));
    }
    send(&mut stream, format!("0{}", STANDARD.encode("hello")).as_bytes()).await;
    assert_eq!(
        frame(&mut stream).await,
        (0x81, format!("0{}", STANDARD.encode("hello")).into_bytes())
    );
}
