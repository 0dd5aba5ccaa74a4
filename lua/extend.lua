-- extend: prolongs the lease of messages that their worker is still busy with.
--
-- KEYS[1] queue (sorted set)  KEYS[2] claims (hash)
-- ARGV[1] token of the claim  ARGV[2] lease from now on, ms  ARGV[3...] message ids, at most 100
--
-- Returns how many are still the token's. All of them are prolonged, or, when one was lost, none: a
-- worker whose batch is no longer whole has to give it up.
local queue, claims = KEYS[1], KEYS[2]
local token, lease = ARGV[1], tonumber(ARGV[2])

local ours, last = 0, math.min(#ARGV, 102)
for i = 3, last do
    local claim = decode(redis.call('HGET', claims, ARGV[i]))
    if claim and claim.token == token and redis.call('ZSCORE', queue, ARGV[i]) then
        ours = ours + 1
    end
end
if ours < last - 2 then
    return ours
end

local expires = clock() + lease
-- Removes nothing. HDEL is allowed at the memory limit, and lets the rest of the script through.
redis.call('HDEL', claims, '')
for i = 3, last do
    redis.call('ZADD', queue, expires, ARGV[i])
end
return ours
