-- SLA clocks. `owner` is what a clock belongs to: `ticket:ID`, `approval:ID` or `request:ID`.
-- A clock's whole state stands in `body`; the columns beside it are those by which it is found.

CREATE TABLE clocks (
    owner TEXT NOT NULL,
    metric TEXT NOT NULL,
    cycle INTEGER NOT NULL,
    subject TEXT NOT NULL,
    policy TEXT NOT NULL,
    state TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    due_at INTEGER NOT NULL,
    wake_at INTEGER,
    breached_at INTEGER,
    ended_at INTEGER,
    body TEXT NOT NULL,
    PRIMARY KEY (owner, metric, cycle)
) STRICT;
-- The timers: what is due is found at its instant, however many others run.
CREATE INDEX clocks_wake ON clocks (wake_at) WHERE wake_at IS NOT NULL;
CREATE INDEX clocks_live ON clocks (due_at) WHERE state IN ('running', 'paused');
CREATE INDEX clocks_ended ON clocks (ended_at) WHERE ended_at IS NOT NULL;
-- What no clock should be: running towards its due time without a timer.
CREATE INDEX clocks_lost ON clocks (owner)
    WHERE state = 'running' AND wake_at IS NULL AND breached_at IS NULL;

-- What happened to clocks. Rows are only ever added.
CREATE TABLE transitions (
    ordinal INTEGER PRIMARY KEY,
    owner TEXT NOT NULL,
    metric TEXT NOT NULL,
    cycle INTEGER NOT NULL,
    at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    body TEXT NOT NULL
) STRICT;
CREATE INDEX transitions_owner ON transitions (owner, ordinal);

-- The terms that clocks hold on to, of every version that was ever in force.
CREATE TABLE terms (
    policy TEXT NOT NULL,
    policy_version TEXT NOT NULL,
    calendar TEXT NOT NULL,
    calendar_version TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (policy, policy_version, calendar, calendar_version)
) STRICT;
