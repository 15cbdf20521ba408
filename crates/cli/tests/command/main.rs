//! The program as a user meets it: command lines in, exact words and exit status out. Nothing of the machine that this runs on
//! gets in: the environment is empty, and the home is a temporary folder.

#![allow(clippy::unwrap_used, reason = "a test may stop at what it did not expect")]

mod bench;
mod check;
mod completion;
mod configuration;
mod podline;
#[path = "../../../monitor/tests/support/schema.rs"]
mod schema;
mod server;
mod usage;
mod world;
