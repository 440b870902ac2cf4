//! `/v1/{indexes}/{target}/+simple/`: of each project, the first index that has it decides.

use crate::error::{Error, Result};
use crate::index::view::{Ask, Prepared, Views};
use crate::missing;
use crate::web::http::Ctx;
use crate::web::simple;
use axum::response::Response;
use std::sync::Arc;

/// `…/+simple/{project}/`
pub async fn project(ctx: Ctx) -> Result<Response> {
    simple::project_of(ctx, simple::Of::Several).await
}

/// The page of the first index that has the project. Those behind it are not asked: nobody can come
/// between with another project of the same name.
///
/// # Errors
/// Whatever prevents to know whether an earlier index has it; `Missing` if none has it.
pub async fn first(views: &Views, asks: &[Ask<'_>]) -> Result<Arc<Prepared>> {
    let mut refused = None;
    for ask in asks {
        match views.project(*ask).await {
            Err(Error::Missing(_)) => {}
            // A mirror's policy: it has this project for nobody.
            Err(error @ Error::Forbidden(_)) => refused = refused.or(Some(error)),
            decided => return decided,
        }
    }
    Err(refused.unwrap_or_else(|| {
        let names: Vec<&str> = asks.iter().map(|ask| ask.index.name.as_str()).collect();
        let project = asks.first().map_or("", |ask| ask.project.as_str());
        missing!("The project {project} does not exist on {}.", names.join(", nor on "))
    }))
}
