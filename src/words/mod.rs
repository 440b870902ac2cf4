//! The words that rows, JSON, pages and the command line share: each list of them is one type, which
//! knows how they are written. With them, what a build is of and what came of it: `BuildSource`,
//! `Evidence`, `Failure`.

mod access;
mod advisory;
mod build;
mod doctor;
mod event;
mod evidence;
mod failure;
mod history;
mod moment;
mod project;
mod readiness;
mod request;
mod source;
mod watch;
mod webhook;
mod wish;

pub use access::{Right, Role, TokenKind};
pub use advisory::Severity;
pub use build::{
    BuildState, Isolation, OlderVersions, Purpose, SetState, StatisticsPeriod, Step, SystemPackages,
};
pub use doctor::LockTrouble;
pub use event::EventKind;
pub use evidence::{Evidence, Grafted};
pub use failure::{Class, Failure};
pub use history::{History, Passage, PassageKind};
pub use moment::Moment;
pub use project::{AttachmentKind, FileKind, ProjectStatus};
pub use readiness::ReadyState;
pub use request::RequestState;
pub use source::{BuildSource, FetchPlace, SourceKind};
pub use watch::TagState;
pub use webhook::WebhookEvent;
pub use wish::WishState;

/// Declares an enum of words. How a word is written never changes: rows have it, and clients.
macro_rules! words {
    ($(#[$about:meta])* $name:ident { $($(#[$what:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        pub enum $name {
            $($(#[$what])* #[serde(rename = $word)] $variant,)+
        }

        impl $name {
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// As it is written everywhere.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }

            pub fn parse(text: &str) -> Option<Self> {
                match text {
                    $($word => Some(Self::$variant),)+
                    _ => None,
                }
            }
        }

        impl std::str::FromStr for $name {
            type Err = ();

            fn from_str(text: &str) -> Result<Self, ()> {
                Self::parse(text).ok_or(())
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.name())
            }
        }
    };
}
use words;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_read_back_as_it_is_written_in_rows_and_in_json() {
        for class in Class::ALL {
            assert_eq!(Class::parse(class.name()), Some(*class));
            assert_eq!(serde_json::to_value(class).unwrap(), class.name());
            assert_eq!(serde_json::from_value::<Class>(class.name().into()).unwrap(), *class);
        }
        assert_eq!(Class::parse("from a newer version"), None);
        assert_eq!(BuildState::Fetching.to_string(), "fetching");
    }
}
