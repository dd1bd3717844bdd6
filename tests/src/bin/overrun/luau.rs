//! The functions of Luau's library and of the guest API.

use super::Case;

pub const CASES: &[Case] = &[
    ("string.rep", "7", "string.rep('x', 3e7)"),
    ("string.format", "string.rep('x', 1e7)", "string.format('%s%99.99f', data, 1e300)"),
    ("string.reverse", "string.rep('x', 1e7)", "string.reverse(data)"),
    ("string.upper", "string.rep('x', 1e7)", "string.upper(data)"),
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
];

pub fn code((_, prepare, run): &Case) -> String {
    format!(
        "local App = DurableObject:extend('App')
         local data
         function App:prepare() data = {prepare} end
         function App:run()
             local begin = os.clock()
             while os.clock() - begin < 0.25 do end
             while true do {run} end
         end
         return {{ App = App }}"
    )
}
