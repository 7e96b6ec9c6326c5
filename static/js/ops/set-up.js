/**
 * The set-up page: chooses the browser's time zone where nobody has chosen one yet, and leads to
 * the first field with a message.
 */

const form = document.querySelector("[data-set-up]");
const zones = form.elements.time_zone;

if (!("sent" in form.dataset)) {
  const guess = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if ([...zones.options].some((option) => option.value === guess)) {
    zones.value = guess;
  }
} else {
  form.querySelector("[aria-invalid=true]")?.focus();
}
