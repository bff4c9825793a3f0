--[[
  Let jobs whose worker has gone wait again, however often that happened to them.
    KEYS     those of moveStalledJobsToWait
    ARGV[1]  prefix of the queue's keys
    ARGV[2]  not sooner after the last time than this, in ms
    Output: ids
  Not while the queue is paused: see claim.lua.
]]
if redis.call("HEXISTS", KEYS[5], "paused") == 1 then return {} end
local time = redis.call("TIME")
local interval = ARGV[2]
ARGV[2] = ARGV[1]
ARGV[1] = "2147483647"
ARGV[3] = string.format("%.0f", time[1] * 1000 + math.floor(time[2] / 1000))
ARGV[4] = interval

--{moveStalledJobsToWait-9}
