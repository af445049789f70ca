-- Schema version 4 as it was released, with a row of everything. Frozen: never edited.
pragma application_id = 1953849957;
pragma user_version = 4;

-- Everything Tubelet remembers, except the bytes of its videos.
--
-- This file is always the whole current schema: a new database is made from it, and
-- an old one is brought to it by the numbered upgrades in upgrade.go. Whoever changes
-- it adds an upgrade and a frozen copy in testdata/; a test compares the two ways.
--
-- Times are milliseconds since 1970-01-01 UTC, durations are milliseconds, and null is
-- "never" or "none yet". Text that was not given is '', never null. Names of files are
-- bare names; the folder follows from the row, as each table says.


-- The one channel of this instance. A single row, made by `tubelet init`.
create table channel (
  id          integer primary key check (id = 1),
  handle      text    not null, -- part of the address of the actor, never changes
  domain      text    not null, -- part of every address, never changes
  local       integer not null check (local in (0, 1)),
  name        text    not null,
  description text    not null, -- Markdown
  language    text    not null, -- BCP 47
  avatar      text    not null, -- file in channel/
  banner      text    not null, -- file in channel/
  links       text    not null check (json_type(links) = 'array'), -- [{"Label": ..., "URL": ...}]
  created_at  integer not null
) strict;


-- What the creator changed from its default. The known keys, their defaults and their
-- meaning are a table in settings.go; a key that is unknown there is left alone, since
-- it may belong to a newer version that was tried and given up. One key is our own: the
-- value of 'content' counts the commits that may have changed what visitors see.
create table settings (
  key   text primary key,
  value text not null
) strict, without rowid;


-- One video: what the creator says about it, and which revision of its media is served.
--
-- A video is visible to somebody who has its address when published_at is set and it is
-- no draft, and listed when it is public besides. published_at is written by one function
-- (settle in video.go) and never set while rev is 0, so neither rule needs to ask for rev.
create table videos (
  number       integer primary key,  -- order of making; what tags and the search key on
  id           text    not null unique, -- ten of [0-9a-z], part of the address, never changes
  uuid         text    not null unique,
  visibility   text    not null check (visibility in ('public', 'unlisted', 'draft')),
  downloads    integer not null check (downloads in (0, 1)),
  p2p          text    not null default '' check (p2p in ('', 'on', 'ask', 'off')), -- '' as the setting p2p says
  views        integer not null default 0,
  comments     integer not null default 0, -- rows in comments that are shown, kept by triggers
  likes        integer not null default 0, -- these three are kept by triggers on reactions
  dislikes     integer not null default 0,
  boosts       integer not null default 0,
  commenting   text    not null default '' check (commenting in ('', 'open', 'approve', 'links', 'closed')), -- '' as the setting comments says
  warning      text    not null default '', -- content warning
  rev          integer not null default 0, -- revision served, 0 while nothing is watchable
  latest       integer not null, -- highest revision there ever was; numbers are not used twice
  publish_at   integer, -- scheduled moment
  published_at integer, -- first moment it was visible
  created_at   integer not null,
  updated_at   integer not null,
  title        text    not null,
  language     text    not null, -- BCP 47
  license      text    not null,
  tags         text    not null, -- as written and in the creator's order, one a line
  description  text    not null, -- Markdown; last, since what follows a long text is slow to reach
  check (rev between 0 and latest),
  check (rev > 0 or published_at is null)
) strict;

-- The channel page, the feeds and the sitemap: newest first. A query uses it when it
-- repeats both conditions.
create index videos_listed on videos (published_at desc, number desc)
  where visibility = 'public' and published_at is not null;

-- What waits for its moment.
create index videos_scheduled on videos (publish_at)
  where publish_at is not null and published_at is null;

-- The exceptions from the setting p2p.
create index videos_p2p on videos (p2p) where p2p <> '';

create index videos_created on videos (created_at desc, number desc);


-- videos.tags again, folded to lower case, to find videos by tag.
create table tags (
  folded text    not null,
  number integer not null references videos (number) on delete cascade,
  name   text    not null, -- as written
  primary key (folded, number)
) strict, without rowid;

create index tags_number on tags (number);


