-- Every prerequisite and misfit, with what to do.
CREATE FUNCTION outbox.doctor()
RETURNS TABLE ("check" text, status text, finding text, remedy text)
LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 40 SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET lock_timeout = '250ms'
AS 'MODULE_PATHNAME', 'outbox_doctor';
COMMENT ON FUNCTION outbox.doctor() IS
'Looks at everything that this database''s outbox needs, and at what commonly does not fit: a row for each check, or for each finding of it. status is ok, '
'warning, error, or unknown when the check could not be made, which never makes the others fail. finding says what was found, remedy what to do. It reads '
'only, takes part of a second, and works on a standby and where the library is not preloaded. What concerns the stream is as the relay saw it when it connected last.';
