// The pieces of one rendition that this tab holds. Bytes come from our server, which is
// believed, and from peers, which are not: theirs count once the whole piece has the
// hash that the torrent gives it. A peer whose bytes spoil a piece is named a liar.
//
// Events: "verified" and "dropped" (detail: the piece), "liar" (detail: the peer's id).

import { Ranges } from "./ranges.js";

const mostSuspects = 4; // spoilt pieces kept until the right bytes show who lied

export class Store extends EventTarget {
  // distance tells how many seconds a piece is from the viewer.
  constructor(torrent, memory, distance) {
    super();
    this.torrent = torrent;
    this.memory = memory;
    this.distance = distance;
    this.pieces = new Map(); // by number; only those with bytes
    this.suspects = new Map(); // piece to what was wrong with it
    this.refused = new Set(); // pieces of which even our server's bytes are wrong
    memory.stores.add(this);
  }

  kept() {
    return this.pieces.keys();
  }

  has(piece) {
    return this.pieces.get(piece)?.verified === true;
  }

  // missing returns the byte ranges of the file that the piece still lacks.
  missing(piece) {
    const from = this.torrent.at(piece);
    const p = this.pieces.get(piece);
    if (p?.verified) return [];
    const gaps = p ? p.all.gaps(0, p.data.length) : [[0, this.torrent.size(piece)]];
    return gaps.map(([a, b]) => [from + a, from + b]);
  }

  // believed says whether all bytes of a range are here and may be played.
  believed(from, to) {
    return this.#each(from, to, (p, a, b) => p && (p.verified || p.solid.covers(a, b)));
  }

  // unbelieved returns the parts of a range that may not be played yet.
  unbelieved(from, to) {
    const gaps = [];
    this.#each(from, to, (p, a, b, at) => {
      if (p?.verified) return true;
      for (const [x, y] of p ? p.solid.gaps(a, b) : [[a, b]]) gaps.push([at + x, at + y]);
      return true;
    });
    return gaps;
  }

  // reach returns up to where the file is here, and right, without a gap.
  reach(at) {
    let piece = this.torrent.pieceOf(at);
    while (piece < this.torrent.count && this.has(piece)) piece++;
    return Math.max(at, Math.min(this.torrent.length, this.torrent.at(piece)));
  }

  // read copies a range out, or returns null while it is not believed whole.
  read(from, to) {
    if (!this.believed(from, to)) return null;
    const out = new Uint8Array(to - from);
    this.#each(from, to, (p, a, b, at) => {
      out.set(p.data.subarray(a, b), at + a - from);
      return true;
    });
    return out;
  }

  // block returns bytes of a verified piece, for a peer that asked.
  block(piece, offset, length) {
    const p = this.pieces.get(piece);
    if (!p?.verified || offset + length > p.data.length) return null;
    return p.data.subarray(offset, offset + length);
  }

  // write takes bytes of the file from a peer, or from our server where none is named. It
  // returns how many of them were new.
  write(offset, bytes, peer = null) {
    let fresh = 0;
    this.#each(offset, offset + bytes.length, (_, a, b, at, piece) => {
      const p = this.pieces.get(piece) ?? this.#open(piece);
      if (!p || p.verified || p.checking) return true;
      const start = at + a - offset;
      const before = p.all.size;
      this.#put(p, piece, a, bytes.subarray(start, start + b - a), peer);
      fresh += p.all.size - before;
      return true;
    });
    return fresh;
  }

  #put(p, piece, from, bytes, peer) {
    const to = from + bytes.length;
    // What is there stays: our server's bytes are right, and a peer's will be judged.
    for (const [a, b] of peer === null ? p.solid.gaps(from, to) : p.all.gaps(from, to)) {
      p.data.set(bytes.subarray(a - from, b - from), a);
      if (peer !== null) p.loose.push({ from: a, to: b, peer });
    }
    if (peer === null) {
      p.solid.add(from, to);
      p.loose = p.loose.filter((l) => !p.solid.covers(l.from, l.to));
    }
    p.all.add(from, to);
    if (p.all.covers(0, p.data.length) && !this.refused.has(piece)) this.#check(p, piece);
  }

  #open(piece) {
    if (!this.memory.take(this, piece)) return null;
    const p = { data: new Uint8Array(this.torrent.size(piece)), solid: new Ranges(), all: new Ranges(), loose: [], verified: false, checking: false };
    this.pieces.set(piece, p);
    return p;
  }

  async #check(p, piece) {
    p.checking = true;
    const right = await this.torrent.right(piece, p.data);
    p.checking = false;
    if (this.pieces.get(piece) !== p) return; // dropped meanwhile
    if (!right) return this.#spoilt(p, piece);
    p.verified = true;
    p.loose = [];
    this.#judge(p, piece);
    this.#tell("verified", piece);
  }

  // spoilt forgets what peers gave of a piece. One giver is the liar; of several, those
  // are whose bytes turn out to differ from the right ones.
  #spoilt(p, piece) {
    const givers = new Set(p.loose.map((l) => l.peer));
    if (givers.size === 0) this.refused.add(piece);
    if (givers.size === 1) this.#tell("liar", [...givers][0]);
    if (givers.size > 1 && this.suspects.size < mostSuspects) {
      this.suspects.set(piece, p.loose.map((l) => ({ ...l, bytes: p.data.slice(l.from, l.to) })));
    }
    p.loose = [];
    p.all = new Ranges();
    for (const [a, b] of p.solid.list) p.all.add(a, b);
    this.#tell("spoilt", piece);
  }

  // doubtful says that a piece was spoilt by one of several peers: the next try has to
  // come from a single place.
  doubtful(piece) {
    return this.suspects.has(piece);
  }

  #judge(p, piece) {
    for (const s of this.suspects.get(piece) ?? []) {
      if (s.bytes.some((byte, i) => byte !== p.data[s.from + i])) this.#tell("liar", s.peer);
    }
    this.suspects.delete(piece);
  }

  // drop forgets a piece.
  drop(piece) {
    const p = this.pieces.get(piece);
    if (!p) return;
    this.pieces.delete(piece);
    this.suspects.delete(piece);
    this.memory.give(p.data.length);
    if (p.verified) this.#tell("dropped", piece);
  }

  // clear forgets everything.
  clear() {
    for (const piece of [...this.pieces.keys()]) this.drop(piece);
    this.memory.stores.delete(this);
  }

  // bitfield is what is held, in BitTorrent's order of bits.
  bitfield() {
    const bits = new Uint8Array(Math.ceil(this.torrent.count / 8));
    for (const [piece, p] of this.pieces) if (p.verified) bits[piece >> 3] |= 128 >> (piece & 7);
    return bits;
  }

  // each calls look for every piece that a range touches, with the range inside of the
  // piece and the piece's place in the file, until one is not to its liking.
  #each(from, to, look) {
    const { torrent } = this;
    for (let piece = torrent.pieceOf(from); torrent.at(piece) < to && piece < torrent.count; piece++) {
      const at = torrent.at(piece);
      const [a, b] = [Math.max(from, at) - at, Math.min(to, at + torrent.size(piece)) - at];
      if (!look(this.pieces.get(piece), a, b, at, piece)) return false;
    }
    return true;
  }

  #tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}
