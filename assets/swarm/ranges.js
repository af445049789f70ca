// A set of byte ranges, kept sorted and apart. Ranges are half open: [from, to).

export class Ranges {
  list = [];

  add(from, to) {
    if (from >= to) return;
    const before = this.list.filter(([, end]) => end < from);
    const after = this.list.filter(([start]) => start > to);
    const met = this.list.slice(before.length, this.list.length - after.length);
    for (const [start, end] of met) {
      from = Math.min(from, start);
      to = Math.max(to, end);
    }
    this.list = [...before, [from, to], ...after];
  }

  remove(from, to) {
    this.list = this.list.flatMap(([start, end]) => [[start, Math.min(end, from)], [Math.max(start, to), end]].filter(([a, b]) => a < b));
  }

  covers(from, to) {
    return from >= to || this.list.some(([start, end]) => start <= from && to <= end);
  }

  // gaps returns what is missing between from and to.
  gaps(from, to) {
    const missing = [];
    for (const [start, end] of this.list) {
      if (end <= from) continue;
      if (start >= to) break;
      if (start > from) missing.push([from, start]);
      from = Math.max(from, end);
    }
    if (from < to) missing.push([from, to]);
    return missing;
  }

  get size() {
    return this.list.reduce((sum, [start, end]) => sum + end - start, 0);
  }
}