-- The full-text index over videos. It holds no text of its own (content = 'videos'), so
-- each change of a row tells it the old words and the new ones.
create virtual table videos_search using fts5 (
  title, description, tags,
  content = 'videos', content_rowid = 'number',
  tokenize = 'unicode61 remove_diacritics 2'
);

create trigger videos_search_insert after insert on videos begin
  insert into videos_search (rowid, title, description, tags)
  values (new.number, new.title, new.description, new.tags);
end;

create trigger videos_search_delete after delete on videos begin
  insert into videos_search (videos_search, rowid, title, description, tags)
  values ('delete', old.number, old.title, old.description, old.tags);
end;

create trigger videos_search_update after update of title, description, tags on videos begin
  insert into videos_search (videos_search, rowid, title, description, tags)
  values ('delete', old.number, old.title, old.description, old.tags);
  insert into videos_search (rowid, title, description, tags)
  values (new.number, new.title, new.description, new.tags);
end;


-- Named points in a video.
create table chapters (
  video text    not null references videos (id) on delete cascade,
  start integer not null check (start >= 0),
  title text    not null,
  primary key (video, start)
) strict, without rowid;


-- Text tracks, one a language. Their files are in videos/<video>/captions/.
create table captions (
  video    text not null references videos (id) on delete cascade,
  language text not null, -- BCP 47
  label    text not null,
  file     text not null,
  primary key (video, language)
) strict, without rowid;


-- One revision of a video's media: a source and what was made of it, in videos/<video>/<rev>/.
-- Revisions below videos.rev are obsolete: their rows stay only until their files are gone.
create table media (
  video               text    not null references videos (id) on delete cascade,
  rev                 integer not null check (rev > 0),
  state               text    not null check (state in ('processing', 'watchable', 'done', 'failed')),
  error               text    not null,
  source_name         text    not null, -- what the creator's file was called
  source_bytes        integer not null,
  source_sha256       text    not null, -- lower-case hex, '' while not yet known
  source_file         text    not null, -- the kept original, else ''
  duration            integer not null,
  width               integer not null, -- display size of the source
  height              integer not null,
  fps                 real    not null,
  has_video           integer not null check (has_video in (0, 1)),
  has_audio           integer not null check (has_audio in (0, 1)),
  poster              text    not null,
  poster_width        integer not null,
  poster_height       integer not null,
  thumb               text    not null, -- the poster smaller, for lists; '' where it is small itself
  storyboard          text    not null, -- one JPEG with a grid of small pictures
  storyboard_vtt      text    not null,
  storyboard_columns  integer not null,
  storyboard_rows     integer not null,
  storyboard_width    integer not null, -- of one tile
  storyboard_height   integer not null,
  storyboard_interval integer not null,
  created_at          integer not null,
  primary key (video, rev)
) strict, without rowid;

-- "Was this very file published before?", asked in two steps: the size at once, the
-- checksum when the size is known.
create index media_source_bytes on media (source_bytes);
create index media_source_sha256 on media (source_sha256) where source_sha256 <> '';


-- One playable file of a revision, a fragmented MP4 with its byte-range playlist.
create table renditions (
  video     text    not null,
  rev       integer not null,
  height    integer not null, -- the ladder's name for it; 0 for audio alone
  language  text    not null, -- of an alternative audio track, else ''
  file      text    not null,
  playlist  text    not null,
  bytes     integer not null,
  width     integer not null,
  pixels    integer not null, -- rows of the picture
  fps       real    not null,
  codecs    text    not null, -- RFC 6381
  bandwidth integer not null, -- bits per second, peak of any segment
  average   integer not null, -- bits per second, over the whole
  copied    integer not null check (copied in (0, 1)),
  infohash  text    not null, -- BitTorrent v1, hex, '' until its torrent exists
  pieces    integer not null default 0, -- bytes of one piece of its torrent
  primary key (video, rev, height, language),
  foreign key (video, rev) references media (video, rev) on delete cascade
) strict, without rowid;

create index renditions_infohash on renditions (infohash) where infohash <> '';


