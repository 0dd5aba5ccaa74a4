-- blank: overwrites elements of a stored batch with null, so that what they say of a person is gone
-- and the other elements keep their places. The message stays as long as it was.
--
-- KEYS[1] claims (hash)  KEYS[2] stored message
-- ARGV[1] message id  ARGV[2] bytes of the message as the caller has seen it
-- ARGV[3...] where an element begins, in bytes from 0, and its length, by turns; at most 100
--
-- Returns 1, or 0 when the message is gone or another one, or -1 when somebody holds it: nothing is
-- changed then. Repeating it is harmless.
local claims, message = KEYS[1], KEYS[2]
local id, length = ARGV[1], tonumber(ARGV[2])

if redis.call('HGET', claims, id) then
    return -1
end
if redis.call('STRLEN', message) ~= length then
    return 0
end

-- Removes nothing. HDEL is allowed at the memory limit, and lets the rest of the script through.
redis.call('HDEL', claims, '')
for i = 3, math.min(#ARGV, 202), 2 do
    local at, bytes = tonumber(ARGV[i]), tonumber(ARGV[i + 1])
    if at >= 0 and bytes > 0 and at + bytes <= length then
        local filler = bytes >= 4 and 'null' or '0'
        redis.call('SETRANGE', message, at, filler .. string.rep(' ', bytes - #filler))
    end
end
return 1
