// Small makers of elements. Icons are drawn here, so that the player needs no file
// of them and looks the same in another site's frame.

const stroke = 'fill="none" stroke="currentColor" stroke-width="1.9" stroke-linecap="round" stroke-linejoin="round"';
const icons = {
  play: '<path d="M7.5 4.6v14.8a.8.8 0 0 0 1.2.7l11.6-7.4a.8.8 0 0 0 0-1.4L8.7 3.9a.8.8 0 0 0-1.2.7z" fill="currentColor"/>',
  pause: '<path d="M6.5 4.5h3.6v15H6.5zM13.9 4.5h3.6v15h-3.6z" fill="currentColor"/>',
  again: `<path d="M5 5v5h5" ${stroke}/><path d="M5.6 10A7.2 7.2 0 1 1 5 14.5" ${stroke}/>`,
  loud: `<path d="M4 9.2v5.6h3.6L12.5 19V5L7.6 9.2z" fill="currentColor"/><path d="M15.6 8.8a4.6 4.6 0 0 1 0 6.4M18.2 6.2a8.2 8.2 0 0 1 0 11.6" ${stroke}/>`,
  low: `<path d="M4 9.2v5.6h3.6L12.5 19V5L7.6 9.2z" fill="currentColor"/><path d="M15.6 8.8a4.6 4.6 0 0 1 0 6.4" ${stroke}/>`,
  mute: `<path d="M4 9.2v5.6h3.6L12.5 19V5L7.6 9.2z" fill="currentColor"/><path d="m16 9.5 5 5m0-5-5 5" ${stroke}/>`,
  captions: `<rect x="3" y="5" width="18" height="14" rx="2.6" ${stroke}/><path d="M10.6 10.5a2 2 0 1 0 0 3M17 10.5a2 2 0 1 0 0 3" ${stroke}/>`,
  gear: `<circle cx="12" cy="12" r="3" ${stroke}/><path d="M12 3.2l1.3 2.4 2.7-.5.7 2.7 2.6.9-.6 2.7 1.9 1.9-1.9 1.5.6 2.7-2.6.9-.7 2.6-2.7-.4L12 22.8l-1.3-2.2-2.7.4-.7-2.6-2.6-.9.6-2.7-1.9-1.5 1.9-1.9-.6-2.7 2.6-.9.7-2.7 2.7.5z" transform="translate(0 -1) " ${stroke}/>`,
  pip: `<rect x="3" y="5" width="18" height="14" rx="2.6" ${stroke}/><rect x="11.8" y="11.4" width="6.6" height="5" rx="1" fill="currentColor"/>`,
  theatre: `<rect x="2.5" y="6.8" width="19" height="10.4" rx="2" ${stroke}/>`,
  full: `<path d="M4 9V5.5A1.5 1.5 0 0 1 5.5 4H9M15 4h3.5A1.5 1.5 0 0 1 20 5.5V9M20 15v3.5a1.5 1.5 0 0 1-1.5 1.5H15M9 20H5.5A1.5 1.5 0 0 1 4 18.5V15" ${stroke}/>`,
  small: `<path d="M9 4v3.5A1.5 1.5 0 0 1 7.5 9H4M20 9h-3.5A1.5 1.5 0 0 1 15 7.5V4M15 20v-3.5a1.5 1.5 0 0 1 1.5-1.5H20M4 15h3.5A1.5 1.5 0 0 1 9 16.5V20" ${stroke}/>`,
  check: `<path d="m5 12.5 4.5 4.5L19 7.5" ${stroke}/>`,
  next: `<path d="m9.5 6 6 6-6 6" ${stroke}/>`,
  prev: `<path d="m14.5 6-6 6 6 6" ${stroke}/>`,
  quality: `<path d="M4 7h9M17 7h3M4 17h3M11 17h9" ${stroke}/><circle cx="15" cy="7" r="2" ${stroke}/><circle cx="9" cy="17" r="2" ${stroke}/>`,
  speed: `<path d="M4.5 17.5a9 9 0 1 1 15 0" ${stroke}/><path d="m12 14 3.5-5" ${stroke}/><circle cx="12" cy="14.2" r="1.4" fill="currentColor"/>`,
  loop: `<path d="M6 15.5V10a2.5 2.5 0 0 1 2.5-2.5H18m0 0-3-3m3 3-3 3M18 8.5V14a2.5 2.5 0 0 1-2.5 2.5H6m0 0 3 3m-3-3 3-3" ${stroke}/>`,
  chapters: `<path d="M4 6h2M4 12h2M4 18h2M9.5 6H20M9.5 12H20M9.5 18H20" ${stroke}/>`,
  help: `<rect x="2.5" y="6" width="19" height="12" rx="2.2" ${stroke}/><path d="M6 10h.01M9 10h.01M12 10h.01M15 10h.01M18 10h.01M8 14h8" ${stroke}/>`,
  share: `<circle cx="6" cy="12" r="2.4" ${stroke}/><circle cx="17.5" cy="6" r="2.4" ${stroke}/><circle cx="17.5" cy="18" r="2.4" ${stroke}/><path d="m8.2 10.9 7.1-3.8M8.2 13.1l7.1 3.8" ${stroke}/>`,
  close: `<path d="m6 6 12 12M18 6 6 18" ${stroke}/>`,
  alert: `<circle cx="12" cy="12" r="9" ${stroke}/><path d="M12 7.5v5.5M12 16.3v.1" ${stroke}/>`,
};

// icon returns a drawing that assistive technology passes over.
export function icon(name) {
  const holder = document.createElement("template");
  holder.innerHTML = `<svg class="pl-ico" viewBox="0 0 24 24" aria-hidden="true" focusable="false">${icons[name]}</svg>`;
  return holder.content.firstChild;
}

// el makes an element: attributes by name, listeners as functions under "on…",
// children as nodes or text. An attribute of false or null is left out.
export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") node.addEventListener(name.slice(2), value);
    else if (value !== false && value != null) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((c) => c != null));
  return node;
}

// button makes a control with a drawing for a face. Its name is also its tooltip.
export function button(name, label, press, more = {}) {
  return el("button", { type: "button", class: "pl-btn", "aria-label": label, title: label, onclick: press, ...more }, icon(name));
}

// dress changes a button's drawing and name, touching the page only on a change.
export function dress(node, name, label) {
  if (node.dataset.face !== name) {
    node.dataset.face = name;
    node.querySelector("svg").replaceWith(icon(name));
  }
  if (node.getAttribute("aria-label") !== label) {
    node.setAttribute("aria-label", label);
    node.title = label;
  }
}
