-- Forget one comment and all that was derived from it. Atomic and repeatable.
-- KEYS: 1 comment, 2 index of its status, 3 thread index of its status, 4 risk, 5 lease, 6 fence, 7 holder, 8 rejected-at,
--   9 decided-at, 10 author, 11 author's comments, 12 label, 13 labels, 14 audit
-- ARGV: 1 id, 2 status the caller saw, 3 audit entry
-- Returns: {'ok', label removed 0/1} | {'missing'} | {'moved'} if its status changed since the caller read it
local status = redis.call('HGET', KEYS[1], 'status')
if not status then return {'missing'} end
if status ~= ARGV[2] then return {'moved'} end
local author = redis.call('HGET', KEYS[1], 'author')
redis.call('DEL', KEYS[1])
for i = 2, 5 do redis.call('ZREM', KEYS[i], ARGV[1]) end
redis.call('HDEL', KEYS[6], ARGV[1])
redis.call('HDEL', KEYS[7], ARGV[1])
redis.call('ZREM', KEYS[8], ARGV[1])
redis.call('ZREM', KEYS[9], ARGV[1])
if author ~= '' then
  if redis.call('EXISTS', KEYS[10]) == 1 then redis.call('HINCRBY', KEYS[10], status, -1) end
  redis.call('ZREM', KEYS[11], ARGV[1])
end
local labels = redis.call('DEL', KEYS[12])
redis.call('ZREM', KEYS[13], ARGV[1])
redis.call('XADD', KEYS[14], '*', 'entry', ARGV[3])
return {'ok', labels}
