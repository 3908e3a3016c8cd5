// What an autosave could not take is told at its field, not in the bar below alone.
"use strict";

(() => {
  const form = document.getElementById("campaign-form");
  if (!form) return;

  // A place is a field's name, or the block that is open and the field's name there (campaigns/autosave_views.py).
  function controlOf(place) {
    const [block, name] = place.split("-");
    const found = name
      ? form.querySelector(`[data-place="${CSS.escape(block)}"] [name="b-${CSS.escape(name)}"]`)
      : form.elements[place] || form.elements[`quiet-${place}`];
    return found instanceof RadioNodeList ? found[0] : found;
  }

  function clear() {
    for (const told of form.querySelectorAll("[data-told]")) {
      const control = form.querySelector(`[aria-errormessage="${told.id}"]`);
      control?.removeAttribute("aria-errormessage");
      control?.removeAttribute("aria-invalid");
      told.remove();
    }
  }

  function tell({ place, sentence }, number) {
    const control = controlOf(place);
    const field = control?.closest(".field");
    // What the page itself says of a field stands there already.
    if (!field || field.querySelector(".field-errors")) return;
    const told = document.createElement("p");
    told.className = "field-errors";
    told.dataset.told = "";
    told.id = `told-${number}`;
    told.textContent = sentence;
    control.setAttribute("aria-invalid", "true");
    control.setAttribute("aria-errormessage", told.id);
    field.append(told);
  }

  document.body.addEventListener("draft-saved", (event) => {
    clear();
    event.detail.problems.forEach(tell);
  });
})();
