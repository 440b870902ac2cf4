//! Rows that are structs: one list of columns makes both the SELECT and the reading of it, and every
//! column is read by its name.

use sqlx::Row;
use sqlx::any::AnyRow;

/// `row!(Account of account { name, disabled_at })` gives `Account` its `select(rest)`. A field is the column of
/// its name, or of the one after `=`; the function after `by` reads a column that is no field as it stands.
macro_rules! row {
    ($row:ident of $table:ident { $($field:ident $(= $column:ident)? $(by $read:ident)?),+ $(,)? }) => {
        impl<'r> sqlx::FromRow<'r, sqlx::any::AnyRow> for $row {
            fn from_row(row: &'r sqlx::any::AnyRow) -> sqlx::Result<Self> {
                Ok(Self { $($field: row!(@read row, row!(@column $field $($column)?) $(, $read)?)),+ })
            }
        }

        impl $row {
            /// `rest` says which rows.
            pub(in crate::db) fn select(
                rest: &str,
            ) -> sqlx::query::QueryAs<'static, sqlx::Any, Self, sqlx::any::AnyArguments> {
                let columns = [$(row!(@column $field $($column)?)),+].join(", ");
                let query = format!(concat!("SELECT {} FROM ", stringify!($table), " {}"), columns, rest);
                sqlx::query_as(sqlx::AssertSqlSafe(query))
            }
        }
    };
    (@column $field:ident) => { stringify!($field) };
    (@column $field:ident $column:ident) => { stringify!($column) };
    (@read $from:ident, $column:expr) => { sqlx::Row::try_get($from, $column)? };
    (@read $from:ident, $column:expr, $read:ident) => { $read($from, $column)? };
}
pub(super) use row;

/// A number that is 0 for no.
pub(super) fn flag(row: &AnyRow, column: &str) -> sqlx::Result<bool> {
    Ok(row.try_get::<i64, _>(column)? != 0)
}

/// A number that is never negative; `None` also if it is, all the same.
pub(super) fn unsigned(row: &AnyRow, column: &str) -> sqlx::Result<Option<u64>> {
    Ok(row.try_get::<Option<i64>, _>(column)?.and_then(|number| u64::try_from(number).ok()))
}
