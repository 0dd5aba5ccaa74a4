-- release: gives leased messages back untried, at their old place in the queue or after a delay. A
-- worker gives back its own by token; the master those of a worker that is gone, by its name, and
-- charges a crash to the one that ran.
--
-- KEYS[1] queue (sorted set)  KEYS[2] claims (hash)  KEYS[3] failures (hash)
-- KEYS[4] dead (sorted set)   KEYS[5] counters (hash)
-- ARGV[1] "token" or "worker"  ARGV[2] its value: whose messages
-- ARGV[3] delay before they are visible again, ms; 0 = the time they had before the claim
-- ARGV[4] id of the message that crashed its worker, "" = none  ARGV[5] what happened to it
-- ARGV[6] how many crashes make a message a dead letter  ARGV[7] wake channel
-- ARGV[8...] message ids, at most 100; none = every message of that holder in this queue
--
-- Returns how many were released (a message that became a dead letter included).
local queue, claims, failures, dead, counters = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local field, holder, delay = ARGV[1], ARGV[2], tonumber(ARGV[3])
local crashed, what, crashes_most, channel = ARGV[4], ARGV[5], tonumber(ARGV[6]), ARGV[7]

-- A key of the wrong type fails here, before anything is written.
redis.call('ZCARD', queue)
redis.call('ZCARD', dead)
redis.call('HLEN', failures)

local function decode(text)
    local good, value = pcall(cjson.decode, text or '')
    return good and type(value) == 'table' and value or nil
end

local candidates = {}
if #ARGV > 7 then
    for i = 8, math.min(#ARGV, 107) do
        candidates[#candidates + 1] = ARGV[i]
    end
else
    candidates = redis.call('HKEYS', claims)
end

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local released, first = 0, nil
for _, id in ipairs(candidates) do
    local claim = decode(redis.call('HGET', claims, id))
    if claim and claim[field] == holder and redis.call('ZSCORE', queue, id) then
        local score = delay > 0 and now + delay or math.min(tonumber(claim.due) or now, now)
        local buried = false
        local failure = id == crashed and
            (decode(redis.call('HGET', failures, id)) or {attempts = 0, expiries = 0})
        -- HDEL first: it is allowed at the memory limit, and lets the rest of the script through.
        redis.call('HDEL', claims, id)
        if failure then
            failure.crashes = (tonumber(failure.crashes) or 0) + 1
            failure.errors = type(failure.errors) == 'table' and failure.errors or {}
            table.insert(failure.errors, {at = now, reason = what})
            while #failure.errors > 20 do
                table.remove(failure.errors, 1)
            end
            redis.call('HSET', failures, id, cjson.encode(failure))
            buried = failure.crashes >= crashes_most
        end
        if buried then
            redis.call('ZREM', queue, id)
            redis.call('ZADD', dead, now, id)
            redis.pcall('HINCRBY', counters, 'dead', 1)
        else
            redis.call('ZADD', queue, score, id)
            first = math.min(first or score, score)
        end
        released = released + 1
    end
end
if released > 0 then
    redis.pcall('HINCRBY', counters, 'released', released)
end
if first then
    redis.pcall('PUBLISH', channel, queue .. ' ' .. string.format('%.0f', first))
end
return released
