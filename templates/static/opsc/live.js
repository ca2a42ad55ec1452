// Keeps a page that follows a run honest and its output in view.
(() => {
  "use strict";
  const stale = (yes) => document.body.classList.toggle("stale", yes);
  const log = () => document.querySelector("#output .log");
  let atEnd = true;
  let place = 0;

  const openFromAddress = () => {
    const id = window.location.hash.slice(1);
    const found = id ? document.getElementById(id) : null;
    if (found instanceof HTMLDetailsElement) found.open = true;
  };

  document.addEventListener("htmx:sendError", () => stale(true));
  document.addEventListener("htmx:timeout", () => stale(true));
  document.addEventListener("htmx:responseError", () => stale(true));
  document.addEventListener("htmx:afterRequest", (event) => {
    if (event.detail.successful) stale(false);
  });

  document.addEventListener("htmx:oobBeforeSwap", () => {
    const shown = log();
    atEnd = !shown || shown.scrollTop + shown.clientHeight >= shown.scrollHeight - 8;
    place = shown ? shown.scrollTop : 0;
  });
  document.addEventListener("htmx:oobAfterSwap", () => {
    const shown = log();
    if (shown) shown.scrollTop = atEnd ? shown.scrollHeight : place;
  });

  window.addEventListener("hashchange", openFromAddress);
  document.addEventListener("DOMContentLoaded", () => {
    openFromAddress();
    const shown = log();
    if (shown) shown.scrollTop = shown.scrollHeight;
  });
})();
