//! The kinds of values that settings have: how each is read, and how it is written.

/// Flags and counts are written without quotes.
pub const fn is_bare(kind: &str) -> bool {
    matches!(kind.as_bytes(), b"flag" | b"count")
}

pub mod text {
    pub fn parse(text: &str) -> Result<String, String> {
        if text.is_empty() { Err("must not be empty".into()) } else { Ok(text.into()) }
    }
    #[expect(clippy::unnecessary_wraps, reason = "the kinds share one signature")]
    pub fn show(value: &str) -> Option<String> {
        Some(value.into())
    }
}
pub mod optional {
    #[expect(clippy::unnecessary_wraps, reason = "the kinds share one signature")]
    pub fn parse(text: &str) -> Result<Option<String>, String> {
        Ok(Some(text).filter(|text| !text.is_empty()).map(str::to_owned))
    }
    pub fn show(value: &Option<String>) -> Option<String> {
        value.clone()
    }
}
pub mod flag {
    pub fn parse(text: &str) -> Result<bool, String> {
        match text.to_ascii_lowercase().as_str() {
            "true" | "yes" | "1" => Ok(true),
            "false" | "no" | "0" => Ok(false),
            _ => Err("must be true or false".into()),
        }
    }
    pub fn show(value: &bool) -> Option<String> {
        Some(value.to_string())
    }
}
pub mod path {
    use std::path::PathBuf;
    pub fn parse(text: &str) -> Result<PathBuf, String> {
        super::text::parse(text).map(PathBuf::from)
    }
    pub fn show(value: &std::path::Path) -> Option<String> {
        Some(value.display().to_string())
    }
}
/// A path that need not be set.
pub mod optional_path {
    use std::path::PathBuf;
    #[expect(clippy::unnecessary_wraps, reason = "the kinds share one signature")]
    pub fn parse(text: &str) -> Result<Option<PathBuf>, String> {
        Ok(Some(text).filter(|text| !text.is_empty()).map(PathBuf::from))
    }
    pub fn show(value: &Option<PathBuf>) -> Option<String> {
        value.as_ref().map(|path| path.display().to_string())
    }
}
pub mod size {
    use crate::config::units;
    pub fn parse(text: &str) -> Result<u64, String> {
        units::bytes(text).ok_or_else(|| "must be a size like 2 GiB, or bytes".into())
    }
    pub fn show(value: &u64) -> Option<String> {
        Some(units::show_bytes(*value))
    }
}
pub mod count {
    pub fn parse(text: &str) -> Result<u64, String> {
        text.parse().ok().filter(|n| *n > 0).ok_or_else(|| "must be a whole number above 0".into())
    }
    #[expect(clippy::unnecessary_wraps, reason = "the kinds share one signature")]
    pub fn show(value: &u64) -> Option<String> {
        Some(value.to_string())
    }
}
pub mod time {
    use crate::config::units;
    pub fn parse(text: &str) -> Result<u64, String> {
        units::seconds(text).ok_or_else(|| "must be a time like 90s, 10m or 7d, or seconds".into())
    }
    pub fn show(value: &u64) -> Option<String> {
        Some(units::show_seconds(*value))
    }
}
pub mod url {
    use url::Url;
    pub fn parse(text: &str) -> Result<Option<Url>, String> {
        if text.is_empty() {
            return Ok(None);
        }
        let parsed = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        parsed.map(Some).ok_or_else(|| "must be a URL (http://… or https://…)".into())
    }
    pub fn show(value: &Option<Url>) -> Option<String> {
        value.as_ref().map(Url::to_string)
    }
}
pub mod upstream {
    pub fn parse(text: &str) -> Result<Option<String>, String> {
        super::url::parse(text).map(|url| url.map(|_| text.to_owned()))
    }
    pub fn show(value: &Option<String>) -> Option<String> {
        value.clone()
    }
}

