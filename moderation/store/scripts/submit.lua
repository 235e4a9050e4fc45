-- Store a new comment with everything that follows from it. Atomic; a second run with the same id changes nothing.
-- A verdict may presume that nothing that matters is known of the author and that the text is new; where that is wrong,
-- nothing is stored and what is known is returned, as context.lua does, so that the verdict can be reached again.
-- KEYS: 1 comment, 2 index of its status, 3 thread index of its status, 4 risk, 5 rejected-at, 6 author,
--   7 author's comments, 8 idempotency record, 9 rate, 10 copies, 11 audit, 12 outbox, 13 day, 14 site record, 15 trace,
--   16.. hashes of the author of whom the verdict presumes that nothing is known, newest pseudonym first
-- ARGV: 1 id, 2 created ms, 3 status, 4 document, 5 verdict, 6 author id or '', 7 highest score, 8 idempotency value or '',
--   9 idempotency ms, 10 rate quota or 0, 11 rate window ms, 12 copies ms or 0, 13 audit entry, 14 webhook event or '',
--   15 action, 16 comma-separated reason codes, 17 trace ms or 0,
--   18 version of the site that the caller knows or '', 19 approvals from which on they matter,
--   0 if they never do, or '' if the verdict does not presume
-- Returns: {'ok', rate used, rate ms left} | {'replay', idempotency value} | {'limited', ms left} | {'no-site'} |
--   {'changed'} | {'known', site version, false, rate used, rate ms left, copies, author fields...}
local version = redis.call('HGET', KEYS[14], 'version')
if not version then return {'no-site'} end
if ARGV[18] ~= '' and version ~= ARGV[18] then return {'changed'} end
if ARGV[8] ~= '' then
  local before = redis.call('GET', KEYS[8])
  if before then return {'replay', before} end
end
if redis.call('EXISTS', KEYS[1]) == 1 then return {'ok', redis.call('GET', KEYS[9]) or 0, redis.call('PTTL', KEYS[9])} end

if ARGV[19] ~= '' then
  local copies = redis.call('GET', KEYS[10])
  local known = {'known', version, false, redis.call('GET', KEYS[9]), redis.call('PTTL', KEYS[9]), copies}
  local matters, approved, enough = copies, 0, tonumber(ARGV[19])
  for i = 16, #KEYS do
    local author = redis.call('HMGET', KEYS[i], 'approved', 'rejected', 'pending', 'first_seen', 'standing')
    approved = approved + (author[1] or 0)
    matters = matters or (author[2] or '0') ~= '0' or author[5]
    for j = 1, 5 do known[#known + 1] = author[j] end
  end
  if matters or (enough > 0 and approved >= enough) then return known end
end

local quota = tonumber(ARGV[10])
local used, left = 0, 0
if quota > 0 then
  -- A window longer than the limit's own is left from an earlier limit.
  if redis.call('PTTL', KEYS[9]) > tonumber(ARGV[11]) then redis.call('DEL', KEYS[9]) end
  used = redis.call('INCR', KEYS[9])
  if used == 1 then redis.call('PEXPIRE', KEYS[9], ARGV[11]) end
  left = redis.call('PTTL', KEYS[9])
  if used > quota then
    redis.call('DECR', KEYS[9])
    return {'limited', left}
  end
end

local id, created, status = ARGV[1], ARGV[2], ARGV[3]
redis.call('HSET', KEYS[1], 'status', status, 'version', 1, 'created', created, 'updated', created, 'author', ARGV[6],
  'doc', ARGV[4], 'verdict', ARGV[5])
redis.call('ZADD', KEYS[2], created, id)
redis.call('ZADD', KEYS[3], created, id)
if status == 'pending' then redis.call('ZADD', KEYS[4], ARGV[7], id) end
if status == 'rejected' then redis.call('ZADD', KEYS[5], created, id) end
if ARGV[6] ~= '' then
  redis.call('HINCRBY', KEYS[6], status, 1)
  redis.call('HSETNX', KEYS[6], 'first_seen', created)
  redis.call('ZADD', KEYS[7], created, id)
end
if ARGV[8] ~= '' then redis.call('SET', KEYS[8], ARGV[8], 'PX', ARGV[9]) end
if tonumber(ARGV[12]) > 0 then
  redis.call('INCR', KEYS[10])
  redis.call('PEXPIRE', KEYS[10], ARGV[12])
end
if ARGV[17] ~= '0' then redis.call('SET', KEYS[15], id, 'PX', ARGV[17]) end
redis.call('XADD', KEYS[11], '*', 'entry', ARGV[13])
if ARGV[14] ~= '' then redis.call('XADD', KEYS[12], '*', 'event', ARGV[14]) end
redis.call('HINCRBY', KEYS[13], 'verdict:' .. ARGV[15], 1)
for code in string.gmatch(ARGV[16], '[^,]+') do redis.call('HINCRBY', KEYS[13], 'fired:' .. code, 1) end
redis.call('EXPIRE', KEYS[13], 34560000)
return {'ok', used, left}