-- What is said under a video, already sanitised.
create table comments (
  id           integer primary key autoincrement, -- in addresses that others keep for ever, so never used twice
  video        text    not null references videos (id) on delete cascade,
  parent       integer references comments (id) on delete cascade, -- null at top level
  author_name  text    not null,
  author_acct  text    not null, -- @user@host
  author_url   text    not null,
  avatar       text    not null, -- address on our own host
  html         text    not null,
  url          text    not null, -- where it was written
  likes        integer not null,
  boosts       integer not null,
  published_at integer not null,
  uri          text    not null default '', -- ActivityPub id; '' only for what never was anybody's object
  actor        integer references actors (id) on delete cascade, -- null: the creator
  state        text    not null default 'shown' check (state in ('shown', 'held', 'hidden')), -- held: until the creator approves
  edited_at    integer
) strict;

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


-- Work that survives a restart. Every step ends with one transaction that records what
-- it did and adds the next step.
create table jobs (
  id         integer primary key autoincrement, -- shown to people, so never used twice
  kind       text    not null,
  video      text    references videos (id) on delete cascade,
  rev        integer not null,
  state      text    not null check (state in ('queued', 'running', 'waiting', 'done', 'failed')),
  stage      text    not null,
  percent    real    not null,
  speed      real    not null,
  eta        integer not null,
  reason     text    not null,
  attempts   integer not null, -- times it was claimed
  priority   integer not null,
  run_at     integer not null, -- not before
  created_at integer not null,
  updated_at integer not null
) strict;

-- What may be claimed. 'waiting' is there too: it is looked at again when run_at comes.
create index jobs_due on jobs (run_at) where state in ('queued', 'waiting');
create index jobs_open on jobs (id) where state in ('queued', 'running', 'waiting');
create index jobs_video on jobs (video);


-- Bytes of media that left this machine on one day, or came to viewers from each other.
create table traffic (
  day   text    not null, -- 2026-01-31, UTC
  way   text    not null, -- http, swarm (HTTP that the swarm asked for), webrtc, tcp, peers
  bytes integer not null,
  primary key (day, way)
) strict, without rowid;


-- What the server tells a command that looks on: `tubelet swarm` sets "until" a few seconds
-- ahead, and as long as that lies ahead the server writes its figures each second.
create table figures (
  id    integer primary key check (id = 1),
  until integer not null,
  at    integer not null, -- when the figures were written, 0 for never
  told  text    not null check (json_valid(told))
) strict;


-- The machines of friends that have seeded this channel's videos.
create table mirrors (
  id      text    primary key, -- what it calls itself by, lower-case hex
  name    text    not null,
  url     text    not null,
  refused integer not null check (refused in (0, 1)),
  seen_at integer not null
) strict, without rowid;


-- The last backup that came to its end, and what went wrong since. A single row.
create table backups (
  id        integer primary key check (id = 1),
  at        integer, -- when it was begun
  took      integer not null,
  folder    text    not null,
  bytes     integer not null,
  files     integer not null,
  failed_at integer, -- the last try, when that went wrong
  reason    text    not null
) strict;


-- Below: the fediverse.

-- Actors of other servers, as they last described themselves.
create table actors (
  id           integer primary key,
  uri          text    not null unique, -- ActivityPub id
  kind         text    not null, -- Person, Group, Service, ...
  acct         text    not null, -- @user@host
  host         text    not null,
  domain       text    not null default '', -- that somebody registered, with all hosts below it
  name         text    not null,
  url          text    not null, -- of the profile's page
  inbox        text    not null,
  shared_inbox text    not null, -- what serves all of a host with one delivery; the inbox where there is none
  key_id       text    not null,
  key_pem      text    not null,
  avatar_url   text    not null,
  avatar       text    not null, -- file in cache/avatars/, '' while there is none
  fetched_at   integer not null
) strict;

create index actors_key on actors (key_id);
create index actors_host on actors (host, shared_inbox);
create index actors_acct on actors (acct);
create index actors_domain on actors (domain);


-- Who follows which of our two actors.
create table followers (
  target      text    not null check (target in ('person', 'group')),
  actor       integer not null references actors (id) on delete cascade,
  follow      text    not null, -- id of the Follow
  asked_at    integer not null,
  accepted_at integer, -- null while the creator has to approve
  primary key (target, actor)
) strict, without rowid;

create index followers_actor on followers (actor);
create index followers_accepted on followers (target, accepted_at desc, actor desc) where accepted_at is not null;
create index followers_waiting on followers (asked_at) where accepted_at is null;


