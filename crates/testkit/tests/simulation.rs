//! Runs the simulation: 200 seeds, or as many as `PAVE_SIM_SEEDS` says, from `PAVE_SIM_FIRST` on.

use pave_testkit::simulation::{Report, simulate};

fn number(variable: &str, otherwise: u64) -> u64 {
    let given = std::env::var(variable).ok();
    given.map_or(otherwise, |text| text.parse().expect("a number"))
}

#[test]
fn every_seed_keeps_the_rules() {
    let first = number("PAVE_SIM_FIRST", 0);
    let seeds = number("PAVE_SIM_SEEDS", 300);
    let mut sum = Report::default();
    for seed in first..first + seeds {
        let report = std::panic::catch_unwind(|| simulate(seed));
        let report = report.unwrap_or_else(|_| Err("panicked, see above".to_owned()));
        let report = report.unwrap_or_else(|broken| {
            panic!(
                "seed {seed}: {broken}\nagain: PAVE_SIM_FIRST={seed} PAVE_SIM_SEEDS=1 \
                 cargo test -p pave-testkit --test simulation"
            )
        });
        sum.succeeded += report.succeeded;
        sum.failed += report.failed;
        sum.interrupted += report.interrupted;
        sum.attempts += report.attempts;
        sum.done += report.done;
        sum.cloned += report.cloned;
        sum.crashes += report.crashes;
    }
    println!("{seeds} seeds from {first}: {sum:?}");
    if seeds >= 200 {
        // A simulation in which nothing happens would pass too.
        assert!(
            sum.succeeded > seeds / 4 && sum.failed > seeds / 10,
            "{sum:?}"
        );
        assert!(sum.interrupted > 0 && sum.cloned > seeds, "{sum:?}");
        assert!(sum.crashes > seeds && sum.attempts > 10 * seeds, "{sum:?}");
    }
}
