-- extend: prolongs the lease of messages that their worker is still busy with.
--
-- KEYS[1] queue (sorted set)  KEYS[2] claims (hash)
-- ARGV[1] token of the claim  ARGV[2] lease from now on, ms  ARGV[3...] message ids, at most 100
--
-- Returns how many are still the token's. All of them are prolonged, or, when one was lost, none: a
-- worker whose batch is no longer whole has to give it up.
local queue, claims = KEYS[1], KEYS[2]
local token, lease = ARGV[1], tonumber(ARGV[2])

local ids = {unpack(ARGV, 3, math.min(#ARGV, 102))}
if not ids[1] then
    return 0
end
local held, is_held = redis.call('HMGET', claims, unpack(ids)), holder(token)

local ours = 0
for i, id in ipairs(ids) do
    if is_held(held[i]) and redis.call('ZSCORE', queue, id) then
        ours = ours + 1
    end
end
if ours < #ids then
    return ours
end

-- Removes nothing. HDEL is allowed at the memory limit, and lets the rest of the script through.
redis.call('HDEL', claims, '')
local expires, scores = string.format('%.0f', clock() + lease), {}
for _, id in ipairs(ids) do
    scores[#scores + 1] = expires
    scores[#scores + 1] = id
end
redis.call('ZADD', queue, unpack(scores))
return ours
