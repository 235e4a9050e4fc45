-- One page of a sorted set, after a position. Read-only; O(log² n + page).
-- Items of equal score are ordered by id, so that a page boundary may fall between them. The position is looked up by
-- score and id, so that it holds when the item itself has left the set or moved in it.
-- KEYS: 1 sorted set
-- ARGV: 1 'asc' or 'desc', 2 score of the last item or '', 3 its id, 4 how many
-- Returns: {id, score, id, score, ...}
local descending = ARGV[1] == 'desc'
local from = 0
if ARGV[2] ~= '' then
  local low = redis.call('ZCOUNT', KEYS[1], '-inf', '(' .. ARGV[2])
  local high = low + redis.call('ZCOUNT', KEYS[1], ARGV[2], ARGV[2])
  while low < high do
    local middle = math.floor((low + high) / 2)
    local id = redis.call('ZRANGE', KEYS[1], middle, middle)[1]
    if id < ARGV[3] or (id == ARGV[3] and not descending) then low = middle + 1 else high = middle end
  end
  from = descending and redis.call('ZCARD', KEYS[1]) - low or low
end
return redis.call(descending and 'ZREVRANGE' or 'ZRANGE', KEYS[1], from, from + ARGV[4] - 1, 'WITHSCORES')
