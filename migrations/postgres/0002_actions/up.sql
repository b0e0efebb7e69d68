-- Governed actions. A thing's whole state stands in `body`, as JSON; the columns beside it
-- are those by which it is found.

CREATE TABLE requests (
    ordinal BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    request_id TEXT COLLATE "C" NOT NULL,
    subject TEXT COLLATE "C" NOT NULL,
    action TEXT COLLATE "C" NOT NULL,
    actor TEXT COLLATE "C" NOT NULL,
    customer_id TEXT COLLATE "C" NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    requested_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    body TEXT NOT NULL,
    CONSTRAINT requests_id UNIQUE (request_id)
) WITH (fillfactor = 75, toast_tuple_target = 8160);
CREATE INDEX requests_subject ON requests (subject);
-- The histories that rules declare: by customer, by actor, by everyone. An index row has a largest
-- size, and ids that others choose have none: so the beginnings.
CREATE INDEX requests_customer ON requests (left(customer_id, 100), left(action, 100), requested_at);
CREATE INDEX requests_actor ON requests (left(actor, 100), left(action, 100), requested_at);
CREATE INDEX requests_action ON requests (left(action, 100), requested_at);

CREATE TABLE approvals (
    ordinal BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    approval_id TEXT COLLATE "C" NOT NULL,
    request_id TEXT COLLATE "C" NOT NULL,
    subject TEXT COLLATE "C" NOT NULL,
    action TEXT COLLATE "C" NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    requested_at BIGINT NOT NULL,
    due_at BIGINT,
    body TEXT NOT NULL,
    CONSTRAINT approvals_id UNIQUE (approval_id)
);
CREATE INDEX approvals_due ON approvals (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX approvals_pending ON approvals (ordinal) WHERE state = 'pending';

CREATE TABLE executions (
    request_id TEXT COLLATE "C" PRIMARY KEY,
    daemon BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    body TEXT NOT NULL
) WITH (fillfactor = 75);
CREATE INDEX executions_daemon ON executions (daemon);

CREATE TABLE budgets (
    name TEXT COLLATE "C" NOT NULL,
    key TEXT COLLATE "C" NOT NULL,
    window_us BIGINT,
    count BIGINT NOT NULL,
    sum TEXT NOT NULL,
    rolled_to BIGINT NOT NULL,
    PRIMARY KEY (name, key)
) WITH (fillfactor = 50);

CREATE TABLE reservations (
    name TEXT COLLATE "C" NOT NULL,
    key TEXT COLLATE "C" NOT NULL,
    request_id TEXT COLLATE "C" NOT NULL,
    at BIGINT NOT NULL,
    amount TEXT NOT NULL,
    PRIMARY KEY (name, key, request_id)
);
CREATE INDEX reservations_at ON reservations (name, key, at);

CREATE TABLE leads (
    ordinal BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    lead_id TEXT COLLATE "C" NOT NULL,
    conversation_id TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    body TEXT NOT NULL,
    CONSTRAINT leads_id UNIQUE (lead_id)
);

-- What is watched, by hour since the epoch. Sums are in 1/10,000; rows are only ever added to.
CREATE TABLE tallies (
    name TEXT COLLATE "C" NOT NULL,
    key TEXT COLLATE "C" NOT NULL,
    hour BIGINT NOT NULL,
    count BIGINT NOT NULL,
    sum BIGINT NOT NULL,
    told BIGINT NOT NULL,
    keep_until BIGINT NOT NULL,
    PRIMARY KEY (name, key, hour)
) WITH (fillfactor = 75);
CREATE INDEX tallies_over ON tallies (keep_until);

CREATE TABLE anomalies (
    ordinal BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name TEXT COLLATE "C" NOT NULL,
    key TEXT COLLATE "C" NOT NULL,
    hour BIGINT NOT NULL,
    at BIGINT NOT NULL,
    body TEXT NOT NULL,
    CONSTRAINT anomalies_once UNIQUE (name, key, hour)
);
CREATE INDEX anomalies_at ON anomalies (at);
