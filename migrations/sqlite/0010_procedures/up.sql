-- Procedures: their drafts (version 0) and versions, and the runs of them.
-- `changed` is the position in the history of the batch that wrote the row last: its greatest value tells
-- whether anything differs from what somebody has at hand.

CREATE TABLE procedures (
    slug TEXT NOT NULL,
    version INTEGER NOT NULL,
    stage TEXT NOT NULL,
    changed INTEGER NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (slug, version)
) STRICT;
CREATE INDEX procedures_changed ON procedures (changed);

CREATE TABLE runs (
    ordinal INTEGER PRIMARY KEY,
    run_id TEXT NOT NULL,
    subject TEXT NOT NULL,
    procedure TEXT NOT NULL,
    version INTEGER NOT NULL,
    state TEXT NOT NULL,
    due_at INTEGER,
    over_at INTEGER,
    body TEXT NOT NULL,
    CONSTRAINT runs_id UNIQUE (run_id)
) STRICT;
CREATE INDEX runs_subject ON runs (subject);
CREATE INDEX runs_procedure ON runs (procedure, ordinal);
-- Those that are under way; a person takes over at their end.
CREATE INDEX runs_due ON runs (due_at) WHERE due_at IS NOT NULL;
-- Those that are over, for retention.
CREATE INDEX runs_over ON runs (over_at) WHERE over_at IS NOT NULL;
