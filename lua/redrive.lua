-- redrive: gives dead letters another life, in the lane in which they died, one after the other so
-- that a rate is kept. Their attempts start again; what they died of stays in their history.
--
-- KEYS[1] dead (sorted set)   KEYS[2] failures (hash)  KEYS[3] claims (hash)
-- KEYS[4] counters (hash)     KEYS[5] live  KEYS[6] batch  KEYS[7] send (sorted sets)
-- KEYS[8...] stored messages, in the order of the ids
-- ARGV[1] the first is not visible before this, ms since 1970 by Redis' clock; 0 = at once
-- ARGV[2] how much later each further one is, ms; both may have a fraction
-- ARGV[3] wake channel
-- ARGV[4...] id and the lane it gets when its history names none, by turns; at most 100 ids
--
-- Returns per id 1 = redriven, 0 = no dead letter (any more), -1 = it has no stored message and
-- stays dead; and behind them, as text, what a further call gives as ARGV[1] so that the rate is
-- kept. A repeated call changes nothing.
local dead, failures, claims, counters = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local lanes = {live = KEYS[5], batch = KEYS[6], send = KEYS[7]}
local spacing, channel = tonumber(ARGV[2]), ARGV[3]

-- A key of the wrong type fails here, before anything is written.
redis.call('ZCARD', dead)
redis.call('HLEN', claims)
for _, lane in pairs(lanes) do
    redis.call('ZCARD', lane)
end

local now, results, found = clock(), {}, {}
for i = 4, math.min(#ARGV, 202), 2 do
    local n, id = #results + 1, ARGV[i]
    local queued = false
    for _, lane in pairs(lanes) do
        queued = queued or redis.call('ZSCORE', lane, id)
    end
    local size = redis.call('STRLEN', KEYS[7 + n])
    local died = redis.call('ZSCORE', dead, id)
    results[n] = died and not queued and (size > 0 and 1 or -1) or 0
    -- Who is in a lane lives, whatever else is said of him: his place among the dead is a mistake.
    if results[n] == 1 or (died and queued) then
        local failure = decode(redis.call('HGET', failures, id)) or {}
        local lane = lanes[failure.lane] or lanes[ARGV[i + 1]] or lanes.live
        found[#found + 1] = {n = n, id = id, failure = failure, lane = lane, size = size}
    end
end

local asked = tonumber(ARGV[1])
local first, redriven, bytes, earliest = math.max(now, asked), 0, 0, {}
for _, letter in ipairs(found) do
    -- ZREM first: it is allowed at the memory limit, and lets the rest of the script through. An id
    -- that is named twice is redriven once.
    local removed = redis.call('ZREM', dead, letter.id)
    if results[letter.n] == 1 and removed == 0 then
        results[letter.n] = 0
    elseif results[letter.n] == 1 then
        local visible = math.floor(first + redriven * spacing)
        redis.call('HDEL', claims, letter.id)
        begin_again(failures, letter.id, letter.failure, now, 'redriven')
        redis.call('ZADD', letter.lane, visible, letter.id)
        earliest[letter.lane] = math.min(earliest[letter.lane] or visible, visible)
        redriven, bytes = redriven + 1, bytes + letter.size
    end
end
if redriven > 0 then
    redis.pcall('HINCRBY', counters, 'redriven', redriven)
end
weigh(counters, bytes)
for lane, visible in pairs(earliest) do
    wake(channel, lane, visible)
end
results[#results + 1] = string.format('%.3f', redriven > 0 and first + redriven * spacing or asked)
return results
