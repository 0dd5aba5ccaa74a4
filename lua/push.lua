-- push: stores a message and puts it into its queue, visible after a delay; unless the same
-- delivery was pushed before and is remembered.
--
-- KEYS[1] queue (sorted set)   KEYS[2] stored message   KEYS[3] counters (hash)
-- KEYS[4] the message's parts, when they were written before; they become the stored message
-- KEYS[5] dead (sorted set)
-- KEYS[6] where this delivery is remembered: "<first id> <its content> <visible from, ms>"; not
--         given = it is not remembered
-- ARGV[1] message id
-- ARGV[2] delay before it is visible, ms
-- ARGV[3] stored message, or "" when its parts are in KEYS[4]
-- ARGV[4] wake channel
-- ARGV[5] how many bytes the parts must be together
-- ARGV[6] digest of the content   ARGV[7] how long it is remembered, ms
-- ARGV[8] "1": the same delivery with another content is refused
--
-- Returns {visible from (ms), outcome, id} of the message that counts:
--   1  stored
--   0  this id was pushed before, whatever became of it: nothing is changed, so a push may be
--      repeated
--   2  a repetition of the message whose id is returned: only counted
--   3  refused: the message whose id is returned came with another content
--   4  not yet: the parts are not there (any more); write them and push again
local queue, message, counters, parts = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local dead, seen = KEYS[5], KEYS[6]
local id, delay, content, channel = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[4]
local length, digest, window, strict = tonumber(ARGV[5]), ARGV[6], tonumber(ARGV[7]), ARGV[8] == '1'
local STORED, AGAIN, REPETITION, REFUSED, NOT_YET = 1, 0, 2, 3, 4

-- What came before decides; a key of the wrong type fails here, before anything is written. That
-- of the delivery may hold anything: what cannot be read is as good as nothing.
local function before()
    local score = redis.call('ZSCORE', queue, id)
    local died = dead and redis.call('ZSCORE', dead, id)
    local text = seen and redis.pcall('GET', seen)
    local first, its, since = string.match(type(text) == 'string' and text or '',
        '^(%S+) (%x+) (%d+)$')
    if first == id then
        return {tonumber(since), AGAIN, id}
    end
    if score or died then
        return {tonumber(score or died), AGAIN, id}
    end
    if first and its == digest then
        return {tonumber(since), REPETITION, first}
    end
    if first and strict then
        return {tonumber(since), REFUSED, first}
    end
end

local answer = before()
if answer then
    if content == '' then
        redis.call('DEL', parts)
    end
    if answer[2] == REPETITION then
        redis.pcall('HINCRBY', counters, 'duplicate', 1)
    end
    return answer
end
if content == '' and redis.pcall('STRLEN', parts) ~= length then
    redis.call('DEL', parts)
    return {0, NOT_YET, id}
end

local visible = clock() + delay
if seen then
    redis.call('SET', seen, id .. ' ' .. digest .. ' ' .. visible, 'PX', window)
end
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
return {visible, STORED, id}
