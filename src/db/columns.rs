//! Names, words and records as columns: each is read into what it means here, and nowhere else. What
//! cannot be read is an error that names the column.

use super::mirror::UpstreamTopic;
use crate::names::{BuildContext, IndexName, ProjectName};
use crate::words::{
    AttachmentKind, BuildSource, BuildState, Class, EventKind, Evidence, FetchPlace, FileKind, History,
    ProjectStatus, Purpose, RequestState, SetState, Step, TagState, TokenKind, WebhookEvent,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::any::{Any, AnyTypeInfo};
use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::{Database, Decode, Encode, Type};

/// A column as the database has it, and as rows of ours have it.
macro_rules! columns {
    ($read:ident, $write:ident: $($type:ty),+) => {$(
        impl Type<Any> for $type {
            fn type_info() -> AnyTypeInfo {
                <str as Type<Any>>::type_info()
            }
        }

        impl Encode<'_, Any> for $type {
            fn encode_by_ref(&self, to: &mut <Any as Database>::ArgumentBuffer) -> Result<IsNull, BoxDynError> {
                Encode::<Any>::encode($write(self)?, to)
            }
        }

        impl<'r> Decode<'r, Any> for $type {
            fn decode(value: <Any as Database>::ValueRef<'r>) -> Result<Self, BoxDynError> {
                $read(<&str as Decode<Any>>::decode(value)?)
            }
        }
    )+};
}

columns!(read_text, write_text: IndexName, ProjectName, BuildContext, UpstreamTopic);
columns!(read_text, write_text: AttachmentKind, BuildState, Purpose, RequestState, SetState, Step, ProjectStatus, TagState, TokenKind, WebhookEvent);
columns!(read_word_or_other, write_text: Class, EventKind, FileKind);
columns!(read_json, write_json: BuildSource, FetchPlace, Evidence, History);

fn read_text<T: std::str::FromStr>(text: &str) -> Result<T, BoxDynError> {
    text.parse().map_err(|_| format!("cannot read {text:?}").into())
}

/// A newer version, on the same database, may write words that this one does not know.
#[expect(clippy::unnecessary_wraps, reason = "one signature with the others")]
fn read_word_or_other<T: std::str::FromStr + Default>(text: &str) -> Result<T, BoxDynError> {
    Ok(text.parse().unwrap_or_default())
}

#[expect(clippy::unnecessary_wraps, reason = "one signature with JSON")]
fn write_text(value: &impl ToString) -> Result<String, BoxDynError> {
    Ok(value.to_string())
}

fn read_json<T: DeserializeOwned>(text: &str) -> Result<T, BoxDynError> {
    Ok(serde_json::from_str(text)?)
}

fn write_json(value: &impl Serialize) -> Result<String, BoxDynError> {
    Ok(serde_json::to_string(value)?)
}
