// Turns textarea[data-rich] into an editor of paragraphs, lists and links. Without it the textarea takes simple HTML.
const source = document.querySelector("[data-rich-source]")?.dataset.richSource;
let loading = null;

const BUTTONS = {
  bold: [(chain) => chain.toggleBold(), "bold"],
  italic: [(chain) => chain.toggleItalic(), "italic"],
  underline: [(chain) => chain.toggleUnderline(), "underline"],
  strike: [(chain) => chain.toggleStrike(), "strike"],
  heading: [(chain) => chain.toggleHeading({ level: 3 }), "heading"],
  bullets: [(chain) => chain.toggleBulletList(), "bulletList"],
  numbers: [(chain) => chain.toggleOrderedList(), "orderedList"],
  quote: [(chain) => chain.toggleBlockquote(), "blockquote"],
};

function extensionsOf(kit) {
  const { Document, Paragraph, Text, HardBreak, Bold, Italic, Underline, Strike, Heading, BulletList, OrderedList, ListItem, Blockquote, History, Gapcursor, Mark } = kit;
  // The packaged one opens a dialog of its own and writes rel and target.
  const Link = Mark.create({
    name: "link",
    inclusive: false,
    addAttributes: () => ({ href: { default: null } }),
    parseHTML: () => [{ tag: "a[href]" }],
    renderHTML: ({ HTMLAttributes }) => ["a", { href: HTMLAttributes.href }, 0],
  });
  return [Document, Paragraph, Text, HardBreak, Bold, Italic, Underline, Strike, Heading.configure({ levels: [3] }), BulletList, OrderedList, ListItem, Blockquote, History, Gapcursor, Link];
}

async function mount(area) {
  if (area.dataset.mounted) return;
  area.dataset.mounted = "yes";
  loading ||= import(source);
  const kit = await loading;
  if (!area.isConnected) return;
  const frame = document.getElementById("rich-tools").content.firstElementChild.cloneNode(true);
  const place = frame.querySelector("[data-rich-area]");
  const editor = new kit.Editor({
    element: place,
    injectCSS: false,
    extensions: extensionsOf(kit),
    content: area.value,
    editorProps: { attributes: { "aria-label": area.labels[0]?.textContent.trim() || "", role: "textbox", "aria-multiline": "true", class: "rich-text" } },
    onUpdate: () => {
      area.value = editor.isEmpty ? "" : editor.getHTML();
      area.dispatchEvent(new Event("input", { bubbles: true }));
    },
  });
  const buttons = [...frame.querySelectorAll("[data-rich-do]")];
  const show = () => {
    for (const button of buttons) {
      const [, name] = BUTTONS[button.dataset.richDo] || [null, "link"];
      button.setAttribute("aria-pressed", String(editor.isActive(name)));
    }
  };
  editor.on("transaction", show);
  const row = frame.querySelector("[data-rich-link]");
  const input = row.querySelector("input");
  const setLink = () => {
    const href = input.value.trim();
    const chain = editor.chain().focus().extendMarkRange("link");
    if (href) chain.setMark("link", { href }).run();
    else chain.unsetMark("link").run();
    row.hidden = true;
  };
  frame.addEventListener("click", (event) => {
    const button = event.target.closest("[data-rich-do]");
    if (!button) return;
    if (button.dataset.richDo === "link") {
      row.hidden = !row.hidden;
      input.value = editor.getAttributes("link").href || "";
      if (!row.hidden) input.focus();
    } else if (button.dataset.richDo === "set-link") setLink();
    else BUTTONS[button.dataset.richDo][0](editor.chain().focus()).run();
  });
  input.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" && event.key !== "Escape") return;
    event.preventDefault();
    if (event.key === "Enter") setLink();
    else row.hidden = true;
    editor.commands.focus();
  });
  place.addEventListener("put-text", (event) => editor.chain().focus().insertContent(paragraphs(event.detail)).run());
  // A label leads to what is seen.
  area.labels[0]?.addEventListener("click", () => editor.commands.focus());
  const isFocused = document.activeElement === area;
  area.hidden = true;
  area.after(frame);
  if (isFocused) editor.commands.focus();
  show();
}

// Words of one line go into the one that is written, more of them are paragraphs of their own.
function paragraphs(text) {
  if (!text.includes("\n")) return { type: "text", text };
  return text.split(/\n\s*\n/).map((part) => ({
    type: "paragraph",
    content: part.split("\n").flatMap((line, number) => [...(number ? [{ type: "hardBreak" }] : []), ...(line ? [{ type: "text", text: line }] : [])]),
  }));
}

function mountAll() {
  for (const area of document.querySelectorAll("textarea[data-rich]")) mount(area);
}

if (source) {
  document.addEventListener("blocks-shown", mountAll);
  mountAll();
}
