-- Note that a session was used, unless it has ended. Atomic and repeatable.
-- KEYS: 1 session
-- ARGV: 1 now ms, 2 seconds until it ends unless used again
-- Returns: 1, or 0 if it has ended
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
redis.call('HSET', KEYS[1], 'seen', ARGV[1])
redis.call('EXPIRE', KEYS[1], ARGV[2])
return 1
