//! Conversations, made by hand from the RFCs.

mod bounds;
mod frames;
mod http1;
mod http2;
mod others;
mod properties;
mod stage;
