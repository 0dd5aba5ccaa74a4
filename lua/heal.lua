-- heal: sets keys of the wrong type aside, each under a name of its own, so that nothing is held up
-- by them and nothing in them is lost. Any number of processes may run it at any time.
--
-- KEYS[1...] keys of one database, as many as there are types; behind them the names under which
-- they may be set aside, the same number for each key, in their order: the first that is free is
-- taken. When none is, the key stays as it is.
-- ARGV[1...] the type each of the keys must have
--
-- Returns for each key that was set aside: its name, its new name, the type it has.
local moved, n = {}, #ARGV
local names = math.floor((#KEYS - n) / math.max(n, 1))
for i = 1, n do
    local is = redis.call('TYPE', KEYS[i]).ok
    local wrong = is ~= 'none' and is ~= ARGV[i]
    for j = n + (i - 1) * names + 1, n + i * names do
        if wrong and redis.call('RENAMENX', KEYS[i], KEYS[j]) == 1 then
            moved[#moved + 1] = KEYS[i]
            moved[#moved + 1] = KEYS[j]
            moved[#moved + 1] = is
            wrong = false
        end
    end
end
return moved
