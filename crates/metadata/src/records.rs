//! Stored rows, and what changes them.

use pave_model::{
    AttemptNumber, AttemptState, FlowName, Millis, RunId, RunNumber, RunState, StepName,
    TaskNumber, TaskState,
};

use crate::tags::Tags;

/// The process that drives a run. Enough to tell, on this machine, whether it still lives.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Owner {
    /// Fencing token: every commit must carry the newest one.
    pub token: u64,
    /// Host name.
    pub host: String,
    /// Process id.
    pub pid: u32,
    /// Start time of that process (ticks since boot) with the boot's id, so that a reused pid is
    /// not taken for it. Empty if unknown.
    pub started: String,
}

/// A run to create. The store gives it its number.
#[derive(Clone, Debug, Default)]
pub struct NewRun {
    /// The flow; created if it is new.
    pub flow: FlowName,
    /// The user who started it.
    pub user: String,
    /// When, UTC.
    pub created_at: Millis,
    /// The run it resumes.
    pub origin: Option<RunNumber>,
    /// Who drives it (token 1).
    pub owner: Owner,
    /// User tags. One that is a system tag too counts as that alone.
    pub tags: Vec<String>,
    /// System tags, such as `user:ada`, `runtime:local`.
    pub system_tags: Vec<String>,
    /// JSON: the graph and flow description, for the client and `resume`.
    pub flow_spec: String,
    /// JSON object: parameters as given and as resolved.
    pub parameters: String,
    /// Absolute path of the flow file.
    pub file: String,
}

/// A stored run.
#[derive(Clone, Debug, PartialEq)]
pub struct RunRecord {
    /// The store's key.
    pub id: RunId,
    /// The flow.
    pub flow: FlowName,
    /// The number people see.
    pub number: RunNumber,
    /// The user who started it.
    pub user: String,
    /// Its state as last committed.
    pub state: RunState,
    /// When it was created, UTC.
    pub created_at: Millis,
    /// When it finished, UTC.
    pub finished_at: Option<Millis>,
    /// The run it resumes.
    pub origin: Option<RunNumber>,
    /// Who drives or drove it.
    pub owner: Owner,
    /// User tags, sorted.
    pub tags: Vec<String>,
    /// System tags, sorted.
    pub system_tags: Vec<String>,
    /// JSON: graph and flow description.
    pub flow_spec: String,
    /// JSON object: parameters.
    pub parameters: String,
    /// Absolute path of the flow file.
    pub file: String,
    /// JSON: why it failed (code, message, task); empty otherwise.
    pub error: String,
}

/// A stored task.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskRecord {
    /// Its number within the run.
    pub task: TaskNumber,
    /// Its step. It never changes: a commit that says otherwise is refused.
    pub step: StepName,
    /// Indices of the foreachs and branches around it, outermost first, then the iteration of a
    /// recursive step, as `scheduler` writes it: with the step, it names the place in the graph.
    pub place: String,
    /// Its state.
    pub state: TaskState,
    /// The number of its newest attempt; `None` before the first.
    pub attempt: Option<AttemptNumber>,
    /// When it was created, UTC.
    pub created_at: Millis,
    /// When it finished, UTC.
    pub finished_at: Option<Millis>,
    /// Key of the manifest that it committed.
    pub manifest: Option<i64>,
    /// Where it was cloned from on resume: the task's number in the origin run.
    pub origin: Option<TaskNumber>,
    /// MessagePack of the transition that it took (`pave_protocol::Taken`); empty before it succeeded.
    pub taken: Vec<u8>,
    /// Numbers of the tasks that it continues, as MessagePack of a list of `[first, count]` ranges.
    pub parents: Vec<u8>,
}

/// A stored attempt.
#[derive(Clone, Debug, PartialEq)]
pub struct AttemptRecord {
    /// The task.
    pub task: TaskNumber,
    /// Which try, from 0.
    pub attempt: AttemptNumber,
    /// Its state.
    pub state: AttemptState,
    /// When its process was asked for, UTC.
    pub started_at: Millis,
    /// When it ended, UTC.
    pub finished_at: Option<Millis>,
    /// Process id, 0 if unknown.
    pub pid: i32,
    /// Key of the manifest it left (also a failed one leaves what was set so far).
    pub manifest: Option<i64>,
    /// MessagePack of `pave_protocol::Failure`, empty if it didn't fail (kept too where `@catch` caught it).
    pub failure: Vec<u8>,
}

/// A stored manifest: what a task left, without reading the values.
#[derive(Clone, Debug, PartialEq)]
pub struct ManifestRecord {
    /// The store's key.
    pub id: i64,
    /// The manifest it adds to; `None` for a full one.
    pub base: Option<i64>,
    /// MessagePack, as the artifact room writes it.
    pub bytes: Vec<u8>,
}

/// A change of the run itself within a [`Commit`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RunChange {
    /// The new state.
    pub state: Option<RunState>,
    /// When it finished.
    pub finished_at: Option<Millis>,
    /// JSON: why it failed.
    pub error: Option<String>,
}

/// All that one turn of the runtime makes durable: applied whole or not at all.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Commit {
    /// The fencing token of the writer.
    pub token: u64,
    /// The sequence number the first of `events` must get: one more than the last stored.
    pub first_event: u64,
    /// Events, each as MessagePack.
    pub events: Vec<Vec<u8>>,
    /// New manifests. Their `id` is a placeholder: -1, -2, … by position; `base`, and the
    /// `manifest` fields of `tasks` and `attempts`, may name a placeholder of this commit.
    pub manifests: Vec<ManifestRecord>,
    /// Tasks to insert or replace, by number.
    pub tasks: Vec<TaskRecord>,
    /// Attempts to insert or replace, by task and attempt.
    pub attempts: Vec<AttemptRecord>,
    /// What changes of the run.
    pub run: RunChange,
}

/// Which runs to list. Newest first.
#[derive(Clone, Debug, Default)]
pub struct RunFilter {
    /// Only of this flow.
    pub flow: Option<FlowName>,
    /// Only with all of these tags, user or system.
    pub tags: Vec<String>,
    /// Only in one of these states; empty for all.
    pub states: Vec<RunState>,
    /// Only of this user.
    pub user: Option<String>,
    /// Only created at or after.
    pub since: Option<Millis>,
    /// Only older than this key (exclusive), for paging.
    pub before: Option<RunId>,
    /// At most this many; 0 for all.
    pub limit: usize,
}

/// Which tasks to list. In order of their numbers, unless `newest_first`.
#[derive(Clone, Debug, Default)]
pub struct TaskFilter {
    /// Only of this step.
    pub step: Option<StepName>,
    /// Only in one of these states; empty for all.
    pub states: Vec<TaskState>,
    /// Only those that come after this one in the list, for paging.
    pub after: Option<TaskNumber>,
    /// At most this many; 0 for all.
    pub limit: usize,
    /// In falling order of their numbers: with a limit of 1, the newest task of a step.
    pub newest_first: bool,
}

impl NewRun {
    /// The record that the run begins as.
    pub(crate) fn record(&self, id: RunId, number: RunNumber, tags: &Tags) -> RunRecord {
        RunRecord {
            id,
            flow: self.flow.clone(),
            number,
            user: self.user.clone(),
            state: RunState::Running,
            created_at: self.created_at,
            finished_at: None,
            origin: self.origin,
            owner: Owner {
                token: 1,
                ..self.owner.clone()
            },
            tags: tags.user(),
            system_tags: tags.system(),
            flow_spec: self.flow_spec.clone(),
            parameters: self.parameters.clone(),
            file: self.file.clone(),
            error: String::new(),
        }
    }
}
