-- name: expand
-- See the migration that makes the function.
SELECT expand_few_1($1, $2, $3, $4, $5, $6, $7::text::jsonb, $8::text::jsonb, $9::text::jsonb, $10, $11, $12)
