//! Stories of real installers and publishers; `make clients` runs them.

mod install;
mod promised;
mod publish;
mod pypi;
