//! A picture that moves: a line for each step with its progress, log lines scrolling above it.

use std::fmt::Write as _;
use std::io::Write as _;
use std::time::{Duration, Instant};

use console::{Term, measure_text_width, style, truncate_str};
use pave_exec::Output;
use pave_runtime::{Notice, TaskName};
use pave_scheduler::{AfterFailure, Counts, Scheduler};

use crate::screen::Names;
use crate::screen::ending::print_ending;
use crate::screen::plain::{after, tasks};
use crate::screen::words::{duration, failure_code, failure_line};

/// Most often the picture is drawn anew.
const FRAME: Duration = Duration::from_millis(80);

/// Width of a progress bar, in characters.
const BAR: usize = 24;

/// The live look.
pub(crate) struct Live {
    names: Names,
    term: Term,
    began: Instant,
    steps: Vec<StepView>,
    /// Lines that wait to be printed above the picture.
    above: String,
    /// Height of the picture on the screen now.
    drawn: usize,
    last: Option<Instant>,
    message: String,
}

/// A step as the picture shows it.
struct StepView {
    name: String,
    counts: Counts,
    began: Option<Instant>,
    took: Option<Duration>,
}

impl Live {
    pub(crate) fn new(names: Names) -> Self {
        let steps = names
            .steps
            .iter()
            .map(|name| StepView {
                name: name.clone(),
                counts: Counts::default(),
                began: None,
                took: None,
            })
            .collect();
        Self {
            names,
            term: Term::stdout(),
            began: Instant::now(),
            steps,
            above: String::new(),
            drawn: 0,
            last: None,
            message: String::new(),
        }
    }

    pub(crate) fn notice(&mut self, notice: &Notice<'_>) {
        match notice {
            Notice::RunStarted(run) => {
                if let Some(origin) = run.origin {
                    self.message = format!("resumed from {origin}");
                }
            }
            Notice::Cloned { .. } => {}
            Notice::AttemptStarted { task, .. } => {
                if let Some(step) = self.step(&task.step) {
                    step.began.get_or_insert_with(Instant::now);
                }
            }
            Notice::Line {
                task, output, text, ..
            } => self.line(task, *output, text),
            Notice::TaskSucceeded {
                task,
                caught,
                elapsed,
                ..
            } => {
                if let Some(step) = self.step(&task.step) {
                    let began = *step.began.get_or_insert_with(|| Instant::now() - *elapsed);
                    step.took = Some(began.elapsed());
                }
                if let Some(failure) = caught {
                    let words = format!("caught {}", failure_line(failure));
                    self.say(task, &style(words).yellow().to_string());
                }
            }
            Notice::AttemptFailed {
                then: AfterFailure::TaskInterrupted,
                ..
            } => {}
            Notice::AttemptFailed {
                task,
                attempt,
                failure,
                then,
            } => {
                let code = failure_code(failure);
                let words = format!(
                    "attempt {attempt} failed [{code}]: {}{}",
                    failure_line(failure),
                    after(*then)
                );
                self.say(task, &style(words).red().to_string());
            }
            Notice::Stopping { running, grace, .. } if *running > 0 => {
                self.message = format!(
                    "stopping: {running} more {} may finish within {} (Ctrl-C stops them now)",
                    tasks(*running as u64),
                    duration(*grace)
                );
            }
            Notice::Stopping { .. } => {}
            Notice::RunFinished(report) => {
                self.message.clear();
                self.draw(true);
                self.drawn = 0;
                print_ending(&self.names, report, false);
            }
        }
    }

    pub(crate) fn tick(&mut self, scheduler: &Scheduler) {
        let due = self.last.is_none_or(|last| last.elapsed() >= FRAME);
        if !due && !scheduler.run_state().is_finished() {
            return;
        }
        for (view, counts) in self.steps.iter_mut().zip(scheduler.progress()) {
            view.counts = *counts;
        }
        self.draw(false);
    }

    /// Leaves the picture as it stands and the cursor below it.
    pub(crate) fn close(&mut self) {
        if self.drawn > 0 {
            self.draw(true);
            self.drawn = 0;
        }
    }

    fn step(&mut self, name: &str) -> Option<&mut StepView> {
        self.steps.iter_mut().find(|step| step.name == name)
    }

    fn line(&mut self, task: &TaskName, output: Output, text: &str) {
        match output {
            Output::Stdout => self.say(task, text),
            Output::Stderr => self.say(task, &style(text).yellow().to_string()),
        }
    }

