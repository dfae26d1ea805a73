//! State enums of runs, tasks and attempts.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

macro_rules! states {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "lowercase")]
        pub enum $name { $($(#[$vdoc])* $variant),+ }

        impl $name {
            /// Every state, in the order of the machine.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word used in SQL, JSON and on screen.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.pad(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = String;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text {
                    $($text => Ok(Self::$variant),)+
                    other => Err(format!("`{other}` is not a state; expected one of {}",
                        [$($text),+].join(", "))),
                }
            }
        }
    };
}

states! {
    /// Where a Run stands. `Interrupted` is also what a Run is shown as whose process is gone.
    RunState {
        /// A runtime drives it.
        Running = "running",
        /// Its end step succeeded.
        Succeeded = "succeeded",
        /// A task failed for good.
        Failed = "failed",
        /// Stopped by Ctrl-C, a cancel, or the death of its runtime.
        Interrupted = "interrupted",
    }
}

states! {
    /// Where a Task stands.
    TaskState {
        /// Waits for its turn, for resources, or for a retry's pause.
        Queued = "queued",
        /// An attempt of it is under way.
        Running = "running",
        /// An attempt committed.
        Succeeded = "succeeded",
        /// No attempt is left.
        Failed = "failed",
        /// Stopped before it could finish.
        Interrupted = "interrupted",
    }
}

states! {
    /// Where an Attempt stands.
    AttemptState {
        /// Its process is under way.
        Running = "running",
        /// It committed.
        Succeeded = "succeeded",
        /// The user's code raised, exited, timed out or crashed.
        Failed = "failed",
        /// Stopped, or its worker or runtime died.
        Interrupted = "interrupted",
    }
}

impl RunState {
    /// Whether nothing more will happen to the run.
    #[must_use]
    pub fn is_finished(self) -> bool {
        self != Self::Running
    }
}

impl TaskState {
    /// Whether nothing more will happen to the task.
    #[must_use]
    pub fn is_finished(self) -> bool {
        !matches!(self, Self::Queued | Self::Running)
    }
}
