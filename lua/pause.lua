-- pause: holds up a lane, a platform or a route of a database. Claims look here; what a worker
-- holds already is finished.
--
-- KEYS[1] paused (set)  KEYS[2] claims (hash)
-- ARGV[1] what
--
-- Returns 1, or 0 when it was paused already.
redis.call('SCARD', KEYS[1])
-- Removes nothing. HDEL is allowed at the memory limit, and lets the rest through: that is when
-- somebody may want to pause.
redis.call('HDEL', KEYS[2], '')
return redis.call('SADD', KEYS[1], ARGV[1])
