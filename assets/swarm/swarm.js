// Sharing a video among those who watch it: docs/sharing.md tells how. This file holds the
// life of it. At the first play we join the swarm of the rendition at our own server and
// nothing more; only when the server says that somebody else is there do we load
// webtorrent.js and open connections. Alone we stay out of the player's way, and only
// keep in memory what it loads, to give it to who comes next.
//
// Events: "change" (the state or a figure that is shown), "hint" (detail: the message),
// "starving" (the picture has stood still for long).

import { Coordinator } from "./coordinator.js";
import { Memory } from "./memory.js";
import { Origin } from "./origin.js";
import { Room } from "./room.js";
import { Sender } from "./sender.js";
import { readTorrent } from "./torrent.js";
import { Wires, makePeerId } from "./wires.js";

const beat = 250; // milliseconds between looks at how things stand
const reportEvery = 500;
const wordsEvery = 1000;
const joinPatience = 1500; // for the server's first answer
const meetPatience = 6000; // for the first peer
const slowPatience = 15000; // the same, while the server decides who fetches what: its line may be slow
const hurry = 1.5; // seconds left, below which the player does not wait to hear if there are peers
const starvation = 8000;
const neighbours = 10;
const gatherSlack = 2; // seconds that a player which gathers leaves to others to bring what follows
const enough = 4; // seconds in the buffer, below which we are short ourselves
const mostCopies = 5; // of the film, given while it is watched

export class Swarm extends EventTarget {
  // video is the element; swarm is the page's description of what can be shared: socket,
  // stun and renditions; library is the address of webtorrent.js.
  constructor(video, swarm, library) {
    super();
    Object.assign(this, { video, swarm, library });
    this.peer = makePeerId();
    this.memory = new Memory(window.testingOnlySharedMemory);
    this.origin = new Origin();
    this.counts = { viewers: 0, mirrors: 0, plain: 0, given: 0, wasted: 0, spoilt: 0, banned: 0, granted: 0 };
    this.rooms = new Map(); // by height
    this.segments = new Map(); // by height
    this.others = { viewers: 0, mirrors: 0 };
    this.coming = { height: 0, to: 0 }; // the first bytes, which the player loads by itself
    this.sender = new Sender({
      slack: (r) => slackOf(r), bytes: (r) => r.peer.home.store.block(r.piece, r.offset, r.length), gave: (n) => (this.counts.given += n),
      most: () => this.mostGiven, short: () => this.standing || (!this.video.paused && this.ahead < enough),
    });
    this.state = "joining";
    this.began = performance.now();
    this.#listen();
    this.timer = setInterval(() => this.#tick(), beat);
  }

  #listen() {
    const line = (this.coordinator = new Coordinator(absolute(this.swarm.socket), this.peer));
    line.addEventListener("swarm", (e) => this.#told(e.detail));
    line.addEventListener("grant", (e) => this.#roomOf(e.detail.info_hash)?.grant(e.detail.pieces ?? []));
    line.addEventListener("hint", (e) => this.dispatchEvent(new CustomEvent("hint", { detail: e.detail })));
    for (const name of ["open", "down"]) line.addEventListener(name, () => this.soon());
    for (const name of ["seeking", "pause", "play", "waiting", "ratechange"]) this.video.addEventListener(name, this.moved);
    document.addEventListener("visibilitychange", this.moved);
  }

  moved = (event) => {
    if (event.type === "seeking") this.sought = true;
    this.#report(performance.now()); // the server must know before what we ask because of it
    this.soon();
  };

  // play says which rendition is loaded from now on.
  play(height) {
    if (this.height === height) return;
    const described = this.swarm.renditions.find((r) => r.height === height);
    if (!described) return;
    this.#roomAt(this.height)?.giveUp();
    this.height = height;
    this.missed = 0;
    this.coordinator.join(described.infohash, this.duration);
    if (this.crowd > 0) this.#meet(); // who watches one rendition may soon watch another
  }

  // duration of the film in seconds; not every browser knows it before the first bytes.
  get duration() {
    return this.video.duration || this.swarm.duration || 0;
  }

  // mostGiven is what a viewer gives at most, in bytes a second: a fast line shall not carry
  // the film for everybody.
  get mostGiven() {
    return mostCopies * Math.max(1, this.rate) * (this.room?.timeline.rate || Infinity);
  }

  // crowd is how many others the server says there are.
  get crowd() {
    return this.others.viewers + this.others.mirrors;
  }

  // know takes the segments of a rendition: start, duration, from, to.
  know(height, segments) {
    this.segments.set(height, segments);
    this.#roomAt(height)?.know(segments);
  }

  // keep takes bytes that the player loaded from our server by itself.
  keep(height, offset, bytes) {
    this.counts.plain += bytes.length;
    this.#loose(height).push({ offset, bytes });
    this.#pour(height);
  }

  // What the player loads before the torrent is known waits here, bounded.
  #loose(height) {
    this.early ??= new Map();
    if (!this.early.has(height)) this.early.set(height, []);
    return this.early.get(height);
  }

  #pour(height) {
    const list = this.#loose(height);
    const room = this.#roomAt(height);
    if (room) for (const { offset, bytes } of list.splice(0)) room.keep(offset, bytes);
    let size = 0;
    for (let i = list.length - 1; i >= 0; i--) if ((size += list[i].bytes.length) > this.memory.most / 2) list.splice(0, i + 1);
  }

