-- Identifiers compare as bytes (COLLATE "C"), so that the order in which rows are
-- locked is the order in which the program sorts them. Rows that change with every
-- event keep room on their page and carry no index on what changes.

CREATE TABLE journal (
    position BIGINT NOT NULL,
    key BYTEA NOT NULL,
    subject TEXT COLLATE "C" NOT NULL,
    version BIGINT NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    time BIGINT NOT NULL,
    decided_at BIGINT NOT NULL,
    body TEXT NOT NULL,
    digest BYTEA NOT NULL,
    facts TEXT NOT NULL,
    policy TEXT COLLATE "C" NOT NULL,
    results TEXT NOT NULL,
    reply_to TEXT,
    correlation_id TEXT,
    daemon BIGINT NOT NULL,
    CONSTRAINT journal_position PRIMARY KEY (position),
    CONSTRAINT journal_key UNIQUE (key),
    CONSTRAINT journal_subject_version UNIQUE (subject, version)
) WITH (toast_tuple_target = 8160);

CREATE TABLE subjects (
    id TEXT COLLATE "C" PRIMARY KEY,
    version BIGINT NOT NULL,
    decided_at BIGINT NOT NULL,
    state TEXT,
    channel TEXT NOT NULL,
    customer_id TEXT NOT NULL,
    status TEXT NOT NULL,
    started_at BIGINT NOT NULL,
    created BIGINT NOT NULL
) WITH (fillfactor = 75, toast_tuple_target = 8160);
CREATE INDEX subjects_created ON subjects (created);

CREATE TABLE tickets (
    ticket_id TEXT COLLATE "C" PRIMARY KEY,
    number BIGINT NOT NULL,
    conversation_id TEXT COLLATE "C" NOT NULL,
    subject TEXT NOT NULL,
    description TEXT,
    status TEXT COLLATE "C" NOT NULL,
    priority TEXT COLLATE "C" NOT NULL,
    category TEXT COLLATE "C",
    team TEXT COLLATE "C",
    assignee TEXT COLLATE "C",
    tags TEXT NOT NULL,
    link TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    context TEXT,
    CONSTRAINT tickets_number UNIQUE (number)
);
CREATE INDEX tickets_conversation ON tickets (conversation_id);
CREATE INDEX tickets_unfinished ON tickets (team, assignee)
    WHERE status IN ('open', 'in_progress', 'waiting');

CREATE TABLE escalations (
    ordinal BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    escalation_id TEXT COLLATE "C" NOT NULL,
    conversation_id TEXT COLLATE "C" NOT NULL,
    trigger TEXT COLLATE "C" NOT NULL,
    rule TEXT,
    reason TEXT NOT NULL,
    priority TEXT COLLATE "C" NOT NULL,
    team TEXT COLLATE "C",
    ticket_id TEXT COLLATE "C",
    state TEXT COLLATE "C" NOT NULL,
    raised_at BIGINT NOT NULL,
    acknowledged_by TEXT,
    settled_by TEXT,
    updated_at BIGINT NOT NULL,
    CONSTRAINT escalations_id UNIQUE (escalation_id)
);
CREATE INDEX escalations_conversation ON escalations (conversation_id);

CREATE TABLE teams (
    name TEXT COLLATE "C" PRIMARY KEY,
    turn BIGINT NOT NULL
) WITH (fillfactor = 50);

CREATE TABLE audit (
    sequence BIGINT NOT NULL,
    position BIGINT NOT NULL,
    at BIGINT NOT NULL,
    subject TEXT COLLATE "C" NOT NULL,
    actor TEXT COLLATE "C" NOT NULL,
    action TEXT COLLATE "C" NOT NULL,
    outcome TEXT COLLATE "C" NOT NULL,
    rule TEXT COLLATE "C" NOT NULL,
    body TEXT NOT NULL,
    hash BYTEA NOT NULL,
    CONSTRAINT audit_sequence PRIMARY KEY (sequence)
) WITH (toast_tuple_target = 8160);
CREATE INDEX audit_subject ON audit (subject, sequence);

CREATE TABLE parked (
    ordinal BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    parked_id TEXT COLLATE "C" NOT NULL,
    at BIGINT NOT NULL,
    reason TEXT COLLATE "C" NOT NULL,
    detail TEXT NOT NULL,
    event_id TEXT,
    entry TEXT NOT NULL,
    transport TEXT NOT NULL,
    content BYTEA NOT NULL,
    CONSTRAINT parked_id UNIQUE (parked_id)
);

CREATE TABLE attempts (
    key BYTEA PRIMARY KEY,
    count BIGINT NOT NULL,
    at BIGINT NOT NULL
);

CREATE TABLE daemons (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    instance TEXT COLLATE "C" NOT NULL,
    epoch BIGINT NOT NULL,
    watermark BIGINT NOT NULL,
    beat_at BIGINT NOT NULL,
    CONSTRAINT daemons_instance UNIQUE (instance)
) WITH (fillfactor = 10);

CREATE TABLE tokens (
    name TEXT COLLATE "C" PRIMARY KEY,
    hash BYTEA NOT NULL,
    roles TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    last_used BIGINT,
    CONSTRAINT tokens_hash UNIQUE (hash)
);

CREATE TABLE policies (
    version TEXT COLLATE "C" PRIMARY KEY,
    sources TEXT NOT NULL,
    loaded_at BIGINT NOT NULL,
    turn BIGINT NOT NULL
);

CREATE TABLE tail (
    id BIGINT PRIMARY KEY CHECK (id = 1),
    position BIGINT NOT NULL,
    audit_sequence BIGINT NOT NULL,
    audit_hash BYTEA NOT NULL,
    min_reader BIGINT NOT NULL
) WITH (fillfactor = 10);
INSERT INTO tail VALUES (1, 0, 0, decode(repeat('00', 32), 'hex'), 1);

CREATE TABLE numbers (
    id BIGINT PRIMARY KEY CHECK (id = 1),
    next BIGINT NOT NULL
) WITH (fillfactor = 10);
INSERT INTO numbers VALUES (1, 1);
