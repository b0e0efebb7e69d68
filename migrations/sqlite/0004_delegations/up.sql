-- Delegations: somebody's say in approvals, handed to somebody else for a time. The whole of one
-- stands in `body`, as JSON; `ends_at` is when it was revoked where that was earlier.
CREATE TABLE delegations (
    ordinal INTEGER PRIMARY KEY,
    delegation_id TEXT NOT NULL,
    from_person TEXT NOT NULL,
    to_person TEXT NOT NULL,
    ends_at INTEGER NOT NULL,
    body TEXT NOT NULL,
    CONSTRAINT delegations_id UNIQUE (delegation_id)
) STRICT;
CREATE INDEX delegations_to ON delegations (to_person, ends_at);
CREATE INDEX delegations_over ON delegations (ends_at);
