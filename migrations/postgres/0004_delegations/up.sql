-- Delegations: somebody's say in approvals, handed to somebody else for a time. The whole of one
-- stands in `body`, as JSON; `ends_at` is when it was revoked where that was earlier.
CREATE TABLE delegations (
    ordinal BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    delegation_id TEXT COLLATE "C" NOT NULL,
    from_person TEXT COLLATE "C" NOT NULL,
    to_person TEXT COLLATE "C" NOT NULL,
    ends_at BIGINT NOT NULL,
    body TEXT NOT NULL,
    CONSTRAINT delegations_id UNIQUE (delegation_id)
);
CREATE INDEX delegations_to ON delegations (to_person, ends_at);
CREATE INDEX delegations_over ON delegations (ends_at);
