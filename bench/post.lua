-- Makes wrk post the file that its first argument names.
function init(args)
    local file = assert(io.open(args[1], 'rb'))
    wrk.method, wrk.body = 'POST', file:read('*a')
    wrk.headers['Content-Type'] = 'application/json'
    file:close()
end
