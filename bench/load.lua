-- What wrk sends. After `--`: `same` for the same request each time; `each FILE` for the path with one of the file's lines behind it,
-- by chance; `new WORD` for users that are created, whose addresses begin with the word.

local function each(file)
   local requests = {}
   for line in io.lines(file) do
      requests[#requests + 1] = wrk.format(nil, wrk.path .. line)
   end
   math.randomseed(1)
   return function()
      return requests[math.random(#requests)]
   end
end

local function new(word)
   wrk.method = "POST"
   wrk.headers["Content-Type"] = "application/json"
   -- The number always has nine digits, so that the head stays the same.
   local number = 100000000
   wrk.body = string.format('{"name":"bench","email":"%s-%d@example.com","age":36}', word, number)
   local head, tail = wrk.format():match("^(.*" .. word .. "%-)%d+(@.*)$")
   return function()
      number = number + 1
      return head .. number .. tail
   end
end

function init(args)
   if args[1] == "each" then
      request = each(args[2])
   elseif args[1] == "new" then
      request = new(args[2])
   end
   -- Else wrk has made the one request itself, and asks no function for each.
end

-- One line for the program that started wrk.
function done(summary, latency)
   local errors = summary.errors
   io.write(string.format("measured requests=%d microseconds=%d refused=%d broken=%d p99=%d\n",
      summary.requests, summary.duration, errors.status, errors.connect + errors.read + errors.write + errors.timeout,
      latency:percentile(99)))
end
