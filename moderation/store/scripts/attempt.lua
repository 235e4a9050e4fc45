-- Count one attempt in a fixed window. Atomic; a repetition counts twice, which only makes us stricter.
-- KEYS: 1 counter
-- ARGV: 1 window in seconds
-- Returns: {attempts in the window, seconds until it ends}
local count = redis.call('INCR', KEYS[1])
if count == 1 then redis.call('EXPIRE', KEYS[1], ARGV[1]) end
return {count, redis.call('TTL', KEYS[1])}
