//! The last words of a run: what happened, and what to type next.

use console::style;
use pave_model::RunState;
use pave_runtime::RunReport;

use crate::output::{errln, outln};
use crate::screen::Names;
use crate::screen::words::{duration, failure_code, failure_line};

/// Prints them: good news on stdout, bad news on stderr.
pub(crate) fn print_ending(names: &Names, report: &RunReport, quiet: bool) {
    let took = duration(report.elapsed);
    match report.run.state {
        RunState::Succeeded if quiet => {}
        RunState::Succeeded => {
            outln!(
                "{} {} succeeded in {took}",
                style("✔").green().bold(),
                names.run
            );
            let last = names.steps.last().map(String::as_str).unwrap_or("end");
            next(
                &format!("pave dump {}/{last}", names.run),
                "what it left",
                false,
            );
        }
        RunState::Failed => print_failure(names, report, &took),
        RunState::Interrupted | RunState::Running => {
            let head = style("■").for_stderr().yellow().bold();
            errln!(
                "{head} {} was interrupted after {took}; finished tasks are kept",
                names.run
            );
            next(&resume(names), "goes on from there", true);
        }
    }
}

fn print_failure(names: &Names, report: &RunReport, took: &str) {
    let head = style("✘").for_stderr().red().bold();
    let Some(failed) = &report.failed else {
        errln!("{head} {} failed after {took}", names.run);
        return;
    };
    let traceback = failed.failure.traceback.trim_end();
    if !traceback.is_empty() {
        errln!("\n{traceback}\n");
    }
    let code = style(format!("error[{}]", failure_code(&failed.failure)))
        .for_stderr()
        .red()
        .bold();
    let path = format!("{}/{}", names.flow, failed.name);
    errln!("{code}: {path} failed: {}", failure_line(&failed.failure));
    if failed.attempt.0 > 0 {
        errln!("  it was tried {} times", failed.attempt.0 + 1);
    }
    errln!(
        "{head} {} failed after {took}; finished tasks are kept",
        names.run
    );
    next(&format!("pave logs {path}"), "what the task printed", true);
    next(
        &resume(names),
        "goes on from there, once it is mended",
        true,
    );
}

fn resume(names: &Names) -> String {
    names
        .file
        .spell(&format!("resume --origin-run-id {}", names.number))
}

fn next(command: &str, why: &str, on_stderr: bool) {
    if on_stderr {
        let arrow = style("next").for_stderr().cyan();
        errln!(
            "  {arrow} {command}   {}",
            style(format!("# {why}")).for_stderr().dim()
        );
    } else {
        outln!(
            "  {} {command}   {}",
            style("next").cyan(),
            style(format!("# {why}")).dim()
        );
    }
}
