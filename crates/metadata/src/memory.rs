//! A store that lives and dies with the process: for tests, and as the plainest reading of the trait.

use std::collections::BTreeMap;
use std::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

use pave_model::{AttemptNumber, FlowName, RunId, RunNumber, StepName, TaskNumber, TaskState};

use crate::error::{Reason, no_such_run};
use crate::keys::{Keys, contradiction, fence};
use crate::tags::Tags;
use crate::{
    AttemptRecord, Commit, ManifestRecord, Metadata, MetadataError, NewRun, Owner, RunFilter,
    RunRecord, TaskFilter, TaskRecord,
};

/// A metadata store in memory.
#[derive(Debug, Default)]
pub struct MemoryMetadata {
    state: RwLock<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The number given last, by flow.
    flows: BTreeMap<FlowName, u64>,
    /// By key, which counts up from 1.
    runs: BTreeMap<RunId, Run>,
    /// The one with key 1 first.
    manifests: Vec<ManifestRecord>,
}

#[derive(Debug)]
struct Run {
    record: RunRecord,
    tags: Tags,
    events: Vec<Vec<u8>>,
    steps: Vec<StepName>,
    tasks: BTreeMap<TaskNumber, TaskRecord>,
    attempts: BTreeMap<(TaskNumber, AttemptNumber), AttemptRecord>,
}

impl MemoryMetadata {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().expect("no holder panics half-way")
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().expect("no holder panics half-way")
    }
}

impl Metadata for MemoryMetadata {
    fn create_run(&self, new: &NewRun) -> Result<RunRecord, MetadataError> {
        let tags = Tags::first(&new.tags, &new.system_tags)?;
        let state = &mut *self.write();
        let last = state.flows.entry(new.flow.clone()).or_default();
        *last += 1;
        let id = RunId(state.runs.len() as i64 + 1);
        let record = new.record(id, RunNumber(*last), &tags);
        let run = Run {
            record: record.clone(),
            tags,
            events: Vec::new(),
            steps: Vec::new(),
            tasks: BTreeMap::new(),
            attempts: BTreeMap::new(),
        };
        state.runs.insert(id, run);
        Ok(record)
    }

    fn commit(&self, id: RunId, commit: &Commit) -> Result<Vec<i64>, MetadataError> {
        let state = &mut *self.write();
        let run = state.runs.get_mut(&id).ok_or_else(|| no_such_run(id))?;
        let events = run.events.len() as u64;
        fence(id, commit, run.record.owner.token, events)?;
        // Everything is checked before anything changes: there is no rollback here.
        let first = state.manifests.len() as i64 + 1;
        let (keys, resolved) = run.resolve(commit, first).map_err(refused)?;
        state.manifests.extend(resolved.manifests);
        run.apply(commit, resolved.tasks, resolved.attempts);
        Ok(keys.all())
    }

    fn take_over(&self, id: RunId, owner: &Owner) -> Result<u64, MetadataError> {
        let mut state = self.write();
        let run = state.runs.get_mut(&id).ok_or_else(|| no_such_run(id))?;
        let token = run.record.owner.token + 1;
        run.record.owner = Owner {
            token,
            ..owner.clone()
        };
        Ok(token)
    }

    fn sync(&self) -> Result<(), MetadataError> {
        Ok(())
    }

    fn events(&self, run: RunId, from: u64) -> Result<Vec<(u64, Vec<u8>)>, MetadataError> {
        let state = self.read();
        let events = state.runs.get(&run).map_or(&[][..], |run| &run.events);
        Ok((1..)
            .zip(events)
            .filter(|(seq, _)| *seq >= from)
            .map(|(seq, event)| (seq, event.clone()))
            .collect())
    }

