//! `wheelwright man`: the help of every command as manual pages.

use super::table;
use crate::bad;
use crate::error::Result;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(clap::Args, Debug)]
pub struct ManCommand {
    /// The folder for the pages, one for each command: wheelwright.1, wheelwright-serve.1, …
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
}

impl ManCommand {
    pub fn run(&self, program: clap::Command) -> Result<ExitCode> {
        let folder = self.to.display();
        let written =
            std::fs::create_dir_all(&self.to).and_then(|()| clap_mangen::generate_to(program, &self.to));
        written.map_err(|error| bad!("cannot write manual pages to {folder}: {error}"))?;
        table::line(&format!(
            "wrote manual pages to {folder}; read one with: man -l {folder}/wheelwright.1"
        ))?;
        Ok(ExitCode::SUCCESS)
    }
}