    fn say(&mut self, task: &TaskName, text: &str) {
        let name = style(format!("[{}/{}]", task.step, task.task)).dim();
        let _ = writeln!(self.above, "{name} {text}");
        // A task that prints a lot must not fill the memory between two frames.
        if self.above.len() > 256 * 1024 {
            self.draw(false);
        }
    }

    fn draw(&mut self, is_last: bool) {
        let (height, width) = self.term.size();
        let width = usize::from(width).max(20);
        let mut out = String::new();
        if self.drawn > 0 {
            let _ = write!(out, "\x1b[{}A\r", self.drawn);
        }
        out.push_str("\x1b[J");
        out.push_str(&std::mem::take(&mut self.above));
        let lines = self.picture(usize::from(height).saturating_sub(2).max(3), is_last);
        for line in &lines {
            out.push_str(&truncate_str(line, width - 1, "…"));
            out.push('\n');
        }
        self.drawn = lines.len();
        self.last = Some(Instant::now());
        let mut screen = std::io::stdout().lock();
        // A terminal that went away is no reason to stop the run.
        let _ = screen
            .write_all(out.as_bytes())
            .and_then(|()| screen.flush());
    }

    fn picture(&self, most: usize, is_last: bool) -> Vec<String> {
        let mut head = format!(
            "{} {} {}",
            style(&self.names.run).bold(),
            style("·").dim(),
            duration(self.began.elapsed())
        );
        if !self.message.is_empty() {
            let _ = write!(
                head,
                " {} {}",
                style("·").dim(),
                style(&self.message).yellow()
            );
        }
        let mut lines = vec![head];
        let widest = self
            .steps
            .iter()
            .map(|it| measure_text_width(&it.name))
            .max()
            .unwrap_or(0);
        // A flow with more steps than the screen has lines shows those that matter now.
        let room = most.saturating_sub(1);
        let crowded = self.steps.len() > room && !is_last;
        let shown = self.steps.iter().filter(|it| !crowded || it.is_busy());
        lines.extend(shown.take(room).map(|it| it.line(widest)));
        lines
    }
}

impl StepView {
    fn is_over(&self) -> bool {
        let Counts {
            failed,
            interrupted,
            expected,
            ..
        } = self.counts;
        expected > 0 && self.counts.done() + failed + interrupted >= expected
    }

    fn is_busy(&self) -> bool {
        self.counts.running + self.counts.queued + self.counts.failed > 0
    }

    fn line(&self, widest: usize) -> String {
        let Counts {
            running,
            failed,
            cloned,
            expected,
            ..
        } = self.counts;
        let done = self.counts.done();
        let mark = if failed > 0 {
            style("✘").red()
        } else if self.is_over() {
            style("✔").green()
        } else if running > 0 {
            style("●").cyan()
        } else {
            style("○").dim()
        };
        let pad = " ".repeat(widest - measure_text_width(&self.name).min(widest));
        let mut line = format!("  {mark} {}{pad}", self.name);
        if expected > 1 {
            let _ = write!(
                line,
                "  {}  {done}/{expected}",
                bar(done, failed, running, expected)
            );
        }
        for (count, word) in [(running, "running"), (failed, "failed"), (cloned, "cloned")] {
            if count > 0 && (expected > 1 || word == "cloned") {
                let _ = write!(line, "  {}", style(format!("{count} {word}")).dim());
            }
        }
        let time = self
            .took
            .or_else(|| self.began.map(|began| began.elapsed()));
        if let Some(time) = time.filter(|_| cloned < expected.max(1)) {
            let _ = write!(line, "  {}", style(duration(time)).dim());
        }
        line
    }
}

/// A bar: done, failed, under way, to come.
fn bar(done: u64, failed: u64, running: u64, expected: u64) -> String {
    let part = |count: u64| {
        usize::try_from(count.saturating_mul(BAR as u64) / expected.max(1))
            .unwrap_or(BAR)
            .min(BAR)
    };
    let done = part(done);
    let failed = part(failed).max(usize::from(failed > 0)).min(BAR - done);
    let running = part(running)
        .max(usize::from(running > 0))
        .min(BAR - done - failed);
    let rest = BAR - done - failed - running;
    format!(
        "{}{}{}{}",
        style("━".repeat(done)).green(),
        style("━".repeat(failed)).red(),
        style("╸".repeat(running)).cyan(),
        style("─".repeat(rest)).dim()
    )
}