    fn list_flows(&self, tags: &[String]) -> Result<Vec<FlowName>, MetadataError> {
        let state = self.read();
        let mut flows: Vec<FlowName> = state
            .runs
            .values()
            .filter(|run| run.has_all(tags))
            .map(|run| run.record.flow.clone())
            .collect();
        flows.sort();
        flows.dedup();
        Ok(flows)
    }

    fn list_runs(&self, filter: &RunFilter) -> Result<Vec<RunRecord>, MetadataError> {
        let state = self.read();
        Ok(state
            .runs
            .values()
            .rev()
            .filter(|run| run.matches(filter))
            .take(most(filter.limit))
            .map(|run| run.record.clone())
            .collect())
    }

    fn find_run(
        &self,
        flow: &FlowName,
        number: RunNumber,
    ) -> Result<Option<RunRecord>, MetadataError> {
        let state = self.read();
        let mut records = state.runs.values().map(|run| &run.record);
        Ok(records
            .find(|record| record.flow == *flow && record.number == number)
            .cloned())
    }

    fn list_steps(&self, run: RunId) -> Result<Vec<StepName>, MetadataError> {
        let state = self.read();
        Ok(state
            .runs
            .get(&run)
            .map_or_else(Vec::new, |run| run.steps.clone()))
    }

    fn list_tasks(
        &self,
        run: RunId,
        filter: &TaskFilter,
    ) -> Result<Vec<TaskRecord>, MetadataError> {
        let state = self.read();
        let Some(run) = state.runs.get(&run) else {
            return Ok(Vec::new());
        };
        let matches = |task: &&TaskRecord| task_matches(task, filter);
        let most = most(filter.limit);
        Ok(if filter.newest_first {
            let tasks = run.tasks.values().rev();
            tasks.filter(matches).take(most).cloned().collect()
        } else {
            let tasks = run.tasks.values();
            tasks.filter(matches).take(most).cloned().collect()
        })
    }

    fn find_task(&self, run: RunId, task: TaskNumber) -> Result<Option<TaskRecord>, MetadataError> {
        let state = self.read();
        let run = state.runs.get(&run);
        Ok(run.and_then(|run| run.tasks.get(&task)).cloned())
    }

    fn list_attempts(
        &self,
        run: RunId,
        task: Option<TaskNumber>,
    ) -> Result<Vec<AttemptRecord>, MetadataError> {
        let state = self.read();
        let Some(run) = state.runs.get(&run) else {
            return Ok(Vec::new());
        };
        Ok(run
            .attempts
            .values()
            .filter(|attempt| task.is_none_or(|task| attempt.task == task))
            .cloned()
            .collect())
    }

    fn count_tasks(&self, run: RunId) -> Result<Vec<(StepName, TaskState, u64)>, MetadataError> {
        let state = self.read();
        let Some(run) = state.runs.get(&run) else {
            return Ok(Vec::new());
        };
        let mut counts = Vec::new();
        for step in &run.steps {
            for state in TaskState::ALL {
                let tasks = run.tasks.values();
                let matching = tasks.filter(|task| task.step == *step && task.state == *state);
                counts.push((step.clone(), *state, matching.count() as u64));
            }
        }
        counts.retain(|(_, _, count)| *count > 0);
        Ok(counts)
    }

    fn manifests(&self, ids: &[i64]) -> Result<Vec<ManifestRecord>, MetadataError> {
        let state = self.read();
        let mut found = BTreeMap::new();
        let mut wanted = ids.to_vec();
        while let Some(id) = wanted.pop() {
            let position = id.checked_sub(1).and_then(|at| usize::try_from(at).ok());
            let Some(manifest) = position.and_then(|at| state.manifests.get(at)) else {
                continue;
            };
            if found.insert(id, manifest.clone()).is_none() {
                wanted.extend(manifest.base);
            }
        }
        Ok(found.into_values().collect())
    }

