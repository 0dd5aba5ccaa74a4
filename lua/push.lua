-- push: puts a message that was written before into its queue, visible after a delay; unless the
-- same delivery was pushed before and is remembered. A mail copy of it is pushed in the same step,
-- visible at once: both or neither. What was written and is not wanted is dropped.
--
-- A message does not pass through the script: Lua reads each byte of a text that it is given. It is
-- written under a key of its own that expires, and gets its name and stays here.
--
-- KEYS[1] queue (sorted set)   KEYS[2] stored message   KEYS[3] counters (hash)
-- KEYS[4] where the message was written
-- KEYS[5] dead (sorted set)
-- KEYS[6] where this delivery is remembered: "<first id> <its content> <visible from, ms>"
-- KEYS[7] live  KEYS[8] batch  KEYS[9] send (sorted sets)
-- KEYS[10] stored message of the mail copy
-- KEYS[11] where that was written: the same bytes, a second time; KEYS[10], KEYS[11] and ARGV[10]
--          are given when there is a mail copy
-- ARGV[1] message id
-- ARGV[2] delay before it is visible, ms
-- ARGV[3] wake channel
-- ARGV[4] how many bytes the message has
-- ARGV[5] digest of the content
-- ARGV[6] how long the delivery is remembered, ms; 0 or not given = it is not
-- ARGV[7] "1": the same delivery with another content is refused
-- ARGV[8] how many messages may wait in the three lanes together, 0 or not given = any number
-- ARGV[9] how many bytes of stored messages, likewise; one that would wait alone always may
-- ARGV[10] id of the mail copy
--
-- Returns {visible from (ms), outcome, id} of the message that counts:
--   1  stored
--   0  this id was pushed before, whatever became of it: nothing is changed, so a push may be
--      repeated
--   2  a repetition of the message whose id is returned: only counted
--   3  refused: the message whose id is returned came with another content
--   4  not yet: what was written is not there (any more); write it and push again
--   5  full: so much waits already that this one would be too much; nothing is stored
local queue, message, counters, written, dead = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local live, batch, send = KEYS[7], KEYS[8], KEYS[9]
local copy, copy_written = KEYS[10], KEYS[11]
local id, delay, channel, length = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local digest, window = ARGV[5], ARGV[6]
local strict, copy_id = ARGV[7] == '1', ARGV[10]
local most, most_bytes = tonumber(ARGV[8]) or 0, tonumber(ARGV[9]) or 0
local seen = (tonumber(window) or 0) > 0 and KEYS[6]
local STORED, AGAIN, REPETITION, REFUSED, NOT_YET, FULL = 1, 0, 2, 3, 4, 5

-- Times are ms as text, and so are all numbers that Redis is given: Lua writes one slowly. Redis
-- leaves out the zeros in front of its microseconds.
local time = redis.call('TIME')
local now = time[1] .. string.sub('00000' .. time[2], -6, -4)
local visible = delay == '0' and now or string.format('%.0f', now + delay)

-- A key of the wrong type fails in these lines, before anything is written.
local score, died = redis.call('ZSCORE', queue, id), redis.call('ZSCORE', dead, id)

-- The usual push: a message without a copy that nothing speaks against but its own delivery, which
-- is asked about and noted in one call. Written out at length: functions are made anew in each run
-- of a script, before they do anything.
if not score and not died and not copy and most == 0 and most_bytes == 0 and
    redis.pcall('STRLEN', written) == tonumber(length) then
    local noted = seen and redis.pcall('SET', seen, id .. ' ' .. digest .. ' ' .. visible, 'PX',
        window, 'NX')
    if not seen or (noted and noted.ok) then
        local renamed = redis.pcall('RENAME', written, message)
        local lasting = renamed.ok and redis.pcall('PERSIST', message)
        local added = type(lasting) == 'number' and redis.pcall('ZADD', queue, visible, id)
        if type(added) ~= 'number' then
            -- It is not stored, and must not be remembered as if it were. (These fail where a right
            -- or a command is missing: nothing else that Redis refuses comes behind a first write.)
            if seen then
                redis.pcall('SET', seen, '-', 'PX', '1')
            end
            return not renamed.ok and renamed or added or lasting
        end
        -- Counting and waking must never fail a message that is stored.
        redis.pcall('HINCRBY', counters, 'received', '1')
        local waiting = 0
        if redis.call('ZRANGE', queue, '0', '0')[1] == id then
            redis.pcall('PUBLISH', channel, queue .. ' ' .. visible)
            for i = 7, 9 do
                local lane = redis.pcall('ZCARD', KEYS[i])
                waiting = waiting + (type(lane) == 'number' and lane or 0)
            end
        end
        local sum = waiting ~= 1 and redis.pcall('HINCRBY', counters, 'waiting-bytes', length)
        if type(sum) ~= 'number' or sum < 0 then
            -- Alone, or wrong: now it is known.
            redis.pcall('HSET', counters, 'waiting-bytes', length)
        end
        return {tonumber(visible), STORED, id}
    end
end

-- What came before decides. The key of the delivery may hold anything: what cannot be read is as
-- good as nothing.
local function before()
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

local function drop()
    redis.call('DEL', written)
    if copy_id then
        redis.call('DEL', copy_written)
    end
end

local answer = before()
if answer then
    drop()
    if answer[2] == REPETITION then
        redis.pcall('HINCRBY', counters, 'duplicate', '1')
    end
    return answer
end

local size, copies = tonumber(length), copying and 2 or 1
local waiting = redis.call('ZCARD', live) + redis.call('ZCARD', batch) + redis.call('ZCARD', send)

local function waiting_bytes()
    local bytes = redis.pcall('HGET', counters, 'waiting-bytes')
    return math.max(type(bytes) == 'string' and time_of(bytes) or 0, 0)
end

if waiting > 0 and ((most > 0 and waiting + copies > most) or
    (most_bytes > 0 and waiting_bytes() + copies * size > most_bytes)) then
    drop()
    redis.pcall('HINCRBY', counters, 'refused', '1')
    return {0, FULL, id}
end
if redis.pcall('STRLEN', written) ~= size or
    (copying and redis.pcall('STRLEN', copy_written) ~= size) then
    drop()
    return {0, NOT_YET, id}
end

local function store(key, its_written, lane, its_id, at)
    redis.call('RENAME', its_written, key)
    redis.call('PERSIST', key)
    redis.call('ZADD', lane, at, its_id)
    redis.pcall('HINCRBY', counters, 'received', '1')
    if redis.call('ZRANGE', lane, '0', '0')[1] == its_id then
        redis.pcall('PUBLISH', channel, lane .. ' ' .. at)
    end
end

store(message, written, queue, id, visible)
if copying then
    store(copy, copy_written, send, copy_id, now)
elseif copy_id then
    redis.call('DEL', copy_written)
end
-- Remembered when it is stored: one that failed on the way must not look as if it were.
if seen then
    redis.call('SET', seen, id .. ' ' .. digest .. ' ' .. visible, 'PX', window)
end
if waiting == 0 then
    redis.pcall('HSET', counters, 'waiting-bytes', copies * size)
else
    weigh(counters, copies * size)
end
return {tonumber(visible), STORED, id}
