-- Which timers name which files. No foreign key: whoever sets a timer waits for nobody who uses the file, and it may be
-- uploaded later. A row may outlive what it says, when a timer is set anew: the timer's own actions decide.
CREATE TABLE attachment_timer (
    tenant_id uuid  NOT NULL,
    digest    bytea NOT NULL,
    timer_id  uuid  NOT NULL,
    PRIMARY KEY (tenant_id, digest, timer_id)
);

-- Whether somebody still needs a file: a trigger that has not ended; a timer that may fire, or whose actions may be done
-- again; a schedule or a binding as it is now, of which there are few.
CREATE FUNCTION attachment_is_held_1(tenant uuid, file bytea) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (
        SELECT FROM attachment_use u JOIN trigger t ON t.id = u.trigger_id
        WHERE u.tenant_id = tenant AND u.digest = file AND t.status IN ('accepted', 'expanding', 'running')
    ) OR EXISTS (
        SELECT FROM attachment_timer h JOIN timer t ON t.id = h.timer_id
        WHERE h.tenant_id = tenant AND h.digest = file AND (t.status <> 'fired' OR t.failed IS NOT NULL)
          AND strpos(t.actions::text, 'att_' || encode(file, 'hex')) > 0
    ) OR EXISTS (
        SELECT FROM schedule s
        WHERE s.tenant_id = tenant AND strpos(s.actions::text, 'att_' || encode(file, 'hex')) > 0
    ) OR EXISTS (
        SELECT FROM binding b
        WHERE b.tenant_id = tenant AND strpos(b.definition::text, 'att_' || encode(file, 'hex')) > 0
    )
$$;
