DROP TABLE runs;
DROP TABLE procedures;
