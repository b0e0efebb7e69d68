DROP TABLE channels;
DROP TABLE deliveries;
