// The form that leads visitors to their own server. Without this script it answers
// with a page that holds the link; with it they go there at once, and the address they
// typed is remembered in this browser, and nowhere else.

const remembered = "tubelet.handle";

for (const form of document.querySelectorAll("form[data-home]")) setUp(form);

function setUp(form) {
  const field = form.elements.handle;
  const told = form.querySelector("[data-told]");
  if (!field.value) field.value = recall();
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = form.querySelector("button");
    button.disabled = true;
    told.textContent = "Asking your server…";
    const { location: page, problem } = await lead(form);
    button.disabled = false;
    told.textContent = problem;
    if (!page) return;
    remember(field.value.trim());
    location.href = page;
  });
}

// lead returns the page of the visitor's server, or what went wrong.
async function lead(form) {
  try {
    const answer = await fetch(form.action, {
      method: "POST",
      headers: { accept: "application/json" },
      body: new URLSearchParams(new FormData(form)),
    });
    const found = await answer.json();
    return isWeb(found.location) ? found : { problem: found.problem || "That did not work. Please try again." };
  } catch {
    return { problem: "The server did not answer. Please try again." };
  }
}

function isWeb(address) {
  return /^https:\/\//.test(address);
}

function recall() {
  try {
    return localStorage.getItem(remembered) ?? "";
  } catch {
    return ""; // storage is switched off
  }
}

function remember(handle) {
  try {
    localStorage.setItem(remembered, handle);
  } catch {
    // Then it is typed again next time.
  }
}
