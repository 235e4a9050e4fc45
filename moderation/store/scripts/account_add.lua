-- Store a new moderator's account. Atomic.
-- KEYS: 1 account
-- ARGV: field, value, field, value, ...
-- Returns: 1, or 0 if there is one of that name; a repetition with the same fields counts as done.
if redis.call('EXISTS', KEYS[1]) == 1 then
  for i = 1, #ARGV, 2 do
    if redis.call('HGET', KEYS[1], ARGV[i]) ~= ARGV[i + 1] then return 0 end
  end
  return 1
end
redis.call('HSET', KEYS[1], unpack(ARGV))
return 1
