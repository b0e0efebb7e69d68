-- The desk: what becomes of a ticket, what is said about it, and the words by which it is found.

ALTER TABLE tickets
    ADD COLUMN created_by TEXT NOT NULL DEFAULT '',
    ADD COLUMN resolved_at BIGINT,
    ADD COLUMN reopened BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN closed_as TEXT COLLATE "C",
    ADD COLUMN merged_into TEXT COLLATE "C";
UPDATE tickets SET resolved_at = updated_at WHERE status IN ('resolved', 'closed');
CREATE INDEX tickets_resolved ON tickets (resolved_at) WHERE resolved_at IS NOT NULL;
CREATE INDEX tickets_merged ON tickets (merged_into) WHERE merged_into IS NOT NULL;
CREATE INDEX subjects_customer ON subjects (customer_id);

CREATE TABLE comments (
    ordinal BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    comment_id TEXT COLLATE "C" NOT NULL,
    ticket_id TEXT COLLATE "C" NOT NULL,
    number BIGINT NOT NULL,
    conversation_id TEXT COLLATE "C" NOT NULL,
    at BIGINT NOT NULL,
    author TEXT NOT NULL,
    internal BIGINT NOT NULL,
    body TEXT NOT NULL,
    CONSTRAINT comments_id UNIQUE (comment_id)
);
CREATE INDEX comments_ticket ON comments (ticket_id, ordinal);
CREATE INDEX comments_conversation ON comments (conversation_id);
ALTER TABLE comments ALTER COLUMN body SET STATISTICS 0;

-- `own` are the ticket's words and change with it, `more` those of its customer and its comments,
-- which only grow.
CREATE TABLE ticket_words (
    number BIGINT PRIMARY KEY,
    own TSVECTOR NOT NULL,
    more TSVECTOR NOT NULL
);
CREATE INDEX ticket_words_all ON ticket_words USING gin ((own || more));
ALTER TABLE ticket_words ALTER COLUMN own SET STATISTICS 0, ALTER COLUMN more SET STATISTICS 0;
