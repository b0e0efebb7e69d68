-- Reports count clocks by when they were breached; those that never were are counted by their end.
CREATE INDEX clocks_breached ON clocks (breached_at) WHERE breached_at IS NOT NULL;
