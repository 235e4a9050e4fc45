-- Read one comment. Read-only; a script, since those go the short way to the store.
-- KEYS: 1 comment
-- Returns: {field, value, ...}, empty where there is no such comment
return redis.call('HGETALL', KEYS[1])
