DROP TABLE numbers, tail, policies, tokens, daemons, attempts, parked, audit, teams,
    escalations, tickets, subjects, journal;
