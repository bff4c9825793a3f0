--[[
  Move many active jobs to completed, or to failed.
    KEYS     those of moveToFinished; KEYS[12] is set here
    ARGV[1]  prefix of the queue's keys
    ARGV[2]  completed or failed
    ARGV[3]  {{id, return value or reason of the failure, options of moveToFinished in MessagePack}, …} in MessagePack
    Output, in MessagePack: the codes of moveToFinished; 0 is done
]]
local time = redis.call("TIME")
local now = string.format("%.0f", time[1] * 1000 + math.floor(time[2] / 1000))
local prefix, target, jobs = ARGV[1], ARGV[2], cmsgpack.unpack(ARGV[3])

local function move()
--{moveToFinished-14}
end

local codes = {}
for at, job in ipairs(jobs) do
  KEYS[12] = prefix .. job[1]
  ARGV[1], ARGV[2], ARGV[4], ARGV[5] = job[1], now, job[2], target
  ARGV[3] = target == "completed" and "returnvalue" or "failedReason"
  ARGV[6], ARGV[7], ARGV[8], ARGV[9] = "", prefix, job[3], ""
  codes[at] = move()
end
return cmsgpack.pack(codes)
