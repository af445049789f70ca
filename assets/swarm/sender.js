// What peers ask of us, in our order: the nearest deadline first, one piece after the
// other, to a few peers at a time. Nothing is put on a line that has enough on it.

const atOnce = 4;
const leastUnderWay = 16 * 1024; // bytes to all peers together, as BitTorrent's blocks are
const mostUnderWay = 512 * 1024;
const free = 50; // milliseconds that bytes wait in the line's queue, below which it can take more
const full = 150; // the same, above which it has too much
const quick = 500; // milliseconds to come and be told of, above which a line is full enough whatever late says
const settle = 250;
const slowLine = 40; // bytes a millisecond
const known = 4; // blocks, after which our line's rate is believed
const memory = 0.9; // of what was measured, kept with each block
const saved = 10; // seconds of what may be given, for a moment in which much is asked

export class Sender {
  // slack(request) tells how soon the asking peer needs the piece; bytes(request) returns
  // them, or null where we no longer have them; most returns the bytes a second that we may
  // give on average; short says that we lack what we play next.
  constructor({ slack, bytes, gave, most = () => Infinity, short = () => false }) {
    Object.assign(this, { slack, bytes, gave, most, short });
    this.window = leastUnderWay;
    this.line = { bytes: 0, ms: 0, blocks: 0, at: 0 }; // what it took of late, and in what time
    this.narrowed = -Infinity;
    this.purse = 0; // bytes that may be given now
    this.earned = performance.now();
    this.peers = new Set();
    this.current = new Map(); // peer to the piece being sent to it
  }

  add(peer) {
    this.peers.add(peer);
    peer.addEventListener("asked", () => this.pump());
    peer.addEventListener("drained", () => this.pump());
    peer.addEventListener("took", (e) => {
      this.#adapt(e.detail);
      this.pump();
    });
    peer.addEventListener("closed", () => {
      this.peers.delete(peer);
      this.current.delete(peer);
      this.pump();
    });
  }

  pump() {
    if (this.pumping) return; // a peer that goes while it is being sent to calls again
    this.pumping = true;
    try {
      for (const { peer, requests } of this.#chosen()) this.#send(peer, requests);
    } finally {
      this.pumping = false;
    }
  }

  // chosen returns the peers to send to now, each with the requests of one piece. A piece
  // that was begun is ended.
  #chosen() {
    const ready = [];
    for (const peer of this.peers) {
      const requests = this.#nextPiece(peer);
      if (requests.length > 0) ready.push({ peer, requests, slack: this.slack(requests[0]), begun: this.current.has(peer) });
    }
    ready.sort((a, b) => b.begun - a.begun || a.slack - b.slack);
    return ready.slice(0, atOnce);
  }

  // room says whether more may be put on the line to a peer. What it can't take at once stands
  // before our own questions, and before the word that our server's bytes have come; and where
  // a home router has no more room it throws away what comes, and the channels are still for
  // seconds. On a slow line that is too much already while we are short ourselves.
  #room(peer, length) {
    if (!peer.room || (this.#slow && this.short())) return false;
    let underWay = 0;
    for (const one of this.peers) underWay += one.underWay;
    if (underWay === 0 || underWay + length <= this.window) return true;
    this.pressed = true;
    return false;
  }

  get #slow() {
    const { bytes, ms, blocks } = this.line;
    return blocks >= known && bytes < slowLine * ms;
  }

  // adapt sets what may be under way by how long the last bytes waited in the line's queue,
  // in milliseconds, as LEDBAT does (RFC 6817); after is how long ago they were given. Of the
  // first bytes to each peer nobody knows how long they waited; those say nothing.
  #adapt({ bytes, late, after }) {
    const now = performance.now();
    const { line } = this;
    this.line = { bytes: line.bytes * memory + bytes, ms: line.ms * memory + Math.min(after, now - line.at), blocks: line.blocks + 1, at: now };
    if (late < free && after < quick && this.pressed) this.window = Math.min(mostUnderWay, this.window + bytes);
    else if (late > full && now - this.narrowed > settle) {
      this.window = Math.max(leastUnderWay, this.window / 2);
      this.narrowed = now;
    }
    this.pressed = false;
  }

  #nextPiece(peer) {
    const asked = [...peer.asking];
    let piece = this.current.get(peer);
    if (piece === undefined || !asked.some((r) => r.piece === piece)) {
      this.current.delete(peer);
      piece = nearest(asked, this.slack)?.piece;
    }
    return asked.filter((r) => r.piece === piece).sort((a, b) => a.offset - b.offset);
  }

  #send(peer, requests) {
    for (const request of requests) {
      if (!this.#room(peer, request.length) || !this.#may()) return;
      this.current.set(peer, request.piece);
      const bytes = this.bytes(request);
      peer.give(request, bytes);
      if (bytes) this.#given(bytes.length);
    }
    this.current.delete(peer);
    if (peer.asking.size > 0) queueMicrotask(() => this.pump());
  }

  // may says whether something may be given now. Whoever waits hears of it at the next pump,
  // which comes with each look at how things stand.
  #may() {
    const now = performance.now();
    const rate = this.most();
    if (rate === Infinity) return true;
    const earned = this.started ? (rate * (now - this.earned)) / 1000 : Infinity;
    this.purse = Math.min(rate * saved, this.purse + earned);
    this.earned = now;
    this.started = true;
    return this.purse > 0;
  }

  #given(bytes) {
    this.purse -= bytes;
    this.gave(bytes);
  }
}

function nearest(requests, slack) {
  let best = null;
  let least = Infinity;
  for (const r of requests) {
    const s = slack(r);
    if (best === null || s < least) [best, least] = [r, s];
  }
  return best;
}
