-- One page of a sorted set, after a position. Read-only.
-- Items of equal score are ordered by id, so that a page boundary may fall between them.
-- KEYS: 1 sorted set
-- ARGV: 1 'asc' or 'desc', 2 score of the last item or '', 3 its id, 4 how many
-- Returns: {id, score, id, score, ...}
local limit = tonumber(ARGV[4])
local descending = ARGV[1] == 'desc'
local command = descending and 'ZREVRANGEBYSCORE' or 'ZRANGEBYSCORE'
local edge = descending and '-inf' or '+inf'
if ARGV[2] == '' then
  local first = descending and '+inf' or '-inf'
  return redis.call(command, KEYS[1], first, edge, 'WITHSCORES', 'LIMIT', 0, limit)
end
local out = {}
local last = redis.call('ZSCORE', KEYS[1], ARGV[3])
if last and tonumber(last) == tonumber(ARGV[2]) then
  local rank = redis.call(descending and 'ZREVRANK' or 'ZRANK', KEYS[1], ARGV[3])
  return redis.call(descending and 'ZREVRANGE' or 'ZRANGE', KEYS[1], rank + 1, rank + limit, 'WITHSCORES')
end
-- The last item has left the set: go on among its equals by id, then beyond.
local equals = redis.call(command, KEYS[1], ARGV[2], ARGV[2], 'LIMIT', 0, 1000)
for _, id in ipairs(equals) do
  local beyond = descending and id < ARGV[3] or (not descending and id > ARGV[3])
  if beyond and #out < 2 * limit then out[#out + 1] = id; out[#out + 1] = ARGV[2] end
end
local missing = limit - #out / 2
if missing > 0 then
  local rest = redis.call(command, KEYS[1], '(' .. ARGV[2], edge, 'WITHSCORES', 'LIMIT', 0, missing)
  for _, value in ipairs(rest) do out[#out + 1] = value end
end
return out