    fn change_tags(
        &self,
        id: RunId,
        add: &[String],
        remove: &[String],
    ) -> Result<Vec<String>, MetadataError> {
        let mut state = self.write();
        let run = state.runs.get_mut(&id).ok_or_else(|| no_such_run(id))?;
        run.tags = run.tags.changed(add, remove)?;
        run.record.tags = run.tags.user();
        Ok(run.tags.user())
    }
}

/// The rows of a commit with their references resolved.
struct Resolved {
    manifests: Vec<ManifestRecord>,
    tasks: Vec<TaskRecord>,
    attempts: Vec<AttemptRecord>,
}

impl Run {
    fn resolve(&self, commit: &Commit, first: i64) -> Result<(Keys, Resolved), Reason> {
        let keys = Keys::give(first, &commit.manifests)?;
        let mut resolved = Resolved {
            manifests: commit.manifests.clone(),
            tasks: commit.tasks.clone(),
            attempts: commit.attempts.clone(),
        };
        for (manifest, id) in resolved.manifests.iter_mut().zip(keys.all()) {
            manifest.id = id;
            manifest.base = keys.resolve(manifest.base)?;
        }
        let mut steps: BTreeMap<TaskNumber, &StepName> = BTreeMap::new();
        for (task, given) in resolved.tasks.iter_mut().zip(&commit.tasks) {
            task.manifest = keys.resolve(task.manifest)?;
            let stored = self.tasks.get(&task.task).map(|task| &task.step);
            let step = stored.unwrap_or_else(|| steps.entry(task.task).or_insert(&given.step));
            if *step != task.step {
                return Err(contradiction(format!(
                    "task {} cannot move to step {}",
                    task.task, task.step
                )));
            }
        }
        for attempt in &mut resolved.attempts {
            attempt.manifest = keys.resolve(attempt.manifest)?;
        }
        Ok((keys, resolved))
    }

    fn apply(&mut self, commit: &Commit, tasks: Vec<TaskRecord>, attempts: Vec<AttemptRecord>) {
        self.events.extend(commit.events.iter().cloned());
        for task in tasks {
            if !self.steps.contains(&task.step) {
                self.steps.push(task.step.clone());
            }
            self.tasks.insert(task.task, task);
        }
        for attempt in attempts {
            self.attempts
                .insert((attempt.task, attempt.attempt), attempt);
        }
        let (record, change) = (&mut self.record, &commit.run);
        record.state = change.state.unwrap_or(record.state);
        record.finished_at = change.finished_at.or(record.finished_at);
        if let Some(error) = &change.error {
            record.error.clone_from(error);
        }
    }

    fn has_all(&self, tags: &[String]) -> bool {
        let has = |tag| self.tags.user.contains(tag) || self.tags.system.contains(tag);
        tags.iter().all(has)
    }

    fn matches(&self, filter: &RunFilter) -> bool {
        let record = &self.record;
        filter.flow.as_ref().is_none_or(|flow| record.flow == *flow)
            && self.has_all(&filter.tags)
            && (filter.states.is_empty() || filter.states.contains(&record.state))
            && filter.user.as_ref().is_none_or(|user| record.user == *user)
            && filter.since.is_none_or(|since| record.created_at >= since)
            && filter.before.is_none_or(|before| record.id < before)
    }
}

fn task_matches(task: &TaskRecord, filter: &TaskFilter) -> bool {
    let beyond = |after| {
        if filter.newest_first {
            task.task < after
        } else {
            task.task > after
        }
    };
    filter.step.as_ref().is_none_or(|step| task.step == *step)
        && (filter.states.is_empty() || filter.states.contains(&task.state))
        && filter.after.is_none_or(beyond)
}

fn most(limit: usize) -> usize {
    if limit == 0 { usize::MAX } else { limit }
}

fn refused(reason: Reason) -> MetadataError {
    MetadataError::Write {
        place: "memory".to_owned(),
        cause: Box::new(reason),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_conforms() {
        crate::conformance::run(|| Box::new(MemoryMetadata::new()));
    }
}
