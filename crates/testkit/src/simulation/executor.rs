//! An executor without processes: decides by the dice how an attempt ends and when.

use std::collections::HashMap;

use pave_graph::{Graph, Step, StepIndex, Transition};
use pave_model::{AttemptNumber, TaskNumber};
use pave_scheduler::{Input, LostReason, Options, StopReason, Verdict};

use crate::Random;
use crate::text::declared;

/// How the dice are loaded, in percent.
#[derive(Clone, Copy, Debug)]
pub struct Habits {
    /// An attempt raises.
    pub raises: u64,
    /// An attempt's process dies.
    pub dies: u64,
    /// An attempt is lost.
    pub loses: u64,
    /// An attempt goes on until it is stopped, where something will stop it.
    pub hangs: u64,
    /// An attempt leads where its step doesn't.
    pub errs: u64,
    /// An answer is given twice.
    pub repeats: u64,
    /// An attempt is reported lost although it goes on and answers later.
    pub suspects: u64,
    /// A loop goes round again.
    pub loops: u64,
    /// An attempt takes long.
    pub drags: u64,
}

/// One attempt, as the executor sees it.
#[derive(Clone, Debug)]
struct Process {
    step: StepIndex,
    /// What it will say, or has said; `None` while it hangs.
    answer: Option<Input>,
    /// Whether it has said it.
    told: bool,
    /// Goes up when the process is stopped: what it was about to say is not said.
    life: u32,
    alive: bool,
}

/// An answer under way from an attempt to the run.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// What is said.
    pub input: Input,
    task: TaskNumber,
    attempt: AttemptNumber,
    life: u32,
    /// In how many milliseconds it arrives.
    pub after_ms: u64,
}

/// What an attempt needs to be launched.
#[derive(Clone, Copy, Debug)]
pub struct Assignment {
    /// The task.
    pub task: TaskNumber,
    /// The attempt.
    pub attempt: AttemptNumber,
    /// Its step.
    pub step: StepIndex,
    /// Whether `@catch` acts now.
    pub is_last_attempt: bool,
    /// Whether only what `@catch` promises is stored.
    pub is_fallback: bool,
}

/// The executor.
#[derive(Debug)]
pub struct FakeExecutor {
    habits: Habits,
    most_splits: u64,
    most_members: u64,
    processes: HashMap<(TaskNumber, AttemptNumber), Process>,
}

impl FakeExecutor {
    /// An executor without processes. Foreachs make as many children, and gangs have as many
    /// members, as the options allow.
    #[must_use]
    pub fn new(habits: Habits, options: &Options) -> Self {
        Self {
            habits,
            most_splits: options.max_num_splits,
            most_members: options.max_num_splits.min(options.max_workers as u64),
            processes: HashMap::new(),
        }
    }

    /// Starts an attempt. Returns what it will say, and when.
    pub fn launch(
        &mut self,
        graph: &Graph,
        random: &mut Random,
        assignment: Assignment,
    ) -> Vec<Answer> {
        let Assignment { task, attempt, .. } = assignment;
        let answer = self.ending(graph, random, assignment);
        let process = Process {
            step: assignment.step,
            answer: answer.clone(),
            told: false,
            life: 0,
            alive: true,
        };
        self.processes.insert((task, attempt), process);
        let mut answers = Vec::new();
        if let Some(input) = answer {
            let longest = if random.chance(self.habits.drags) {
                60_000
            } else {
                800
            };
            let after_ms = random.between(1, longest);
            answers.push(self.answer(task, attempt, input, after_ms));
        }
        if random.chance(self.habits.repeats) {
            answers.extend(answers.first().cloned().map(|mut again| {
                again.after_ms += random.below(3_000);
                again
            }));
        }
        if random.chance(self.habits.suspects) {
            let after_ms = random.below(600);
            answers.push(self.answer(task, attempt, lost(task, attempt), after_ms));
        }
        answers
    }

    /// Stops an attempt. Returns what it says then; nothing if its own answer was quicker.
    pub fn stop(
        &mut self,
        random: &mut Random,
        task: TaskNumber,
        attempt: AttemptNumber,
        reason: StopReason,
    ) -> Vec<Answer> {
        let stopped = Input::Lost {
            task,
            attempt,
            reason: LostReason::Stopped,
        };
        let died = Input::Failed {
            task,
            attempt,
            died: true,
        };
        let input = match reason {
            StopReason::Timeout if random.chance(80) => died,
            StopReason::RunStopping if random.chance(10) => died,
            _ => stopped,
        };
        let races = random.chance(20);
        if let Some(process) = self.processes.get_mut(&(task, attempt)) {
            process.answer = Some(input.clone());
            process.told = false;
            if !races {
                process.life += 1;
            }
        }
        let after_ms = random.between(1, 200);
        vec![self.answer(task, attempt, input, after_ms)]
    }

