// form[data-upload] is sent with its progress shown. Without this file the browser sends it as any other form.
"use strict";

(() => {
  const form = document.querySelector("form[data-upload]");
  if (!form) return;
  const find = (name) => form.querySelector(`[data-upload-${name}]`);
  const bar = find("progress");
  const meter = bar.querySelector("progress");
  const label = find("label").textContent;
  const input = form.querySelector("input[type='file']");
  let request = null;

  // Before hypermail.js, which listens on the document, takes the form for one that is being sent by the browser.
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (request || isTooLarge()) return;
    // The browser's own way says best that no file was chosen.
    if (!input.files.length) {
      form.submit();
      return;
    }
    send();
  });
  input.addEventListener("change", isTooLarge);
  find("cancel").addEventListener("click", () => request && request.abort());
  window.addEventListener("beforeunload", (event) => {
    if (request) event.preventDefault();
  });

  function isTooLarge() {
    const tooLarge = Array.from(input.files).some((file) => file.size > Number(form.dataset.maxBytes));
    showError(tooLarge ? form.dataset.tooLarge : "");
    return tooLarge;
  }

  function send() {
    request = new XMLHttpRequest();
    request.open("POST", form.getAttribute("action") || location.href);
    request.upload.addEventListener("progress", (event) => event.lengthComputable && show(event.loaded / event.total));
    request.addEventListener("load", () => finish(request));
    request.addEventListener("error", () => stop("アップロードできませんでした。ネットワークを確かめて、もう一度お試しください。"));
    request.addEventListener("abort", () => stop("アップロードを中止しました。リストは変わっていません。"));
    request.send(new FormData(form));
    setBusy(true);
    show(0);
  }

  function show(part) {
    const percent = Math.floor(part * 100);
    meter.value = percent;
    find("percent").textContent = `${percent}%`;
    find("label").textContent = part < 1 ? label : "ファイルを確かめています";
  }

  function setBusy(isBusy) {
    bar.hidden = !isBusy;
    for (const button of form.querySelectorAll(".form-actions button")) button.disabled = isBusy;
  }

  function stop(sentence) {
    request = null;
    setBusy(false);
    showError(sentence);
  }

  function showError(sentence) {
    find("error-text").textContent = sentence;
    find("error").hidden = !sentence;
  }

  function finish(answer) {
    // Redirects were followed: where the answer came from is the next page.
    if (answer.status === 200 && answer.responseURL.split("#")[0] !== location.href.split("#")[0]) {
      request = null;
      location.assign(answer.responseURL);
      return;
    }
    // A proxy in front of the server may have a lower limit of its own.
    stop(answer.status === 413 ? form.dataset.tooLarge : readError(answer.responseText));
  }

  function readError(html) {
    const main = new DOMParser().parseFromString(html, "text/html").querySelector("main");
    const said = main ? Array.from(main.querySelectorAll(".field-errors li, .note-bad p"), (item) => item.textContent.trim()) : [];
    return said.find(Boolean) || "アップロードできませんでした。ページを読み込み直して、もう一度お試しください。";
  }
})();
