// Lists of short texts (RowsWidget): the button adds an empty input after the last one.

for (const rows of document.querySelectorAll("[data-rows]")) {
  const button = rows.querySelector("[data-rows-add]");
  button.hidden = false;
  button.addEventListener("click", () => {
    const inputs = rows.querySelectorAll("input");
    const added = inputs[inputs.length - 1].cloneNode();
    added.value = "";
    added.removeAttribute("value");
    added.removeAttribute("id");
    added.setAttribute("aria-label", button.dataset.entry.replace("%s", inputs.length + 1));
    button.before(added);
    added.focus();
  });
}
