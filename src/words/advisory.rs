//! How bad a vulnerability is.

use super::words;

words! {
    /// The level of an advisory, as CVSS names it.
    Severity {
        Low = "low",
        Medium = "medium",
        High = "high",
        Critical = "critical",
    }
}
