-- drop: ends messages for good, without an effect: dead letters that were exported or that a person
-- does not want, and, for erasing somebody's data, waiting ones too.
--
-- KEYS[1] dead (sorted set)   KEYS[2] failures (hash)  KEYS[3] claims (hash)
-- KEYS[4] splits (hash)       KEYS[5] counters (hash)
-- KEYS[6] live  KEYS[7] batch  KEYS[8] send (sorted sets)
-- KEYS[9...] stored messages, in the order of the ids
-- ARGV[1] "dead" = dead letters only, "any" = waiting messages too
-- ARGV[2...] id and the score with which the caller has seen it among the dead ("" = whatever it
-- is), by turns; at most 100 ids
--
-- Returns per id 1 = dropped, 0 = not there, or not as the caller has seen it, -1 = somebody holds
-- it: nothing is done to it, so ask again later.
local dead, failures, claims, splits, counters = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local lanes = {KEYS[6], KEYS[7], KEYS[8]}
local any = ARGV[1] == 'any'

-- A key of the wrong type fails here, before anything is written.
redis.call('ZCARD', dead)
redis.call('HLEN', failures)
redis.call('HLEN', splits)
redis.call('HLEN', claims)
for _, lane in ipairs(lanes) do
    redis.call('ZCARD', lane)
end

local now = clock()
local results, dropped, erased, bytes = {}, 0, 0, 0
for i = 2, math.min(#ARGV, 200), 2 do
    local n, id, seen = #results + 1, ARGV[i], ARGV[i + 1]
    local died = redis.call('ZSCORE', dead, id)
    local queued, held = false, false
    -- A lease that is over holds nothing: who comes back with it is refused.
    local claim = decode_claim(redis.call('HGET', claims, id))
    for _, lane in ipairs(lanes) do
        local score = redis.call('ZSCORE', lane, id)
        queued = queued or score
        held = held or (claim and score and (time_of(score) or 0) > now)
    end
    if died and seen ~= '' and tonumber(died) ~= tonumber(seen) then
        died = false
    end
    results[n] = 0
    if any and held then
        results[n] = -1
    elseif any or (died and not queued) then
        bytes = bytes + (queued and size_of(KEYS[8 + n]) or 0)
        local there = redis.call('ZREM', dead, id)
        for _, lane in ipairs(lanes) do
            there = there + redis.call('ZREM', lane, id)
        end
        there = there + redis.call('DEL', KEYS[8 + n])
        redis.call('HDEL', claims, id)
        redis.call('HDEL', failures, id)
        redis.call('HDEL', splits, id)
        if there > 0 then
            results[n] = 1
            dropped = dropped + (queued and 0 or 1)
            erased = erased + (queued and 1 or 0)
        end
    end
end
if dropped > 0 then
    redis.pcall('HINCRBY', counters, 'dropped', dropped)
end
if erased > 0 then
    redis.pcall('HINCRBY', counters, 'erased', erased)
end
weigh(counters, -bytes)
return results
