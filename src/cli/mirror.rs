//! `wheelwright mirror`: what mirrors keep of their upstreams.

use super::table;
use crate::access::Who;
use crate::app::App;
use crate::bad;
use crate::error::Result;
use crate::index::mirror::forget;
use crate::names::{IndexName, ProjectName};
use serde_json::json;
use std::process::ExitCode;

#[derive(clap::Subcommand, Debug)]
pub enum MirrorCommand {
    /// Drop a mirror's copy of a project; the mirror fetches it again on the next request
    ///
    /// Without FILE this drops the project's page, files and metadata. With FILE it drops only that file.
    Forget {
        #[arg(value_name = "USER/INDEX", value_parser = super::index::parse)]
        index: IndexName,
        project: String,
        /// Name of one file
        file: Option<String>,
        #[arg(long)]
        json: bool,
    },
}

impl MirrorCommand {
    pub async fn run(self, app: &App) -> Result<ExitCode> {
        let Self::Forget { index, project, file, json } = self;
        let name = ProjectName::new(&project).ok_or_else(|| {
            bad!("'{project}' is not a valid project name. Use letters, digits, '-', '_' and '.'.")
        })?;
        let root = Who::command_line();
        let directory = app.indexes.directory();
        let forgotten = forget(&app.db, &directory, &root, &index, &name, file.as_deref()).await?;
        let (files, pages) = (forgotten.files, forgotten.pages);
        let said = match &file {
            Some(file) => format!("{index} forgot {file}"),
            None if pages == 0 => format!("{index} forgot {files} files of {name}"),
            None => format!("{index} forgot the page and {files} files of {name}"),
        };
        let value =
            json!({"index": index.as_str(), "project": name.as_str(), "files": files, "pages": pages});
        table::done(&said, &value, json)?;
        Ok(ExitCode::SUCCESS)
    }
}
