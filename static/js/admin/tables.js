// The search over the tables on the start of the administration: hides what does not fit.

const form = document.querySelector("[data-tables-search]");
const field = form.querySelector("input");
const found = form.querySelector("[aria-live]");

/** Without accents and case, as people type. */
function plain(text) {
  return text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
}

const groups = [...document.querySelectorAll("[data-tables]")].map((group) => ({
  group,
  tables: [...group.querySelectorAll("[data-table]")].map((table) => ({
    table,
    text: plain(`${group.querySelector("h2").textContent} ${table.textContent}`),
  })),
}));

function filter() {
  const words = plain(field.value).split(/\s+/).filter(Boolean);
  let left = 0;
  for (const { group, tables } of groups) {
    for (const { table, text } of tables) {
      table.hidden = !words.every((word) => text.includes(word));
    }
    const shown = tables.filter(({ table }) => !table.hidden).length;
    group.hidden = shown === 0;
    left += shown;
  }
  found.textContent = left ? "" : found.dataset.none;
}

field.addEventListener("input", filter);
field.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && field.value) {
    event.preventDefault();
    field.value = "";
    filter();
  }
});
filter(); // what the browser kept of an earlier visit
