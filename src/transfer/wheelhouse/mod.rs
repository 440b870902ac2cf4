//! Wheelhouses: what an index has, as files that any web server or bucket serves.
//!
//! [`tree`] says what stands where, [`state`] what is there already, [`sync`] brings both together; a place is a
//! [`folder`] or a bucket. [`publish`] does it for buckets under a lease, and again when something changes.

mod folder;
mod order;
mod place;
mod presign;
mod publish;
mod state;
mod sync;
mod tree;

pub use order::{HouseSource, WheelhouseOrder, WheelhouseTally};
pub use presign::Presign;
pub use publish::{WheelhouseTarget, WheelhouseView, Wheelhouses, target_of};

use crate::error::Result;
use crate::tools::time::Micros;
use folder::HouseFolder;
use place::HousePlace;
use std::path::Path;
use sync::Run;

/// Makes a folder what the index is now.
///
/// # Errors
/// `Bad` if the folder holds something else, `Conflict` if another run works on it, `Lost` if the store lacks bytes.
pub async fn export(
    source: HouseSource<'_>,
    order: &WheelhouseOrder,
    to: &Path,
    now: Micros,
) -> Result<WheelhouseTally> {
    sync::check(order)?;
    // A mistyped index must not leave a folder.
    source.indexes.directory().index(&order.index)?;
    let place = HousePlace::Folder(HouseFolder::open(to).await?);
    Run { source, order, place: &place, now }.run().await
}
