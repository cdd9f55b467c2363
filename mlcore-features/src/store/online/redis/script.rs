//! What the server runs, each in one step that no other client sees half of.
//!
//! Stamps are compared byte by byte: the server's language compares texts by its locale, and its numbers have 53 bits.

/// Says whether the bytes `a` are greater than or equal to `b`, which are as many.
macro_rules! script {
    ($body:literal) => {
        concat!(
            "
local function newer(a, b)
  for i = 1, #a do
    local x, y = string.byte(a, i), string.byte(b, i)
    if x ~= y then return x > y end
  end
  return true
end
",
            $body
        )
    };
}

/// Keys: the set of tables, the notes, then a key for each row. Arguments: the table, the number of notes, their names and values,
/// then for each row its bytes and when it goes away, or nothing. Answers how many rows were stored.
pub(super) const WRITE: &str = script!(
    "
local stored = 0
local notes = tonumber(ARGV[2])
redis.call('SADD', KEYS[1], ARGV[1])
for i = 3, #KEYS do
  local at = 3 + 2 * notes + 2 * (i - 3)
  local row, expiry = ARGV[at], ARGV[at + 1]
  local old = redis.call('GETRANGE', KEYS[i], 8, 23)
  if #old ~= 16 or newer(string.sub(row, 9, 24), old) then
    if expiry == '' then
      redis.call('SET', KEYS[i], row)
    else
      redis.call('SET', KEYS[i], row, 'EXAT', expiry)
    end
    stored = stored + 1
  end
end
for i = 1, notes do
  redis.call('HSET', KEYS[2], ARGV[1 + 2 * i], ARGV[2 + 2 * i])
end
return stored
"
);

/// Keys: the set of tables, then a key for each row. Arguments: the table, then for each row the stamp that the stored one must have,
/// or nothing where there must be none, its bytes, and when it goes away, or nothing. Answers whether all were replaced.
pub(super) const SWAP: &str = "
for i = 2, #KEYS do
  local expected = ARGV[3 * i - 4]
  if expected == '' then
    if redis.call('EXISTS', KEYS[i]) == 1 then return 0 end
  elseif redis.call('GETRANGE', KEYS[i], 8, 23) ~= expected then
    return 0
  end
end
redis.call('SADD', KEYS[1], ARGV[1])
for i = 2, #KEYS do
  local row, expiry = ARGV[3 * i - 3], ARGV[3 * i - 2]
  if expiry == '' then
    redis.call('SET', KEYS[i], row)
  else
    redis.call('SET', KEYS[i], row, 'EXAT', expiry)
  end
end
return 1
";

/// Keys: the set of tables, then a series for each row. Arguments: the table, how many rows a series keeps, then for each row
/// its member, which is the event and the row, and when it goes away, or nothing. Answers how many rows were stored.
pub(super) const APPEND: &str = script!(
    "
local stored = 0
redis.call('SADD', KEYS[1], ARGV[1])
for i = 2, #KEYS do
  local series, member, expiry = KEYS[i], ARGV[2 * i - 1], ARGV[2 * i]
  local event = string.sub(member, 1, 8)
  local keep = true
  for _, old in ipairs(redis.call('ZRANGEBYLEX', series, '[' .. event, '[' .. event .. '\\255')) do
    if newer(string.sub(member, 17, 32), string.sub(old, 17, 32) .. string.rep('\\0', 32 - #old)) then
      redis.call('ZREM', series, old)
    else
      keep = false
    end
  end
  if keep then
    redis.call('ZADD', series, 0, member)
    redis.call('ZREMRANGEBYRANK', series, 0, -1 - ARGV[2])
    if redis.call('ZSCORE', series, member) then
      stored = stored + 1
    end
    local newest = redis.call('ZRANGE', series, -1, -1)
    if newest[1] == member then
      if expiry == '' then
        redis.call('PERSIST', series)
      else
        redis.call('EXPIREAT', series, expiry)
      end
    end
  end
end
return stored
"
);

/// Keys: rows and series. Arguments: for each key whether it is a series, then the event before which values go. Answers how many went.
pub(super) const EVICT: &str = script!(
    "
local gone = 0
local before = ARGV[#KEYS + 1]
for i, key in ipairs(KEYS) do
  if ARGV[i] == '1' then
    gone = gone + redis.call('ZREMRANGEBYLEX', key, '-', '(' .. before)
  else
    local event = redis.call('GETRANGE', key, 8, 15)
    if #event > 0 and (#event ~= 8 or not newer(event, before)) then
      gone = gone + redis.call('DEL', key)
    end
  end
end
return gone
"
);
