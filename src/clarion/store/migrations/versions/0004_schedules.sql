-- Schedules.
SELECT 1;
