-- Governed actions. A thing's whole state stands in `body`, as JSON; the columns beside it
-- are those by which it is found.

CREATE TABLE requests (
    ordinal INTEGER PRIMARY KEY,
    request_id TEXT NOT NULL,
    subject TEXT NOT NULL,
    action TEXT NOT NULL,
    actor TEXT NOT NULL,
    customer_id TEXT NOT NULL,
    state TEXT NOT NULL,
    requested_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    body TEXT NOT NULL,
    CONSTRAINT requests_id UNIQUE (request_id)
) STRICT;
CREATE INDEX requests_subject ON requests (subject);
-- The histories that rules declare: by customer, by actor, by everyone.
CREATE INDEX requests_customer ON requests (customer_id, action, requested_at);
CREATE INDEX requests_actor ON requests (actor, action, requested_at);
CREATE INDEX requests_action ON requests (action, requested_at);

CREATE TABLE approvals (
    ordinal INTEGER PRIMARY KEY,
    approval_id TEXT NOT NULL,
    request_id TEXT NOT NULL,
    subject TEXT NOT NULL,
    action TEXT NOT NULL,
    state TEXT NOT NULL,
    requested_at INTEGER NOT NULL,
    due_at INTEGER,
    body TEXT NOT NULL,
    CONSTRAINT approvals_id UNIQUE (approval_id)
) STRICT;
CREATE INDEX approvals_due ON approvals (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX approvals_pending ON approvals (ordinal) WHERE state = 'pending';

CREATE TABLE executions (
    request_id TEXT NOT NULL PRIMARY KEY,
    daemon INTEGER NOT NULL,
    due_at INTEGER NOT NULL,
    body TEXT NOT NULL
) STRICT;
CREATE INDEX executions_daemon ON executions (daemon);

CREATE TABLE budgets (
    name TEXT NOT NULL,
    key TEXT NOT NULL,
    window_us INTEGER,
    count INTEGER NOT NULL,
    sum TEXT NOT NULL,
    rolled_to INTEGER NOT NULL,
    PRIMARY KEY (name, key)
) STRICT;

CREATE TABLE reservations (
    name TEXT NOT NULL,
    key TEXT NOT NULL,
    request_id TEXT NOT NULL,
    at INTEGER NOT NULL,
    amount TEXT NOT NULL,
    PRIMARY KEY (name, key, request_id)
) STRICT;
CREATE INDEX reservations_at ON reservations (name, key, at);

CREATE TABLE leads (
    ordinal INTEGER PRIMARY KEY,
    lead_id TEXT NOT NULL,
    conversation_id TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    body TEXT NOT NULL,
    CONSTRAINT leads_id UNIQUE (lead_id)
) STRICT;

-- What is watched, by hour since the epoch. Sums are in 1/10,000; rows are only ever added to.
CREATE TABLE tallies (
    name TEXT NOT NULL,
    key TEXT NOT NULL,
    hour INTEGER NOT NULL,
    count INTEGER NOT NULL,
    sum INTEGER NOT NULL,
    told INTEGER NOT NULL,
    keep_until INTEGER NOT NULL,
    PRIMARY KEY (name, key, hour)
) STRICT, WITHOUT ROWID;
CREATE INDEX tallies_over ON tallies (keep_until);

CREATE TABLE anomalies (
    ordinal INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    key TEXT NOT NULL,
    hour INTEGER NOT NULL,
    at INTEGER NOT NULL,
    body TEXT NOT NULL,
    CONSTRAINT anomalies_once UNIQUE (name, key, hour)
) STRICT;
CREATE INDEX anomalies_at ON anomalies (at);
