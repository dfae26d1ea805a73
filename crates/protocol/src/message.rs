//! The messages. Two conversations use them:
//!
//! | between | messages | over |
//! |---|---|---|
//! | runtime and warm worker | [`ToWorker`], [`FromWorker`] | the worker's control socket |
//! | runtime and task | [`ToTask`], [`FromTask`] | the task's own socket |
//!
//! A warm worker forks a child for each [`ToWorker::Fork`], whose three descriptors (task socket,
//! stdout, stderr) travel with the message as `SCM_RIGHTS`. A fresh (spawned) process has its task
//! socket as the descriptor number in `PAVE_TASK_FD`, and speaks only the second conversation.

use pave_graph::FlowSpec;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

/// Both sides must speak the same. Raised whenever a message changes its meaning.
pub const PROTOCOL_VERSION: u32 = 1;

/// Runtime to warm worker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToWorker {
    /// What a worker that forked itself off the user's own process must know before it describes
    /// its flow. Others find the same in their environment, and never hear this.
    Begin {
        /// The store's folder, absolute.
        store: String,
        /// Decorators to add to every step, as given to `--with`.
        with: Vec<String>,
        /// `auto`, `always` or `never`.
        fork: String,
    },
    /// Compute the defaults of `computed` parameters that were not given. Answered by
    /// [`FromWorker::Parameters`] from a forked child, because it runs user code.
    Parameters {
        /// JSON object: option name to given value, already checked for type.
        given: String,
        /// The user's name, for the context of computed defaults.
        user: String,
    },
    /// Fork a child that runs one task.
    Fork {
        /// Names the child in [`FromWorker::Forked`] and [`FromWorker::Exited`].
        session: u64,
    },
    /// Finish: no further forks will be asked for.
    Stop,
}

/// Warm worker to runtime.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FromWorker {
    /// The flow file is imported.
    Ready(Box<Description>),
    /// The flow file could not be imported or holds no flow; the worker exits.
    Unusable(Failure),
    /// Answer to [`ToWorker::Parameters`].
    Parameters {
        /// MessagePack of the `_parameters` manifest (parameters, constants), or why not.
        manifest: Result<ByteBuf, Failure>,
    },
    /// A child was forked.
    Forked {
        /// The session.
        session: u64,
        /// Its process id, which is its process group too.
        pid: i32,
    },
    /// A child is gone.
    Exited {
        /// The session.
        session: u64,
        /// Its wait status as the kernel gave it.
        status: i32,
    },
    /// A child could not be forked.
    Refused {
        /// The session.
        session: u64,
        /// The system's reason.
        reason: String,
    },
}

/// What a warm worker knows once it has imported the flow file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Description {
    /// [`PROTOCOL_VERSION`] of the SDK.
    pub protocol: u32,
    /// The flow.
    pub flow: FlowSpec,
    /// Why children must be spawned fresh instead of forked; `None` where forking is safe.
    pub unsafe_to_fork: Option<String>,
    /// Version of the SDK.
    pub sdk_version: String,
    /// Version of the language, such as `3.11.7`.
    pub language_version: String,
}

/// Runtime to task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToTask {
    /// Run this.
    Run(Box<TaskSpec>),
}

/// Task to runtime.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FromTask {
    /// The step's body is over and its large artifacts are in the store. The last message.
    Finished(Box<Finished>),
}

