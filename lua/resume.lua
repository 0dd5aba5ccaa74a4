-- resume: lets what was paused go on. Messages of a route that were parked meanwhile get their
-- times back, at most 100 in one call.
--
-- KEYS[1] paused (set)  KEYS[2] claims (hash)
-- KEYS[3] live  KEYS[4] batch  KEYS[5] send (sorted sets)
-- ARGV[1] what
-- ARGV[2] in which of the three lanes parked messages are looked for, from 1
-- ARGV[3] how many of them to pass over, because they stay
-- ARGV[4] wake channel
--
-- Returns {1 when it was paused, how many got their times back, how many of those seen stay}. Call
-- it again, passing over those that stay too, until it has seen none, and for each lane.
local paused, claims, lanes = KEYS[1], KEYS[2], {KEYS[3], KEYS[4], KEYS[5]}
local what, queue, over, channel = ARGV[1], lanes[tonumber(ARGV[2])], tonumber(ARGV[3]), ARGV[4]

-- A key of the wrong type fails in these lines, before anything is written. Parked messages stand
-- behind all others. They are passed over by rank, which costs the same however many they are.
local pauses = read_pauses(paused)
local first = redis.call('ZCOUNT', queue, '-inf', '(' .. string.format('%.0f', PARKED)) + over
local parked = redis.call('ZRANGE', queue, first, first + 99, 'WITHSCORES')
redis.call('HLEN', claims)

local was = redis.call('SREM', paused, what)
pauses[what] = nil
-- Removes nothing. HDEL is allowed at the memory limit, and lets the rest through.
redis.call('HDEL', claims, '')
local restored, stay = 0, 0
for i = 1, #parked, 2 do
    local score = tonumber(parked[i + 1])
    -- What would never be visible is the keeper's to mend.
    if is_paused(pauses, parked[i]) or score >= 1e15 then
        stay = stay + 1
    else
        redis.call('ZADD', queue, score - PARKED, parked[i])
        restored = restored + 1
    end
end
for _, lane in ipairs(lanes) do
    if was == 1 or (restored > 0 and lane == queue) then
        wake(channel, lane, 0)
    end
end
return {was, restored, stay}
