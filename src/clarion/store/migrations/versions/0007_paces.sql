-- Paces that jobs keep to.
SELECT 1;
