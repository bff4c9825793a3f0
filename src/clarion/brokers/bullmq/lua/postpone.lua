--[[
  Give active jobs back, to be taken again after a while; it counts as no attempt. Delayed, not waiting: for a queue
  that is paused, versions of BullMQ do not agree where jobs wait.
    KEYS     those of moveToDelayed; KEYS[5] is set here
    ARGV[1]  prefix of the queue's keys
    ARGV[2]  for how long, in ms
    ARGV[3]  {{id, token of its lock}, …} in MessagePack
    Output, in MessagePack: the codes of moveToDelayed; 0 is done
]]
local time = redis.call("TIME")
local now = string.format("%.0f", time[1] * 1000 + math.floor(time[2] / 1000))
local prefix, delay, jobs = ARGV[1], ARGV[2], cmsgpack.unpack(ARGV[3])

local function move()
--{moveToDelayed-11}
end

local codes = {}
for at, job in ipairs(jobs) do
  KEYS[5] = prefix .. job[1]
  ARGV[1], ARGV[2], ARGV[3], ARGV[4] = prefix, now, job[1], job[2]
  ARGV[5], ARGV[6], ARGV[7], ARGV[8], ARGV[9] = delay, "1", "", "0", ""
  codes[at] = move()
end
return cmsgpack.pack(codes)