pub mod optional_count {
    pub fn parse(text: &str) -> Result<Option<u64>, String> {
        if text.is_empty() { Ok(None) } else { super::count::parse(text).map(Some) }
    }
    pub fn show(value: &Option<u64>) -> Option<String> {
        value.map(|n| n.to_string())
    }
}
pub mod optional_time {
    pub fn parse(text: &str) -> Result<Option<u64>, String> {
        if text.is_empty() { Ok(None) } else { super::time::parse(text).map(Some) }
    }
    pub fn show(value: &Option<u64>) -> Option<String> {
        value.as_ref().and_then(super::time::show)
    }
}
/// Separated by commas.
pub mod list {
    #[expect(clippy::unnecessary_wraps, reason = "the kinds share one signature")]
    pub fn parse(text: &str) -> Result<Vec<String>, String> {
        Ok(text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect())
    }
    pub fn show(value: &[String]) -> Option<String> {
        Some(value.join(",")).filter(|text| !text.is_empty())
    }
}
/// Addresses and networks, separated by commas.
pub mod networks {
    use crate::config::networks::Network;
    pub fn parse(text: &str) -> Result<Vec<Network>, String> {
        let read = |part: &String| {
            part.parse().map_err(|()| {
                format!("must contain addresses and networks like 127.0.0.1 and 10.0.0.0/8, not {part}")
            })
        };
        super::list::parse(text)?.iter().map(read).collect()
    }
    pub fn show(value: &[Network]) -> Option<String> {
        let networks: Vec<String> = value.iter().map(ToString::to_string).collect();
        super::list::show(&networks)
    }
}
/// Names of hosts, addresses and networks, separated by commas.
pub mod hosts {
    use crate::config::networks::Network;
    pub fn parse(text: &str) -> Result<Vec<String>, String> {
        let hosts = super::list::parse(text)?;
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
        let is_one = |host: &String| host.parse::<Network>().is_ok() || host.bytes().all(fits);
        match hosts.iter().find(|host| !is_one(host)) {
            None => Ok(hosts),
            Some(other) => Err(format!(
                "must contain names, addresses and networks like pypi.corp.example and 10.0.0.0/8, not \
                 {other}"
            )),
        }
    }
    pub fn show(value: &[String]) -> Option<String> {
        super::list::show(value)
    }
}
/// `a=x,b=y`
pub mod pairs {
    pub fn parse(text: &str) -> Result<Vec<(String, String)>, String> {
        let pairs = super::list::parse(text)?;
        let read = |pair: &String| {
            let (name, value) = pair.split_once('=').map(|(name, value)| (name.trim(), value.trim()))?;
            let plain = !name.is_empty() && !value.is_empty() && !name.contains(['+', '/']);
            plain.then(|| (name.to_owned(), value.to_owned()))
        };
        pairs.iter().map(read).collect::<Option<_>>().ok_or_else(|| "must be like NAME=USER/INDEX".into())
    }
    pub fn show(value: &[(String, String)]) -> Option<String> {
        let pairs: Vec<String> = value.iter().map(|(name, value)| format!("{name}={value}")).collect();
        super::list::show(&pairs)
    }
}
pub mod isolation {
    use crate::words::Isolation;
    pub fn parse(text: &str) -> Result<Isolation, String> {
        Isolation::parse(text).ok_or_else(|| "must be bubblewrap or none".into())
    }
    pub fn show(value: &Isolation) -> Option<String> {
        Some(value.to_string())
    }
}
pub mod system_packages {
    use crate::words::SystemPackages;
    pub fn parse(text: &str) -> Result<SystemPackages, String> {
        SystemPackages::parse(text).ok_or_else(|| "must be auto or recipes".into())
    }
    pub fn show(value: &SystemPackages) -> Option<String> {
        Some(value.to_string())
    }
}
pub mod log_format {
    use crate::config::LogFormat;
    pub fn parse(text: &str) -> Result<LogFormat, String> {
        match text {
            "text" => Ok(LogFormat::Text),
            "json" => Ok(LogFormat::Json),
            _ => Err("must be text or json".into()),
        }
    }
    pub fn show(value: &LogFormat) -> Option<String> {
        let word = match value {
            LogFormat::Text => "text",
            LogFormat::Json => "json",
        };
        Some(word.into())
    }
}
/// A size, or a share of a disk.
pub mod reserve {
    use crate::config::Reserve;
    use crate::config::units;
    pub fn parse(text: &str) -> Result<Reserve, String> {
        let share = text.trim().strip_suffix('%').map(|number| number.trim().parse().ok());
        let reserve = match share {
            Some(share) => share.filter(|share| *share < 100).map(Reserve::Share),
            None => units::bytes(text).map(Reserve::Bytes),
        };
        reserve.ok_or_else(|| "must be a size like 10 GiB, or a share below 100%, like 5%".into())
    }
    pub fn show(value: &Reserve) -> Option<String> {
        Some(match value {
            Reserve::Share(share) => format!("{share}%"),
            Reserve::Bytes(bytes) => units::show_bytes(*bytes),
        })
    }
}
