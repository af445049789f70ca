// The memory that pieces of video may take in one tab: one bound for all renditions. When
// it is full, what is farthest from where the viewer is goes first. Nothing is ever
// written to the viewer's disk.

export const mostBytes = 64 * 1024 * 1024;

export class Memory {
  constructor(most = mostBytes) {
    this.most = most;
    this.used = 0;
    this.stores = new Set();
  }

  // take reserves room for one piece of the store, or returns false where everything
  // else in memory is nearer to the viewer.
  take(store, piece) {
    const size = store.torrent.size(piece);
    const far = store.distance(piece);
    while (this.used + size > this.most) {
      const last = this.#farthest();
      if (!last || last.distance <= far) return false;
      last.store.drop(last.piece);
    }
    this.used += size;
    return true;
  }

  give(size) {
    this.used -= size;
  }

  #farthest() {
    let last = null;
    for (const store of this.stores) {
      for (const piece of store.kept()) {
        const distance = store.distance(piece);
        if (!last || distance > last.distance) last = { store, piece, distance };
      }
    }
    return last;
  }
}
