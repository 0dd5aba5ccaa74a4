-- retry: puts a message that failed back into its queue and records why.
--
-- KEYS[1] queue (sorted set)  KEYS[2] claims (hash)
-- KEYS[3] failures (hash)     KEYS[4] counters (hash)
-- ARGV[1] token of the claim  ARGV[2] message id  ARGV[3] delay before it is visible again, ms
-- ARGV[4] reason              ARGV[5] wake channel
--
-- Returns 1, or 0 when the lease is not the token's any more: nothing is changed then.
local queue, claims, failures, counters = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local token, id, delay, reason, channel = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4], ARGV[5]

-- A key of the wrong type fails here, before anything is written.
redis.call('ZCARD', queue)
redis.call('HLEN', failures)

local good, claim = pcall(cjson.decode, redis.call('HGET', claims, id) or '')
if not good or type(claim) ~= 'table' or claim.token ~= token then
    return 0
end
local read, failure = pcall(cjson.decode, redis.call('HGET', failures, id) or '')
if not read or type(failure) ~= 'table' then
    failure = {attempts = 0, crashes = 0, expiries = 0}
end
failure.errors = type(failure.errors) == 'table' and failure.errors or {}

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
failure.attempts = (tonumber(failure.attempts) or 0) + 1
table.insert(failure.errors, {at = now, reason = reason})
while #failure.errors > 20 do
    table.remove(failure.errors, 1)
end

-- HDEL first: it is allowed at the memory limit, and lets the rest of the script through.
redis.call('HDEL', claims, id)
redis.call('HSET', failures, id, cjson.encode(failure))
redis.call('ZADD', queue, now + delay, id)
redis.pcall('HINCRBY', counters, 'retried', 1)
if redis.call('ZRANGE', queue, 0, 0)[1] == id then
    redis.pcall('PUBLISH', channel, queue .. ' ' .. string.format('%.0f', now + delay))
end
return 1
