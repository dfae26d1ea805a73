//! Disks that are full or can't be written.
//!
//! A child gets a disk of its own where the system allows it: in a mount namespace, as root or with
//! user namespaces. Where it doesn't, what needs no mount is tested alone.

use std::error::Error;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use pave_metadata::{Metadata, MetadataError, RunFilter, RunRecord, SqliteMetadata};
use pave_model::Code;

use crate::script;

/// How to start a program with mounts of its own, if the system allows it.
fn own_mounts() -> Option<&'static [&'static str]> {
    const WAYS: [&[&str]; 2] = [
        &["unshare", "--mount"],
        &["unshare", "--mount", "--map-root-user"],
    ];
    WAYS.into_iter().find(|way| {
        Command::new(way[0])
            .args(&way[1..])
            .args(["mount", "-t", "tmpfs", "none", "/mnt"])
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    })
}

fn run_role(role: &str, folder: &Path, wrapper: &[&str]) {
    let output = crate::command(role, folder, wrapper).output().unwrap();
    crate::assert_succeeded(&output);
}

fn system(program: &str, arguments: &[&str]) {
    let status = Command::new(program).args(arguments).status().unwrap();
    assert!(status.success(), "{program} {arguments:?}");
}

#[test]
fn a_full_disk_refuses_commits_and_keeps_what_was_stored() {
    let folder = tempfile::tempdir().unwrap();
    match own_mounts() {
        Some(wrapper) => run_role("full-disk", folder.path(), wrapper),
        None => eprintln!("left out: this system allows no mounts"),
    }
}

/// On a disk of 2 MiB, half of it filled.
pub(crate) fn play_full(folder: &Path) {
    let place = folder.to_str().unwrap();
    system("mount", &["-t", "tmpfs", "-o", "size=2m", "none", place]);
    let ballast = folder.join("ballast");
    fs::write(&ballast, vec![1; 1 << 20]).unwrap();
    let (store, run) = script::drive(&folder.join("store"));
    let error = commit_until_refused(&store, &run);
    assert!(
        causes(&error).contains("no space is left on the disk"),
        "{}",
        causes(&error)
    );
    assert!(error.hint().unwrap().contains("Free some space"));
    let (stored, last) = script::check(&store, &run);
    assert!(stored > 3, "{stored}");

    // A second store can't even begin, and leaves nothing in the way of a later one.
    let second = folder.join("second");
    let error = SqliteMetadata::open(&second).map(drop).unwrap_err();
    assert_eq!(error.code(), Code::M002);

    fs::remove_file(&ballast).unwrap();
    store
        .commit(run.id, &script::commit(1, stored + 1, last))
        .unwrap();
    store.sync().unwrap();
    assert_eq!(script::check(&store, &run).0, stored + 1);
    drop(store);
    script::check_integrity(&folder.join("store"));
    SqliteMetadata::open(&second)
        .unwrap()
        .create_run(&script::new_run())
        .unwrap();
}

#[test]
fn a_file_that_may_not_grow_refuses_commits_and_keeps_what_was_stored() {
    let folder = tempfile::tempdir().unwrap();
    // 512 blocks of 512 bytes; the signal that goes with the limit is ignored, as its default kills.
    let limited = "ulimit -f 512; trap '' XFSZ; exec \"$0\" \"$@\"";
    run_role("file-limit", folder.path(), &["sh", "-c", limited]);
    let store = SqliteMetadata::open_existing(folder.path()).unwrap();
    let run = script::first(&store).unwrap();
    let (stored, last) = script::check(&store, &run);
    store
        .commit(run.id, &script::commit(1, stored + 1, last))
        .unwrap();
    assert_eq!(script::check(&store, &run).0, stored + 1);
    drop(store);
    script::check_integrity(folder.path());
}

/// Under a limit on the size of files.
pub(crate) fn play_limit(folder: &Path) {
    let (store, run) = script::drive(folder);
    let error = commit_until_refused(&store, &run);
    assert!(
        causes(&error).contains("the disk reported an error"),
        "{}",
        causes(&error)
    );
    script::check(&store, &run);
}

#[test]
fn a_read_only_folder_is_read() {
    let folder = tempfile::tempdir().unwrap();
    match own_mounts() {
        Some(wrapper) => run_role("read-only", folder.path(), wrapper),
        None => eprintln!("left out: this system allows no mounts"),
    }
}

