--[[
  Make up to so many jobs active at once, as a worker of BullMQ makes one active.
    KEYS     those of moveToActive
    ARGV[1]  prefix of the queue's keys
    ARGV[2]  how many
    ARGV[3]  token of their locks
    ARGV[4]  how long a lock holds, in ms
    ARGV[5]  the worker's name
    Output, in MessagePack:
      { now in ms, ms until the queue's rate limit allows more or 0, when the next delayed job is due in ms or 0,
        1 if the queue has as many active jobs as it may, {{id, {field, value, …}}, …} }
  A queue that is paused is left as it is: in BullMQ 5 its jobs wait in a list of their own, which later versions do
  not write to, and what they put into the other list is lost when the queue is resumed.
]]
local time = redis.call("TIME")
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local state = redis.call("HMGET", KEYS[9], "paused", "concurrency")
if state[1] then return cmsgpack.pack({now, 0, 0, 0, {}}) end

local function move()
--{moveToActive-11}
end

local wanted = tonumber(ARGV[2])
ARGV[2] = string.format("%.0f", now)
ARGV[3] = cmsgpack.pack({token = ARGV[3], lockDuration = tonumber(ARGV[4]), name = ARGV[5]})
local taken, limited, due = {}, 0, 0
for _ = 1, wanted do
  local reply = move()
  if type(reply[1]) ~= "table" then
    limited, due = reply[3], reply[4]
    break
  end
  taken[#taken + 1] = {reply[2], reply[1]}
end
local full = 0
if state[2] and redis.call("LLEN", KEYS[2]) >= tonumber(state[2]) then full = 1 end
return cmsgpack.pack({now, limited, due, full, taken})
