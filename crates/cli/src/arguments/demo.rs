//! `podline demo`.

use std::path::PathBuf;

use clap::{Args, ValueHint};

/// How to run the demonstration.
#[derive(Args, Debug)]
pub struct DemoArguments {
    /// Make real requests through the forward, say what was done, and exit with 0 if all went well or with 1
    #[arg(long)]
    pub check: bool,

    /// Also write a kubeconfig, for kubectl and any other tool; it is removed at the end
    ///
    /// The file gets mode 0600 and the context `podline-demo`. A file that is there and is not one of these is left alone,
    /// and an error.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub kubeconfig: Option<PathBuf>,
}
