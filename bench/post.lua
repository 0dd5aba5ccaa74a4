-- Makes wrk post the file that its first argument names, each time as a delivery of its own.
local deliveries = 0

function init(args)
    local file = assert(io.open(args[1], 'rb'))
    wrk.method, wrk.body = 'POST', file:read('*a')
    wrk.headers['Content-Type'] = 'application/json'
    file:close()
    math.randomseed(os.time())
end

function request()
    local id = string.format('%08x-%d', math.random(0, 0x7fffffff), deliveries)

    deliveries = deliveries + 1
    wrk.headers['X-Shopify-Webhook-Id'] = id
    return wrk.format()
end
