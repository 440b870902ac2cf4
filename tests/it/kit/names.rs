//! Names as the product has them.

use wheelwright::names::{IndexName, ProjectName};

pub fn index_name(text: &str) -> IndexName {
    text.parse().expect("an index")
}

pub fn project_name(text: &str) -> ProjectName {
    text.parse().expect("a project")
}
