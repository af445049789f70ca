-- Leads from schema version 2 to version 3, in which the channel is part of the fediverse.
alter table videos add column likes integer not null default 0;
alter table videos add column dislikes integer not null default 0;
alter table videos add column boosts integer not null default 0;
alter table videos add column commenting text not null default '' check (commenting in ('', 'open', 'approve', 'links', 'closed'));
alter table videos add column warning text not null default '';
create table actors (
  id           integer primary key,
  uri          text    not null unique,
  kind         text    not null,
  acct         text    not null,
  host         text    not null,
  domain       text    not null default '',
  name         text    not null,
  url          text    not null,
  inbox        text    not null,
  shared_inbox text    not null,
  key_id       text    not null,
  key_pem      text    not null,
  avatar_url   text    not null,
  avatar       text    not null,
  fetched_at   integer not null
) strict;
create index actors_key on actors (key_id);
create index actors_host on actors (host, shared_inbox);
create index actors_acct on actors (acct);
create index actors_domain on actors (domain);
-- Rebuilt, since a number of a comment must never be given twice. The old one's indices and
-- triggers go with it.
create table comments3 (
  id           integer primary key autoincrement,
  video        text    not null references videos (id) on delete cascade,
  parent       integer references comments (id) on delete cascade,
  author_name  text    not null,
  author_acct  text    not null,
  author_url   text    not null,
  avatar       text    not null,
  html         text    not null,
  url          text    not null,
  likes        integer not null,
  boosts       integer not null,
  published_at integer not null,
  uri          text    not null default '',
  actor        integer references actors (id) on delete cascade,
  state        text    not null default 'shown' check (state in ('shown', 'held', 'hidden')),
  edited_at    integer
) strict;
insert into comments3 (id, video, parent, author_name, author_acct, author_url, avatar, html, url, likes, boosts, published_at)
select id, video, parent, author_name, author_acct, author_url, avatar, html, url, likes, boosts, published_at from comments;
drop table comments;
alter table comments3 rename to comments;
create unique index comments_uri on comments (uri) where uri <> '';
create index comments_top on comments (video, published_at desc, id desc) where parent is null and state = 'shown';
create index comments_video on comments (video, id desc);
create index comments_parent on comments (parent) where parent is not null;
create index comments_actor on comments (actor) where actor is not null;
create index comments_held on comments (id) where state = 'held';
create trigger comments_insert after insert on comments begin
  update videos set comments = comments + (new.state = 'shown') where id = new.video;
end;
create trigger comments_state after update of state on comments begin
  update videos set comments = comments + (new.state = 'shown') - (old.state = 'shown') where id = new.video;
end;
create trigger comments_delete after delete on comments begin
  update videos set comments = comments - (old.state = 'shown') where id = old.video;
end;
create table followers (
  target      text    not null check (target in ('person', 'group')),
  actor       integer not null references actors (id) on delete cascade,
  follow      text    not null,
  asked_at    integer not null,
  accepted_at integer,
  primary key (target, actor)
) strict, without rowid;
create index followers_actor on followers (actor);
create index followers_accepted on followers (target, accepted_at desc, actor desc) where accepted_at is not null;
create index followers_waiting on followers (asked_at) where accepted_at is null;
create table inbox (
  id          integer primary key,
  activity    text    not null unique,
  actor       text    not null,
  host        text    not null,
  body        text    not null,
  state       text    not null check (state in ('queued', 'done', 'failed')),
  attempts    integer not null,
  reason      text    not null,
  run_at      integer not null,
  received_at integer not null
) strict;
create index inbox_due on inbox (host, run_at) where state = 'queued';
create index inbox_received on inbox (received_at);
create table reactions (
  id       integer primary key,
  activity text    not null unique,
  actor    integer not null references actors (id) on delete cascade,
  kind     text    not null check (kind in ('like', 'dislike', 'boost')),
  video    text    not null references videos (id) on delete cascade,
  comment  integer references comments (id) on delete cascade,
  emoji    text    not null,
  at       integer not null
) strict;
create unique index reactions_once on reactions (video, kind, actor, coalesce(comment, 0));
create index reactions_video on reactions (video, kind, id desc) where comment is null;
create index reactions_actor on reactions (actor);
create index reactions_comment on reactions (comment) where comment is not null;
create trigger reactions_insert after insert on reactions begin
  update videos set likes = likes + (new.kind = 'like'), dislikes = dislikes + (new.kind = 'dislike'), boosts = boosts + (new.kind = 'boost')
  where id = new.video and new.comment is null;
  update comments set likes = likes + (new.kind = 'like'), boosts = boosts + (new.kind = 'boost') where id = new.comment;