-- What came in, verified, as it came. The id of an activity makes a second delivery of it
-- harmless.
create table inbox (
  id          integer primary key,
  activity    text    not null unique,
  actor       text    not null, -- who signed it
  host        text    not null, -- the actor's: one is worked on at a time
  body        text    not null, -- '' once it is done
  state       text    not null check (state in ('queued', 'done', 'failed')),
  attempts    integer not null,
  reason      text    not null,
  run_at      integer not null,
  received_at integer not null
) strict;

create index inbox_due on inbox (host, run_at) where state = 'queued';
create index inbox_received on inbox (received_at);


-- Likes, dislikes and boosts of videos and comments. The counters beside what they are about
-- are kept by triggers.
create table reactions (
  id       integer primary key,
  activity text    not null unique,
  actor    integer not null references actors (id) on delete cascade,
  kind     text    not null check (kind in ('like', 'dislike', 'boost')),
  video    text    not null references videos (id) on delete cascade,
  comment  integer references comments (id) on delete cascade, -- null: the video itself
  emoji    text    not null, -- of an emoji reaction
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


-- Videos about which others may have to hear something new. Every way of changing a video
-- leaves a row here in the same commit; whoever runs the federation compares the video with
-- what was told, and takes the row away.
create table news (
  video   text    primary key,
  at      integer not null,
  changes integer not null -- so that one that comes while others are told is not lost
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


-- Videos that the creator pinned, which are shown first. One that not everybody sees any more
-- is pinned no longer.
create table pins (
  video text    primary key references videos (id) on delete cascade,
  at    integer not null
) strict, without rowid;

create trigger pins_hidden after update of visibility, published_at on videos
when new.visibility <> 'public' or new.published_at is null begin
  delete from pins where video = new.id;
end;

create trigger news_pinned after insert on pins begin
  insert into news (video, at, changes) select id, updated_at, 1 from videos where id = new.video on conflict (video) do update set changes = changes + 1;
end;

create trigger news_unpinned after delete on pins begin
  insert into news (video, at, changes) select id, updated_at, 1 from videos where id = old.video on conflict (video) do update set changes = changes + 1;
end;


-- What others were told about a video. It outlives the video, as its tombstone.
create table told (
  video     text    primary key,
  gone      integer not null check (gone in (0, 1)),
  says      text    not null, -- checksum of what the creator said, so that an edit shows as one
  media     text    not null, -- checksum of the rest
  edited_at integer not null, -- "updated" of the object
  told_at   integer not null,
  pinned    integer not null default 0 check (pinned in (0, 1)) -- that it is pinned, too
) strict, without rowid;

create index told_pinned on told (video) where pinned = 1;


-- Activities of ours on their way, one row each; to whom is in deliveries.
create table outgoing (
  id   integer primary key,
  uri  text    not null unique,
  by   text    not null check (by in ('person', 'group')), -- who signs
  body text    not null,
  at   integer not null
) strict;

create index outgoing_at on outgoing (at);


-- One activity to one inbox. What was delivered is deleted.
create table deliveries (
  id       integer primary key,
  outgoing integer not null references outgoing (id) on delete cascade,
  inbox    text    not null,
  host     text    not null,
  attempts integer not null,
  reason   text    not null, -- of the last failure
  run_at   integer not null,
  unique (outgoing, inbox)
) strict;

create index deliveries_due on deliveries (run_at);
create index deliveries_host on deliveries (host, run_at);


-- Hosts that could not be reached lately.
create table hosts (
  host       text    primary key,
  failing_at integer not null, -- since when
  parked     integer not null check (parked in (0, 1)), -- nothing is sent until they speak to us
  reason     text    not null
) strict, without rowid;


-- Whom the creator does not want to hear: a host, or an actor's acct.
create table blocks (
  target text    primary key, -- host, or @user@host
  mute   integer not null check (mute in (0, 1)), -- not shown; a block is also not spoken to
  note   text    not null,
  at     integer not null
) strict, without rowid;


-- Quotes that were allowed, FEP-044f.
create table quotes (
  id      integer primary key,
  quote   text    not null unique, -- id of the quoting object
  actor   text    not null,
  video   text    not null references videos (id) on delete cascade,
  at      integer not null,
  comment integer references comments (id) on delete cascade -- of the creator's, under the video; null: the video itself
) strict;

create index quotes_video on quotes (video);
create index quotes_actor on quotes (actor);
create index quotes_comment on quotes (comment) where comment is not null;


-- What the creator liked and boosted of others: comments here, notes and videos elsewhere.
create table deeds (
  id      text    primary key, -- in the activity's id: another each time
  kind    text    not null check (kind in ('like', 'boost')),
  object  text    not null, -- ActivityPub id
  url     text    not null, -- its page
  author  text    not null, -- ActivityPub id
  acct    text    not null, -- the author's
  inbox   text    not null, -- where the author heard of it
  host    text    not null,
  comment integer references comments (id) on delete cascade, -- null: elsewhere
  at      integer not null,
  unique (kind, object)
) strict, without rowid;

create index deeds_at on deeds (kind, at desc);
create index deeds_author on deeds (author);
create index deeds_acct on deeds (acct);
create index deeds_host on deeds (host);
create index deeds_comment on deeds (comment) where comment is not null;

create trigger deeds_insert after insert on deeds begin
  update comments set likes = likes + (new.kind = 'like'), boosts = boosts + (new.kind = 'boost') where id = new.comment;
end;

create trigger deeds_delete after delete on deeds begin
  update comments set likes = likes - (old.kind = 'like'), boosts = boosts - (old.kind = 'boost') where id = old.comment;
end;


-- Reports by other servers' people, for the creator to read.
create table reports (
  id     integer primary key,
  actor  text    not null,
  object text    not null,
  text   text    not null,
  at     integer not null
) strict;


-- Rows.
insert into channel (id, handle, domain, local, name, description, language, avatar, banner, links, created_at)
values (1, 'workshop', 'video.example', 0, 'The Small Workshop', 'Hand tools.', 'en', 'avatar.png', '',
  '[{"Label":"Home","URL":"https://example.org/"}]', 1760000000000);
insert into settings (key, value) values ('threads', '2');
insert into videos (number, id, uuid, title, description, language, license, tags, visibility, downloads, views, rev, latest,
  publish_at, published_at, created_at, updated_at)
values (1, 'h7k2m9qxw4', '0b8c5a56-6c0f-4b3a-9f5d-2f3a5c6d7e8f', 'Cutting dovetails', 'By hand.', 'en', 'CC-BY-4.0',
  'Wood' || char(10) || 'Joints', 'public', 1, 42, 1, 1, null, 1760000100000, 1760000000000, 1760000100000);
insert into tags (folded, number, name) values ('wood', 1, 'Wood'), ('joints', 1, 'Joints');
insert into chapters (video, start, title) values ('h7k2m9qxw4', 0, 'Start'), ('h7k2m9qxw4', 12500, 'Sawing');
insert into captions (video, language, label, file) values ('h7k2m9qxw4', 'en', 'English', 'en-0a1b2c3d.vtt');
insert into media (video, rev, state, error, source_name, source_bytes, source_sha256, source_file, duration, width, height,
  fps, has_video, has_audio, poster, poster_width, poster_height, thumb, storyboard, storyboard_vtt, storyboard_columns,
  storyboard_rows, storyboard_width, storyboard_height, storyboard_interval, created_at)
values ('h7k2m9qxw4', 1, 'watchable', '', 'dovetails.mov', 1000, 'aa', 'source.mov', 90000, 1920, 1080, 25.0, 1, 1,
  'poster-1.jpg', 1280, 720, 'thumb-1.jpg', 'storyboard-1.jpg', 'storyboard-1.vtt', 5, 4, 160, 90, 5000, 1760000000000);
insert into renditions (video, rev, height, language, file, playlist, bytes, width, pixels, fps, codecs, bandwidth, average,
  copied, infohash)
values ('h7k2m9qxw4', 1, 1080, '', '1080p.mp4', '1080p.m3u8', 5000, 1920, 1080, 25.0, 'avc1.640028,mp4a.40.2', 3000000,
  2000000, 1, '');
insert into comments (id, video, parent, author_name, author_acct, author_url, avatar, html, url, likes, boosts, published_at)
values (1, 'h7k2m9qxw4', null, 'Ada', '@ada@example.org', 'https://example.org/ada', '', '<p>Nice</p>', 'https://example.org/1', 1, 0, 1760000200000),
  (2, 'h7k2m9qxw4', 1, 'Bob', '@bob@example.net', 'https://example.net/bob', '', '<p>Yes</p>', 'https://example.net/2', 0, 0, 1760000300000);
insert into jobs (kind, video, rev, state, stage, percent, speed, eta, reason, attempts, priority, run_at, created_at, updated_at)
values ('transcode', 'h7k2m9qxw4', 1, 'queued', '', 0.0, 0.0, 0, '', 0, 0, 1760000100000, 1760000100000, 1760000100000);
insert into traffic (day, way, bytes) values ('2025-10-09', 'http', 5000), ('2025-10-09', 'peers', 7000);
insert into figures (id, until, at, told) values (1, 1760000300000, 1760000300000, '{"viewers":2}');
insert into mirrors (id, name, url, refused, seen_at)
values ('00112233445566778899aabbccddeeff', 'attic', 'https://attic.example', 0, 1760000300000);
insert into actors (id, uri, kind, acct, host, name, url, inbox, shared_inbox, key_id, key_pem, avatar_url, avatar, fetched_at)
values (1, 'https://example.org/users/ada', 'Person', '@ada@example.org', 'example.org', 'Ada', 'https://example.org/@ada',
  'https://example.org/users/ada/inbox', 'https://example.org/inbox', 'https://example.org/users/ada#main-key', 'PEM', '', '', 1760000300000);
insert into followers (target, actor, follow, asked_at, accepted_at) values ('person', 1, 'https://example.org/follows/1', 1760000300000, 1760000300000);
insert into inbox (activity, actor, host, body, state, attempts, reason, run_at, received_at)
values ('https://example.org/likes/1', 'https://example.org/users/ada', 'example.org', '{}', 'queued', 0, '', 1760000300000, 1760000300000);
insert into reactions (activity, actor, kind, video, comment, emoji, at)
values ('https://example.org/likes/1', 1, 'like', 'h7k2m9qxw4', null, '', 1760000300000), ('https://example.org/likes/2', 1, 'like', 'h7k2m9qxw4', 1, '', 1760000300000);
insert into comments (id, video, parent, author_name, author_acct, author_url, avatar, html, url, likes, boosts, published_at, uri, actor, state)
values (3, 'h7k2m9qxw4', null, 'Ada', '@ada@example.org', 'https://example.org/@ada', '', '<p>?</p>', 'https://example.org/3', 0, 0, 1760000300000,
  'https://example.org/notes/3', 1, 'held');
insert into told (video, gone, says, media, edited_at, told_at) values ('h7k2m9qxw4', 0, 'a', 'b', 1760000300000, 1760000300000);
insert into outgoing (id, uri, by, body, at) values (1, 'https://video.example/activities/create/h7k2m9qxw4', 'person', '{}', 1760000300000);
insert into deliveries (outgoing, inbox, host, attempts, reason, run_at) values (1, 'https://example.org/inbox', 'example.org', 0, '', 1760000300000);
insert into hosts (host, failing_at, parked, reason) values ('example.net', 1760000300000, 0, 'timeout');
insert into blocks (target, mute, note, at) values ('spam.example', 0, '', 1760000300000);
insert into deeds (id, kind, object, url, author, acct, inbox, host, comment, at)
values ('aaaaaaaaaa', 'like', 'https://example.org/notes/3', 'https://example.org/3', 'https://example.org/users/ada', '@ada@example.org',
  'https://example.org/users/ada/inbox', 'example.org', 3, 1760000300000);
insert into quotes (quote, actor, video, at) values ('https://example.org/notes/4', 'https://example.org/users/ada', 'h7k2m9qxw4', 1760000300000);
insert into reports (actor, object, text, at) values ('https://example.org/users/ada', 'https://video.example/videos/h7k2m9qxw4', 'loud', 1760000300000);
insert into backups (id, at, took, folder, bytes, files, failed_at, reason) values (1, 1760000300000, 1200, '/backup/one', 5000, 7, null, '');
insert into pins (video, at) values ('h7k2m9qxw4', 1760000300000);
