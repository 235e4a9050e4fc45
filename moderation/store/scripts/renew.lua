-- Prolong or give up leases that the caller still holds. Atomic and repeatable.
-- KEYS: 1 lease, 2 fence, 3 holder
-- ARGV: 1 lease ms, or 0 to give up, 2.. id, fence, id, fence, ... (at most 100 pairs)
-- Returns: the ids that were still held
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local out = {}
for i = 2, math.min(#ARGV, 201), 2 do
  local id, fence = ARGV[i], ARGV[i + 1]
  if redis.call('HGET', KEYS[2], id) == fence and redis.call('ZSCORE', KEYS[1], id) then
    out[#out + 1] = id
    if ARGV[1] == '0' then
      redis.call('ZREM', KEYS[1], id)
      redis.call('HDEL', KEYS[3], id)
    else
      redis.call('ZADD', KEYS[1], now + ARGV[1], id)
    end
  end
end
return out
