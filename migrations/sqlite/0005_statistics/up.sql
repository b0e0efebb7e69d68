-- SQLite gathers statistics only when it is asked to, and nobody asks.
SELECT 1;
