-- bury: moves a message to the dead letters and records why. The stored message stays.
--
-- KEYS[1] queue (sorted set)  KEYS[2] claims (hash)  KEYS[3] failures (hash)
-- KEYS[4] dead (sorted set)   KEYS[5] counters (hash)
-- ARGV[1] token of the claim  ARGV[2] message id  ARGV[3] reason
--
-- Returns 1, or 0 when the lease is not the token's any more: nothing is changed then.
local queue, claims, failures, dead, counters = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local token, id, reason = ARGV[1], ARGV[2], ARGV[3]

-- A key of the wrong type fails here, before anything is written.
redis.call('ZCARD', queue)
redis.call('ZCARD', dead)

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
redis.call('ZREM', queue, id)
redis.call('ZADD', dead, now, id)
redis.call('HSET', failures, id, cjson.encode(failure))
redis.pcall('HINCRBY', counters, 'dead', 1)
return 1
