//! What people do with a project: set its status, delete it, keep it from everybody.

use super::super::call::ScriptCall;
use super::super::{Visit, index_href};
use super::{acts, may, may_release};
use crate::access::Need;
use crate::directory::Index;
use crate::names::ProjectName;
use crate::words::ProjectStatus;
use serde_json::json;

/// `templates/act/project.html`
pub struct ProjectDeeds {
    /// From the root: of the project, of its index.
    pub href: String,
    pub index_href: String,
    pub project: String,
    pub index: String,
    /// Whether it was uploaded here and the reader may change it.
    pub may_manage: bool,
    pub status: &'static str,
    pub statuses: [&'static str; 4],
    pub volatile: bool,
    /// Whether the reader may quarantine: on this index, and on all.
    pub may_quarantine: bool,
    pub everywhere: bool,
    /// Whether one asks here for what is not listed.
    pub may_ask: bool,
    /// The quarantine that keeps all of it from everybody, and whether the reader may take it back.
    pub held: Option<String>,
    pub may_release: bool,
    pub change: ScriptCall,
    pub delete: ScriptCall,
    pub quarantine: ScriptCall,
    pub release: ScriptCall,
    pub ask: ScriptCall,
}

impl ProjectDeeds {
    /// `own`: whether the index has it itself, and not from a base or an upstream.
    pub fn of(ctx: &Visit, index: &Index, project: &ProjectName, own: bool, status: ProjectStatus) -> Self {
        let name = &index.name;
        let href = format!("{}/{project}", index_href(name));
        let whole = ctx.directory.quarantines.whole(name, project);
        let may_release = whole.is_some_and(|held| may_release(ctx, held.index.as_ref()));
        let held = whole.map(|held| held.id.clone());
        let quarantine = json!({"what": project, "why": "…", "index": name});
        Self {
            index_href: index_href(name),
            project: project.to_string(),
            index: name.to_string(),
            may_manage: own && index.is_stage() && may(ctx, Need::Manage, Some(name), Some(project.as_str())),
            status: status.name(),
            statuses: ["active", "archived", "deprecated", "quarantined"],
            volatile: index.volatile,
            may_quarantine: held.is_none() && may(ctx, Need::ManageIndex, Some(name), None),
            may_release,
            everywhere: may(ctx, Need::Operate, None, None),
            may_ask: index.is_curated() && acts(ctx),
            release: ScriptCall::new(
                "DELETE",
                format!("/+quarantine/{}", held.as_deref().unwrap_or_default()),
            ),
            held,
            change: ScriptCall::with(
                "PATCH",
                format!("/{href}"),
                &json!({"status": "archived", "reason": "…"}),
            ),
            delete: ScriptCall::new(
                "DELETE",
                format!("/{href}{}", if index.volatile { "" } else { "?force" }),
            ),
            quarantine: ScriptCall::with("POST", "/+quarantine", &quarantine),
            ask: ScriptCall::with("POST", "/+requests", &json!({"index": name, "requirement": project})),
            href,
        }
    }

    /// Whether there is anything to show.
    pub fn any(&self) -> bool {
        self.may_manage || self.may_quarantine || self.may_release || self.may_ask
    }
}
