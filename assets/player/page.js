// What a watch page has beside its player: copying addresses, "start at", and
// looking again while the video is being prepared. Without script the fields can be
// selected by hand and the page refreshes itself.

export function setUpPage() {
  for (const button of document.querySelectorAll("[data-copy]")) offerCopy(button);
  const tick = document.querySelector("[data-startat]");
  const video = document.querySelector(".player video");
  if (tick && video) offerStart(tick, video);
  if (document.querySelector("[data-wait]")) lookAgain();
}

function offerCopy(button) {
  const field = document.getElementById(button.dataset.copy);
  const told = document.querySelector("[data-copied]");
  button.hidden = false;
  button.addEventListener("click", async () => {
    const done = await copyField(field);
    button.textContent = done ? "Copied" : "Selected";
    told.textContent = done ? "Copied to the clipboard." : "Selected. Copy it with your keyboard.";
    setTimeout(() => {
      button.textContent = "Copy";
      told.textContent = "";
    }, 2500);
  });
}

// copyField copies what field holds. The clipboard is only there on pages that came
// by TLS or from this machine; elsewhere the text is at least selected.
async function copyField(field) {
  field.focus();
  field.select();
  try {
    await navigator.clipboard.writeText(field.value);
    return true;
  } catch {
    return false;
  }
}

// offerStart lets the link and the frame begin where the video stands when the
// panel opens.
function offerStart(tick, video) {
  const [box, words] = [tick.querySelector("input"), tick.querySelector("span")];
  const link = document.getElementById("share-link");
  const code = document.getElementById("share-code");
  const plain = { link: link.value, code: code?.value };
  let at = 0;
  const write = () => {
    const on = box.checked && at > 0;
    link.value = on ? `${plain.link}?t=${at}` : plain.link;
    if (code) code.value = on ? plain.code.replace(/(src="[^"]*)"/, `$1?start=${at}"`) : plain.code;
  };
  box.addEventListener("change", write);
  document.getElementById("share").addEventListener("toggle", (event) => {
    if (event.newState !== "open") return;
    at = Math.floor(video.currentTime);
    tick.hidden = at === 0;
    words.textContent = shownTime(at);
    write();
  });
}

function shownTime(seconds) {
  const two = (n) => String(n).padStart(2, "0");
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  return h ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

// lookAgain asks every few seconds how far the work has come, and shows the player
// once there is one.
function lookAgain() {
  setInterval(async () => {
    if (document.hidden) return;
    try {
      const answer = await fetch(location.href, { headers: { accept: "text/html" } });
      if (!answer.ok) return;
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const next = page.querySelector("[data-wait]");
      if (!next) location.reload();
      else document.querySelector("[data-wait]").replaceChildren(...next.childNodes);
    } catch {
      // The server is away for a moment; the next round asks again.
    }
  }, 4000);
}
