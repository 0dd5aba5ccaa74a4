-- common: what several verbs need. Stands in front of each of them when it is sent to Redis.

-- A JSON object as a table, nil for anything else.
local function decode(text)
    local good, value = pcall(cjson.decode, text or '')
    return good and type(value) == 'table' and value or nil
end

-- A claim that somebody can hold; nil for what cannot be read as one.
local function decode_claim(text)
    local claim = decode(text)
    return claim and type(claim.token) == 'string' and claim or nil
end

-- Whether a claim is that of a token, as a function of the text of the claim. What claim.lua has
-- written begins with it; reading it as JSON takes ten times as long.
local function holder(token)
    local beginning = '{"token":' .. cjson.encode(token) .. ','
    return function(text)
        if text and string.sub(text, 1, #beginning) == beginning then
            return true
        end
        local claim = decode_claim(text)
        return claim and claim.token == token or false
    end
end

-- A time in ms as a number; nil for what is none, such as an infinite score somebody has given.
local function time_of(text)
    local ms = tonumber(text)
    return ms and ms > -1e15 and ms < 1e15 and ms or nil
end

-- The score of a message whose route is paused is its time plus this: it stays in its lane, and no
-- claim sees it before it is resumed.
local PARKED = 1e14

-- What is paused, as a table of names: lanes, platforms, routes (core/queue_steer.h).
local function read_pauses(key)
    local pauses = {}
    for _, name in ipairs(redis.call('SMEMBERS', key)) do
        pauses[name] = true
    end
    return pauses
end

-- Whether the platform or the route that an id names is paused.
local function is_paused(pauses, id)
    if not next(pauses) then
        return false
    end
    local platform, entity, action = string.match(id, '^[^-]*%-([^-]+)%-([^-]+)%-([^-.]+)')
    return platform and
        (pauses[platform] or pauses[platform .. '/' .. entity .. '/' .. action]) or false
end

-- Redis' own clock, in ms since 1970.
local function clock()
    local time = redis.call('TIME')
    return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- Adds a line to a history; the last 20 are kept.
local function add_error(failure, at, reason)
    failure.errors = type(failure.errors) == 'table' and failure.errors or {}
    table.insert(failure.errors, {at = at, reason = reason})
    while #failure.errors > 20 do
        table.remove(failure.errors, 1)
    end
end

-- Writes a history. One with values that JSON has no words for (somebody else wrote it) is begun
-- anew: nothing in it may stop a verb half way.
local function write_history(failures, id, failure)
    local good, text = pcall(cjson.encode, failure)
    if not good then
        failure = {attempts = 0, crashes = 0, expiries = 0,
            errors = {failure.errors[#failure.errors]}}
        text = cjson.encode(failure)
    end
    redis.call('HSET', failures, id, text)
    return failure
end

-- Counts a failure of a message in its history, with the reason, and returns the history:
-- {attempts, crashes, expiries, lane, errors}. Without a counter only the reason is noted. The lane
-- is that of `queue`. What else is in it stays.
local function record_failure(failures, id, counter, at, reason, queue)
    local failure = decode(redis.call('HGET', failures, id)) or
        {attempts = 0, crashes = 0, expiries = 0}
    if counter then
        failure[counter] = (tonumber(failure[counter]) or 0) + 1
    end
    failure.lane = queue and string.match(queue, '[^:]*$') or failure.lane
    add_error(failure, at, reason)
    return write_history(failures, id, failure)
end

-- Another life: nothing counts against the message any more, but what was is remembered.
local function begin_again(failures, id, failure, at, reason)
    failure.attempts, failure.crashes, failure.expiries = 0, 0, 0
    add_error(failure, at, reason)
    write_history(failures, id, failure)
end

-- Bytes of a stored message; 0 when there is none.
local function size_of(key)
    local bytes = redis.pcall('STRLEN', key)
    return type(bytes) == 'number' and bytes or 0
end

-- Counts bytes of stored messages that came into a lane (or, below 0, left it). Must never fail a
-- verb, so it is for the end of one, when Redis lets the script write. What had been there before
-- it was counted can make the sum too low, but never less than nothing.
local function weigh(counters, bytes)
    if bytes == 0 then
        return
    end
    local sum = redis.pcall('HINCRBY', counters, 'waiting-bytes', string.format('%.0f', bytes))
    if type(sum) ~= 'number' or sum < 0 then
        redis.pcall('HSET', counters, 'waiting-bytes', string.format('%.0f', math.max(bytes, 0)))
    end
end

-- Wakes the consumers: the head of `queue` is visible from `ms`. Must never fail a verb.
local function wake(channel, queue, ms)
    redis.pcall('PUBLISH', channel, queue .. ' ' .. string.format('%.0f', ms))
end

