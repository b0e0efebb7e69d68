-- Seals: signed checkpoints of the audit log. One begins where the one before it ends.

CREATE TABLE seals (
    last BIGINT NOT NULL PRIMARY KEY,
    first BIGINT NOT NULL,
    seal_id TEXT COLLATE "C" NOT NULL,
    at BIGINT NOT NULL,
    root BYTEA NOT NULL,
    previous TEXT COLLATE "C" NOT NULL,
    signature BYTEA NOT NULL,
    public_key BYTEA NOT NULL,
    CONSTRAINT seals_first UNIQUE (first),
    CONSTRAINT seals_id UNIQUE (seal_id)
);
