// Small behaviours of the pages, by data attributes. Every page works without this file.
"use strict";

(() => {
  const closest = (event, selector) =>
    event.target instanceof Element ? event.target.closest(selector) : null;

  // [data-dialog="ID"] opens a dialog, [data-close] or a click beside it closes it. In a form, once the form is complete.
  document.addEventListener("click", (event) => {
    const opener = closest(event, "[data-dialog]");
    if (opener) {
      if (opener.form && !opener.form.reportValidity()) return;
      const dialog = document.getElementById(opener.dataset.dialog);
      if (dialog && !dialog.open) dialog.showModal();
      return;
    }
    const closer = closest(event, "dialog [data-close]");
    if (closer) {
      closer.closest("dialog").close();
    } else if (event.target instanceof HTMLDialogElement && isOutside(event, event.target)) {
      event.target.close();
    }
  });

  function isOutside(event, dialog) {
    const box = dialog.getBoundingClientRect();
    return (
      event.clientX < box.left || event.clientX > box.right || event.clientY < box.top || event.clientY > box.bottom
    );
  }

  // On a small screen the tab of the page may stand beyond the edge.
  for (const tab of document.querySelectorAll(".tabs [aria-current]")) {
    const row = tab.closest(".tabs");
    row.scrollLeft = tab.offsetLeft + tab.offsetWidth / 2 - row.offsetLeft - row.clientWidth / 2;
  }

  // And the place of the page below the edge of the navigation.
  const place = document.querySelector(".sidebar [aria-current]");
  if (place) {
    const list = place.closest("nav");
    const middle = place.offsetTop + place.offsetHeight / 2 - list.offsetTop;
    if (middle > list.clientHeight * 0.9) list.scrollTop = middle - list.clientHeight / 2;
  }

  // Menus close by Escape and by a click elsewhere.
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const menu of document.querySelectorAll(".menu[open], .popmenu[open]")) {
      menu.open = false;
      menu.querySelector("summary").focus();
    }
  });
  document.addEventListener("click", (event) => {
    for (const menu of document.querySelectorAll(".menu[open], .popmenu[open]")) {
      if (!menu.contains(event.target)) menu.open = false;
    }
  });

  // The server stored a draft: the copy that this tab kept of it (editor.js) is needed no more.
  for (const toast of document.querySelectorAll("[data-stored-draft]")) {
    sessionStorage.removeItem(`draft:${toast.dataset.storedDraft}`);
  }

  // Good news leaves by itself after a while, unless it is being read; warnings stay.
  for (const toast of document.querySelectorAll("[data-toast='success'], [data-toast='info']")) {
    const leave = () => (toast.matches(":hover, :focus-within") ? setTimeout(leave, 2000) : toast.remove());
    setTimeout(leave, 8000);
  }
  document.addEventListener("click", (event) => {
    const closer = closest(event, "[data-toast-close]");
    if (closer) closer.closest("[data-toast]").remove();
  });

  // [data-copy="ID"] copies the text or value of an element and says so.
  document.addEventListener("click", async (event) => {
    const button = closest(event, "[data-copy]");
    if (!button) return;
    const source = document.getElementById(button.dataset.copy);
    if (!source) return;
    const copied = await copyText(source);
    const label = button.querySelector("[data-copy-label]") || button;
    const before = label.textContent;
    label.textContent = copied ? "コピーしました" : "コピーできませんでした";
    setTimeout(() => (label.textContent = before), 2000);
  });

  async function copyText(source) {
    const text = "value" in source ? source.value : source.textContent.trim();
    // The clipboard API is there only on https and localhost.
    if (navigator.clipboard) {
      return navigator.clipboard.writeText(text).then(
        () => true,
        () => false,
      );
    }
    if ("select" in source) source.select();
    else getSelection().selectAllChildren(source);
    return document.execCommand("copy");
  }

  // [data-insert="text" data-target="ID"] puts text where the cursor is.
  document.addEventListener("click", (event) => {
    const button = closest(event, "[data-insert]");
    if (!button) return;
    const target = document.getElementById(button.dataset.target);
    if (!target) return;
    target.focus();
    target.setRangeText(button.dataset.insert, target.selectionStart, target.selectionEnd, "end");
    target.dispatchEvent(new Event("input", { bubbles: true }));
  });

  // .dropzone: shows the chosen file and takes a dropped one.
  function showFiles(zone) {
    const input = zone.querySelector("input[type='file']");
    const name = zone.querySelector("[data-dropzone-name]");
    if (name && input.files.length) {
      name.textContent = Array.from(input.files, (file) => `${file.name}(${sizeOf(file)})`).join("、");
    }
  }

  function sizeOf(file) {
    if (file.size < 1024) return `${file.size} B`;
    if (file.size < 1024 * 1024) return `${Math.round(file.size / 1024)} KB`;
    return `${(file.size / 1024 / 1024).toFixed(1)} MB`;
  }

  document.addEventListener("change", (event) => {
    const zone = closest(event, ".dropzone");
    if (zone) showFiles(zone);
  });
  for (const name of ["dragover", "dragleave", "drop"]) {
    document.addEventListener(name, (event) => {
      const zone = closest(event, ".dropzone");
      if (!zone) return;
      event.preventDefault();
      zone.classList.toggle("is-over", name === "dragover");
      if (name === "drop" && event.dataTransfer.files.length) {
        zone.querySelector("input[type='file']").files = event.dataTransfer.files;
        showFiles(zone);
      }
    });
  }

  // What was refused is in sight, wherever on the page it stands.
  const refused = document.querySelector("main [aria-invalid='true']");
  if (refused) {
    for (let fold = refused.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
    refused.focus({ preventScroll: true });
    refused.scrollIntoView({ block: "center" });
  }

  // form[data-warn-unsaved] asks before changes are lost.
  let unsaved = false;
  document.addEventListener("input", (event) => {
    if (closest(event, "form[data-warn-unsaved]")) unsaved = true;
  });
  window.addEventListener("beforeunload", (event) => {
    if (unsaved) event.preventDefault();
  });

  // A second click must not send a form twice. Forms that answer with a file say data-stay.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (event.defaultPrevented) return;
    // One that fills a frame beside the form saves nothing.
    if (event.submitter && event.submitter.formTarget) return;
    unsaved = false;
    if (form.method !== "post" || form.hasAttribute("data-stay") || form.target) return;
    if (form.dataset.submitted) {
      event.preventDefault();
      return;
    }
    form.dataset.submitted = "yes";
    // Only after this event, so that the pressed button's own name and value are sent.
    setTimeout(() => {
      for (const button of document.querySelectorAll("button[type='submit'], button:not([type])")) {
        if (button.form === form) button.disabled = true;
      }
    });
  });
  window.addEventListener("pageshow", (event) => {
    if (!event.persisted) return;
    for (const form of document.querySelectorAll("form[data-submitted]")) {
      delete form.dataset.submitted;
      for (const button of form.elements) {
        if (button instanceof HTMLButtonElement) button.disabled = false;
      }
    }
  });

  // form[data-live="ID"] presses that button, which fills a frame, a moment after each change.
  let live = 0;
  document.addEventListener("input", (event) => {
    const form = closest(event, "form[data-live]");
    if (!form) return;
    clearTimeout(live);
    live = setTimeout(() => form.requestSubmit(document.getElementById(form.dataset.live)), 600);
  });

  // [data-submit-on-change] sends its form when a choice is made; the button beside it serves without scripts.
  document.addEventListener("change", (event) => {
    const control = closest(event, "[data-submit-on-change]");
    if (control) control.form.requestSubmit();
  });
})();
