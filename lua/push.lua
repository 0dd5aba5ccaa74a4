-- push: stores a message and puts it into its queue, visible after a delay.
--
-- KEYS[1] queue (sorted set)   KEYS[2] stored message   KEYS[3] counters (hash)
-- KEYS[4] the message's parts, when they were written before; they become the stored message
-- ARGV[1] message id
-- ARGV[2] delay before it is visible, ms
-- ARGV[3] stored message, or "" when its parts are in KEYS[4]
-- ARGV[4] wake channel
-- ARGV[5] how many bytes the parts must be together
--
-- Returns {visible from (ms), 1}, or {score, 0} when the id is queued already: nothing is changed
-- then, so a push may be repeated. Error STAGED: some of the parts are gone (expired or evicted);
-- nothing was done.
local queue, message, counters, parts = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local id, delay, content, channel = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[4]
local length = tonumber(ARGV[5])

local score = redis.call('ZSCORE', queue, id)
if score then
    if content == '' then
        redis.call('DEL', parts)
    end
    return {tonumber(score), 0}
end
if content == '' and redis.call('STRLEN', parts) ~= length then
    redis.call('DEL', parts)
    return redis.error_reply('STAGED parts of the message are gone')
end

local visible = clock() + delay
if content == '' then
    redis.call('RENAME', parts, message)
    redis.call('PERSIST', message)
else
    redis.call('SET', message, content)
end
redis.call('ZADD', queue, visible, id)
-- Counting and waking must never fail a message that is stored.
redis.pcall('HINCRBY', counters, 'received', 1)
if redis.call('ZRANGE', queue, 0, 0)[1] == id then
    wake(channel, queue, visible)
end
return {visible, 1}
