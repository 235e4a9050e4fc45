-- Read everything that bears on a submission. Read-only.
-- KEYS: 1 site record, 2 idempotency record, 3 rate counter, 4 copies counter, 5.. author hashes, newest pseudonym first
-- Returns: {policy version, idempotency record or false, rate used, rate ms left, copies, author fields...}
--   author fields: approved, rejected, pending, first_seen, standing for each author hash
local out = {
  redis.call('HGET', KEYS[1], 'version'),
  redis.call('GET', KEYS[2]),
  redis.call('GET', KEYS[3]),
  redis.call('PTTL', KEYS[3]),
  redis.call('GET', KEYS[4]),
}
for i = 5, #KEYS do
  local author = redis.call('HMGET', KEYS[i], 'approved', 'rejected', 'pending', 'first_seen', 'standing')
  for j = 1, 5 do out[#out + 1] = author[j] end
end
return out
