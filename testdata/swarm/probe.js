// Runs in every page before its own scripts: looks at the picture and at data channels,
// touches neither. Times are milliseconds since navigation began.
(() => {
  const probe = (window.probe = {
    pressed: 0, firstFrame: 0, ended: 0, stalls: [], channels: 0, open: 0, received: 0, sent: 0, pairs: 0,
  });
  let video;

  function follow(v) {
    video = v;
    v.requestVideoFrameCallback((now) => (probe.firstFrame = now));
    v.addEventListener("waiting", () => {
      if (probe.firstFrame && !stalled() && !v.seeking && !v.ended) probe.stalls.push({ at: v.currentTime, from: performance.now(), to: 0 });
    });
    const over = () => stalled() && (probe.stalls.at(-1).to = performance.now());
    v.addEventListener("playing", over);
    v.addEventListener("ended", () => {
      over();
      probe.ended ||= performance.now();
    });
  }

  const stalled = () => probe.stalls.length > 0 && !probe.stalls.at(-1).to;

  // The button is pressed as soon as it is there.
  function look() {
    const big = document.querySelector(".fresh > .pl-big");
    if (big && !probe.pressed) {
      probe.pressed = performance.now();
      big.click();
    }
    const v = document.querySelector("video");
    if (v && v !== video) follow(v);
  }
  new MutationObserver(look).observe(document, { childList: true, subtree: true, attributes: true, attributeFilter: ["class"] });

  function listen(channel) {
    probe.channels++;
    let counted = channel.readyState === "open";
    if (counted) probe.open++;
    channel.addEventListener("open", () => {
      if (!counted) probe.open++;
      counted = true;
    });
    channel.addEventListener("close", () => {
      if (counted) probe.open--;
      counted = false;
    });
    channel.addEventListener("message", ({ data }) => (probe.received += size(data)));
    const send = channel.send;
    channel.send = function (data) {
      probe.sent += size(data);
      return send.call(channel, data);
    };
    return channel;
  }
  const size = (data) => data.byteLength ?? data.size ?? data.length;

  const Native = window.RTCPeerConnection;
  window.RTCPeerConnection = class extends Native {
    constructor(...args) {
      super(...args);
      probe.pairs++;
      this.addEventListener("datachannel", (event) => listen(event.channel));
    }
    createDataChannel(...args) {
      return listen(super.createDataChannel(...args));
    }
  };

  // state is what the driver asks for once a second.
  window.probeState = () => {
    const v = video;
    let ahead = 0;
    for (let i = 0; v && i < v.buffered.length; i++) {
      if (v.buffered.start(i) <= v.currentTime + 0.3) ahead = Math.max(ahead, v.buffered.end(i) - v.currentTime);
    }
    const { stalls, ...rest } = probe;
    return {
      ...rest, now: performance.now(), time: v?.currentTime ?? 0, ahead, stalled: stalled(), stalls,
      rows: v?.videoHeight ?? 0, dropped: v?.getVideoPlaybackQuality().droppedVideoFrames ?? 0,
    };
  };
})();
