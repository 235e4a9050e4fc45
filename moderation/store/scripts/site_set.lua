-- Change a site's record, if it is still the version that the caller read. Atomic.
-- KEYS: 1 record   ARGV: 1 version the caller saw, 2.. field, value, field, value, ...
-- Returns: the new version, or minus the current one if it has moved on
local version = redis.call('HGET', KEYS[1], 'version') or '0'
if version ~= ARGV[1] then return -tonumber(version) end
redis.call('HSET', KEYS[1], unpack(ARGV, 2))
return redis.call('HINCRBY', KEYS[1], 'version', 1)
