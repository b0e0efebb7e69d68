-- The audit log: seals, search, and persons.

-- Seals: signed checkpoints. One begins where the one before it ends.
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

-- Whom and what an entry is about: a label of `audit_persons`, and 1/10,000 of a unit.
ALTER TABLE audit ADD COLUMN customer TEXT;
ALTER TABLE audit ADD COLUMN amount INTEGER;

-- Every key of the search finds its newest entries without a sort. An index costs each entry
-- that is in it, so most hold only the entries that somebody would look for by it: most entries
-- are `done` and about messages, many have no rule, few have an amount; what a customer asked is
-- found by the customer. `IS NOT NULL` follows from any comparison;
-- the other conditions stand in the query as they stand here. Of amounts there are two: a narrow
-- span is few entries wherever they are, a wide one is many, of which the newest come first.
CREATE INDEX audit_actor ON audit (actor, sequence) WHERE actor NOT LIKE 'customer:%';
CREATE INDEX audit_action ON audit (action, sequence) WHERE action <> 'conversation.message';
CREATE INDEX audit_outcome ON audit (outcome, sequence) WHERE outcome <> 'done';
CREATE INDEX audit_rule ON audit (rule, sequence) WHERE rule <> '';
CREATE INDEX audit_customer ON audit (customer, sequence) WHERE customer IS NOT NULL;
CREATE INDEX audit_amount ON audit (amount, sequence) WHERE amount IS NOT NULL;
CREATE INDEX audit_amounts ON audit (sequence, amount) WHERE amount IS NOT NULL;
CREATE INDEX audit_at ON audit (at);

-- The rules that fired beside the first of an entry, which stands in its column: so the usual
-- entry, with one rule or none, costs nothing here.
CREATE TABLE audit_rules (
    rule TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    PRIMARY KEY (rule, sequence)
) STRICT, WITHOUT ROWID;
CREATE INDEX audit_rules_sequence ON audit_rules (sequence);

-- The persons whom labels stand for. What is deleted here, the log no longer knows.
CREATE TABLE audit_persons (
    label TEXT NOT NULL PRIMARY KEY,
    salt BLOB NOT NULL,
    value TEXT NOT NULL,
    at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX audit_persons_value ON audit_persons (value);
