-- common: what several verbs need. Stands in front of each of them when it is sent to Redis.

-- A JSON object as a table, nil for anything else.
local function decode(text)
    local good, value = pcall(cjson.decode, text or '')
    return good and type(value) == 'table' and value or nil
end

-- Redis' own clock, in ms since 1970.
local function clock()
    local time = redis.call('TIME')
    return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- Counts a failure of a message in its history, with the reason (the last 20 are kept), and
-- returns the history: {attempts, crashes, expiries, errors}.
local function record_failure(failures, id, counter, at, reason)
    local failure = decode(redis.call('HGET', failures, id)) or
        {attempts = 0, crashes = 0, expiries = 0}
    failure[counter] = (tonumber(failure[counter]) or 0) + 1
    failure.errors = type(failure.errors) == 'table' and failure.errors or {}
    table.insert(failure.errors, {at = at, reason = reason})
    while #failure.errors > 20 do
        table.remove(failure.errors, 1)
    end
    redis.call('HSET', failures, id, cjson.encode(failure))
    return failure
end

-- Wakes the consumers: the head of `queue` is visible from `ms`. Must never fail a verb.
local function wake(channel, queue, ms)
    redis.pcall('PUBLISH', channel, queue .. ' ' .. string.format('%.0f', ms))
end