    /// What a new runtime hears of an attempt that the old one had under way: its answer, perhaps
    /// for the second time; that it is lost; or nothing yet, because it still goes on.
    pub fn reattach(
        &mut self,
        random: &mut Random,
        task: TaskNumber,
        attempt: AttemptNumber,
    ) -> Option<Answer> {
        let process = self.processes.get(&(task, attempt));
        let input = match process.filter(|process| process.alive) {
            Some(process) if !process.told && random.chance(50) => return None,
            Some(process) if random.chance(50) => process.answer.clone()?,
            _ => lost(task, attempt),
        };
        let after_ms = random.below(300);
        Some(self.answer(task, attempt, input, after_ms))
    }

    /// Every process dies, with what it was about to say.
    pub fn die(&mut self) {
        for process in self.processes.values_mut() {
            process.life += 1;
            process.alive = false;
        }
    }

    /// Whether an answer is said after all: its process was not stopped before.
    pub fn says(&mut self, answer: &Answer) -> bool {
        let Some(process) = self.processes.get_mut(&(answer.task, answer.attempt)) else {
            return true;
        };
        let says = process.life == answer.life;
        process.told |= says && process.answer.as_ref() == Some(&answer.input);
        says
    }

    /// The step of an attempt that was launched.
    #[must_use]
    pub fn step_of(&self, task: TaskNumber, attempt: AttemptNumber) -> Option<StepIndex> {
        self.processes
            .get(&(task, attempt))
            .map(|process| process.step)
    }

    fn answer(
        &self,
        task: TaskNumber,
        attempt: AttemptNumber,
        input: Input,
        after_ms: u64,
    ) -> Answer {
        let life = self
            .processes
            .get(&(task, attempt))
            .map_or(0, |process| process.life);
        Answer {
            input,
            task,
            attempt,
            life,
            after_ms,
        }
    }

    /// How an attempt ends; `None` if it hangs.
    fn ending(&self, graph: &Graph, random: &mut Random, of: Assignment) -> Option<Input> {
        let Assignment { task, attempt, .. } = of;
        let step = graph.step(of.step);
        let habits = self.habits;
        let dice = random.below(100);
        let bounds = [
            habits.raises,
            habits.dies,
            habits.loses,
            habits.hangs,
            habits.errs,
        ];
        let mut sum = 0;
        let fate = bounds.into_iter().position(|percent| {
            sum += percent;
            dice < sum
        });
        let failed = |died| Input::Failed {
            task,
            attempt,
            died,
        };
        let succeeded = |verdict| Input::Succeeded {
            task,
            attempt,
            verdict,
        };
        match fate {
            // `@catch` catches what the last attempt raises; a fallback runs no user code.
            Some(0) if of.is_fallback || (of.is_last_attempt && step.catch.is_some()) => {
                Some(succeeded(declared(graph, of.step, None)))
            }
            Some(0) => Some(failed(false)),
            Some(1) => Some(failed(true)),
            Some(2) => Some(lost(task, attempt)),
            Some(3) if step.timeout_seconds.is_some() => None,
            Some(4) => Some(succeeded(self.wrong_verdict(graph, random, of.step))),
            _ => Some(succeeded(self.verdict(graph, random, of.step))),
        }
    }

    fn verdict(&self, graph: &Graph, random: &mut Random, index: StepIndex) -> Verdict {
        let step: &Step = graph.step(index);
        let most = match step.transition {
            Transition::Gang { .. } => self.most_members,
            _ => self.most_splits,
        };
        let mut verdict = declared(graph, index, Some(random.between(1, most)));
        if let Transition::Switch { cases, .. } = &step.transition {
            let others = cases
                .iter()
                .map(|(_, case)| *case)
                .filter(|case| *case != index);
            let others: Vec<StepIndex> = others.collect();
            let itself = cases.iter().any(|(_, case)| *case == index);
            verdict.next = match itself && random.chance(self.habits.loops) {
                true => vec![index],
                false => vec![*random.pick(&others)],
            };
        }
        verdict
    }

    fn wrong_verdict(&self, graph: &Graph, random: &mut Random, index: StepIndex) -> Verdict {
        let mut verdict = self.verdict(graph, random, index);
        match random.below(5) {
            0 => verdict.next.push(StepIndex(u16::MAX)),
            1 => verdict.next = vec![index, index],
            2 => verdict.splits = Some(0),
            3 => verdict.splits = Some(u64::MAX - random.below(10)),
            _ => verdict.splits = Some(self.most_splits + 1),
        }
        verdict
    }
}

fn lost(task: TaskNumber, attempt: AttemptNumber) -> Input {
    Input::Lost {
        task,
        attempt,
        reason: LostReason::Worker,
    }
}
