-- The desk: what becomes of a ticket, what is said about it, and the words by which it is found.

ALTER TABLE tickets ADD COLUMN created_by TEXT NOT NULL DEFAULT '';
ALTER TABLE tickets ADD COLUMN resolved_at INTEGER;
ALTER TABLE tickets ADD COLUMN reopened INTEGER NOT NULL DEFAULT 0;
ALTER TABLE tickets ADD COLUMN closed_as TEXT;
ALTER TABLE tickets ADD COLUMN merged_into TEXT;
UPDATE tickets SET resolved_at = updated_at WHERE status IN ('resolved', 'closed');
CREATE INDEX tickets_resolved ON tickets (resolved_at) WHERE resolved_at IS NOT NULL;
CREATE INDEX tickets_merged ON tickets (merged_into) WHERE merged_into IS NOT NULL;
CREATE INDEX subjects_customer ON subjects (customer_id);

CREATE TABLE comments (
    ordinal INTEGER PRIMARY KEY,
    comment_id TEXT NOT NULL,
    ticket_id TEXT NOT NULL,
    number INTEGER NOT NULL,
    conversation_id TEXT NOT NULL,
    at INTEGER NOT NULL,
    author TEXT NOT NULL,
    internal INTEGER NOT NULL,
    body TEXT NOT NULL,
    CONSTRAINT comments_id UNIQUE (comment_id)
) STRICT;
CREATE INDEX comments_ticket ON comments (ticket_id, ordinal);
CREATE INDEX comments_conversation ON comments (conversation_id);

-- `own` are the ticket's words and change with it, `more` those of its customer and its comments,
-- which only grow. The row's id is the ticket's number; words are split already, and this tokenizer
-- takes them as they are.
CREATE VIRTUAL TABLE ticket_words USING fts5(own, more, tokenize = 'ascii', detail = none);
