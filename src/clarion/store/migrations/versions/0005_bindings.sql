-- Bindings, what came in, and quarantine.
SELECT 1;
