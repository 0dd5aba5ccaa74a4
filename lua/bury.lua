-- bury: moves a message to the dead letters and records why. The stored message stays.
--
-- KEYS[1] queue (sorted set)  KEYS[2] claims (hash)  KEYS[3] failures (hash)
-- KEYS[4] dead (sorted set)   KEYS[5] counters (hash)  KEYS[6] stored message
-- ARGV[1] token of the claim  ARGV[2] message id  ARGV[3] reason
--
-- Returns 1, or 0 when the lease is not the token's any more: nothing is changed then.
local queue, claims, failures, dead, counters = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local message, token, id, reason = KEYS[6], ARGV[1], ARGV[2], ARGV[3]

-- A key of the wrong type fails here, before anything is written.
redis.call('ZCARD', queue)
redis.call('ZCARD', dead)
redis.call('HLEN', failures)

local claim = decode(redis.call('HGET', claims, id))
if not claim or claim.token ~= token then
    return 0
end

local now = clock()
-- HDEL first: it is allowed at the memory limit, and lets the rest of the script through.
redis.call('HDEL', claims, id)
redis.call('ZREM', queue, id)
redis.call('ZADD', dead, now, id)
record_failure(failures, id, 'attempts', now, reason, queue)
redis.pcall('HINCRBY', counters, 'dead', 1)
weigh(counters, -size_of(message))
return 1
