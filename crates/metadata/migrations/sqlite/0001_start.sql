-- Schema 1: flows, runs, and what their tasks did.
--
-- Keys are integers and states are numbers (see `src/sqlite/codes.rs`), so that a task costs tens of
-- bytes. Tables with the run in front of their key keep a run's rows side by side: a list is one
-- range. There is no index that a listed query doesn't need; each would cost every commit a page.

CREATE TABLE flows (
    id       INTEGER PRIMARY KEY,
    name     TEXT NOT NULL UNIQUE,
    last_run INTEGER NOT NULL           -- the number given last
) STRICT;

-- Most runs of a flow share one description: it is stored when it changes.
CREATE TABLE flow_specs (
    id   INTEGER PRIMARY KEY,
    spec TEXT NOT NULL
) STRICT;

CREATE TABLE runs (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    flow        INTEGER NOT NULL REFERENCES flows (id),
    number      INTEGER NOT NULL,
    state       INTEGER NOT NULL,
    token       INTEGER NOT NULL,       -- fences commits; first among the columns a commit reads
    created_at  INTEGER NOT NULL,
    finished_at INTEGER,
    origin      INTEGER,
    spec        INTEGER NOT NULL REFERENCES flow_specs (id),
    pid         INTEGER NOT NULL,
    host        TEXT NOT NULL,
    started     TEXT NOT NULL,
    user        TEXT NOT NULL,
    file        TEXT NOT NULL,
    parameters  TEXT NOT NULL,
    error       TEXT NOT NULL,
    UNIQUE (flow, number)
) STRICT;

-- Runs of one flow, newest first: the row's own key is an index's last column.
CREATE INDEX runs_by_flow ON runs (flow);

CREATE TABLE run_tags (
    run    INTEGER NOT NULL REFERENCES runs (id),
    tag    TEXT NOT NULL,
    system INTEGER NOT NULL,
    PRIMARY KEY (run, tag)
) STRICT, WITHOUT ROWID;

-- Runs with a tag, newest first.
CREATE INDEX run_tags_by_tag ON run_tags (tag, run);

CREATE TABLE events (
    run   INTEGER NOT NULL,
    seq   INTEGER NOT NULL,
    bytes BLOB NOT NULL,
    PRIMARY KEY (run, seq)
) STRICT, WITHOUT ROWID;

-- The names of a run's steps; the position is the order in which they were reached, from 0.
CREATE TABLE steps (
    run      INTEGER NOT NULL,
    position INTEGER NOT NULL,
    name     TEXT NOT NULL,
    PRIMARY KEY (run, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE tasks (
    run         INTEGER NOT NULL,
    task        INTEGER NOT NULL,
    step        INTEGER NOT NULL,       -- position in `steps`
    state       INTEGER NOT NULL,
    attempt     INTEGER,
    created_at  INTEGER NOT NULL,
    finished_at INTEGER,
    manifest    INTEGER,
    origin      INTEGER,
    place       TEXT NOT NULL,
    parents     BLOB NOT NULL,
    taken       BLOB NOT NULL,
    PRIMARY KEY (run, task)
) STRICT, WITHOUT ROWID;

-- Tasks of one step by number. A task never changes its step, so only its first commit writes here.
CREATE INDEX tasks_by_step ON tasks (run, step, task);

CREATE TABLE attempts (
    run         INTEGER NOT NULL,
    task        INTEGER NOT NULL,
    attempt     INTEGER NOT NULL,
    state       INTEGER NOT NULL,
    started_at  INTEGER NOT NULL,
    finished_at INTEGER,
    pid         INTEGER NOT NULL,
    manifest    INTEGER,
    failure     BLOB NOT NULL,
    PRIMARY KEY (run, task, attempt)
) STRICT, WITHOUT ROWID;

CREATE TABLE manifests (
    id    INTEGER PRIMARY KEY,
    base  INTEGER,                      -- the manifest it adds to, if any
    bytes BLOB NOT NULL
) STRICT;
