-- Take up new webhook messages and claim those that are due. Atomic.
-- A message waits behind earlier ones of the same comment, so that a website never hears "pending" after "approved":
-- only the first of each comment is in due; deliveries holds the others' order under 'q:' and the comment's id.
-- KEYS: 1 outbox, 2 due, 3 deliveries
-- ARGV: 1 how many to take up at most, 2 how many may wait in deliveries, 3 how many to claim, 4 claim ms, 5 claim token
-- Returns: {id, attempts so far, event, id, attempts so far, event, ...}
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local function take(raw)
  local good, event = pcall(cjson.decode, raw)
  if not good or type(event) ~= 'table' or type(event.body) ~= 'table' or type(event.body.data) ~= 'table' then return end
  local id, comment = tostring(event.id), tostring(event.body.data.id)
  if not string.match(id, '^[%w_-]+$') then return end
  if redis.call('HSETNX', KEYS[3], id, '0 - ' .. raw) == 0 then return end
  local chain = redis.call('HGET', KEYS[3], 'q:' .. comment)
  redis.call('HSET', KEYS[3], 'q:' .. comment, chain and chain .. ' ' .. id or id)
  if not chain then redis.call('ZADD', KEYS[2], now, id) end
end

local room = tonumber(ARGV[2]) - redis.call('HLEN', KEYS[3])
local wanted = math.min(tonumber(ARGV[1]), room)
if wanted > 0 then
  for _, entry in ipairs(redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', wanted)) do
    take(entry[2][2])
    redis.call('XDEL', KEYS[1], entry[1])
  end
end

local out = {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now, 'LIMIT', 0, ARGV[3])) do
  local kept = redis.call('HGET', KEYS[3], id)
  local attempts, raw
  if kept then attempts, raw = string.match(kept, '^(%d+) %S+ (.*)$') end
  if attempts then
    redis.call('HSET', KEYS[3], id, attempts .. ' ' .. ARGV[5] .. ' ' .. raw)
    redis.call('ZADD', KEYS[2], now + ARGV[4], id)
    out[#out + 1] = id
    out[#out + 1] = attempts
    out[#out + 1] = raw
  else
    redis.call('ZREM', KEYS[2], id)
  end
end
return out
