// What to ask from whom, and what to wish from the server: the client's side of
// docs/sharing.md, as functions of the state at one moment.

export const near = 12; // seconds: below, the nearest piece first; beyond, the rarest
const perPeer = 2; // pieces asked from one peer at a time
export const inAll = 10;
const patience = 6; // seconds that a far piece may wait in a peer's queue
const wishBelow = 4;
const wishAlways = 2; // below, a wish even where some peer has the piece
const reserve = 0.3;
const mostWishes = 4;

// pull picks pieces to ask from peers. missing is a list of {piece, slack, bytes},
// nearest first; peers have id, has(piece), rate in bytes a second, queue in bytes,
// pieces asked, and mirror. It returns a list of {piece, peer}.
export function pull(missing, peers, random = Math.random) {
  const state = peers.map((p) => ({ peer: p, queue: p.queue, asked: p.asked }));
  let free = inAll - state.reduce((sum, s) => sum + s.asked, 0);
  const chosen = [];
  for (const m of order(missing, peers, random)) {
    if (free <= 0) break;
    const best = soonest(m, state);
    if (!best) continue;
    chosen.push({ piece: m.piece, peer: best.peer });
    best.asked++;
    best.queue += m.bytes;
    free--;
  }
  return chosen;
}

function order(missing, peers, random) {
  const far = missing.filter((m) => m.slack >= near);
  const rarity = new Map(far.map((m) => [m, peers.filter((p) => p.has(m.piece)).length + random() * 0.9 + m.slack / 1000]));
  far.sort((a, b) => rarity.get(a) - rarity.get(b));
  return [...missing.filter((m) => m.slack < near), ...far];
}

// soonest returns the peer that would deliver first. A mirror pays for everybody, so of a
// far piece viewers are asked before it.
function soonest(m, state) {
  let best = null;
  let bestTime = Infinity;
  for (const s of state) {
    if (s.asked >= perPeer || !s.peer.has(m.piece)) continue;
    let time = (s.queue + m.bytes) / s.peer.rate;
    if (m.slack >= near && time > patience) continue;
    if (m.slack >= near && s.peer.mirror) time += patience;
    if (time < bestTime) [best, bestTime] = [s, time];
  }
  return best;
}

// wishes picks the pieces that will not come in time. missing is as for pull, with eta:
// the seconds until the piece is here as things stand, Infinity when it is not under way;
// reachable says that some peer has it or fetches it.
export function wishes(missing) {
  return missing
    .filter((m) => m.slack < wishBelow && m.eta > m.slack - reserve && (m.slack < wishAlways || !m.reachable))
    .slice(0, mostWishes)
    .map((m) => m.piece);
}
