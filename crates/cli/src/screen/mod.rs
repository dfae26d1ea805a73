//! What a run looks like on the terminal.

mod ending;
mod json;
mod live;
mod plain;
mod words;

use console::Term;
use pave_metadata::RunRecord;
use pave_runtime::{FlowDocument, Notice, Observer};
use pave_scheduler::Scheduler;

use crate::grammar::FlowFile;

pub(crate) use words::{duration_text, time_text};

/// How a run is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    /// A picture that moves, log lines above it.
    Live,
    /// A line for everything that happens.
    Plain,
    /// Only what tasks print, and what goes wrong.
    Quiet,
    /// JSON, one object a line.
    Json,
}

impl Look {
    pub(crate) fn choose(json: bool, quiet: bool) -> Self {
        match (json, quiet) {
            (true, _) => Self::Json,
            (false, true) => Self::Quiet,
            (false, false) if Term::stdout().is_term() && Term::stderr().is_term() => Self::Live,
            _ => Self::Plain,
        }
    }
}

/// The names that the looks need.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    /// `Flow/7`.
    pub(crate) run: String,
    /// The flow's name.
    pub(crate) flow: String,
    /// The run's number.
    pub(crate) number: u64,
    /// Steps in the order of the graph.
    pub(crate) steps: Vec<String>,
    /// How commands on the flow file are spelled.
    pub(crate) file: FlowFile,
}

/// Shows a run.
pub(crate) enum Screen {
    Live(Box<live::Live>),
    Plain(plain::Plain),
    Json(json::Json),
}

impl Screen {
    pub(crate) fn new(
        look: Look,
        document: &FlowDocument,
        run: &RunRecord,
        file: FlowFile,
    ) -> Self {
        let names = Names {
            run: format!("{}/{}", run.flow, run.number),
            flow: run.flow.0.clone(),
            number: run.number.0,
            steps: document
                .graph
                .steps
                .iter()
                .map(|step| step.name.clone())
                .collect(),
            file,
        };
        match look {
            Look::Live => Self::Live(Box::new(live::Live::new(names))),
            Look::Plain => Self::Plain(plain::Plain::new(names, false)),
            Look::Quiet => Self::Plain(plain::Plain::new(names, true)),
            Look::Json => Self::Json(json::Json::new(names)),
        }
    }

    /// Leaves the terminal as it was found, also when the run could not be driven to its end.
    pub(crate) fn close(&mut self) {
        if let Self::Live(live) = self {
            live.close();
        }
    }
}

impl Observer for Screen {
    fn notice(&mut self, notice: &Notice<'_>) {
        match self {
            Self::Live(live) => live.notice(notice),
            Self::Plain(plain) => plain.notice(notice),
            Self::Json(json) => json.notice(notice),
        }
    }

    fn tick(&mut self, scheduler: &Scheduler) {
        if let Self::Live(live) = self {
            live.tick(scheduler);
        }
    }
}
