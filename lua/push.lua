-- push: stores a message and puts it into its queue, visible after a delay; unless the same
-- delivery was pushed before and is remembered. A mail copy of it is pushed in the same step,
-- visible at once: both or neither.
--
-- KEYS[1] queue (sorted set)   KEYS[2] stored message   KEYS[3] counters (hash)
-- KEYS[4] the message's parts, when they were written before; they become the stored message
-- KEYS[5] dead (sorted set)
-- KEYS[6] where this delivery is remembered: "<first id> <its content> <visible from, ms>"
-- KEYS[7] send (sorted set)   KEYS[8] stored message of the mail copy
-- KEYS[9] its parts, likewise: the same bytes, written a second time; KEYS[7] to KEYS[9] and
--         ARGV[9] are given when there is a mail copy
-- ARGV[1] message id
-- ARGV[2] delay before it is visible, ms
-- ARGV[3] stored message, or "" when its parts are in KEYS[4]
-- ARGV[4] wake channel
-- ARGV[5] how many bytes the parts must be together
-- ARGV[6] digest of the content
-- ARGV[7] how long the delivery is remembered, ms; 0 or not given = it is not
-- ARGV[8] "1": the same delivery with another content is refused
-- ARGV[9] id of the mail copy
--
-- Returns {visible from (ms), outcome, id} of the message that counts:
--   1  stored
--   0  this id was pushed before, whatever became of it: nothing is changed, so a push may be
--      repeated
--   2  a repetition of the message whose id is returned: only counted
--   3  refused: the message whose id is returned came with another content
--   4  not yet: the parts are not there (any more); write them and push again
local queue, message, counters, parts, dead = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local send, copy, copy_parts = KEYS[7], KEYS[8], KEYS[9]
local id, delay, content, channel = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[4]
local length, digest, window = tonumber(ARGV[5]), ARGV[6], tonumber(ARGV[7]) or 0
local strict, copy_id = ARGV[8] == '1', ARGV[9]
local seen = window > 0 and KEYS[6]
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

-- A copy that is there stays as it is: the webhook was pushed before, and is done already.
local copying = copy_id and not redis.call('ZSCORE', send, copy_id) and
    not redis.call('ZSCORE', dead, copy_id)

local function drop_parts()
    if content == '' then
        redis.call('DEL', parts)
        if copy_id then
            redis.call('DEL', copy_parts)
        end
    end
end

local answer = before()
if answer then
    drop_parts()
    if answer[2] == REPETITION then
        redis.pcall('HINCRBY', counters, 'duplicate', 1)
    end
    return answer
end
if content == '' and (redis.pcall('STRLEN', parts) ~= length or
    (copying and redis.pcall('STRLEN', copy_parts) ~= length)) then
    drop_parts()
    return {0, NOT_YET, id}
end

local now = clock()

local function store(key, its_parts, lane, its_id, visible)
    if content == '' then
        redis.call('RENAME', its_parts, key)
        redis.call('PERSIST', key)
    else
        redis.call('SET', key, content)
    end
    redis.call('ZADD', lane, visible, its_id)
    -- Counting and waking must never fail a message that is stored.
    redis.pcall('HINCRBY', counters, 'received', 1)
    if redis.call('ZRANGE', lane, 0, 0)[1] == its_id then
        wake(channel, lane, visible)
    end
end

if seen then
    redis.call('SET', seen, id .. ' ' .. digest .. ' ' .. now + delay, 'PX', window)
end
store(message, parts, queue, id, now + delay)
if copying then
    store(copy, copy_parts, send, copy_id, now)
elseif copy_id then
    drop_parts()
end
return {now + delay, STORED, id}
