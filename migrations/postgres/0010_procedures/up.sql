-- Procedures: their drafts (version 0) and versions, and the runs of them.
-- `changed` is the position in the history of the batch that wrote the row last: its greatest value tells
-- whether anything differs from what somebody has at hand.

CREATE TABLE procedures (
    slug TEXT COLLATE "C" NOT NULL,
    version BIGINT NOT NULL,
    stage TEXT COLLATE "C" NOT NULL,
    changed BIGINT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (slug, version)
);
CREATE INDEX procedures_changed ON procedures (changed);
ALTER TABLE procedures ALTER COLUMN body SET STATISTICS 0;

CREATE TABLE runs (
    ordinal BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run_id TEXT COLLATE "C" NOT NULL,
    subject TEXT COLLATE "C" NOT NULL,
    procedure TEXT COLLATE "C" NOT NULL,
    version BIGINT NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    due_at BIGINT,
    over_at BIGINT,
    body TEXT NOT NULL,
    CONSTRAINT runs_id UNIQUE (run_id)
) WITH (fillfactor = 75, toast_tuple_target = 8160);
CREATE INDEX runs_subject ON runs (subject);
CREATE INDEX runs_procedure ON runs (procedure, ordinal);
-- Those that are under way; a person takes over at their end.
CREATE INDEX runs_due ON runs (due_at) WHERE due_at IS NOT NULL;
-- Those that are over, for retention.
CREATE INDEX runs_over ON runs (over_at) WHERE over_at IS NOT NULL;
ALTER TABLE runs ALTER COLUMN body SET STATISTICS 0;
