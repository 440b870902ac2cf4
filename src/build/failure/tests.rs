//! Real logs, and what became of them.
