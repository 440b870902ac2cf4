//! What things are called: each name is parsed once, where it comes in, and carried as its type.

/// What all names can do: they are read from text, also as JSON, and written as it.
macro_rules! text_name {
    ($name:ident, $read:ident, $why_not:literal) => {
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = ();

            fn from_str(text: &str) -> Result<Self, ()> {
                Self::$read(text).ok_or(())
            }
        }

        impl TryFrom<String> for $name {
            type Error = String;

            fn try_from(text: String) -> Result<Self, String> {
                Self::$read(&text).ok_or_else(|| format!(concat!("{:?} ", $why_not), text))
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.as_str().to_owned()
            }
        }
    };
}

mod context;
mod index;
mod project;

pub use context::BuildContext;
pub use index::IndexName;
pub use project::{NameList, NameListBuilder, ProjectName};
