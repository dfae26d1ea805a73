//! Stable error codes. A code is never reused; each has a page in `docs/errors/`.

use std::fmt;

macro_rules! codes {
    ($($(#[$doc:meta])* $code:ident $title:literal),+ $(,)?) => {
        /// A stable error code: an area's letter and a number.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Code { $(#[doc = $title] $(#[$doc])* $code),+ }

        impl Code {
            /// Every code that exists.
            pub const ALL: &'static [Self] = &[$(Self::$code),+];

            /// The code as people see it, such as `G001`.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$code => stringify!($code)),+ }
            }

            /// What the code stands for, in a few words.
            #[must_use]
            pub fn title(self) -> &'static str {
                match self { $(Self::$code => $title),+ }
            }
        }
    };
}

codes! {
    // G: the flow's graph.
    G001 "no start step",
    G002 "no end step",
    G003 "unreachable step",
    G004 "split without a join",
    G005 "wrong number of arguments",
    G006 "cycle between steps",
    G007 "missing self.next",
    G008 "invalid self.next",
    G009 "unknown step",
    G010 "reserved or invalid step name",
    G011 "start or end misused",
    G012 "join without a split",
    G013 "join of unrelated splits",
    G014 "foreach straight into its join",
    G015 "invalid switch",
    G016 "invalid decorator",
    G017 "no steps",
    G018 "parallel step misused",
    G019 "too many steps",
    // P: parameters.
    P001 "unknown parameter",
    P002 "parameter has the wrong type",
    P003 "required parameter missing",
    P004 "invalid parameter definition",
    P005 "computing a parameter's default failed",
    // T: a task.
    T001 "the step raised an exception",
    T002 "the task's process exited",
    T003 "the task's process was killed by a signal",
    T004 "the step timed out",
    T005 "an artifact cannot be stored",
    T006 "foreach over nothing",
    T007 "foreach over something that is not iterable",
    T008 "too many splits",
    T009 "the step did not take the transition its code declares",
    T010 "merging artifacts failed",
    T011 "an artifact of an input is missing",
    // A: the artifact store.
    A001 "a stored blob is corrupt",
    A002 "a stored blob is missing",
    A003 "writing to the artifact store failed",
    A004 "an artifact cannot be read",
    // M: the metadata store.
    M001 "the store was written by a newer version",
    M002 "the store cannot be opened",
    M003 "writing to the metadata store failed",
    M004 "not found",
    M005 "the run belongs to another runtime",
    M006 "the metadata store is corrupt",
    // W: the worker.
    W001 "the flow file cannot be imported",
    W002 "no flow in the file",
    W003 "the worker died",
    W004 "the worker speaks another protocol version",
    W005 "the interpreter cannot be started",
    W006 "several flows in the file",
    // R: a run.
    R001 "the run failed",
    R002 "the run was interrupted",
    R003 "a step asks for more than this machine has",
    R004 "nothing to resume",
    R005 "the run to resume does not fit the flow",
    // C: the command line.
    C001 "invalid command line",
    C002 "invalid tag",
    C003 "file not found",
}

impl fmt::Display for Code {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(self.as_str())
    }
}

impl serde::Serialize for Code {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl std::str::FromStr for Code {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .iter()
            .copied()
            .find(|code| code.as_str() == text)
            .ok_or_else(|| format!("`{text}` is not an error code"))
    }
}
