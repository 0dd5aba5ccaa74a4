-- fence: says whether a claim still holds, and for how long. Changes nothing.
--
-- KEYS[1] queue (sorted set)  KEYS[2] claims (hash)
-- ARGV[1] token of the claim  ARGV[2...] two or less of its message ids
--
-- Returns for how many ms more its lease lasts, 0 or less when it is over and nobody has taken the
-- messages yet; or nothing when it was lost. The messages of a claim have got one lease together,
-- and nobody takes any of them before that is over: those that are named speak for all.
local queue, claims = KEYS[1], KEYS[2]
local is_held, now, left = holder(ARGV[1]), clock(), nil

for i = 2, math.min(#ARGV, 3) do
    local score = time_of(redis.call('ZSCORE', queue, ARGV[i]))
    if not score or not is_held(redis.call('HGET', claims, ARGV[i])) then
        return false
    end
    left = math.min(left or score - now, score - now)
end
return left or false
