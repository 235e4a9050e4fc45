-- Keep a note in the hash of what it is about. Atomic; a repetition of the last note changes nothing.
-- KEYS: 1 hash of a comment or an author
-- ARGV: 1 note as a JSON array, 2 how many are kept
-- Returns: 1, or 0 if there is no such hash
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
local notes = cjson.decode(redis.call('HGET', KEYS[1], 'notes') or '[]')
local note = cjson.decode(ARGV[1])
local last = notes[#notes]
if last and last[1] == note[1] and last[2] == note[2] and last[3] == note[3] then return 1 end
notes[#notes + 1] = note
while #notes > tonumber(ARGV[2]) do table.remove(notes, 1) end
redis.call('HSET', KEYS[1], 'notes', cjson.encode(notes))
return 1
