-- Create a site's record. Atomic.
-- KEYS: 1 record   ARGV: field, value, field, value, ...
-- Returns: 1 if it was created, 0 if the name is taken
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
redis.call('HSET', KEYS[1], 'version', 1, unpack(ARGV))
return 1
