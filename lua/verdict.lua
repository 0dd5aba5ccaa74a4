-- verdict: notes how a call to a provider went, for the breaker that all workers share.
--
-- KEYS[1] breaker (hash): failures, open_until, trial_until (microseconds), reason
-- ARGV[1] "good" = it answers; "bad" = it is out of reach, overloaded, or lets nobody in
-- ARGV[2] how long it wants to be left alone, microseconds; 0 = it has not said
-- ARGV[3] how many failures in a row open the breaker
-- ARGV[4] how long it is open then, microseconds; doubles with each failure more
-- ARGV[5] and how long at most   ARGV[6] why, for operators; no personal data
--
-- Returns {change, microseconds until the next try}: change is 1 when the breaker has just opened,
-- 2 when it has just closed, 0 when nothing has changed.
local breaker = KEYS[1]
local good, hold, most = ARGV[1] == 'good', tonumber(ARGV[2]), tonumber(ARGV[3])
local first, longest, reason = tonumber(ARGV[4]), tonumber(ARGV[5]), ARGV[6]

local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local known = redis.call('HMGET', breaker, 'failures', 'open_until')
local failures, open_until = tonumber(known[1]) or 0, tonumber(known[2]) or 0
local was_open = failures >= most

if good then
    if not known[1] or open_until > now then
        return {0, 0} -- nothing to say, or an answer to a call that began before it opened
    end
    redis.call('DEL', breaker)
    return {was_open and 2 or 0, 0}
end

-- A command that takes nothing is allowed at the memory limit, and lets the others through.
redis.call('HDEL', breaker, '')
failures = failures + 1
if hold > 0 then
    failures = math.max(failures, most)
    open_until = math.max(open_until, now + hold)
elseif failures >= most and open_until <= now then
    open_until = now + math.min(longest, first * 2 ^ math.min(failures - most, 20))
end
redis.call('HSET', breaker, 'failures', failures, 'open_until', string.format('%.0f', open_until),
    'trial_until', 0, 'reason', reason)
redis.call('PEXPIRE', breaker, 86400000)
return {(failures >= most and not was_open) and 1 or 0, math.max(0, open_until - now)}
