//! `wheelwright completions`: what a shell needs to complete our commands and options.

use super::table;
use crate::error::{Error, Result};
use clap_complete::Shell;
use std::process::ExitCode;

#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  wheelwright completions bash >wheelwright.bash
  wheelwright completions fish >wheelwright.fish

In ~/.bashrc: source <(wheelwright completions bash)")]
pub struct CompletionsCommand {
    /// The shell that reads it
    shell: Shell,
}

impl CompletionsCommand {
    pub fn run(&self, mut program: clap::Command) -> Result<ExitCode> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut program, "wheelwright", &mut script);
        let script = String::from_utf8(script).map_err(Error::internal)?;
        table::line(script.trim_end())?;
        Ok(ExitCode::SUCCESS)
    }
}
