//! Proof of who asks: tokens, passwords, plugins.

#[allow(clippy::module_inception, reason = "the folder's main type")]
mod credentials;
mod error;
mod exec;
mod jwt;
mod oidc;
mod sort;
mod token_file;

pub use error::CredentialsError;
pub use sort::CredentialsSort;

pub(crate) use credentials::{Credentials, Proof};

#[cfg(test)]
pub(crate) use jwt::token as jwt_for_tests;
