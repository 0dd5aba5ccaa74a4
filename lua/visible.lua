-- visible: makes messages that wait visible at another time. Their history stays.
--
-- KEYS[1] live  KEYS[2] batch  KEYS[3] send (sorted sets)
-- KEYS[4] claims (hash)  KEYS[5] paused (set)  KEYS[6] failures (hash)
-- ARGV[1] from when on, ms from now  ARGV[2] wake channel  ARGV[3...] message ids, at most 100
--
-- Returns per id 1 = done, 0 = in no lane, -1 = a worker holds it: nothing is changed then. What is
-- parked stays parked while its route is paused, with the new time. A lease that has run out is
-- noted and ends: with a new time in the future it would look as if it ran.
local lanes, claims, paused, failures = {KEYS[1], KEYS[2], KEYS[3]}, KEYS[4], KEYS[5], KEYS[6]
local delay, channel = tonumber(ARGV[1]), ARGV[2]

-- A key of the wrong type fails in these lines, before anything is written.
local pauses, now, places, results = read_pauses(paused), clock(), {}, {}
for i = 3, math.min(#ARGV, 102) do
    local id, n = ARGV[i], i - 2
    results[n] = 0
    for _, lane in ipairs(lanes) do
        local score = redis.call('ZSCORE', lane, id)
        if score then
            local claim = decode_claim(redis.call('HGET', claims, id))
            results[n] = claim and (time_of(score) or 0) > now and -1 or 1
            places[n] = {lane = lane, parked = tonumber(score) >= PARKED, claim = claim}
        end
    end
end

local woken = {}
redis.call('HLEN', claims)
redis.call('HLEN', failures)
for n, place in pairs(places) do
    local id = ARGV[n + 2]
    if results[n] == 1 then
        -- HDEL first: it is allowed at the memory limit, and lets the rest of the script through.
        redis.call('HDEL', claims, id)
        if place.claim then
            local reason = 'the lease of ' .. tostring(place.claim.worker) .. ' expired'
            record_failure(failures, id, 'expiries', now, reason, place.lane)
        end
        local stays = place.parked and is_paused(pauses, id)
        redis.call('ZADD', place.lane, now + delay + (stays and PARKED or 0), id)
        woken[place.lane] = true
    end
end
for lane in pairs(woken) do
    wake(channel, lane, now + delay)
end
return results