end;
create trigger reactions_delete after delete on reactions begin
  update videos set likes = likes - (old.kind = 'like'), dislikes = dislikes - (old.kind = 'dislike'), boosts = boosts - (old.kind = 'boost')
  where id = old.video and old.comment is null;
  update comments set likes = likes - (old.kind = 'like'), boosts = boosts - (old.kind = 'boost') where id = old.comment;
end;
create table news (
  video   text    primary key,
  at      integer not null,
  changes integer not null
) strict, without rowid;
create trigger news_video after update of visibility, published_at, title, description, language, license, tags, downloads, commenting, warning, rev on videos begin
  insert into news (video, at, changes) values (new.id, new.updated_at, 1) on conflict (video) do update set at = excluded.at, changes = changes + 1;
end;
create trigger news_deleted after delete on videos begin
  insert into news (video, at, changes) values (old.id, old.updated_at, 1) on conflict (video) do update set changes = changes + 1;
end;
create trigger news_rendition after insert on renditions begin
  insert into news (video, at, changes) select id, updated_at, 1 from videos where id = new.video and rev = new.rev
  on conflict (video) do update set changes = changes + 1;
end;
create trigger news_media after update of poster, storyboard, state on media begin
  insert into news (video, at, changes) select id, updated_at, 1 from videos where id = new.video and rev = new.rev
  on conflict (video) do update set changes = changes + 1;
end;
create trigger news_caption after insert on captions begin
  insert into news (video, at, changes) select id, updated_at, 1 from videos where id = new.video and rev > 0
  on conflict (video) do update set at = excluded.at, changes = changes + 1;
end;
create trigger news_uncaption after delete on captions begin
  insert into news (video, at, changes) select id, updated_at, 1 from videos where id = old.video and rev > 0
  on conflict (video) do update set at = excluded.at, changes = changes + 1;
end;
create table told (
  video     text    primary key,
  gone      integer not null check (gone in (0, 1)),
  says      text    not null,
  media     text    not null,
  edited_at integer not null,
  told_at   integer not null
) strict, without rowid;
create table outgoing (
  id   integer primary key,
  uri  text    not null unique,
  by   text    not null check (by in ('person', 'group')),
  body text    not null,
  at   integer not null
) strict;
create index outgoing_at on outgoing (at);
create table deliveries (
  id       integer primary key,
  outgoing integer not null references outgoing (id) on delete cascade,
  inbox    text    not null,
  host     text    not null,
  attempts integer not null,
  reason   text    not null,
  run_at   integer not null,
  unique (outgoing, inbox)
) strict;
create index deliveries_due on deliveries (run_at);
create index deliveries_host on deliveries (host, run_at);
create table hosts (
  host       text    primary key,
  failing_at integer not null,
  parked     integer not null check (parked in (0, 1)),
  reason     text    not null
) strict, without rowid;
create table blocks (
  target text    primary key,
  mute   integer not null check (mute in (0, 1)),
  note   text    not null,
  at     integer not null
) strict, without rowid;
create table quotes (
  id    integer primary key,
  quote text    not null unique,
  actor text    not null,
  video text    not null references videos (id) on delete cascade,
  at    integer not null
) strict;
create index quotes_video on quotes (video);
create table deeds (
  id      text    primary key,
  kind    text    not null check (kind in ('like', 'boost')),
  object  text    not null,
  url     text    not null,
  author  text    not null,
  acct    text    not null,
  inbox   text    not null,
  host    text    not null,
  comment integer references comments (id) on delete cascade,
  at      integer not null,
  unique (kind, object)
) strict, without rowid;
create index deeds_at on deeds (kind, at desc);
create index deeds_author on deeds (author);
create index deeds_comment on deeds (comment) where comment is not null;
create trigger deeds_insert after insert on deeds begin
  update comments set likes = likes + (new.kind = 'like'), boosts = boosts + (new.kind = 'boost') where id = new.comment;
end;
create trigger deeds_delete after delete on deeds begin
  update comments set likes = likes - (old.kind = 'like'), boosts = boosts - (old.kind = 'boost') where id = old.comment;
end;
create table reports (
  id     integer primary key,
  actor  text    not null,
  object text    not null,
  text   text    not null,
  at     integer not null
) strict;
create table backups (
  id        integer primary key check (id = 1),
  at        integer,
  took      integer not null,
  folder    text    not null,
  bytes     integer not null,
  files     integer not null,
  failed_at integer,
  reason    text    not null
) strict;
