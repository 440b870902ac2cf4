//! What people do on pages, in a real browser.

mod curated;
mod looks;
mod recipe;
mod story;
