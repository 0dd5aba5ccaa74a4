-- release: gives leased messages back untried, at their old place in the queue or after a delay. A
-- worker gives back its own by token; the master those of a worker that is gone, by its name, and
-- charges the end of the worker to the message that ran.
--
-- KEYS[1] queue (sorted set)  KEYS[2] claims (hash)  KEYS[3] failures (hash)
-- KEYS[4] dead (sorted set)   KEYS[5] counters (hash)
-- KEYS[6] stored message of the one to charge; given when there is one
-- ARGV[1] "token" or "worker"  ARGV[2] its value: whose messages
-- ARGV[3] delay before they are visible again, ms; 0 = the time they had before the claim
-- ARGV[4] id of the message to charge, "" = none   ARGV[5] what happened to it
-- ARGV[6] "crashes" or "expiries": what it is charged with
-- ARGV[7] how many of these make a message a dead letter   ARGV[8] wake channel
-- ARGV[9...] message ids, at most 100; none = every message of that holder in this queue
--
-- Returns how many were released (one that became a dead letter included), at most 100: without ids
-- the caller repeats it until there are fewer.
local queue, claims, failures, dead, counters = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local field, holder, delay = ARGV[1], ARGV[2], tonumber(ARGV[3])
local charged, what, counter, most = ARGV[4], ARGV[5], ARGV[6], tonumber(ARGV[7])
local channel, message = ARGV[8], KEYS[6]

-- A key of the wrong type fails here, before anything is written.
redis.call('ZCARD', queue)
redis.call('ZCARD', dead)
redis.call('HLEN', failures)

-- Id and claim, by turns.
local candidates = {}
if #ARGV > 8 then
    for i = 9, math.min(#ARGV, 108) do
        candidates[#candidates + 1] = ARGV[i]
        candidates[#candidates + 1] = redis.call('HGET', claims, ARGV[i]) or ''
    end
else
    candidates = redis.call('HGETALL', claims)
end

local now = clock()
local released, first = 0, nil
for i = 1, #candidates, 2 do
    local id = candidates[i]
    local claim = decode(candidates[i + 1])
    if claim and claim[field] == holder and redis.call('ZSCORE', queue, id) then
        local score = delay > 0 and now + delay or math.min(time_of(claim.due) or now, now)
        -- HDEL first: it is allowed at the memory limit, and lets the rest of the script through.
        -- An id that is named twice is released once.
        if redis.call('HDEL', claims, id) == 1 then
            if id == charged and
                record_failure(failures, id, counter, now, what, queue)[counter] >= most then
                redis.call('ZREM', queue, id)
                redis.call('ZADD', dead, now, id)
                redis.pcall('HINCRBY', counters, 'dead', 1)
                weigh(counters, -size_of(message))
            else
                redis.call('ZADD', queue, score, id)
                first = math.min(first or score, score)
            end
            released = released + 1
        end
    end
    if released == 100 then
        break
    end
end
if released > 0 then
    redis.pcall('HINCRBY', counters, 'released', released)
end
if first then
    wake(channel, queue, first)
end
return released
