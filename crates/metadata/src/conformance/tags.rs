//! Tags of runs.

use pave_model::{Code, FlowName, RunNumber};

use super::{new_run, started};
use crate::{Metadata, NewRun, RunFilter, RunRecord};

pub(super) fn user_tags_change_and_come_back_sorted(store: &dyn Metadata) {
    let run = started(store);
    assert_eq!(change(store, &run, &["b", "a", "b"], &[]), ["a", "b"]);
    assert_eq!(
        change(store, &run, &["a", "Ä", "c"], &["b", "absent"]),
        ["a", "c", "Ä"]
    );
    assert_eq!(change(store, &run, &[], &[]), ["a", "c", "Ä"]);
    assert_eq!(stored(store, &run).tags, ["a", "c", "Ä"]);
    assert_eq!(change(store, &run, &[], &["a", "c", "Ä"]), [""; 0]);
    assert_eq!(stored(store, &run), run);
}

pub(super) fn removals_come_first(store: &dyn Metadata) {
    let run = started(store);
    assert_eq!(change(store, &run, &["a"], &["a"]), ["a"]);
    assert_eq!(change(store, &run, &["a", "b"], &["a"]), ["a", "b"]);
    // So that a full set can be exchanged.
    let full: Vec<String> = (0..50).map(|tag| format!("{tag:02}")).collect();
    let full: Vec<&str> = full.iter().map(String::as_str).collect();
    assert_eq!(change(store, &run, &full, &["a", "b"]), full);
    assert_eq!(change(store, &run, &["new"], &["00"])[49], "new");
}

pub(super) fn system_tags_cannot_be_shadowed_or_removed(store: &dyn Metadata) {
    let run = tagged(store, "Flow", &["mine"], &["user:ada"]);
    assert_eq!(change(store, &run, &["user:ada"], &[]), ["mine"]);
    refuse(store, &run, &["more"], &["mine", "user:ada"]);
    assert_eq!(stored(store, &run), run);
}

pub(super) fn impossible_tags_are_refused_whole(store: &dyn Metadata) {
    let run = started(store);
    let (longest, too_long) = ("ü".repeat(500), "ü".repeat(501));
    let many: Vec<String> = (0..51).map(|tag| tag.to_string()).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    for add in [&["fine", ""][..], &["fine", &too_long], &many] {
        refuse(store, &run, add, &[]);
        let tags = add.iter().map(|tag| (*tag).to_owned()).collect();
        let error = store
            .create_run(&NewRun {
                tags,
                ..new_run("Other")
            })
            .expect_err("the tags are impossible");
        assert_eq!(error.code(), Code::C002);
    }
    refuse(store, &run, &[], &[""]);
    assert_eq!(stored(store, &run), run);
    assert_eq!(
        store.list_flows(&[]).expect("flows are listed"),
        [FlowName::from("Flow")]
    );
    change(store, &run, &[&longest], &[]);
    assert_eq!(change(store, &run, &many[..49], &[]).len(), 50);
    // A tag that is there already doesn't make a full set fuller.
    assert_eq!(change(store, &run, &[&longest], &[]).len(), 50);
    refuse(store, &run, &["one more"], &[]);
}

pub(super) fn runs_and_flows_are_found_by_all_their_tags(store: &dyn Metadata) {
    let runs = [
        tagged(store, "A", &["x"], &["user:ada"]),
        tagged(store, "B", &["x", "y"], &["user:bob"]),
        tagged(store, "A", &["y"], &["user:ada"]),
        tagged(store, "A", &["x", "y"], &["user:ada"]),
    ];
    let check = |flow: Option<&str>, tags: &[&str], expected: &[usize]| {
        let filter = RunFilter {
            flow: flow.map(FlowName::from),
            tags: owned(tags),
            ..RunFilter::default()
        };
        let found = store.list_runs(&filter).expect("runs are listed");
        let expected: Vec<RunRecord> = expected.iter().map(|run| runs[*run].clone()).collect();
        assert_eq!(found, expected, "{filter:?}");
    };
    check(None, &["x"], &[3, 1, 0]);
    check(None, &["x", "y"], &[3, 1]);
    check(None, &["y", "user:ada"], &[3, 2]);
    check(None, &["z"], &[]);
    check(Some("A"), &["x"], &[3, 0]);
    check(Some("A"), &["y", "x", "user:ada"], &[3]);
    let page = RunFilter {
        tags: owned(&["x"]),
        before: Some(runs[3].id),
        limit: 1,
        ..RunFilter::default()
    };
    assert_eq!(
        store.list_runs(&page).expect("runs are listed"),
        [runs[1].clone()]
    );
    let flows = |tags: &[&str]| {
        let flows = store.list_flows(&owned(tags)).expect("flows are listed");
        flows.into_iter().map(|flow| flow.0).collect::<Vec<_>>()
    };
    assert_eq!(flows(&["x"]), ["A", "B"]);
    assert_eq!(flows(&["x", "user:ada"]), ["A"]);
    assert_eq!(flows(&["user:ada", "user:bob"]), [""; 0]);
    change(store, &runs[1], &["z"], &["x"]);
    assert_eq!(flows(&["x"]), ["A"]);
    assert_eq!(flows(&["z"]), ["B"]);
}

fn tagged(store: &dyn Metadata, flow: &str, user: &[&str], system: &[&str]) -> RunRecord {
    let new = NewRun {
        tags: owned(user),
        system_tags: owned(system),
        ..new_run(flow)
    };
    store.create_run(&new).expect("a run is created")
}

fn owned(tags: &[&str]) -> Vec<String> {
    tags.iter().map(|tag| (*tag).to_owned()).collect()
}

fn stored(store: &dyn Metadata, run: &RunRecord) -> RunRecord {
    let number = RunNumber(run.number.0);
    let found = store.find_run(&run.flow, number).expect("the run is read");
    found.expect("the run exists")
}

fn change(store: &dyn Metadata, run: &RunRecord, add: &[&str], remove: &[&str]) -> Vec<String> {
    store
        .change_tags(run.id, &owned(add), &owned(remove))
        .expect("the tags are changed")
}

fn refuse(store: &dyn Metadata, run: &RunRecord, add: &[&str], remove: &[&str]) {
    let before = stored(store, run);
    let error = store
        .change_tags(run.id, &owned(add), &owned(remove))
        .expect_err("the change is impossible");
    assert_eq!(error.code(), Code::C002);
    assert_eq!(stored(store, run), before);
}
