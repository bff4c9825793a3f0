-- Runs that wait.
SELECT 1;
