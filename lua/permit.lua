-- permit: asks whether a provider may be called for a message now. Two things may forbid it, and
-- both are shared by all workers of all hosts: the breaker, and the rate. Whom the rate forbids it
-- gets a turn of his own, behind all who have one, so that a backlog asks twice at most and keeps
-- its order.
--
-- KEYS[1] breaker (hash): failures, open_until, trial_until (microseconds), reason
-- KEYS[2] turns (sorted set): message id -> when it may call, microseconds; and two more members:
--         "next" (when the next call may be) and "last" (the turn of the last in the row)
-- ARGV[1] message id
-- ARGV[2] least time between two calls, microseconds; 0 = no limit
-- ARGV[3] how many failures in a row open the breaker
-- ARGV[4] how long one that tries whether the provider is back has for it, microseconds
--
-- Returns {0, ""}: call. Else {microseconds to wait, why}.
local breaker, turns = KEYS[1], KEYS[2]
local id, spacing = ARGV[1], tonumber(ARGV[2])
local most, trial = tonumber(ARGV[3]), tonumber(ARGV[4])

local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]

-- A key of the wrong type fails here, before anything is written.
local known = redis.call('HMGET', breaker, 'failures', 'open_until', 'trial_until', 'reason')
redis.call('ZCARD', turns)

-- A command that takes nothing is allowed at the memory limit, and lets the others through.
redis.call('HDEL', breaker, '')

local failures, open_until = tonumber(known[1]) or 0, tonumber(known[2]) or 0
local trial_until = tonumber(known[3]) or 0
if open_until > now then
    return {open_until - now, known[4] or ''}
end
-- One tries, the others ask again soon: it may be over at once.
if failures >= most and trial_until > now then
    return {math.min(trial_until - now, 2000000), known[4] or ''}
end

-- Only who really calls now is the one that tries.
local function call()
    if failures >= most then
        redis.call('HSET', breaker, 'trial_until', string.format('%.0f', now + trial))
        redis.call('PEXPIRE', breaker, 86400000)
    end
    return {0, ''}
end

if spacing <= 0 then
    return call()
end

local next_call = tonumber(redis.call('ZSCORE', turns, 'next') or 0)
local last = tonumber(redis.call('ZSCORE', turns, 'last') or 0)
local turn = tonumber(redis.call('ZSCORE', turns, id) or 0)
redis.call('PEXPIRE', turns, 86400000)
if next_call <= now and (last <= now or (turn > 0 and turn <= now)) then
    redis.call('ZREM', turns, id)
    -- From the time it should have been, so that being late by a little does not add up.
    local from = next_call < now - spacing and now or next_call
    redis.call('ZADD', turns, from + spacing, 'next')
    return call()
end
-- Whoever came too early, or was overtaken by those that an outage has held up, keeps his turn or
-- gets a new one.
if turn <= now then
    turn = math.max(last + spacing, next_call)
    redis.call('ZADD', turns, turn, id)
    redis.call('ZADD', turns, turn, 'last')
    -- Turns that nobody has taken: their messages were erased, or are dead letters.
    redis.call('ZREMRANGEBYSCORE', turns, 1, now - 3600000000)
end
return {turn - now, 'rate'}
