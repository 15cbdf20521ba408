//! Every global flag of kubectl, under its own name and short form.

use std::{path::PathBuf, time::Duration};

use clap::{Args, ValueHint};

use super::flag;

/// Which cluster to talk to and as whom; unset means what the kubeconfig says.
#[derive(Args, Debug)]
#[command(next_help_heading = "Cluster and user, as kubectl's")]
pub struct KubectlArguments {
    /// The namespace of targets that name none
    #[arg(short, long, value_name = "NAME", allow_hyphen_values = true)]
    pub namespace: Option<String>,

    /// The kubeconfig's context to use
    #[arg(long, value_name = "NAME", allow_hyphen_values = true)]
    pub context: Option<String>,

    /// The kubeconfig file to read, and no other
    #[arg(long, value_name = "FILE",
        value_parser = flag::path(), value_hint = ValueHint::FilePath, allow_hyphen_values = true)]
    pub kubeconfig: Option<PathBuf>,

    /// The kubeconfig's cluster to use
    #[arg(long, value_name = "NAME", hide_short_help = true, allow_hyphen_values = true)]
    pub cluster: Option<String>,

    /// The kubeconfig's user to use
    #[arg(long, value_name = "NAME", hide_short_help = true, allow_hyphen_values = true)]
    pub user: Option<String>,

    /// The URL of the API server
    #[arg(short, long, value_name = "URL", value_hint = ValueHint::Url, hide_short_help = true, allow_hyphen_values = true)]
    pub server: Option<String>,

    /// The proxy to the API server
    #[arg(long, value_name = "URL", value_hint = ValueHint::Url, hide_short_help = true, allow_hyphen_values = true)]
    pub proxy_url: Option<String>,

    /// The bearer token to show to the API server
    ///
    /// Other users of this machine can read it in the list of processes; a kubeconfig keeps it to yourself.
    #[arg(
        long,
        value_name = "TOKEN",
        hide_short_help = true,
        allow_hyphen_values = true
    )]
    pub token: Option<String>,

    /// The user name for basic authentication
    #[arg(long, value_name = "NAME", hide_short_help = true, allow_hyphen_values = true)]
    pub username: Option<String>,

    /// The password for basic authentication
    #[arg(
        long,
        value_name = "PASSWORD",
        hide_short_help = true,
        allow_hyphen_values = true
    )]
    pub password: Option<String>,

    /// The user, or service account, to act as
    #[arg(
        long = "as",
        value_name = "USER",
        hide_short_help = true,
        allow_hyphen_values = true
    )]
    pub impersonate: Option<String>,

    /// A group to act as; can be given more than once
    #[arg(
        long = "as-group",
        value_name = "GROUP",
        hide_short_help = true,
        allow_hyphen_values = true
    )]
    pub impersonate_groups: Vec<String>,

    /// The UID to act as
    #[arg(
        long = "as-uid",
        value_name = "UID",
        hide_short_help = true,
        allow_hyphen_values = true
    )]
    pub impersonate_uid: Option<String>,

    /// Something more about the user to act as, as KEY=VALUE; can be given more than once
    #[arg(
        long = "as-user-extra",
        value_name = "KEY=VALUE",
        hide_short_help = true,
        allow_hyphen_values = true
    )]
    pub impersonate_extras: Vec<String>,

    /// The file with the certificates that the API server's is checked against
    #[arg(long, value_name = "FILE",
        value_parser = flag::path(), value_hint = ValueHint::FilePath, hide_short_help = true, allow_hyphen_values = true)]
    pub certificate_authority: Option<PathBuf>,

    /// The file with the certificate to show to the API server
    #[arg(long, value_name = "FILE",
        value_parser = flag::path(), value_hint = ValueHint::FilePath, hide_short_help = true, allow_hyphen_values = true)]
    pub client_certificate: Option<PathBuf>,

    /// The file with the key of that certificate
    #[arg(long, value_name = "FILE",
        value_parser = flag::path(), value_hint = ValueHint::FilePath, hide_short_help = true, allow_hyphen_values = true)]
    pub client_key: Option<PathBuf>,

    /// The name that the API server's certificate must be for, if not the URL's
    #[arg(long, value_name = "NAME", hide_short_help = true, allow_hyphen_values = true)]
    pub tls_server_name: Option<String>,

    /// Take any certificate for the API server's; whoever is in between can read and change everything
    #[arg(long, value_name = flag::BOOLEAN, hide_short_help = true)]
    pub insecure_skip_tls_verify: Option<bool>,

    /// How long one request to the API server may take; `0` is no limit of its own
    #[arg(
        long,
        value_name = "DURATION",
        hide_short_help = true,
        allow_hyphen_values = true
    )]
    pub request_timeout: Option<String>,

    /// The flags that mean nothing to podline.
    #[command(flatten)]
    pub without_meaning: WithoutMeaning,
}

