//! `wheelwright access`: what people may do, and why.

use super::place::CommandPlace;
use super::table;
use crate::access::grants::AccessView;
use crate::error::Result;
use crate::names::IndexName;
use std::process::ExitCode;

#[derive(clap::Subcommand, Debug)]
pub enum AccessCommand {
    /// Say what a user may do with an index, and why
    Explain {
        /// A user name, or :ANONYMOUS: for somebody without a credential
        user: String,
        #[arg(value_name = "USER/INDEX", value_parser = super::index::parse)]
        index: IndexName,
        #[arg(long)]
        json: bool,
    },
    /// List what every user may do with an index
    List {
        #[arg(value_name = "USER/INDEX", value_parser = super::index::parse)]
        index: IndexName,
        #[arg(long)]
        json: bool,
    },
}

impl AccessCommand {
    pub async fn run(self, at: &CommandPlace) -> Result<ExitCode> {
        match self {
            Self::Explain { user, index, json } => {
                for view in at.access(&index, Some(&user)).await? {
                    if json { table::json(&view)? } else { told(&view)? }
                }
            }
            Self::List { index, json } => {
                let views = at.access(&index, None).await?;
                if json { table::json(&views)? } else { listed(&views)? }
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn yes(allowed: bool) -> String {
    if allowed { "yes" } else { "no" }.into()
}

fn told(view: &AccessView) -> Result<()> {
    let groups = if view.groups.is_empty() { "no group".into() } else { view.groups.join(", ") };
    table::line(&format!("{} ({groups}) in {}", view.user, view.index))?;
    let mut rows = Vec::new();
    for right in &view.rights {
        rows.push(vec![format!("  {}", right.right), yes(right.allowed), right.why.clone()]);
    }
    for base in &view.bases {
        rows.push(vec![format!("  read {}", base.index), yes(base.allowed), base.why.clone()]);
    }
    table::rows(&rows)
}

fn listed(views: &[AccessView]) -> Result<()> {
    let heads = views.first().into_iter().flat_map(|view| &view.rights);
    let heads = heads.map(|right| right.right.to_string().to_uppercase());
    let mut rows = vec![std::iter::once("USER".to_owned()).chain(heads).collect::<Vec<_>>()];
    for view in views {
        let cells = view.rights.iter().map(|right| yes(right.allowed));
        rows.push(std::iter::once(view.user.clone()).chain(cells).collect());
    }
    table::rows(&rows)
}
