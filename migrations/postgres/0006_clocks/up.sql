-- SLA clocks. `owner` is what a clock belongs to: `ticket:ID`, `approval:ID` or `request:ID`.
-- A clock's whole state stands in `body`; the columns beside it are those by which it is found.

CREATE TABLE clocks (
    owner TEXT COLLATE "C" NOT NULL,
    metric TEXT COLLATE "C" NOT NULL,
    cycle BIGINT NOT NULL,
    subject TEXT COLLATE "C" NOT NULL,
    policy TEXT NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    started_at BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    wake_at BIGINT,
    breached_at BIGINT,
    ended_at BIGINT,
    body TEXT NOT NULL,
    PRIMARY KEY (owner, metric, cycle)
) WITH (fillfactor = 75, toast_tuple_target = 8160);
-- The timers: what is due is found at its instant, however many others run.
CREATE INDEX clocks_wake ON clocks (wake_at) WHERE wake_at IS NOT NULL;
CREATE INDEX clocks_live ON clocks (due_at) WHERE state IN ('running', 'paused');
CREATE INDEX clocks_ended ON clocks (ended_at) WHERE ended_at IS NOT NULL;
-- What no clock should be: running towards its due time without a timer.
CREATE INDEX clocks_lost ON clocks (owner)
    WHERE state = 'running' AND wake_at IS NULL AND breached_at IS NULL;

-- What happened to clocks. Rows are only ever added.
CREATE TABLE transitions (
    ordinal BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    owner TEXT COLLATE "C" NOT NULL,
    metric TEXT COLLATE "C" NOT NULL,
    cycle BIGINT NOT NULL,
    at BIGINT NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    body TEXT NOT NULL
) WITH (toast_tuple_target = 8160);
CREATE INDEX transitions_owner ON transitions (owner, ordinal);

-- The terms that clocks hold on to, of every version that was ever in force.
CREATE TABLE terms (
    policy TEXT COLLATE "C" NOT NULL,
    policy_version TEXT COLLATE "C" NOT NULL,
    calendar TEXT COLLATE "C" NOT NULL,
    calendar_version TEXT COLLATE "C" NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (policy, policy_version, calendar, calendar_version)
);
