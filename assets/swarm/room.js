// One rendition shared: its pieces in memory, its peers, and what is on its way. Every
// quarter of a second, and whenever something happens, it looks what is missing ahead of
// the viewer, asks peers for it, and finds out what they will not bring in time.

import { Store } from "./store.js";
import { Timeline } from "./timeline.js";
import { Pace } from "./pace.js";
import { Ranges } from "./ranges.js";
import { block } from "./wires.js";
import { inAll, pull, wishes } from "./plan.js";

const farthest = 60; // seconds ahead that pieces are gathered
const rescueBelow = 6; // seconds, when nobody coordinates
const tooLong = 4000; // milliseconds that a wish may stay unheard while the picture stands
const mostFails = 3;
const unpaired = 2; // seconds left, below which the first pieces are fetched without leave
const mostAhead = 0.6; // of the memory
const barren = 3000; // milliseconds in which a peer that never brought anything has to begin
const guessed = 2; // seconds of a segment, before they are known
const slowStart = 1500; // milliseconds, after which peers are asked for the player's own start too

export class Room extends EventTarget {
  // hall is what all rooms of a tab share: see Swarm.
  constructor(hall, rendition, torrent) {
    super();
    Object.assign(this, { hall, rendition, torrent });
    this.timeline = new Timeline(torrent, evenly(torrent, hall.duration));
    this.store = new Store(torrent, hall.memory, (piece) => this.#distance(piece));
    this.loads = new Map(); // piece to its loading from a peer
    this.fetching = new Map(); // piece to when its fetching from our server began
    this.paces = new WeakMap();
    this.reads = new Set();
    this.later = new Set(); // pieces granted while the player's own start was bringing them
    this.wished = new Map(); // piece to when it was first wished
    this.fails = 0; // fetches from our server that failed, in a row
    this.received = {}; // bytes by peer since the last report
    this.store.addEventListener("verified", (e) => this.#verified(e.detail));
    this.store.addEventListener("dropped", (e) => this.party?.gone(e.detail));
    this.store.addEventListener("liar", (e) => this.#liar(e.detail));
    this.store.addEventListener("spoilt", () => hall.counts.spoilt++);
  }

  get current() {
    return this.hall.room === this;
  }

  // What another rendition kept is farther than anything of this one.
  #distance(piece) {
    return this.timeline.distance(piece, this.hall.position) + (this.current ? 0 : 1e6);
  }

  know(segments) {
    this.timeline = new Timeline(this.torrent, segments);
  }

  // enter brings the room together with its peers.
  enter(wires) {
    if (this.party) return;
    this.party = wires.meet(this.torrent, () => this.hall.wanted(this));
    for (const piece of this.store.kept()) if (this.store.has(piece)) this.party.have(piece);
    this.party.addEventListener("peer", (e) => this.#welcome(e.detail));
    this.party.addEventListener("left", (e) => this.#farewell(e.detail));
    this.party.addEventListener("had", () => this.hall.soon());
  }

  get peers() {
    return this.party ? [...this.party.peers.values()] : [];
  }

  #welcome(peer) {
    this.paces.set(peer, new Pace());
    peer.addEventListener("unchoked", () => this.hall.soon());
    peer.addEventListener("words", (e) => this.#words(peer, e.detail));
    this.hall.sender.add(peer);
    peer.home = this;
    this.hall.soon();
  }

  #farewell(peer) {
    for (const [piece, load] of this.loads) if (load.peer === peer) this.#stop(piece);
    this.hall.soon();
  }

  #words(peer, words) {
    if (Number.isFinite(words.at)) peer.at = { second: words.at, pace: Number(words.pace) || 0, since: performance.now() };
    if (Array.isArray(words.fetching)) peer.fetching = new Set(words.fetching.slice(0, 16).filter(Number.isInteger));
  }

  #liar(id) {
    this.hall.counts.banned++;
    this.party?.ban(id);
  }

  #verified(piece) {
    this.party?.have(piece);
    this.wished.delete(piece);
    this.changed = true;
    this.#serveReads();
    this.hall.soon();
  }

  // keep takes bytes of our server that the player loaded by itself.
  keep(offset, bytes) {
    this.store.write(offset, bytes);
    this.#serveReads();
  }

  // read returns the bytes of a range once they are here and believed; null when the
  // player should fetch them by itself. start is the second they are needed at.
  read(from, to, start, signal, atOnce) {
    return new Promise((ok) => {
      const read = { from, to, start };
      read.end = (bytes) => {
        this.reads.delete(read);
        ok(bytes);
      };
      this.reads.add(read);
      signal.addEventListener("abort", () => read.end(null), { once: true });
      this.#serveReads();
      if (atOnce && this.reads.has(read)) this.#begin(read);
      this.hall.soon();
    });
  }

