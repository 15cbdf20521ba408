//! Pure protocol and policy of podline: SPDY/3.1, its WebSocket tunnel, pairs, lanes and the pool; bytes and time in, events, bytes and actions out.
