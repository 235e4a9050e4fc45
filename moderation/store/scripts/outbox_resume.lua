-- Make waiting messages due now, with all their attempts before them again. Atomic and repeatable.
-- KEYS: 1 due, 2 deliveries
-- ARGV: 1.. message ids (at most 500)
-- A message that a worker is sending right now is left alone. Returns: how many were made due
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local count = 0
for i = 1, math.min(#ARGV, 500) do
  local id = ARGV[i]
  local at, kept = redis.call('ZSCORE', KEYS[1], id), redis.call('HGET', KEYS[2], id)
  local token, raw
  if at and kept then token, raw = string.match(kept, '^%d+ (%S+) (.*)$') end
  if raw and (token == '-' or tonumber(at) <= now) then
    redis.call('HSET', KEYS[2], id, '0 - ' .. raw)
    redis.call('ZADD', KEYS[1], now, id)
    count = count + 1
  end
end
return count
