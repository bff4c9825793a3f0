-- Timers.
SELECT 1;
