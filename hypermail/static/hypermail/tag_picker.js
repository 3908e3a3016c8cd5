// The picker of merge tags comes to the fields of the open block, and goes back to its own place once it is closed.
"use strict";

(() => {
  const picker = document.getElementById("tag-picker");
  if (!picker) return;
  const home = document.createComment("picker");
  picker.before(home);

  function goHome() {
    if (picker.previousSibling === home) return;
    picker.open = false;
    home.after(picker);
    offer();
  }

  function offer() {
    for (const place of document.querySelectorAll("[data-picker-here]")) place.hidden = false;
  }

  document.addEventListener("click", (event) => {
    const place = event.target.closest("[data-picker-here]");
    if (!place) return;
    place.after(picker);
    place.hidden = true;
    picker.open = true;
  });
  // The choices are loaded with each opening: a snippet may have come in meanwhile.
  const show = () => picker.scrollIntoView({ block: "nearest" });
  picker.addEventListener("toggle", () => {
    if (!picker.open) return goHome();
    document.getElementById("tag-choices").replaceChildren();
    picker.dispatchEvent(new CustomEvent("tags-wanted"));
  });
  picker.addEventListener("htmx:afterSettle", show);
  document.addEventListener("blocks-leave", goHome);
  document.addEventListener("blocks-shown", offer);
  offer();
})();
