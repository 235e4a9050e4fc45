-- Say what became of a claimed message. Atomic; without effect unless the claim is still the caller's.
-- KEYS: 1 due, 2 deliveries, 3 day
-- ARGV: 1 id, 2 claim token, 3 comment id, 4 'done', 'retry' (one more attempt was made), 'restart' (attempts count from
--   0 again) or 'release' (no attempt was made), 5 ms until the next attempt, 6 counter of the day or ''
-- Returns: 1, or 0 if the claim had passed to another worker
local kept = redis.call('HGET', KEYS[2], ARGV[1])
if not kept then return 0 end
local attempts, token, raw = string.match(kept, '^(%d+) (%S+) (.*)$')
if token ~= ARGV[2] then return 0 end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

if ARGV[4] == 'done' then
  redis.call('HDEL', KEYS[2], ARGV[1])
  redis.call('ZREM', KEYS[1], ARGV[1])
  local chain = redis.call('HGET', KEYS[2], 'q:' .. ARGV[3]) or ''
  local rest = string.match(chain, '^%S+ (.+)$')
  if rest then
    redis.call('HSET', KEYS[2], 'q:' .. ARGV[3], rest)
    redis.call('ZADD', KEYS[1], now, string.match(rest, '^%S+'))
  else
    redis.call('HDEL', KEYS[2], 'q:' .. ARGV[3])
  end
else
  local count = tonumber(attempts)
  if ARGV[4] == 'retry' then count = count + 1 end
  if ARGV[4] == 'restart' then count = 0 end
  redis.call('HSET', KEYS[2], ARGV[1], count .. ' - ' .. raw)
  redis.call('ZADD', KEYS[1], now + ARGV[5], ARGV[1])
end
if ARGV[6] ~= '' then
  redis.call('HINCRBY', KEYS[3], ARGV[6], 1)
  redis.call('EXPIRE', KEYS[3], 34560000)
end
return 1
