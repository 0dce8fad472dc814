"use strict";

window.addEventListener("load", () => {
  window.Redoc.init("/v1/openapi.json", {}, document.getElementById("docs"));
});
