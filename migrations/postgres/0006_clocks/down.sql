DROP TABLE terms;
DROP TABLE transitions;
DROP TABLE clocks;
