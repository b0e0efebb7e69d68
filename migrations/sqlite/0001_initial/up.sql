-- The same tables as on PostgreSQL. Rows lie in the order of their integer keys; text
-- compares as bytes, which is SQLite's default.

CREATE TABLE journal (
    position INTEGER PRIMARY KEY,
    key BLOB NOT NULL,
    subject TEXT NOT NULL,
    version INTEGER NOT NULL,
    kind TEXT NOT NULL,
    time INTEGER NOT NULL,
    decided_at INTEGER NOT NULL,
    body TEXT NOT NULL,
    digest BLOB NOT NULL,
    facts TEXT NOT NULL,
    policy TEXT NOT NULL,
    results TEXT NOT NULL,
    reply_to TEXT,
    correlation_id TEXT,
    daemon INTEGER NOT NULL,
    CONSTRAINT journal_key UNIQUE (key),
    CONSTRAINT journal_subject_version UNIQUE (subject, version)
) STRICT;

CREATE TABLE subjects (
    id TEXT NOT NULL PRIMARY KEY,
    version INTEGER NOT NULL,
    decided_at INTEGER NOT NULL,
    state TEXT,
    channel TEXT NOT NULL,
    customer_id TEXT NOT NULL,
    status TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    created INTEGER NOT NULL
) STRICT;
CREATE INDEX subjects_created ON subjects (created);

CREATE TABLE tickets (
    ticket_id TEXT NOT NULL PRIMARY KEY,
    number INTEGER NOT NULL,
    conversation_id TEXT NOT NULL,
    subject TEXT NOT NULL,
    description TEXT,
    status TEXT NOT NULL,
    priority TEXT NOT NULL,
    category TEXT,
    team TEXT,
    assignee TEXT,
    tags TEXT NOT NULL,
    link TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    context TEXT,
    CONSTRAINT tickets_number UNIQUE (number)
) STRICT;
CREATE INDEX tickets_conversation ON tickets (conversation_id);
CREATE INDEX tickets_unfinished ON tickets (team, assignee)
    WHERE status IN ('open', 'in_progress', 'waiting');

CREATE TABLE escalations (
    ordinal INTEGER PRIMARY KEY,
    escalation_id TEXT NOT NULL,
    conversation_id TEXT NOT NULL,
    "trigger" TEXT NOT NULL,
    rule TEXT,
    reason TEXT NOT NULL,
    priority TEXT NOT NULL,
    team TEXT,
    ticket_id TEXT,
    state TEXT NOT NULL,
    raised_at INTEGER NOT NULL,
    acknowledged_by TEXT,
    settled_by TEXT,
    updated_at INTEGER NOT NULL,
    CONSTRAINT escalations_id UNIQUE (escalation_id)
) STRICT;
CREATE INDEX escalations_conversation ON escalations (conversation_id);

CREATE TABLE teams (
    name TEXT NOT NULL PRIMARY KEY,
    turn INTEGER NOT NULL
) STRICT;

CREATE TABLE audit (
    sequence INTEGER PRIMARY KEY,
    position INTEGER NOT NULL,
    at INTEGER NOT NULL,
    subject TEXT NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    outcome TEXT NOT NULL,
    rule TEXT NOT NULL,
    body TEXT NOT NULL,
    hash BLOB NOT NULL
) STRICT;
CREATE INDEX audit_subject ON audit (subject, sequence);

CREATE TABLE parked (
    ordinal INTEGER PRIMARY KEY,
    parked_id TEXT NOT NULL,
    at INTEGER NOT NULL,
    reason TEXT NOT NULL,
    detail TEXT NOT NULL,
    event_id TEXT,
    entry TEXT NOT NULL,
    transport TEXT NOT NULL,
    content BLOB NOT NULL,
    CONSTRAINT parked_id UNIQUE (parked_id)
) STRICT;

CREATE TABLE attempts (
    key BLOB NOT NULL PRIMARY KEY,
    count INTEGER NOT NULL,
    at INTEGER NOT NULL
) STRICT;

CREATE TABLE daemons (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    instance TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    watermark INTEGER NOT NULL,
    beat_at INTEGER NOT NULL,
    CONSTRAINT daemons_instance UNIQUE (instance)
) STRICT;

CREATE TABLE tokens (
    name TEXT NOT NULL PRIMARY KEY,
    hash BLOB NOT NULL,
    roles TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    last_used INTEGER,
    CONSTRAINT tokens_hash UNIQUE (hash)
) STRICT;

CREATE TABLE policies (
    version TEXT NOT NULL PRIMARY KEY,
    sources TEXT NOT NULL,
    loaded_at INTEGER NOT NULL,
    turn INTEGER NOT NULL
) STRICT;

CREATE TABLE tail (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    position INTEGER NOT NULL,
    audit_sequence INTEGER NOT NULL,
    audit_hash BLOB NOT NULL,
    min_reader INTEGER NOT NULL
) STRICT;
INSERT INTO tail VALUES (1, 0, 0, zeroblob(32), 1);

CREATE TABLE numbers (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    next INTEGER NOT NULL
) STRICT;
INSERT INTO numbers VALUES (1, 1);