#[test]
fn a_folder_without_write_permission_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let (store, run) = script::drive(folder.path());
    store.commit(run.id, &script::commit(1, 1, None)).unwrap();
    drop(store);
    let permit = |mode| fs::set_permissions(folder.path(), fs::Permissions::from_mode(mode));
    permit(0o555).unwrap();
    let store = SqliteMetadata::open(folder.path()).unwrap();
    assert_eq!(script::check(&store, &run).0, 1);
    // The superuser writes where others may not.
    if fs::write(folder.path().join("probe"), b"").is_err() {
        assert_refuses_changes(&store, &run);
    }
    permit(0o755).unwrap();
}

/// On a disk that is made read-only once stores are on it, in every state a store can be left in.
pub(crate) fn play_read_only(folder: &Path) {
    let place = folder.to_str().unwrap();
    system("mount", &["-t", "tmpfs", "none", place]);
    let live = folder.join("live");
    let (writer, run) = script::drive(&live);
    let last = writer.commit(run.id, &script::commit(1, 1, None)).unwrap()[0];
    writer.sync().unwrap();
    writer
        .commit(run.id, &script::commit(1, 2, Some(last)))
        .unwrap();
    // Left by a killed process: with the log and its index, or copied without the index.
    copy(
        &live,
        &folder.join("killed"),
        &["metadata.db", "metadata.db-wal", "metadata.db-shm"],
    );
    copy(
        &live,
        &folder.join("copied"),
        &["metadata.db", "metadata.db-wal"],
    );
    copy(&live, &folder.join("synced"), &["metadata.db"]);
    fs::create_dir(folder.join("none")).unwrap();

    // Another view of the same folder, read-only, while a process writes.
    let view = folder.join("view");
    fs::create_dir(&view).unwrap();
    system(
        "mount",
        &["--bind", live.to_str().unwrap(), view.to_str().unwrap()],
    );
    system("mount", &["-o", "remount,bind,ro", view.to_str().unwrap()]);
    let reader = SqliteMetadata::open(&view).unwrap();
    assert_eq!(script::check(&reader, &run).0, 2);
    assert_refuses_changes(&reader, &run);
    let keys = reader.list_tasks(run.id, &Default::default()).unwrap();
    writer
        .commit(run.id, &script::commit(1, 3, keys[1].manifest))
        .unwrap();
    assert_eq!(script::check(&reader, &run).0, 3);
    drop(writer);
    assert_eq!(
        script::check(&reader, &run).0,
        3,
        "the writer has removed its log"
    );
    system("umount", &[view.to_str().unwrap()]);

    system("mount", &["-o", "remount,ro", place]);
    for (name, commits) in [("live", 3), ("killed", 2), ("copied", 2), ("synced", 1)] {
        let store = SqliteMetadata::open(&folder.join(name)).unwrap();
        assert_eq!(script::check(&store, &run).0, commits, "{name}");
        assert_eq!(store.list_runs(&RunFilter::default()).unwrap().len(), 1);
        assert_refuses_changes(&store, &run);
        store.sync().unwrap();
    }
    for name in ["none", "absent"] {
        let error = SqliteMetadata::open(&folder.join(name))
            .map(drop)
            .unwrap_err();
        assert_eq!(error.code(), Code::M002, "{name}: {}", causes(&error));
    }
}

fn copy(from: &Path, to: &Path, names: &[&str]) {
    fs::create_dir(to).unwrap();
    for name in names {
        fs::copy(from.join(name), to.join(name)).unwrap();
    }
}

fn commit_until_refused(store: &SqliteMetadata, run: &RunRecord) -> MetadataError {
    let mut last = None;
    for n in 1..2_000 {
        match store.commit(run.id, &script::commit(1, n, last)) {
            Ok(keys) => last = keys.last().copied(),
            Err(error) => {
                assert_eq!(error.code(), Code::M003);
                return error;
            }
        }
    }
    panic!("nothing was refused");
}

fn assert_refuses_changes(store: &SqliteMetadata, run: &RunRecord) {
    let tags = ["x".to_owned()];
    let refused = [
        store.create_run(&script::new_run()).map(drop),
        store.commit(run.id, &script::commit(1, 2, None)).map(drop),
        store.take_over(run.id, &run.owner).map(drop),
        store.change_tags(run.id, &tags, &[]).map(drop),
    ];
    for outcome in refused {
        let error = outcome.unwrap_err();
        assert_eq!(error.code(), Code::M003);
        assert!(causes(&error).contains("read-only"), "{}", causes(&error));
    }
}

fn causes(error: &MetadataError) -> String {
    let mut text = error.to_string();
    let mut next: Option<&dyn Error> = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}
