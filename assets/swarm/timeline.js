// When a viewer needs which bytes. Players append whole segments, so the bytes of a
// segment are all needed when it begins; a piece that feeds two is needed by the first
// that is not in the player's buffer yet, and is past only with the last of them.

export class Timeline {
  // Segments have start and duration in seconds, and from and to in bytes.
  constructor(torrent, segments) {
    this.torrent = torrent;
    this.segments = segments;
    this.feeds = Array.from({ length: torrent.count }, () => []);
    for (const s of segments) {
      const last = Math.min(torrent.count - 1, torrent.pieceOf(s.to - 1));
      for (let p = torrent.pieceOf(s.from); p <= last; p++) this.feeds[p].push(s);
    }
    this.length = segments.length ? segments.at(-1).start + segments.at(-1).duration : 0;
    this.rate = this.length ? (segments.at(-1).to - segments[0].from) / this.length : 0; // bytes a second
  }

  // needed returns the second of the video at which a piece is needed by somebody at a
  // position, or Infinity when all it feeds is past or in his buffer.
  needed(piece, position, buffered = () => false) {
    for (const s of this.feeds[piece] ?? []) {
      if (s.start + s.duration > position && !buffered(s)) return s.start;
    }
    return Infinity;
  }

  // ahead returns the pieces needed within seconds from a position on, nearest first,
  // each with the time left.
  ahead(position, seconds, buffered) {
    const found = new Map();
    for (const s of this.segments) {
      if (s.start + s.duration <= position) continue;
      if (s.start > position + seconds) break;
      if (buffered?.(s)) continue;
      const last = Math.min(this.torrent.count - 1, this.torrent.pieceOf(s.to - 1));
      for (let p = this.torrent.pieceOf(s.from); p <= last; p++) {
        if (!found.has(p)) found.set(p, Math.max(0, s.start - position));
      }
    }
    return [...found].map(([piece, slack]) => ({ piece, slack }));
  }

  // from returns the segment that begins at a byte.
  from(offset) {
    return this.segments.find((s) => s.from === offset);
  }

  // distance returns how many seconds lie between a position and what a piece shows. What is past
  // counts twice, so that there is room for all that is gathered ahead.
  distance(piece, position) {
    const feeds = this.feeds[piece];
    if (!feeds?.length) return 0; // the header, which everybody needs
    const [first, last] = [feeds[0].start, feeds.at(-1).start + feeds.at(-1).duration];
    return position < first ? first - position : position > last ? 2 * (position - last) : 0;
  }
}
