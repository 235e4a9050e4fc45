-- Claim pending comments for one person: expired leases first, then the oldest that nobody holds. Atomic.
-- KEYS: 1 pending, 2 lease, 3 fence, 4 holder
-- ARGV: 1 who, 2 lease ms, 3 how many (at most 100), 4.. ids to claim, or none for the next ones
-- The fence counts all claims of the site, under '#', so that a number never comes back when an item does.
-- An id that the same person holds already is claimed again with the same fence. Returns: {id, fence, id, fence, ...}
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local wanted = math.min(tonumber(ARGV[3]), 100)
local out = {}

local function take(id)
  local deadline = redis.call('ZSCORE', KEYS[2], id)
  local held = deadline and tonumber(deadline) > now
  if held and redis.call('HGET', KEYS[4], id) ~= ARGV[1] then return end
  local fence = held and redis.call('HGET', KEYS[3], id) or redis.call('HINCRBY', KEYS[3], '#', 1)
  redis.call('HSET', KEYS[3], id, fence)
  redis.call('HSET', KEYS[4], id, ARGV[1])
  redis.call('ZADD', KEYS[2], now + ARGV[2], id)
  out[#out + 1] = id
  out[#out + 1] = tostring(fence)
end

if #ARGV > 3 then
  for i = 4, math.min(#ARGV, 103) do
    if redis.call('ZSCORE', KEYS[1], ARGV[i]) then take(ARGV[i]) end
  end
  return out
end
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now, 'LIMIT', 0, wanted)) do take(id) end
local from = 0
while #out < 2 * wanted and from < 1000 do
  local ids = redis.call('ZRANGE', KEYS[1], from, from + 99)
  if #ids == 0 then break end
  for _, id in ipairs(ids) do
    if #out < 2 * wanted and not redis.call('ZSCORE', KEYS[2], id) then take(id) end
  end
  from = from + 100
end
return out
