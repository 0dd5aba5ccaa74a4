-- split: makes messages of some elements of a leased message, in its queue and visible at once;
-- with the last of them the message itself ends. How many are there already is noted in `splits`,
-- so that a repeated call, another worker or one that goes on after a crash makes none of them
-- twice.
--
-- KEYS[1] queue (sorted set)  KEYS[2] claims (hash)  KEYS[3] failures (hash)
-- KEYS[4] counters (hash)     KEYS[5] splits (hash)  KEYS[6] stored message of the whole
-- KEYS[7...] stored messages of the elements; and, when a large one was written in parts before,
-- KEYS[8] these parts: they become KEYS[7]
-- ARGV[1] token of the claim  ARGV[2] id of the whole
-- ARGV[3] number of the first of these elements, from 1
-- ARGV[4] 1 = they are the last  ARGV[5] wake channel
-- ARGV[6] how many bytes the parts must be together, 0 = there are none
-- ARGV[7...] stored messages of the elements, at most 100; none where there are parts
--
-- Returns the number of the element that is next: those before it are in the queue, or were.
-- Nothing is done when that is not ARGV[3], or some of the parts are gone. 0 = the message has
-- ended, by this call or before; -1 = the lease is not the token's any more: nothing was done.
local queue, claims, failures, counters = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local splits, whole, parts = KEYS[5], KEYS[6], KEYS[8]
local token, id, first, last = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4] == '1'
local channel, length = ARGV[5], tonumber(ARGV[6])
local count = length > 0 and 1 or math.min(#ARGV - 6, 100)

-- A key of the wrong type fails here, before anything is written.
redis.call('HLEN', failures)

local claim = decode_claim(redis.call('HGET', claims, id))
local queued = redis.call('ZSCORE', queue, id)
local progress = tonumber(redis.call('HGET', splits, id))
progress = progress and progress >= 1 and progress < 2 ^ 31 and math.floor(progress) or 1
if not claim or claim.token ~= token then
    return (claim or queued) and -1 or 0
end
if progress ~= first or (length > 0 and redis.call('STRLEN', parts) ~= length) then
    return progress
end

-- SET comes first: at the memory limit Redis refuses it, and nothing was done.
local now, added, bytes = clock(), 0, 0
for i = 1, count do
    if length > 0 then
        redis.call('RENAME', parts, KEYS[7])
        redis.call('PERSIST', KEYS[7])
    else
        redis.call('SET', KEYS[6 + i], ARGV[6 + i])
    end
    -- NX: whatever happened to `splits`, an element that is there stays as it is.
    local element = id .. '.' .. string.format('%.0f', first + i - 1)
    if redis.call('ZADD', queue, 'NX', now, element) == 1 then
        added = added + 1
        bytes = bytes + (length > 0 and length or #ARGV[6 + i])
    end
end
if last then
    bytes = bytes - size_of(whole)
    redis.call('HDEL', claims, id)
    redis.call('ZREM', queue, id)
    redis.call('DEL', whole)
    redis.call('HDEL', failures, id)
    redis.call('HDEL', splits, id)
    redis.pcall('HINCRBY', counters, 'split', 1)
elseif count > 0 then
    redis.call('HSET', splits, id, string.format('%.0f', first + count))
end
weigh(counters, bytes)
if added > 0 then
    redis.pcall('HINCRBY', counters, 'received', added)
    if tonumber(redis.call('ZRANGE', queue, 0, 0, 'WITHSCORES')[2]) >= now then
        wake(channel, queue, now)
    end
end
return last and 0 or first + count
