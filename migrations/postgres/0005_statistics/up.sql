-- What is never compared needs no statistics: ANALYZE would read and sort these wide columns each time
-- that a tenth of a table is new, which is every few seconds while a database is young.
ALTER TABLE journal ALTER COLUMN body SET STATISTICS 0, ALTER COLUMN digest SET STATISTICS 0,
    ALTER COLUMN facts SET STATISTICS 0, ALTER COLUMN results SET STATISTICS 0;
ALTER TABLE subjects ALTER COLUMN state SET STATISTICS 0;
ALTER TABLE tickets ALTER COLUMN description SET STATISTICS 0, ALTER COLUMN context SET STATISTICS 0;
ALTER TABLE escalations ALTER COLUMN reason SET STATISTICS 0;
ALTER TABLE audit ALTER COLUMN body SET STATISTICS 0, ALTER COLUMN hash SET STATISTICS 0;
ALTER TABLE requests ALTER COLUMN body SET STATISTICS 0;
ALTER TABLE approvals ALTER COLUMN body SET STATISTICS 0;
ALTER TABLE executions ALTER COLUMN body SET STATISTICS 0;
