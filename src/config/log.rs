//! What is logged, and how.

#[derive(Clone, Debug)]
pub struct LogSettings {
    /// What to log, as `tracing`'s filters say it (`info`, `wheelwright=debug`).
    pub filter: String,
    pub format: LogFormat,
    /// Seconds after which a request is logged as slow.
    pub slow: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    #[default]
    Text,
    /// One object for each line.
    Json,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self { filter: "info".into(), format: LogFormat::default(), slow: 2 }
    }
}
