//! `podline completion`.

use clap::Args;
use clap_complete::Shell;

/// Which shell's completion script to print.
#[derive(Args, Debug)]
#[command(after_long_help = "\
To load it:
  bash        podline completion bash > ~/.local/share/bash-completion/completions/podline
  zsh         podline completion zsh > \"${fpath[1]}/_podline\"
  fish        podline completion fish > ~/.config/fish/completions/podline.fish
  powershell  podline completion powershell | Out-String | Invoke-Expression")]
pub struct CompletionArguments {
    /// The shell
    #[arg(value_name = "SHELL", value_enum)]
    pub shell: Shell,
}
