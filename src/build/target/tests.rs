//! Names of targets and what they answer to.