  // loads notes a range that the player begins to load from our server by itself. The function
  // that it returns is to be called when that ended, in whatever way.
  loads(height, from, to) {
    return this.origin.sends(this.swarm.renditions.find((r) => r.height === height)?.file, from, to);
  }

  // more returns what is here of a rendition from a place in its file on, or null.
  more(height, at) {
    const store = this.#roomAt(height)?.store;
    const end = store?.reach(at) ?? at;
    return end > at ? store.read(at, end) : null;
  }

  // read answers the player's question for a range of a rendition: with bytes, or with
  // null when it should fetch them by itself. start is the second they are needed at.
  async read(height, from, to, start, signal) {
    this.play(height);
    const held = this.#roomAt(height)?.store.read(from, to);
    if (held) return held;
    while (!signal.aborted && this.#undecided(start)) await this.#change(signal);
    const room = this.#roomAt(height);
    if (signal.aborted) return null;
    const begun = room === this.room && room?.begun(from, to);
    if (!room || room !== this.room || (this.alone && !begun)) return this.#complete(height, from, to, start);
    const atOnce = this.sought || this.video.readyState === 0 || this.alone;
    this.sought = false;
    return room.read(from, to, start, signal, atOnce);
  }

  // complete answers with what came before there was a room, and asks our server only for
  // what that lacks at its end; with null where nothing came.
  async #complete(height, from, to, start) {
    const bytes = new Uint8Array(to - from);
    const file = this.swarm.renditions.find((r) => r.height === height)?.file;
    let at = from;
    for (const { offset, bytes: part } of this.#loose(height)) {
      if (offset > at || offset + part.length <= at) continue;
      const more = part.subarray(at - offset, to - offset);
      bytes.set(more, at - from);
      at += more.length;
    }
    if (at === from || !file) return null;
    const take = (offset, part) => {
      bytes.set(part, offset - from);
      this.keep(height, offset, part.slice());
    };
    if (at < to) await this.origin.fetch(file, at, to, this.slack(start), take);
    return bytes;
  }

