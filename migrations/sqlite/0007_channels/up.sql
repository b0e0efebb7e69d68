-- Team channels: notices on their way to them, and what is known of each.

-- Deliveries. What is said (`notice`, JSON) is written once and never changed, but for erasure; all
-- that moves stands in columns of its own. `rank` is the place of its kind in the line.
CREATE TABLE deliveries (
    ordinal INTEGER PRIMARY KEY,
    delivery_id TEXT NOT NULL,
    notice_id TEXT NOT NULL,
    channel TEXT NOT NULL,
    kind TEXT NOT NULL,
    about TEXT NOT NULL,
    subject TEXT NOT NULL,
    rank INTEGER NOT NULL,
    at INTEGER NOT NULL,
    notice TEXT NOT NULL,
    state TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    ambiguous INTEGER NOT NULL,
    not_before INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    part_of TEXT,
    error TEXT,
    CONSTRAINT deliveries_id UNIQUE (delivery_id)
) STRICT;
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
    name TEXT NOT NULL PRIMARY KEY,
    daemon INTEGER NOT NULL,
    body TEXT NOT NULL
) STRICT, WITHOUT ROWID;
