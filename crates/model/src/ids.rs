//! Ids are newtypes, so that a task's number can never be passed where a run's belongs.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! number {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(out)
            }
        }

        impl std::str::FromStr for $name {
            type Err = std::num::ParseIntError;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    };
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub String);

        impl $name {
            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(out)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.to_owned())
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text)
            }
        }
    };
}

number! {
    /// A Run's number: counts up from 1 within its Flow. People see `FlowName/7`.
    RunNumber(u64)
}
number! {
    /// A Task's number: counts up from 1 within its Run. 0 is the `_parameters` task.
    TaskNumber(u32)
}
number! {
    /// One try of a Task, counted from 0.
    AttemptNumber(u32)
}
number! {
    /// The metadata store's own key of a Run, unique over all Flows of the store. Never shown to people.
    RunId(i64)
}
number! {
    /// Milliseconds since the Unix epoch, UTC.
    Millis(i64)
}
name! {
    /// The name of a Flow: the class name in Python, the first argument of `flow()` in R.
    FlowName
}
name! {
    /// The name of a Step, unique within its Flow.
    StepName
}

impl TaskNumber {
    /// The task that holds a run's parameters and constants.
    pub const PARAMETERS: Self = Self(0);
}
