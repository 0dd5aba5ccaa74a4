-- Makes wrk post the file that its first argument names, each time as a delivery of its own, by the
-- field that the second one names, and print at its end what Crm360::Bench::Sender reads: counts,
-- and latencies in microseconds.
local deliveries, field = 0, nil

function init(args)
    local file = assert(io.open(args[1], 'rb'))
    wrk.method, wrk.body = 'POST', file:read('*a')
    wrk.headers['Content-Type'] = 'application/json'
    file:close()
    field = args[2]
    math.randomseed(os.time())
end

function request()
    local id = string.format('%08x-%d', math.random(0, 0x7fffffff), deliveries)

    deliveries = deliveries + 1
    wrk.headers[field] = id
    return wrk.format()
end

function done(summary, latency)
    local errors = summary.errors

    io.write(string.format('\nbench: requests=%d us=%d p50=%d p99=%d', summary.requests,
        summary.duration, latency:percentile(50), latency:percentile(99)))
    io.write(string.format(' connect=%d read=%d write=%d status=%d timeout=%d\n', errors.connect,
        errors.read, errors.write, errors.status, errors.timeout))
end
