//! The program podline: forwards local ports into Kubernetes pods, drop-in for kubectl port-forward.
//!
//! What was typed ([`arguments`]) is turned into what will be done ([`plan`]), which is then performed. What the program says
//! goes through one owner of standard output ([`output`]).

pub mod arguments;
pub mod output;
pub mod plan;
mod program;

pub use program::run;
