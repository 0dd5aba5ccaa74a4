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

-- A time in ms as a number; nil for what is none, such as an infinite score somebody has given.
local function time_of(text)
    local ms = tonumber(text)
    return ms and ms > -1e15 and ms < 1e15 and ms or nil
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

-- Wakes the consumers: the head of `queue` is visible from `ms`. Must never fail a verb.
local function wake(channel, queue, ms)
    redis.pcall('PUBLISH', channel, queue .. ' ' .. string.format('%.0f', ms))
end

