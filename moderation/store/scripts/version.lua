-- Read how often a site has changed. Read-only; a script, since those go the short way to the store.
-- KEYS: 1 site record
-- Returns: version, or false where there is no such site
return redis.call('HGET', KEYS[1], 'version')
