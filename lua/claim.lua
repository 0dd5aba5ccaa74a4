-- claim: leases messages that are due to a worker. A claim moves the score to now + lease and never
-- removes, so that a worker that disappears leaves nothing behind but an expired lease.
--
-- KEYS[1] queue (sorted set)  KEYS[2] claims (hash)  KEYS[3] failures (hash)
-- KEYS[4] dead (sorted set)   KEYS[5] counters (hash)
-- ARGV[1] most ids to take, at most 100   ARGV[2] lease, ms
-- ARGV[3] token that fences this claim    ARGV[4] worker
-- ARGV[5] how many expired leases make a message a dead letter
--
-- Returns {ms until the next message is due (0 = now, -1 = queue empty), id, attempts, id, ...}.
-- A message that crashed a worker before is handed out alone.
local queue, claims, failures, dead, counters = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local most, lease = math.min(tonumber(ARGV[1]), 100), tonumber(ARGV[2])
local token, worker, expiries_most = ARGV[3], ARGV[4], tonumber(ARGV[5])

-- A key of the wrong type fails here, before anything is written.
redis.call('ZCARD', dead)

local now = clock()

local function next_due()
    local head = redis.call('ZRANGE', queue, 0, 0, 'WITHSCORES')
    if not head[1] or tonumber(head[2]) >= 1e15 then
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
local history = redis.call('HMGET', failures, unpack(ids))

local taken = {}
for i, id in ipairs(ids) do
    local claim, failure = decode_claim(held[i]), decode(history[i])
    local alone = failure and (tonumber(failure.crashes) or 0) > 0
    if alone and #taken > 0 then
        break
    end
    -- HDEL is allowed at the memory limit, and after a first write Redis lets a script finish.
    redis.call('HDEL', claims, id)
    local expired = false
    if claim then
        local reason = 'the lease of ' .. tostring(claim.worker) .. ' expired'
        failure = record_failure(failures, id, 'expiries', now, reason, queue)
        expired = failure.expiries >= expiries_most
    end
    if expired then
        redis.call('ZREM', queue, id)
        redis.call('ZADD', dead, now, id)
        redis.pcall('HINCRBY', counters, 'dead', 1)
    else
        local since = claim and time_of(claim.due) or time_of(due[i * 2]) or now
        redis.call('ZADD', queue, now + lease, id)
        redis.call('HSET', claims, id,
            cjson.encode({token = token, worker = worker, since = now, due = since}))
        taken[#taken + 1] = id
        taken[#taken + 1] = math.max(0, math.min(failure and tonumber(failure.attempts) or 0, 1e6))
    end
    if alone then
        break
    end
end

table.insert(taken, 1, next_due())
return taken
