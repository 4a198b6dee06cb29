-- The notebook's tables. No keys, indexes, sequences, enums or checks: an index costs five times the file
-- and buys no query time here, and the same statements have to run on DuckLake. Identifiers are made by the
-- client. Times are Unix seconds; a missing number is NULL.

create table migrations (
  version integer,
  name varchar,
  unix_time double
);

create table meta (
  key varchar,
  value varchar
);

create table sources (
  source_id varchar,
  path varchar,
  format varchar,
  device ubigint,
  inode ubigint,
  size bigint,
  mtime double,
  head_len bigint,
  head_digest varchar,
  byte_offset bigint,
  state varchar,        -- the parser's memory, JSON
  confidence double,
  generation bigint,    -- how often this source has been written
  first_read double,
  last_read double
);

create table runs (
  run_id varchar,
  identity varchar,     -- an id the log carries, else its path and number
  name varchar,
  folder varchar,
  created double,
  last_progress double
);

create table said (
  source_id varchar,
  part varchar,
  run_id varchar,
  name varchar,
  config varchar,       -- JSON object, flat
  config_source varchar,
  figures varchar,      -- JSON list of [key, value, source, digits]
  units varchar,        -- JSON object: unit by series
  step_kind varchar,
  step_origin integer,
  started double,
  status varchar,
  status_line varchar
);

create table points (
  run_id varchar,
  series varchar,
  source_id varchar,
  seq bigint,           -- place in file order within run, series and source, from 0
  segment integer,
  step double,
  tokens double,
  epoch double,
  wall double,
  value double,         -- as logged; NaN where NaN was printed
  place bigint
);

create table latest (
  run_id varchar,
  series varchar,
  source_id varchar,
  points bigint,
  non_finite bigint,
  first_step double,
  last_step double,
  max_step double,
  first_value double,
  last_value double,
  min_value double,
  min_step double,
  max_tokens double,
  max_epoch double,
  first_wall double,
  last_wall double
);

create table issues (
  source_id varchar,
  run_id varchar,       -- empty where the source speaks of several runs
  code varchar,
  place varchar,
  text varchar,
  count bigint
);

create table given (
  run_id varchar,
  key varchar,
  value varchar,        -- empty: taken back
  unix_time double,
  seq bigint            -- the newest is the largest
);

create table cache (
  kind varchar,
  digest varchar,
  engine varchar,
  value varchar,
  bytes bigint,
  unix_time double
);

-- The last written value of each step.
create view curve as
select run_id, series, source_id, step, value, tokens, epoch, wall, segment, place
from points
qualify row_number() over (partition by run_id, series, source_id, step order by seq desc) = 1;

-- The same with the unit its source gives, and per token or byte in nats where the unit is known.
create view curve_nats as
with unit_of as (
  select distinct l.run_id, l.series, l.source_id, s.units ->> l.series as unit
  from latest l
  join said s on s.run_id = l.run_id and s.source_id = l.source_id
  where left(l.series, 1) not in ('$', '/')
)
select
  c.*,
  u.unit,
  case
    when u.unit in ('nats/token', 'nats/byte') then c.value
    when u.unit in ('bits/token', 'bits/byte') then c.value * ln(2)
  end as value_nats
from curve c
left join unit_of u on u.run_id = c.run_id and u.series = c.series and u.source_id = c.source_id;