/// One attempt to run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TaskSpec {
    /// The flow's name.
    pub flow: String,
    /// The run's number.
    pub run: u64,
    /// The step's name.
    pub step: String,
    /// The task's number.
    pub task: u32,
    /// The attempt, from 0.
    pub attempt: u32,
    /// Whether no further attempt follows if this one fails: `@catch` acts now.
    pub is_last_attempt: bool,
    /// Don't run the body: store what a dead attempt left undone (`@catch` after a crash).
    pub fallback: Option<Failure>,
    /// The foreachs around this task, outermost first.
    pub foreach: Vec<ForeachFrame>,
    /// The tasks this one continues: one for a linear step, all for a join in order; none for start.
    pub inputs: Vec<Input>,
    /// Manifest that those of all inputs add to, so that a join of many says it once; may be empty.
    #[serde(with = "serde_bytes", default)]
    pub base: Vec<u8>,
    /// Manifest of the `_parameters` task: parameters and constants.
    #[serde(with = "serde_bytes")]
    pub parameters: Vec<u8>,
    /// The item of the innermost foreach.
    pub item: Option<ItemRef>,
    /// Number of tasks of the gang, if the step is one.
    pub gang_size: Option<u32>,
    /// Seconds until the body is interrupted.
    pub timeout_seconds: Option<u64>,
    /// Largest number of splits a foreach may make.
    pub max_num_splits: u64,
    /// Folder of the store (`.pave`), absolute.
    pub store: String,
    /// The run this one resumes.
    pub origin_run: Option<u64>,
    /// The user.
    pub user: String,
    /// The active namespace, such as `user:ada`; empty for the global one.
    pub namespace: String,
    /// The run's tags, system tags included.
    pub tags: Vec<String>,
    /// Environment variables to set before anything else.
    pub environment: Vec<(String, String)>,
}

/// One level of foreach around a task.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForeachFrame {
    /// The step that fanned out.
    pub step: String,
    /// The artifact it fanned out over; empty if computed.
    pub artifact: String,
    /// This task's index.
    pub index: u64,
    /// How many there are.
    pub count: u64,
    /// The item in short, for people.
    pub label: String,
    /// Where the item is, to read it.
    pub item: Option<ItemRef>,
}

/// A task that another one continues.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Input {
    /// Its step.
    pub step: String,
    /// Its number.
    pub task: u32,
    /// Its manifest, to lay over [`TaskSpec::base`].
    #[serde(with = "serde_bytes")]
    pub manifest: Vec<u8>,
}

/// Where one item of a foreach is: in the hidden artifact `_foreach_items` of the task that fanned out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemRef {
    /// MessagePack of the one artifact entry that holds all items.
    #[serde(with = "serde_bytes")]
    pub entry: Vec<u8>,
    /// Which item.
    pub index: u64,
}

/// How a task ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finished {
    /// What it came to.
    pub outcome: Outcome,
    /// MessagePack of the manifest: the artifacts set so far, also when the body raised.
    #[serde(with = "serde_bytes")]
    pub manifest: Vec<u8>,
    /// Milliseconds that the body took.
    pub body_ms: u64,
}

/// What a task came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Its body ran through, or `@catch` caught what it raised.
    Succeeded {
        /// Where it leads.
        taken: Taken,
        /// What was caught.
        caught: Option<Failure>,
    },
    /// It failed.
    Failed(Failure),
}

/// The transition that a body took.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Taken {
    /// The steps, in order; empty at the end.
    pub steps: Vec<String>,
    /// Number of children of a foreach or gang.
    pub splits: Option<u64>,
    /// Up to 30 characters for each item, while they are few (at most 1,000); else empty.
    pub labels: Vec<String>,
}

/// Why something failed, as its language tells it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// What kind of failure.
    pub kind: FailureKind,
    /// The exception's type, such as `builtins.ValueError`; may be empty.
    pub exception: String,
    /// One sentence.
    pub message: String,
    /// The user's own traceback, our frames left out; may be empty.
    pub traceback: String,
}

/// Kinds of failure; each has its error code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// The body raised (T001).
    Raised,
    /// `sys.exit` or `os._exit` (T002).
    Exited,
    /// A signal killed it (T003).
    Killed,
    /// Timed out (T004).
    TimedOut,
    /// An artifact cannot be stored (T005).
    Unstorable,
    /// Foreach over nothing (T006).
    NoItems,
    /// Foreach over something that can't be iterated (T007).
    NotIterable,
    /// More items than allowed (T008).
    TooManySplits,
    /// Not the transition that the source declares (T009).
    WrongTransition,
    /// A merge conflict or a missing artifact (T010).
    Merge,
    /// An artifact of an input is missing or can't be read (T011).
    MissingInput,
    /// The file can't be imported (W001).
    Import,
    /// No flow in the file (W002).
    NoFlow,
    /// Several flows in the file (W006).
    SeveralFlows,
    /// A parameter's default can't be computed (P005).
    Parameter,
    /// A definition is wrong: a decorator's or parameter's arguments (G016, P004).
    Definition,
    /// The worker or the link to it broke (W003). Not the user's fault; tried again.
    Lost,
}
