-- Apply a person's decision, or take one back. Atomic; a second run with the same operation id changes nothing.
-- KEYS: 1 comment, 2 index of the old status, 3 index of the new status, 4 thread index of the old status,
--   5 thread index of the new status, 6 risk, 7 lease, 8 fence, 9 holder, 10 rejected-at, 11 decided-at, 12 author,
--   13 label, 14 labels, 15 audit, 16 outbox, 17 day, 18 idempotency record
-- ARGV: 1 id, 2 operation id, 3 version the caller saw, 4 fence or '', 5 old status, 6 new status, 7 now ms,
--   8 decision or '', 9 history, 10 label or '', 11 label ms, 12 highest score, 13 audit entry, 14 events for the outbox, one a line, or '',
--   15 comma-separated counters of the day (a name with ':-1' takes one away), 16 idempotency value or '',
--   17 idempotency ms, 18 waited ms or ''
-- Returns: {'ok'} | {'done'} | {'replay', value} | {'missing'} | {'moved', version now} | {'lease'}
if ARGV[16] ~= '' then
  local before = redis.call('GET', KEYS[18])
  if before then return {'replay', before} end
end
local version, op = unpack(redis.call('HMGET', KEYS[1], 'version', 'op'))
if not version then return {'missing'} end
if op == ARGV[2] then return {'done'} end
if version ~= ARGV[3] then return {'moved', version} end
if ARGV[4] ~= '' and redis.call('HGET', KEYS[8], ARGV[1]) ~= ARGV[4] then return {'lease'} end

local id, old, new, now = ARGV[1], ARGV[5], ARGV[6], ARGV[7]
local created, author = unpack(redis.call('HMGET', KEYS[1], 'created', 'author'))
redis.call('HSET', KEYS[1], 'status', new, 'updated', now, 'op', ARGV[2], 'decision', ARGV[8], 'history', ARGV[9])
redis.call('HINCRBY', KEYS[1], 'version', 1)
redis.call('ZREM', KEYS[2], id)
redis.call('ZADD', KEYS[3], created, id)
redis.call('ZREM', KEYS[4], id)
redis.call('ZADD', KEYS[5], created, id)
redis.call('ZREM', KEYS[6], id)
if new == 'pending' then redis.call('ZADD', KEYS[6], ARGV[12], id) end
redis.call('ZREM', KEYS[7], id)
redis.call('HDEL', KEYS[9], id)
if new ~= 'pending' then redis.call('HDEL', KEYS[8], id) end
if new == 'rejected' then redis.call('ZADD', KEYS[10], now, id) else redis.call('ZREM', KEYS[10], id) end
if ARGV[8] ~= '' then redis.call('ZADD', KEYS[11], now, id) else redis.call('ZREM', KEYS[11], id) end
if author ~= '' and redis.call('EXISTS', KEYS[12]) == 1 then
  redis.call('HINCRBY', KEYS[12], old, -1)
  redis.call('HINCRBY', KEYS[12], new, 1)
end
if ARGV[10] ~= '' then
  redis.call('SET', KEYS[13], ARGV[10], 'PX', ARGV[11])
  redis.call('ZADD', KEYS[14], now, id)
else
  redis.call('DEL', KEYS[13])
  redis.call('ZREM', KEYS[14], id)
end
redis.call('XADD', KEYS[15], '*', 'entry', ARGV[13])
for event in string.gmatch(ARGV[14], '[^\n]+') do redis.call('XADD', KEYS[16], '*', 'event', event) end
for counter in string.gmatch(ARGV[15], '[^,]+') do
  local name, sign = string.match(counter, '^(.-)(:%-1)$')
  redis.call('HINCRBY', KEYS[17], name or counter, sign and -1 or 1)
end
if ARGV[18] ~= '' then
  redis.call('HINCRBY', KEYS[17], 'waited_ms', ARGV[18])
  redis.call('HINCRBY', KEYS[17], 'waited', 1)
end
redis.call('EXPIRE', KEYS[17], 34560000)
if ARGV[16] ~= '' then redis.call('SET', KEYS[18], ARGV[16], 'PX', ARGV[17]) end
return {'ok'}
