-- claim: leases messages that are due to a worker. A claim moves the score to now + lease and never
-- removes, so that a worker that disappears leaves nothing behind but an expired lease.
--
-- KEYS[1] queue (sorted set)  KEYS[2] claims (hash)  KEYS[3] failures (hash)
-- KEYS[4] dead (sorted set)   KEYS[5] counters (hash)
-- KEYS[6] what the keys of stored messages begin with, up to the id: which of them are read is
--         known here only, and all are in the slot of this one
-- KEYS[7] paused (set)
-- ARGV[1] most ids to take, at most 100   ARGV[2] lease, ms
-- ARGV[3] token that fences this claim    ARGV[4] worker
-- ARGV[5] how many expired leases make a message a dead letter
--
-- Returns {ms until the next message is due (0 = now, -1 = queue empty),
--          id, attempts, for how many ms it has been visible, bytes of its stored message (0 when
--          there is none), id, ...}.
-- A message that crashed a worker before is handed out alone. Of a paused lane nothing is handed
-- out; a message of a paused route is parked when it is met, so that what stands behind it is not
-- held up.
local queue, claims, failures, dead, counters = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local message_prefix, paused = KEYS[6], KEYS[7]
local most, lease = math.min(tonumber(ARGV[1]), 100), tonumber(ARGV[2])
local token, worker, expiries_most = ARGV[3], ARGV[4], tonumber(ARGV[5])

-- A key of the wrong type fails here, before anything is written.
redis.call('ZCARD', dead)
local pauses = read_pauses(paused)
if pauses[string.match(queue, '[^:]*$')] then
    return {-1}
end

local now = clock()

local function next_due()
    local head = redis.call('ZRANGE', queue, 0, 0, 'WITHSCORES')
    if not head[1] or tonumber(head[2]) >= PARKED then
        return -1
    end
    return math.max(0, tonumber(head[2]) - now)
end

local due = redis.call('ZRANGEBYSCORE', queue, '-inf', now, 'WITHSCORES', 'LIMIT', 0, most)
if not due[1] then
    return {next_due()}
end

local ids = {}
for i = 1, #due, 2 do
    ids[#ids + 1] = due[i]
end
local held = redis.call('HMGET', claims, unpack(ids))
-- Most of the time there is none.
local any_failed = redis.call('HLEN', failures) > 0
local history = any_failed and redis.call('HMGET', failures, unpack(ids)) or {}

-- Removes nothing. HDEL is allowed at the memory limit, and after a first write Redis lets a script
-- finish.
redis.call('HDEL', claims, '')

-- What a worker held whose lease has run out: counts that. Returns the history, and whether it is
-- the end of the message.
local function expire(id, claim)
    redis.call('HDEL', claims, id)
    local reason = 'the lease of ' .. tostring(claim.worker) .. ' expired'
    local failure = record_failure(failures, id, 'expiries', now, reason, queue)
    if failure.expiries < expiries_most then
        return failure, false
    end
    redis.call('ZREM', queue, id)
    redis.call('ZADD', dead, now, id)
    redis.pcall('HINCRBY', counters, 'dead', 1)
    weigh(counters, -size_of(message_prefix .. id))
    return failure, true
end

-- All of it in one ZADD and one HSET. The JSON of the claims is put together by hand, and a number
-- that is text already stays text: making either costs more than all the rest.
local expires = string.format('%.0f', now + lease)
local note = '{"token":' .. cjson.encode(token) .. ',"worker":' .. cjson.encode(worker) ..
    ',"since":' .. string.format('%.0f', now) .. ',"due":'
local any_paused = next(pauses) ~= nil

local taken, scores, notes = {}, {}, {}
local function take(id, since, attempts, waited)
    local n = #scores
    scores[n + 1], scores[n + 2] = expires, id
    notes[n + 1], notes[n + 2] = id, note .. since .. '}'
    n = #taken
    taken[n + 1], taken[n + 2], taken[n + 3] = id, attempts, waited
    taken[n + 4] = size_of(message_prefix .. id)
end

-- One of which there is more to say: it was held or has failed before, or might be paused.
local function consider(id, claim, failure, score)
    local since, over = claim and time_of(claim.due) or time_of(score) or now, false
    if claim then
        failure, over = expire(id, claim)
    end
    if over then
        return
    end
    if is_paused(pauses, id) then
        redis.call('HDEL', claims, id)
        redis.call('ZADD', queue, math.max(since, 0) + PARKED, id)
        return
    end
    take(id, cjson.encode(since),
        failure and math.max(0, math.min(tonumber(failure.attempts) or 0, 1e6)) or 0,
        -- A score of 0, as people give it, says at once, and not since when.
        since > 0 and math.max(0, math.floor(now - since)) or 0)
end

for i, id in ipairs(ids) do
    local claim = held[i] and decode_claim(held[i])
    local failure = history[i] and decode(history[i])
    local alone = failure and (tonumber(failure.crashes) or 0) > 0
    if alone and taken[1] then
        break
    end
    local score = tonumber(due[i * 2])
    if not claim and not failure and not any_paused and score and score > 0 and score % 1 == 0 then
        take(id, due[i * 2], 0, now - score)
    else
        consider(id, claim, failure, due[i * 2])
    end
    if alone then
        break
    end
end
if scores[1] then
    redis.call('ZADD', queue, unpack(scores))
    redis.call('HSET', claims, unpack(notes))
end

table.insert(taken, 1, next_due())
return taken
