//! How much to say.

use clap::Args;

/// The flags that make the program say more or less.
#[derive(Args, Clone, Copy, Debug)]
#[command(next_help_heading = "Output")]
pub struct LoggingArguments {
    /// How much to log on standard error: 0 (only what went wrong) to 6 (everything), as kubectl's
    #[arg(
        short,
        long = "v",
        value_name = "N",
        default_value = "0",
        global = true,
        allow_negative_numbers = true
    )]
    pub verbosity: i32,

    /// Print the `Forwarding from` lines and what goes wrong, and nothing else
    #[arg(short, long)]
    pub quiet: bool,
}
