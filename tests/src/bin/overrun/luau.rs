//! The functions of Luau's library and of the guest API.

use super::Case;

pub const CASES: &[Case] = &[
    ("string.rep", "7", "string.rep('x', 3e7)"),
    ("string.format", "string.rep('x', 1e7)", "string.format('%s%99.99f', data, 1e300)"),
    ("string.reverse", "string.rep('x', 1e7)", "string.reverse(data)"),
    ("string.upper", "string.rep('x', 1e7)", "string.upper(data)"),
    ("string.lower", "string.rep('X', 1e7)", "string.lower(data)"),
    ("string.sub", "string.rep('x', 1e7)", "string.sub(data, 2)"),
    ("string.char", "table.create(7000, 65)", "string.char(table.unpack(data))"),
    ("string.unpack", "string.pack('s4', string.rep('x', 1e7))", "string.unpack('s4', data)"),
    (
        "string.pack of many",
        "string.rep('b', 5000)",
        "string.pack(data, table.unpack(table.create(5000, 1)))",
    ),
    ("string.packsize", "string.rep('b', 1e7)", "string.packsize(data)"),
    ("string.find, balanced", "string.rep('(', 1e6)", "string.find(data, '%b()')"),
    ("string.find, frontiers", "string.rep('a', 3e6)", "string.find(data, '%f[b]b')"),
    ("string.gsub, balanced", "string.rep('(', 1e6)", "string.gsub(data, '%b()', '')"),
    (
        "string.format of many",
        "string.rep('%s', 5000)",
        "string.format(data, table.unpack(table.create(5000, 'x')))",
    ),
    ("string.format, quoted", "string.rep('\\0', 3e6)", "string.format('%q', data)"),
    ("tonumber", "string.rep('7', 1e7)", "tonumber(data)"),
    ("tonumber of another base", "string.rep('7', 1e7)", "tonumber(data, 9)"),
    ("integer.fromstring", "string.rep('7', 1e7)", "integer.fromstring(data)"),
    ("os.date", "string.rep('%Y', 5e4)", "pcall(os.date, data)"),
    ("string.byte", "string.rep('x', 7000)", "string.byte(data, 1, -1)"),
    ("string.find, backtracking", "string.rep('a', 3e5)", "string.find(data, '.-.-.-.-.-b')"),
    (
        "string.find, plain",
        "string.rep('a', 1e7)",
        "string.find(data, string.rep('a', 5000) .. 'b', 1, true)",
    ),
    ("string.match", "string.rep('a', 1e6)", "string.match(data, '(a*)b')"),
    ("string.gsub", "string.rep('a', 3e6)", "string.gsub(data, 'a', 'b')"),
    ("string.gmatch", "string.rep('a ', 1e6)", "for _ in string.gmatch(data, '.*b') do end"),
    ("string.split", "string.rep('a,', 3e5)", "string.split(data, ',')"),
    ("string.pack", "string.rep('x', 1e7)", "string.pack('s4', data)"),
    ("concatenation", "string.rep('x', 1e7)", "local _ = data .. 'y'"),
    (
        "comparison",
        "{ string.rep('x', 1e7) .. 'a', string.rep('x', 1e7) .. 'b' }",
        "local _ = data[1] < data[2]",
    ),
    ("utf8.len", "string.rep('x', 1e7)", "utf8.len(data)"),
    ("utf8.codepoint", "string.rep('x', 7000)", "utf8.codepoint(data, 1, -1)"),
    ("utf8.char", "table.create(7000, 8364)", "utf8.char(table.unpack(data))"),
    ("utf8.offset", "string.rep('x', 1e7)", "utf8.offset(data, 9e6)"),
    ("utf8.codes", "string.rep('x', 1e7)", "for _ in utf8.codes(data) do end"),
    ("table.clear", "table.create(1e6, 1)", "table.clear(table.clone(data))"),
    (
        "table.remove at the front",
        "table.create(1e6, 1)",
        "table.remove(data, 1) table.insert(data, 1)",
    ),
    ("table.freeze", "table.create(1e6, 1)", "table.freeze(table.clone(data))"),
    ("table.maxn", NAMES, "table.maxn(data)"),
    ("table.foreach", "table.create(1e6, 1)", "table.foreach(data, print or type)"),
    (
        "next of an empty table",
        "(function() local t = {} for i = 1, 1e5 do t['k' .. i] = 1 end for k in t do t[k] = nil end return t end)()",
        "next(data)",
    ),
    (
        "a table that grows",
        NAMES,
        "local t = table.clone(data) for i = 1, 100 do t[i + 0.5] = 1 end",
    ),
    ("table.pack", "table.create(7000, 1)", "table.pack(table.unpack(data))"),
    ("table.concat of numbers", "table.create(5e5, 1.1)", "table.concat(data, ',')"),
    ("table.concat", "table.create(1e6, 'xy')", "table.concat(data)"),
    ("table.create", "7", "table.create(2e6, 1)"),
    (
        "table.sort",
        "(function() local t = table.create(2e5, 0) for i = 1, 2e5 do t[i] = (i * 7919) % 200003 end return t end)()",
        "table.sort(table.clone(data))",
    ),
    (
        "table.sort, long texts",
        "(function() local t, s = {}, string.rep('x', 4e5) for i = 1, 60 do t[i] = s .. (i * 37 % 61) end return t end)()",
        "table.sort(table.clone(data))",
    ),
    (
        "table.sort of many",
        "(function() local t = table.create(2e6, 0) for i = 1, 2e6 do t[i] = (i * 7919) % 2000003 end return t end)()",
        "table.sort(data)",
    ),
    ("table.sort by a native", "table.create(1e6, 1)", "table.sort(data, rawequal)"),
    (
        "string.split, long separator",
        "string.rep('a', 5e6)",
        "string.split(data, string.rep('a', 4000) .. 'b')",
    ),
    (
        "string.find, no pattern",
        "string.rep('a', 1e7)",
        "string.find(data, string.rep('a', 60) .. 'b')",
    ),
    (
        "math.max of texts",
        "table.create(7000, string.rep('7', 4000))",
        "math.max(table.unpack(data))",
    ),
    ("table.unpack", "table.create(7000, 1)", "local _ = select('#', table.unpack(data))"),
    (
        "table.insert at the front",
        "table.create(1e6, 1)",
        "table.insert(data, 1, 1) table.remove(data)",
    ),
    ("table.move", "table.create(1e6, 1)", "table.move(data, 1, 1e6, 2)"),
    ("table.find", "table.create(2e6, 1)", "table.find(data, 2)"),
    ("table.clone", "table.create(1e6, 1)", "table.clone(data)"),
    ("buffer.create", "7", "buffer.create(3e7)"),
    ("buffer.fill", "buffer.create(3e7)", "buffer.fill(data, 0, 1)"),
    (
        "buffer.copy",
        "{ buffer.create(1e7), buffer.create(1e7) }",
        "buffer.copy(data[1], 0, data[2])",
    ),
    ("buffer.tostring", "buffer.create(1e7)", "buffer.tostring(data)"),
    ("buffer.fromstring", "string.rep('x', 1e7)", "buffer.fromstring(data)"),
    ("buffer.readstring", "buffer.create(1e7)", "buffer.readstring(data, 0, 1e7)"),
    (
        "buffer.writestring",
        "{ buffer.create(1e7), string.rep('x', 1e7) }",
        "buffer.writestring(data[1], 0, data[2])",
    ),
    ("crypto.getRandomValues", "buffer.create(65536)", "crypto.getRandomValues(data)"),
    ("json.decode of brackets", "string.rep('[', 1e6)", "pcall(json.decode, data)"),
    ("json.encode of a text", "string.rep('\\n', 5e6)", "json.encode(data)"),
    (
        "kv:list",
        "(function() for i = 1, 3000 do self.ctx.storage.kv:put('k' .. i, i) end end)()",
        "self.ctx.storage.kv:list()",
    ),
    ("Headers", "7", "local h = Headers.new() for i = 1, 2000 do h:append('a' .. i, 'b') end"),
    ("json.encode", "table.create(3e5, 12345)", "json.encode(data)"),
    ("json.decode", "'[' .. string.rep('1,', 3e5) .. '1]'", "json.decode(data)"),
    ("base64.encode", "string.rep('x', 1e7)", "base64.encode(data)"),
    ("base64.decode", "string.rep('eHh4', 2e6)", "base64.decode(data)"),
    ("crypto.digest", "string.rep('x', 1e7)", "crypto.digest('SHA-256', data)"),
    ("kv:put", "string.rep('x', 1e6)", "self.ctx.storage.kv:put('k', data)"),
    ("kv:put of a table", "table.create(2e5, 1)", "self.ctx.storage.kv:put('k', data)"),
    (
        "sql:exec",
        "7",
        "self.ctx.storage.sql:exec('WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT sum(n) FROM c')",
    ),
    (
        "collecting garbage",
        "(function() local t = {} for i = 1, 1e5 do t[i] = { i } end return t end)()",
        "local _ = { {}, {}, {}, {} }",
    ),
    ("string.split, one hash", "flood(2048, ',')", "string.split(data, ',')"),
    ("string.gsub with a table, one hash", "flood(2048, ',')", "string.gsub(data, '[^,]+', {})"),
    (
        "json.decode, one hash",
        "'[\"' .. string.gsub(flood(2048, ','), ',', '\",\"') .. '\"]'",
        "json.decode(data)",
    ),
    (
        "json.decode of members, one hash",
        "'{\"' .. string.gsub(flood(1024, ','), ',', '\":1,\"') .. '\":1}'",
        "json.decode(data)",
    ),
    (
        "cursor of SQL, one hash",
        "'[\"' .. string.gsub(flood(1024, ','), ',', '\",\"') .. '\"]'",
        "self.ctx.storage.sql:exec('SELECT value FROM json_each(?)', data):toArray()",
    ),
];

