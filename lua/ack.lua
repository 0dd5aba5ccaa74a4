-- ack: ends messages whose effect is committed. What remains of one is its counter.
--
-- KEYS[1] queue (sorted set)  KEYS[2] claims (hash)
-- KEYS[3] failures (hash)     KEYS[4] counters (hash)
-- KEYS[5...] stored messages, in the order of the ids
-- ARGV[1] token of the claim  ARGV[2...] message ids, at most 100
--
-- Returns how many were ended: those whose lease is still the token's.
local queue, claims, failures, counters = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local token = ARGV[1]

-- A key of the wrong type fails here, before anything is written.
redis.call('ZCARD', queue)
local any_failed = redis.call('HLEN', failures) > 0

local named = {unpack(ARGV, 2, math.min(#ARGV, 101))}
if not named[1] then
    return 0
end
local held = redis.call('HMGET', claims, unpack(named))
local is_held = holder(token)
local ids, messages, bytes = {}, {}, 0
for i, id in ipairs(named) do
    if is_held(held[i]) then
        ids[#ids + 1] = id
        messages[#messages + 1] = KEYS[i + 4]
        bytes = bytes + size_of(KEYS[i + 4])
    end
end
if not ids[1] then
    return 0
end

redis.call('HDEL', claims, unpack(ids))
redis.call('ZREM', queue, unpack(ids))
redis.call('DEL', unpack(messages))
if any_failed then
    redis.call('HDEL', failures, unpack(ids))
end
redis.pcall('HINCRBY', counters, 'done', #ids)
weigh(counters, -bytes)
return #ids
