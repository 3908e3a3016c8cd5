// The editor of a mailing: blocks without reloading, autosave, undo, drag and keys, preview, merge tags.
// Without this file the page is a form whose buttons send it.
"use strict";

(() => {
  const form = document.getElementById("campaign-form");
  if (!form) return;
  const find = (id) => document.getElementById(id);
  const state = find("save-state");
  const stale = find("stale");
  const previewForm = find("preview-form");
  const token = form.elements.csrfmiddlewaretoken.value;
  const isMine = (target) => target instanceof Element && target.form === form;

  // A page that the browser kept as it was left has an old revision.
  window.addEventListener("pageshow", (event) => event.persisted && location.reload());

  form.removeAttribute("data-warn-unsaved");
  for (const tools of form.querySelectorAll("[data-tools]")) tools.hidden = false;

  // What the form holds, as pairs; without what every page has for itself.
  function read() {
    return [...new FormData(form)].filter(([name]) => !["csrfmiddlewaretoken", "workspace", "revision", "page", "page_before", "turn"].includes(name));
  }

  // Autosave. `dirty` counts changes, so that one made while a save is on its way is not forgotten.
  let dirty = 0;
  let saved = 0;
  let timer = 0;
  let wait = 2000;
  let running = null;
  let isStopped = !stale.hidden;

  function show(name, more = "") {
    state.dataset.state = name;
    state.textContent = (state.dataset[name] || "") + more;
  }

  function touch(delay = 1500) {
    dirty += 1;
    form.elements.turn.value = dirty;
    keepCopy();
    if (isStopped) return;
    if (!running) show("dirty");
    clearTimeout(timer);
    timer = setTimeout(save, delay);
  }

  function save() {
    clearTimeout(timer);
    if (!running && !isStopped && dirty !== saved) running = send().finally(() => (running = null));
    return running || Promise.resolve();
  }

  async function send() {
    const sent = dirty;
    note();
    show("saving");
    let answer;
    try {
      answer = await fetch(form.dataset.autosave, { method: "POST", body: new FormData(form), headers: { Accept: "application/json" } });
    } catch {
      retry();
      return;
    }
    const isJson = (answer.headers.get("Content-Type") || "").startsWith("application/json");
    if (answer.redirected || answer.status === 403) {
      show("login");
      isStopped = true;
    } else if (!isJson) {
      retry();
    } else {
      const told = await answer.json();
      if (answer.ok) finish(told, sent);
      else if (answer.status === 409) stop(told);
      else show("failed", ` ${told.refused || ""}`);
    }
  }

  // The server or the network is away: again and again, ever more rarely.
  function retry() {
    show("failed");
    timer = setTimeout(save, wait);
    wait = Math.min(wait * 2, 30000);
  }

  function finish(told, sent) {
    wait = 2000;
    saved = sent;
    form.elements.revision.value = told.revision;
    form.elements.page_before.value = "";
    if (form.action !== new URL(told.urls.edit, location.href).href) adopt(told.urls, told.draft);
    if (!isTextTyped()) form.elements.text.value = told.text;
    const [problem] = told.problems;
    show("saved", ` ${told.saved_at}${problem ? `・${problem.sentence}` : ""}`);
    // What is kept on is kept as of this revision, else one's own save would stand against it later.
    if (!told.problems.length && dirty === sent) dropCopy();
    else keepCopy();
    refresh();
    document.body.dispatchEvent(new CustomEvent("draft-saved", { detail: { problems: told.problems } }));
    if (dirty !== sent) timer = setTimeout(save, 1500);
  }

  // A new mail has its own address once it is stored.
  function adopt(urls, draft) {
    dropCopy();
    form.elements.form_key?.remove();
    history.replaceState(null, "", urls.edit);
    form.action = urls.edit;
    form.dataset.autosave = urls.autosave;
    form.dataset.draft = draft;
    keepCopy();
    previewForm.action = urls.frame;
    previewForm.dataset.inbox = urls.inbox;
    stale.querySelector("[data-open-theirs]").href = urls.edit;
    const versions = form.querySelector("[data-versions]");
    versions.href = urls.versions;
    versions.hidden = false;
    const template = form.querySelector("[data-save-template]");
    template.href = urls.template;
    template.hidden = false;
    // A person who chose another kind before anything was written leaves nothing behind.
    const kinds = form.querySelector(".kind-note");
    kinds.hidden = form.elements.kind.value !== kinds.dataset.from;
    document.querySelector("[data-preview-later]").hidden = true;
    document.querySelector("[data-preview-now]").hidden = false;
  }

  function stop(told) {
    isStopped = true;
    show("stale");
    stale.querySelector("[data-stale-sentence]").textContent = told.sentence || told.closed;
    const overwrite = stale.querySelector("[name='overwrite']");
    overwrite.value = told.revision || "";
    overwrite.hidden = Boolean(told.closed);
    for (const part of stale.querySelectorAll("[data-stale-kept], [data-open-theirs]")) part.hidden = Boolean(told.is_apart);
    stale.querySelector("[name='fork']").hidden = Boolean(told.is_elsewhere);
    stale.hidden = false;
    stale.scrollIntoView({ block: "center" });
  }

  stale.querySelector("[data-open-theirs]").addEventListener("click", () => {
    dropCopy();
    saved = dirty;
  });

  // One's own button waits for the save that is on its way, else it would come too late itself.
  form.addEventListener("submit", (event) => {
    if (event.submitter?.name === "do") return;
    clearTimeout(timer);
    if (running) {
      event.preventDefault();
      event.stopPropagation();
      const button = event.submitter;
      running.then(() => form.requestSubmit(button));
      return;
    }
    // The page after it drops the copy, where it says that all is stored (hypermail.js).
    keepCopy();
    saved = dirty;
  }, true);

  window.addEventListener("beforeunload", (event) => {
    if (dirty !== saved) event.preventDefault();
  });
  document.addEventListener("visibilitychange", () => document.hidden && save());
  window.addEventListener("online", save);
  const isWritten = (target) => isMine(target) && !target.closest("[data-aside]");
  form.addEventListener("input", (event) => isWritten(event.target) && touch());
  form.addEventListener("change", (event) => isWritten(event.target) && touch(300));

  // The copy in this browser, until the server said yes.
  function copyName() {
    return `draft:${form.dataset.draft}`;
  }

  function keepCopy() {
    try {
      sessionStorage.setItem(copyName(), JSON.stringify({ revision: form.elements.revision.value, page: form.elements.page.value, pairs: read().filter(([, value]) => typeof value === "string") }));
    } catch {
      // A full or forbidden store keeps nobody from writing.
    }
  }

  function dropCopy() {
    sessionStorage.removeItem(copyName());
  }

  const kept = find("kept-copy");
  // A page that was sent back holds what was typed by itself.
  const copy = isStopped || "bound" in form.dataset ? null : JSON.parse(sessionStorage.getItem(copyName()) || "null");
  kept.hidden = !copy;
  kept.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-kept]");
    if (!button) return;
    kept.hidden = true;
    if (button.dataset.kept === "drop") {
      dropCopy();
      return;
    }
    // On the revision that it was written on: whoever saved since is not overwritten unasked.
    form.elements.revision.value = copy.revision;
    form.elements.page_before.value = copy.page || "";
    await put(copy.pairs);
    touch(0);
  });

  // Undo: what the form held at each save and each button of the blocks.
  const past = [];
  const future = [];
  const PARTS = ["subject", "preheader", "kind", "html", "source", "text", "text_by_hand", "block", "open"];
  const isContent = ([name]) => PARTS.includes(name) || name.startsWith("b-");
  // Unless a person writes it, the text part is written from the rest, and is no step of anybody's.
  const isTextTyped = () => form.querySelector("[name='kind']:checked")?.value === "text" || form.elements.text_by_hand.checked;
  const written = () => JSON.stringify(read().filter((pair) => isContent(pair) && (pair[0] !== "text" || isTextTyped())));
  let present = written();

  function note() {
    const now = written();
    if (now === present) return;
    past.push(present);
    if (past.length > 100) past.shift();
    future.length = 0;
    present = now;
    showUndo();
  }

  function showUndo() {
    form.querySelector("[data-undo]").disabled = !past.length;
    form.querySelector("[data-redo]").disabled = !future.length;
  }

  async function step(from, to) {
    note();
    if (!from.length) return;
    to.push(present);
    await put(JSON.parse(from.pop()));
    present = written();
    showUndo();
    touch(300);
  }

  form.querySelector("[data-undo]").addEventListener("click", () => step(past, future));
  form.querySelector("[data-redo]").addEventListener("click", () => step(future, past));

  // Put pairs into the form; the blocks are shown anew by the server.
  async function put(pairs) {
    const body = new URLSearchParams(pairs.filter(([name]) => name === "block" || name === "open" || name.startsWith("b-")));
    await swap(body);
    const given = new Map();
    for (const [name, value] of pairs) given.set(name, [...(given.get(name) || []), value]);
    for (const control of form.elements) {
      if (!control.name || control.closest("#blocks") || ["csrfmiddlewaretoken", "revision"].includes(control.name)) continue;
      const values = given.get(control.name);
      if (control.type === "checkbox" || control.type === "radio") {
        if (values || PARTS.includes(control.name)) control.checked = (values || []).includes(control.value);
      } else if (values && control.type !== "submit") control.value = values[0];
    }
  }

  // Blocks.
  let turn = Promise.resolve();

  async function swap(body) {
    body.set("csrfmiddlewaretoken", token);
    const answer = await fetch(form.dataset.blocks, { method: "POST", body }).catch(() => null);
    const text = answer && !answer.redirected ? await answer.text() : "";
    if (!answer || !answer.ok) {
      show("failed", ` ${answer && answer.status === 422 ? text : ""}`);
      return false;
    }
    const fresh = new DOMParser().parseFromString(text, "text/html").getElementById("blocks");
    if (!fresh) return false;
    document.dispatchEvent(new CustomEvent("blocks-leave"));
    find("blocks").replaceWith(document.adoptNode(fresh));
    // For what counts by itself.
    window.htmx?.process(find("blocks"));
    document.dispatchEvent(new CustomEvent("blocks-shown"));
    return true;
  }

  // One after the other: each goes on from what the one before made.
  function act(action, focused, name) {
    turn = turn.then(() => change(action, focused, name));
  }

  async function change(action, focused, name) {
    note();
    const asides = ["keep-name", "keep-over", "put-snippet"];
    const body = new URLSearchParams(read().filter((pair) => isContent(pair) || asides.includes(pair[0])));
    body.set("do", action);
    if (!(await swap(body))) return;
    focus(action, focused, name);
    // To look into a block or to keep one changes nothing.
    if (/^(open:|close:|keep:|show:(begin|done)$)/.test(action)) {
      present = written();
    } else {
      note();
      touch(300);
    }
  }

  function focus(action, focused, name) {
    const [word] = action.split(":");
    const list = find("blocks");
    if (word === "show") {
      const again = name && list.querySelector(`[name="${CSS.escape(name)}"]`);
      const parts = list.querySelectorAll(".block-condition select, .block-condition .button");
      (again || [...parts].at(action === "show:begin" ? 1 : -1))?.focus({ preventScroll: true });
      return;
    }
    if (word === "put") {
      list.querySelector("[name='put-snippet']")?.focus();
    } else if (word === "open" || word === "add" || word === "copy") {
      const opened = list.querySelector(".block-form");
      const first = opened?.querySelector("input:not([type='hidden']), textarea, select");
      opened?.scrollIntoView({ block: "nearest" });
      if (first) first.focus({ preventScroll: true });
    } else if (focused) {
      const again = list.querySelector(`button[value="${CSS.escape(action)}"]`);
      (word === "up" || word === "down" ? again : null)?.focus();
      if (document.activeElement === document.body) {
        list.querySelector(`[data-block="${CSS.escape(focused)}"] > .block-row > .block-open`)?.focus();
      }
    }
  }

  form.addEventListener("click", (event) => {
    const button = event.target.closest("button[name='do']");
    if (!button) return;
    event.preventDefault();
    act(button.value, button.closest("[data-block]")?.dataset.block);
  });

  // What a choice leads to: the inputs of a condition follow its field.
  form.addEventListener("change", (event) => {
    const control = event.target.closest("[data-act]");
    if (control) act(control.dataset.act, control.closest("[data-block]")?.dataset.block, control.name);
  });

  form.addEventListener("keydown", (event) => {
    const block = event.target.closest("[data-block]");
    if (event.altKey && block && (event.key === "ArrowUp" || event.key === "ArrowDown")) {
      event.preventDefault();
      act(`${event.key === "ArrowUp" ? "up" : "down"}:${block.dataset.block}`, block.dataset.block);
    }
    const isTyping = event.target.closest("input, textarea, select, [contenteditable]");
    if ((event.ctrlKey || event.metaKey) && !isTyping && event.key.toLowerCase() === "z") {
      event.preventDefault();
      if (event.shiftKey) step(future, past);
      else step(past, future);
    }
  });

  // Dragging by the handle, with mouse, pen or finger.
  form.addEventListener("pointerdown", (event) => {
    const grip = event.target.closest("[data-grip]");
    if (!grip || event.button) return;
    event.preventDefault();
    const block = grip.closest("[data-block]");
    const list = block.parentElement;
    const others = [...list.children].filter((item) => item !== block && item.dataset.block);
    const from = [...list.children].indexOf(block);
    let to = from;
    block.classList.add("is-dragged");
    const mark = (at) => others.forEach((item, number) => {
      item.classList.toggle("is-before", number === at);
      item.classList.toggle("is-after", at === others.length && number === at - 1);
    });
    const follow = (moved) => {
      to = others.filter((item) => {
        const box = item.getBoundingClientRect();
        return moved.clientY > box.top + box.height / 2;
      }).length;
      mark(to);
      if (moved.clientY < 60) scrollBy(0, -12);
      if (moved.clientY > innerHeight - 100) scrollBy(0, 12);
    };
    const end = (last) => {
      removeEventListener("pointermove", follow);
      removeEventListener("pointerup", end);
      removeEventListener("pointercancel", end);
      block.classList.remove("is-dragged");
      mark(-1);
      if (last.type === "pointerup" && to !== from) act(`move:${block.dataset.block}:${to}`, block.dataset.block);
    };
    addEventListener("pointermove", follow);
    addEventListener("pointerup", end);
    addEventListener("pointercancel", end);
  });

  // Preview. A new version is shown where the one before was being read; another way to look begins at its top.
  const stage = document.querySelector(".preview-stage");
  const frame = stage.querySelector("iframe");
  let place = null;

  function showMail() {
    const view = stage.dataset.view;
    place = { view, top: place && !place.isShown ? place.top : (frame.contentWindow.scrollY || 0), isShown: false, was: frame.dataset.shown };
    previewForm.submit();
  }

  frame.addEventListener("load", () => {
    if (!place) return;
    if (place.was === place.view) frame.contentWindow.scrollTo(0, place.top);
    place.isShown = true;
    frame.dataset.shown = place.view;
  });

  async function refresh(query = "") {
    if (!previewForm.getAttribute("action")) return;
    stage.dataset.view = document.querySelector("[name='view']:checked").value;
    const person = previewForm.elements.subscriber?.value;
    if (!query && person) showMail();
    const asked = new URLSearchParams(query ? { q: query } : person ? { subscriber: person } : {});
    asked.set("regions", previewForm.elements.regions?.value || "");
    const answer = await fetch(`${previewForm.dataset.inbox}?${asked}`).catch(() => null);
    if (!answer || !answer.ok || answer.redirected) return;
    const lines = find("inbox-lines");
    if (lines.contains(document.activeElement) && !query) return;
    const shown = new DOMParser().parseFromString(await answer.text(), "text/html");
    lines.replaceChildren(...shown.body.childNodes);
    if (query || !person) showMail();
  }

  document.addEventListener("change", (event) => {
    if (event.target.closest("[data-preview-control], #inbox-lines")) refresh(event.target.name === "q" ? event.target.value.trim() : "");
  });
  refresh();

  // Fields that stand beside the mail send nothing; by Enter they do what they do when they change.
  find("tag-form").addEventListener("submit", (event) => event.preventDefault());

  // Merge tags go into the field that was last written in.
  let target = form.elements.subject;
  const aim = (field) => form.contains(field) && field.closest("[data-tags], [data-rich-area]") && (target = field);
  // A field that was refused has the focus from the beginning.
  aim(document.activeElement);
  form.addEventListener("focusin", (event) => aim(event.target));

  const part = (id) => find(id).value.trim();
  const writeTag = () => {
    const [name, format, fallback] = ["tag-name", "tag-format", "tag-fallback"].map(part);
    return `{{${name}${format ? `:${format}` : ""}${fallback ? `|${fallback.replace(/[{}|]/g, "")}` : ""}}}`;
  };
  const showTag = () => find("tag-name") && (find("tag-written").textContent = writeTag());
  form.addEventListener("input", showTag);
  document.body.addEventListener("htmx:load", showTag);
  function putText(text) {
    const place = target.isConnected ? target : form.elements.subject;
    const rich = place.closest("[data-rich-area]");
    if (rich) {
      rich.dispatchEvent(new CustomEvent("put-text", { detail: text }));
      return;
    }
    place.focus();
    place.setRangeText(place instanceof HTMLTextAreaElement ? text : text.replace(/\s*\n\s*/g, " "), place.selectionStart, place.selectionEnd, "end");
    place.dispatchEvent(new Event("input", { bubbles: true }));
  }

  async function putSnippet() {
    const answer = await fetch(find("snippet-choice").value).catch(() => null);
    if (answer?.ok && !answer.redirected) putText((await answer.text()).trim());
    else show("failed");
  }

  form.addEventListener("click", (event) => {
    if (event.target.closest("[data-put-tag]")) putText(writeTag());
    if (event.target.closest("[data-put-snippet]")) putSnippet();
  });
})();
