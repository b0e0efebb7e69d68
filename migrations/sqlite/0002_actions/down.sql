DROP TABLE anomalies;
DROP TABLE tallies;
DROP TABLE leads;
DROP TABLE reservations;
DROP TABLE budgets;
DROP TABLE executions;
DROP TABLE approvals;
DROP TABLE requests;
