//! WebSocket (RFC 6455) as a tunnel uses it: a stream of bytes in binary messages, without extensions.
//!
//! Message boundaries mean nothing to a tunnel, so nothing here assembles a message: the [`Decoder`] gives payload
//! piece by piece, as it lies in the caller's buffer, and a message may be endless. Writing is a [`head`] followed
//! by payload, masked by [`mask`] or [`mask_into`] where the writer is the client; the [`handshake`] module computes
//! the two headers that prove an upgrade.
//!
//! A peer that breaks the protocol ends the connection with the variant of [`PeerMisbehaved`] that names its
//! offence.

mod control;
mod decoder;
mod head;
mod mask;
mod opcode;
mod peer_misbehaved;

pub mod handshake;

#[cfg(test)]
mod tests;

pub use control::{CONTROL_LIMIT, Control};
pub use decoder::{Decoder, Piece};
pub use head::{Head, close, control, head};
pub use mask::{mask, mask_into};
pub use opcode::Opcode;
pub use peer_misbehaved::PeerMisbehaved;