  // undecided says whether the player may wait to hear if there is anybody.
  #undecided(start) {
    if (this.closed || this.slack(start) < hurry) return false;
    return this.state === "joining" || (this.state === "meeting" && !this.room);
  }

  // slack returns the seconds until the viewer comes to a second of the video.
  slack(start) {
    return (start - this.position) / Math.max(this.rate, 0.1);
  }

  // spare is the seconds after which the player will begin, while it gathers.
  get spare() {
    return this.coming.gathering ? gatherSlack : 0;
  }

  // alone says that the player should load as if there were no sharing. While we meet the
  // others, the server's leave already decides who fetches what.
  get alone() {
    return this.closed || !(this.state === "sharing" || (this.state === "meeting" && this.coordinated));
  }

  // patient says that the server alone decides what is fetched while there are no peers. Who
  // has met nobody once, since its network lets nobody through, waits for nobody again.
  get patient() {
    return this.coordinated && !this.tried;
  }

  #change(signal) {
    return new Promise((ok) => {
      const timer = setTimeout(ok, beat);
      const done = () => {
        clearTimeout(timer);
        ok();
      };
      this.addEventListener("state", done, { once: true });
      signal?.addEventListener("abort", done, { once: true });
    });
  }

  #roomAt(height) {
    return this.rooms.get(height);
  }

  #roomOf(infohash) {
    return [...this.rooms.values()].find((r) => r.torrent.infohash === infohash);
  }

  get room() {
    return this.rooms.get(this.height);
  }

  #told(message) {
    if (typeof message.ticket === "string" && message.ticket.length <= 64) this.origin.ticket = message.ticket;
    if (message.info_hash !== this.swarm.renditions.find((r) => r.height === this.height)?.infohash) return;
    this.others = { viewers: count(message.viewers), mirrors: count(message.mirrors) };
    this.#open(this.height);
    if (this.crowd === 0) this.missed = 0;
    if (this.crowd > this.missed) this.#meet();
    else if (this.state !== "sharing") this.#become("alone");
    this.dispatchEvent(new Event("change"));
  }

  // meet brings the rendition's room together with its peers. It may be called at any
  // time, and does what is not done yet.
  async #meet() {
    if (this.state !== "sharing") {
      if (this.state !== "meeting") this.met = performance.now();
      this.#become("meeting");
    }
    const library = this.#library();
    library.catch(() => {}); // heard of below
    const room = await this.#open(this.height);
    try {
      const WebTorrent = await library;
      if (this.closed || !room) return;
      this.wires ??= new Wires(WebTorrent, { peer: this.peer, socket: absolute(this.swarm.socket), stun: this.swarm.stun });
      room.enter(this.wires);
    } catch {
      this.arriving = null; // the next word of the server has us try again
    }
  }

  // open makes the room of a rendition, once. It needs no peers: what the player loads is
  // checked and kept in it, so that the server knows who can give what to the next viewer.
  #open(height) {
    this.opening ??= new Map();
    if (!this.opening.has(height)) {
      const opened = this.#furnish(height);
      this.opening.set(height, opened.catch(() => void this.opening.delete(height)));
    }
    return this.opening.get(height);
  }

  async #furnish(height) {
    const described = this.swarm.renditions.find((r) => r.height === height);
    const torrent = await this.#torrent(described);
    if (this.closed) return null;
    const room = new Room(this, described, torrent);
    this.rooms.set(height, room);
    if (this.segments.has(height)) room.know(this.segments.get(height));
    this.#pour(height);
    this.#forgetOld();
    this.soon();
    return room;
  }

  async #torrent(described) {
    // By whatever name the viewer reached us, the file is on this host.
    const answer = await fetch(new URL(described.torrent, location.href).pathname);
    if (!answer.ok) throw new Error(`torrent: HTTP ${answer.status}`);
    return readTorrent(new Uint8Array(await answer.arrayBuffer()), described.infohash);
  }

  // The library is large. Who made us has let the first picture go before it, unless that
  // takes long: then others may bring it sooner.
  #library() {
    this.arriving ??= import(this.library).then((m) => m.default);
    return this.arriving;
  }

  // hopes says whether others may still bring something, beginning that there are some who
  // have not joined yet.
  hopes(beginning) {
    if (this.closed) return false;
    return this.state !== "alone" || (beginning && this.coordinated);
  }

  // acquainted ends when what opens connections is loaded, or is not needed.
  async acquainted() {
    while (this.state === "joining" && !this.closed) await this.#change();
    await this.arriving?.catch(() => {});
  }

  // Of the renditions left behind, the last is still given to others.
  #forgetOld() {
    const old = [...this.rooms].filter(([height]) => height !== this.height);
    for (const [height, room] of old.slice(0, -1)) {
      this.coordinator.leave(room.torrent.infohash);
      room.leave();
      this.rooms.delete(height);
      this.opening.delete(height);
    }
  }

  #become(state) {
    if (this.state === state || this.closed) return;
    this.state = state;
    if (this.alone) this.room?.finish();
    this.dispatchEvent(new Event("state"));
    this.dispatchEvent(new Event("change"));
  }

  // soon looks again shortly, once for all that happens together.
  soon() {
    if (this.due || this.closed) return;
    this.due = true;
    setTimeout(() => {
      this.due = false;
      if (!this.closed) this.#tick();
    }, 20);
  }

  #tick() {
    const now = performance.now();
    const seconds = (now - (this.ticked ?? now)) / 1000;
    this.ticked = now;
    this.#decide(now);
    this.#starve(now);
    for (const room of this.rooms.values()) room.tick(seconds);
    if (now - (this.reported ?? 0) >= reportEvery) this.#report(now);
    if (now - (this.spoken ?? 0) >= wordsEvery) this.speak();
    this.sender.pump();
  }

  // decide finds out whether there is anybody to share with.
  #decide(now) {
    const peers = this.room?.peers.length ?? 0;
    if (peers > 0) this.#become("sharing");
    else if (this.state === "sharing") {
      this.met = now;
      this.#become(this.crowd > 0 ? "meeting" : "alone");
    } else if (this.state === "meeting" && now - this.met > (this.patient ? slowPatience : meetPatience)) {
      this.missed = this.crowd;
      this.tried = true;
      this.#become("alone");
    } else if (this.state === "joining" && now - this.began > joinPatience) this.#become("alone");
    if (this.wanted() > 0 && this.room?.party && now - (this.sent ?? now) > 15000) {
      this.sent = now;
      this.room.party.seek();
    }
    this.sent ??= now;
  }

  #starve(now) {
    if (!this.standing || this.alone) this.stood = 0;
    else if (!this.stood) this.stood = now;
    else if (now - this.stood > starvation) {
      this.stood = 0;
      this.dispatchEvent(new Event("starving"));
    }
  }

  // wanted returns how many peers a room should have beside those it has.
  wanted(room = this.room) {
    return Math.min(neighbours, this.crowd) - (room?.peers.length ?? 0);
  }

  #report(now) {
    const { room, video } = this;
    if (!room || !this.coordinator.open) return;
    this.reported = now;
    const facts = { position: round(this.position), rate: video.playbackRate, paused: video.paused, hidden: document.hidden, standing: this.standing, peers: room.peers.length };
    this.coordinator.report(room.torrent.infohash, { ...facts, ...room.report() });
  }

  // speak tells the peers where we are and what is coming from our server.
  speak() {
    this.spoken = performance.now();
    const pace = this.video.paused ? 0 : this.video.playbackRate;
    for (const room of this.rooms.values()) {
      const words = room.current ? { at: round(this.position), pace, fetching: [...room.fetching.keys()].slice(0, 16) } : { fetching: [] };
      for (const peer of room.peers) peer.say(words);
    }
  }

  get position() {
    return this.video.currentTime;
  }

  get rate() {
    return this.video.playbackRate;
  }

  // coordinated says whether the server answers; without it each tab helps itself.
  get coordinated() {
    return this.coordinator.open;
  }

  // standing says that the picture waits for bytes.
  get standing() {
    return !this.video.paused && !this.video.ended && this.video.readyState < 3;
  }

  // ahead is the seconds in the buffer from here on.
  get ahead() {
    const b = this.video.buffered;
    for (let i = 0; i < b.length; i++) if (b.start(i) <= this.position + 0.1 && b.end(i) > this.position) return b.end(i) - this.position;
    return 0;
  }

  buffered({ start, duration }) {
    const b = this.video.buffered;
    for (let i = 0; i < b.length; i++) if (b.start(i) <= start + 0.25 && b.end(i) >= start + duration - 0.25) return true;
    return false;
  }

  // hurried says that pieces are late: no time for a better picture.
  get hurried() {
    return (this.room?.wishes?.length ?? 0) > 0;
  }

  // figures is how things stand, for the panel and for tests, as the property "sharing"
  // of the page's element of class player. Nothing in it can be changed from outside.
  //
  //   state        "joining", "alone", "meeting", "sharing" or "off"
  //   coordinated  the line to our server is open
  //   height       the rendition that is shared
  //   viewers, mirrors  others in its swarm, as our server counts them
  //   peers        those connected
  //   fromViewers, fromMirrors, fromServer, given  bytes since the first play
  //   wasted       bytes that came twice
  //   spoilt, banned  pieces with a wrong hash, peers dropped for it
  //   granted      pieces our server let us fetch; wishes: those we ask it for now
  //   memory       bytes held for all renditions; pieces: whole ones of this rendition
  get figures() {
    const { counts: c, room } = this;
    return Object.freeze({
      state: this.state, coordinated: this.coordinated, height: this.height ?? 0, ...this.others, peers: room?.peers.length ?? 0,
      fromViewers: c.viewers, fromMirrors: c.mirrors, fromServer: c.plain + this.origin.bytes, given: c.given, wasted: c.wasted,
      spoilt: c.spoilt, banned: c.banned, granted: c.granted, wishes: room?.wishes?.length ?? 0, memory: this.memory.used,
      pieces: room ? [...room.store.kept()].filter((p) => room.store.has(p)).length : 0,
    });
  }

  close() {
    this.closed = true;
    clearInterval(this.timer);
    for (const name of ["seeking", "pause", "play", "waiting", "ratechange"]) this.video.removeEventListener(name, this.moved);
    document.removeEventListener("visibilitychange", this.moved);
    for (const room of this.rooms.values()) room.leave();
    this.rooms.clear();
    this.origin.close();
    this.coordinator.close();
    this.wires?.close();
    this.state = "off";
    this.dispatchEvent(new Event("state"));
    this.dispatchEvent(new Event("change"));
  }
}

// slackOf tells how soon the peer of a request needs its piece: in seconds, where it has
// told us its place in the video; else it comes last.
function slackOf({ peer, piece }) {
  if (!peer.at) return 1e6;
  const second = peer.at.second + (peer.at.pace * (performance.now() - peer.at.since)) / 1000;
  return peer.home.timeline.needed(piece, second - 1) - second;
}

function count(n) {
  return Number.isInteger(n) && n > 0 ? n : 0;
}

function round(n) {
  return Math.round(n * 1000) / 1000;
}

// absolute turns an address of the page's host into one for a WebSocket.
function absolute(address) {
  const url = new URL(address, location.href);
  if (url.protocol.startsWith("http")) url.protocol = url.protocol.replace("http", "ws");
  return url.href;
}
