-- Replace a comment's text and verdict. Atomic; a second run with the same operation id changes nothing.
-- KEYS: 1 comment, 2 index of the old status, 3 index of the new status, 4 thread index of the old status,
--   5 thread index of the new status, 6 risk, 7 lease, 8 fence, 9 holder, 10 rejected-at, 11 author, 12 label, 13 labels,
--   14 audit, 15 outbox, 16 day, 17 decided-at, 18 rate
-- ARGV: 1 id, 2 operation id, 3 version the caller saw, 4 old status, 5 new status, 6 now ms, 7 document, 8 verdict,
--   9 highest score, 10 audit entry, 11 webhook event or '', 12 action, 13 decision or '', 14 history,
--   15 rate quota or 0, 16 rate window ms
-- A label speaks about the text that was decided on, so it goes when the text does.
-- Returns: {'ok'} | {'done'} | {'missing'} | {'moved', version now} | {'limited', ms left}
local version, op, created, author = unpack(redis.call('HMGET', KEYS[1], 'version', 'op', 'created', 'author'))
if not version then return {'missing'} end
if op == ARGV[2] then return {'done'} end
if version ~= ARGV[3] then return {'moved', version} end
local quota = tonumber(ARGV[15])
if quota > 0 then
  if redis.call('PTTL', KEYS[18]) > tonumber(ARGV[16]) then redis.call('DEL', KEYS[18]) end
  local used = redis.call('INCR', KEYS[18])
  if used == 1 then redis.call('PEXPIRE', KEYS[18], ARGV[16]) end
  if used > quota then
    redis.call('DECR', KEYS[18])
    return {'limited', redis.call('PTTL', KEYS[18])}
  end
end

local id, old, new, now = ARGV[1], ARGV[4], ARGV[5], ARGV[6]
redis.call('HSET', KEYS[1], 'status', new, 'updated', now, 'op', ARGV[2], 'doc', ARGV[7], 'verdict', ARGV[8],
  'decision', ARGV[13], 'history', ARGV[14])
redis.call('HINCRBY', KEYS[1], 'version', 1)
redis.call('ZREM', KEYS[6], id)
if new == 'pending' then redis.call('ZADD', KEYS[6], ARGV[9], id) end
if old ~= new then
  redis.call('ZREM', KEYS[2], id)
  redis.call('ZADD', KEYS[3], created, id)
  redis.call('ZREM', KEYS[4], id)
  redis.call('ZADD', KEYS[5], created, id)
  if new ~= 'pending' then
    redis.call('ZREM', KEYS[7], id)
    redis.call('HDEL', KEYS[8], id)
    redis.call('HDEL', KEYS[9], id)
  end
  if new == 'rejected' then redis.call('ZADD', KEYS[10], now, id) else redis.call('ZREM', KEYS[10], id) end
  if author ~= '' and redis.call('EXISTS', KEYS[11]) == 1 then
    redis.call('HINCRBY', KEYS[11], old, -1)
    redis.call('HINCRBY', KEYS[11], new, 1)
  end
end
if ARGV[13] == '' then redis.call('ZREM', KEYS[17], id) end
redis.call('DEL', KEYS[12])
redis.call('ZREM', KEYS[13], id)
redis.call('XADD', KEYS[14], '*', 'entry', ARGV[10])
if ARGV[11] ~= '' then redis.call('XADD', KEYS[15], '*', 'event', ARGV[11]) end
redis.call('HINCRBY', KEYS[16], 'verdict:' .. ARGV[12], 1)
redis.call('EXPIRE', KEYS[16], 34560000)
return {'ok'}
