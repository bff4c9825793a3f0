--[[
  Add many jobs, each once: an id that is there already is left as it is.
    KEYS     those of addStandardJob
    ARGV[1]  prefix of the queue's keys
    ARGV[2]  {{id, name, data, options in MessagePack}, …} in MessagePack
    Output, in MessagePack: what the scripts of BullMQ answer, which are ids, or codes below 0
  In BullMQ 5 jobs of a paused queue wait in a list of their own; later versions read it too when they resume.
]]
local time = redis.call("TIME")
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local prefix, jobs = ARGV[1], cmsgpack.unpack(ARGV[2])
local wait, paused, meta, id, completed, delayed, active, events, marker = unpack(KEYS)
local prioritized, counter = prefix .. "prioritized", prefix .. "pc"
if redis.call("HEXISTS", meta, "paused") == 1 then
  local version = redis.call("HGET", meta, "version") or ""
  if (tonumber(string.match(version, ":(%d+)")) or 5) < 6 then wait = paused end
end

local function add()
--{addStandardJob-9}
end
local function addDelayed()
--{addDelayedJob-6}
end
local function addPrioritized()
--{addPrioritizedJob-9}
end

local function keys(...)
  for at, key in ipairs({...}) do KEYS[at] = key end
end

local answers = {}
for at, job in ipairs(jobs) do
  local options = cmsgpack.unpack(job[4])
  ARGV[1] = cmsgpack.pack({prefix, job[1], job[2], now})
  ARGV[2], ARGV[3] = job[3], job[4]
  if (options.delay or 0) > 0 then
    keys(marker, meta, id, delayed, completed, events)
    answers[at] = addDelayed()
  elseif (options.priority or 0) > 0 then
    keys(marker, meta, id, prioritized, delayed, completed, active, events, counter)
    answers[at] = addPrioritized()
  else
    keys(wait, paused, meta, id, completed, delayed, active, events, marker)
    answers[at] = add()
  end
end
return cmsgpack.pack(answers)