/// Parts of texts that have one hash in the engine, whichever variant is taken of each: 64 of 5 characters.
const FLOOD: [&str; 3] = [
    "-i68aLj68aok68a2M68aQN68atO68aQm78a2n78atp78aoM98aLN98a-O98aQmV9a2nV9atpV9a-iW9aLjW9aokW9a2MW9aQNW9atOW9aoMX9aLNX9a-OX9a2ptAbQqtAbtrtAb-TtAbLUtAboVtAbLtuAb-uuAbowuAb2-vAbtLwAbQMwAb2NwAbo8wAbL9wAboMwBbLNwBb-OwBbQmyBb2nyBbtpyBb-izBbLjzBbokzBb2MzBbQNzBbtOzBboMXCbLNXCb-OXCb-iYCbLjYCbokYCb2MYCbQNYCbtOYCbQmZCb2nZCbtpZCbQmVXb",
    "CaA3aofB3aNgB3a-hB3aCAB3a3uC3aTvC3aoEC3a-GC3aNHC3aTWD3a3XD3anZD3a37E3aT8E3an9E3aT0V3a31V3aT074a3174a37g6aT8g6an9g6aTWh6a3Xh6anZh6a3ui6aTvi6aoEi6a-Gi6aNHi6aofj6aNgj6a-hj6aCAj6aCak6aT0v6a31v6aCaAqcofBqcNgBqc-hBqcCABqc3uCqcTvCqcoECqc-GCqcNHCqcTWDqc3XDqcnZDqc37EqcT8Eqcn9EqcT0Vqc31VqcT07rc317rc37gxcT8gxcn9gxcTWhxc3XhxcnZhxc",
    "50t3aw2t3aV3t3aY-t3aznv3aYov3awpv3aVqv3a5rv3aYNw3azOw3aVPw3awQw3a5Sw3a5Np4aVOp4awPp4aYQp4azRp4a5mq4awoq4aVpq4azqq4aYrq4a50U4aw2U4aV3U4aY-U4aYNV4azOV4aVPV4awQV4a5SV4aznW4aYoW4awpW4aVqW4a5rW4a5mM-awoM-aVpM-azqM-aYrM-a5NN-aVON-awPN-aYQN-azRN-azn7-aYo7-awp7-aVq7-a5r7-aYN8-azO8-aVP8-awQ8-a5S8-a509-aw29-aV39-aY-9-a5NpNZVOpNZ",
];

/// A table of many names.
const NAMES: &str =
    "(function() local t = {} for i = 1, 1e5 do t['k' .. i] = i end return t end)()";

pub fn code((_, prepare, run): &Case) -> String {
    let [last, middle, first] = FLOOD;
    format!(
        "local App = DurableObject:extend('App')
         local data
         -- 64 texts of one hash for each of `count`, up to 4,096.
         local function flood(count, separator)
             local ends, parts = {{}}, {{}}
             for i = 1, 320, 5 do table.insert(ends, '@' .. string.sub('{last}', i, i + 4)) end
             local all = table.concat(ends, separator)
             for i = 0, count - 1 do
                 local a, b = 5 * (i // 64) + 1, 5 * (i % 64) + 1
                 parts[i + 1] = string.gsub(all, '@', string.sub('{first}', a, a + 4) .. string.sub('{middle}', b, b + 4))
             end
             return table.concat(parts, separator)
         end
         function App:prepare() data = {prepare} end
         function App:run()
             local begin = os.clock()
             while os.clock() - begin < 0.25 do end
             while true do {run} end
         end
         return {{ App = App }}"
    )
}
