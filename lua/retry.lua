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

local claim = decode(redis.call('HGET', claims, id))
if not claim or claim.token ~= token then
    return 0
end

local now = clock()
-- HDEL first: it is allowed at the memory limit, and lets the rest of the script through.
redis.call('HDEL', claims, id)
record_failure(failures, id, 'attempts', now, reason, queue)
redis.call('ZADD', queue, now + delay, id)
redis.pcall('HINCRBY', counters, 'retried', 1)
if redis.call('ZRANGE', queue, 0, 0)[1] == id then
    wake(channel, queue, now + delay)
end
return 1
