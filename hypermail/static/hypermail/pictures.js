// The picture of a block: thumbnails to choose from, and new ones uploaded where they are needed.
// Without this file the select stays, and a link to the page of pictures.
"use strict";

(() => {
  const form = document.getElementById("campaign-form");
  if (!form) return;
  const token = form.elements.csrfmiddlewaretoken.value;
  const MOST_BYTES = 10 * 1024 * 1024;
  // The picture that was just uploaded: the block is shown anew before its words are asked for.
  let added = null;
  let isUploading = false;

  const choose = (place, picture) => {
    const select = place.querySelector("select");
    if (![...select.options].some((option) => option.value === String(picture.id))) select.add(new Option(picture.name, picture.id), 1);
    select.value = picture.id;
    select.dispatchEvent(new Event("change", { bubbles: true }));
  };

  function tell(place, sentence, isBad = false) {
    const note = place.querySelector("[data-picture-note]");
    note.textContent = sentence;
    note.classList.toggle("tone-bad", isBad);
  }

  function button(place, picture) {
    const made = document.createElement("button");
    const shown = document.createElement("img");
    const name = document.createElement("span");
    made.type = "button";
    made.className = "picture-choice";
    made.title = picture.name;
    made.setAttribute("aria-pressed", String(place.querySelector("select").value === String(picture.id)));
    shown.src = picture.src;
    shown.alt = "";
    shown.loading = "lazy";
    name.textContent = picture.name;
    made.append(shown, name);
    made.addEventListener("click", () => choose(place, picture));
    return made;
  }

  let asked = 0;
  async function list(place) {
    const turn = (asked += 1);
    const query = new URLSearchParams({ q: place.querySelector("[data-picture-search]").value });
    const answer = await fetch(`${place.dataset.choices}?${query}`, { headers: { Accept: "application/json" } }).catch(() => null);
    if (turn !== asked) return;
    if (!answer?.ok || answer.redirected) {
      tell(place, place.querySelector("[data-picture-note]").dataset.unlisted, true);
      return;
    }
    const told = await answer.json();
    place.querySelector(".picture-grid").replaceChildren(...told.pictures.map((picture) => button(place, picture)));
    place.querySelector("[data-picture-more]").hidden = !told.has_more;
    place.querySelector("[data-picture-empty]").hidden = told.pictures.length > 0;
  }

  // Not by fetch, which says nothing of how far it is.
  function upload(place, file) {
    const { dataset } = place.querySelector("[data-picture-note]");
    if (isUploading) return;
    if (file.size > MOST_BYTES) {
      tell(place, dataset.large, true);
      return;
    }
    const bar = place.querySelector("[data-picture-progress]");
    const request = new XMLHttpRequest();
    const body = new FormData();
    body.set("csrfmiddlewaretoken", token);
    body.set("pictures", file);
    isUploading = true;
    bar.value = 0;
    bar.hidden = false;
    tell(place, "");
    request.upload.addEventListener("progress", (event) => event.lengthComputable && (bar.value = (event.loaded / event.total) * 100));
    request.addEventListener("loadend", () => {
      isUploading = false;
      bar.hidden = true;
      place.querySelector("[data-picture-file]").value = "";
      const told = request.getResponseHeader("Content-Type")?.startsWith("application/json") ? JSON.parse(request.responseText) : {};
      if (request.status !== 201) tell(place, told.refused || (request.status === 413 ? dataset.large : dataset.failed), true);
      else if (place.isConnected) {
        added = told;
        choose(place, told);
      }
    });
    request.open("POST", place.dataset.choices);
    request.setRequestHeader("Accept", "application/json");
    request.send(body);
  }

  // The words go to the picture too, where it has none: the next mail has them then.
  function describe(place, alt, picture) {
    const body = new URLSearchParams({ csrfmiddlewaretoken: token, picture: picture.id, [`p${picture.id}-alt`]: alt.value.slice(0, 200) });
    fetch(place.dataset.describe, { method: "POST", body, headers: { Accept: "application/json" } }).catch(() => null);
  }

  function begin() {
    const place = form.querySelector("[data-picture-field]");
    if (!place) return;
    const details = place.querySelector("[data-picture-list]");
    const search = place.querySelector("[data-picture-search]");
    const file = place.querySelector("[data-picture-file]");
    let timer = 0;
    place.querySelector("[data-picture-tools]").hidden = false;
    if (details.open) list(place);
    details.addEventListener("toggle", () => details.open && list(place));
    search.addEventListener("keydown", (event) => event.key === "Enter" && event.preventDefault());
    search.addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(list, 300, place);
    });
    file.addEventListener("change", () => file.files.length && upload(place, file.files[0]));
    place.addEventListener("dragover", (event) => {
      event.preventDefault();
      place.classList.add("is-over");
    });
    place.addEventListener("dragleave", (event) => place.contains(event.relatedTarget) || place.classList.remove("is-over"));
    place.addEventListener("drop", (event) => {
      event.preventDefault();
      place.classList.remove("is-over");
      if (event.dataTransfer.files.length) upload(place, event.dataTransfer.files[0]);
    });
    const picture = added;
    added = null;
    if (!picture || place.querySelector("select").value !== String(picture.id)) return;
    const alt = form.elements["b-alt"];
    tell(place, place.querySelector("[data-picture-note]").dataset.uploaded);
    if (!picture.alt) alt.addEventListener("change", () => describe(place, alt, picture));
    // After the editor put the focus where it was.
    setTimeout(() => alt.focus(), 0);
  }

  document.addEventListener("blocks-shown", begin);
  begin();
})();
