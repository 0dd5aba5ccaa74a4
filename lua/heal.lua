-- heal: sets keys of the wrong type aside, each under a name of its own, so that nothing is held up
-- by them and nothing in them is lost. Any number of processes may run it at any time.
--
-- KEYS[1...] keys of one database   ARGV[1...] the type each of them must have
--
-- Returns for each key that was set aside: its name, its new name, the type it has.
local moved, now = {}, clock()
for i, key in ipairs(KEYS) do
    local is = redis.call('TYPE', key).ok
    if is ~= 'none' and is ~= ARGV[i] then
        local ms, aside = now, nil
        repeat
            aside = string.format('%s:aside:%.0f', key, ms)
            ms = ms + 1
        until redis.call('RENAMENX', key, aside) == 1
        moved[#moved + 1] = key
        moved[#moved + 1] = aside
        moved[#moved + 1] = is
    end
end
return moved
