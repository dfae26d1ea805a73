//! The numbers that states are stored as. A number is never reused or changed.

use pave_model::{AttemptState, RunState, TaskState};
use rusqlite::Row;
use rusqlite::types::FromSql;

/// A state with its number in the database.
pub(super) trait Coded: Copy + 'static {
    /// Every state.
    const EACH: &'static [Self];

    /// Its number.
    fn code(self) -> i64;
}

macro_rules! coded {
    ($state:ident { $($variant:ident = $code:literal),+ }) => {
        impl Coded for $state {
            const EACH: &'static [Self] = Self::ALL;

            fn code(self) -> i64 {
                match self { $(Self::$variant => $code),+ }
            }
        }
    };
}

coded!(RunState { Running = 0, Succeeded = 1, Failed = 2, Interrupted = 3 });
coded!(TaskState { Queued = 0, Running = 1, Succeeded = 2, Failed = 3, Interrupted = 4 });
coded!(AttemptState { Running = 0, Succeeded = 1, Failed = 2, Interrupted = 3 });

/// The state in a column.
pub(super) fn state<S: Coded>(row: &Row<'_>, column: usize) -> rusqlite::Result<S> {
    let code: i64 = row.get(column)?;
    let mut states = S::EACH.iter().copied();
    states
        .find(|state| state.code() == code)
        .ok_or(rusqlite::Error::IntegralValueOutOfRange(column, code))
}

/// The numbers of some states, as SQL writes a list.
pub(super) fn list<S: Coded>(states: &[S]) -> String {
    let codes: Vec<String> = states
        .iter()
        .map(|state| state.code().to_string())
        .collect();
    codes.join(", ")
}

/// A column that may be null, wrapped.
pub(super) fn maybe<T: FromSql, U>(
    row: &Row<'_>,
    column: usize,
    wrap: impl FnOnce(T) -> U,
) -> rusqlite::Result<Option<U>> {
    Ok(row.get::<_, Option<T>>(column)?.map(wrap))
}

/// Keys as JSON, which a query takes apart with `json_each`.
pub(super) fn json(keys: impl Iterator<Item = i64>) -> String {
    let keys: Vec<String> = keys.map(|key| key.to_string()).collect();
    format!("[{}]", keys.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes<S: Coded>() -> Vec<i64> {
        S::EACH.iter().map(|state| state.code()).collect()
    }

    #[test]
    fn stored_numbers_never_change() {
        assert_eq!(codes::<RunState>(), [0, 1, 2, 3]);
        assert_eq!(codes::<TaskState>(), [0, 1, 2, 3, 4]);
        assert_eq!(codes::<AttemptState>(), [0, 1, 2, 3]);
    }
}
