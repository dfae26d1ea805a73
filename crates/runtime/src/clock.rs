//! The one place that asks what time it is.

use std::time::{SystemTime, UNIX_EPOCH};

use pave_model::Millis;

/// Now, UTC.
#[must_use]
pub fn now() -> Millis {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
