"use strict";

// Asks the card fields, an iframe of another origin, for a token and sends that; a card number never
// comes by here.

const FIELDS_ANSWER_WITHIN_MS = 15000;
const form = document.getElementById("card");
const frame = form && form.querySelector("iframe");

if (frame) {
  const origin = form.dataset.fieldsOrigin;
  const button = form.querySelector("button");
  const trouble = document.getElementById("trouble");
  let request = "";
  let timer;

  const stop = (text) => {
    clearTimeout(timer);
    request = "";
    button.disabled = false;
    trouble.textContent = text;
    trouble.hidden = !text;
  };

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (request) return;
    request = crypto.randomUUID();
    button.disabled = true;
    timer = setTimeout(() => stop(form.dataset.silent), FIELDS_ANSWER_WITHIN_MS);
    frame.contentWindow.postMessage({ type: "exchange", request }, origin);
  });

  addEventListener("message", (event) => {
    if (event.origin !== origin || event.source !== frame.contentWindow) return;
    const said = event.data;
    if (said.type === "height") frame.style.height = said.height + "px";
    else if (said.type === "submit") form.requestSubmit();
    else if (!request || said.request !== request) return;
    else if (said.type === "refused") stop("");
    else if (said.type === "token") {
      clearTimeout(timer);
      form.elements.token.value = said.token;
      form.submit();
    }
  });
}
