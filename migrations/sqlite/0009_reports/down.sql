DROP INDEX clocks_breached;