/// Flags of kubectl that are taken so that scripts keep working, and that change nothing.
#[derive(Args, Debug)]
#[command(next_help_heading = "Flags of kubectl that are taken and change nothing")]
pub struct WithoutMeaning {
    /// kubectl's cache of discovery; podline needs no discovery
    #[arg(long, value_name = "DIRECTORY",
        value_parser = flag::path(), value_hint = ValueHint::DirPath, hide_short_help = true, allow_hyphen_values = true)]
    pub cache_dir: Option<PathBuf>,

    /// Ask for no compression; podline asks for none
    #[arg(long, value_name = flag::BOOLEAN, hide_short_help = true)]
    pub disable_compression: Option<bool>,

    /// kubectl's file of preferences
    #[arg(long, value_name = "FILE",
        value_parser = flag::path(), value_hint = ValueHint::FilePath, hide_short_help = true, allow_hyphen_values = true)]
    pub kuberc: Option<PathBuf>,

    /// kubectl's time between two writes of its log; podline's is written at once
    #[arg(long, value_name = "DURATION", value_parser = flag::duration, hide_short_help = true, allow_hyphen_values = true)]
    pub log_flush_frequency: Option<Duration>,

    /// kubectl's check that the server has its own version; podline has none in common with a server
    #[arg(long, value_name = flag::BOOLEAN, hide_short_help = true)]
    pub match_server_version: Option<bool>,

    /// kubectl's profile of itself
    #[arg(long, value_name = "NAME", hide_short_help = true, allow_hyphen_values = true)]
    pub profile: Option<String>,

    /// The file for kubectl's profile of itself
    #[arg(long, value_name = "FILE",
        value_parser = flag::path(), value_hint = ValueHint::FilePath, hide_short_help = true, allow_hyphen_values = true)]
    pub profile_output: Option<PathBuf>,

    /// kubectl's log levels by source file
    #[arg(
        long,
        value_name = "PATTERN=N,...",
        hide_short_help = true,
        allow_hyphen_values = true
    )]
    pub vmodule: Option<String>,

    /// kubectl's way to fail on a warning from the server; a forward sees none
    #[arg(long, value_name = flag::BOOLEAN, hide_short_help = true)]
    pub warnings_as_errors: Option<bool>,
}

impl WithoutMeaning {
    /// The names of those that were typed.
    #[must_use]
    pub fn typed(&self) -> Vec<&'static str> {
        let Self {
            cache_dir,
            disable_compression,
            kuberc,
            log_flush_frequency,
            match_server_version,
            profile,
            profile_output,
            vmodule,
            warnings_as_errors,
        } = self;
        [
            ("--cache-dir", cache_dir.is_some()),
            ("--disable-compression", disable_compression.is_some()),
            ("--kuberc", kuberc.is_some()),
            ("--log-flush-frequency", log_flush_frequency.is_some()),
            ("--match-server-version", match_server_version.is_some()),
            ("--profile", profile.is_some()),
            ("--profile-output", profile_output.is_some()),
            ("--vmodule", vmodule.is_some()),
            ("--warnings-as-errors", warnings_as_errors.is_some()),
        ]
        .into_iter()
        .filter_map(|(name, typed)| typed.then_some(name))
        .collect()
    }
}
