-- Seals: signed checkpoints of the audit log. One begins where the one before it ends.

CREATE TABLE seals (
    last INTEGER NOT NULL PRIMARY KEY,
    first INTEGER NOT NULL,
    seal_id TEXT NOT NULL,
    at INTEGER NOT NULL,
    root BLOB NOT NULL,
    previous TEXT NOT NULL,
    signature BLOB NOT NULL,
    public_key BLOB NOT NULL,
    CONSTRAINT seals_first UNIQUE (first),
    CONSTRAINT seals_id UNIQUE (seal_id)
) STRICT;
