-- Take the text away from a rejected comment whose retention ended. Atomic and repeatable.
-- KEYS: 1 comment, 2 rejected-at
-- ARGV: 1 id, 2 document without text, 3 version the caller saw, 4 verdict without evidence
-- Returns: 1 if the text is gone now, 0 if the comment changed meanwhile
local status, version = unpack(redis.call('HMGET', KEYS[1], 'status', 'version'))
if not status then redis.call('ZREM', KEYS[2], ARGV[1]) return 1 end
if status ~= 'rejected' or version ~= ARGV[3] then return 0 end
redis.call('HSET', KEYS[1], 'doc', ARGV[2], 'verdict', ARGV[4])
redis.call('ZREM', KEYS[2], ARGV[1])
return 1
