// The little that the back-office does in the browser: dialogs, copying, times in the reader's zone.
"use strict";

// A dialog is a page of its own; here it is shown on top of the page it was opened from. The native
// element traps the focus, closes on Escape and gives the focus back. A second click while it comes
// opens no second one.
async function openDialog(link) {
  if (link.ariaBusy) {
    return;
  }
  link.ariaBusy = "true";
  try {
    await showDialog(link);
  } finally {
    link.ariaBusy = null;
  }
}

async function showDialog(link) {
  const response = await fetch(link.href, { headers: { "X-Dialog": "1" } });
  if (!response.ok || response.redirected) {
    window.location.assign(link.href);
    return;
  }
  const dialog = document.createElement("dialog");
  dialog.className = "bo-dialog";
  dialog.setAttribute("aria-labelledby", "bo-dialog-title");
  dialog.innerHTML = await response.text();
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  dialog.querySelector(".bo-field input, .bo-field select, .bo-field textarea")?.focus();
}

function showLocalTimes(root) {
  for (const time of root.querySelectorAll("time.bo-time")) {
    const at = new Date(time.dateTime);
    const year = at.getFullYear() === new Date().getFullYear() ? undefined : "numeric";
    time.textContent = at.toLocaleString("en-GB", {
      day: "2-digit", month: "short", year, hour: "2-digit", minute: "2-digit",
    }).replace(",", "");
  }
}

// Where a dialog takes several rows of the list, each row gets a box to tick.
function offerPicks() {
  const taker = document.querySelector("a[data-picks]");
  if (!taker) {
    return;
  }
  const bare = taker.href;
  for (const row of document.querySelectorAll("#result_list tbody tr")) {
    const link = row.querySelector("a[href*='/change/']");
    if (!link) {
      continue;
    }
    const id = decodeURIComponent(link.pathname.split("/").at(-3));
    const box = document.createElement("input");
    box.type = "checkbox";
    box.className = "bo-pick";
    box.value = id;
    box.setAttribute("aria-label", `Pick ${id}`);
    link.before(box);
    box.parentElement.classList.add("bo-pick-cell");
  }
  document.addEventListener("change", (event) => {
    if (event.target.matches(".bo-pick")) {
      const url = new URL(bare);
      for (const box of document.querySelectorAll(".bo-pick:checked")) {
        url.searchParams.append("pick", box.value);
      }
      taker.href = url;
    }
  });
}

// How many rows the saved views have, and how many each day brought, is counted when the list is
// there already. Without an answer, such as when the person has gone on, there are none.
async function countRows() {
  const badges = [...document.querySelectorAll("[data-view]")];
  const days = document.querySelector("[data-days]");
  if (!badges.length && !days) {
    return;
  }
  let counts;
  try {
    const response = await fetch(`counts/${window.location.search}`);
    counts = await response.json();
  } catch {
    return;
  }
  for (const badge of badges) {
    badge.textContent = counts.views[badge.dataset.view] ?? "";
    badge.hidden = !badge.textContent;
  }
  if (days) {
    days.innerHTML = counts.days;
  }
}

document.addEventListener("click", (event) => {
  const opener = event.target.closest("a[data-dialog]");
  if (opener && !event.ctrlKey && !event.metaKey) {
    event.preventDefault();
    openDialog(opener);
    return;
  }
  const closer = event.target.closest("[data-close]");
  if (closer?.closest("dialog")) {
    event.preventDefault();
    closer.closest("dialog").close();
    return;
  }
  const copier = event.target.closest("[data-copy]");
  if (copier) {
    event.preventDefault();
    navigator.clipboard.writeText(copier.dataset.copy).then(() => {
      copier.textContent = "check";
      setTimeout(() => { copier.textContent = "content_copy"; }, 1500);
    });
  }
});

// The server does each dialog once; this only spares the person the question whether it was sent.
document.addEventListener("submit", (event) => {
  const button = event.target.matches(".bo-form") && event.target.querySelector("[type=submit]");
  if (button) {
    setTimeout(() => { button.disabled = true; }, 0);
  }
  // A download leaves the page as it is.
  if (event.target.matches("[data-download]")) {
    setTimeout(() => event.target.closest("dialog")?.close(), 0);
  }
});

// The back button opens a dialog's page anew, often with what was typed still in it. It is the wish
// that was sent already, so each step of the browser's history keeps the nonce it began with, and
// the server answers it with what came of it.
function keepNonce() {
  const nonce = document.querySelector(".bo-form")?.elements?.nonce;
  if (nonce) {
    nonce.value = history.state?.nonce ?? nonce.value;
    history.replaceState({ ...history.state, nonce: nonce.value }, "");
  }
}

document.addEventListener("DOMContentLoaded", () => {
  showLocalTimes(document);
  keepNonce();
  offerPicks();
  countRows();
});
