//! What tasks print: all of it, before the last word about them.

use std::io::Write;

use pave_exec::{End, ForkMode};

use crate::stage::Stage;

fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at % 251) as u8).collect()
}

#[test]
fn all_that_was_printed_comes_before_the_result() {
    Stage::both(|mut stage| {
        let story = stage.run(&["out one\n", "err two\n", "out three", "finish"]);
        assert_eq!(story.text(), "one\nthree");
        assert_eq!(story.err, b"two\n");
        assert!(story.is_finished());
    });
}

#[test]
fn a_line_cut_by_death_is_kept() {
    Stage::both(|mut stage| {
        for (death, end) in [("exit 1", End::Exited(1)), ("signal 9", End::Killed(9))] {
            let story = stage.run(&["out half a li", "err and ano", death]);
            assert_eq!((story.text(), &*story.err), ("half a li", &b"and ano"[..]));
            assert_eq!(story.end(), &end);
        }
    });
}

#[test]
fn ten_megabytes_arrive_whole() {
    Stage::both(|mut stage| {
        let story = stage.run(&["fill 10000000", "finish"]);
        assert!(story.out == pattern(10_000_000));
        let story = stage.run(&["fill 10000000", "signal 9"]);
        assert!(story.out == pattern(10_000_000));
    });
}

#[test]
fn one_that_prints_without_end_does_not_silence_another() {
    let mut stage = Stage::new("");
    let chatter = stage.launch(&["chatter", "hang"]);
    stage.until(chatter, |story| !story.out.is_empty());
    assert!(stage.run(&["out x", "finish"]).is_finished());
}

#[test]
fn what_a_chatterer_left_behind_prints_does_not_delay_the_result() {
    Stage::both(|mut stage| {
        let story = stage.run(&["chatter", "finish", "hang"]);
        assert!(story.is_finished());
        assert!(story.out.len() < 16 << 20);
    });
}

#[test]
fn a_process_left_behind_that_holds_the_pipes_does_not_delay_the_result() {
    Stage::both(|mut stage| {
        let story = stage.run(&["child", "finish", "hang"]);
        assert!(story.is_finished());
        assert_eq!(story.numbers().len(), 1);
    });
}

#[test]
fn a_process_left_behind_does_not_delay_an_end_either() {
    Stage::both(|mut stage| {
        assert_eq!(stage.run(&["child", "exit 2"]).end(), &End::Exited(2));
        // This one isn't even in the group, and keeps the pipes open.
        let escaped = stage.run(&["escape", "exit 2"]);
        assert_eq!(escaped.end(), &End::Exited(2));
        let pid = nix::unistd::Pid::from_raw(escaped.numbers()[0]);
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).unwrap();
    });
}

#[test]
fn output_after_the_result_is_thrown_away_and_blocks_nobody() {
    for mode in [ForkMode::Auto, ForkMode::Never] {
        let mut stage = Stage::in_mode(mode, "");
        // It waits before it prints more than a pipe holds.
        let gate = stage.folder.fifo("gate");
        let wait = format!("gate {gate}");
        let session = stage.launch(&["out before", "finish", &wait, "fill 1000000", "exit 5"]);
        let story = stage.until_over(session);
        assert_eq!(story.text(), "before");
        let pid = story.pid.unwrap();
        let mut gate = std::fs::OpenOptions::new().write(true).open(gate).unwrap();
        gate.write_all(&[1]).unwrap();
        stage.until_dead(&[pid]);
        assert_eq!(stage.story(session).text(), "before");
    }
}
