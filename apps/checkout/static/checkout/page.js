"use strict";

// The one script of the page. It asks the card fields, an iframe of another origin, for a token and
// sends that; it never sees a card number.

const FIELDS_ANSWER_WITHIN_MS = 15000;
const POLL_EVERY_MS = 2000;

const page = document.documentElement.dataset;
// Set when the payer pressed the button, so that only that leads on to the bank, and coming back
// from there does not.
const ON_THE_WAY = "pay:" + page.session;

function watchForNews() {
  setInterval(async () => {
    const answer = await fetch(location.pathname + "/status", { cache: "no-store" }).catch(() => null);
    if (!answer || !answer.ok) return;
    const { state } = await answer.json();
    if (state !== page.state) location.replace(location.pathname);
  }, POLL_EVERY_MS);
}

function goToBankOnce(link) {
  if (!sessionStorage.getItem(ON_THE_WAY)) return;
  sessionStorage.removeItem(ON_THE_WAY);
  location.assign(link.href);
}

class CardForm {
  constructor(form) {
    this.form = form;
    this.frame = form.querySelector("iframe");
    this.button = form.querySelector("button");
    this.trouble = form.querySelector("#trouble");
    this.progress = form.querySelector("#progress");
    this.origin = form.dataset.fieldsOrigin;
    this.request = "";
    form.addEventListener("submit", (event) => this.submit(event));
    addEventListener("message", (event) => this.hear(event));
    // Fields that were faster than this script told their height to nobody.
    this.ask({ type: "hello" });
  }

  ask(message) {
    this.frame.contentWindow.postMessage(message, this.origin);
  }

  submit(event) {
    event.preventDefault();
    if (this.request || !this.form.reportValidity()) return;
    this.request = crypto.randomUUID();
    this.show("");
    this.button.setAttribute("aria-disabled", "true");
    this.progress.textContent = this.form.dataset.busy;
    this.timer = setTimeout(() => this.stop(this.form.dataset.silent), FIELDS_ANSWER_WITHIN_MS);
    this.ask({ type: "exchange", request: this.request });
  }

  hear(event) {
    if (event.origin !== this.origin || event.source !== this.frame.contentWindow) return;
    const said = event.data;
    if (said.type === "height") this.frame.style.height = said.height + "px";
    else if (said.type === "submit") this.form.requestSubmit();
    else if (said.request !== this.request || !this.request) return;
    else if (said.type === "token") this.send(said.token);
    else if (said.type === "refused") this.stop("");
  }

  send(token) {
    clearTimeout(this.timer);
    this.form.elements.token.value = token;
    sessionStorage.setItem(ON_THE_WAY, "1");
    this.form.submit();
  }

  stop(trouble) {
    clearTimeout(this.timer);
    this.request = "";
    this.button.removeAttribute("aria-disabled");
    this.progress.textContent = "";
    this.show(trouble);
  }

  show(trouble) {
    this.trouble.textContent = trouble;
    this.trouble.hidden = !trouble;
  }
}

// A page out of the browser's memory may show what was true before.
addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });

// The way back from the bank leaves the client secret in the address; nothing here reads it.
if (location.search) history.replaceState(null, "", location.pathname);

const bank = document.getElementById("bank");
if (bank) goToBankOnce(bank);
else sessionStorage.removeItem(ON_THE_WAY);
const form = document.getElementById("pay");
if (form && form.querySelector("iframe")) new CardForm(form);
const summary = document.getElementById("summary");
if (summary) summary.focus();
if (document.querySelector("[data-poll]")) watchForNews();