  #serveReads() {
    for (const read of this.reads) {
      const bytes = this.store.read(read.from, read.to);
      if (bytes) read.end(bytes);
    }
  }

  // giveUp lets the player fetch by itself what it waits for.
  giveUp() {
    for (const read of this.reads) read.end(null);
    for (const piece of [...this.loads.keys()]) this.#stop(piece);
  }

  // finish gets the rest of what the player waits for from our server alone: nobody else
  // is there to bring it.
  finish() {
    for (const piece of [...this.loads.keys()]) this.#stop(piece);
    for (const read of this.reads) this.#begin(read);
  }

  // begun says that a part of a range is here already, or on its way.
  begun(from, to) {
    return lengthOf(this.#unsent(this.store.unbelieved(from, to))) < to - from;
  }

  // tick does what is due, after seconds without it.
  tick(seconds) {
    for (const peer of this.peers) this.paces.get(peer)?.tick(seconds, peer.owed);
    if (!this.current) return;
    this.#overdue();
    this.#disappoint();
    const missing = this.#missing();
    // At first, while the server answers, it decides what is sent first; it hears our wishes.
    for (const read of this.reads) if (this.peers.length === 0 && (this.hall.alone || (!this.hall.patient && this.hall.slack(read.start) < unpaired))) this.#begin(read);
    this.#pull(missing);
    this.#hurry(missing);
    this.wishes = this.#wish(missing);
    if (!this.hall.coordinated) this.#uncoordinated(missing, seconds);
    else this.#desperate(missing);
  }

  // missing lists the pieces to get, nearest first.
  #missing() {
    const { hall, store, timeline } = this;
    const ahead = Math.min(farthest, (mostAhead * hall.memory.most) / Math.max(1, timeline.rate));
    const waited = [...this.reads].map((r) => r.from);
    const buffered = (s) => hall.buffered(s) && !waited.includes(s.from);
    const list = [];
    for (const { piece, slack } of timeline.ahead(hall.position, ahead, buffered)) {
      if (store.has(piece) || this.fetching.has(piece) || (this.#coming(piece) && !this.#overtaken(piece))) continue;
      const bytes = lengthOf(this.#lacking(piece));
      if (bytes > 0) list.push({ piece, slack: slack / Math.max(hall.rate, 0.1) + hall.spare, bytes });
    }
    return list;
  }

  #asPlanned() {
    const asked = new Map();
    const queue = new Map();
    for (const [piece, load] of this.loads) {
      asked.set(load.peer, (asked.get(load.peer) ?? 0) + 1);
      queue.set(load.peer, (queue.get(load.peer) ?? 0) + this.#left(piece));
    }
    return this.peers.filter((p) => p.willing).map((p) => ({
      id: p.id, peer: p, has: (piece) => p.has(piece), rate: this.paces.get(p).rate, mirror: p.mirror,
      queue: queue.get(p) ?? 0, asked: asked.get(p) ?? 0,
    }));
  }

  #left(piece) {
    return lengthOf(this.store.missing(piece));
  }

  // lacking is what is neither here of a piece nor on its way from our server.
  #lacking(piece) {
    return this.#unsent(this.store.missing(piece));
  }

  // unsent leaves out of ranges what our server is sending: to us, or to the player itself.
  #unsent(ranges) {
    const rest = new Ranges();
    for (const [from, to] of ranges) rest.add(from, to);
    for (const { from, to } of this.hall.origin.sending(this.rendition.file)) rest.remove(from, to);
    return rest.list;
  }

  // sent lists the pieces that will be whole when our server has sent what it is sending.
  #sent() {
    const found = [];
    for (const { from, to } of this.hall.origin.sending(this.rendition.file)) {
      for (let p = this.torrent.pieceOf(from); p < this.torrent.count && this.torrent.at(p) < to; p++) {
        if (!this.store.has(p) && this.#lacking(p).length === 0) found.push(p);
      }
    }
    return found;
  }

  #pull(missing) {
    const free = missing.filter((m) => !this.loads.has(m.piece) && !this.store.doubtful(m.piece));
    for (const { piece, peer } of pull(free, this.#asPlanned())) this.#load(piece, peer.peer);
  }

  // load asks a peer for all that a piece lacks.
  #load(piece, peer) {
    const load = { peer, since: performance.now(), got: false, cancels: new Map() };
    this.loads.set(piece, load);
    for (const [offset, length] of this.#blocks(piece, peer)) {
      const cancel = peer.ask(piece, offset, length, (err, bytes) => this.#answered(piece, load, offset, err, bytes));
      if (this.loads.get(piece) === load) load.cancels.set(offset, cancel);
    }
    if (load.cancels.size === 0) this.loads.delete(piece);
  }

  // blocks cuts what a piece lacks as BitTorrent cuts it; strangers' programs may insist
  // on whole blocks.
  #blocks(piece, peer) {
    const at = this.torrent.at(piece);
    const size = this.torrent.size(piece);
    const found = new Map();
    for (const [a, b] of this.#lacking(piece)) {
      for (let from = Math.floor((a - at) / block) * block; from < b - at; from += block) {
        const [x, y] = peer.mirror ? [from, Math.min(size, from + block)] : [Math.max(from, a - at), Math.min(from + block, b - at)];
        found.set(x, y - x);
      }
    }
    return found;
  }

  #answered(piece, load, offset, err, bytes) {
    load.cancels.delete(offset);
    if (!err) load.got = this.#take(piece, load.peer, offset, bytes);
    if (load.cancels.size === 0 && this.loads.get(piece) === load) {
      this.loads.delete(piece);
      this.hall.soon();
    }
  }

  #take(piece, peer, offset, bytes) {
    const fresh = this.store.write(this.torrent.at(piece) + offset, bytes, peer.id);
    this.paces.get(peer)?.got(bytes.length);
    this.received[peer.named] = (this.received[peer.named] ?? 0) + bytes.length;
    this.hall.counts.wasted += bytes.length - fresh;
    this.hall.counts[peer.mirror ? "mirrors" : "viewers"] += bytes.length;
    return true;
  }

  #stop(piece) {
    const load = this.loads.get(piece);
    if (!load) return;
    this.loads.delete(piece);
    for (const cancel of load.cancels.values()) cancel();
  }

  // disappoint takes back what was asked of peers that say they have everything and bring
  // nothing, where others could bring it, or their places are all taken.
  #disappoint() {
    const now = performance.now();
    const others = (piece, peer) => this.loads.size >= inAll || this.peers.some((p) => p !== peer && p.willing && p.has(piece));
    for (const [piece, load] of this.loads) {
      if (load.got || now - load.since < barren || this.paces.get(load.peer)?.proven || !others(piece, load.peer)) continue;
      this.paces.get(load.peer)?.fail();
      this.#stop(piece);
    }
  }

  // hurry moves what a peer will not bring in time to one that will.
  #hurry(missing) {
    const others = this.#asPlanned();
    for (const m of missing.slice(0, 12)) {
      m.eta = this.#eta(m);
      const load = this.loads.get(m.piece);
      if (!load || m.slack > 4 || m.eta < m.slack || performance.now() - load.since < 1000) continue;
      const better = others.find((o) => o.peer !== load.peer && o.asked < 2 && o.has(m.piece) && (o.queue + m.bytes) / o.rate < m.eta / 2);
      if (!better) continue;
      this.#stop(m.piece);
      this.#load(m.piece, better.peer);
      better.asked++;
    }
  }

  #eta({ piece, bytes }) {
    const load = this.loads.get(piece);
    if (!load) return Infinity;
    let before = 0;
    for (const [other, l] of this.loads) if (l.peer === load.peer && other < piece) before += this.#left(other);
    return (before + bytes) / this.paces.get(load.peer).rate;
  }

  #wish(missing) {
    const now = performance.now();
    for (const m of missing) {
      m.eta ??= this.#eta(m);
      m.reachable = this.peers.some((p) => (p.willing && p.has(m.piece)) || p.fetching?.has(m.piece));
      if (this.store.doubtful(m.piece)) m.reachable = false;
    }
    const list = wishes(missing.filter((m) => !this.#coming(m.piece)));
    for (const piece of this.wished.keys()) if (!list.includes(piece)) this.wished.delete(piece);
    for (const piece of list) if (!this.wished.has(piece)) this.wished.set(piece, now);
    return list;
  }

  // grant is the server's leave to fetch pieces from it, now.
  grant(pieces) {
    const wanted = pieces.filter((p) => Number.isInteger(p) && p >= 0 && p < this.torrent.count && !this.store.has(p) && !this.fetching.has(p));
    const fresh = wanted.filter((p) => !this.#arriving(p));
    // What the player itself is loading is fetched after that, if it brought only a part: the
    // server counts the piece as ours now.
    for (const p of wanted) if (this.#arriving(p) && this.later.size < 16) this.later.add(p);
    this.hall.counts.granted += fresh.length;
    this.#fetch(fresh.slice(0, 16));
  }

  #overdue() {
    const due = [...this.later].filter((p) => !this.#arriving(p));
    for (const p of due) this.later.delete(p);
    if (due.length > 0) this.grant(due);
  }

  // fetch gets what pieces lack from our server, in as few requests as follow each other.
  #fetch(pieces) {
    const now = performance.now();
    const ranges = [];
    for (const piece of pieces.toSorted((a, b) => a - b)) {
      this.#stop(piece);
      const gaps = this.#lacking(piece);
      if (gaps.length > 0) this.fetching.set(piece, now);
      for (const [from, to] of gaps) {
        const last = ranges.at(-1);
        if (last?.to === from) Object.assign(last, { to, pieces: [...last.pieces, piece] });
        else ranges.push({ from, to, pieces: [piece] });
      }
    }
    for (const range of ranges) this.#get(range);
    if (pieces.length > 0) this.hall.speak();
  }

  async #get({ from, to, pieces }) {
    const { hall } = this;
    const slack = this.timeline.needed(this.torrent.pieceOf(from), hall.position) - hall.position;
    try {
      await hall.origin.fetch(this.rendition.file, from, to, slack, (at, bytes) => {
        hall.counts.wasted += bytes.length - this.store.write(at, bytes);
        this.#serveReads();
      });
      // What the memory has no room for came in vain, and would again.
      if (this.store.unbelieved(from, to).length > 0) throw new Error("not kept");
      this.fails = 0;
    } catch {
      // What is still missing is wished again; when that does not help, the player asks
      // by itself, and tells the viewer what it sees.
      if (++this.fails >= mostFails) this.giveUp();
    }
    for (const piece of pieces) this.fetching.delete(piece);
    hall.soon();
  }

  // begin fetches at once, and without asking, what the player waits for and our server does
  // not send yet: at its start, after a seek, and before there are peers. There is no time to
  // lose then.
  #begin(read) {
    const { torrent } = this;
    for (const [from, to] of this.#unsent(this.store.unbelieved(read.from, read.to))) {
      const pieces = [];
      for (let p = torrent.pieceOf(from); torrent.at(p) < to; p++) {
        if (torrent.at(p) < from || torrent.at(p) + torrent.size(p) > to) continue;
        this.#stop(p);
        this.fetching.set(p, performance.now());
        pieces.push(p);
      }
      this.#get({ from, to, pieces });
    }
  }

  // uncoordinated is what is left when the line to the server is down: a few rescues, and
  // now and then a piece that nobody here has.
  #uncoordinated(missing, seconds) {
    if (this.hall.origin.busy >= 2) return;
    const late = missing.find((m) => m.slack < rescueBelow && m.eta > m.slack - 0.3);
    if (late) return this.#fetch([late.piece]);
    const peers = this.peers;
    if (Math.random() > seconds / (2 * Math.max(1, peers.length))) return;
    const nowhere = missing.filter((m) => !m.reachable && !this.loads.has(m.piece));
    if (nowhere.length > 0) this.#fetch([nowhere[Math.floor(Math.random() * Math.min(8, nowhere.length))].piece]);
  }

  // desperate fetches unasked what the server did not grant for so long that the picture
  // stands still; the server puts such requests behind those it granted.
  #desperate(missing) {
    if (!this.hall.standing || this.hall.origin.busy > 0) return;
    const now = performance.now();
    const late = missing.find((m) => m.slack <= 0.5 && now - (this.wished.get(m.piece) ?? now) > tooLong);
    if (late) this.#fetch([late.piece]);
  }

  // report is what the server is told of this room.
  report() {
    const coming = new Set([...this.#first(), ...this.fetching.keys(), ...this.loads.keys(), ...this.#sent()]);
    const facts = { wishes: this.wishes ?? [], fetching: [...coming].slice(0, 16), received: this.received };
    this.received = {};
    if (this.changed && performance.now() - (this.told ?? 0) > 1000) {
      facts.have = btoa(String.fromCharCode(...this.store.bitfield()));
      this.changed = false;
      this.told = performance.now();
    }
    return facts;
  }

  // coming says that the player's own start brings a piece.
  #coming(piece) {
    const { height, to } = this.hall.coming;
    return height === this.rendition.height && this.torrent.at(piece) < to;
  }

  // arriving says that the player's own loading brings all that a piece lacks.
  #arriving(piece) {
    return this.#coming(piece) || this.#lacking(piece).length === 0;
  }

  // overtaken says that peers have what the player's own start does not bring in time.
  #overtaken(piece) {
    return performance.now() - this.hall.began > slowStart && this.peers.some((p) => p.willing && p.has(piece));
  }

  #first() {
    const pieces = [];
    for (let p = 0; p < this.torrent.count && this.#coming(p); p++) pieces.push(p);
    return pieces;
  }

  leave() {
    this.giveUp();
    this.party?.close();
    this.store.clear();
  }
}

function lengthOf(ranges) {
  return ranges.reduce((sum, [a, b]) => sum + b - a, 0);
}

// evenly guesses the segments, until the playlist is here.
function evenly(torrent, seconds) {
  const count = Math.ceil(seconds / guessed) || 0;
  const size = (torrent.length * guessed) / seconds;
  const from = (i) => Math.min(torrent.length, Math.round(i * size));
  return Array.from({ length: count }, (_, i) => ({ start: i * guessed, duration: guessed, from: from(i), to: from(i + 1) }));
}
