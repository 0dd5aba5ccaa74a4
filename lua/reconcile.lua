-- reconcile: makes the entries of messages fit together where something else than these scripts has
-- changed them. An acknowledged message is never thrown away: what has lost its other half becomes
-- a dead letter, and a person decides. What a worker holds is left to him.
--
-- KEYS[1] live  KEYS[2] batch  KEYS[3] send (sorted sets)
-- KEYS[4] claims (hash)  KEYS[5] failures (hash)  KEYS[6] dead (sorted set)
-- KEYS[7] splits (hash)  KEYS[8] counters (hash)  KEYS[9] paused (set)
-- KEYS[10...] stored messages, in the order of the ids
-- ARGV[1] wake channel
-- ARGV[2...] message id and the lane of its route, by turns; at most 100 ids
--
-- Returns {bytes that those of them take that are dead letters, id, what was done to it, id, ...}:
--   no-message  was queued without a stored message; a dead letter now
--   no-entry    was stored and in no queue; a dead letter now
--   places      was in several queues, or queued and dead; it is in one of them now, alive if it
--               has a message
--   score       would never have been visible; it is now
--   claim, failure, split  a note was unreadable, or about nothing; it is gone, or begun anew
local lanes = {KEYS[1], KEYS[2], KEYS[3]}
local claims, failures, dead, splits, counters = KEYS[4], KEYS[5], KEYS[6], KEYS[7], KEYS[8]
local channel = ARGV[1]

-- A key of the wrong type fails in these lines, before anything is written.
local ids, sizes = {}, {}
for i = 1, math.min((#ARGV - 1) / 2, 100) do
    ids[i] = ARGV[2 * i]
    sizes[i] = redis.call('STRLEN', KEYS[9 + i])
end
for _, lane in ipairs(lanes) do
    redis.call('ZCARD', lane)
end
redis.call('ZCARD', dead)
redis.call('HLEN', counters)
local pauses = read_pauses(KEYS[9])
local held = redis.call('HMGET', claims, unpack(ids))
local history = redis.call('HMGET', failures, unpack(ids))
local progress = redis.call('HMGET', splits, unpack(ids))

local now, healed, deaths, lost = clock(), {}, 0, 0

local function heal(id, what)
    if not healed[1] then
        -- Removes nothing. HDEL is allowed at the memory limit, and lets the rest through.
        redis.call('HDEL', claims, '')
    end
    healed[#healed + 1] = id
    healed[#healed + 1] = what
end

local function bury(id, what, reason, queue)
    heal(id, what)
    redis.call('ZADD', dead, now, id)
    record_failure(failures, id, nil, now, reason, queue)
    deaths = deaths + 1
end

-- The claim of a message that is queued; a note about anything else is removed.
local function claim_of(id, text, queued)
    local claim = queued and decode_claim(text)
    if text and not claim then
        heal(id, 'claim')
        redis.call('HDEL', claims, id)
        return nil
    end
    return claim
end

-- Where a message is queued: lane and score; nil when it is not.
local function place_of(id, claimed)
    local found, at
    for _, lane in ipairs(lanes) do
        local score = redis.call('ZSCORE', lane, id)
        if score and not found then
            found, at = lane, tonumber(score)
        elseif score and not claimed then
            heal(id, 'places')
            redis.call('ZREM', lane, id)
        end
    end
    return found, at
end

-- The lane of a message that is in none: that of its route, save for a batch, which says so in the
-- head of what is stored.
local function lane_of(i)
    local lane = ARGV[2 * i + 1]
    if lane == 'live' then
        local head = '\n' .. redis.call('GETRANGE', KEYS[9 + i], 0, 4095)
        local ends = string.find(head, '\r\n\r\n', 1, true)
        local says = string.find(head, '\nCrm360-Batch-Mode: true\r\n', 1, true)
        lane = says and says < (ends or #head) and 'batch' or lane
    end
    return lane
end

-- One message; returns whether it is a dead letter then.
local function reconcile(i, id)
    local claim = claim_of(id, held[i], place_of(id, true))
    local lane, at = place_of(id, claim)
    local died = redis.call('ZSCORE', dead, id)

    if history[i] and not decode(history[i]) then
        heal(id, 'failure')
        redis.call('HDEL', failures, id)
        if died then
            record_failure(failures, id, nil, now, 'its history could not be read', nil)
        end
    end
    if lane and sizes[i] == 0 and not claim and not died then
        redis.call('ZREM', lane, id)
        bury(id, 'no-message', 'its stored message is missing', lane)
        return true
    end
    if lane and died and sizes[i] == 0 and not claim then
        heal(id, 'places')
        redis.call('ZREM', lane, id)
        return true
    end
    if lane and died then
        heal(id, 'places')
        redis.call('ZREM', dead, id)
    end
    if lane and at >= 1e15 then
        heal(id, 'score')
        redis.call('ZADD', lane, now, id)
        wake(channel, lane, now)
    end
    if lane and at >= PARKED and at < 1e15 and not is_paused(pauses, id) then
        -- Resumed by hand, or by somebody who was interrupted: no fault, so not told.
        redis.call('HDEL', claims, '')
        redis.call('ZADD', lane, at - PARKED, id)
        wake(channel, lane, at - PARKED)
    end
    if not lane and not died and sizes[i] > 0 then
        bury(id, 'no-entry', 'its queue entry was gone', lane_of(i))
        lost = lost + sizes[i] -- it was counted when it came into its lane
        return true
    end
    if not lane and not died and history[i] and decode(history[i]) then
        heal(id, 'failure')
        redis.call('HDEL', failures, id)
    end
    if not lane and not died and progress[i] then
        heal(id, 'split')
        redis.call('HDEL', splits, id)
    end
    return died and not lane
end

local bytes = 0
for i, id in ipairs(ids) do
    if reconcile(i, id) then
        bytes = bytes + sizes[i] + #(redis.call('HGET', failures, id) or '')
    end
end
if deaths > 0 then
    redis.pcall('HINCRBY', counters, 'dead', deaths)
end
weigh(counters, -lost)
table.insert(healed, 1, bytes)
return healed
