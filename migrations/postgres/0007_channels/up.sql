-- Team channels: notices on their way to them, and what is known of each.

-- Deliveries. What is said (`notice`, JSON) is written once and never changed, but for erasure; all
-- that moves stands in columns of its own. `rank` is the place of its kind in the line.
CREATE TABLE deliveries (
    ordinal BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    delivery_id TEXT COLLATE "C" NOT NULL,
    notice_id TEXT COLLATE "C" NOT NULL,
    channel TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    about TEXT COLLATE "C" NOT NULL,
    subject TEXT COLLATE "C" NOT NULL,
    rank BIGINT NOT NULL,
    at BIGINT NOT NULL,
    notice TEXT NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    attempts BIGINT NOT NULL,
    ambiguous BIGINT NOT NULL,
    not_before BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    part_of TEXT COLLATE "C",
    error TEXT,
    CONSTRAINT deliveries_id UNIQUE (delivery_id)
);
-- What waits, in the order of the line; and when the next of it is due.
CREATE INDEX deliveries_line ON deliveries (channel, rank, at, ordinal) WHERE state = 'pending';
CREATE INDEX deliveries_due ON deliveries (channel, not_before) WHERE state = 'pending';
-- What is under way.
CREATE INDEX deliveries_posting ON deliveries (channel) WHERE state IN ('posting', 'joined');
-- The lists, erasure, and the end of what is kept.
CREATE INDEX deliveries_channel ON deliveries (channel, ordinal);
CREATE INDEX deliveries_about ON deliveries (about, ordinal);
CREATE INDEX deliveries_subject ON deliveries (subject);
CREATE INDEX deliveries_updated ON deliveries (updated_at);

-- Channels: rate, faults, the post under way. `daemon` is who makes that post; 0: nobody.
CREATE TABLE channels (
    name TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    daemon BIGINT NOT NULL,
    body TEXT NOT NULL
);
