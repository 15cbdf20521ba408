//! The pure half of podline: protocol and policy as state machines over byte slices.
//!
//! Bytes and time go in; events, bytes and actions come out. Nothing in this crate opens a socket, reads a
//! clock, sleeps, draws a random number or names a runtime, so that all of it runs in simulation: seeded, fast
//! and the same each time. The crate `podline-tunnel` performs it on tokio.
//!
//! # Methods
//!
//! The public methods of every state machine here are of four kinds, told apart by name and receiver:
//!
//! | kind | name | receiver | what it does |
//! |---|---|---|---|
//! | getter | a noun (`worker`, `is_clean`) | `&self` | looks, changes nothing |
//! | input | `handle_*` | `&mut self` | takes what came from outside: bytes from the peer, the time |
//! | mutator | a verb (`open`, `reset`) | `&mut self` | does what the application asks for |
//! | output | `poll_*` | `&mut self` | gives the next thing to do, `None` when there is nothing now |
//!
//! Outputs are drained after inputs and mutators: whoever calls one of those polls until `None` before waiting
//! again. Time is an argument of type [`Time`] and never goes back; random bytes are arguments too.
//!
//! The codecs ([`spdy::FrameReader`], [`spdy::HeaderEncoder`]) are below the state machines and have only
//! `read`, `decode` and functions named after what they encode.
//!
//! # Trust
//!
//! Text that came from outside is [`Untrusted`]. What a peer does against its protocol is an error named
//! `PeerMisbehaved`, with one variant for each offence. Everything that grows has a named bound.

#![forbid(unsafe_code)]
#![warn(clippy::iter_over_hash_type)]

pub mod pool;

mod role;
pub use role::Role;

pub mod session;

pub mod spdy;

mod time;
pub use time::Time;

mod untrusted;
pub use untrusted::Untrusted;

pub mod websocket;
