// Times as people and addresses write them.

// parseTime reads "90", "1m30s", "1h2m", "1:30" or "1:02:03" as seconds; NaN otherwise.
export function parseTime(text) {
  const s = String(text ?? "").trim();
  if (/^\d+(\.\d+)?s?$/.test(s)) return parseFloat(s);
  if (/^\d+(:[0-5]?\d){1,2}$/.test(s)) return s.split(":").reduce((sum, part) => sum * 60 + Number(part), 0);
  const m = /^(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?$/.exec(s);
  if (!s || !m) return NaN;
  return Number(m[1] ?? 0) * 3600 + Number(m[2] ?? 0) * 60 + Number(m[3] ?? 0);
}

// clock writes seconds as 0:07, 12:48 or 1:02:03.
export function clock(seconds) {
  const s = Math.max(0, Math.floor(seconds || 0));
  const two = (n) => String(n).padStart(2, "0");
  const rest = `${two(s % 60)}`;
  if (s >= 3600) return `${Math.floor(s / 3600)}:${two(Math.floor(s / 60) % 60)}:${rest}`;
  return `${Math.floor(s / 60)}:${rest}`;
}

// spoken writes seconds as a screen reader should say them: "1 minute 3 seconds".
export function spoken(seconds) {
  const s = Math.max(0, Math.floor(seconds || 0));
  const parts = [
    [Math.floor(s / 3600), "hour"],
    [Math.floor(s / 60) % 60, "minute"],
    [s % 60, "second"],
  ].filter(([n]) => n > 0);
  if (parts.length === 0) return "0 seconds";
  return parts.map(([n, unit]) => `${n} ${unit}${n === 1 ? "" : "s"}`).join(" ");
}

// within returns the moment at which playing starts when an address asks for at. After the
// end it is the start: who shortened the video left that link behind, and its last instant
// shows nothing.
export function within(at, duration) {
  return at < duration ? at : 0;
}

// addressTime returns the moment that a page's address asks for, or NaN.
export function addressTime(location) {
  const query = new URLSearchParams(location.search);
  const hash = new URLSearchParams(location.hash.slice(1));
  for (const text of [hash.get("t"), query.get("t"), query.get("start")]) {
    const seconds = parseTime(text);
    if (!Number.isNaN(seconds)) return seconds;
  }
  return NaN;
}
