//! What people do with a release: yank it, delete it, give it to another index, keep it from everybody.

use super::super::call::ScriptCall;
use super::super::{Visit, index_href};
use super::{acts, may};
use crate::access::{self, Need};
use crate::directory::Index;
use crate::names::{IndexName, ProjectName};
use crate::packaging::filename::encode_segment;
use serde_json::json;

/// Indexes that a form offers.
const MOST: usize = 200;

/// `templates/act/release.html`
pub struct ReleaseDeeds {
    /// From the root: of the release, of its project, of its index.
    pub href: String,
    pub project_href: String,
    pub index_href: String,
    /// `demo`, `1.0` and `demo 1.0`
    pub project: String,
    pub version: String,
    pub title: String,
    pub index: String,
    /// Whether it was uploaded here and the reader may yank and delete it.
    pub may_manage: bool,
    pub is_yanked: bool,
    /// Whether it can be deleted without force.
    pub volatile: bool,
    /// Where the reader may push it.
    pub targets: Vec<String>,
    /// Whether the reader may quarantine: on this index, and on all.
    pub may_quarantine: bool,
    pub everywhere: bool,
    pub yank: ScriptCall,
    pub delete: ScriptCall,
    pub push: ScriptCall,
    pub quarantine: ScriptCall,
}

impl ReleaseDeeds {
    /// `own`: whether the index has it itself, and not from a base or an upstream.
    pub fn of(
        ctx: &Visit,
        index: &Index,
        project: &ProjectName,
        version: &str,
        own: bool,
        is_yanked: bool,
    ) -> Self {
        let name = &index.name;
        let href = format!("{}/{project}/{}", index_href(name), encode_segment(version));
        let yanked = if is_yanked { json!({"yanked": false}) } else { json!({"yanked": "…"}) };
        let push = json!({"name": project, "version": version, "targetindex": "USER/INDEX"});
        let quarantine = json!({"what": format!("{project}=={version}"), "why": "…", "index": name});
        Self {
            project_href: format!("{}/{project}", index_href(name)),
            index_href: index_href(name),
            project: project.to_string(),
            version: version.to_owned(),
            title: format!("{project} {version}"),
            index: name.to_string(),
            may_manage: own && index.is_stage() && may(ctx, Need::Manage, Some(name), Some(project.as_str())),
            is_yanked,
            volatile: index.volatile,
            // What a base has is pushed from there.
            targets: if own || !index.is_stage() { targets(ctx, name, project) } else { Vec::new() },
            may_quarantine: may(ctx, Need::ManageIndex, Some(name), None),
            everywhere: may(ctx, Need::Operate, None, None),
            yank: ScriptCall::with("PATCH", format!("/{href}"), &yanked),
            delete: ScriptCall::new(
                "DELETE",
                format!("/{href}{}", if index.volatile { "" } else { "?force" }),
            ),
            push: ScriptCall::with("PUSH", format!("/{}", index_href(name)), &push),
            quarantine: ScriptCall::with("POST", "/+quarantine", &quarantine),
            href,
        }
    }

    /// Whether there is anything to show.
    pub fn any(&self) -> bool {
        self.may_manage || self.may_quarantine || !self.targets.is_empty()
    }
}

fn targets(ctx: &Visit, from: &IndexName, project: &ProjectName) -> Vec<String> {
    if !acts(ctx) {
        return Vec::new();
    }
    let others = ctx.directory.indexes.values().filter(|index| index.is_stage() && index.name != *from);
    let takes = |index: &&Index| {
        let (name, project) = (Some(&index.name), Some(project.as_str()));
        let decided = access::decide(&ctx.directory, &ctx.who, Need::Upload, name, project, None);
        decided == access::Decision::Allowed
    };
    others.filter(takes).map(|index| index.name.to_string()).take(MOST).collect()
}
